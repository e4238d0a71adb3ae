//! The one loop that looks at the locks of all agents that are being refreshed, however many there are.
//!
//! One batch read per [`LOOK_EVERY`] while anything is under way, nothing otherwise. Who watches an agent gets the newest look; looks may be missed, since a lock is a
//! state and not a stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{AgentName, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::lock::Lock;
use crate::lock_store::{LockStore, chain};

/// Time between two looks. A run's start and end are seen this much later at worst; the lock store answers four batch reads a second at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a new refresh waits for company before its first look, so that a burst of them costs one read.
const GATHER: Duration = Duration::from_millis(10);

/// One batch read.
struct Round {
    number: u64,
    asked: Timestamp,
    locks: Result<HashMap<AgentName, Option<Lock>>, String>,
}

struct State {
    /// Who is watched, and by how many.
    watched: HashMap<AgentName, usize>,
    /// How many rounds were begun: a look counts for somebody only if its round was begun after he asked.
    begun: u64,
}

pub(crate) struct Watcher {
    locks: Arc<dyn LockStore>,
    clock: Clock,
    state: Mutex<State>,
    wake: Notify,
    rounds: watch::Sender<Option<Arc<Round>>>,
}

impl Watcher {
    pub(crate) fn new(locks: Arc<dyn LockStore>, clock: Clock) -> Arc<Self> {
        let state = Mutex::new(State { watched: HashMap::new(), begun: 0 });
        Arc::new(Self { locks, clock, state, wake: Notify::new(), rounds: watch::Sender::new(None) })
    }

    /// Starts to watch an agent, until the answer is dropped.
    pub(crate) fn watch(self: &Arc<Self>, agent: &AgentName) -> Watching {
        let mut state = self.state.lock();
        *state.watched.entry(agent.clone()).or_default() += 1;
        let after = state.begun;
        drop(state);
        self.wake.notify_one();
        Watching { watcher: Arc::clone(self), rounds: self.rounds.subscribe(), agent: agent.clone(), after }
    }

    pub(crate) fn is_watched(&self, agent: &AgentName) -> bool {
        self.state.lock().watched.contains_key(agent)
    }

    /// Looks for ever; to be run once.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let Some((agents, number)) = self.begin() else {
                self.wake.notified().await;
                self.clock.sleep(GATHER).await;
                continue;
            };
            let asked = self.clock.now();
            let locks = match self.locks.read(&agents).await {
                Ok(locks) => Ok(agents.into_iter().zip(locks).collect()),
                Err(error) => {
                    count(Metric::LockStoreErrors, &[]);
                    Err(chain(&error))
                }
            };
            self.rounds.send_replace(Some(Arc::new(Round { number, asked, locks })));
            tokio::select! {
                () = self.clock.sleep(LOOK_EVERY) => {}
                () = self.wake.notified() => self.clock.sleep(GATHER).await,
            }
        }
    }

    fn begin(&self) -> Option<(Vec<AgentName>, u64)> {
        let mut state = self.state.lock();
        if state.watched.is_empty() {
            return None;
        }
        state.begun += 1;
        Some((state.watched.keys().cloned().collect(), state.begun))
    }
}

/// One agent's looks.
pub(crate) struct Watching {
    watcher: Arc<Watcher>,
    rounds: watch::Receiver<Option<Arc<Round>>>,
    agent: AgentName,
    after: u64,
}

impl Watching {
    /// From here on only looks count that are begun later.
    pub(crate) fn restart(&mut self) {
        self.after = self.watcher.state.lock().begun;
    }

    /// The next look: when it was asked for, and the lock or why it could not be read.
    pub(crate) async fn next(&mut self) -> (Timestamp, Result<Option<Lock>, String>) {
        loop {
            self.rounds.changed().await.expect("invariant: the sender lives as long as `watcher`, which we hold");
            let Some(round) = self.rounds.borrow_and_update().clone() else { continue };
            if round.number <= self.after {
                continue;
            }
            match &round.locks {
                Ok(locks) => {
                    if let Some(lock) = locks.get(&self.agent) {
                        return (round.asked, Ok(lock.clone()));
                    }
                }
                Err(why) => return (round.asked, Err(why.clone())),
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut state = self.watcher.state.lock();
        if let Some(count) = state.watched.get_mut(&self.agent) {
            *count -= 1;
            if *count == 0 {
                state.watched.remove(&self.agent);
            }
        }
    }
}
