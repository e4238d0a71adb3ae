//! `cargo xtask proof`: how quickly changes in AWS reach Clouddriver's real cache, and at what cost in AWS calls.
//!
//! ```text
//!  churn ──changes──> mock AWS <──polls── forward proxy <── Clouddriver's agents ──> Redis
//!    │                  │ counts                                │
//!    └──── measure ─────┴───────── reads the cache ─────────────┘
//! ```
//!
//! A *world* is a mock AWS with a fleet in two accounts, and a Clouddriver that polls it. Every world sees the same changes at the same times, and is asked
//! the same questions: how long until the cache shows each change (its staleness), how many AWS calls a minute did that take, and does the cache hold in the
//! end what a stock Clouddriver's would. In the world `stock` Clouddriver is by itself. In the others the service runs beside it, with the shipped production
//! profile, and gets AWS's messages: in `drive` it drives Clouddriver's agents, in `answer` it answers them in AWS's place, in `both` it does both. The worlds
//! live side by side, each with servers of its own, so that the machine's moods meet all.

mod churn;
mod differences;
mod measure;
mod report;
mod runs;
mod service;
mod world;

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use aws_event_cache_clock::Clock;

use crate::command::{self, CommandError, say};
use crate::paths;
use crate::setup::{self, Release};
use churn::Churn;
use differences::Snapshot;
use measure::Pace;
use report::Report;
use world::{Fleet, Sort, World};

/// What to prove.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Proof {
    /// Against Clouddriver's real agents, scheduler and cache
    Clouddriver(Options),
}

/// How to measure.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask proof clouddriver\n  cargo xtask proof clouddriver --minutes 20 --json | tail -n 1\n  cargo xtask proof clouddriver --fleet medium --worlds stock,answer"
)]
pub(crate) struct Options {
    /// Which worlds
    #[arg(long, value_enum, value_delimiter = ',', default_value = "stock,drive,answer,both", value_name = "WORLDS")]
    worlds: Vec<Sort>,
    /// How much there is in each of the two accounts
    #[arg(long, value_enum, default_value = "small", value_name = "FLEET")]
    fleet: Fleet,
    /// Length of the measurement; 10 is the production profile's longest time between two polls, so that with less some agents never poll
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=120))]
    minutes: u32,
    /// Changes per minute in the whole of the mock AWS; 1 is 720 a day for each of its accounts, with five server groups each
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=120), value_name = "N")]
    changes: u32,
    /// Seed of the changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clouddriver of which Spinnaker release
    #[arg(long, value_enum, default_value = "1.36", value_name = "RELEASE")]
    spinnaker: Release,
    /// Measure the release build of the service: takes minutes to build and makes no difference that these figures could show
    #[arg(long)]
    release: bool,
    /// Measure this program instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    service: Option<PathBuf>,
    /// Print the figures of all worlds as JSON, in the last line
    #[arg(long)]
    json: bool,
}

/// Two of Clouddriver's intervals.
const WARM_UP: Duration = Duration::from_secs(60);

/// An error that may cross to the thread that waits.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Runs a proof.
///
/// # Errors
///
/// When something cannot be set up or started, or a world breaks while it is measured.
pub(crate) fn run(proof: &Proof) -> Result<(), Failure> {
    let Proof::Clouddriver(options) = proof;
    setup::run(&setup::Options { spinnaker: vec![options.spinnaker] })?;
    let program = options.service.clone().map_or_else(|| built_service(options.release), Ok)?;
    let clock = Clock::wall();
    let start = |sort: Sort| World::start(sort, &program, options, &clock);
    let worlds = together(options.worlds.iter().map(|&sort| move || start(sort)))?;
    say(&format!("measuring for {} minutes, after a minute without changes", options.minutes));
    let played = together(worlds.into_iter().map(|world| || play(world, options, &clock)))?;
    let mut reports = Vec::new();
    for (world, mut report, snapshot) in played {
        report.differences = Some(runtime()?.block_on(differences::find(&world, &snapshot, options, &clock))?);
        reports.push(report);
    }
    for report in &reports {
        report.print();
    }
    report::compare(&reports);
    if options.json {
        report::print_json(&reports);
    }
    Ok(())
}

/// Builds the service, and says where it is.
fn built_service(release: bool) -> Result<PathBuf, CommandError> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(paths::repository()).args(["build", "--quiet", "--locked", "--package", "aws-event-cache"]);
    if release {
        cargo.arg("--release");
    }
    command::run(&mut cargo)?;
    Ok(paths::target().join(if release { "release" } else { "debug" }).join("aws-event-cache"))
}

/// Does the same to all worlds at once, each in a thread of its own.
fn together<T: Send, E: Into<Failure>>(
    tasks: impl Iterator<Item = impl FnOnce() -> Result<T, E> + Send>,
) -> Result<Vec<T>, Failure> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = tasks.map(|task| scope.spawn(|| task().map_err(Into::into))).collect();
        let join = |thread: ScopedJoinHandle<'_, Result<T, Failure>>| {
            thread.join().map_err(|_| Failure::from("the thread of a world panicked"))?
        };
        threads.into_iter().map(join).collect()
    })
}

/// Lets a world live for the given time.
fn play(mut world: World, options: &Options, clock: &Clock) -> Result<(World, Report, Snapshot), Failure> {
    let mut churn = Churn::load(options.seed)?;
    let length = Duration::from_secs(60) * options.minutes;
    let pace = Pace { warm_up: WARM_UP, length, changes_per_minute: options.changes };
    let (report, snapshot) = runtime()?.block_on(measure::run(&mut world, &mut churn, &pace, clock))?;
    Ok((world, report, snapshot))
}

/// What a thread waits with.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}
