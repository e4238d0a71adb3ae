//! The work queue: which agent is to run next, and not before when.
//!
//! One entry per key, however many hints ask for it. A key lies in at most one of three places: *waiting* for a time, *ready*, or *in flight*; what is
//! added to a key in flight is remembered and comes back when the flight ends. The queue owns no task and reads no clock.
//!
//! Invariants, checked against a small model in `queue/tests.rs`:
//! 1. A key is never in flight twice.
//! 2. Nothing is lost: what was added is popped later, or dropped since a run that started at or after its `since` was seen.
//! 3. Merging keeps the most urgent class, the earliest not-before, the first cause, the latest `since`, and counts causes.
//! 4. A debounced entry waits for company until nothing came for the idle window, and never longer than the maximum window.
//! 5. Two starts of a key lie at least its spacing apart, unless an operator asks.
//! 6. Among ready entries the most urgent class goes first and within a class the oldest; every [`RESERVED_TURN`]th pop takes the oldest of all, so that
//!    nothing starves.
//! 7. Backoff belongs to the key: hints do not shorten it (an operator does), success resets it, and a retry keeps its class.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use aws_event_cache_model::{Cause, Class, Resources, Timestamp};

use crate::moment::after;

mod item;
mod lines;

use item::{Item, Slot};
use lines::Lines;

#[cfg(test)]
mod tests;

/// Every so many pops the oldest ready entry goes, whatever its class: an eighth of the work is the price for sweeps that always happen.
pub const RESERVED_TURN: u32 = 8;

/// No entry waits longer than this for its time: a wrong clock in a payload, or a service that says "come back next year", costs at most one hour of staleness.
pub const FARTHEST: Duration = Duration::from_secs(3_600);

/// First pause after a failure: about as long as a restarting lock store needs, so that a hiccup costs a second of staleness.
pub const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// Longest pause after failures: an agent that cannot be run costs one attempt in five minutes.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// How long an entry waits for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Debounce {
    /// It is ready when nothing came for this long.
    pub idle: Duration,
    /// It is ready after this long, whatever came.
    pub max: Duration,
}

/// What is put into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// How urgent.
    pub class: Class,
    /// Not before this time.
    pub not_before: Timestamp,
    /// How long to wait for company; `None` for what should start at once.
    pub debounce: Option<Debounce>,
    /// Least time between two starts of this key; operators' requests pass it over.
    pub spacing: Duration,
    /// A run counts only if it started at or after this time.
    pub since: Timestamp,
    /// What it is about.
    pub resources: Resources,
    /// Why.
    pub cause: Cause,
}

/// What is taken out of the queue; also what a failed flight gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<K> {
    /// Which key.
    pub key: K,
    /// The most urgent class of all that was merged.
    pub class: Class,
    /// The latest of all that was merged.
    pub since: Timestamp,
    /// All that was merged.
    pub resources: Resources,
    /// The first cause.
    pub cause: Cause,
    /// How many causes were merged.
    pub causes: u32,
    /// Failed attempts before this one.
    pub attempt: u32,
    /// When the first of what was merged came.
    pub added: Timestamp,
    spacing: Duration,
    ticket: u64,
}

/// How a flight ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing<K> {
    /// A run started at this time and ended; it satisfies whatever was added since, as far as it started late enough. `None`: satisfied, but by no run.
    Done(Option<Timestamp>),
    /// It is to be tried again: after the key's backoff, or after the pause given if that is longer.
    Again(Box<Taken<K>>, Option<Duration>),
    /// It will not be tried again.
    GivenUp,
}

/// What `done` left of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing is owed any more.
    Nothing,
    /// More was added meanwhile, or it is to be tried again.
    More,
}

/// How many entries lie where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Depth {
    /// Ready or waiting, class operator.
    pub operator: usize,
    /// Ready or waiting, class event.
    pub event: usize,
    /// Ready or waiting, class settle.
    pub settle: usize,
    /// Ready or waiting, class sweep.
    pub sweep: usize,
    /// Under way.
    pub in_flight: usize,
}

impl Depth {
    /// The number of one class.
    pub fn of(&self, class: Class) -> usize {
        match class {
            Class::Operator => self.operator,
            Class::Event => self.event,
            Class::Settle => self.settle,
            Class::Sweep => self.sweep,
        }
    }

    fn slot(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Operator => &mut self.operator,
            Class::Event => &mut self.event,
            Class::Settle => &mut self.settle,
            Class::Sweep => &mut self.sweep,
        }
    }
}

