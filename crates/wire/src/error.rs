//! Error codes, wherever a protocol puts them.

use http::{HeaderMap, StatusCode};
use smol_str::SmolStr;

use crate::Protocol;

/// The error code of an answer; none if it is no error.
pub fn error_code(_protocol: Protocol, _status: StatusCode, _headers: &HeaderMap, _body: &[u8]) -> Option<SmolStr> {
    None
}

/// Whether a code says that the credentials are not, or no longer, good for what was asked.
pub fn is_auth_error(_code: &str) -> bool {
    false
}

/// Whether an answer says that the caller asks too often.
pub fn is_throttle(_code: &str, _status: StatusCode) -> bool {
    false
}
