//! What the answer arm knows of itself, for the API.

use serde::Serialize;

/// State of cache, admissions, modes and observation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerReport {
    /// Listings and items stored.
    pub entries: usize,
}