/// The work queue. See the module's comment for what it promises.
#[derive(Debug)]
pub struct Queue<K> {
    slots: HashMap<K, Slot>,
    lines: Lines<K>,
    next_ticket: u64,
    turn: u32,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { slots: HashMap::new(), lines: Lines::default(), next_ticket: 0, turn: 0 }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds, or merges into what is there. An operator's request ends a backoff or a deferral that an earlier failure or budget began.
    pub fn add(&mut self, key: K, want: Want, now: Timestamp) {
        let slot = self.slots.entry(key.clone()).or_insert_with(Slot::new);
        slot.gone = false;
        if want.class == Class::Operator {
            slot.backoff = Timestamp::MIN;
        }
        match &mut slot.item {
            Some(item) => {
                let class = item.class;
                item.merge(want, now);
                self.lines.recount(slot.in_flight, class, item.class);
            }
            None => {
                let item = Item::new(want, self.next_ticket, now);
                self.next_ticket += 1;
                self.lines.enter(slot.in_flight, item.class);
                slot.item = Some(item);
            }
        }
        self.lines.put(&key, slot);
    }

    /// Takes the next entry that may go now; it is in flight until `done` or `defer`.
    pub fn pop_ready(&mut self, now: Timestamp) -> Option<Taken<K>> {
        while let Some(key) = self.lines.ripe(now) {
            let slot = self.slots.get_mut(&key).expect("invariant: what lies in a line has a slot");
            self.lines.ripen(&key, slot, now);
        }
        loop {
            let key = self.lines.choose(self.turn == RESERVED_TURN - 1)?;
            let slot = self.slots.get_mut(&key).expect("invariant: what lies in a line has a slot");
            let item = slot.item.take().expect("invariant: what lies in a line has an item");
            if slot.ready_at(&item) > now {
                // Its time moved on after it had ripened: a run of its own was seen meanwhile.
                slot.item = Some(item);
                self.lines.put(&key, slot);
                continue;
            }
            self.lines.leave(false, item.class);
            self.lines.unplace(&mut slot.place, item.ticket);
            slot.in_flight = true;
            self.lines.depth.in_flight += 1;
            self.turn = (self.turn + 1) % RESERVED_TURN;
            return Some(item.take(key));
        }
    }

    /// Puts back what was popped without having tried it: the budget says when. It keeps its place in the line and its count of attempts.
    pub fn defer(&mut self, taken: Taken<K>, until: Timestamp, now: Timestamp) {
        self.give_back(taken, until.min(after(now, FARTHEST)), now);
    }

    /// Ends a flight.
    pub fn done(&mut self, key: &K, landing: Landing<K>, now: Timestamp) -> Left {
        match landing {
            Landing::Done(started) => {
                self.land(key);
                if let Some(slot) = self.slots.get_mut(key) {
                    slot.forgive();
                    self.lines.put(key, slot);
                }
                if let Some(started) = started {
                    self.ran(key, started);
                }
            }
            Landing::Again(mut taken, pause) => {
                taken.attempt = taken.attempt.saturating_add(1);
                let until = self.slots.get_mut(key).map_or(now, |slot| slot.back_off(pause, now));
                self.give_back(*taken, until, now);
            }
            Landing::GivenUp => {
                if let Some(slot) = self.slots.get_mut(key) {
                    slot.forgive();
                }
                self.land(key);
            }
        }
        if self.owes(key) { Left::More } else { Left::Nothing }
    }

    /// A run of this key that started at `started` was seen to end: what it satisfies is dropped, and spacing counts from it. Returns whether an entry was
    /// dropped.
    pub fn ran(&mut self, key: &K, started: Timestamp) -> bool {
        let slot = self.slots.entry(key.clone()).or_insert_with(Slot::new);
        slot.started = slot.started.max(Some(started));
        let Some(item) = slot.item.take_if(|item| item.since <= started) else { return false };
        self.lines.leave(slot.in_flight, item.class);
        self.lines.unplace(&mut slot.place, item.ticket);
        if !slot.in_flight {
            slot.forgive();
        }
        true
    }

    /// Lets a waiting entry go now, whatever put it off: the budget was restored, or access was. Spacing still holds.
    pub fn hasten(&mut self, key: &K, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.backoff = Timestamp::MIN;
        if let Some(item) = &mut slot.item {
            item.deferred = Timestamp::MIN;
            item.not_before = item.not_before.min(now);
        }
        self.lines.put(key, slot);
    }

