//! Where waiting and ready entries stand in line.

use std::collections::BTreeMap;

use aws_event_cache_model::{Class, Timestamp};

use super::Depth;
use super::item::Slot;

/// Where an entry's ticket lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In no line: nothing is wanted, or a flight is under way.
    Nowhere,
    /// Among those that wait, under this time.
    Waiting(Timestamp),
    /// Among the ready ones of this class.
    Ready(Class),
}

/// The lines: one by time, and one of ready entries for each class.
#[derive(Debug)]
pub(super) struct Lines<K> {
    /// By time, then ticket. The time may be too early (an entry's time moves on while company comes); it is looked at again when it comes. That makes
    /// merging a hint into a waiting entry free of tree work.
    waiting: BTreeMap<(Timestamp, u64), K>,
    /// By class, then ticket.
    ready: [BTreeMap<u64, K>; 4],
    pub(super) depth: Depth,
}

impl<K> Default for Lines<K> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), ready: Default::default(), depth: Depth::default() }
    }
}

impl<K: Clone> Lines<K> {
    /// Counts a new entry. What was added in flight is counted when it comes back, so that depth is what waits for a free hand.
    pub(super) fn enter(&mut self, in_flight: bool, class: Class) {
        if !in_flight {
            *self.depth.slot(class) += 1;
        }
    }

    /// Counts an entry that went.
    pub(super) fn leave(&mut self, in_flight: bool, class: Class) {
        if !in_flight {
            *self.depth.slot(class) -= 1;
        }
    }

    /// Counts a change of class.
    pub(super) fn recount(&mut self, in_flight: bool, from: Class, to: Class) {
        if from != to {
            self.leave(in_flight, from);
            self.enter(in_flight, to);
        }
    }

    /// Puts a slot's entry where it belongs. A waiting entry whose time only moved on stays where it is.
    pub(super) fn put(&mut self, key: &K, slot: &mut Slot) {
        let Some(item) = slot.item.as_ref().filter(|_| !slot.in_flight) else { return };
        let at = slot.ready_at(item);
        if matches!(slot.place, Place::Waiting(known) if known <= at) {
            return;
        }
        let ticket = item.ticket;
        self.unplace(&mut slot.place, ticket);
        self.waiting.insert((at, ticket), key.clone());
        slot.place = Place::Waiting(at);
    }

    /// The key of a waiting entry whose time has come.
    pub(super) fn ripe(&self, now: Timestamp) -> Option<K> {
        self.waiting.first_key_value().filter(|((at, _), _)| *at <= now).map(|(_, key)| key.clone())
    }

    /// Makes a waiting entry ready, or lets it wait on if its time has moved on.
    pub(super) fn ripen(&mut self, key: &K, slot: &mut Slot, now: Timestamp) {
        let item = slot.item.as_ref().expect("invariant: what waits has an item");
        let (at, class, ticket) = (slot.ready_at(item), item.class, item.ticket);
        self.unplace(&mut slot.place, ticket);
        if at <= now {
            self.ready[class as usize].insert(ticket, key.clone());
            slot.place = Place::Ready(class);
        } else {
            self.waiting.insert((at, ticket), key.clone());
            slot.place = Place::Waiting(at);
        }
    }

    /// The next ready key: of the most urgent class, or the oldest of all.
    pub(super) fn choose(&self, oldest: bool) -> Option<K> {
        let mut firsts = self.ready.iter().rev().filter_map(BTreeMap::first_key_value);
        let first = if oldest { firsts.min_by_key(|(ticket, _)| **ticket) } else { firsts.next() };
        first.map(|(_, key)| key.clone())
    }

    /// Takes an entry out of its line.
    pub(super) fn unplace(&mut self, place: &mut Place, ticket: u64) {
        match std::mem::replace(place, Place::Nowhere) {
            Place::Nowhere => {}
            Place::Waiting(at) => {
                self.waiting.remove(&(at, ticket));
            }
            Place::Ready(class) => {
                self.ready[class as usize].remove(&ticket);
            }
        }
    }

    /// When the first entry may be ready.
    pub(super) fn next_wakeup(&self, now: Timestamp) -> Option<Timestamp> {
        if self.ready.iter().any(|class| !class.is_empty()) {
            return Some(now);
        }
        self.waiting.first_key_value().map(|((at, _), _)| (*at).max(now))
    }
}
