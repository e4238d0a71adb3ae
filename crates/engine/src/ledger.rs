//! The ledger: a generation for every scope, and for every resource that was named lately.
//!
//! Invalidating is taking the next number. A cached answer remembers the generation of what it depends on, read *before* the question was sent, and is fresh
//! only while that generation stands. Numbers come from one counter and only grow, so equality is enough.
//!
//! Invariants, checked against a model that never forgets:
//! 1. Whatever is invalidated has a generation that differs from every one it had before.
//! 2. The scope's listing changes with every invalidation in the scope; a resource that was not named does not change, as long as nothing had to be forgotten.
//! 3. Forgetting is safe: when a name is evicted, the floor of its scope rises to that name's generation, so no answer becomes fresh again by it. The price is
//!    that other resources of the scope may be read once more than needed.
//!
//! A reader that keeps a [`ScopeLedger`] pays one atomic load per listing and one short read lock per resource.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_event_cache_model::{AccountId, Names, ResourceName, Scope};
use parking_lot::RwLock;

/// So many resources of one scope are remembered by name. 4,096 names of at most a few hundred bytes are about 1 MB in a scope where everything changes; a
/// scope that changes faster loses nothing but precision.
pub const NAMES_LIMIT: usize = 4_096;

/// A number that changes whenever what it belongs to was invalidated. `0`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct Generation(pub u64);

