//! What a request's headers say about who calls, when and on whose behalf.

use aws_event_cache_model::Timestamp;
use http::HeaderMap;

/// The session token of temporary credentials. A secret: hash it, never keep or log it.
pub fn security_token(_headers: &HeaderMap) -> Option<&[u8]> {
    None
}

/// When the request says it was signed.
pub fn amz_date(_headers: &HeaderMap) -> Option<Timestamp> {
    None
}

/// Whether Spinnaker says that an operation or a person stands behind the request.
pub fn acts_for_operation(_headers: &HeaderMap) -> bool {
    true
}

/// Which attempt of its SDK this is, counted from 1.
pub fn attempt(_headers: &HeaderMap) -> Option<u32> {
    None
}
