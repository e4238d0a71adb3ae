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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::at;

    const STOCK: Duration = Duration::from_secs(30);
    const CEILING: Duration = Duration::from_secs(900);

    fn bounds(covered: bool, most: u64) -> Bounds {
        let most = Duration::from_secs(most);
        Bounds { stock: STOCK, ceiling: CEILING.min(most), most, covered }
    }

    fn calm(bounds: Bounds) -> Cadence {
        let reason = if bounds.most < CEILING { Reason::KindCeiling } else { Reason::ProfileCeiling };
        Cadence { every: Some(bounds.ceiling), reason }
    }

    fn cadences(bounds: Bounds) -> impl Strategy<Value = Cadence> {
        prop_oneof![
            4 => Just(calm(bounds)),
            1 => Just(Cadence::stock(Reason::StreamSilent)),
            1 => Just(Cadence { every: Some(Duration::from_secs(60)), reason: Reason::Hot }),
            1 => Just(Cadence { every: Some(bounds.ceiling * 3), reason: Reason::Throttled }),
            1 => Just(Cadence { every: Some(Duration::from_secs(7_200)), reason: Reason::Override }),
        ]
    }

    /// Seconds since the step before, what was shown, and the cadence that holds then.
    fn stories() -> impl Strategy<Value = (Bounds, Vec<(u64, Evidence, Cadence)>)> {
        (any::<bool>(), prop_oneof![Just(300_u64), Just(900), Just(1_000), Just(86_400)]).prop_flat_map(
            |(covered, most)| {
                let bounds = bounds(covered, most);
                let evidence = prop_oneof![9 => Just(Evidence::Same), 1 => Just(Evidence::Differs)];
                (Just(bounds), prop::collection::vec((0..1_000_u64, evidence, cadences(bounds)), 0..60))
            },
        )
    }

    proptest! {
        #[test]
        fn a_missed_change_cuts_at_once_and_only_time_without_one_gives_back((bounds, story) in stories()) {
            let (mut standing, mut now, mut missed) = (Standing::default(), 0, None);
            for (pause, evidence, cadence) in story {
                now += pause;
                standing.note(evidence, bounds, at(now));
                let age = standing.age(cadence, bounds);
                missed = if evidence == Evidence::Differs { Some(now) } else { missed };
                let Some(every) = cadence.every else {
                    prop_assert_eq!(age, bounds.stock, "a stream that is not healthy");
                    continue;
                };
                if cadence.reason == Reason::Override {
                    prop_assert_eq!(age, every, "an operator's word");
                    continue;
                }
                prop_assert!(age <= bounds.most, "never above the kind's own ceiling");
                prop_assert!(evidence == Evidence::Same || age <= STOCK);
                match missed {
                    Some(missed) => {
                        prop_assert!(age <= every, "never beyond the cadence any more");
                        let earned = STOCK.max(Duration::from_secs(2 * (now - missed)));
                        prop_assert!(age <= earned, "{age:?} was not earned in {} s", now - missed);
                        prop_assert!(standing.limited(cadence).every <= cadence.every, "agents are never held longer by it");
                    }
                    None => {
                        prop_assert_eq!(standing.limited(cadence), cadence);
                        let grows = bounds.covered && cadence.reason == Reason::ProfileCeiling;
                        let most = if grows { CEILING.mul_f64(PROVEN) } else { every };
                        prop_assert!(age <= most && age >= every.min(bounds.most));
                    }
                }
            }
        }

        #[test]
        fn many_answers_at_once_earn_one_step(count in 1..200_usize, differs in any::<bool>()) {
            let (mut standing, bounds) = (Standing::default(), bounds(true, 86_400));
            if differs {
                standing.note(Evidence::Differs, bounds, at(0));
            }
            (0..count).for_each(|_| { standing.note(Evidence::Same, bounds, at(1_000)); });
            let expected = if differs { STOCK * 2 } else { CEILING.mul_f64(1.1) };
            prop_assert_eq!(standing.age(calm(bounds), bounds), expected);
        }
    }

    #[test]
    fn a_scope_that_missed_a_change_comes_back_by_doubling_and_stays_at_the_ceiling() {
        let (mut standing, bounds) = (Standing::default(), bounds(true, 86_400));
        standing.note(Evidence::Differs, bounds, at(0));
        assert_eq!(standing.limited(calm(bounds)), Cadence { every: Some(STOCK), reason: Reason::Uncovered });
        let mut ages = Vec::new();
        for second in 0..20_000 {
            if standing.note(Evidence::Same, bounds, at(second)) {
                ages.push((second, standing.age(calm(bounds), bounds).as_secs()));
            }
        }
        assert_eq!(ages, [(30, 60), (90, 120), (210, 240), (450, 480), (930, 900)]);
        assert_eq!(standing.limited(calm(bounds)), calm(bounds));
        assert_eq!(standing.uncovered, 1);
    }

    #[test]
    fn a_scope_that_never_missed_one_grows_to_half_as_much_again_where_events_cover_it() {
        let grown = |bounds| {
            let mut standing = Standing::default();
            (0..20).for_each(|n| {
                standing.note(Evidence::Same, bounds, at(n * 900));
            });
            standing.age(calm(bounds), bounds).as_secs()
        };
        assert_eq!(grown(bounds(true, 86_400)), 1_350);
        assert_eq!(grown(bounds(true, 1_000)), 1_000, "the kind's own ceiling");
        assert_eq!(grown(bounds(true, 300)), 300);
        assert_eq!(grown(bounds(false, 86_400)), 900, "events do not tell all");
    }
}
