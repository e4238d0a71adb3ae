//! The certificate authority.

/// Why the authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {}
