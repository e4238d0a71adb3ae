//! Refreshing by hand: `/v1/refresh`, written so that Orca's preconfigured webhook stage can drive and watch it.
//!
//! What Orca asks of us (its `webhook.preconfigured` stages, the same from 1.28 to 2026): the POST is answered within two seconds; `$.statusUrl` is absolute
//! and on the same host; `$.status` is a word; `$.progress` is always a text; parameters that the user left out arrive as empty text or as the text `null`;
//! 429 and 5xx are repeated, other errors end the stage at once; the answer is kept in the execution, so it must stay small.

use aws_event_cache_model::{RefreshId, RefreshOrder, RefreshRecord, RefreshState};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use crate::audit::Asked;
use crate::audit::{self, Action, said};
use crate::body::{Body, Fields, Query, Words};
use crate::control::{NotNow, OrderRefused};
use crate::error::{ApiError, ErrorBody};
use crate::limits::ORDER_LIMIT;
use crate::order::{Wish, in_words};
use crate::origin;
use crate::state::ApiState;
use crate::status::Page;

/// Most failed agents listed in one answer; all are counted. The answer is stored in the pipeline's execution.
const FAILURES_SHOWN: usize = 10;

/// What to refresh. Whatever is left out, null, empty, `*` or the text `null` means all.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RefreshBody {
    /// Spinnaker accounts or 12-digit AWS account ids.
    #[serde(default)]
    #[schema(example = "prod")]
    account: Words,
    /// AWS regions; `global` for what is read once per account.
    #[serde(default)]
    #[schema(example = "us-west-2")]
    region: Words,
    /// Kinds, by any name that `GET /v1/kinds` shows.
    #[serde(default)]
    #[schema(example = "*")]
    kind: Words,
    /// One resource, by name, id or ARN as its kind says.
    name: Option<String>,
    /// `operator` (unless said otherwise), `event`, `settle` or `sweep`: how urgent it is.
    class: Option<String>,
    /// Who asked for it. Recorded as hearsay; who may call is decided by the token.
    requested_by: Option<String>,
    /// Spinnaker's application. Recorded.
    application: Option<String>,
    /// Spinnaker's execution. Recorded.
    execution_id: Option<String>,
}

impl Fields for RefreshBody {
    const FIELDS: &'static [&'static str] =
        &["account", "region", "kind", "name", "class", "requestedBy", "application", "executionId"];
}

impl RefreshBody {
    /// `pipeline on behalf of alice (application shop, execution 01H)`.
    fn by(&self, asked: &Asked) -> String {
        let by = asked.by(self.requested_by.as_deref());
        self.within().map_or_else(|| by.clone(), |within| format!("{by} ({within})"))
    }

    /// `application shop, execution 01H`: from within which part of Spinnaker it is asked for, if from any.
    fn within(&self) -> Option<String> {
        let application = said(self.application.as_deref()).map(|text| format!("application {text}"));
        let execution = said(self.execution_id.as_deref()).map(|text| format!("execution {text}"));
        let within: Vec<String> = application.into_iter().chain(execution).collect();
        (!within.is_empty()).then(|| within.join(", "))
    }
}

/// A refresh and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefreshView {
    /// Its id.
    id: String,
    /// `QUEUED`, `RUNNING`, `SUCCEEDED`, `FAILED` or `CANCELED`; the last three are final.
    #[schema(value_type = String, example = "RUNNING")]
    status: RefreshState,
    /// How far it is, in words.
    #[schema(example = "3 of 5 agents have run")]
    progress: String,
    /// Where to ask again: absolute, on the host by which we were called.
    status_url: String,
    /// Where to POST to take it back.
    cancel_url: String,
    /// What is refreshed, in words.
    what: String,
    /// Who asked.
    requested_by: String,
    /// When it was asked for.
    #[schema(format = DateTime)]
    requested: String,
    /// When it became final.
    #[schema(format = DateTime)]
    ended: Option<String>,
    /// How many agents are to run, have run or have failed.
    agents: usize,
    /// How many have run.
    done: usize,
    /// How many could not be run.
    failures: usize,
    /// The first ten that could not be run.
    failed: Vec<Failure>,
}

/// An agent that could not be run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Failure {
    /// Its name.
    agent: String,
    /// Why, in words.
    why: String,
}

/// Refreshes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefreshList {
    /// Newest first.
    refreshes: Vec<RefreshView>,
}

