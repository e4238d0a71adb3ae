//! Keeps holds: writes, renews and gives them up, as [`crate::holds`] decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, add, count, set};
use aws_event_cache_model::{AgentName, AgentState, Hold, Timestamp};
use futures::StreamExt;
use parking_lot::Mutex;

use crate::book::Seen;
use crate::holds::{HoldStep, decide};
use crate::lock::{Lock, later};
use crate::lock_store::{LockStore, LockStoreError, Written, chain};
use crate::locks::LockLooks;
use crate::memory::Memory;
use crate::watcher::Watcher;

/// How often all holds are looked after. An agent that ran by itself is held again this much later at worst, well before its next poll; holds are renewed with
/// [`crate::holds::RENEW_BELOW`] to go, so ten rounds may fail before an agent polls.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// How often those agents are looked at whose locks may be free for a moment only ([`crate::holds::is_urgent`]). A scheduler starts an agent without a lock at its next
/// tick, half a second later on the average, so one look in eight comes too late, and the next run's end is the next chance. Costs one batch read of at most
/// [`GLANCED_AT`] locks each time while such agents run, and nothing otherwise: an agent that is held does not run.
const GLANCE_EVERY: Duration = Duration::from_millis(250);

/// Most agents in one such look: one batch, a millisecond or two of the lock store's time. Where more run at once they take turns, and some are held a few runs later.
const GLANCED_AT: usize = 256;

/// Conditional writes under way at once: hides the way to the lock store without taking all its connections.
const AT_ONCE: usize = 4;

#[derive(Default)]
struct State {
    /// Who is to be held.
    wanted: BTreeMap<AgentName, Hold>,
    /// Who has a lock of ours, as far as we know: written by us, or seen with a mark of ours.
    ours: BTreeSet<AgentName>,
    /// When all are looked after again.
    next_pass: Timestamp,
    /// Whose turn it is where more agents are urgent than one look takes.
    turn: usize,
}

pub(crate) struct Keeper {
    locks: Arc<dyn LockStore>,
    watcher: Arc<Watcher<LockLooks>>,
    memory: Arc<Memory>,
    clock: Clock,
    state: Mutex<State>,
    /// One pass at a time, so that two never write about the same agent.
    pass: tokio::sync::Mutex<()>,
}

