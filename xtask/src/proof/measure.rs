//! Makes changes at a steady rate and waits for each of them in Clouddriver's cache.

use std::time::Duration;

use aws_event_cache_clock::Clock;
use jiff::Timestamp;

use super::churn::{Change, Churn, ChurnError};
use super::differences::Snapshot;
use super::report::{Message, Report, Sample};
use super::runs::Runs;
use super::world::{World, WorldError};
use crate::command::say;

/// How often the cache is asked for each change that is on its way: the resolution of all figures.
const POLL: Duration = Duration::from_millis(100);

/// How often Clouddriver is asked for its agents' runs: no two runs of an agent are closer together.
const LOOK: Duration = Duration::from_secs(1);

/// How long after the last change the cache may take: the longest that the shipped catalogue leaves unread what no event announces, and a stock interval.
const PATIENCE: Duration = Duration::from_secs(330);

/// From the last change that was seen to the quiet point: second looks come a minute after a change at the latest, and an agent polls within a stock interval.
const SETTLING: Duration = Duration::from_secs(100);

/// How long, and how fast.
pub(super) struct Pace {
    /// How long a world that is ready goes on without changes: two of Clouddriver's intervals, so that every agent has found its rhythm.
    pub(super) warm_up: Duration,
    /// For how long changes are made, and calls are counted.
    pub(super) length: Duration,
    /// Changes per minute, evenly spaced.
    pub(super) changes_per_minute: u32,
}

struct OnItsWay {
    change: Change,
    made: Timestamp,
    posted: Option<Timestamp>,
}

/// A change that was seen, of whose agent's run Clouddriver has not told yet.
struct Undated {
    sample: usize,
    agent: String,
    made: Timestamp,
    posted: Timestamp,
    seen: Timestamp,
}

struct Measurement<'a> {
    world: &'a mut World,
    clock: &'a Clock,
    begin: Timestamp,
    way: Vec<OnItsWay>,
    undated: Vec<Undated>,
    runs: Runs,
    next_look: Timestamp,
    report: Report,
}

/// Measures a world, and leaves it at a quiet point: what its cache holds then is given as well.
pub(super) async fn run(
    world: &mut World,
    churn: &mut Churn,
    pace: &Pace,
    clock: &Clock,
) -> Result<(Report, Snapshot), ChurnError> {
    live_on(world, pace.warm_up, clock).await?;
    let begin = clock.now();
    let end = begin + pace.length;
    let mut next = begin;
    world.aws.reset().map_err(WorldError::from)?;
    let mut report = Report::new(world.sort.name());
    report.before = world.status()?;
    report.saved_before = world.savings()?;
    let (way, undated, runs) = (Vec::new(), Vec::new(), Runs::default());
    let mut it = Measurement { world, clock, begin, way, undated, runs, next_look: begin, report };
    loop {
        let now = clock.now();
        if now >= end && it.report.calls.is_none() {
            it.count()?;
        }
        if now < end && now >= next {
            next += Duration::from_secs(60) / pace.changes_per_minute;
            it.change(churn)?;
        }
        it.speak(now)?;
        it.look()?;
        if now >= end && (it.way.is_empty() || now >= end + PATIENCE) {
            break;
        }
        clock.sleep(POLL).await;
    }
    let report = it.end();
    live_on(world, SETTLING, clock).await?;
    let snapshot = Snapshot::of(&world.clouddriver).map_err(WorldError::from)?;
    Ok((report, snapshot))
}

/// Lets a world go on without changes.
async fn live_on(world: &mut World, length: Duration, clock: &Clock) -> Result<(), WorldError> {
    let end = clock.now() + length;
    while clock.now() < end {
        world.speak(clock.now())?;
        clock.sleep(POLL).await;
    }
    Ok(())
}

impl Measurement<'_> {
    fn change(&mut self, churn: &mut Churn) -> Result<(), ChurnError> {
        let busy = self.way.iter().flat_map(|one| [one.change.resource.as_str(), one.change.seen.at.as_str()]);
        let busy: Vec<&str> = busy.collect();
        if let Some(change) = churn.make(self.world, &busy)? {
            let made = self.clock.now();
            self.world.hear(&change, made);
            self.way.push(OnItsWay { change, made, posted: None });
        }
        Ok(())
    }

    fn speak(&mut self, now: Timestamp) -> Result<(), WorldError> {
        let told = self.world.speak(now)?;
        for one in self.way.iter_mut().filter(|one| told.contains(&one.change.serial)) {
            one.posted = Some(now);
        }
        Ok(())
    }

    /// Takes those changes off the way that the cache shows now.
    fn look(&mut self) -> Result<(), WorldError> {
        for one in std::mem::take(&mut self.way) {
            let seen = &one.change.seen;
            let entry = self.world.clouddriver.cached(seen.namespace(), &seen.at)?;
            if seen.by(entry.as_ref()) { self.arrived(one) } else { self.way.push(one) }
        }
        if self.clock.now() >= self.next_look {
            self.next_look = self.clock.now() + LOOK;
            self.runs.look(&self.world.clouddriver.introspection()?);
            self.runs.look_why(&self.world.status()?, self.begin);
            self.date();
        }
        Ok(())
    }

    fn arrived(&mut self, one: OnItsWay) {
        let (seen, made) = (self.clock.now(), one.made);
        if let Some(posted) = one.posted {
            let sample = self.report.samples.len();
            self.undated.push(Undated { sample, agent: one.change.agent, made, posted, seen });
        }
        self.report.samples.push(Sample {
            what: one.change.what,
            announced: one.change.event.is_some(),
            staleness: between(made, seen),
            message: None,
        });
    }

    /// Says of changes that were seen when the run started that brought them. A run that had begun when the change was made is nobody's merit.
    fn date(&mut self) {
        let (runs, report) = (&self.runs, &mut self.report);
        self.undated.retain(|one| {
            let Some(started) = runs.started(&one.agent).filter(|started| *started >= one.made) else { return true };
            if started >= one.posted && started <= one.seen {
                let message =
                    Message { to_start: between(one.posted, started), to_cache: between(one.posted, one.seen) };
                report.samples[one.sample].message = Some(message);
            }
            false
        });
    }

    /// The measurement's end: what is counted is counted now, though some changes are still on their way.
    fn count(&mut self) -> Result<(), WorldError> {
        self.report.calls = Some(self.world.aws.calls("service,action")?);
        self.report.after = self.world.status()?;
        self.report.saved_after = self.world.savings()?;
        self.report.runs = self.runs.counts().map(|(agent, why)| (agent.to_owned(), why)).collect();
        Ok(())
    }

    fn end(self) -> Report {
        let (mut report, now) = (self.report, self.clock.now());
        for lost in self.way {
            say(&format!("never seen: {} ({})", lost.change.what, lost.change.resource));
            report.lost.push(Sample {
                what: lost.change.what,
                announced: lost.change.event.is_some(),
                staleness: between(lost.made, now),
                message: None,
            });
        }
        report
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
