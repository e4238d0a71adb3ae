//! How everything stands: status, scopes, recent events and the kinds.

use aws_event_cache_catalog::{Coverage, Kind};
use aws_event_cache_model::{EventRecord, Scope, Verdict, What};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::body::{Fields, Query, Words};
use crate::error::{ApiError, Invalid};
use crate::order;
use crate::state::ApiState;
use crate::status_schema;

/// How many entries a list gives unless told, and at most: the answer stays below a megabyte.
const LIMITS: (usize, usize) = (100, 1_000);

/// How many entries are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// At most this many: 1 to 1000, 100 unless given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

impl Fields for Page {
    const FIELDS: &'static [&'static str] = &["limit"];
}

impl Page {
    pub(crate) fn limit(&self) -> Result<usize, Invalid> {
        match self.limit {
            None => Ok(LIMITS.0),
            Some(limit) if (1..=LIMITS.1).contains(&limit) => Ok(limit),
            Some(limit) => Err(Invalid::new("limit", "the limit must be 1 to 1000").value(&limit.to_string())),
        }
    }
}

/// Engine's and store's account of how everything stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatusReport {
    /// Everything, as `GET /v1/status` shows it.
    pub whole: Value,
    /// The scopes in it, one by one.
    pub scopes: Vec<(Scope, Value)>,
}

/// How everything stands
///
/// Mode, scopes, event streams, queue, counters, and problems in plain words.
#[utoipa::path(get, path = "/v1/status", operation_id = "getStatus", tag = "status", responses((status = 200, description = "Everything", body = status_schema::Status)))]
pub(crate) async fn show(State(state): State<ApiState>) -> Result<Json<Value>, ApiError> {
    Ok(Json(state.control().status()?.whole))
}

/// Which scopes are wanted. Whatever is left out, empty or `*` means all; several are joined by commas.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScopeFilter {
    /// Spinnaker accounts or 12-digit AWS account ids.
    #[param(value_type = Option<String>)]
    account: Words,
    /// AWS regions.
    #[param(value_type = Option<String>)]
    region: Words,
    /// Kinds, by any name that `GET /v1/kinds` shows.
    #[param(value_type = Option<String>)]
    kind: Words,
}

impl Fields for ScopeFilter {
    const FIELDS: &'static [&'static str] = &["account", "region", "kind"];
}

/// Scopes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScopeList {
    /// Account, region, kind, cadence and why, last event, last refresh, heartbeat, backlog.
    #[schema(value_type = Vec<status_schema::ScopeStatus>)]
    scopes: Vec<Value>,
}

/// Scopes one by one
///
/// The cadence of each and why it is so, last event, last refresh, heartbeat and backlog.
#[utoipa::path(get, path = "/v1/status/scopes", operation_id = "listScopes", tag = "status", params(ScopeFilter), responses(
    (status = 200, description = "The scopes that match", body = ScopeList),
))]
pub(crate) async fn scopes(
    State(state): State<ApiState>,
    Query(filter): Query<ScopeFilter>,
) -> Result<Json<ScopeList>, ApiError> {
    let accounts = state.accounts();
    let chosen = order::chosen_accounts(&filter.account.0, &accounts)?;
    let regions = order::regions(&filter.region.0, chosen.as_deref(), &accounts)?;
    let kinds = order::kinds(&filter.kind.0, state.catalog())?;
    let wanted = |scope: &Scope| {
        chosen.as_ref().is_none_or(|chosen| chosen.iter().any(|account| account.account == scope.place.account))
            && regions.as_ref().is_none_or(|regions| regions.contains(&scope.place.region))
            && kinds.as_ref().is_none_or(|kinds| kinds.contains(&scope.kind))
    };
    let all = state.control().status()?.scopes;
    let scopes = all.into_iter().filter(|(scope, _)| wanted(scope)).map(|(_, value)| value).collect();
    Ok(Json(ScopeList { scopes }))
}

