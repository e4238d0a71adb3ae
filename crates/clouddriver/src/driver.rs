//! The drive arm as the engine sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::{Drive, DriveError};
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{Accounts, AgentName, AgentSeen, Hold, Outcome, RefreshRequest, StockPolling, Timestamp};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::client::Clouddriver;
use crate::diagnose::{self, Evidence, Problem};
use crate::keeper::Keeper;
use crate::lock::Timing;
use crate::lock_store::{LockStore, LockStoreError, Written, chain};
use crate::memory::Memory;
use crate::on_demand::{self, CacheStore};
use crate::run::{Action, Input, Look, Run};
use crate::watcher::{Watcher, Watching};

/// Time between two questions to introspection about a run whose end its lock cannot tell. The answer is long, and the alternative is to wait a minute.
const CONFIRM_EVERY: Duration = Duration::from_secs(3);

/// What the drive arm works with.
pub struct DriverParts {
    /// Clouddriver's lock store; without it there are on-demand calls only.
    pub locks: Option<Arc<dyn LockStore>>,
    /// Other stores that Clouddriver could keep its locks in, only looked at by [`Driver::diagnose`].
    pub other_locks: Vec<Arc<dyn LockStore>>,
    /// Clouddriver itself.
    pub clouddriver: Option<Arc<Clouddriver>>,
    /// Agents and on-demand calls.
    pub catalog: Arc<Catalog>,
    /// The accounts served.
    pub accounts: watch::Receiver<Arc<Accounts>>,
    /// How Clouddriver polls.
    pub stock: StockPolling,
    /// Where Clouddriver keeps its cache.
    pub cache_store: CacheStore,
    /// Whether introspection may be asked about runs whose end their locks cannot tell. Only where one replica runs all agents does it always know.
    pub confirm: bool,
    /// The time.
    pub clock: Clock,
}

/// Drives Clouddriver: runs agents, watches them, holds them.
///
/// Two loops belong to it and end with it: one looks at the locks of the agents under way, one looks after the holds. When it is dropped its holds stay, and end by
/// themselves within [`crate::holds::HOLD_LENGTH`]; an orderly end calls [`Drive::release_all`] first.
pub struct Driver {
    locks: Option<Locks>,
    other_locks: Vec<Arc<dyn LockStore>>,
    clouddriver: Option<Arc<Clouddriver>>,
    catalog: Arc<Catalog>,
    cache_store: CacheStore,
    confirm: bool,
    memory: Arc<Memory>,
    clock: Clock,
}

struct Locks {
    store: Arc<dyn LockStore>,
    watcher: Arc<Watcher>,
    keeper: Arc<Keeper>,
    _loops: [AbortOnDropHandle<()>; 2],
}

impl Driver {
    /// Starts the loops; must be called within a tokio runtime.
    pub fn start(parts: DriverParts) -> Self {
        let memory = Memory::new(Arc::clone(&parts.catalog), parts.accounts, parts.stock);
        let locks = parts.locks.map(|store| Locks::start(store, &memory, &parts.clock));
        Self {
            locks,
            other_locks: parts.other_locks,
            clouddriver: parts.clouddriver,
            catalog: parts.catalog,
            cache_store: parts.cache_store,
            confirm: parts.confirm,
            memory,
            clock: parts.clock,
        }
    }

    /// The agents that the accounts of the moment give.
    pub fn roster(&self) -> Arc<Roster> {
        self.memory.roster()
    }

    /// Intervals in which agents were seen to poll, where they differ from what is expected: (expected, seen) in seconds, and how many agents.
    pub fn odd_intervals(&self) -> BTreeMap<(u64, u64), usize> {
        self.memory.odd_intervals()
    }

    /// Looks for what cannot be right: the wrong lock store, the wrong scheduler, nobody who runs agents. For status and `doctor`; costs a look at every lock.
    pub async fn diagnose(&self) -> Vec<Problem> {
        let roster = self.memory.roster();
        let agents: Vec<AgentName> = roster.agents().iter().map(|agent| agent.name.clone()).collect();
        let stores = self.locks.iter().map(|locks| &locks.store).chain(&self.other_locks);
        let facts = futures::future::join_all(stores.map(|store| store.probe(&agents))).await;
        let runs = match &self.clouddriver {
            Some(clouddriver) => Some(clouddriver.introspection().await.map_err(|e| chain(&e))),
            None => None,
        };
        let evidence = Evidence {
            has_lock_store: self.locks.is_some(),
            facts: facts.into_iter().map(|facts| facts.map_err(|e| chain(&e))).collect(),
            agents: agents.len(),
            runs,
            odd_intervals: self.memory.odd_intervals(),
            now: self.clock.now(),
        };
        diagnose::diagnose(&evidence)
    }

