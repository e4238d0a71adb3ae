//! Locks in memory and a model of a scheduler over them, for tests in paused time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::lock::Lock;
use aws_event_cache_clouddriver::lock_store::{Facts, LockStore, LockStoreError, Written};
use aws_event_cache_model::{AgentName, Timestamp};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::Fleet;

pub const OURS: &str = "aws-event-cache:memory";

#[derive(Default)]
pub struct MemoryLocks {
    pub locks: Mutex<HashMap<AgentName, Lock>>,
    pub reads: AtomicUsize,
    pub writes: AtomicUsize,
    pub away: AtomicBool,
    /// How long a write takes until it is done.
    pub writes_take: Mutex<Duration>,
}

impl MemoryLocks {
    fn answers(&self) -> Result<(), LockStoreError> {
        if self.away.load(SeqCst) {
            Err(LockStoreError::TimedOut { store: "memory".to_owned(), seconds: 0 })
        } else {
            Ok(())
        }
    }

    async fn write(&self, agent: &AgentName, seen: &Lock, new: Option<Lock>) -> Result<Written, LockStoreError> {
        self.answers()?;
        let takes = *self.writes_take.lock();
        tokio::time::sleep(takes).await;
        self.writes.fetch_add(1, SeqCst);
        let mut locks = self.locks.lock();
        if locks.get(agent) != Some(seen) {
            return Ok(Written::Conflict);
        }
        match new {
            Some(lock) => locks.insert(agent.clone(), lock),
            None => locks.remove(agent),
        };
        Ok(Written::Done)
    }
}

#[async_trait]
impl LockStore for MemoryLocks {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    async fn read(&self, agents: &[AgentName]) -> Result<Vec<Option<Lock>>, LockStoreError> {
        if !agents.is_empty() {
            self.reads.fetch_add(1, SeqCst);
        }
        self.answers()?;
        let locks = self.locks.lock();
        Ok(agents.iter().map(|agent| locks.get(agent).cloned()).collect())
    }

    async fn release_if(&self, agent: &AgentName, seen: &Lock) -> Result<Written, LockStoreError> {
        self.write(agent, seen, None).await
    }

    async fn hold_if(&self, agent: &AgentName, seen: &Lock, until: Timestamp) -> Result<Written, LockStoreError> {
        self.write(agent, seen, Some(Lock { owner: OURS.into(), expires: until, acquired: seen.acquired })).await
    }

    async fn claim(&self, agent: &AgentName, until: Timestamp) -> Result<Written, LockStoreError> {
        self.answers()?;
        self.writes.fetch_add(1, SeqCst);
        let mut locks = self.locks.lock();
        if locks.contains_key(agent) {
            return Ok(Written::Conflict);
        }
        locks.insert(agent.clone(), Lock { owner: OURS.into(), acquired: None, expires: until });
        Ok(Written::Done)
    }

    async fn let_go(&self, agents: &[AgentName]) -> Result<u64, LockStoreError> {
        self.answers()?;
        let mut locks = self.locks.lock();
        let before = locks.len();
        locks.retain(|agent, lock| !agents.contains(agent) || !lock.is_ours());
        Ok((before - locks.len()) as u64)
    }

    async fn probe(&self, agents: &[AgentName]) -> Result<Facts, LockStoreError> {
        let locks = self.read(agents).await?;
        Ok(Facts { asked: agents.len(), locked: locks.iter().flatten().count(), ..Facts::default() })
    }
}

/// Starts a scheduler with Clouddriver's own times: a tick a second, 30 s, 300 s.
pub fn start(locks: &Arc<MemoryLocks>, fleet: &Arc<Fleet>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(tick_for_ever(Arc::clone(locks), Arc::clone(fleet))))
}

async fn tick_for_ever(locks: Arc<MemoryLocks>, fleet: Arc<Fleet>) {
    loop {
        let now = fleet.clock.now();
        for agent in &fleet.agents {
            let free = locks.locks.lock().get(agent).is_none_or(|lock| lock.expires < now);
            if free {
                locks.locks.lock().insert(agent.clone(), lock(now, Duration::from_secs(300)));
                tokio::spawn(run(Arc::clone(&locks), Arc::clone(&fleet), agent.clone(), now));
            }
        }
        fleet.clock.sleep(Duration::from_secs(1)).await;
    }
}

async fn run(locks: Arc<MemoryLocks>, fleet: Arc<Fleet>, agent: AgentName, started: Timestamp) {
    fleet.run(&agent).await;
    let (idle, now) = (lock(started, Duration::from_secs(30)), fleet.clock.now());
    let mut locks = locks.locks.lock();
    if idle.expires.duration_since(now).as_millis() < 500 {
        locks.remove(&agent);
    } else {
        locks.insert(agent, idle);
    }
}

fn lock(started: Timestamp, life: Duration) -> Lock {
    Lock { owner: "node".into(), acquired: Some(started), expires: started.saturating_add(life).unwrap() }
}

/// A clock that follows tokio's, from a round time on.
pub fn clock() -> Clock {
    Clock::starting_at(Timestamp::from_second(1_700_000_000).unwrap(), 1)
}