impl RefreshView {
    fn new(record: RefreshRecord, base: &str) -> Self {
        let status_url = format!("{base}/v1/refresh/{}", record.id);
        Self {
            cancel_url: format!("{status_url}/cancel"),
            status_url,
            progress: progress(&record),
            what: in_words(&record.order),
            agents: record.pending.len() + record.done.len() + record.failed.len(),
            done: record.done.len(),
            failures: record.failed.len(),
            failed: record
                .failed
                .into_iter()
                .take(FAILURES_SHOWN)
                .map(|(agent, why)| Failure { agent: agent.to_string(), why: crate::error::cut(&why) })
                .collect(),
            id: record.id.to_string(),
            status: record.state,
            requested_by: record.requested_by,
            requested: record.requested.to_string(),
            ended: record.ended.map(|ended| ended.to_string()),
        }
    }
}

/// How far a refresh has come, in words.
fn progress(record: &RefreshRecord) -> String {
    let (done, failed) = (record.done.len(), record.failed.len());
    let all = record.pending.len() + done + failed;
    let agents = if all == 1 { "agent" } else { "agents" };
    let have = match (record.watched_only, all) {
        (true, _) => "would have",
        (false, 1) => "has",
        (false, _) => "have",
    };
    let mut text = match record.state {
        RefreshState::Queued => format!("queued: 0 of {all} {agents} {have} run"),
        RefreshState::Canceled => format!("canceled after {done} of {all} {agents} had run"),
        RefreshState::Running | RefreshState::Succeeded | RefreshState::Failed => {
            format!("{done} of {all} {agents} {have} run")
        }
    };
    if failed > 0 {
        text.push_str(&format!(", {failed} could not"));
    }
    if record.watched_only {
        text.push_str("; the service only watches, so nothing was touched");
    }
    if let (RefreshState::Failed, Some((agent, why))) = (record.state, record.failed.first()) {
        text.push_str(&format!(": {agent}: {}", crate::error::cut(why)));
    }
    text
}

/// Refresh
///
/// Has Clouddriver read again what the body names, and answers at once; watch it at `statusUrl`. Equal orders within ten seconds are one refresh.
#[utoipa::path(post, path = "/v1/refresh", operation_id = "refresh", tag = "refresh", request_body = RefreshBody, responses(
    (status = 202, description = "Taken, and durable", body = RefreshView, headers(("Location" = String, description = "The status URL"))),
    (status = 409, description = "The drive arm is off", body = ErrorBody),
))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    asked: Asked,
    head: http::request::Parts,
    Body(wish): Body<RefreshBody>,
) -> Result<Response, ApiError> {
    let base = origin::base_url(&head, state.settings())?;
    let order = resolve(&wish, &state)?;
    let what = in_words(&order);
    let detail = wish.within().map_or_else(|| what.clone(), |within| format!("{what}; {within}"));
    audit::note(&state, &asked, wish.requested_by.as_deref(), Action::Refresh, detail).await;
    let record = place(&state, order, &wish.by(&asked)).await?;
    let view = RefreshView::new(record, &base);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, view.status_url.clone())], Json(view)).into_response())
}

fn resolve(body: &RefreshBody, state: &ApiState) -> Result<RefreshOrder, ApiError> {
    let accounts = state.accounts();
    if accounts.is_empty() {
        return Err(ApiError::Unavailable(
            "no accounts are known yet; GET /health/ready tells when they are".to_owned(),
        ));
    }
    let wish = Wish {
        account: &body.account.0,
        region: &body.region.0,
        kind: &body.kind.0,
        name: body.name.as_deref(),
        class: body.class.as_deref(),
    };
    Ok(wish.order(&accounts, state.catalog())?)
}

async fn place(state: &ApiState, order: RefreshOrder, by: &str) -> Result<RefreshRecord, ApiError> {
    match tokio::time::timeout(ORDER_LIMIT, state.control().order(order, by)).await {
        Ok(Ok(record)) => Ok(record),
        Ok(Err(OrderRefused::NothingMatches(why))) => Err(ApiError::NothingMatches(why)),
        Ok(Err(OrderRefused::Off(why))) => Err(ApiError::Conflict(why)),
        Ok(Err(OrderRefused::NotNow(error))) => Err(error.into()),
        Err(_) => Err(ApiError::Unavailable("the order could not be stored in time; try again".to_owned())),
    }
}

/// Refreshes
///
/// The latest ones, newest first.
#[utoipa::path(get, path = "/v1/refresh", operation_id = "listRefreshes", tag = "refresh", params(Page), responses(
    (status = 200, description = "The latest refreshes", body = RefreshList),
))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Query(page): Query<Page>,
    head: http::request::Parts,
) -> Result<Json<RefreshList>, ApiError> {
    let base = origin::base_url(&head, state.settings())?;
    let records = state.control().refreshes(page.limit()?);
    Ok(Json(RefreshList { refreshes: records.into_iter().map(|record| RefreshView::new(record, &base)).collect() }))
}