/// A message that was heard.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// When it reached us.
    #[schema(format = DateTime)]
    received: String,
    /// When it happened at AWS, if it says.
    #[schema(format = DateTime)]
    occurred: Option<String>,
    /// The AWS account that it speaks of.
    account: String,
    /// The region.
    region: String,
    /// The way in: `sns`, `sqs`, `operator`, `proxy`, `replay` or `sweep`.
    source: String,
    /// The sender's id of it.
    id: String,
    /// What happened, in the sender's words.
    event: String,
    /// What it says: kind, names and how they changed, or another sign.
    #[schema(value_type = Object)]
    says: What,
    /// What was made of it.
    #[schema(value_type = Object)]
    verdict: Verdict,
}

impl From<EventRecord> for EventView {
    fn from(EventRecord { hint, verdict }: EventRecord) -> Self {
        Self {
            received: hint.received.to_string(),
            occurred: hint.occurred.map(|occurred| occurred.to_string()),
            account: hint.place.account.to_string(),
            region: hint.place.region.to_string(),
            source: hint.origin.source.as_str().to_owned(),
            id: hint.origin.id.into(),
            event: hint.origin.event.into(),
            says: hint.what,
            verdict,
        }
    }
}

/// Messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventList {
    /// Newest first.
    events: Vec<EventView>,
}

/// Messages heard lately
///
/// Newest first, with what was made of each.
#[utoipa::path(get, path = "/v1/events", operation_id = "listEvents", tag = "status", params(Page), responses((status = 200, description = "The latest messages", body = EventList)))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    Query(page): Query<Page>,
) -> Result<Json<EventList>, ApiError> {
    let events = state.control().events(page.limit()?)?;
    Ok(Json(EventList { events: events.into_iter().map(EventView::from).collect() }))
}

/// A kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KindView {
    /// Its name.
    id: String,
    /// For people.
    title: String,
    /// Other words for it.
    aliases: Vec<String>,
    /// By what its resources are named.
    named_by: String,
    /// How much of what happens to it AWS announces: `full`, `partial` or `none`.
    coverage: &'static str,
    /// Never polled more often than this by cadence.
    floor_seconds: f64,
    /// Longest time between two polls while events arrive.
    ceiling_seconds: f64,
    /// How long after a change AWS may still answer with the old state.
    settle_seconds: f64,
    /// Kinds that a change of it makes stale as well.
    touches: Vec<String>,
    /// The catalogue's names of the agents that read it.
    agents: Vec<String>,
}

impl From<&Kind> for KindView {
    fn from(kind: &Kind) -> Self {
        Self {
            id: kind.id.to_string(),
            title: kind.title.clone(),
            aliases: kind.aliases.iter().map(ToString::to_string).collect(),
            named_by: kind.named_by.clone(),
            coverage: match kind.coverage {
                Coverage::Full => "full",
                Coverage::Partial => "partial",
                Coverage::None => "none",
            },
            floor_seconds: kind.floor.as_secs_f64(),
            ceiling_seconds: kind.ceiling.as_secs_f64(),
            settle_seconds: kind.settle.as_secs_f64(),
            touches: kind.touches.iter().map(ToString::to_string).collect(),
            agents: kind.agents.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Kinds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindList {
    /// By name.
    kinds: Vec<KindView>,
}

/// The kinds
///
/// What the catalogue knows of each: the words by which it can be asked for, and how far events cover it.
#[utoipa::path(get, path = "/v1/kinds", operation_id = "listKinds", tag = "status", responses((status = 200, description = "Every kind", body = KindList)))]
pub(crate) async fn kinds(State(state): State<ApiState>) -> Json<KindList> {
    let mut kinds: Vec<KindView> = state.catalog().kinds().map(KindView::from).collect();
    kinds.sort_by(|a, b| a.id.cmp(&b.id));
    Json(KindList { kinds })
}
