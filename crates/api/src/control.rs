//! What the API needs of engine and store, as one seam: the pair of them in the product, a recording one in tests of the router.

use std::sync::Arc;

use async_trait::async_trait;
use aws_event_cache_engine::{Engine, OrderError};
use aws_event_cache_model::seam::NotAccepted;
use aws_event_cache_model::{
    AuditEntry, EventRecord, Override, OverrideId, Record, RefreshId, RefreshOrder, RefreshRecord,
};
use aws_event_cache_store::{Journal, Store, StoreError};
use serde_json::json;

use crate::overrides::OverrideView;
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
    /// The drive arm is off, so that nothing can be refreshed; in plain words.
    #[error("{0}")]
    Off(String),
    /// Trying again can help.
    #[error(transparent)]
    NotNow(#[from] NotNow),
}

/// It cannot be done now; trying again can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotNow(pub String);

/// What other parts of the service have to say in the status.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// What is wrong with them, in plain words.
    pub problems: Vec<String>,
    /// How each of them is doing, by name.
    pub parts: serde_json::Map<String, serde_json::Value>,
}

/// The product's pair.
#[derive(Clone)]
pub struct EngineAndStore {
    engine: Engine,
    store: Arc<Store>,
    neighbours: Arc<dyn Fn() -> Neighbours + Send + Sync>,
}

impl EngineAndStore {
    /// Puts them together. The store must be the engine's journal, so that audit entries and what they tell of stay in order.
    pub fn new(engine: Engine, store: Arc<Store>) -> Self {
        Self { engine, store, neighbours: Arc::new(Neighbours::default) }
    }

    /// Asks other parts, too, whenever the status is wanted. They must answer from memory.
    #[must_use]
    pub fn with(self, neighbours: impl Fn() -> Neighbours + Send + Sync + 'static) -> Self {
        Self { neighbours: Arc::new(neighbours), ..self }
    }
}

#[async_trait]
impl Control for EngineAndStore {
    async fn order(&self, order: RefreshOrder, by: &str) -> Result<RefreshRecord, OrderRefused> {
        self.engine.order(order, by).await.map_err(|error| match error {
            OrderError::Off => OrderRefused::Off(error.to_string()),
            OrderError::NotAccepted(error) => OrderRefused::NotNow(error.into()),
            // Names were looked up before, so an unknown one means that the accounts have just changed.
            OrderError::UnknownAccount { .. } | OrderError::UnknownKind(_) | OrderError::NothingMatches => {
                OrderRefused::NothingMatches(error.to_string())
            }
        })
    }

    fn refresh(&self, id: &RefreshId) -> Option<RefreshRecord> {
        self.engine.refresh(id)
    }

    fn refreshes(&self, limit: usize) -> Vec<RefreshRecord> {
        self.engine.refreshes(limit)
    }

    async fn cancel(&self, id: &RefreshId) -> Result<Option<RefreshRecord>, NotNow> {
        Ok(self.engine.cancel(id))
    }

    fn overrides(&self) -> Vec<Override> {
        self.engine.overrides()
    }

    async fn set_override(&self, new: Override) -> Result<(), NotNow> {
        self.engine.set_override(new).await.map_err(only_until_restart)
    }

    async fn remove_override(&self, id: &OverrideId) -> Result<bool, NotNow> {
        self.engine.remove_override(id).await.map_err(only_until_restart)
    }

    async fn release_all(&self) -> Result<(), NotNow> {
        self.engine.release_all().await.map_err(|error| {
            NotNow(format!("agents could not be let go ({error}); what we hold ends by itself within two minutes"))
        })
    }

    fn status(&self) -> Result<StatusReport, NotNow> {
        let mut status = self.engine.status();
        let neighbours = (self.neighbours)();
        status.problems.extend(neighbours.problems);
        let problem = self.store.problem();
        status.problems.extend(problem.iter().map(|problem| format!("the store cannot be written: {problem}")));
        let scopes = status.scopes.iter().map(|of| Ok((of.scope.clone(), serde_json::to_value(of)?)));
        let scopes = scopes.collect::<Result<_, _>>().map_err(not_json)?;
        let mut whole = serde_json::to_value(&status).map_err(not_json)?;
        let overrides: Vec<OverrideView> = status.overrides.into_iter().map(OverrideView::from).collect();
        whole["overrides"] = serde_json::to_value(overrides).map_err(not_json)?;
        whole["store"] =
            json!({"commits": self.store.commits(), "problem": problem, "counters": self.store.counters()?});
        whole["parts"] = neighbours.parts.into();
        Ok(StatusReport { whole, scopes })
    }

    async fn note(&self, entry: AuditEntry) -> Result<(), NotNow> {
        self.store.append(vec![Record::Audit(entry)]).await?;
        // The store writes audit entries when it writes anyway; that they be there before the change is worth a commit of its own.
        Ok(self.store.flush().await?)
    }

    fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, NotNow> {
        Ok(self.store.audit(limit)?)
    }

    fn events(&self, limit: usize) -> Result<Vec<EventRecord>, NotNow> {
        Ok(self.store.events(limit)?)
    }
}

/// The engine changes first and stores then, so that the kill switch works on a full disk.
fn only_until_restart(error: NotAccepted) -> NotNow {
    NotNow(format!("done, but it could not be stored and ends with this process: {error}"))
}

fn not_json(error: serde_json::Error) -> NotNow {
    NotNow(format!("the status cannot be shown: {error}"))
}

impl From<NotAccepted> for NotNow {
    fn from(error: NotAccepted) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for NotNow {
    fn from(error: StoreError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the store could not be read for the API");
        Self(format!("the store cannot be read: {error}"))
    }
}
