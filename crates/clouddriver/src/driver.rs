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

use crate::client::Clouddriver;
use crate::diagnose::{self, Evidence, Problem};
use crate::lock_store::{LockStore, LockStoreError, chain};
use crate::locks::Locks;
use crate::memory::{Memory, odd_intervals};
use crate::on_demand::{self, CacheStore};
use crate::plugin::fleet::ReplicaState;
use crate::plugin::{self, Kept, Plugin, Replicas};
use crate::way;

/// By what agents are run and held.
pub enum Control {
    /// By nothing: there are on-demand calls only.
    None,
    /// By their locks in Clouddriver's lock store.
    Locks(Arc<dyn LockStore>),
    /// By the bridge plugin in Clouddriver.
    Plugin(Arc<Replicas>),
}

/// What the drive arm works with.
pub struct DriverParts {
    /// By what agents are run and held.
    pub control: Control,
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

/// How agents are run and held, and how that is doing; from memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlState {
    /// They are not.
    None,
    /// By their locks.
    Locks {
        /// In this store, without a password.
        store: String,
    },
    /// By the bridge plugin.
    Plugin {
        /// Each replica of Clouddriver.
        replicas: Vec<ReplicaState>,
        /// When a plugin fetched the intervals last.
        fetched: Option<Timestamp>,
        /// How many agents have an interval of ours.
        held: usize,
    },
}

/// Drives Clouddriver: runs agents, watches them, holds them.
///
/// Two loops belong to it and end with it: one looks at the agents under way, one looks after the holds. When it is dropped its holds stay, and end by
/// themselves within [`crate::holds::HOLD_LENGTH`]; an orderly end calls [`Drive::release_all`] first.
pub struct Driver {
    hand: Hand,
    other_locks: Vec<Arc<dyn LockStore>>,
    clouddriver: Option<Arc<Clouddriver>>,
    catalog: Arc<Catalog>,
    cache_store: CacheStore,
    memory: Arc<Memory>,
    clock: Clock,
}

/// What is at work behind a [`Control`].
enum Hand {
    None,
    Locks(Locks),
    Plugin(Kept),
}

impl Driver {
    /// Starts the loops; must be called within a tokio runtime.
    pub fn start(parts: DriverParts) -> Self {
        let memory = Memory::new(Arc::clone(&parts.catalog), parts.accounts, parts.stock);
        let hand = match parts.control {
            Control::None => Hand::None,
            Control::Locks(store) => {
                let confirms = parts.clouddriver.clone().filter(|_| parts.confirm);
                Hand::Locks(Locks::start(store, confirms, &memory, &parts.clock))
            }
            Control::Plugin(replicas) => {
                Hand::Plugin(Plugin::start(replicas, Arc::clone(&memory), parts.clock.clone()))
            }
        };
        Self {
            hand,
            other_locks: parts.other_locks,
            clouddriver: parts.clouddriver,
            catalog: parts.catalog,
            cache_store: parts.cache_store,
            memory,
            clock: parts.clock,
        }
    }

    /// The agents that the accounts of the moment give.
    pub fn roster(&self) -> Arc<Roster> {
        self.memory.roster()
    }

    /// The intervals that the bridge plugin is to use instead of its own, for [`plugin::intervals::VALID_FOR`]; none where the plugin is not what agents are held by.
    pub fn hand_out_intervals(&self) -> BTreeMap<AgentName, Duration> {
        match &self.hand {
            Hand::Plugin(Kept { plugin, .. }) => plugin.hand_out(),
            _ => BTreeMap::new(),
        }
    }

    /// How agents are run and held, and how that is doing.
    pub fn control(&self) -> ControlState {
        match &self.hand {
            Hand::None => ControlState::None,
            Hand::Locks(locks) => ControlState::Locks { store: locks.store.describe() },
            Hand::Plugin(Kept { plugin, .. }) => {
                let (fetched, held) = plugin.held();
                ControlState::Plugin { replicas: plugin.states(), fetched, held }
            }
        }
    }

