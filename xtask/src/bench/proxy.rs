//! `cargo xtask bench proxy`: answers from memory, and answers that must be fetched, beside the programs that people would take instead.
//!
//! The server has one core, the clients and what stands in for AWS the other. What counts is the requests per second of the server's own CPU time, since the
//! machine may do other work besides; latencies are those that the client sees. Every figure is the median of the rounds.

use std::error::Error;
use std::process::{Command, Stdio};

use aws_event_cache_clock::Clock;
use serde::{Deserialize, Serialize};

use super::peers::{Bench, Peer};
use super::server::{CLIENT_CORE, Server};
use crate::command::say;
use crate::paths;
use crate::setup;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How often each figure is taken; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=21), value_name = "N")]
    rounds: u32,
    /// Length of one measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60), value_name = "S")]
    seconds: u32,
    /// Print the figures as JSON, in the last line
    #[arg(long)]
    json: bool,
}

/// Bodies, and how the stand-in for AWS is asked for them.
const BODIES: [(usize, &str); 3] =
    [(2 << 10, "DescribeParts2k"), (50 << 10, "DescribeParts50k"), (1 << 20, "DescribeParts1m")];

/// Different requests; none twice stands for misses.
const KEYS: [u32; 3] = [1, 100, 10_000];
const MISSES: u32 = 0;

/// More than this in one cache would not fit beside the others' in the memory of a small machine.
const LARGEST: usize = 2 << 30;

/// Connections: enough to keep one core busy, and one where the time of a single request counts.
const BUSY: u32 = 16;
const SINGLE: u32 = 1;

/// Time in which every key is asked for once, before anything is measured.
const PRIMING: u32 = 6;

/// One measured figure, in the words of `--json`.
#[derive(Debug, Clone, Serialize)]
struct Figure {
    server: &'static str,
    bytes: usize,
    /// 0: every request is new.
    keys: u32,
    requests_per_cpu_second: f64,
    p50_us: f64,
    p99_us: f64,
    rss_mib: f64,
}

/// What `wrk.lua` says.
#[derive(Debug, Deserialize)]
struct Said {
    requests: u64,
    failed: u64,
    p50_us: f64,
    p99_us: f64,
}

/// Measures everything.
///
/// # Errors
///
/// When a peer is missing or does not start, or a request fails.
pub(super) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    setup::peers()?;
    let bench = Bench::start()?;
    let mut figures = Vec::new();
    for (bytes, operation) in BODIES {
        for keys in KEYS.into_iter().filter(|keys| bytes * (*keys as usize) <= LARGEST) {
            for peer in [Peer::Floor, Peer::HyperMap, Peer::Proxy, Peer::Nginx, Peer::Varnish] {
                figures.push(measure(&bench, options, peer, bytes, operation, keys)?);
            }
        }
    }
    for (bytes, operation) in BODIES {
        for peer in [Peer::Direct, Peer::HyperForward, Peer::Proxy, Peer::Nginx, Peer::Varnish] {
            figures.push(measure(&bench, options, peer, bytes, operation, MISSES)?);
        }
    }
    figures.iter().for_each(print);
    if options.json {
        line(&serde_json::to_string(&figures)?);
    }
    Ok(())
}

fn measure(
    bench: &Bench,
    options: &Options,
    peer: Peer,
    bytes: usize,
    operation: &str,
    keys: u32,
) -> Result<Figure, Box<dyn Error>> {
    let started = bench.serve(peer)?;
    let server = started.as_ref().unwrap_or_else(|| bench.upstream());
    let mut load = Load { bench, peer, operation, keys, asked: 0 };
    if keys != MISSES {
        load.run(if keys > 100 { PRIMING } else { 1 }, BUSY)?;
    }
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        rounds.push(round(&mut load, server, options.seconds)?);
    }
    let median = |of: fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let figure = Figure {
        server: peer.name(),
        bytes,
        keys,
        requests_per_cpu_second: median(|round| round.per_cpu_second).round(),
        p50_us: median(|round| round.p50_us),
        p99_us: median(|round| round.p99_us),
        rss_mib: server.memory_mib().round(),
    };
    say(&serde_json::to_string(&figure)?);
    Ok(figure)
}

struct Round {
    per_cpu_second: f64,
    p50_us: f64,
    p99_us: f64,
}

/// Throughput with many connections, latency with one: with many, latency is only the length of the queue.
fn round(load: &mut Load<'_>, server: &Server, seconds: u32) -> Result<Round, Box<dyn Error>> {
    let before = server.cpu_seconds();
    let busy = load.run(seconds, BUSY)?;
    let used = server.cpu_seconds() - before;
    let single = load.run(seconds, SINGLE)?;
    Ok(Round {
        per_cpu_second: busy.requests as f64 / used.max(f64::EPSILON),
        p50_us: single.p50_us,
        p99_us: single.p99_us,
    })
}

/// The requests of one cell.
struct Load<'b> {
    bench: &'b Bench,
    peer: Peer,
    operation: &'b str,
    keys: u32,
    /// Where the next run of new requests begins.
    asked: u64,
}

impl Load<'_> {
    fn run(&mut self, seconds: u32, connections: u32) -> Result<Said, Box<dyn Error>> {
        // Signed now: a request is good for five minutes.
        let date = Clock::wall().now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut wrk = Command::new("taskset");
        wrk.args(["--cpu-list", CLIENT_CORE, "wrk", "--threads", "1", "--timeout", "10s"]);
        wrk.args(["--connections", &connections.to_string(), "--duration", &format!("{seconds}s")]);
        wrk.arg("--script").arg(paths::peers().join("wrk.lua")).arg(format!("http://127.0.0.1:{}/", self.peer.port()));
        wrk.env("KEYS", self.keys.to_string()).env("OPERATION", self.operation).env("AMZ_DATE", date);
        wrk.env("FIRST", self.asked.to_string()).current_dir(self.bench.folder());
        let output = wrk.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Said = serde_json::from_str(text.lines().last().unwrap_or_default())
            .map_err(|error| format!("wrk said something else ({error}): {text}"))?;
        if said.failed > 0 {
            return Err(format!("{}: {} of {} requests failed", self.peer.name(), said.failed, said.requests).into());
        }
        // What was on its way at the end was asked too.
        self.asked += said.requests + u64::from(connections);
        Ok(said)
    }
}

fn print(figure: &Figure) {
    let Figure { server, bytes, keys, requests_per_cpu_second, p50_us, p99_us, rss_mib } = figure;
    let keys = if *keys == MISSES { "new".to_owned() } else { keys.to_string() };
    line(&format!(
        "{server:<16}{bytes:>9} B{keys:>8} keys{requests_per_cpu_second:>10.0}/cpu-s{p50_us:>8.0} us p50{p99_us:>8.0} us p99{rss_mib:>7.0} MiB"
    ));
}

#[allow(clippy::print_stdout, reason = "this is the command's answer")]
fn line(text: &str) {
    println!("{text}");
}
