//! Which messages have been accepted already.
//!
//! One store serves SNS over HTTP and SQS, since two subscriptions of one topic carry the same message id. An id is kept only after its message was
//! accepted (a crash in between must lead to a second delivery, not to a loss) and only after its signature was checked (or a forger could fill the store
//! with ids of messages still to come).
//!
//! Invariants (property-tested against a plain list): never more than `capacity` ids; an id stands from its acceptance until `capacity` newer ones have
//! come; an id that never came is never known.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

/// What a message is known by: half of a SHA-256, since topic and id together are about 120 bytes and the store holds hundreds of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageKey([u8; 16]);

impl MessageKey {
    /// The key of a message of a topic. Upper-case ids count as the same: a UUID is one in either case.
    pub fn of(topic: &str, id: &str) -> Self {
        Self::digest(&[topic.as_bytes(), id.to_ascii_lowercase().as_bytes()])
    }

    /// The key of a message that has no id of its own: its text, and where it came from.
    pub fn of_text(origin: &str, text: &str) -> Self {
        Self::digest(&[b"text", origin.as_bytes(), text.as_bytes()])
    }

    fn digest(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&digest.finalize()[..16]);
        Self(key)
    }
}

/// A bounded memory of accepted messages; the oldest go first.
#[derive(Debug)]
pub struct ReplayStore {
    capacity: usize,
    known: HashSet<MessageKey>,
    order: VecDeque<MessageKey>,
    evicted: u64,
}

impl ReplayStore {
    /// An empty memory of at most `capacity` messages; 0 is taken as 1.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), known: HashSet::new(), order: VecDeque::new(), evicted: 0 }
    }

    /// Whether the message was accepted before.
    pub fn contains(&self, key: &MessageKey) -> bool {
        self.known.contains(key)
    }

    /// Notes that the message was accepted.
    pub fn record(&mut self, key: MessageKey) {
        if !self.known.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.evicted += 1;
        }
    }

    /// How many messages had to be forgotten to make room. A replay of one of them costs one needless refresh.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> MessageKey {
        MessageKey::of("arn:aws:sns:eu-west-1:111122223333:t", &n.to_string())
    }

    proptest! {
        #[test]
        fn the_store_remembers_what_a_list_of_the_newest_remembers(capacity in 1usize..6, ids in prop::collection::vec(0u8..12, 0..60)) {
            let (mut store, mut model) = (ReplayStore::new(capacity), Vec::new());
            for id in ids {
                prop_assert_eq!(store.contains(&key(id)), model.contains(&id));
                store.record(key(id));
                if !model.contains(&id) {
                    model.push(id);
                }
                if model.len() > capacity {
                    model.remove(0);
                }
                prop_assert_eq!(store.len(), model.len());
            }
        }
    }

    #[test]
    fn topic_and_id_cannot_be_shifted_into_one_another() {
        assert_ne!(MessageKey::of("ab", "c"), MessageKey::of("a", "bc"));
        assert_eq!(MessageKey::of("a", "BC"), MessageKey::of("a", "bc"));
    }
}
