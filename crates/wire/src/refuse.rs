//! Answers of our own, in the request's protocol.

use bytes::Bytes;
use http::Response;

use crate::{ErrorShape, Protocol};

/// Why we answer instead of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The budget of calls is spent: SDKs back off and retry.
    Throttled,
    /// AWS cannot be reached: SDKs retry soon.
    Unavailable,
}

/// The refusal as the service itself would word it.
pub fn refuse(_protocol: Protocol, _shape: ErrorShape, _why: Refusal, _request_id: &str) -> Response<Bytes> {
    Response::new(Bytes::new())
}
