//! The audit list: who changed what, when, from where, and on whose behalf they say that they did.

use aws_event_cache_model::AuditEntry;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use http::HeaderMap;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::body::Query;
use crate::error::{ApiError, cut};
use crate::limits::NOTE_LIMIT;
use crate::state::ApiState;
use crate::status::Page;

/// What a changing call did, as it is found in the audit list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ordered a refresh.
    Refresh,
    /// Took a refresh back.
    Cancel,
    /// Set an override, the kill switch among them.
    Override,
    /// Took an override back.
    OverrideRemoved,
    /// Let every agent go.
    Release,
    /// Turned the log level.
    LogLevel,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Cancel => "cancel",
            Self::Override => "override",
            Self::OverrideRemoved => "override-removed",
            Self::Release => "release",
            Self::LogLevel => "log-level",
        }
    }
}

/// Who calls, and for whom they say that they do.
///
/// The latter is hearsay: Gate takes the user from the caller's own `X-SPINNAKER-USER` when nobody is logged in, and a body says what its author likes.
/// So it is recorded beside the caller and decides nothing.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) caller: Caller,
    header_user: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = head.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or(ApiError::Unauthorized("this call was not checked"))?;
        Ok(Self { caller, header_user: header_user(&head.headers) })
    }
}

fn header_user(headers: &HeaderMap) -> Option<String> {
    said(headers.get("x-spinnaker-user")?.to_str().ok())
}

/// A name that the caller gives; empty and the text `null` (what Orca's expressions make of a missing value) are none.
pub(crate) fn said(text: Option<&str>) -> Option<String> {
    let text = cut(text?.trim());
    (!text.is_empty() && text != "null").then_some(text)
}

impl Asked {
    /// `pipeline on behalf of alice`, from the body's word or else the header's.
    pub(crate) fn by(&self, body_user: Option<&str>) -> String {
        match said(body_user).or_else(|| self.header_user.clone()) {
            Some(user) => format!("{} on behalf of {user}", self.caller.who),
            None => self.caller.who.clone(),
        }
    }
}

/// Writes an audit entry, before the change that it tells of: an entry without a change can be explained, a change without an entry cannot.
///
/// A store that cannot be written, or not in time, does not stop the change, since letting agents go must work then as well; the entry then stands in the log.
pub(crate) async fn note(state: &ApiState, asked: &Asked, body_user: Option<&str>, action: Action, detail: String) {
    let by = asked.by(body_user);
    let detail = match by.strip_prefix(&asked.caller.who) {
        Some(behalf) if !behalf.is_empty() => format!("{detail};{behalf}"),
        _ => detail,
    };
    let entry = AuditEntry {
        at: state.now(),
        who: asked.caller.who.clone(),
        from: asked.caller.from.clone(),
        action: action.as_str().into(),
        detail,
    };
    tracing::info!(who = %entry.who, from = %entry.from, action = %entry.action, detail = %entry.detail, "changed through the API");
    match tokio::time::timeout(NOTE_LIMIT, state.control().note(entry)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the audit entry above could not be stored"),
        Err(_) => tracing::error!("the audit entry above was not stored in time"),
    }
}

/// One audit entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who: the token's name, or `loopback`.
    who: String,
    /// From which address, and through which trusted proxy.
    from: String,
    /// `refresh`, `cancel`, `override`, `override-removed`, `release` or `log-level`.
    action: String,
    /// The details, and on whose behalf the caller said it was.
    detail: String,
}

/// Audit entries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// Newest first.
    audit: Vec<AuditView>,
}

/// The audit list
///
/// Who changed what, when and from where; newest first.
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAudit", tag = "service", params(Page), responses(
    (status = 200, description = "The latest entries", body = AuditList),
))]
pub(crate) async fn list(State(state): State<ApiState>, Query(page): Query<Page>) -> Result<Json<AuditList>, ApiError> {
    let entries = state.control().audit(page.limit()?)?;
    let view = |entry: AuditEntry| AuditView {
        at: entry.at.to_string(),
        who: entry.who,
        from: entry.from,
        action: entry.action.into(),
        detail: entry.detail,
    };
    Ok(Json(AuditList { audit: entries.into_iter().map(view).collect() }))
}
