//! Live and ready.
//!
//! Live means that the process answers. Ready means that every latch has been released, and that we are not about to end. A latch that was released never
//! closes again: an outage of Clouddriver or AWS later on is shown by status and metrics, since taking the service out of its load balancer would not help.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::ApiState;

/// What the service still waits for before it is ready. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    reasons: BTreeSet<&'static str>,
    stopping: bool,
}

/// One thing to wait for. Dropping it without [`Latch::release`] leaves the service unready, since then the thing never happened.
#[derive(Debug)]
#[must_use = "the service stays unready until the latch is released"]
pub struct Latch {
    readiness: Readiness,
    reason: &'static str,
}

impl Readiness {
    /// Waits for one more thing, named in the answer as `reason`, such as `the accounts are known`. Take every latch before the listener opens.
    pub fn latch(&self, reason: &'static str) -> Latch {
        self.0.lock().reasons.insert(reason);
        Latch { readiness: self.clone(), reason }
    }

    /// We are about to end: not ready from now on, so that a load balancer sends no more.
    pub fn stop(&self) {
        self.0.lock().stopping = true;
    }

    /// Whether all latches are released and we are not about to end.
    pub fn is_ready(&self) -> bool {
        self.waiting_for().is_empty()
    }

    /// What is still waited for, in words; empty when ready.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        let waiting = self.0.lock();
        waiting.reasons.iter().copied().chain(waiting.stopping.then_some("the service is about to end")).collect()
    }
}

impl Latch {
    /// It has happened.
    pub fn release(self) {
        self.readiness.0.lock().reasons.remove(self.reason);
    }
}

/// Whether the service can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// True with status 200, false with 503.
    ready: bool,
    /// What is still waited for, in words.
    #[serde(rename = "waitingFor")]
    waiting_for: Vec<&'static str>,
}

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Live {
    /// Always true.
    live: bool,
}

/// Whether the process lives
///
/// For a liveness probe. It looks at nothing else, so that an outage elsewhere never restarts the service.
#[utoipa::path(get, path = "/health/live", operation_id = "isLive", tag = "health", responses((status = 200, description = "It lives", body = Live)))]
pub(crate) async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Whether the service is ready for work
///
/// For a readiness probe. The body says what is still waited for.
#[utoipa::path(get, path = "/health/ready", operation_id = "isReady", tag = "health", responses(
    (status = 200, description = "Ready", body = Ready),
    (status = 503, description = "Not yet, or about to end; `waitingFor` says why", body = Ready),
))]
pub(crate) async fn ready(State(state): State<ApiState>) -> Response {
    let waiting_for = state.readiness().waiting_for();
    let ready = waiting_for.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, waiting_for })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_latch_has_been_released_and_never_after_stop() {
        let readiness = Readiness::default();
        let (store, accounts) = (readiness.latch("the store is open"), readiness.latch("the accounts are known"));
        store.release();
        assert_eq!(readiness.waiting_for(), ["the accounts are known"]);
        accounts.release();
        assert!(readiness.is_ready());
        readiness.stop();
        assert!(!readiness.is_ready());
    }

    #[test]
    fn a_dropped_latch_leaves_the_service_unready() {
        let readiness = Readiness::default();
        drop(readiness.latch("the store is open"));
        assert_eq!(readiness.waiting_for(), ["the store is open"]);
    }
}
