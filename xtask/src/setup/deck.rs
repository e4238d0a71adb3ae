//! What the tests of Deck's module run it in.

use super::SetupError;

/// Builds and installs what is missing.
pub(super) fn build() -> Result<(), SetupError> {
    Ok(())
}