    /// Intervals in which agents were seen to poll, where they differ from what is expected: (expected, seen) in seconds, and how many agents.
    pub fn odd_intervals(&self) -> BTreeMap<(u64, u64), usize> {
        let roster = self.memory.roster();
        match &self.hand {
            Hand::Plugin(Kept { plugin, .. }) => odd_intervals(&roster, |agent| plugin.stock(agent)),
            _ => odd_intervals(&roster, |agent| self.memory.interval(agent)),
        }
    }

    /// Looks for what cannot be right: the wrong lock store, the wrong scheduler, nobody who runs agents. For status and `doctor`; costs a look at every agent.
    pub async fn diagnose(&self) -> Vec<Problem> {
        match &self.hand {
            Hand::None => self.diagnose_locks(None).await,
            Hand::Locks(locks) => self.diagnose_locks(Some(&locks.store)).await,
            Hand::Plugin(Kept { plugin, .. }) => self.diagnose_plugin(plugin).await,
        }
    }

    async fn diagnose_locks(&self, store: Option<&Arc<dyn LockStore>>) -> Vec<Problem> {
        let roster = self.memory.roster();
        let agents: Vec<AgentName> = roster.agents().iter().map(|agent| agent.name.clone()).collect();
        let stores = store.into_iter().chain(&self.other_locks);
        let facts = futures::future::join_all(stores.map(|store| store.probe(&agents))).await;
        let runs = match &self.clouddriver {
            Some(clouddriver) => Some(clouddriver.introspection().await.map_err(|e| chain(&e))),
            None => None,
        };
        let evidence = Evidence {
            has_lock_store: store.is_some(),
            facts: facts.into_iter().map(|facts| facts.map_err(|e| chain(&e))).collect(),
            agents: agents.len(),
            runs,
            odd_intervals: self.odd_intervals(),
            now: self.clock.now(),
        };
        diagnose::diagnose(&evidence)
    }

    async fn diagnose_plugin(&self, plugin: &Plugin) -> Vec<Problem> {
        plugin.look().await;
        let roster = self.memory.roster();
        let evidence = plugin::Evidence {
            store: plugin.describe(),
            replicas: plugin.states(),
            agents: roster.agents().len(),
            found: roster.agents().iter().filter(|agent| plugin.stock(&agent.name).is_some()).count(),
            fetched: plugin.held().0,
            odd_intervals: self.odd_intervals(),
            now: self.clock.now(),
        };
        plugin::diagnose(&evidence)
    }
}

#[async_trait]
impl Drive for Driver {
    async fn refresh(&self, request: &RefreshRequest) -> Outcome {
        match &self.hand {
            Hand::Locks(locks) => way::refresh(locks, request, &self.clock).await,
            Hand::Plugin(kept) => way::refresh(&*kept.plugin, request, &self.clock).await,
            Hand::None => {
                let clouddriver = self.clouddriver.as_deref();
                on_demand::refresh(request, &self.catalog, self.cache_store, clouddriver, &self.clock).await
            }
        }
    }

    async fn survey(&self, agents: &[AgentName]) -> Result<Vec<AgentSeen>, DriveError> {
        match &self.hand {
            Hand::None => Err(DriveError::NoLockStore),
            Hand::Locks(locks) => locks.survey(agents, self.clock.now()).await.map_err(|e| refused(&e)),
            Hand::Plugin(Kept { plugin, .. }) => plugin.survey(agents).await.map_err(|e| refused(&e)),
        }
    }

    async fn hold(&self, holds: &[Hold]) -> Result<(), DriveError> {
        match &self.hand {
            Hand::None if holds.is_empty() => Ok(()),
            Hand::None => Err(DriveError::NoLockStore),
            Hand::Locks(locks) => locks.keeper.hold(holds).await.map_err(|e| refused(&e)),
            Hand::Plugin(Kept { plugin, .. }) => plugin.hold(holds).map_err(|e| refused(&e)),
        }
    }

    async fn release_all(&self) -> Result<(), DriveError> {
        match &self.hand {
            Hand::None => Ok(()),
            Hand::Locks(locks) => locks.keeper.release_all().await.map_err(|e| refused(&e)),
            Hand::Plugin(Kept { plugin, .. }) => plugin.release_all().await.map_err(|e| refused(&e)),
        }
    }
}

fn refused(error: &LockStoreError) -> DriveError {
    count(Metric::LockStoreErrors, &[]);
    DriveError::LockStore(chain(error))
}
