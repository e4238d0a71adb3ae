//! The ledger: a generation for every scope, and for every resource that was named lately.
//!
//! Invalidating is taking the next number. A cached answer remembers the generation of what it depends on, read *before* the question was sent, and is fresh
//! only while that generation stands. Numbers come from one counter and only grow, so equality is enough.
//!
//! With each number goes the time at which it was given: a read that began too soon after it may have been answered from before the change, since AWS is only
//! eventually consistent. A scope's entry also says how old an answer may get at all; the engine's survey writes that.
//!
//! Invariants, checked against a model that never forgets:
//! 1. Whatever is invalidated has a generation that differs from every one it had before, and a time that is not before its invalidation.
//! 2. The scope's listing changes with every invalidation in the scope; a resource that was not named does not change, as long as nothing had to be forgotten.
//! 3. Forgetting is safe: when a name is evicted, the floor of its scope rises to that name's generation and time, so no answer becomes fresh again by it. The
//!    price is that other resources of the scope may be read once more than needed.
//!
//! A reader that keeps a [`ScopeLedger`] pays one atomic load per listing and one short read lock per resource. Every interleaving of readers and writers that
//! matters is tried by `tests/interleavings.rs`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{AccountId, Names, Place, ResourceName, Scope, Timestamp};

use crate::sync::{AtomicI64, AtomicU64, Ordering, RwLock};

/// So many resources of one scope are remembered by name. 4,096 names of at most a few hundred bytes are about 1 MB in a scope where everything changes; a
/// scope that changes faster loses nothing but precision.
pub const NAMES_LIMIT: usize = 4_096;

/// How old an answer may get in a scope of which the engine has said nothing: Clouddriver's own interval, so that a cache without events at most doubles the age
/// that data has in stock Clouddriver.
pub const STOCK_AGE: Duration = Duration::from_secs(30);

/// The time of what was never invalidated, as it is stored.
const NEVER: i64 = i64::MIN;

/// A number that changes whenever what it belongs to was invalidated. `0`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct Generation(pub u64);

/// A generation, and when it was given; `None`: never invalidated.
///
/// The time is never before that of the generation. It may be a later one, of an invalidation that came while the two were read: then the generation is about to
/// be out of date as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Equality with the one that holds now is freshness.
    pub generation: Generation,
    /// A read is settled when it *started* at this time plus the kind's settle window, or later.
    pub at: Option<Timestamp>,
}

/// All generations. Share it in an `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct Ledger {
    counter: AtomicU64,
    scopes: RwLock<HashMap<Scope, Arc<ScopeLedger>>>,
    access: RwLock<HashMap<AccountId, Generation>>,
    names_limit: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(NAMES_LIMIT)
    }
}

impl Ledger {
    /// An empty ledger that remembers `names_limit` resources (at least 1) of each scope.
    pub fn new(names_limit: usize) -> Self {
        Self {
            counter: AtomicU64::new(0),
            scopes: RwLock::new(HashMap::new()),
            access: RwLock::new(HashMap::new()),
            names_limit: names_limit.max(1),
        }
    }

    /// Notes that resources of a scope changed.
    pub fn invalidate(&self, scope: &Scope, names: &Names, now: Timestamp) -> Generation {
        self.scope(scope).invalidate(names, &self.counter, self.names_limit, now)
    }

    /// Notes that anything of an account may have changed. Scopes that nobody has asked about yet need no note.
    pub fn invalidate_account(&self, account: &AccountId, now: Timestamp) {
        self.invalidate_all(|scope| scope.place.account == *account, now);
    }

    /// Notes that anything at a place may have changed, for instance while its events were not to be trusted.
    pub fn invalidate_place(&self, place: &Place, now: Timestamp) {
        self.invalidate_all(|scope| scope.place == *place, now);
    }

    fn invalidate_all(&self, which: impl Fn(&Scope) -> bool, now: Timestamp) {
        for (_, entry) in self.scopes().into_iter().filter(|(scope, _)| which(scope)) {
            entry.invalidate(&Names::Any, &self.counter, self.names_limit, now);
        }
    }

    /// Notes that who may read what in an account may have changed: whoever was let in has to show again that AWS lets it in.
    pub fn revoke(&self, account: &AccountId) -> Generation {
        let mut access = self.access.write();
        // Taken under the lock, as in [`ScopeLedger::invalidate`].
        let generation = next(&self.counter);
        access.insert(account.clone(), generation);
        generation
    }

    /// The generation of who may read what in an account.
    pub fn access(&self, account: &AccountId) -> Generation {
        self.access.read().get(account).copied().unwrap_or_default()
    }

    /// The generation of a resource, or with `None` of the scope's listings.
    pub fn generation(&self, scope: &Scope, resource: Option<&ResourceName>) -> Generation {
        let scopes = self.scopes.read();
        scopes.get(scope).map_or(Generation(0), |entry| entry.generation(resource))
    }

    /// The ledger of one scope, to be kept by who reads it often. It is made if it does not exist; scopes are as many as accounts, regions and kinds give.
    pub fn scope(&self, scope: &Scope) -> Arc<ScopeLedger> {
        if let Some(entry) = self.scopes.read().get(scope) {
            return entry.clone();
        }
        self.scopes.write().entry(scope.clone()).or_default().clone()
    }

    /// Every scope that was invalidated or asked for.
    pub fn scopes(&self) -> Vec<(Scope, Arc<ScopeLedger>)> {
        self.scopes.read().iter().map(|(scope, entry)| (scope.clone(), entry.clone())).collect()
    }

