//! The seams: where a network, or a second real implementation, stands behind a call.

use async_trait::async_trait;

use crate::agent::{AgentName, AgentSeen, Hold};
use crate::hint::Hint;
use crate::record::Record;
use crate::refresh::{Outcome, RefreshRequest};

/// Where hints go: the engine, or a dry run.
///
/// Implementations return only when every invalidation is in the ledger and every refresh is owed in the store, so that a caller may acknowledge the
/// message as soon as this returns.
#[async_trait]
pub trait HintSink: Send + Sync + 'static {
    /// Takes the hints of one message.
    ///
    /// # Errors
    /// [`NotAccepted`] when they could not be made durable or we are shutting down; the sender must be told to try again.
    async fn accept(&self, hints: Vec<Hint>) -> Result<(), NotAccepted>;
}

/// Why hints were not accepted. All of them mean: try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// The store could not be written.
    #[error("the store could not be written: {0}")]
    Store(String),
    /// We are shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

/// Where records are kept: the embedded store, and one day a shared one.
pub trait Journal: Send + Sync + 'static {
    /// Hands records over, in order, and returns at once. The ticket resolves when they are durable. Records that only tell what was ([`Record::Audit`],
    /// [`Record::Event`], [`Record::Count`]) may be written a little later: a ticket for nothing else may resolve before.
    fn append(&self, records: Vec<Record>) -> Ticket;
}

/// Resolves when the records it was given for are durable.
pub type Ticket = std::pin::Pin<Box<dyn Future<Output = Result<(), NotAccepted>> + Send + 'static>>;

/// The drive arm, as the engine sees it: the only thing that touches Clouddriver.
#[async_trait]
pub trait Drive: Send + Sync + 'static {
    /// Sees to it that the agent runs once, starting at or after `request.since`, and waits until that run has ended.
    async fn refresh(&self, request: &RefreshRequest) -> Outcome;

    /// Looks at agents' locks.
    ///
    /// # Errors
    /// [`DriveError`] when the lock store cannot be read.
    async fn survey(&self, agents: &[AgentName]) -> Result<Vec<AgentSeen>, DriveError>;

    /// Makes these, and only these, agents wait. Agents that were held before and are not listed are let go.
    ///
    /// # Errors
    /// [`DriveError`] when the lock store cannot be written; holds then end by themselves.
    async fn hold(&self, holds: &[Hold]) -> Result<(), DriveError>;

    /// Lets every agent go at once: kill switch, `release` and shutdown.
    ///
    /// # Errors
    /// [`DriveError`] when the lock store cannot be written; holds then end by themselves within two minutes.
    async fn release_all(&self) -> Result<(), DriveError>;
}

/// Clouddriver's side could not be reached or does not have what we need.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// No lock store is configured: only on-demand calls are possible.
    #[error("no lock store is configured, so agents can neither be run nor held; set clouddriver.lockStore")]
    NoLockStore,
    /// The lock store did not answer or refused.
    #[error("{0}")]
    LockStore(String),
}
