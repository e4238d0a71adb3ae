//! `demo`: runs the simulation and shows it.

use std::process::ExitCode;
use std::time::Duration;

use aws_event_cache_engine::profiles::Profiles;
use aws_event_cache_sim::demo::{DemoError, Options, run as simulate};
use aws_event_cache_sim::report::{Progress, Report, WorldReport, Worlds};
use aws_event_cache_sim::staleness::Percentiles;

use tokio::signal::unix::{SignalKind, signal};

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
    // Listened for from now on, not from the first wait on: an early Ctrl-C would end the process without its table.
    let interrupts = signal(SignalKind::interrupt()).ok();
    let interrupted = async move {
        match interrupts {
            Some(mut interrupts) => drop(interrupts.recv().await),
            // Then it ends by itself only.
            None => std::future::pending().await,
        }
    };
    let report = simulate(options, show, interrupted).await?;
    if args.json {
        let text = serde_json::to_string(&report).expect("invariant: a report of numbers can always be written");
        line(&text);
    } else {
        summary(&report);
    }
    let sound = report.forgeries.rejected == report.forgeries.sent && report.worlds.answer.mixed_up == 0;
    Ok(if sound { exit::OK } else { exit::failed() })
}

fn show(so_far: &Progress) {
    let world = |(calls, throttled, p95): (u64, u64, u64)| {
        format!("{calls:>7} calls {throttled:>6} throttled  p95 {:>7}", seconds(p95))
    };
    warn(&format!(
        "{:>7}  stock {}   drive {}   answer {}   {:>3} agents held  {:>4} changes  {}/{} forgeries refused",
        minutes(so_far.simulated_seconds),
        world(so_far.stock),
        world(so_far.drive),
        world(so_far.answer),
        so_far.held,
        so_far.changes,
        so_far.forgeries.rejected,
        so_far.forgeries.sent
    ));
}

fn summary(report: &Report) {
    line(&format!(
        "\nSimulated, {} times as fast as real: {} with {} agents and {} changes\n",
        report.time_factor,
        minutes(report.simulated_seconds),
        report.agents,
        report.changes
    ));
    worlds(report);
    line("");
    staleness(&report.worlds);
    line("");
    beside(report);
}

/// Each world's numbers, and how they compare with stock.
fn worlds(report: &Report) {
    let Worlds { stock, drive, answer } = &report.worlds;
    let mut rows = table(&["SIMULATED", "STOCK", "DRIVE", "", "ANSWER", ""]);
    let mut count = |what: &str, number: fn(&WorldReport) -> u64| {
        let of = |world| [number(world).to_string(), less(number(stock), number(world))];
        let mut row = vec![what.to_owned(), number(stock).to_string()];
        row.extend(of(drive));
        row.extend(of(answer));
        rows.add_row(row);
    };
    count("AWS calls", |world| world.aws_calls);
    count("throttled calls", |world| world.throttled_calls);
    count("answered from memory", |world| world.answered_from_memory);
    count("agent runs", |world| world.runs);
    let mut stale = |what: &str, number: fn(&Percentiles) -> u64| {
        let of = |world: &WorldReport| seconds(number(&world.staleness_ms));
        rows.add_row([what.to_owned(), of(stock), of(drive), String::new(), of(answer), String::new()]);
    };
    stale("staleness p50", |staleness| staleness.p50);
    stale("staleness p95", |staleness| staleness.p95);
    stale("staleness max", |staleness| staleness.max);
    line(&rows.trim_fmt());
}

/// What each arm did, and that nobody was believed who should not be.
fn beside(report: &Report) {
    let mut rows = table(&["BESIDE", ""]);
    let mut row = |what: &str, value: String| {
        rows.add_row([what.to_owned(), value]);
    };
    row("drive: forced runs", report.forced_runs.to_string());
    row("drive: agents held at the end", report.held.to_string());
    row("drive: polls held back", report.polls_saved.to_string());
    row("answer: Clouddriver's own writes seen", report.own_changes.to_string());
    row("answer: changes found that nothing announced", report.uncovered_changes.to_string());
    row("answer: answers mixed up", report.worlds.answer.mixed_up.to_string());
    row("forgeries refused", format!("{} of {}", report.forgeries.rejected, report.forgeries.sent));
    line(&rows.trim_fmt());
}

fn staleness(worlds: &Worlds) {
    let Worlds { stock, drive, answer } = worlds;
    let titles = ["STALENESS (SIMULATED)", "SAMPLES", "STOCK P50", "P95", "DRIVE P50", "P95", "ANSWER P50", "P95"];
    let mut rows = table(&titles);
    for (kind, (count, _)) in &stock.by_kind {
        let mut row = vec![kind.to_string(), count.to_string()];
        for world in [stock, drive, answer] {
            let of = world.by_kind.get(kind).map(|(_, percentiles)| *percentiles).unwrap_or_default();
            row.extend([seconds(of.p50), seconds(of.p95)]);
        }
        rows.add_row(row);
    }
    line(&rows.trim_fmt());
}

fn less(stock: u64, other: u64) -> String {
    if stock == 0 {
        return String::new();
    }
    let percent = 100.0 * (other as f64 / stock as f64 - 1.0);
    format!("{percent:+.0} %")
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", millis as f64 / 1000.0)
}

fn minutes(seconds: u64) -> String {
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}
