//! Which call a request makes, whatever protocol it is made in.

use http::request::Parts;
use smol_str::SmolStr;

use crate::Parameters;

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
        /// GET or HEAD: it changes nothing, so it needs not count as a write.
        safe: bool,
    },
    /// A field is there twice; which one counts is AWS's secret.
    #[error("a field is there twice")]
    Repeated,
    /// More fields than any real request has.
    #[error("too many fields")]
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

/// A REST service's operations by method and path.
#[derive(Debug, Clone, Default)]
pub struct Routes;

/// A route that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route {route:?} of {operation}: {why}")]
pub struct BadRoute {
    /// The operation.
    pub operation: String,
    /// The route as it was given.
    pub route: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Routes {
    /// Reads routes: pairs of an operation and `METHOD /path/{Label}/more`.
    ///
    /// # Errors
    /// The first route that is not of this form, or that no request could tell from another.
    pub fn new<'a>(_routes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadRoute> {
        Ok(Self)
    }
}

/// Reads the call that a request makes.
///
/// # Errors
/// Why it is none that is understood completely.
pub fn call(_head: &Parts, _body: &[u8], _routes: Option<&Routes>) -> Result<Call, NotACall> {
    Err(NotACall::NoOperation)
}
