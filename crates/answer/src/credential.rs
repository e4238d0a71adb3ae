//! Who asks: a hash of key id and session token.

use std::fmt;

/// What a connection remembers of its last request, so that a session token, which is a kilobyte, is hashed once per connection.
#[derive(Default)]
pub struct ConnectionMemory {}

impl fmt::Debug for ConnectionMemory {
    /// Tokens are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionMemory").finish_non_exhaustive()
    }
}
