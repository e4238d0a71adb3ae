//! Trust: what reading again has shown about a scope's events.
//!
//! An answer may get as old as the cadence says because a change would have been announced. Every answer that is read again without an announcement tests that:
//! it comes back the same, or it differs and a change was missed. The answer arm reports both ([`Evidence`]); this is what follows.
//!
//! | what was shown | age of the scope's answers | polls of its agents |
//! |---|---|---|
//! | a change that nothing announced | stock, at once | stock, at once |
//! | the same, after that | doubled, until the cadence's own time is reached; never beyond it any more | the same |
//! | the same, and never anything else, and events cover the kind fully | grows to [`PROVEN`] of the profile's ceiling | as the cadence says |
//!
//! A scope has many answers, so a minute can bring many that are the same. They count as one step for as long as the age that they test: a step is earned by a
//! time that passed without a missed change, not by the number of answers.
//!
//! Invariants, property-tested:
//! 1. Right after a missed change no age is above stock, and an age that was cut never passes the cadence's.
//! 2. Only a healthy stream's fully covered scope that never missed a change passes the cadence, and never by more than [`PROVEN`].
//! 3. No age passes the kind's own ceiling, an operator's word excepted.

use std::collections::HashMap;
use std::time::Duration;

use aws_event_cache_model::{Evidence, Place, Scope, Timestamp};

use crate::cadence::{Cadence, Reason};
use crate::moment::between;

/// What a proven scope's answers may reach, as a share of the profile's ceiling. Answers are read again once per age, so this saves a third of the calls that
/// are left where events have proved complete, and adds half a ceiling to the age that a lost event can reach.
pub const PROVEN: f64 = 1.5;

/// In so many steps an age grows to [`PROVEN`]: a scope must be the same over five times its ceiling before it is fully proven.
const STEPS: u8 = 5;

/// Between which times an age moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How often Clouddriver polls the scope when left alone.
    pub stock: Duration,
    /// The profile's ceiling, or the kind's where that is shorter: where the way back ends, and what growth is measured by.
    pub ceiling: Duration,
    /// The kind's own ceiling.
    pub most: Duration,
    /// Whether events cover the kind fully.
    pub covered: bool,
}

/// What reading again has shown of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Changes that nothing had announced.
    pub uncovered: u64,
    /// What a missed change has cut the age to.
    limit: Option<Duration>,
    /// Steps towards [`PROVEN`].
    steps: u8,
    /// When the last step, either way, was made.
    stepped: Option<Timestamp>,
}

impl Standing {
    /// Takes what was shown. Returns whether an age may have changed.
    pub fn note(&mut self, evidence: Evidence, bounds: Bounds, now: Timestamp) -> bool {
        if evidence == Evidence::Differs {
            self.uncovered = self.uncovered.saturating_add(1);
            (self.limit, self.steps, self.stepped) = (Some(bounds.stock.min(bounds.ceiling)), 0, Some(now));
            return true;
        }
        let tested = self.limit.unwrap_or(bounds.ceiling);
        if self.stepped.is_some_and(|last| between(last, now) < tested) {
            return false;
        }
        self.stepped = Some(now);
        match self.limit {
            Some(limit) => {
                let doubled = limit.saturating_mul(2);
                self.limit = (doubled < bounds.ceiling).then_some(doubled);
            }
            None if self.uncovered == 0 && bounds.covered => self.steps = STEPS.min(self.steps + 1),
            None => return false,
        }
        true
    }

    /// The cadence of the agents that read the scope: one that missed a change is held less.
    pub fn limited(&self, cadence: Cadence) -> Cadence {
        match (self.limit, cadence.every) {
            (Some(limit), Some(every)) if limit < every && cadence.reason != Reason::Override => {
                Cadence { every: Some(limit), reason: Reason::Uncovered }
            }
            _ => cadence,
        }
    }

    /// How old the scope's answers may get under this cadence.
    pub fn age(&self, cadence: Cadence, bounds: Bounds) -> Duration {
        let limited = self.limited(cadence);
        let Some(every) = limited.every else { return bounds.stock };
        let proven = bounds.covered && self.uncovered == 0 && self.steps > 0;
        match limited.reason {
            Reason::Override => every,
            Reason::ProfileCeiling if proven => every.max(self.grown(bounds.ceiling)).min(bounds.most),
            _ => every.min(bounds.most),
        }
    }

    fn grown(&self, ceiling: Duration) -> Duration {
        ceiling.mul_f64(1.0 + (PROVEN - 1.0) * f64::from(self.steps) / f64::from(STEPS))
    }
}

/// What has been shown of every scope that was tested.
#[derive(Debug, Default)]
pub struct Trust {
    scopes: HashMap<Scope, Standing>,
}

impl Trust {
    /// Takes what was shown of a scope. Returns whether an age may have changed.
    pub fn note(&mut self, scope: &Scope, evidence: Evidence, bounds: Bounds, now: Timestamp) -> bool {
        self.scopes.entry(scope.clone()).or_default().note(evidence, bounds, now)
    }

    /// How a scope stands.
    pub fn of(&self, scope: &Scope) -> Standing {
        self.scopes.get(scope).copied().unwrap_or_default()
    }

    /// Forgets places that are not served any more.
    pub fn retain(&mut self, keep: impl Fn(&Place) -> bool) {
        self.scopes.retain(|scope, _| keep(&scope.place));
    }
}
