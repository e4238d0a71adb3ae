//! What the API needs of engine and store, as one seam: the pair of them in the product, a recording one in tests of the router.

use async_trait::async_trait;
use aws_event_cache_model::{AuditEntry, EventRecord, Override, OverrideId, RefreshId, RefreshOrder, RefreshRecord};

use crate::status::StatusReport;

/// Engine and store, as the API sees them.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Takes an operator's refresh, and returns when it is durable. Equal orders within the engine's short window are one.
    ///
    /// # Errors
    /// [`OrderRefused`] when nothing follows from it or it cannot be taken now.
    async fn order(&self, order: RefreshOrder, by: &str) -> Result<RefreshRecord, OrderRefused>;

    /// One refresh; `None` when it was never ordered or is forgotten.
    fn refresh(&self, id: &RefreshId) -> Option<RefreshRecord>;

    /// The latest refreshes, newest first.
    fn refreshes(&self, limit: usize) -> Vec<RefreshRecord>;

    /// Takes a refresh back, and returns it as it is then: one that had ended stays as it was. `None` when there is none.
    ///
    /// # Errors
    /// [`NotNow`] when it could not be made durable.
    async fn cancel(&self, id: &RefreshId) -> Result<Option<RefreshRecord>, NotNow>;

    /// Overrides in force.
    fn overrides(&self) -> Vec<Override>;

    /// Sets an override, and returns when it is durable.
    ///
    /// # Errors
    /// [`NotNow`] when it could not be made durable.
    async fn set_override(&self, new: Override) -> Result<(), NotNow>;

    /// Takes an override back; whether there was one.
    ///
    /// # Errors
    /// [`NotNow`] when it could not be made durable.
    async fn remove_override(&self, id: &OverrideId) -> Result<bool, NotNow>;

    /// Lets every held agent go at once.
    ///
    /// # Errors
    /// [`NotNow`] when the lock store could not be written; holds then end by themselves within two minutes.
    async fn release_all(&self) -> Result<(), NotNow>;

    /// How everything stands.
    ///
    /// # Errors
    /// [`NotNow`] when it cannot be told.
    fn status(&self) -> Result<StatusReport, NotNow>;

    /// Adds to the audit list, and returns when it is durable.
    ///
    /// # Errors
    /// [`NotNow`] when it could not be made durable.
    async fn note(&self, entry: AuditEntry) -> Result<(), NotNow>;

    /// The latest audit entries, newest first.
    ///
    /// # Errors
    /// [`NotNow`] when the store cannot be read.
    fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, NotNow>;

    /// The messages heard latest, newest first.
    ///
    /// # Errors
    /// [`NotNow`] when the store cannot be read.
    fn events(&self, limit: usize) -> Result<Vec<EventRecord>, NotNow>;
}

/// Why an order was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// No agent reads anything of what was asked for; in plain words.
    #[error("{0}")]
    NothingMatches(String),
    /// Trying again can help.
    #[error(transparent)]
    NotNow(#[from] NotNow),
}

/// It cannot be done now; trying again can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotNow(pub String);
