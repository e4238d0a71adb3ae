//! The one error type of the API: every refusal is JSON with a sentence, and names field, value and nearest valid choice where one was wrong.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Role;

/// Longest piece of the caller's own text that an error repeats, so that hostile input cannot flood a log or a pipeline's stage context.
const ECHO_LIMIT: usize = 120;

/// Seconds after which a caller should try again when we are busy or the store is not writable: the pace at which Orca repeats a stage's call.
const RETRY_AFTER: &str = "10";

/// The body of every answer with a status of 400 or more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What is wrong, in a sentence for people.
    pub error: String,
    /// Which field of the request was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The value that was wrong, cut to 120 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The valid choice nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

/// One wrong value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Invalid {
    field: String,
    value: Option<String>,
    nearest: Option<String>,
    why: String,
}

impl Invalid {
    /// A wrong value of `field`, and why.
    pub(crate) fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), value: None, nearest: None, why: why.into() }
    }

    /// Shows the value.
    pub(crate) fn value(self, value: &str) -> Self {
        Self { value: Some(cut(value)), ..self }
    }

    /// Shows the nearest valid choice.
    pub(crate) fn nearest(self, nearest: Option<String>) -> Self {
        Self { nearest, ..self }
    }
}

/// Why a request was refused. The variant decides the status code; `docs/api.md` says what each means to a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request could not be read: not JSON, a bad `Host`, a bad query.
    #[error("{0}")]
    Malformed(String),
    /// No token, or one that we do not know.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The token's role does not reach.
    #[error("this call needs the role {needs}, and {who} has {has}")]
    Forbidden { who: String, has: Role, needs: Role },
    /// A browser page of another origin sent this.
    #[error("calls from a page of another origin are refused")]
    CrossOrigin,
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The body's type is not JSON.
    #[error("the body must be JSON: send the header Content-Type: application/json")]
    NotJson,
    /// The body is longer than we read.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// A value is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Readable, but nothing follows from it.
    #[error("{0}")]
    NothingMatches(String),
    /// The service is set so that this cannot be done.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be done now; trying again can help.
    #[error("{0}")]
    Unavailable(String),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } | Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_) | Self::NothingMatches(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn body(&self) -> ErrorBody {
        let plain = ErrorBody { error: self.to_string(), field: None, value: None, nearest: None };
        match self {
            Self::Invalid(invalid) => ErrorBody {
                field: Some(invalid.field.clone()),
                value: invalid.value.clone(),
                nearest: invalid.nearest.clone(),
                ..plain
            },
            _ => plain,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"aws-event-cache\""));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
            }
            _ => {}
        }
        response
    }
}

/// The answer for a status that a library gave without a body of ours.
pub(crate) fn plain(status: StatusCode) -> Response {
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return ApiError::Unavailable("this took too long; try again".to_owned()).into_response();
    }
    let error = match status {
        StatusCode::NOT_FOUND => "there is no such path; GET /v1/openapi.json lists them",
        StatusCode::METHOD_NOT_ALLOWED => {
            "this path does not take this method; the header Allow names those that it takes"
        }
        StatusCode::PAYLOAD_TOO_LARGE => "the body is too long",
        StatusCode::INTERNAL_SERVER_ERROR => "a fault of ours; the log says more",
        other => other.canonical_reason().unwrap_or("refused"),
    };
    let body = ErrorBody { error: error.to_owned(), field: None, value: None, nearest: None };
    (status, Json(body)).into_response()
}

/// The choice that `word` most likely meant; `None` when nothing is near.
///
/// "Near" is a Jaro-Winkler similarity of at least 0.7: a swapped, missing or added letter passes, another word does not.
pub(crate) fn nearest<'a>(word: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let word = word.to_lowercase();
    choices
        .into_iter()
        .map(|choice| (strsim::jaro_winkler(&word, &choice.to_lowercase()), choice))
        .filter(|(score, _)| *score >= 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, choice)| choice.to_owned())
}

/// Cuts the caller's text before it is repeated, and replaces what could forge a log line.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(ECHO_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_choice_is_found_in_spite_of_a_slip_and_nothing_is_offered_for_another_word() {
        assert_eq!(nearest("prdo", ["prod", "staging"]).as_deref(), Some("prod"));
        assert_eq!(nearest("PROD", ["prod", "staging"]).as_deref(), Some("prod"));
        assert_eq!(nearest("zzz", ["prod", "staging"]), None);
    }

    #[test]
    fn repeated_text_is_cut_and_cannot_forge_a_log_line() {
        assert_eq!(cut("a\nb"), "a b");
        assert_eq!(cut(&"é".repeat(1_000)).chars().count(), ECHO_LIMIT);
    }
}
