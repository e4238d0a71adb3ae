//! The books: what AWS was asked, and what it was spared.

use std::sync::Arc;

use aws_event_cache_model::{AccountId, Region, ServiceName, Timestamp};
use serde::Serialize;
use smol_str::SmolStr;

use crate::meter::Meter;

/// All lines.
#[derive(Debug)]
pub struct Savings {
    since: Timestamp,
}

/// The books, for people and programs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavingsReport {
    /// Since when.
    pub since: Timestamp,
}

impl Savings {
    /// Empty books, opened now.
    pub fn new(now: Timestamp) -> Self {
        Self { since: now }
    }

    /// The line of an operation.
    pub fn meter(
        &self,
        _account: &AccountId,
        _region: &Region,
        _service: &ServiceName,
        _operation: &str,
    ) -> Arc<Meter> {
        Arc::default()
    }

    /// The books as they stand.
    pub fn snapshot(&self, _now: Timestamp) -> SavingsReport {
        SavingsReport { since: self.since }
    }

    /// Counts to be kept over restarts, since they were last taken, by names such as `answer.made.2026-11-28`.
    pub fn drain_day_counts(&self, _now: Timestamp) -> Vec<(SmolStr, u64)> {
        Vec::new()
    }

    /// Takes what was kept.
    pub fn restore(&self, _counts: &[(SmolStr, u64)]) {}
}
