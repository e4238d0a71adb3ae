//! What the answer arm pays for every request before it knows whether it has the answer, and what an answer of five megabytes costs once; beside baselines measured in the same run:
//! copying and hashing the same bytes, and a parser that only checks them.
//!
//! `cargo bench -p aws-event-cache-wire` prints criterion's numbers, and at the end the ratios. The goal is well below a microsecond for a request.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_event_cache_wire::{
    Protocol, Signature, account_of, acts_for_operation, amz_date, call, fingerprint, next_token, security_token,
    signature, write_key,
};
use criterion::{Criterion, criterion_group};
use http::Request;
use http::request::Parts;

/// As Clouddriver's SDK writes it: 12 headers, and the filters of an operation that bring the body to 200 bytes.
const BODY: &str = "Action=DescribeWidgets&Version=2016-11-15&MaxResults=500&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-0a1b2c3d4e5f60718&Filter.2.Name=tag%3Aenvironment&Filter.2.Value.1=production&Filter.2.Value.2=test";

fn request() -> Parts {
    let signature = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024";
    let headers = [
        ("host", "ec2.eu-west-1.amazonaws.com".to_owned()),
        ("proxy-connection", "Keep-Alive".to_owned()),
        ("amz-sdk-invocation-id", "5a1e5b9b-7d43-ff2f-8a53-55a6d1a9b6c1".to_owned()),
        ("amz-sdk-request", "attempt=1;max=4".to_owned()),
        ("amz-sdk-retry", "0/0/500".to_owned()),
        ("authorization", format!("AWS4-HMAC-SHA256 Credential=ASIAY34FZKBOKMUTVV7A/20260504/eu-west-1/ec2/aws4_request, SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;amz-sdk-retry;host;user-agent;x-amz-date;x-amz-security-token, Signature={signature}")),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned()),
        ("user-agent", "aws-sdk-java/1.12.261 Linux/6.1.0-18-amd64 OpenJDK_64-Bit_Server_VM/17.0.10+7-LTS java/17.0.10 groovy/4.0.21 vendor/Alpine cfg/retry-mode/legacy, spinnaker".to_owned()),
        ("x-amz-date", "20260504T091500Z".to_owned()),
        ("x-amz-security-token", "IQoJb3JpZ2luX2VjE".repeat(50)),
        ("accept-encoding", "gzip,deflate".to_owned()),
        ("content-length", BODY.len().to_string()),
    ];
    let mut request = Request::post("http://ec2.eu-west-1.amazonaws.com/");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(()).expect("a request").into_parts().0
}

/// Rounds of which the best counts.
const ROUNDS: usize = 200;

/// Everything that is asked of a request before the cache is.
fn classify(head: &Parts, key: &mut Vec<u8>) -> u64 {
    let Signature::V4 { credential } = signature(head) else { unreachable!("it is signed") };
    let account = account_of(credential.key_id);
    let date = amz_date(&head.headers);
    let token = security_token(&head.headers);
    let acts = acts_for_operation(&head.headers);
    let call = call(head, BODY.as_bytes(), None).expect("a call");
    key.clear();
    write_key(key, head, "ec2.eu-west-1.amazonaws.com", &call, Some("NextToken"));
    black_box((account, date, token, acts));
    rapidhash::v3::rapidhash_v3(key)
}

/// All bytes of the request, as they come over the wire.
fn bytes(head: &Parts) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes.extend_from_slice(BODY.as_bytes());
    bytes
}

fn copy_and_hash(bytes: &[u8], to: &mut Vec<u8>) -> u64 {
    to.clear();
    to.extend_from_slice(bytes);
    rapidhash::v3::rapidhash_v3(to)
}

/// An answer of about five megabytes, as EC2 writes it: 1,700 items of 3 KB.
fn xml() -> Vec<u8> {
    let item = |n: usize| {
        let fields: String =
            (0..60).map(|field| format!("<field{field}>value-{n}-{field}</field{field}>\n                ")).collect();
        format!("<item><widgetId>w-{n:017x}</widgetId><ownerId>609629065308</ownerId>{fields}</item>")
    };
    let items: String = (0..1_700).map(item).collect();
    format!("<DescribeWidgetsResponse><requestId>1</requestId><widgetSet>{items}</widgetSet><nextToken>abc</nextToken></DescribeWidgetsResponse>").into_bytes()
}

