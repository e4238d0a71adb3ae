//! Whether an answer holds anything.

use crate::Protocol;

/// Whether the answer's member `list` holds anything; none if that cannot be told.
pub fn has_members(_protocol: Protocol, _body: &[u8], _list: &str) -> Option<bool> {
    None
}
