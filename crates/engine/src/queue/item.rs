//! What is wanted of one key, and all that is known of it.

use std::cmp::Ordering;
use std::time::Duration;

use aws_event_cache_model::{Cause, Class, Resources, Timestamp};

use super::lines::Place;
use super::{Debounce, FARTHEST, FIRST_BACKOFF, LONGEST_BACKOFF, Taken, Want};
use crate::moment::after;

/// What is wanted of one key, merged.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) class: Class,
    pub(super) not_before: Timestamp,
    /// Windows, first and last addition of the class that debounces.
    pub(super) debounce: Option<(Debounce, Timestamp, Timestamp)>,
    pub(super) spacing: Duration,
    pub(super) since: Timestamp,
    pub(super) resources: Resources,
    pub(super) cause: Cause,
    pub(super) causes: u32,
    pub(super) attempt: u32,
    pub(super) added: Timestamp,
    /// Its place in the line of its class: earlier tickets go first.
    pub(super) ticket: u64,
    /// Put off by the budget, or by a failure that said how long.
    pub(super) deferred: Timestamp,
}

impl Item {
    pub(super) fn new(want: Want, ticket: u64, now: Timestamp) -> Self {
        Self {
            class: want.class,
            not_before: want.not_before.min(after(now, FARTHEST)),
            debounce: want.debounce.map(|windows| (windows, now, now)),
            spacing: want.spacing.min(FARTHEST),
            since: want.since.min(after(now, FARTHEST)),
            resources: want.resources,
            cause: want.cause,
            causes: 1,
            attempt: 0,
            added: now,
            ticket,
            deferred: Timestamp::MIN,
        }
    }

    /// What was popped and could not be done yet.
    pub(super) fn again<K>(taken: Taken<K>, until: Timestamp, now: Timestamp) -> (K, Self) {
        let item = Self {
            class: taken.class,
            not_before: now,
            debounce: None,
            spacing: taken.spacing,
            since: taken.since,
            resources: taken.resources,
            cause: taken.cause,
            causes: taken.causes,
            attempt: taken.attempt,
            added: taken.added,
            ticket: taken.ticket,
            deferred: until,
        };
        (taken.key, item)
    }

    pub(super) fn merge(&mut self, want: Want, now: Timestamp) {
        match want.class.cmp(&self.class) {
            Ordering::Greater => self.debounce = want.debounce.map(|windows| (windows, now, now)),
            Ordering::Equal => {
                self.debounce = match (self.debounce, want.debounce) {
                    (Some((_, first, _)), Some(windows)) => Some((windows, first, now)),
                    _ => None,
                };
            }
            Ordering::Less => {}
        }
        if want.class == Class::Operator {
            self.deferred = Timestamp::MIN;
        }
        self.class = self.class.max(want.class);
        self.not_before = self.not_before.min(want.not_before);
        self.spacing = want.spacing.min(FARTHEST);
        self.since = self.since.max(want.since.min(after(now, FARTHEST)));
        self.resources.merge(want.resources);
        self.causes = self.causes.saturating_add(1);
    }

    /// Takes in what was added to the key while it was in flight.
    pub(super) fn absorb(&mut self, newer: Item) {
        self.class = self.class.max(newer.class);
        self.since = self.since.max(newer.since);
        self.spacing = newer.spacing;
        self.resources.merge(newer.resources);
        self.causes = self.causes.saturating_add(newer.causes);
    }

    pub(super) fn take<K>(self, key: K) -> Taken<K> {
        Taken {
            key,
            class: self.class,
            since: self.since,
            resources: self.resources,
            cause: self.cause,
            causes: self.causes,
            attempt: self.attempt,
            added: self.added,
            spacing: self.spacing,
            ticket: self.ticket,
        }
    }
}

/// All that is known of one key.
#[derive(Debug)]
pub(super) struct Slot {
    /// What is wanted; while a flight is under way, what was added since it began.
    pub(super) item: Option<Item>,
    pub(super) place: Place,
    pub(super) in_flight: bool,
    /// Removed while in flight: forgotten when the flight ends.
    pub(super) gone: bool,
    /// When its last run started.
    pub(super) started: Option<Timestamp>,
    pub(super) failures: u32,
    pub(super) backoff: Timestamp,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            item: None,
            place: Place::Nowhere,
            in_flight: false,
            gone: false,
            started: None,
            failures: 0,
            backoff: Timestamp::MIN,
        }
    }

    /// When the item may go.
    pub(super) fn ready_at(&self, item: &Item) -> Timestamp {
        let mut at = item.not_before.max(self.backoff).max(item.deferred);
        if let Some((windows, first, last)) = item.debounce {
            at = at.max(after(last, windows.idle).min(after(first, windows.max)));
        }
        match self.started {
            Some(started) if item.class < Class::Operator => at.max(after(started, item.spacing)),
            _ => at,
        }
    }

    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.backoff = Timestamp::MIN;
    }

    /// Notes a failure and says until when the key rests.
    pub(super) fn back_off(&mut self, pause: Option<Duration>, now: Timestamp) -> Timestamp {
        let doubled = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.min(LONGEST_BACKOFF).max(pause.unwrap_or_default()).min(FARTHEST);
        self.backoff = after(now, pause);
        self.backoff
    }
}