fn json() -> Vec<u8> {
    let item = |n: usize| -> serde_json::Value {
        (0..60)
            .map(|field| {
                (format!("field{field}"), format!("value-{n}-{field} and some more text to come up to size").into())
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    serde_json::json!({"widgets": (0..1_300).map(item).collect::<Vec<_>>(), "nextToken": "abc"})
        .to_string()
        .into_bytes()
}

fn requests(c: &mut Criterion) {
    let head = request();
    let raw = bytes(&head);
    let mut key = Vec::with_capacity(1024);
    let mut group = c.benchmark_group("request");
    group.bench_function("classify and key", |b| b.iter(|| classify(black_box(&head), &mut key)));
    group.bench_function("copy and hash its bytes", |b| b.iter(|| copy_and_hash(black_box(&raw), &mut key)));
    group.bench_function("signature", |b| b.iter(|| signature(black_box(&head))));
    group.bench_function("call", |b| b.iter(|| call(black_box(&head), BODY.as_bytes(), None)));
    group.bench_function("acts_for_operation", |b| b.iter(|| acts_for_operation(black_box(&head.headers))));
    let called = call(&head, BODY.as_bytes(), None).expect("a call");
    group.bench_function("write_key", |b| {
        b.iter(|| {
            key.clear();
            write_key(&mut key, black_box(&head), "ec2.eu-west-1.amazonaws.com", &called, Some("NextToken"));
        });
    });
    group.finish();
}

fn answers(c: &mut Criterion) {
    let (xml, json) = (xml(), json());
    let mut group = c.benchmark_group("answer of 5 MB");
    group.sample_size(20);
    group.bench_function("token in XML", |b| b.iter(|| next_token(Protocol::Query, black_box(&xml), "NextToken")));
    group.bench_function("fingerprint of XML", |b| b.iter(|| fingerprint(Protocol::Query, black_box(&xml), &[])));
    group.bench_function("token in JSON", |b| b.iter(|| next_token(Protocol::Json, black_box(&json), "nextToken")));
    group.bench_function("fingerprint of JSON", |b| b.iter(|| fingerprint(Protocol::Json, black_box(&json), &[])));
    group.bench_function("check JSON only", |b| {
        b.iter(|| serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&json)).is_ok())
    });
    group.finish();
}

/// Best of many short rounds: other work on the machine then disturbs most of them, but not the best.
#[allow(clippy::disallowed_methods, reason = "a benchmark reads the real clock")]
fn best(mut run: impl FnMut(), times: u32) -> Duration {
    let round = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..times {
            run();
        }
        Instant::now().duration_since(start) / times
    };
    (0..ROUNDS).map(|_| round(&mut run)).min().unwrap_or_default()
}

#[allow(clippy::print_stdout, reason = "a benchmark's result")]
fn ratios() {
    let head = request();
    let raw = bytes(&head);
    let mut key = Vec::with_capacity(1024);
    let classified = best(
        || {
            black_box(classify(black_box(&head), &mut key));
        },
        200,
    );
    let copied = best(
        || {
            black_box(copy_and_hash(black_box(&raw), &mut key));
        },
        200,
    );
    println!(
        "\na request of {} bytes: {classified:?} to classify and key, {copied:?} to copy and hash: {:.0} times",
        raw.len(),
        classified.as_secs_f64() / copied.as_secs_f64()
    );
    let (xml, json) = (xml(), json());
    for (name, protocol, body) in [("XML", Protocol::Query, &xml), ("JSON", Protocol::Json, &json)] {
        let mut copy = Vec::with_capacity(body.len());
        let token = best(
            || {
                black_box(next_token(protocol, black_box(body), "NextToken"));
            },
            1,
        );
        let print = best(
            || {
                black_box(fingerprint(protocol, black_box(body), &[]));
            },
            1,
        );
        let hash = best(
            || {
                black_box(copy_and_hash(black_box(body), &mut copy));
            },
            1,
        );
        let speed = |took: Duration| body.len() as f64 / took.as_secs_f64() / 1e6;
        println!(
            "{:.1} MB of {name}: token {token:?} ({:.0} MB/s), fingerprint {print:?} ({:.0} MB/s), copy and hash {hash:?}",
            body.len() as f64 / 1e6,
            speed(token),
            speed(print)
        );
    }
}

criterion_group!(benches, requests, answers);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    // `--test` only sees whether it runs.
    if !std::env::args().any(|argument| argument == "--test") {
        ratios();
    }
}
