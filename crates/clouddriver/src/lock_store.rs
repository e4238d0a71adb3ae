//! Where Clouddriver keeps its agents' locks: the seam behind which Redis, MySQL or MariaDB, and PostgreSQL stand.

mod address;
mod redis;
mod sql;

use std::sync::Arc;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{AgentName, Timestamp};

pub use address::{Address, BadAddress, LockStoreSettings, Namespace};
pub use redis::RedisLocks;
pub use sql::SqlLocks;

use crate::lock::{Lock, Mark};

/// Clouddriver's lock store.
///
/// Implementations touch the locks of exactly the agents they are given, never patterns of names: the store may hold anything else besides. Every write carries the
/// condition that the lock is still the one that was seen, or that there still is none, and every lock written has an end. Calls have time limits of their own.
///
/// The three shipped implementations are opened by [`open`]; the simulation brings one that lives in memory.
#[async_trait]
pub trait LockStore: Send + Sync + 'static {
    /// Which store it is, for people; never with a password.
    fn describe(&self) -> String;

    /// Looks at locks, in few round trips; the answers are in the order of `agents`.
    ///
    /// The ends of Redis keys are reckoned from the time before the call, so that a run never seems to have started later than it did.
    ///
    /// # Errors
    /// [`LockStoreError`] when the store did not answer in time or refused.
    async fn read(&self, agents: &[AgentName]) -> Result<Vec<Option<Lock>>, LockStoreError>;

    /// Run now: takes an idle agent's lock away if it still is what was `seen`. Never to be called for a running agent.
    ///
    /// # Errors
    /// As [`LockStore::read`]. It is then unknown whether the lock was taken away.
    async fn release_if(&self, agent: &AgentName, seen: &Lock) -> Result<Written, LockStoreError>;

    /// Hold: gives an idle agent's lock our mark and another end if it still is what was `seen`.
    ///
    /// # Errors
    /// As [`LockStore::read`]. It is then unknown whether the lock was written.
    async fn hold_if(&self, agent: &AgentName, seen: &Lock, until: Timestamp) -> Result<Written, LockStoreError>;

    /// Hold, for an agent between two runs: gives it a lock of ours if it has none now. Only to be called for an agent that was just seen running, so that it exists.
    ///
    /// Clouddriver's schedulers take their locks with the same condition, so exactly one of us wins. A store that does not let us make locks answers
    /// [`Written::Conflict`].
    ///
    /// # Errors
    /// As [`LockStore::read`]. It is then unknown whether the lock was written.
    async fn claim(&self, agent: &AgentName, until: Timestamp) -> Result<Written, LockStoreError>;

    /// Takes away those locks that carry a mark of ours, of whichever instance; returns how many there were.
    ///
    /// # Errors
    /// As [`LockStore::read`].
    async fn let_go(&self, agents: &[AgentName]) -> Result<u64, LockStoreError>;

    /// Gathers what helps to see whether this is the store, and the scheduler, that Clouddriver really uses.
    ///
    /// # Errors
    /// As [`LockStore::read`].
    async fn probe(&self, agents: &[AgentName]) -> Result<Facts, LockStoreError>;
}

/// Whether a conditional write was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was.
    Done,
    /// It was not, since the lock had changed, gone or come: a replica was faster. Look again.
    Conflict,
}

/// What a lock store shows of the scheduler behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// [`LockStore::describe`].
    pub store: String,
    /// Of how many agents the locks were asked for.
    pub asked: usize,
    /// How many of them have a lock.
    pub locked: usize,
    /// How many of those are holds of ours.
    pub ours: usize,
    /// Locks that never end.
    pub endless: Vec<AgentName>,
    /// Redis keys of agents' names that are not strings.
    pub not_strings: Vec<AgentName>,
    /// The sorted sets of Clouddriver's `sort` scheduler exist.
    pub sort_scheduler: bool,
    /// The stream or table of Clouddriver's publish-subscribe scheduler exists.
    pub pubsub_scheduler: bool,
    /// Rows in the lock table altogether, of all providers' agents; `None` for Redis, whose keys are not counted since they may be anything.
    pub rows: Option<u64>,
    /// The latest start of a run in the rows, to see clocks that differ; `None` for Redis.
    pub newest_start: Option<Timestamp>,
    /// The server's Redis role is `replica`: it cannot be written.
    pub read_only: bool,
}

/// Why the lock store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LockStoreError {
    /// The settings make no sense.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// It did not answer in time.
    #[error("{store} did not answer within {seconds} s")]
    TimedOut {
        /// Which.
        store: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Redis could not be reached or refused.
    #[error("{store} failed")]
    Redis {
        /// Which.
        store: String,
        /// What it said.
        #[source]
        source: ::redis::RedisError,
    },
    /// The database could not be reached or refused.
    #[error("{store} failed")]
    Sql {
        /// Which.
        store: String,
        /// What it said.
        #[source]
        source: sqlx::Error,
    },
    /// The bridge plugin could not be reached.
    #[error("{store} failed")]
    Plugin {
        /// Which replica's.
        store: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// It answered something else than what was asked.
    #[error("{store} answered unexpectedly: {said}")]
    Unexpected {
        /// Which.
        store: String,
        /// What it said.
        said: String,
    },
}

/// Makes ready the lock store that the settings name. Nothing is connected yet: a store that is down at our start is used as soon as it is up.
///
/// # Errors
/// [`LockStoreError::Address`] when the settings make no sense, [`LockStoreError::Redis`] when the certificates for TLS cannot be loaded.
pub fn open(settings: &LockStoreSettings, clock: Clock) -> Result<Arc<dyn LockStore>, LockStoreError> {
    let mark = Mark::new(&settings.instance);
    Ok(match settings.address()? {
        Address::Redis(url) => Arc::new(RedisLocks::new(&url, mark, clock)?),
        Address::MySql(options) => Arc::new(SqlLocks::mysql(*options, settings.namespace.as_ref(), mark, clock)),
        Address::Postgres(options) => Arc::new(SqlLocks::postgres(*options, settings.namespace.as_ref(), mark, clock)),
    })
}

/// An error with all its causes, in one line, for logs and outcomes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
