//! The token of the next page.

use crate::Protocol;

/// What was found where a page token would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// The answer is whole and has none: the last page.
    None,
    /// The next page's token, decoded.
    Token(String),
    /// The answer could not be read to its end.
    Malformed,
}

/// Looks for the next page's token in the answer's own member `field`; a resource's field of that name does not count.
pub fn next_token(_protocol: Protocol, _body: &[u8], _field: &str) -> Scan {
    Scan::Malformed
}