    /// Whether anybody has asked about a scope, or it was invalidated.
    pub fn knows(&self, scope: &Scope) -> bool {
        self.scopes.read().contains_key(scope)
    }

    /// How many scopes are known.
    pub fn len(&self) -> usize {
        self.scopes.read().len()
    }

    /// Whether nothing was ever invalidated or asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The generations of one scope, and how old its answers may get.
#[derive(Debug)]
pub struct ScopeLedger {
    /// Of the listings: that of the latest invalidation of any kind.
    listing: AtomicU64,
    /// When that was given, in microseconds since 1970. Written before it, so that who sees the generation sees its time or a later one.
    listing_at: AtomicI64,
    /// Milliseconds.
    max_age: AtomicU64,
    named: RwLock<Named>,
}

impl Default for ScopeLedger {
    fn default() -> Self {
        Self {
            listing: AtomicU64::new(0),
            listing_at: AtomicI64::new(NEVER),
            max_age: AtomicU64::new(millis(STOCK_AGE)),
            named: RwLock::new(Named::default()),
        }
    }
}

/// A generation and its time, as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Given {
    generation: u64,
    at: i64,
}

impl Given {
    const NEVER: Self = Self { generation: 0, at: NEVER };

    fn latest(self, other: Self) -> Self {
        Self { generation: self.generation.max(other.generation), at: self.at.max(other.at) }
    }
}

impl From<Given> for Mark {
    fn from(given: Given) -> Self {
        let at = (given.at != NEVER).then(|| Timestamp::from_microsecond(given.at).unwrap_or(Timestamp::MAX));
        Self { generation: Generation(given.generation), at }
    }
}

#[derive(Debug)]
struct Named {
    by_name: HashMap<ResourceName, Given>,
    by_age: BTreeMap<u64, Vec<ResourceName>>,
    /// Of every resource that is not remembered by name.
    floor: Given,
}

impl Default for Named {
    fn default() -> Self {
        Self { by_name: HashMap::new(), by_age: BTreeMap::new(), floor: Given::NEVER }
    }
}

impl ScopeLedger {
    /// The generation of a resource, or with `None` of the listings.
    pub fn generation(&self, resource: Option<&ResourceName>) -> Generation {
        match resource {
            None => Generation(self.listing.load(Ordering::Acquire)),
            Some(resource) => Generation(self.named.read().given(resource).generation),
        }
    }

    /// The generation of a resource, or with `None` of the listings, and when it was given.
    pub fn mark(&self, resource: Option<&ResourceName>) -> Mark {
        let given = match resource {
            None => {
                let generation = self.listing.load(Ordering::Acquire);
                Given { generation, at: self.listing_at.load(Ordering::Acquire) }
            }
            Some(resource) => self.named.read().given(resource),
        };
        given.into()
    }

    /// How old an answer about this scope may get now.
    pub fn max_age(&self) -> Duration {
        Duration::from_millis(self.max_age.load(Ordering::Relaxed))
    }

    /// Says how old an answer may get from now on. Whoever asks next sees it; it orders nothing else.
    pub fn set_max_age(&self, age: Duration) {
        self.max_age.store(millis(age), Ordering::Relaxed);
    }

    /// How many resources are remembered by name.
    pub fn names(&self) -> usize {
        self.named.read().by_name.len()
    }

    fn invalidate(&self, names: &Names, counter: &AtomicU64, limit: usize, now: Timestamp) -> Generation {
        let mut named = self.named.write();
        // Taken under the lock: an older number applied after a newer one would change nothing, and what it invalidates would look fresh.
        let generation = next(counter);
        // Callers read the time before they come here, so a later number may bring an earlier time.
        let before = self.listing_at.fetch_max(micros(now), Ordering::AcqRel);
        let given = Given { generation: generation.0, at: before.max(micros(now)) };
        match names {
            Names::Some(names) if names.len() <= limit => {
                names.iter().for_each(|name| named.note(name, given));
                while named.by_name.len() > limit {
                    named.forget_oldest();
                }
            }
            Names::Any | Names::Some(_) => *named = Named { floor: given, ..Named::default() },
        }
        self.listing.store(generation.0, Ordering::Release);
        generation
    }
}

impl Named {
    fn given(&self, name: &ResourceName) -> Given {
        self.by_name.get(name).map_or(self.floor, |given| given.latest(self.floor))
    }

    fn note(&mut self, name: &ResourceName, given: Given) {
        match self.by_name.get_mut(name) {
            // Named twice in one message.
            Some(known) if *known == given => return,
            Some(known) => {
                let old = std::mem::replace(known, given);
                self.unlist(old.generation, name);
            }
            None => {
                self.by_name.insert(name.clone(), given);
            }
        }
        self.by_age.entry(given.generation).or_default().push(name.clone());
    }

    fn unlist(&mut self, generation: u64, name: &ResourceName) {
        if let Some(names) = self.by_age.get_mut(&generation) {
            names.retain(|listed| listed != name);
            if names.is_empty() {
                self.by_age.remove(&generation);
            }
        }
    }

    /// Forgets what was invalidated longest ago; the floor takes its generation and time over.
    fn forget_oldest(&mut self) {
        let Some((_, names)) = self.by_age.pop_first() else { return };
        for given in names.into_iter().filter_map(|name| self.by_name.remove(&name)) {
            self.floor = self.floor.latest(given);
        }
    }
}

fn next(counter: &AtomicU64) -> Generation {
    Generation(counter.fetch_add(1, Ordering::AcqRel) + 1)
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

/// Rounded up, so that what is stored is never before the time itself.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond() + i64::from(at.as_nanosecond() % 1_000 > 0)
}
