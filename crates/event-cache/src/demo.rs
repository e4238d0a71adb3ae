//! `demo`: runs the simulation and shows it.

use std::process::ExitCode;
use std::time::Duration;

use aws_event_cache_engine::profiles::Profiles;
use aws_event_cache_sim::demo::{DemoError, Options, run as simulate};
use aws_event_cache_sim::report::{Progress, Report, WorldReport};
use aws_event_cache_sim::staleness::Percentiles;

use crate::cli::{DemoArgs, exit};
use crate::output::{line, table, warn};

pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, DemoError> {
    let (by_environment, fallback) = aws_event_cache_config::shipped_profiles();
    warn(&format!(
        "Simulated: two AWS accounts in two regions for {} of simulated time, {} times as fast as real. Seed {}. Ctrl-C ends it.",
        minutes(args.seconds * u64::from(args.factor)),
        args.factor,
        args.seed
    ));
    let options = Options {
        length: Duration::from_secs(args.seconds),
        seed: args.seed,
        factor: args.factor,
        profiles: Profiles { by_environment, fallback },
    };
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let report = simulate(options, show, interrupted).await?;
    if args.json {
        let text = serde_json::to_string(&report).expect("invariant: a report of numbers can always be written");
        line(&text);
    } else {
        summary(&report);
    }
    Ok(if report.forgeries.rejected == report.forgeries.sent { exit::OK } else { exit::failed() })
}

fn show(so_far: &Progress) {
    let world = |(calls, throttled, p95): (u64, u64, u64)| {
        format!("{calls:>7} calls {throttled:>6} throttled  p95 {:>7}", seconds(p95))
    };
    warn(&format!(
        "{:>7}  stock {}   drive {}   {:>3} agents held  {:>4} changes  {}/{} forgeries refused",
        minutes(so_far.simulated_seconds),
        world(so_far.stock),
        world(so_far.drive),
        so_far.held,
        so_far.changes,
        so_far.forgeries.rejected,
        so_far.forgeries.sent
    ));
}

fn summary(report: &Report) {
    let (stock, drive) = (&report.worlds.stock, &report.worlds.drive);
    line(&format!(
        "\nSimulated, {} times as fast as real: {} with {} agents and {} changes\n",
        report.time_factor,
        minutes(report.simulated_seconds),
        report.agents,
        report.changes
    ));
    let mut rows = table(&["SIMULATED", "STOCK", "DRIVE", ""]);
    rows.add_row([
        "AWS calls".into(),
        stock.aws_calls.to_string(),
        drive.aws_calls.to_string(),
        less(stock, drive, |w| w.aws_calls),
    ]);
    rows.add_row([
        "throttled calls".into(),
        stock.throttled_calls.to_string(),
        drive.throttled_calls.to_string(),
        less(stock, drive, |w| w.throttled_calls),
    ]);
    rows.add_row(["agent runs".into(), stock.runs.to_string(), drive.runs.to_string(), less(stock, drive, |w| w.runs)]);
    rows.add_row(["forced runs".into(), "-".into(), report.forced_runs.to_string(), String::new()]);
    rows.add_row(["agents held at the end".into(), "-".into(), report.held.to_string(), String::new()]);
    rows.add_row(["polls held back".into(), "-".into(), report.polls_saved.to_string(), String::new()]);
    rows.add_row([
        "forgeries refused".into(),
        "-".into(),
        format!("{} of {}", report.forgeries.rejected, report.forgeries.sent),
        String::new(),
    ]);
    line(&rows.trim_fmt());
    line("");
    staleness(stock, drive);
}

fn staleness(stock: &WorldReport, drive: &WorldReport) {
    let mut rows = table(&["STALENESS (SIMULATED)", "SAMPLES", "STOCK P50", "P95", "MAX", "DRIVE P50", "P95", "MAX"]);
    let cells = |p: Percentiles| [seconds(p.p50), seconds(p.p95), seconds(p.max)];
    let samples = stock.by_kind.values().map(|(count, _)| count).sum::<usize>();
    let mut row = |name: String, samples: usize, stock: Percentiles, drive: Percentiles| {
        let mut row = vec![name, samples.to_string()];
        row.extend(cells(stock));
        row.extend(cells(drive));
        rows.add_row(row);
    };
    row("all kinds".into(), samples, stock.staleness_ms, drive.staleness_ms);
    for (kind, (count, of_stock)) in &stock.by_kind {
        let of_drive = drive.by_kind.get(kind).map(|(_, percentiles)| *percentiles).unwrap_or_default();
        row(kind.to_string(), *count, *of_stock, of_drive);
    }
    line(&rows.trim_fmt());
}

fn less(stock: &WorldReport, drive: &WorldReport, number: impl Fn(&WorldReport) -> u64) -> String {
    let (stock, drive) = (number(stock), number(drive));
    if stock == 0 {
        return String::new();
    }
    let percent = 100.0 * (drive as f64 / stock as f64 - 1.0);
    format!("{percent:+.0} %")
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", millis as f64 / 1000.0)
}

fn minutes(seconds: u64) -> String {
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}
