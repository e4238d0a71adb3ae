//! Decoding one payload to hints, with the shipped catalogue, against the mere parse of the same text into a `serde_json::Value`.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on must fail")]
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;
use std::path::Path;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_intake::decode::{Context, Trust, decode};
use aws_event_cache_model::{Source, Timestamp};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;

/// One fixture for each road that a payload can take.
const PAYLOADS: [&str; 10] = [
    "config-item",
    "config-oversized",
    "config-compliance",
    "event-instance-state",
    "call",
    "quota-case-closed",
    "heartbeat",
    "scaling-terminate",
    "alarm-usage",
    "envelope-in-queue",
];

fn payloads(criterion: &mut Criterion) {
    let catalog = Catalog::shipped();
    let now: Timestamp = "2026-05-04T09:20:00Z".parse().unwrap();
    let context = Context {
        source: Source::Sns,
        id: "5f0c1d9e-8a44-5b7e-9d10-3c6f2a7be001".into(),
        region: Some("eu-west-1".parse().unwrap()),
        origin: "bench".into(),
        trust: Trust::Signed,
    };
    for name in PAYLOADS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).with_extension("json");
        let fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let text = fixture["message"].to_string();
        assert!(!decode(&text, &context, &catalog, now).hints.is_empty());
        let mut group = criterion.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("json-value", |b| b.iter(|| serde_json::from_str::<Value>(black_box(&text)).unwrap()));
        group.bench_function("decode", |b| b.iter(|| decode(black_box(&text), &context, &catalog, now)));
        group.finish();
    }
}

criterion_group!(benches, payloads);
criterion_main!(benches);
