//! `docs/metrics.md` is written from the enum that holds every metric's name.

use std::collections::BTreeSet;
use std::path::Path;

use aws_event_cache_model::telemetry::Metric;

fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\n`GET /metrics` in Prometheus' text format. Labels are small closed sets; text from outside never becomes a label. Durations are histograms in seconds.\n\nThis page is generated: `UPDATE_DOCS=1 cargo test -p aws-event-cache-model --test metrics_page`.\n\n| name | what it tells |\n|---|---|\n",
    );
    for metric in Metric::ALL {
        page.push_str(&format!("| `{}` | {} |\n", metric.name(), metric.help()));
    }
    page
}

#[test]
fn the_metrics_page_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, page(), "run UPDATE_DOCS=1 cargo test -p aws-event-cache-model --test metrics_page");
}

#[test]
fn names_are_unique_and_follow_one_rule() {
    let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    assert_eq!(names.len(), Metric::ALL.len());
    for name in names {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(name.starts_with("event_cache_") && plain, "{name}");
    }
}