    /// Forgets a key: it does not exist any more, or nobody wants it. A flight under way goes on to its end. Returns whether something was owed.
    pub fn remove(&mut self, key: &K) -> bool {
        let dropped = self.drop_waiting(key);
        let Some(slot) = self.slots.get_mut(key) else { return false };
        slot.gone = true;
        let in_flight = slot.in_flight;
        if !in_flight {
            self.slots.remove(key);
        }
        dropped || in_flight
    }

    /// Drops what waits for a key and keeps what is known of its runs and failures. A flight under way goes on. Returns whether something was dropped.
    pub fn drop_waiting(&mut self, key: &K) -> bool {
        self.take_out(key, |_| true).is_some()
    }

    /// Takes an entry out of its line.
    fn take_out(&mut self, key: &K, such: impl FnOnce(&Item) -> bool) -> Option<Item> {
        let slot = self.slots.get_mut(key)?;
        let item = slot.item.take_if(|item| such(item))?;
        self.lines.leave(slot.in_flight, item.class);
        self.lines.unplace(&mut slot.place, item.ticket);
        Some(item)
    }

    /// Whether a run of this key is under way or wanted that counts if it starts now.
    pub fn counts_now(&self, key: &K, now: Timestamp) -> bool {
        let waits = |slot: &Slot| slot.item.as_ref().is_some_and(|item| item.since <= now);
        self.slots.get(key).is_some_and(|slot| slot.in_flight || waits(slot))
    }

    /// Takes out what waits for a key and is satisfied only by runs that start after `now`: since when, for what, and why.
    pub fn take_later(&mut self, key: &K, now: Timestamp) -> Option<(Timestamp, Resources, Cause)> {
        let item = self.take_out(key, |item| item.since > now)?;
        Some((item.since, item.resources, item.cause))
    }

    /// When to look again: `now` if something is ready, `None` if nothing waits. It may be early, never late.
    pub fn next_wakeup(&self, now: Timestamp) -> Option<Timestamp> {
        self.lines.next_wakeup(now)
    }

    /// Whether a run of this key is owed or under way.
    pub fn owes(&self, key: &K) -> bool {
        self.slots.get(key).is_some_and(|slot| slot.item.is_some() || slot.in_flight)
    }

    /// Whether a flight of this key is under way.
    pub fn in_flight(&self, key: &K) -> bool {
        self.slots.get(key).is_some_and(|slot| slot.in_flight)
    }

    /// Class and time of the first of what is owed for this key and not yet under way.
    pub fn waiting(&self, key: &K) -> Option<(Class, Timestamp)> {
        self.slots.get(key).and_then(|slot| slot.item.as_ref()).map(|item| (item.class, item.added))
    }

    /// The cause of what waits for this key, if it is the only one.
    pub fn sole_cause(&self, key: &K) -> Option<&Cause> {
        self.slots.get(key).and_then(|slot| slot.item.as_ref()).filter(|item| item.causes == 1).map(|item| &item.cause)
    }

    /// Until when the key rests after a failure or for want of budget; `None` when it does not.
    pub fn put_off_until(&self, key: &K, now: Timestamp) -> Option<Timestamp> {
        let slot = self.slots.get(key)?;
        let item = slot.item.as_ref()?;
        Some(slot.backoff.max(item.deferred)).filter(|at| *at > now)
    }

    /// How many entries lie where.
    pub fn depth(&self) -> Depth {
        self.lines.depth
    }

    /// Ends the flight; what was added meanwhile becomes an entry like any other.
    fn land(&mut self, key: &K) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        if std::mem::take(&mut slot.in_flight) {
            self.lines.depth.in_flight -= 1;
            if let Some(item) = &slot.item {
                self.lines.enter(false, item.class);
            }
        }
        if slot.gone {
            self.slots.remove(key);
        } else {
            self.lines.put(key, slot);
        }
    }

    /// Ends the flight and puts what was popped in front of what was added meanwhile.
    fn give_back(&mut self, taken: Taken<K>, until: Timestamp, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(&taken.key) else { return };
        let (key, mut item) = Item::again(taken, until, now);
        if !slot.gone {
            if let Some(newer) = slot.item.take() {
                item.absorb(newer);
            }
            slot.item = Some(item);
        }
        self.land(&key);
    }
}
