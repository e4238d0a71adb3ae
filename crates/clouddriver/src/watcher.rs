//! The one loop that looks at all agents that are being refreshed, however many there are.
//!
//! One batch read each time while anything is under way, nothing otherwise. Who watches an agent gets the newest look; looks may be missed, since a lock is a
//! state and not a stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{AgentName, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::lock_store::{LockStoreError, chain};

/// What agents are looked at in: a lock store, or the plugin.
#[async_trait]
pub(crate) trait Looks: Send + Sync + 'static {
    /// What a look at one agent shows.
    type Sight: Clone + Send + Sync + 'static;

    /// Looks at agents; the answers are in their order, and at least as new as the call.
    async fn look(&self, agents: &[AgentName]) -> Result<Vec<Self::Sight>, LockStoreError>;
}

/// How long a new refresh waits for company before its first look, so that a burst of them costs one read.
const GATHER: Duration = Duration::from_millis(10);

/// One batch read.
struct Round<T> {
    number: u64,
    asked: Timestamp,
    sights: Result<HashMap<AgentName, T>, String>,
}

struct State {
    /// Who is watched, and by how many.
    watched: HashMap<AgentName, usize>,
    /// How many rounds were begun: a look counts for somebody only if its round was begun after he asked.
    begun: u64,
}

pub(crate) struct Watcher<S: Looks> {
    source: Arc<S>,
    every: Duration,
    clock: Clock,
    state: Mutex<State>,
    wake: Notify,
    rounds: watch::Sender<Option<Arc<Round<S::Sight>>>>,
}

impl<S: Looks> Watcher<S> {
    /// `every` is the time between two looks: a run's start and end are seen this much later at worst.
    pub(crate) fn new(source: Arc<S>, every: Duration, clock: Clock) -> Arc<Self> {
        let state = Mutex::new(State { watched: HashMap::new(), begun: 0 });
        Arc::new(Self { source, every, clock, state, wake: Notify::new(), rounds: watch::Sender::new(None) })
    }

    /// Starts to watch an agent, until the answer is dropped.
    pub(crate) fn watch(self: &Arc<Self>, agent: &AgentName) -> Watching<S> {
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
            let sights = match self.source.look(&agents).await {
                Ok(sights) => Ok(agents.into_iter().zip(sights).collect()),
                Err(error) => {
                    count(Metric::LockStoreErrors, &[]);
                    Err(chain(&error))
                }
            };
            self.rounds.send_replace(Some(Arc::new(Round { number, asked, sights })));
            tokio::select! {
                () = self.clock.sleep(self.every) => {}
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
pub(crate) struct Watching<S: Looks> {
    watcher: Arc<Watcher<S>>,
    rounds: watch::Receiver<Option<Arc<Round<S::Sight>>>>,
    agent: AgentName,
    after: u64,
}

impl<S: Looks> Watching<S> {
    /// From here on only looks count that are begun later.
    pub(crate) fn restart(&mut self) {
        self.after = self.watcher.state.lock().begun;
    }

    /// The next look: when it was asked for, and what it showed or why it could not be taken.
    pub(crate) async fn next(&mut self) -> (Timestamp, Result<S::Sight, String>) {
        loop {
            self.rounds.changed().await.expect("invariant: the sender lives as long as `watcher`, which we hold");
            let Some(round) = self.rounds.borrow_and_update().clone() else { continue };
            if round.number <= self.after {
                continue;
            }
            match &round.sights {
                Ok(sights) => {
                    if let Some(sight) = sights.get(&self.agent) {
                        return (round.asked, Ok(sight.clone()));
                    }
                }
                Err(why) => return (round.asked, Err(why.clone())),
            }
        }
    }
}

impl<S: Looks> Drop for Watching<S> {
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
