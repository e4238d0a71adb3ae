//! One simulated Clouddriver on one simulated AWS: agents with locks, runs that cost calls, and a cache that is right as of its last run.
//!
//! The scheduler is a model of Clouddriver's Redis default scheduler: each second every agent without a lock is started and its lock set for the timeout;
//! when a run ends, at any time between two ticks, its lock is set to end one interval after the run's start, or deleted where that is almost over, if the lock is still
//! Clouddriver's own. Whoever looks at a lock sees what became of it by then. A run sees the changes that were
//! visible when it started and brings them into the cache when it ends; a failed run brings nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_model::{Agent, AgentName, KindId, Timestamp};

use crate::answer_arm::AnswerArm;
use crate::aws::SimulatedAws;
use crate::churn::Change;
use crate::staleness::Staleness;

/// What Clouddriver writes into its locks.
pub const NODE: &str = "10.0.0.7:1@clouddriver";

/// The Redis scheduler deletes a lock that would live less than this.
const RELEASE_THRESHOLD: Duration = Duration::from_millis(500);

/// An agent's lock: a Redis key with a value and an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimLock {
    /// Who wrote it.
    pub value: String,
    /// When it ends by itself.
    pub ends: Timestamp,
}

/// What a world has cost and achieved so far.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// AWS calls, every attempt counted.
    pub calls: u64,
    /// Of these, refused for their rate.
    pub throttled: u64,
    /// Agent runs.
    pub runs: u64,
    /// Of these, failed by throttling.
    pub failed_runs: u64,
}

#[derive(Debug)]
struct Run {
    started: Timestamp,
    ends: Timestamp,
    failed: bool,
    /// The last change that its answers show, by kind; of other kinds it shows what was visible when it started.
    shown: HashMap<KindId, Timestamp>,
}

#[derive(Debug)]
struct Slot {
    agent: Arc<Agent>,
    lock: Option<SimLock>,
    run: Option<Run>,
    /// Changes not in the cache yet: kind, when it happened, from when on a read shows it.
    unseen: Vec<(KindId, Timestamp, Timestamp)>,
}

/// A simulated Clouddriver with its account.
#[derive(Debug)]
pub struct World {
    catalog: Arc<Catalog>,
    roster: Arc<Roster>,
    aws: SimulatedAws,
    /// What stands before AWS, if anything does.
    arm: Option<AnswerArm>,
    /// How many times the calls of the catalogue's estimate a run makes: the size of the fleet.
    fleet: u32,
    slots: Vec<Slot>,
    index: HashMap<AgentName, usize>,
    totals: Totals,
    staleness: Staleness,
}

impl World {
    /// Every agent of the roster, with first polls spread over its interval as after a start long ago.
    pub fn new(catalog: Arc<Catalog>, roster: Arc<Roster>, aws: SimulatedAws, fleet: u32, start: Timestamp) -> Self {
        let count = roster.agents().len().max(1) as u32;
        let slots: Vec<Slot> = roster
            .agents()
            .iter()
            .enumerate()
            .map(|(n, agent)| {
                let ends = start.saturating_add(agent.interval * (n as u32) / count).unwrap_or(start);
                let lock = Some(SimLock { value: NODE.into(), ends });
                Slot { agent: agent.clone(), lock, run: None, unseen: Vec::new() }
            })
            .collect();
        let index = slots.iter().enumerate().map(|(n, slot)| (slot.agent.name.clone(), n)).collect();
        Self {
            catalog,
            roster,
            aws,
            arm: None,
            fleet,
            slots,
            index,
            totals: Totals::default(),
            staleness: Staleness::default(),
        }
    }

    /// From now on an answer arm stands between the agents and AWS.
    pub fn stand_behind(&mut self, arm: AnswerArm) {
        self.arm = Some(arm);
    }

    /// What stands before AWS.
    pub fn arm(&mut self) -> Option<&mut AnswerArm> {
        self.arm.as_mut()
    }

    /// A resource changed at AWS: from now on every agent that reads it is behind.
    pub fn change(&mut self, change: &Change) {
        for agent in self.roster.reading(&change.place, &change.kind) {
            if let Some(arm) = &mut self.arm {
                arm.changed(&agent.place, &change.kind, change.visible);
            }
            if let Some(slot) = self.index.get(&agent.name).map(|n| &mut self.slots[*n]) {
                slot.unseen.push((change.kind.clone(), change.at, change.visible));
            }
        }
    }

    /// One tick of the scheduler: ends runs that are over and starts agents whose locks are gone.
    pub fn tick(&mut self, now: Timestamp) {
        for n in 0..self.slots.len() {
            self.end_run(n, now);
            self.start_run(n, now);
        }
    }

    /// Ends the run of an agent if it is over by now, as of its own end.
    fn end_run(&mut self, n: usize, now: Timestamp) {
        let slot = &mut self.slots[n];
        let Some(run) = slot.run.take_if(|run| run.ends <= now) else { return };
        let next = run.started.saturating_add(slot.agent.interval).unwrap_or(run.started);
        // By its lock's own time: one that has ended meanwhile is not there any more.
        if slot.lock.as_ref().is_some_and(|lock| lock.value == NODE && lock.ends > run.ends) {
            let lives = Duration::try_from(next.duration_since(run.ends)).unwrap_or_default();
            slot.lock = (lives >= RELEASE_THRESHOLD).then(|| SimLock { value: NODE.into(), ends: next });
        }
        if run.failed {
            self.totals.failed_runs += 1;
            return;
        }
        let staleness = &mut self.staleness;
        slot.unseen.retain(|(kind, at, visible)| {
            let seen = *visible <= run.shown.get(kind).copied().unwrap_or(run.started);
            if seen {
                staleness.add(kind, Duration::try_from(run.ends.duration_since(*at)).unwrap_or_default());
            }
            !seen
        });
    }

