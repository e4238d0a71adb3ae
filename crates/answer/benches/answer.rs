//! An answer from memory, beside the cheapest thing that could be done for the same request: looking its body up in a hash map and cloning the answer's handle.
//!
//! Asked with everything that a real request goes through: signature, classification, canonical key, admission, the cache, generations and age. Each connection
//! remembers its session token, as in the proxy. `cargo bench -p aws-event-cache-answer` prints criterion's numbers, and at the end the ratios.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use aws_event_cache_answer::{Asked, Ruling};
use aws_event_cache_model::Timestamp;
use bytes::Bytes;
use criterion::{Criterion, criterion_group};
use http::request::Parts;
use tokio::time::Instant;

use world::{Client, HOST, PROD, World, at, ok};

#[path = "../tests/fixtures/world.rs"]
mod world;

const KEYS: [usize; 3] = [1, 100, 10_000];
const ROUND: usize = 10_000;

/// Requests for so many items, all of them answered before.
struct Setting {
    world: World,
    client: Client,
    requests: Vec<(Parts, Bytes)>,
    map: HashMap<Bytes, Bytes>,
    now: Timestamp,
}

impl Setting {
    fn new(keys: usize) -> Self {
        let (world, mut client) = (World::serving(), Client::new(PROD, 1));
        let (read, now) = (at(1_000_000), at(1_001_000));
        let mut requests = Vec::new();
        let mut map = HashMap::new();
        for n in 0..keys {
            let body = format!(r#"{{"WidgetId":"w-{n:017x}"}}"#);
            let answer = ok(&format!(r#"{{"Widgets":[{{"WidgetId":"w-{n:017x}","Text":"{}"}}]}}"#, "x".repeat(2_000)));
            world.read(&mut client, "DescribeWidget", &body, &answer, read);
            let (head, body) = client.request("test", "DescribeWidget", &body, now).into_parts();
            map.insert(body.clone(), answer.body.clone());
            requests.push((head, body));
        }
        Self { world, client, requests, map, now }
    }

    fn ask(&mut self, n: usize) -> usize {
        let (head, body) = &self.requests[n % self.requests.len()];
        let memory = &mut self.client.memory;
        let asked = Asked { head, body, host: HOST, trusted: false, memory };
        match self.world.answers.ask(asked, self.now) {
            Ruling::Hit(hit) => hit.page.body.len(),
            other => panic!("no hit: {other:?}"),
        }
    }

    fn get(&self, n: usize) -> usize {
        let (_, body) = &self.requests[n % self.requests.len()];
        self.map.get(body).cloned().map_or(0, |answer| answer.len())
    }
}

/// In an order that no cache of the processor foresees.
fn order(n: usize) -> usize {
    n.wrapping_mul(7_919)
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    for keys in KEYS {
        let mut setting = Setting::new(keys);
        let mut n = 0;
        let mut next = move || {
            n += 1;
            order(n)
        };
        group.bench_function(format!("baseline/map/{keys}"), |b| b.iter(|| setting.get(black_box(next()))));
        group.bench_function(format!("hit/{keys}"), |b| b.iter(|| setting.ask(black_box(next()))));
    }
    group.finish();
}

/// The best of some rounds, in nanoseconds each: what the machine can do when nothing else disturbs it.
fn nanoseconds(mut once: impl FnMut(usize) -> usize) -> f64 {
    let rounds = (0..25).map(|_| {
        let begun = Instant::now();
        for n in 0..ROUND {
            black_box(once(order(n)));
        }
        Instant::now().duration_since(begun).as_secs_f64()
    });
    rounds.fold(f64::INFINITY, f64::min) * 1e9 / ROUND as f64
}

#[allow(clippy::print_stdout, reason = "the result of a benchmark")]
fn ratios() {
    println!("one thread, best of 25 rounds of {ROUND} requests; answers of 2 KB");
    for keys in KEYS {
        let mut setting = Setting::new(keys);
        let map = nanoseconds(|n| setting.get(n));
        let hit = nanoseconds(|n| setting.ask(n));
        println!("{keys:>6} keys: map {map:>6.0} ns, hit {hit:>6.0} ns = {:.1} map lookups", hit / map);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_secs(1));
    targets = measure
}

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    ratios();
}
