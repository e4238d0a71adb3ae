//! The places that AWS has answered for, and what each of the catalogue's reads is at them.
//!
//! Anybody can invent a key id of any account and a region's name. So nothing is kept for a place until AWS has answered a request for it with success; then
//! the number of places is the operator's own, and everything that is kept per place and catalogue row is bounded by both.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use aws_event_cache_model::{AccountId, Place, Region};
use parking_lot::Mutex;

use crate::row::Row;

/// So many places are known: four hundred accounts in all of AWS's regions. What lies beyond only passes.
const PLACES: usize = 16_384;

/// All known places.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Replaced as a whole, since it changes a few times in a process's life and is read with every request.
    known: ArcSwap<HashMap<Place, Arc<Rows>>>,
    accounts: ArcSwap<HashSet<AccountId>>,
    /// Accounts of which an answer has shown that their keys are read rightly.
    confirmed: ArcSwap<HashSet<AccountId>>,
    changing: Mutex<()>,
    numbers: Arc<AtomicU32>,
}

/// The rows asked for at one place, by where the catalogue keeps them.
#[derive(Debug)]
pub(crate) struct Rows {
    rows: ArcSwap<HashMap<usize, Arc<Row>>>,
    changing: Mutex<()>,
    numbers: Arc<AtomicU32>,
}

impl Places {
    /// The rows of a place, if AWS has answered for it.
    pub(crate) fn get(&self, place: &Place) -> Option<Arc<Rows>> {
        self.known.load().get(place).cloned()
    }

    /// AWS has answered for a place.
    pub(crate) fn know(&self, place: &Place) {
        if self.known.load().contains_key(place) {
            return;
        }
        let _changing = self.changing.lock();
        let known = self.known.load_full();
        if known.contains_key(place) || known.len() >= PLACES {
            return;
        }
        let rows = Rows { rows: ArcSwap::default(), changing: Mutex::new(()), numbers: self.numbers.clone() };
        let mut next = HashMap::clone(&known);
        next.insert(place.clone(), Arc::new(rows));
        let accounts: HashSet<AccountId> = next.keys().map(|place| place.account.clone()).collect();
        self.accounts.store(Arc::new(accounts));
        self.known.store(Arc::new(next));
    }

    /// Whether any place of an account is known.
    pub(crate) fn knows_account(&self, account: &AccountId) -> bool {
        self.accounts.load().contains(account)
    }

    /// The known places of a region.
    pub(crate) fn of_region(&self, region: &Region) -> Vec<Place> {
        self.known.load().keys().filter(|place| place.region == *region).cloned().collect()
    }

    /// Every row that was asked for.
    pub(crate) fn rows(&self) -> Vec<Arc<Row>> {
        self.known.load().values().flat_map(|rows| rows.rows.load().values().cloned().collect::<Vec<_>>()).collect()
    }

    /// How many places are known.
    pub(crate) fn len(&self) -> usize {
        self.known.load().len()
    }

    /// An answer's owner is the account that was read from the key.
    pub(crate) fn confirm(&self, account: &AccountId) {
        if self.is_confirmed(account) {
            return;
        }
        let _changing = self.changing.lock();
        let mut next = HashSet::clone(&self.confirmed.load_full());
        next.insert(account.clone());
        self.confirmed.store(Arc::new(next));
    }

    /// Whether an answer ever belonged to the account that its key names.
    pub(crate) fn is_confirmed(&self, account: &AccountId) -> bool {
        self.confirmed.load().contains(account)
    }
}

impl Rows {
    /// The row that the catalogue keeps at `address`, made by `make` (which is given its number) when it is asked for the first time.
    pub(crate) fn get(&self, address: usize, make: impl FnOnce(u32) -> Row) -> Arc<Row> {
        if let Some(row) = self.rows.load().get(&address) {
            return row.clone();
        }
        let _changing = self.changing.lock();
        let rows = self.rows.load_full();
        if let Some(row) = rows.get(&address) {
            return row.clone();
        }
        let row = Arc::new(make(self.numbers.fetch_add(1, Ordering::Relaxed)));
        let mut next = HashMap::clone(&rows);
        next.insert(address, row.clone());
        self.rows.store(Arc::new(next));
        row
    }
}
