//! What comparing has shown: how one finds out, without any risk, what answering from memory would do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of one row. All of a read's answers together.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    hits: AtomicU64,
    stale: AtomicU64,
    stale_ms: AtomicU64,
    stalest_ms: AtomicU64,
    same: AtomicU64,
    uncovered: AtomicU64,
}

/// What stands in one or several of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) stale_ms: u64,
    pub(crate) stalest_ms: u64,
    pub(crate) same: u64,
    pub(crate) uncovered: u64,
}

impl Observation {
    /// An answer would have been given from memory, and was what AWS said.
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer would have been given from memory, and was not what AWS said. It was right at most so long ago.
    pub(crate) fn stale(&self, at_most: Duration) {
        let ms = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.stale.fetch_add(1, Ordering::Relaxed);
        self.stale_ms.fetch_add(ms, Ordering::Relaxed);
        self.stalest_ms.fetch_max(ms, Ordering::Relaxed);
    }

    /// What was read again was the same.
    pub(crate) fn same(&self) {
        self.same.fetch_add(1, Ordering::Relaxed);
    }

    /// What was read again differed, and nothing had announced it.
    pub(crate) fn uncovered(&self) {
        self.uncovered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Observed {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Observed {
            hits: get(&self.hits),
            stale: get(&self.stale),
            stale_ms: get(&self.stale_ms),
            stalest_ms: get(&self.stalest_ms),
            same: get(&self.same),
            uncovered: get(&self.uncovered),
        }
    }
}

impl Observed {
    pub(crate) fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.stale += other.stale;
        self.stale_ms += other.stale_ms;
        self.stalest_ms = self.stalest_ms.max(other.stalest_ms);
        self.same += other.same;
        self.uncovered += other.uncovered;
    }
}
