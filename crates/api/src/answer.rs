//! The answer arm: what it did, and what it cost and saved. Both come from the wiring as JSON, from memory; the schemas here are what is promised of them.

#![allow(dead_code, reason = "of the schemas only what is derived is used")]

use std::fmt;
use std::sync::Arc;

use aws_event_cache_model::AccountId;
use axum::Json;
use axum::extract::State;
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::state::ApiState;

type Source = Arc<dyn Fn() -> Value + Send + Sync>;

/// Where the API takes from what it says of the answer arm. Both must answer from memory.
#[derive(Clone)]
pub struct AnswerArm {
    /// The books: `GET /v1/savings`.
    pub savings: Source,
    /// Modes, cache and observation: `GET /v1/answer`.
    pub report: Source,
}

impl fmt::Debug for AnswerArm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerArm")
    }
}

/// What AWS was asked and what it was spared, since the service started and by day.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Savings {
    /// When counting began.
    #[schema(format = DateTime)]
    since: String,
    /// Everything together.
    total: SavingsLine,
    /// By account, region, service and operation, the most asked first.
    operations: Vec<OperationSavings>,
    /// By day, in UTC, the newest last. Days go on over restarts.
    days: Vec<DaySavings>,
}

/// Calls, counted.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct SavingsLine {
    /// Requests of clients: what the same clients would have cost without a cache.
    asked: u64,
    /// Calls that AWS got.
    made: u64,
    /// Calls that AWS was spared.
    avoided: u64,
    /// Answered from memory.
    hits: u64,
    /// Answered from memory past its age, since AWS throttled or failed.
    stale_hits: u64,
    /// Answered together with another request.
    collapsed: u64,
    /// Asked of AWS, and learned.
    misses: u64,
    /// Passed without being looked at further.
    bypassed: u64,
    /// Writes passed.
    writes: u64,
    /// Refused by us, in AWS's words for too many calls.
    refused: u64,
    /// Calls that AWS refused for their rate.
    throttled: u64,
    /// Calls that AWS did not answer, or answered with a server's error.
    failed: u64,
    /// Bytes of answers given to clients.
    bytes: u64,
    /// Mean time of a call of AWS, in milliseconds.
    mean_call_ms: u64,
}

/// One operation of one account and region.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OperationSavings {
    /// The AWS account; empty in the line of what no account could be told of.
    account: String,
    /// Spinnaker's names of it.
    names: Vec<String>,
    /// The region.
    region: String,
    /// The service.
    service: String,
    /// AWS's name of the operation.
    operation: String,
    /// Requests of clients.
    asked: u64,
    /// Calls that AWS got.
    made: u64,
    /// Calls that AWS was spared.
    avoided: u64,
    /// Answered from memory.
    hits: u64,
    /// Answered from memory past its age, since AWS throttled or failed.
    stale_hits: u64,
    /// Answered together with another request.
    collapsed: u64,
    /// Asked of AWS, and learned.
    misses: u64,
    /// Passed without being looked at further.
    bypassed: u64,
    /// Writes passed.
    writes: u64,
    /// Refused by us.
    refused: u64,
    /// Calls that AWS refused for their rate.
    throttled: u64,
    /// Calls that AWS did not answer, or answered with a server's error.
    failed: u64,
    /// Bytes of answers given to clients.
    bytes: u64,
    /// Mean time of a call of AWS, in milliseconds.
    mean_call_ms: u64,
}

/// One day.
#[derive(ToSchema)]
pub(crate) struct DaySavings {
    /// The day, in UTC.
    #[schema(format = Date)]
    day: String,
    /// Calls that AWS got.
    made: u64,
    /// Calls that AWS was spared.
    avoided: u64,
}

/// How the answer arm is doing.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AnswerState {
    /// What it may do where nothing more particular is said: `pass`, `observe` or `serve`.
    mode: String,
    /// Why everything passes, where a switch and not the configuration makes it.
    passes: Option<String>,
    /// Where the proxy listens.
    listen: Option<String>,
    /// Since when it has been counting.
    #[schema(format = DateTime)]
    started: String,
    /// Days until the certificate authority ends; null without one.
    authority_days: Option<i64>,
    /// What is wrong, in plain words.
    problems: Vec<String>,
    /// Modes, memory, and what comparing has shown.
    cache: AnswerCache,
}

/// The cache.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AnswerCache {
    /// When this was said.
    #[schema(format = DateTime)]
    at: String,
    /// How far the answer arm may go: default, by account, by kind, overrides, and the pass file as `killed`.
    #[schema(value_type = Object)]
    modes: u64,
    /// Listings and items stored.
    entries: u64,
    /// Bytes that they take.
    bytes: u64,
    /// Bytes that they may take.
    capacity: u64,
    /// Listings of which some pages have come.
    chains_open: u64,
    /// Bytes that those take, besides.
    chains_open_bytes: u64,
    /// Operations and requests that some credential may be answered now.
    admissions: u64,
    /// Accounts and regions that AWS has answered for.
    places: u64,
    /// What comparing has shown, by kind.
    kinds: Vec<AnswerKind>,
}

/// What reading a kind from AWS has shown beside what memory held.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AnswerKind {
    /// The kind.
    kind: String,
    /// Reads that would have been answered from memory (observe mode).
    would_be_hits: u64,
    /// Of these, those that AWS answered otherwise.
    stale_would_be_hits: u64,
    /// Mean of the time since each of those was last right.
    stale_mean_ms: u64,
    /// The longest of it.
    stale_most_ms: u64,
    /// Reads after a full age that found what memory held.
    confirmed: u64,
    /// Reads that found a change which neither an event nor a write had announced.
    uncovered_changes: u64,
}

fn arm(state: &ApiState) -> Result<&AnswerArm, ApiError> {
    let off = || ApiError::NotFound("there is no answer arm: answer.mode is off".to_owned());
    state.answer().ok_or_else(off)
}

/// What the answer arm saved
///
/// Requests of clients, calls made to AWS and calls avoided, by account, region and operation since the start, and by day.
#[utoipa::path(get, path = "/v1/savings", operation_id = "getSavings", tag = "answer", responses(
    (status = 200, description = "The books", body = Savings),
    (status = 404, description = "The answer arm is off", body = crate::error::ErrorBody),
))]
pub(crate) async fn savings(State(state): State<ApiState>) -> Result<Json<Value>, ApiError> {
    let mut books = (arm(&state)?.savings)();
    let accounts = state.accounts();
    for operation in books.get_mut("operations").and_then(Value::as_array_mut).into_iter().flatten() {
        let account = operation.get("account").and_then(Value::as_str).and_then(|id| AccountId::new(id).ok());
        let names = account.map(|id| accounts.of(&id).map(|account| account.name.clone()).collect::<Vec<_>>());
        operation["names"] = names.unwrap_or_default().into();
    }
    Ok(Json(books))
}

/// How the answer arm is doing
///
/// Modes, cache, admissions, and for each kind what observing showed: reads that would have been answered, how old, and changes that nothing announced.
#[utoipa::path(get, path = "/v1/answer", operation_id = "getAnswer", tag = "answer", responses(
    (status = 200, description = "Everything about it", body = AnswerState),
    (status = 404, description = "The answer arm is off", body = crate::error::ErrorBody),
))]
pub(crate) async fn report(State(state): State<ApiState>) -> Result<Json<Value>, ApiError> {
    Ok(Json((arm(&state)?.report)()))
}
