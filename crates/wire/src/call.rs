//! Which call a request makes, whatever protocol it is made in.

mod cbor;
mod json;
mod leaves;
mod query;
mod rest;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
pub use rest::{BadRoute, Routes};
use smol_str::SmolStr;

use crate::Parameters;
use crate::caller::only;
use crate::structure::Stop;

pub(crate) static TARGET: HeaderName = HeaderName::from_static("x-amz-target");
static SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");

/// The largest body that is read: more than any call of the services that a cache knows, few enough to keep in memory for every connection.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// The most leaves a request may have. A call with a thousand ids has some thousand; a form of a megabyte could have half a million.
const MOST_LEAVES: usize = 10_000;

/// The deepest path. CloudTrail's view is built and dropped recursively, so this bounds the stack.
const DEEPEST_PATH: usize = 32;

/// How a request says what it wants. The same operation comes in several of them, and their answers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `Action=` and `Version=` in a form; answers in XML. EC2's dialect as well.
    Query,
    /// JSON 1.0 and 1.1 by `X-Amz-Target`.
    Json,
    /// Smithy's RPC v2 with CBOR.
    Cbor,
    /// Method and path; answers in JSON or XML.
    Rest,
}

/// One call of an AWS API.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// How it came.
    pub protocol: Protocol,
    /// The API's version, where the protocol says it (query).
    pub api_version: Option<SmolStr>,
    /// The operation's name.
    pub operation: SmolStr,
    /// What was asked for.
    pub parameters: Parameters,
}

/// Why a request is not a call that we understand completely. It is forwarded unchanged; as it may have changed anything, it counts as a write of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotACall {
    /// Nothing names an operation.
    #[error("the request names no operation")]
    NoOperation,
    /// No route of the service fits; `safe` if the method promises to change nothing (GET, HEAD).
    #[error("no route fits the request's path")]
    Unrouted {
        /// GET or HEAD: it changes nothing, so it need not count as a write.
        safe: bool,
    },
    /// A field is there twice; which one counts is AWS's secret.
    #[error("a field is there twice")]
    Repeated,
    /// More fields or bytes than any real request has.
    #[error("too many fields, or too large")]
    TooMany,
    /// Nested deeper than any real request is.
    #[error("nested too deeply")]
    TooDeep,
    /// Text that is no UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// Broken in another way.
    #[error("the request's body or headers are malformed")]
    Malformed,
}

impl From<Stop> for NotACall {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::TooDeep => Self::TooDeep,
            Stop::NotText => Self::NotText,
            Stop::TooMany => Self::TooMany,
            Stop::Enough | Stop::Malformed => Self::Malformed,
        }
    }
}

/// Reads the call that a request makes. `routes` are those of the service that the request is signed for; without them no REST call is understood.
///
/// # Errors
/// Why it is none that is understood completely.
pub fn call(head: &Parts, body: &[u8], routes: Option<&Routes>) -> Result<Call, NotACall> {
    if body.len() > LARGEST_BODY || head.uri.query().is_some_and(|query| query.len() > LARGEST_BODY) {
        return Err(NotACall::TooMany);
    }
    match (head.headers.contains_key(&TARGET), head.headers.contains_key(&SMITHY_PROTOCOL)) {
        (true, true) => Err(NotACall::Malformed),
        (true, false) => json::call(head, body),
        (false, true) => match only(&head.headers, &SMITHY_PROTOCOL) {
            Some(b"rpc-v2-cbor") => cbor::call(head, body),
            _ => Err(NotACall::Malformed),
        },
        (false, false) if query::is_query(head, routes.is_some()) => query::call(head, body),
        (false, false) => match routes {
            Some(routes) => rest::call(head, body, routes),
            // Without routes no method promises anything: the query protocol writes by GET as well, and who knows at which paths AWS takes it.
            None if head.uri.path() == "/" || is_safe(&head.method) => Err(NotACall::NoOperation),
            None => Err(NotACall::Unrouted { safe: false }),
        },
    }
}

fn is_safe(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// The media type without its parameters; none if there is none, or more than one.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&[u8]> {
    let value = only(headers, &CONTENT_TYPE)?;
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    Some(value[..end].trim_ascii())
}

/// An operation's name, if it is one.
fn operation(name: &[u8]) -> Result<SmolStr, NotACall> {
    // Longest of AWS's names has 74 characters.
    let is_name =
        (1..=128).contains(&name.len()) && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    match std::str::from_utf8(name) {
        Ok(name) if is_name => Ok(SmolStr::new(name)),
        _ => Err(NotACall::Malformed),
    }
}
