//! `cargo xtask proof`: how quickly changes in AWS reach Clouddriver's real cache, and at what cost in AWS calls.
//!
//! ```text
//!  churn ──changes──> mock AWS <──polls── forward proxy <── Clouddriver's agents ──> Redis
//!    │                  │ counts                                │
//!    └──── measure ─────┴───────── reads the cache ─────────────┘
//! ```
//!
//! A *world* is a mock AWS with a small fleet in two accounts, and a Clouddriver that polls it. Every world sees the same changes at the same times, and is
//! asked the same two questions: how long until the cache shows each change (its staleness), and how many AWS calls a minute did that take. The first world
//! is `stock`: Clouddriver by itself.

mod churn;
mod measure;
mod report;
mod world;

use std::error::Error;
use std::time::Duration;

use aws_event_cache_clock::Clock;

use crate::command::say;
use crate::setup::{self, Release};
use churn::Churn;
use measure::Pace;
use report::Report;
use world::World;

/// What to prove.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Proof {
    /// Against Clouddriver's real agents, scheduler and cache
    Clouddriver(Options),
}

/// How to measure.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask proof clouddriver\n  cargo xtask proof clouddriver --minutes 10 --json | tail -n 1"
)]
pub(crate) struct Options {
    /// Length of the measurement of each world
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=120))]
    minutes: u32,
    /// Changes per minute in the whole of the mock AWS
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=120), value_name = "N")]
    changes: u32,
    /// Seed of the changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clouddriver of which Spinnaker release
    #[arg(long, value_enum, default_value = "1.36", value_name = "RELEASE")]
    spinnaker: Release,
    /// Print the figures of all worlds as JSON, in the last line
    #[arg(long)]
    json: bool,
}

/// Agents' first runs: seen 10 s on an idle machine.
const FIRST_RUNS: Duration = Duration::from_secs(180);

/// Runs a proof.
///
/// # Errors
///
/// When something cannot be set up or started, or a world breaks while it is measured.
pub(crate) fn run(proof: &Proof) -> Result<(), Box<dyn Error>> {
    let Proof::Clouddriver(options) = proof;
    setup::run(&setup::Options { spinnaker: vec![options.spinnaker] })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let reports = vec![runtime.block_on(stock(options))?];
    for report in &reports {
        report.print();
    }
    if options.json {
        report::print_json(&reports);
    }
    Ok(())
}

/// Clouddriver by itself.
async fn stock(options: &Options) -> Result<Report, Box<dyn Error>> {
    let world = World::start(options.spinnaker)?;
    ready(&world)?;
    play("stock", &world, options).await
}

/// Waits until every agent of a world has run once: from then on polling is steady.
fn ready(world: &World) -> Result<(), Box<dyn Error>> {
    let missing = world.clouddriver.wait_for_agents(FIRST_RUNS)?;
    if !missing.is_empty() {
        say(&format!("never ran, and will not count: {}", missing.join(", ")));
    }
    Ok(())
}

/// Lets a world live for the given time.
async fn play(name: &'static str, world: &World, options: &Options) -> Result<Report, Box<dyn Error>> {
    let mut churn = Churn::load(options.seed)?;
    let pace = Pace { length: Duration::from_secs(60) * options.minutes, changes_per_minute: options.changes };
    say(&format!("{name}: measuring for {} minutes", options.minutes));
    let clock = Clock::wall();
    Ok(measure::run(name, world, &mut churn, &pace, &clock).await?)
}
