//! The tools that check the templates of the AWS side.

use super::SetupError;

/// Builds and installs what is missing.
pub(super) fn build() -> Result<(), SetupError> {
    Ok(())
}