    fn locks(&self) -> Result<&Locks, DriveError> {
        self.locks.as_ref().ok_or(DriveError::NoLockStore)
    }

    async fn run_agent(&self, locks: &Locks, request: &RefreshRequest) -> Outcome {
        let agent = &request.agent;
        let mut run = Run::new(request.since, Timing::from(&**agent));
        let mut looks = locks.watcher.watch(&agent.name);
        let mut confirm_at = Timestamp::MIN;
        loop {
            let (asked, lock) = looks.next().await;
            let action = match lock {
                Err(why) => run.step(Input::Unreadable(why), self.clock.now()),
                Ok(lock) => {
                    let timing = Timing::from(&**agent);
                    let (state, last_run) = self.memory.note_timed(&agent.name, lock.as_ref(), timing, asked);
                    let look = Look { lock, state, asked, last_run };
                    run.step(Input::Seen(look), self.clock.now())
                }
            };
            let action = self.act(locks, request, &mut run, &mut looks, action).await;
            if let Action::End(outcome) = action {
                return outcome;
            }
            if run.wants_confirmation() && self.clock.now() >= confirm_at {
                if let Some(Action::End(outcome)) = self.confirmed(&mut run, &agent.name).await {
                    return outcome;
                }
                confirm_at = self.clock.now().saturating_add(CONFIRM_EVERY).unwrap_or(Timestamp::MAX);
            }
        }
    }

    async fn act(
        &self,
        locks: &Locks,
        request: &RefreshRequest,
        run: &mut Run,
        looks: &mut Watching,
        action: Action,
    ) -> Action {
        let Action::Release(lock) = action else { return action };
        let input = match locks.store.release_if(&request.agent.name, &lock).await {
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
        };
        looks.restart();
        run.step(input, self.clock.now())
    }

    /// Asks introspection whether the run has ended. It may know nothing of it (another replica ran the agent): then the lock tells, later.
    async fn confirmed(&self, run: &mut Run, agent: &AgentName) -> Option<Action> {
        let clouddriver = self.clouddriver.as_ref().filter(|_| self.confirm)?;
        let runs = clouddriver.introspection().await.ok()?;
        let last = runs.into_iter().find(|run| run.agent == agent.as_str())?;
        Some(run.step(Input::Confirmed { started: last.started }, self.clock.now()))
    }
}

impl Locks {
    #[allow(clippy::disallowed_methods, reason = "the two loops of this shell; they end with it")]
    fn start(store: Arc<dyn LockStore>, memory: &Arc<Memory>, clock: &Clock) -> Self {
        let watcher = Watcher::new(Arc::clone(&store), clock.clone());
        let keeper = Keeper::new(Arc::clone(&store), Arc::clone(&watcher), Arc::clone(memory), clock.clone());
        let loops = [
            AbortOnDropHandle::new(tokio::spawn(Arc::clone(&watcher).run())),
            AbortOnDropHandle::new(tokio::spawn(Arc::clone(&keeper).run())),
        ];
        Self { store, watcher, keeper, _loops: loops }
    }
}

#[async_trait]
impl Drive for Driver {
    async fn refresh(&self, request: &RefreshRequest) -> Outcome {
        match &self.locks {
            Some(locks) => self.run_agent(locks, request).await,
            None => {
                let clouddriver = self.clouddriver.as_deref();
                on_demand::refresh(request, &self.catalog, self.cache_store, clouddriver, &self.clock).await
            }
        }
    }

    async fn survey(&self, agents: &[AgentName]) -> Result<Vec<AgentSeen>, DriveError> {
        let locks = self.locks()?;
        let asked = self.clock.now();
        let found = locks.store.read(agents).await.map_err(|e| refused(&e))?;
        Ok(agents
            .iter()
            .zip(found)
            .map(|(agent, lock)| {
                let state = self.memory.note(agent, lock.as_ref(), asked).state;
                locks.keeper.seen(agent, state);
                AgentSeen { agent: agent.clone(), state }
            })
            .collect())
    }

    async fn hold(&self, holds: &[Hold]) -> Result<(), DriveError> {
        if self.locks.is_none() && holds.is_empty() {
            return Ok(());
        }
        self.locks()?.keeper.hold(holds).await.map_err(|e| refused(&e))
    }

    async fn release_all(&self) -> Result<(), DriveError> {
        match &self.locks {
            Some(locks) => locks.keeper.release_all().await.map_err(|e| refused(&e)),
            None => Ok(()),
        }
    }
}

fn refused(error: &LockStoreError) -> DriveError {
    count(Metric::LockStoreErrors, &[]);
    DriveError::LockStore(chain(error))
}
