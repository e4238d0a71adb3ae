//! Whether two answers say the same.

use smol_str::SmolStr;

use crate::Protocol;

/// A number that is equal for answers that say the same: request ids, `volatile` fields and the order of list members do not count.
pub fn fingerprint(_protocol: Protocol, _body: &[u8], _volatile: &[SmolStr]) -> u64 {
    0
}
