//! Second looks: a read right after an event can return the old state, so what changed is looked at again when its settle window has passed.
//!
//! Invariants, property-tested against a list:
//! 1. Every look is handed out at or after its time and within [`GRID`] of it, unless a run that started at or after its time was seen before.
//! 2. One agent has at most one look per [`GRID`], so a burst of changes costs a handful of looks.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use aws_event_cache_model::{Cause, Resources, Timestamp};

/// Looks of one agent within this time are merged: it costs up to 5 s of staleness, and an agent that runs at most every 30 s could not look more often.
pub const GRID: Duration = Duration::from_secs(5);

/// A second look that falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// A run counts only if it started at or after this time.
    pub since: Timestamp,
    /// What it is about.
    pub resources: Resources,
    /// The first cause.
    pub cause: Cause,
}

/// The looks that are still ahead.
#[derive(Debug)]
pub struct Settle<K> {
    by_time: BTreeMap<Timestamp, HashMap<K, Look>>,
    by_key: HashMap<K, Vec<Timestamp>>,
}

impl<K> Default for Settle<K> {
    fn default() -> Self {
        Self { by_time: BTreeMap::new(), by_key: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Settle<K> {
    /// Notes that a key is to be looked at again at `since`.
    pub fn add(&mut self, key: &K, since: Timestamp, resources: &Resources, cause: &Cause) {
        let at = on_grid(since);
        let looks = self.by_time.entry(at).or_default();
        match looks.get_mut(key) {
            Some(known) => {
                known.since = known.since.max(since);
                known.resources.merge(resources.clone());
            }
            None => {
                looks.insert(key.clone(), Look { since, resources: resources.clone(), cause: cause.clone() });
                self.by_key.entry(key.clone()).or_default().push(at);
            }
        }
    }

    /// A run of this key that started at `started` has ended: what was to be seen by then has been seen.
    pub fn ran(&mut self, key: &K, started: Timestamp) {
        let Some(times) = self.by_key.get_mut(key) else { return };
        times.retain(|at| {
            let Some(looks) = self.by_time.get_mut(at) else { return false };
            let seen = looks.get(key).is_none_or(|look| look.since <= started);
            if seen {
                looks.remove(key);
                if looks.is_empty() {
                    self.by_time.remove(at);
                }
            }
            !seen
        });
        if times.is_empty() {
            self.by_key.remove(key);
        }
    }

    /// Takes the looks whose time has come.
    pub fn due(&mut self, now: Timestamp) -> Vec<(K, Look)> {
        let mut due = Vec::new();
        while let Some(first) = self.by_time.first_entry() {
            if *first.key() > now {
                break;
            }
            let (at, looks) = first.remove_entry();
            for (key, look) in looks {
                self.forget(&key, at);
                due.push((key, look));
            }
        }
        due
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &K) {
        self.ran(key, Timestamp::MAX);
    }

    /// When the next look falls due.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|(at, _)| *at)
    }

    /// How many looks are ahead.
    pub fn len(&self) -> usize {
        self.by_key.values().map(Vec::len).sum()
    }

    /// Whether none is ahead.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    fn forget(&mut self, key: &K, at: Timestamp) {
        if let Some(times) = self.by_key.get_mut(key) {
            times.retain(|known| *known != at);
            if times.is_empty() {
                self.by_key.remove(key);
            }
        }
    }
}

/// The next time on the grid that is not before `at`.
fn on_grid(at: Timestamp) -> Timestamp {
    let grid = i64::try_from(GRID.as_secs()).unwrap_or(i64::MAX);
    let whole = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    let seconds = whole.saturating_add(grid - 1).div_euclid(grid).saturating_mul(grid);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::moment::{after, between};

    fn at(millis: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_millis(millis))
    }

    proptest! {
        #[test]
        fn every_look_comes_in_time_unless_a_later_run_was_seen(
            looks in prop::collection::vec((0..3_u8, 0..120_000_u64), 0..40),
            runs in prop::collection::vec((0..3_u8, 0..120_000_u64), 0..10),
        ) {
            let mut settle = Settle::default();
            for (key, since) in &looks {
                settle.add(key, at(*since), &Resources::default(), &Cause::own("test", at(0)));
            }
            prop_assert!((0..3).all(|key| settle.by_key.get(&key).is_none_or(|times| times.len() <= 25)));
            let (mut handed, mut runs) = (Vec::new(), runs);
            runs.sort_by_key(|(_, started)| *started);
            let mut runs = runs.into_iter().peekable();
            let mut satisfied: HashMap<u8, Timestamp> = HashMap::new();
            for now in (0..=130_000).step_by(500).map(at) {
                while let Some((key, started)) = runs.next_if(|(_, started)| at(*started) <= now) {
                    settle.ran(&key, at(started));
                    satisfied.insert(key, at(started));
                }
                for (key, look) in settle.due(now) {
                    prop_assert!(look.since <= now && between(look.since, now) <= GRID + Duration::from_millis(500));
                    prop_assert!(satisfied.get(&key).is_none_or(|started| *started < look.since));
                    handed.push((key, look.since));
                }
            }
            for (key, since) in looks {
                let seen = satisfied.get(&key).is_some_and(|started| *started >= at(since));
                prop_assert!(seen || handed.iter().any(|(k, handed)| *k == key && *handed >= at(since)));
            }
            prop_assert!(settle.is_empty() && settle.next_wakeup().is_none());
        }
    }

    #[test]
    fn a_run_that_started_at_the_very_time_of_a_look_has_seen_it() {
        let mut settle = Settle::default();
        settle.add(&1, at(7_000), &Resources::default(), &Cause::own("test", at(0)));
        settle.ran(&1, at(6_999));
        assert_eq!(settle.len(), 1);
        settle.ran(&1, at(7_000));
        assert!(settle.is_empty());
    }

    #[test]
    fn the_grid_rounds_up_also_before_the_epoch() {
        assert_eq!(on_grid(at(5_000)), at(5_000));
        assert_eq!(on_grid(at(5_001)), at(10_000));
        assert_eq!(on_grid(Timestamp::from_second(-7).unwrap()), Timestamp::from_second(-5).unwrap());
    }
}
