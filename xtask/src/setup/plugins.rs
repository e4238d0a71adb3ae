//! The bridge plugin and the JVM hosts that its tests load it into.

use super::SetupError;

/// Builds and installs what is missing.
pub(super) fn build() -> Result<(), SetupError> {
    Ok(())
}
