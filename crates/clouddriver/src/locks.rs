//! Driving agents by their locks: the two loops over a lock store, and what a look at a lock means.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{Agent, AgentName, AgentSeen, RefreshRequest, Timestamp};
use tokio_util::task::AbortOnDropHandle;

use crate::client::Clouddriver;
use crate::keeper::Keeper;
use crate::lock::{Lock, Timing};
use crate::lock_store::{LockStore, LockStoreError, Written, chain};
use crate::memory::Memory;
use crate::run::{Input, Look};
use crate::watcher::{Looks, Watcher};
use crate::way::Way;

/// Time between two looks. A run's start and end are seen this much later at worst; the lock store answers four batch reads a second at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A lock store as something to look at.
pub(crate) struct LockLooks(Arc<dyn LockStore>);

#[async_trait]
impl Looks for LockLooks {
    type Sight = Option<Lock>;

    async fn look(&self, agents: &[AgentName]) -> Result<Vec<Option<Lock>>, LockStoreError> {
        self.0.read(agents).await
    }
}

pub(crate) struct Locks {
    pub(crate) store: Arc<dyn LockStore>,
    pub(crate) keeper: Arc<Keeper>,
    watcher: Arc<Watcher<LockLooks>>,
    memory: Arc<Memory>,
    /// Asked about runs whose end their locks cannot tell, where it may be.
    clouddriver: Option<Arc<Clouddriver>>,
    _loops: [AbortOnDropHandle<()>; 2],
}

impl Locks {
    #[allow(clippy::disallowed_methods, reason = "the two loops of this shell; they end with it")]
    pub(crate) fn start(
        store: Arc<dyn LockStore>,
        clouddriver: Option<Arc<Clouddriver>>,
        memory: &Arc<Memory>,
        clock: &Clock,
    ) -> Self {
        let watcher = Watcher::new(Arc::new(LockLooks(Arc::clone(&store))), LOOK_EVERY, clock.clone());
        let keeper = Keeper::new(Arc::clone(&store), Arc::clone(&watcher), Arc::clone(memory), clock.clone());
        let loops = [
            AbortOnDropHandle::new(tokio::spawn(Arc::clone(&watcher).run())),
            AbortOnDropHandle::new(tokio::spawn(Arc::clone(&keeper).run())),
        ];
        Self { store, keeper, watcher, memory: Arc::clone(memory), clouddriver, _loops: loops }
    }

    pub(crate) async fn survey(
        &self,
        agents: &[AgentName],
        asked: Timestamp,
    ) -> Result<Vec<AgentSeen>, LockStoreError> {
        let found = self.store.read(agents).await?;
        let seen = agents.iter().zip(found).map(|(agent, lock)| {
            let state = self.memory.note(agent, lock.as_ref(), asked).state;
            self.keeper.seen(agent, state);
            AgentSeen { agent: agent.clone(), state }
        });
        Ok(seen.collect())
    }
}

#[async_trait]
impl Way for Locks {
    type Source = LockLooks;
    type Story = ();

    fn watcher(&self) -> &Arc<Watcher<LockLooks>> {
        &self.watcher
    }

    fn input(&self, agent: &Agent, lock: Option<Lock>, asked: Timestamp, (): &mut ()) -> Input {
        let (state, last_run) = self.memory.note_timed(&agent.name, lock.as_ref(), Timing::from(agent), asked);
        Input::Seen(Look { lock, state, asked, last_run })
    }

    async fn release(&self, request: &RefreshRequest, seen: &Lock, (): &mut ()) -> Input {
        match self.store.release_if(&request.agent.name, seen).await {
            Ok(written) => {
                if written == Written::Done {
                    count(Metric::ForcedRuns, &[("class", request.class.as_str())]);
                }
                Input::Released(written)
            }
            Err(error) => {
                count(Metric::LockStoreErrors, &[]);
                Input::Unreadable(chain(&error))
            }
        }
    }

    /// Asks introspection. It may know nothing of the run (another replica ran the agent): then the lock tells, later.
    async fn confirmed(&self, agent: &AgentName) -> Option<Timestamp> {
        let runs = self.clouddriver.as_ref()?.introspection().await.ok()?;
        runs.into_iter().find(|run| run.agent == agent.as_str()).map(|run| run.started)
    }
}
