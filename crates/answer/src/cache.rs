//! The cache: chains by key, weighed in bytes.
//!
//! One entry holds the chain that may be given under its key, and those it has overtaken for as long as somebody may still be walking them. What it weighs is
//! what it takes, and the whole never weighs more than its capacity: what is asked for least goes first.

use std::hash::BuildHasher;
use std::sync::Arc;

use aws_event_cache_model::Timestamp;
use parking_lot::Mutex;
use quick_cache::sync::{Cache as Quick, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use rapidhash::quality::RandomState;

use crate::chain::Chain;

/// So many overtaken chains of one key are kept. A listing that changes all the time is read anew every two seconds at most; a client that walks slower than
/// eight rounds asks AWS for the rest with AWS's own token.
const RETIRED: usize = 8;

/// A shard has room for so many of the largest single answers: more shards meet less often, fewer have room for long listings.
const ANSWERS_PER_SHARD: usize = 4;

/// One chain may take this part of its shard, and with all that it has overtaken nine tenths.
const CHAINS_PER_SHARD: usize = 2;

/// Locks by key for who stores: two that store under one key take turns, others do not meet.
const STRIPES: usize = 64;

/// What is stored under one key.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What may be given.
    pub(crate) current: Arc<Chain>,
    /// What it has overtaken, newest first.
    pub(crate) retired: Vec<Arc<Chain>>,
}

impl Entry {
    /// The chains that know a token and may still be walked: the current one always, overtaken ones for a while.
    pub(crate) fn walked<'e>(&'e self, token: &'e str, now: Timestamp) -> impl Iterator<Item = &'e Arc<Chain>> {
        let known = move |chain: &&Arc<Chain>| chain.tokens.contains_key(token);
        std::iter::once(&self.current)
            .chain(self.retired.iter().filter(move |chain| chain.is_walked(now)))
            .filter(known)
    }
}

type Key = Box<[u8]>;
type Lifecycle = DefaultLifecycle<Key, Arc<Entry>>;

#[derive(Debug, Clone)]
struct Weigh;

impl Weighter<Key, Arc<Entry>> for Weigh {
    fn weight(&self, _: &Key, entry: &Arc<Entry>) -> u64 {
        let bytes = entry.current.weight + entry.retired.iter().map(|chain| chain.weight).sum::<usize>();
        bytes as u64
    }
}

/// All stored chains.
#[derive(Debug)]
pub(crate) struct Cache {
    chains: Quick<Key, Arc<Entry>, Weigh, RandomState, Lifecycle>,
    stripes: Vec<Mutex<()>>,
    hashes: RandomState,
    shard: usize,
    largest: usize,
}

impl Cache {
    /// A cache of so many bytes, for answers of at most `largest` bytes each.
    pub(crate) fn new(capacity: usize, largest: usize) -> Self {
        let shards = (capacity / (ANSWERS_PER_SHARD * largest.max(1))).clamp(1, 64);
        // Rounded down to a power of two, as the library rounds up.
        let shards = 1_usize << shards.ilog2();
        let items = (capacity / (8 << 10)).clamp(16, 1 << 20);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items)
            .weight_capacity(capacity as u64)
            .shards(shards)
            .build()
            .expect("invariant: items and weight are given");
        Self {
            chains: Quick::with_options(options, Weigh, RandomState::new(), Lifecycle::default()),
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            hashes: RandomState::new(),
            shard: capacity / shards,
            largest: capacity / shards / CHAINS_PER_SHARD,
        }
    }

    /// What is stored under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<Entry>> {
        self.chains.get(key)
    }

    /// Bytes that one chain may take.
    pub(crate) fn largest(&self) -> usize {
        self.largest
    }

    /// Stores a chain unless a newer one is there. Returns whether it was stored.
    pub(crate) fn store(&self, key: &[u8], chain: Chain, now: Timestamp) -> bool {
        if chain.weight > self.largest {
            return false;
        }
        let stripe = self.hashes.hash_one(key) as usize % STRIPES;
        let _turn = self.stripes[stripe].lock();
        let known = self.chains.peek(key);
        let mut retired = Vec::new();
        if let Some(known) = known {
            if known.current.started > chain.started {
                return false;
            }
            let overtaken = std::iter::once(&known.current).chain(&known.retired);
            let mut room = (self.shard / 10 * 9).saturating_sub(chain.weight);
            for old in overtaken.filter(|old| old.pages.len() > 1 && old.is_walked(now)).take(RETIRED) {
                let Some(left) = room.checked_sub(old.weight) else { break };
                room = left;
                retired.push(old.clone());
            }
        }
        self.chains.insert(key.into(), Arc::new(Entry { current: Arc::new(chain), retired }));
        true
    }

    /// Lets go of overtaken chains that nobody walks any more.
    pub(crate) fn tidy(&self, now: Timestamp) {
        let overdue = |entry: &Entry| entry.retired.iter().any(|chain| !chain.is_walked(now));
        let keys: Vec<Key> = self.chains.iter().filter(|(_, entry)| overdue(entry)).map(|(key, _)| key).collect();
        for key in keys {
            let stripe = self.hashes.hash_one(&*key) as usize % STRIPES;
            let _turn = self.stripes[stripe].lock();
            let Some(entry) = self.chains.peek(&*key) else { continue };
            let retired = entry.retired.iter().filter(|chain| chain.is_walked(now)).cloned().collect();
            self.chains.insert(key, Arc::new(Entry { current: entry.current.clone(), retired }));
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.chains.clear();
    }

    /// How many keys are stored.
    pub(crate) fn len(&self) -> usize {
        self.chains.len()
    }

    /// Bytes that are taken.
    pub(crate) fn weight(&self) -> usize {
        usize::try_from(self.chains.weight()).unwrap_or(usize::MAX)
    }
}