/// One refresh
#[utoipa::path(get, path = "/v1/refresh/{id}", operation_id = "getRefresh", tag = "refresh", params(("id" = String, Path, description = "The refresh's id")), responses(
    (status = 200, description = "How far it is", body = RefreshView),
))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    head: http::request::Parts,
) -> Result<Json<RefreshView>, ApiError> {
    let base = origin::base_url(&head, state.settings())?;
    let record = state.control().refresh(&RefreshId(id.into())).ok_or_else(no_such_refresh)?;
    Ok(Json(RefreshView::new(record, &base)))
}

fn no_such_refresh() -> ApiError {
    ApiError::NotFound("there is no such refresh; old ones are forgotten".to_owned())
}

/// Take a refresh back
///
/// Agents that run already go on. A refresh that has ended stays as it is, so that this may be repeated.
#[utoipa::path(delete, path = "/v1/refresh/{id}", operation_id = "deleteRefresh", tag = "refresh", params(("id" = String, Path, description = "The refresh's id")), responses(
    (status = 200, description = "The refresh as it is now", body = RefreshView),
))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    asked: Asked,
    Path(id): Path<String>,
    head: http::request::Parts,
) -> Result<Json<RefreshView>, ApiError> {
    take_back(&state, &asked, id, &head).await
}

/// Take a refresh back, by POST
///
/// The same for Orca's `cancelEndpoint`, whose method and body are up to the stage; a body is not looked at.
#[utoipa::path(post, path = "/v1/refresh/{id}/cancel", operation_id = "cancelRefresh", tag = "refresh", params(("id" = String, Path, description = "The refresh's id")), responses(
    (status = 200, description = "The refresh as it is now", body = RefreshView),
))]
pub(crate) async fn cancel(
    State(state): State<ApiState>,
    asked: Asked,
    Path(id): Path<String>,
    head: http::request::Parts,
) -> Result<Json<RefreshView>, ApiError> {
    take_back(&state, &asked, id, &head).await
}

async fn take_back(
    state: &ApiState,
    asked: &Asked,
    id: String,
    head: &http::request::Parts,
) -> Result<Json<RefreshView>, ApiError> {
    let base = origin::base_url(head, state.settings())?;
    let id = RefreshId(id.into());
    state.control().refresh(&id).ok_or_else(no_such_refresh)?;
    audit::note(state, asked, None, Action::Cancel, format!("refresh {id}")).await;
    let record = state.control().cancel(&id).await?.ok_or_else(no_such_refresh)?;
    Ok(Json(RefreshView::new(record, &base)))
}

impl From<NotNow> for ApiError {
    fn from(error: NotNow) -> Self {
        Self::Unavailable(error.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_event_cache_model::{AgentName, Class, Timestamp};

    fn record(state: RefreshState, pending: usize, done: usize, failed: usize) -> RefreshRecord {
        let agents = |count: usize| (0..count).map(|n| AgentName::new(format!("prod/widgets-{n}")).unwrap());
        RefreshRecord {
            id: RefreshId("r1".into()),
            order: RefreshOrder { accounts: None, regions: None, kinds: None, name: None, class: Class::Operator },
            requested_by: "root".to_owned(),
            requested: Timestamp::UNIX_EPOCH,
            state,
            pending: agents(pending).collect(),
            done: agents(done).collect(),
            failed: agents(failed).map(|agent| (agent, "its lock never showed a run".to_owned())).collect(),
            ended: None,
            watched_only: false,
        }
    }

    #[test]
    fn progress_is_a_sentence_in_every_state() {
        assert_eq!(progress(&record(RefreshState::Queued, 5, 0, 0)), "queued: 0 of 5 agents have run");
        assert_eq!(progress(&record(RefreshState::Running, 2, 3, 0)), "3 of 5 agents have run");
        assert_eq!(progress(&record(RefreshState::Succeeded, 0, 1, 0)), "1 of 1 agent has run");
        assert_eq!(progress(&record(RefreshState::Canceled, 4, 1, 0)), "canceled after 1 of 5 agents had run");
        assert_eq!(
            progress(&record(RefreshState::Failed, 0, 1, 1)),
            "1 of 2 agents have run, 1 could not: prod/widgets-0: its lock never showed a run"
        );
    }

    #[test]
    fn progress_says_when_nothing_was_touched() {
        let watched = RefreshRecord { watched_only: true, ..record(RefreshState::Succeeded, 0, 2, 0) };
        assert_eq!(
            progress(&watched),
            "2 of 2 agents would have run; the service only watches, so nothing was touched"
        );
    }

    #[test]
    fn an_answer_stays_small_however_much_failed() {
        let view = RefreshView::new(record(RefreshState::Failed, 0, 0, 5_000), "http://h");
        assert_eq!((view.failures, view.failed.len()), (5_000, FAILURES_SHOWN));
        assert!(serde_json::to_vec(&view).unwrap().len() < 4_096);
    }
}
