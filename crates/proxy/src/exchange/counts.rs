//! Counts for the metrics. Hits are counted in one atomic and handed over every few seconds, since a metric's name and labels cost more than the hit.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_event_cache_answer::Answered;
use aws_event_cache_model::telemetry::{Metric, add, count, set};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Counts {
    hits: AtomicU64,
}

impl Counts {
    /// A hit.
    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Any other answer, and why it was none from memory.
    #[allow(clippy::unused_self, reason = "all counts go through here")]
    pub(super) fn note(&self, answered: Answered, reason: &'static str) {
        count(Metric::Answers, &[("result", label(answered)), ("reason", reason)]);
    }

    /// Hands over what was counted.
    pub(super) fn hand_over(&self, fuse_closed: bool, waiting: usize) {
        let hits = self.hits.swap(0, Ordering::Relaxed);
        if hits > 0 {
            add(Metric::Answers, hits, &[("result", "hit"), ("reason", "clean")]);
        }
        set(Metric::AnswerFuseClosed, f64::from(u8::from(fuse_closed)), &[]);
        set(Metric::AnswersWaiting, waiting as f64, &[]);
    }
}

fn label(answered: Answered) -> &'static str {
    match answered {
        Answered::Hit => "hit",
        Answered::StaleHit => "stale-hit",
        Answered::Miss => "miss",
        Answered::Collapsed => "collapsed",
        Answered::Bypass => "bypass",
        Answered::Write => "write",
        Answered::Refused => "refused",
    }
}
