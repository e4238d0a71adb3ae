//! Keeps holds: writes, renews and gives them up, as [`crate::holds`] decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, add, count, set};
use aws_event_cache_model::{AgentName, AgentState, Hold, Timestamp};
use futures::StreamExt;
use parking_lot::Mutex;

use crate::holds::{HoldStep, decide};
use crate::lock::Lock;
use crate::lock_store::{LockStore, LockStoreError, Written, chain};
use crate::memory::Memory;
use crate::watcher::Watcher;

/// How often holds are looked after. An agent that ran by itself is held again this much later at worst, well before its next poll; holds are renewed with
/// [`crate::holds::RENEW_BELOW`] to go, so ten rounds may fail before an agent polls.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// Conditional writes under way at once: hides the way to the lock store without taking all its connections.
const AT_ONCE: usize = 4;

#[derive(Default)]
struct State {
    /// Who is to be held.
    wanted: BTreeMap<AgentName, Hold>,
    /// Who has a lock of ours, as far as we know: written by us, or seen with a mark of ours.
    ours: BTreeSet<AgentName>,
}

pub(crate) struct Keeper {
    locks: Arc<dyn LockStore>,
    watcher: Arc<Watcher>,
    memory: Arc<Memory>,
    clock: Clock,
    state: Mutex<State>,
    /// One pass at a time, so that two never write about the same agent.
    pass: tokio::sync::Mutex<()>,
}

impl Keeper {
    pub(crate) fn new(
        locks: Arc<dyn LockStore>,
        watcher: Arc<Watcher>,
        memory: Arc<Memory>,
        clock: Clock,
    ) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { locks, watcher, memory, clock, state, pass: tokio::sync::Mutex::new(()) })
    }

    /// Looks after holds for ever; to be run once.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.clock.sleep(KEEP_EVERY).await;
            if let Err(error) = self.keep().await {
                tracing::warn!(error = chain(&error), "holds could not be kept; they end by themselves");
            }
        }
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

    async fn keep(&self) -> Result<(), LockStoreError> {
        let _one = self.pass.lock().await;
        let (agents, mut leaving) = self.split();
        let asked = self.clock.now();
        let locks = self.locks.read(&agents).await.inspect_err(|_| count(Metric::LockStoreErrors, &[]))?;
        let mut writes = Vec::new();
        for (agent, lock) in agents.into_iter().zip(locks) {
            let state = self.memory.note(&agent, lock.as_ref(), asked);
            self.seen(&agent, state);
            match (self.decide(&agent, state, asked), lock) {
                (HoldStep::Write { until }, Some(lock)) => writes.push((agent, lock, until)),
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

    fn decide(&self, agent: &AgentName, state: AgentState, now: Timestamp) -> HoldStep {
        let refreshing = self.watcher.is_watched(agent);
        self.state.lock().wanted.get(agent).map_or(HoldStep::Leave, |hold| decide(hold, state, refreshing, now))
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
    async fn write(&self, writes: Vec<(AgentName, Lock, Timestamp)>) -> Result<(), LockStoreError> {
        let mut answers = futures::stream::iter(writes)
            .map(async |(agent, lock, until)| (self.hold_one(&agent, &lock, until).await, agent))
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
    async fn hold_one(&self, agent: &AgentName, lock: &Lock, until: Timestamp) -> Result<Written, LockStoreError> {
        if self.watcher.is_watched(agent) {
            Ok(Written::Conflict)
        } else {
            self.locks.hold_if(agent, lock, until).await
        }
    }
}
