//! Makes changes at a steady rate and waits for each of them in Clouddriver's cache.

use std::time::Duration;

use aws_event_cache_clock::Clock;
use jiff::{SignedDuration, Timestamp};

use super::churn::{Change, Churn, ChurnError};
use super::report::{Report, Sample};
use super::world::{World, WorldError};
use crate::command::say;

/// How often the cache is asked for each change that is on its way: the resolution of all figures.
const POLL: Duration = Duration::from_millis(100);

/// How long after the last change the cache may take. Clouddriver's slowest agents of the changes' kinds poll every 30 s, and one poll may just have begun
/// before the change.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long, and how fast.
pub(super) struct Pace {
    /// For how long changes are made, and calls are counted.
    pub(super) length: Duration,
    /// Changes per minute, evenly spaced.
    pub(super) changes_per_minute: u32,
}

struct OnItsWay {
    change: Change,
    made: Timestamp,
}

/// Measures a world.
pub(super) async fn run(
    name: &'static str,
    world: &World,
    churn: &mut Churn,
    pace: &Pace,
    clock: &Clock,
) -> Result<Report, ChurnError> {
    let step = Duration::from_secs(60) / pace.changes_per_minute;
    let begin = clock.now();
    let end = begin + pace.length;
    let mut next = begin;
    let mut way: Vec<OnItsWay> = Vec::new();
    let mut report = Report::new(name);
    world.aws.reset().map_err(WorldError::from)?;
    loop {
        let now = clock.now();
        if now >= end && report.calls.is_none() {
            report.calls = Some(world.aws.calls("service,action").map_err(WorldError::from)?);
        }
        if now < end && now >= next {
            next += step;
            let busy: Vec<&str> =
                way.iter().flat_map(|one| [one.change.resource.as_str(), one.change.seen.at.as_str()]).collect();
            if let Some(change) = churn.make(world, &busy)? {
                way.push(OnItsWay { change, made: clock.now() });
            }
        }
        look(world, clock, &mut way, &mut report)?;
        if now >= end && (way.is_empty() || now >= end + PATIENCE) {
            break;
        }
        clock.sleep(POLL).await;
    }
    for lost in way {
        say(&format!("{name}: never seen: {} ({})", lost.change.what, lost.change.resource));
        report.lost.push(lost.change.what);
    }
    Ok(report)
}

/// Takes those changes off the way that the cache shows now.
fn look(world: &World, clock: &Clock, way: &mut Vec<OnItsWay>, report: &mut Report) -> Result<(), WorldError> {
    let mut still = Vec::new();
    for one in way.drain(..) {
        let seen = &one.change.seen;
        let entry = world.clouddriver.cached(seen.namespace(), &seen.at)?;
        if seen.by(entry.as_ref()) {
            let staleness: SignedDuration = clock.now().duration_since(one.made);
            report.samples.push(Sample { what: one.change.what, staleness: staleness.unsigned_abs() });
        } else {
            still.push(one);
        }
    }
    *way = still;
    Ok(())
}
