//! One simulated Clouddriver on one simulated AWS: agents with locks, runs that cost calls, and a cache that is right as of its last run.
//!
//! The scheduler is a model of Clouddriver's Redis default scheduler: each second every agent without a lock is started and its lock set for the timeout;
//! when a run ends, its lock is set to end one interval after the run's start, if the lock is still Clouddriver's own. A run sees the changes that were
//! visible when it started and brings them into the cache when it ends; a failed run brings nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_model::{Agent, AgentName, KindId, Timestamp};

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
        Self { catalog, roster, aws, fleet, slots, index, totals: Totals::default(), staleness: Staleness::default() }
    }

    /// A resource changed at AWS: from now on every agent that reads it is behind.
    pub fn change(&mut self, change: &Change) {
        for agent in self.roster.reading(&change.place, &change.kind) {
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

    fn end_run(&mut self, n: usize, now: Timestamp) {
        let slot = &mut self.slots[n];
        let Some(run) = slot.run.take_if(|run| run.ends <= now) else { return };
        let next = run.started.saturating_add(slot.agent.interval).unwrap_or(run.started);
        if slot.lock.as_ref().is_some_and(|lock| lock.value == NODE) {
            let lives = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            slot.lock = (lives >= RELEASE_THRESHOLD).then(|| SimLock { value: NODE.into(), ends: next });
        }
        if run.failed {
            self.totals.failed_runs += 1;
            return;
        }
        let staleness = &mut self.staleness;
        slot.unseen.retain(|(kind, at, visible)| {
            let seen = *visible <= run.started;
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
        let answered = self.aws.run(&self.catalog, &agent.place, &agent.calls, self.fleet, now);
        self.totals.calls += answered.calls;
        self.totals.throttled += answered.throttled;
        self.totals.runs += 1;
        let ends = now.saturating_add(answered.took).unwrap_or(now);
        self.slots[n].run = Some(Run { started: now, ends, failed: answered.failed });
    }

    /// The lock of an agent, as its store shows it.
    pub fn lock(&self, agent: &AgentName, now: Timestamp) -> Option<&SimLock> {
        self.index.get(agent).and_then(|n| self.slots[*n].lock.as_ref()).filter(|lock| lock.ends > now)
    }

    /// Replaces the lock of an agent, as a client of its store does; `None` deletes it. Unknown agents are left alone.
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
