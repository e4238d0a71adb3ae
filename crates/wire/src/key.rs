//! The canonical bytes that equal requests share.

use http::request::Parts;

use crate::Call;

/// Appends the canonical key of a call to `out`.
pub fn write_key(_out: &mut Vec<u8>, _head: &Parts, _host: &str, _call: &Call, _token: Option<&str>) {}