impl Keeper {
    pub(crate) fn new(
        locks: Arc<dyn LockStore>,
        watcher: Arc<Watcher<LockLooks>>,
        memory: Arc<Memory>,
        clock: Clock,
    ) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { locks, watcher, memory, clock, state, pass: tokio::sync::Mutex::new(()) })
    }

    /// Looks after holds for ever; to be run once.
    pub(crate) async fn run(self: Arc<Self>) {
        self.state.lock().next_pass = later(self.clock.now(), KEEP_EVERY);
        loop {
            self.clock.sleep(GLANCE_EVERY).await;
            let done = if self.pass_is_due() { self.keep().await } else { self.glance().await };
            if let Err(error) = done {
                tracing::warn!(error = chain(&error), "holds could not be kept; they end by themselves");
                // A store that is away is not asked more often than once per pass.
                self.clock.sleep(KEEP_EVERY).await;
            }
        }
    }

    fn pass_is_due(&self) -> bool {
        let (mut state, now) = (self.state.lock(), self.clock.now());
        let due = now >= state.next_pass;
        if due {
            state.next_pass = later(now, KEEP_EVERY);
        }
        due
    }

    /// Replaces what is to be held, and acts on it at once.
    pub(crate) async fn hold(&self, holds: &[Hold]) -> Result<(), LockStoreError> {
        self.state.lock().wanted = holds.iter().map(|hold| (hold.agent.clone(), hold.clone())).collect();
        self.keep().await
    }

    /// Lets everything go.
    pub(crate) async fn release_all(&self) -> Result<(), LockStoreError> {
        self.state.lock().wanted.clear();
        let _one = self.pass.lock().await;
        // Also those that we know nothing of: a predecessor's holds on agents that we have not looked at yet.
        let mut agents: BTreeSet<AgentName> = self.memory.agents();
        agents.extend(self.state.lock().ours.iter().cloned());
        let agents: Vec<AgentName> = agents.into_iter().collect();
        self.locks.let_go(&agents).await?;
        self.state.lock().ours.clear();
        set(Metric::AgentsHeld, 0.0, &[]);
        Ok(())
    }

    /// Takes note of what a survey saw: holds of a predecessor are ours to end.
    pub(crate) fn seen(&self, agent: &AgentName, state: AgentState) {
        let mut own = self.state.lock();
        if matches!(state, AgentState::Held { .. }) {
            own.ours.insert(agent.clone());
        } else {
            own.ours.remove(agent);
        }
    }

    /// Looks after everybody.
    async fn keep(&self) -> Result<(), LockStoreError> {
        let _one = self.pass.lock().await;
        let (agents, leaving) = self.split();
        self.look_after(agents, leaving).await
    }

    /// Looks after those who cannot wait for the next full pass.
    async fn glance(&self) -> Result<(), LockStoreError> {
        let _one = self.pass.lock().await;
        let agents = self.urgent();
        if agents.is_empty() { Ok(()) } else { self.look_after(agents, Vec::new()).await }
    }

    /// Whoever is being refreshed is watched already and not held.
    fn urgent(&self) -> Vec<AgentName> {
        let mut state = self.state.lock();
        let wanted = state.wanted.keys().filter(|agent| !self.watcher.is_watched(agent));
        let mut agents = self.memory.urgent(wanted, state.next_pass, self.clock.now());
        if agents.len() > GLANCED_AT {
            let turn = state.turn % agents.len();
            agents.rotate_left(turn);
            agents.truncate(GLANCED_AT);
            state.turn = turn + GLANCED_AT;
        }
        agents
    }

    async fn look_after(&self, agents: Vec<AgentName>, mut leaving: Vec<AgentName>) -> Result<(), LockStoreError> {
        let asked = self.clock.now();
        let locks = self.locks.read(&agents).await.inspect_err(|_| count(Metric::LockStoreErrors, &[]))?;
        let mut writes = Vec::new();
        for (agent, lock) in agents.into_iter().zip(locks) {
            let seen = self.memory.note(&agent, lock.as_ref(), asked);
            self.seen(&agent, seen.state);
            match (self.decide(&agent, seen, asked), lock) {
                (HoldStep::Write { until }, Some(lock)) => writes.push((agent, Some(lock), until)),
                (HoldStep::Claim { until }, None) => writes.push((agent, None, until)),
                (HoldStep::LetGo, _) => leaving.push(agent),
                _ => {}
            }
        }
        self.let_go(&leaving).await?;
        self.write(writes).await?;
        let held = self.state.lock().ours.len();
        set(Metric::AgentsHeld, u32::try_from(held).unwrap_or(u32::MAX).into(), &[]);
        Ok(())
    }

    /// Who is to be held, and who has a lock of ours but is no longer to be held.
    fn split(&self) -> (Vec<AgentName>, Vec<AgentName>) {
        let state = self.state.lock();
        let leaving = state.ours.iter().filter(|agent| !state.wanted.contains_key(*agent)).cloned().collect();
        (state.wanted.keys().cloned().collect(), leaving)
    }

    fn decide(&self, agent: &AgentName, seen: Seen, now: Timestamp) -> HoldStep {
        let refreshing = self.watcher.is_watched(agent);
        self.state.lock().wanted.get(agent).map_or(HoldStep::Leave, |hold| decide(hold, seen, refreshing, now))
    }

    async fn let_go(&self, agents: &[AgentName]) -> Result<(), LockStoreError> {
        if agents.is_empty() {
            return Ok(());
        }
        self.locks.let_go(agents).await.inspect_err(|_| count(Metric::LockStoreErrors, &[]))?;
        let mut state = self.state.lock();
        agents.iter().for_each(|agent| {
            state.ours.remove(agent);
        });
        Ok(())
    }

    /// The first error ends the pass: a store that is away would make every further write wait for its limit.
    ///
    /// With the lock that was seen, or without one: to be claimed.
    async fn write(&self, writes: Vec<(AgentName, Option<Lock>, Timestamp)>) -> Result<(), LockStoreError> {
        let mut answers = futures::stream::iter(writes)
            .map(async |(agent, lock, until)| (self.hold_one(&agent, lock.as_ref(), until).await, agent))
            .buffer_unordered(AT_ONCE);
        let (mut written, mut conflicts) = (0, 0);
        let mut result = Ok(());
        while let Some((answer, agent)) = answers.next().await {
            match answer {
                Ok(Written::Done) => {
                    written += 1;
                    self.state.lock().ours.insert(agent);
                }
                Ok(Written::Conflict) => conflicts += 1,
                Err(error) => {
                    count(Metric::LockStoreErrors, &[]);
                    result = Err(error);
                    break;
                }
            }
        }
        add(Metric::HoldsWritten, written, &[]);
        add(Metric::HoldConflicts, conflicts, &[]);
        result
    }

    /// A refresh may have begun since the decision; its wish goes before.
    async fn hold_one(
        &self,
        agent: &AgentName,
        lock: Option<&Lock>,
        until: Timestamp,
    ) -> Result<Written, LockStoreError> {
        if self.watcher.is_watched(agent) {
            return Ok(Written::Conflict);
        }
        match lock {
            Some(lock) => self.locks.hold_if(agent, lock, until).await,
            None => self.locks.claim(agent, until).await,
        }
    }
}