    fn start_run(&mut self, n: usize, now: Timestamp) {
        let slot = &mut self.slots[n];
        if slot.lock.as_ref().is_some_and(|lock| lock.ends <= now) {
            slot.lock = None;
        }
        if slot.run.is_some() || slot.lock.is_some() {
            return;
        }
        let agent = slot.agent.clone();
        slot.lock = Some(SimLock { value: NODE.into(), ends: now.saturating_add(agent.timeout).unwrap_or(now) });
        let (answered, shown) = match &mut self.arm {
            Some(arm) => arm.run(&mut self.aws, &agent, now),
            None => (self.aws.run(&self.catalog, &agent.place, &agent.calls, self.fleet, now), HashMap::new()),
        };
        self.totals.calls += answered.calls;
        self.totals.throttled += answered.throttled;
        self.totals.runs += 1;
        let ends = now.saturating_add(answered.took).unwrap_or(now);
        self.slots[n].run = Some(Run { started: now, ends, failed: answered.failed, shown });
    }

    /// The lock of an agent, as its store shows it.
    pub fn lock(&mut self, agent: &AgentName, now: Timestamp) -> Option<&SimLock> {
        let n = *self.index.get(agent)?;
        self.end_run(n, now);
        self.slots[n].lock.as_ref().filter(|lock| lock.ends > now)
    }

    /// Replaces the lock of an agent, as a client of its store does that has just looked at it; `None` deletes it. Unknown agents are left alone.
    pub fn set_lock(&mut self, agent: &AgentName, lock: Option<SimLock>) {
        if let Some(n) = self.index.get(agent) {
            self.slots[*n].lock = lock;
        }
    }

    /// What it has cost so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Samples so far. Changes that are not in the cache yet are not among them.
    pub fn staleness(&self) -> &Staleness {
        &self.staleness
    }

    /// Samples at the end: what is still not in the cache counts with its age so far, so that a world cannot look fresh by never reading.
    pub fn final_staleness(&self, now: Timestamp) -> Staleness {
        let mut staleness = self.staleness.clone();
        for (kind, at, _) in self.slots.iter().flat_map(|slot| &slot.unseen) {
            staleness.add(kind, Duration::try_from(now.duration_since(*at)).unwrap_or_default());
        }
        staleness
    }
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::{AccountId, Accounts, Environment, Provider, Region, SpinnakerAccount, StockPolling};

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    /// One agent that makes `calls` calls of 60 ms each from a bucket that never refuses.
    fn world(calls: u32) -> (World, AgentName) {
        let catalog = Catalog::parse([
            ("services/test.yaml", "title: Test\nevent_sources: [test.amazonaws.com]\nbuckets: {read: {capacity: 100000, refill: 1000}}"),
            ("agents/widgets.yaml", "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]"),
            (
                "kinds/widget.yaml",
                "title: Widget\nnamed_by: widget id (w-…)\ncoverage: full\ncadence: {floor: 30s, ceiling: 10m}\nsettle: 10s\nagents: [widgets]\ncalls:\n  - {service: test, events: [MakeWidget], name: req.widgetId}\n\
                 reads:\n  - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}\n",
            ),
        ])
        .unwrap();
        let accounts = Accounts::new([SpinnakerAccount {
            name: "test".into(),
            provider: Provider::Aws,
            account: AccountId::new("111122223333").unwrap(),
            regions: vec![Region::new("eu-west-1").unwrap()],
            environment: Environment::new("production").unwrap(),
            assume_role: None,
            lambda: false,
        }]);
        let roster = Arc::new(catalog.roster(&accounts, &StockPolling::default()));
        let agent = roster.agents()[0].name.clone();
        (World::new(Arc::new(catalog), roster, SimulatedAws::new(0.0), calls, at(0)), agent)
    }

    #[test]
    fn a_run_ends_between_two_ticks_and_its_lock_tells_at_once() {
        // 25 calls take 1.5 s.
        let (mut world, agent) = world(25);
        world.tick(at(0));
        assert_eq!(world.lock(&agent, at(1_499)).unwrap().ends, at(300_000));
        assert_eq!(world.lock(&agent, at(1_500)).unwrap().ends, at(30_000));
    }

    #[test]
    fn an_agent_whose_run_outlasts_its_interval_has_no_lock_until_the_next_tick_and_does_not_run_if_it_gets_one_by_then()
     {
        // 505 calls take 30.3 s.
        let (mut world, agent) = world(505);
        (0..=30).for_each(|second| world.tick(at(second * 1_000)));
        assert!(world.lock(&agent, at(30_299)).is_some());
        assert_eq!(world.lock(&agent, at(30_300)), None);
        world.tick(at(31_000));
        assert_eq!((world.totals().runs, world.lock(&agent, at(31_001)).unwrap().ends), (2, at(331_000)));

        (32..=61).for_each(|second| world.tick(at(second * 1_000)));
        assert_eq!(world.lock(&agent, at(61_400)), None);
        world.set_lock(&agent, Some(SimLock { value: "aws-event-cache:demo".into(), ends: at(100_000) }));
        (62..=100).for_each(|second| world.tick(at(second * 1_000 - 1)));
        assert_eq!(world.totals().runs, 2);
        world.tick(at(100_000));
        assert_eq!(world.totals().runs, 3);
    }
}
