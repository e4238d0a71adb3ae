//! One line of the books: an operation of a place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answered {
    /// From memory.
    Hit,
    /// From memory, past its age, since AWS throttled or failed.
    StaleHit,
    /// By AWS, to be learned.
    Miss,
    /// By a call that was under way already.
    Collapsed,
    /// By AWS, unseen.
    Bypass,
    /// By AWS: a write.
    Write,
    /// By us, with AWS's own words for too many calls or for being out of reach.
    Refused,
}

/// How an upstream call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// With an answer.
    Ok,
    /// Refused for the rate of calls.
    Throttled,
    /// Without an answer, or with a server's error.
    Failed,
}

/// One line of the books. Counting is one atomic addition.
#[derive(Debug, Default)]
pub struct Meter {
    answered: [AtomicU64; 7],
    upstream: [AtomicU64; 3],
    bytes: AtomicU64,
    micros: AtomicU64,
}

impl Meter {
    /// Notes an answer given to a client and the length of its body.
    pub fn answered(&self, how: Answered, bytes: u64) {
        self.answered[how as usize].fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes an upstream call and how long it took.
    pub fn upstream(&self, end: Upstream, took: Duration) {
        self.upstream[end as usize].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What stands in it.
    pub(crate) fn read(&self) -> Counts {
        let answered = |how: Answered| self.answered[how as usize].load(Ordering::Relaxed);
        let upstream = |end: Upstream| self.upstream[end as usize].load(Ordering::Relaxed);
        Counts {
            hits: answered(Answered::Hit),
            stale_hits: answered(Answered::StaleHit),
            misses: answered(Answered::Miss),
            collapsed: answered(Answered::Collapsed),
            bypassed: answered(Answered::Bypass),
            writes: answered(Answered::Write),
            refused: answered(Answered::Refused),
            ok: upstream(Upstream::Ok),
            throttled: upstream(Upstream::Throttled),
            failed: upstream(Upstream::Failed),
            bytes: self.bytes.load(Ordering::Relaxed),
            micros: self.micros.load(Ordering::Relaxed),
        }
    }
}

/// What stands in one line, or in several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) hits: u64,
    pub(crate) stale_hits: u64,
    pub(crate) misses: u64,
    pub(crate) collapsed: u64,
    pub(crate) bypassed: u64,
    pub(crate) writes: u64,
    pub(crate) refused: u64,
    pub(crate) ok: u64,
    pub(crate) throttled: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    pub(crate) micros: u64,
}

impl Counts {
    /// Requests of clients: each would have been a call of AWS without us.
    pub(crate) fn asked(&self) -> u64 {
        self.avoided() + self.misses + self.bypassed + self.writes + self.refused
    }

    /// Calls that AWS got.
    pub(crate) fn made(&self) -> u64 {
        self.ok + self.throttled + self.failed
    }

    /// Calls that AWS was spared.
    pub(crate) fn avoided(&self) -> u64 {
        self.hits + self.stale_hits + self.collapsed
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.stale_hits += other.stale_hits;
        self.misses += other.misses;
        self.collapsed += other.collapsed;
        self.bypassed += other.bypassed;
        self.writes += other.writes;
        self.refused += other.refused;
        self.ok += other.ok;
        self.throttled += other.throttled;
        self.failed += other.failed;
        self.bytes += other.bytes;
        self.micros += other.micros;
    }
}
