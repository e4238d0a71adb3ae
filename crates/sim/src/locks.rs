//! The simulated Clouddriver's lock store, as the drive arm's seam sees it: what Redis would answer.

use std::sync::Arc;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::lock::{Lock, Mark};
use aws_event_cache_clouddriver::lock_store::{Facts, LockStore, LockStoreError, Written};
use aws_event_cache_model::{AgentName, Timestamp};
use parking_lot::Mutex;

use crate::world::{SimLock, World};

/// A lock store in the memory of a [`World`].
#[derive(Debug)]
pub struct SimulatedLocks {
    world: Arc<Mutex<World>>,
    clock: Clock,
    mark: Mark,
}

impl SimulatedLocks {
    /// The locks of this world.
    pub fn new(world: Arc<Mutex<World>>, clock: Clock) -> Self {
        Self { world, clock, mark: Mark::new("demo") }
    }

    /// Writes `to` if the lock still is what was seen.
    fn write(&self, agent: &AgentName, seen: &Lock, to: Option<SimLock>) -> Written {
        let now = self.clock.now();
        let mut world = self.world.lock();
        match world.lock(agent, now) {
            Some(lock) if lock.value == seen.owner.as_str() && lock.ends == seen.expires => {
                world.set_lock(agent, to);
                Written::Done
            }
            _ => Written::Conflict,
        }
    }
}

#[async_trait]
impl LockStore for SimulatedLocks {
    fn describe(&self) -> String {
        "simulated Redis".into()
    }

    async fn read(&self, agents: &[AgentName]) -> Result<Vec<Option<Lock>>, LockStoreError> {
        let now = self.clock.now();
        let mut world = self.world.lock();
        Ok(agents
            .iter()
            .map(|agent| {
                let lock = world.lock(agent, now)?;
                Some(Lock { owner: lock.value.as_str().into(), acquired: None, expires: lock.ends })
            })
            .collect())
    }

    async fn release_if(&self, agent: &AgentName, seen: &Lock) -> Result<Written, LockStoreError> {
        Ok(self.write(agent, seen, None))
    }

    async fn hold_if(&self, agent: &AgentName, seen: &Lock, until: Timestamp) -> Result<Written, LockStoreError> {
        let held = SimLock { value: self.mark.as_str().into(), ends: until };
        Ok(self.write(agent, seen, Some(held)))
    }

    async fn claim(&self, agent: &AgentName, until: Timestamp) -> Result<Written, LockStoreError> {
        let now = self.clock.now();
        let mut world = self.world.lock();
        if world.lock(agent, now).is_some() {
            return Ok(Written::Conflict);
        }
        world.set_lock(agent, Some(SimLock { value: self.mark.as_str().into(), ends: until }));
        Ok(Written::Done)
    }

    async fn let_go(&self, agents: &[AgentName]) -> Result<u64, LockStoreError> {
        let now = self.clock.now();
        let mut world = self.world.lock();
        let mut gone = 0;
        for agent in agents {
            if world.lock(agent, now).is_some_and(|lock| lock.value.starts_with(Mark::prefix())) {
                world.set_lock(agent, None);
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn probe(&self, agents: &[AgentName]) -> Result<Facts, LockStoreError> {
        let locked = self.read(agents).await?.iter().flatten().count();
        Ok(Facts { store: self.describe(), asked: agents.len(), locked, ..Facts::default() })
    }
}
