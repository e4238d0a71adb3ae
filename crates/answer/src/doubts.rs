//! Differences that nothing has announced yet. An event may still be on its way: only what stays unannounced was missed.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{Evidence, Scope, Timestamp};

use crate::marks::Marks;
use crate::row::Row;
use crate::time::after;

/// How long an event may take. CloudTrail's events arrive within seconds, in bad hours within two minutes.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(120);

/// So many differences are followed at once. Further ones go uncounted, which a report of thousands does not notice.
const DOUBTS: usize = 4_096;

#[derive(Debug)]
struct Doubt {
    row: Arc<Row>,
    marks: Marks,
    until: Timestamp,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Doubts(Vec<Doubt>);

impl Doubts {
    /// An answer differed from the one before it, whose marks still stand. Several of one scope are one: one missed change shows in many answers.
    pub(crate) fn add(&mut self, row: &Arc<Row>, marks: &Marks, now: Timestamp) {
        let known = self.0.iter().any(|doubt| Arc::ptr_eq(&doubt.row, row) && doubt.marks == *marks);
        if !known && self.0.len() < DOUBTS {
            self.0.push(Doubt { row: row.clone(), marks: marks.clone(), until: after(now, ANNOUNCED_WITHIN) });
        }
    }

    /// What has stayed unannounced.
    pub(crate) fn resolve(&mut self, now: Timestamp) -> Vec<(Scope, Evidence)> {
        let mut found = Vec::new();
        self.0.retain(|doubt| {
            if !doubt.marks.stand(&doubt.row.ledger) {
                return false;
            }
            let missed = doubt.until <= now;
            if missed {
                doubt.row.observation.uncovered();
                found.push((doubt.row.scope.clone(), Evidence::Differs));
            }
            !missed
        });
        found
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
