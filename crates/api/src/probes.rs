//! Probes: messages by which `doctor` sees whether the way to the service is open. The wiring answers from memory.

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::state::ApiState;

type Open = Arc<dyn Fn() -> Probe + Send + Sync>;
type Look = Arc<dyn Fn(&str) -> Option<Probe> + Send + Sync>;

/// Where the API takes probes from.
#[derive(Clone)]
pub struct Probing {
    /// Opens a probe.
    pub open: Open,
    /// Tells what was seen of one; `None` when it was never opened, or is over.
    pub look: Look,
}

impl fmt::Debug for Probing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probing")
    }
}

/// A probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Probe {
    /// A random id. A message that holds it, at any way in, is noted for two minutes; it is judged as every other, and nothing follows from it.
    pub id: String,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub opened: String,
    /// Where it was seen, in order.
    pub sightings: Vec<Sighting>,
}

/// One time that a probe came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sighting {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// The way in: `sns` or `sqs`.
    pub source: String,
    /// Whether it was taken. One without a signature of SNS is refused, and seen all the same.
    pub accepted: bool,
}

/// Open a probe
///
/// Chooses a random id and remembers it for two minutes. Whoever then sends a message with it, to the SNS endpoint or through a topic, can ask whether it came: that is how `aws-event-cache doctor` proves that a way is open.
/// Nothing else is changed, so role `read` is enough.
#[utoipa::path(post, path = "/v1/probes", operation_id = "openProbe", tag = "status", responses(
    (status = 201, description = "It is open", body = Probe),
))]
pub(crate) async fn open(State(state): State<ApiState>) -> Result<(StatusCode, Json<Probe>), ApiError> {
    let probing = state.probing().ok_or_else(gone)?;
    Ok((StatusCode::CREATED, Json((probing.open)())))
}

/// What was seen of a probe
#[utoipa::path(get, path = "/v1/probes/{id}", operation_id = "getProbe", tag = "status", params(("id" = String, Path, description = "The probe")), responses(
    (status = 200, description = "Where it was seen", body = Probe),
    (status = 404, description = "It was never opened, or is over", body = crate::error::ErrorBody),
))]
pub(crate) async fn show(State(state): State<ApiState>, Path(id): Path<String>) -> Result<Json<Probe>, ApiError> {
    let probe = state.probing().and_then(|probing| (probing.look)(&id));
    probe.map(Json).ok_or_else(gone)
}

fn gone() -> ApiError {
    ApiError::NotFound("there is no such probe: it was never opened, or is over after two minutes".to_owned())
}
