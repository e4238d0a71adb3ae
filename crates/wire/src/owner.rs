//! Whose resources an answer shows.

use aws_event_cache_model::AccountId;

use crate::Protocol;

/// The first owner that the answer names.
pub fn owner_of(_protocol: Protocol, _body: &[u8]) -> Option<AccountId> {
    None
}