/// All generations. Share it in an `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct Ledger {
    counter: AtomicU64,
    scopes: RwLock<HashMap<Scope, Arc<ScopeLedger>>>,
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
        Self { counter: AtomicU64::new(0), scopes: RwLock::default(), names_limit: names_limit.max(1) }
    }

    /// Notes that resources of a scope changed.
    pub fn invalidate(&self, scope: &Scope, names: &Names) -> Generation {
        self.scope(scope).invalidate(names, &self.counter, self.names_limit)
    }

    /// Notes that anything of an account may have changed, for instance who may read what. Scopes that nobody has asked about yet need no note.
    pub fn invalidate_account(&self, account: &AccountId) {
        let entries: Vec<Arc<ScopeLedger>> = {
            let scopes = self.scopes.read();
            scopes.iter().filter(|(scope, _)| scope.place.account == *account).map(|(_, entry)| entry.clone()).collect()
        };
        for entry in entries {
            entry.invalidate(&Names::Any, &self.counter, self.names_limit);
        }
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

    /// How many scopes are known.
    pub fn len(&self) -> usize {
        self.scopes.read().len()
    }

    /// Whether nothing was ever invalidated or asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The generations of one scope.
#[derive(Debug, Default)]
pub struct ScopeLedger {
    /// Of the listings: that of the latest invalidation of any kind.
    listing: AtomicU64,
    /// Of every resource that is not remembered by name.
    floor: AtomicU64,
    named: RwLock<Named>,
}

#[derive(Debug, Default)]
struct Named {
    by_name: HashMap<ResourceName, u64>,
    by_age: BTreeMap<u64, Vec<ResourceName>>,
}

impl ScopeLedger {
    /// The generation of a resource, or with `None` of the listings.
    pub fn generation(&self, resource: Option<&ResourceName>) -> Generation {
        let Some(resource) = resource else { return Generation(self.listing.load(Ordering::Acquire)) };
        let named = self.named.read();
        let floor = self.floor.load(Ordering::Acquire);
        Generation(named.by_name.get(resource).copied().unwrap_or(0).max(floor))
    }

    fn invalidate(&self, names: &Names, counter: &AtomicU64, limit: usize) -> Generation {
        let mut named = self.named.write();
        // Taken under the lock: an older number applied after a newer one would change nothing, and what it invalidates would look fresh.
        let generation = counter.fetch_add(1, Ordering::AcqRel) + 1;
        match names {
            Names::Some(names) if names.len() <= limit => {
                names.iter().for_each(|name| named.note(name, generation));
                while named.by_name.len() > limit {
                    self.floor.store(named.forget_oldest(), Ordering::Release);
                }
            }
            Names::Any | Names::Some(_) => {
                self.floor.store(generation, Ordering::Release);
                *named = Named::default();
            }
        }
        self.listing.store(generation, Ordering::Release);
        Generation(generation)
    }
}

impl Named {
    fn note(&mut self, name: &ResourceName, generation: u64) {
        match self.by_name.get_mut(name) {
            // Named twice in one message.
            Some(known) if *known == generation => return,
            Some(known) => {
                let old = std::mem::replace(known, generation);
                self.unlist(old, name);
            }
            None => {
                self.by_name.insert(name.clone(), generation);
            }
        }
        self.by_age.entry(generation).or_default().push(name.clone());
    }

    fn unlist(&mut self, generation: u64, name: &ResourceName) {
        if let Some(names) = self.by_age.get_mut(&generation) {
            names.retain(|listed| listed != name);
            if names.is_empty() {
                self.by_age.remove(&generation);
            }
        }
    }

    /// Forgets what was invalidated longest ago and returns its generation.
    fn forget_oldest(&mut self) -> u64 {
        let Some((generation, names)) = self.by_age.pop_first() else { return 0 };
        for name in names {
            self.by_name.remove(&name);
        }
        generation
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_event_cache_model::{KindId, Place, Region};
    use proptest::prelude::*;

    use super::*;

    fn scope(n: u8) -> Scope {
        let place = Place::new(AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap());
        place.scope(KindId::new(format!("widget-{n}")).unwrap())
    }

    fn name(n: u8) -> ResourceName {
        ResourceName::new(format!("w-{n}")).unwrap()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Named(u8, Vec<u8>),
        All(u8),
        Account,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..2_u8, prop::collection::vec(0..8_u8, 0..5)).prop_map(|(scope, names)| Step::Named(scope, names)),
            1 => (0..2_u8).prop_map(Step::All),
            1 => Just(Step::Account),
        ];
        prop::collection::vec(step, 0..40)
    }

    /// Whether a step touches a resource (or, with `None`, the listing) of a scope.
    fn touches(step: &Step, in_scope: u8, resource: Option<u8>) -> bool {
        match step {
            Step::Named(scope, names) => *scope == in_scope && resource.is_none_or(|r| names.contains(&r)),
            Step::All(scope) => *scope == in_scope,
            Step::Account => true,
        }
    }

    fn apply(ledger: &Ledger, step: &Step) {
        match step {
            Step::Named(n, names) => {
                ledger.invalidate(&scope(*n), &Names::Some(names.iter().map(|n| name(*n)).collect()));
            }
            Step::All(n) => {
                ledger.invalidate(&scope(*n), &Names::Any);
            }
            Step::Account => ledger.invalidate_account(&AccountId::new("111122223333").unwrap()),
        }
    }

    fn everything() -> impl Iterator<Item = (u8, Option<u8>)> {
        (0..2).flat_map(|scope| (0..8).map(Some).chain([None]).map(move |resource| (scope, resource)))
    }

    proptest! {
        #[test]
        fn what_was_invalidated_never_looks_fresh_again_even_when_names_are_forgotten(steps in steps(), limit in 1..4_usize) {
            let ledger = Ledger::new(limit);
            // Everything was asked for once, so that every scope is known.
            everything().for_each(|(s, _)| { ledger.scope(&scope(s)); });
            let mut had: HashMap<(u8, Option<u8>), Vec<u64>> = HashMap::new();
            for step in &steps {
                let before: HashMap<_, _> = everything().map(|(s, r)| ((s, r), ledger.generation(&scope(s), r.map(name).as_ref()).0)).collect();
                apply(&ledger, step);
                for (s, r) in everything() {
                    let now = ledger.generation(&scope(s), r.map(name).as_ref()).0;
                    had.entry((s, r)).or_default().push(before[&(s, r)]);
                    prop_assert!(now >= before[&(s, r)], "a generation never goes back");
                    if touches(step, s, r) {
                        prop_assert!(!had[&(s, r)].contains(&now), "{s} {r:?} must differ from all it had");
                    }
                }
            }
        }

        #[test]
        fn what_was_not_named_stays_fresh_while_nothing_is_forgotten(steps in steps()) {
            let ledger = Ledger::new(64);
            everything().for_each(|(s, _)| { ledger.scope(&scope(s)); });
            for step in &steps {
                let before: Vec<_> = everything().map(|(s, r)| ledger.generation(&scope(s), r.map(name).as_ref())).collect();
                apply(&ledger, step);
                for ((s, r), before) in everything().zip(before) {
                    if !touches(step, s, r) {
                        prop_assert_eq!(ledger.generation(&scope(s), r.map(name).as_ref()), before);
                    }
                }
            }
        }
    }

    #[test]
    fn no_more_names_are_kept_than_the_limit() {
        let ledger = Ledger::new(3);
        for n in 0..100 {
            ledger.invalidate(&scope(0), &Names::Some(vec![name(n)]));
        }
        let entry = ledger.scope(&scope(0));
        let named = entry.named.read();
        assert_eq!((named.by_name.len(), named.by_age.len()), (3, 3));
    }

    #[test]
    fn readers_on_other_threads_never_see_a_generation_go_back() {
        let ledger = Arc::new(Ledger::new(2));
        let entry = ledger.scope(&scope(0));
        std::thread::scope(|threads| {
            for t in 0..2_u8 {
                let ledger = ledger.clone();
                threads.spawn(move || {
                    for n in 0..2_000_u32 {
                        let names = if n % 97 == 0 { Names::Any } else { Names::Some(vec![name((n % 5) as u8 + t)]) };
                        ledger.invalidate(&scope(0), &names);
                    }
                });
            }
            let mut last = [Generation(0); 2];
            for _ in 0..2_000 {
                let now = [entry.generation(None), entry.generation(Some(&name(1)))];
                assert!(now[0] >= last[0] && now[1] >= last[1]);
                last = now;
            }
        });
    }
}
