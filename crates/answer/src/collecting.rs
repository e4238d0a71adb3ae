//! Listings of which some pages have come: kept aside until the last one has, for only a whole chain is ever given from memory.
//!
//! The pages come as clients ask for them, each client with the token of the page before; whoever asks next for the page that is missing brings it. What a change
//! overtakes, what takes too long and what there is no room for is let go: its clients go on with AWS's own tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_event_cache_model::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use crate::chain::{Chain, WALK, page_weight};
use crate::freshness::Grade;
use crate::marks::Marks;
use crate::ruling::{NotStored, Page};
use crate::time::after;

/// So many listings are collected at once. Those of a hundred accounts in ten regions rarely start within one second.
const CHAINS: usize = 1_024;

/// So many of one key: clients that began at different times.
const CHAINS_OF_KEY: usize = 4;

/// What a collected listing costs beside its pages and key.
const OVERHEAD: usize = 512;

/// One page, as it was learned.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) page: Arc<Page>,
    pub(crate) fingerprint: u64,
    pub(crate) transitional: bool,
    /// The token of the page after it.
    pub(crate) next: Option<String>,
}

/// What is known of a token.
#[derive(Debug)]
pub(crate) enum Known {
    /// The page has come, in a listing that depends on these marks.
    Page(Arc<Page>, Marks),
    /// It is the next to come, of the listing of this number, which depends on these marks.
    Next(u64, Marks),
}

#[derive(Debug)]
struct Partial {
    number: u64,
    marks: Marks,
    grade: Grade,
    pages: Vec<Arc<Page>>,
    tokens: HashMap<Box<str>, usize>,
    next: Box<str>,
    fingerprint: u64,
    bytes: usize,
    last: Timestamp,
}

#[derive(Debug, Default)]
struct Inner {
    by_key: HashMap<Arc<[u8]>, Vec<Partial>>,
    bytes: usize,
    count: usize,
    number: u64,
}

/// All listings that are being collected.
#[derive(Debug)]
pub(crate) struct Collecting {
    inner: Mutex<Inner>,
    /// How many there are, so that walking a whole chain while nothing is collected takes no lock.
    count: AtomicUsize,
    capacity: usize,
    largest: usize,
}

impl Collecting {
    /// Room for `capacity` bytes, and for `largest` of one listing.
    pub(crate) fn new(capacity: usize, largest: usize) -> Self {
        Self { inner: Mutex::default(), count: AtomicUsize::new(0), capacity, largest }
    }

    /// A first page has come, and it is not the last.
    pub(crate) fn begin(&self, key: &Arc<[u8]>, leaf: Leaf, marks: Marks, grade: Grade) -> Result<(), NotStored> {
        let Some(next) = leaf.next.as_deref() else { return Err(NotStored::Chain) };
        let bytes = OVERHEAD + key.len() + marks.weight() + page_weight(&leaf.page) + next.len();
        if bytes > self.largest.min(self.capacity) {
            return Err(NotStored::TooLarge);
        }
        let mut inner = self.change();
        inner.number += 1;
        let partial = Partial {
            number: inner.number,
            marks,
            grade: Grade { transitional: leaf.transitional, ..grade },
            last: leaf.page.started,
            pages: vec![leaf.page],
            tokens: HashMap::new(),
            next: next.into(),
            fingerprint: leaf.fingerprint,
            bytes,
        };
        let of_key = inner.by_key.entry(key.clone()).or_default();
        let oldest = (of_key.len() >= CHAINS_OF_KEY).then(|| of_key.remove(0));
        of_key.push(partial);
        inner.account(bytes, 1);
        if let Some(oldest) = oldest {
            inner.release(&oldest);
        }
        inner.make_room(self.capacity);
        Ok(())
    }

    /// What is known of a token under a key. Of two listings that know it, the newer.
    pub(crate) fn find(&self, key: &[u8], token: &str) -> Option<Known> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let inner = self.inner.lock();
        let partials = inner.by_key.get(key)?;
        partials.iter().rev().find_map(|partial| {
            if *partial.next == *token {
                return Some(Known::Next(partial.number, partial.marks.clone()));
            }
            let index = partial.tokens.get(token)?;
            partial.pages.get(*index).map(|page| Known::Page(page.clone(), partial.marks.clone()))
        })
    }

    /// The page of a token has come. Returns the whole chain when it was the last.
    pub(crate) fn extend(
        &self,
        key: &Arc<[u8]>,
        number: u64,
        token: &str,
        leaf: Leaf,
    ) -> Result<Option<Chain>, NotStored> {
        let mut inner = self.change();
        let of_key = inner.by_key.get_mut(key).ok_or(NotStored::Chain)?;
        let at = of_key.iter().position(|partial| partial.number == number).ok_or(NotStored::Chain)?;
        // Somebody else brought it meanwhile.
        if *of_key[at].next != *token {
            return Err(NotStored::Kept);
        }
        let mut partial = of_key.remove(at);
        let before = partial.bytes;
        let taken = partial.take(token, leaf);
        match taken {
            // Given back when it is whole, and when it cannot become so.
            Ok(false) if partial.bytes <= self.largest => {
                let added = partial.bytes - before;
                of_key.push(partial);
                inner.account(added, 0);
                inner.make_room(self.capacity);
                Ok(None)
            }
            taken => {
                let over = partial.bytes > self.largest;
                partial.bytes = before;
                inner.release(&partial);
                inner.forget_empty(key);
                match taken {
                    Ok(true) => Ok(Some(partial.finish(key))),
                    Ok(false) if over => Err(NotStored::TooLarge),
                    _ => Err(NotStored::Chain),
                }
            }
        }
    }

    /// A page of a listing could not be taken: it can never become whole.
    pub(crate) fn abandon(&self, key: &[u8], number: u64) {
        let mut inner = self.change();
        inner.remove_where(|of, partial| **of == *key && partial.number == number);
    }

    /// Lets go of listings that nobody walks any more.
    pub(crate) fn tidy(&self, now: Timestamp) {
        let mut inner = self.change();
        inner.remove_where(|_, partial| after(partial.last, WALK) < now);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut inner = self.change();
        *inner = Inner { number: inner.number, ..Inner::default() };
    }

    fn change(&self) -> Changing<'_> {
        Changing { inner: self.inner.lock(), count: &self.count }
    }

    /// How many listings are being collected, and the bytes that they take.
    pub(crate) fn size(&self) -> (usize, usize) {
        let inner = self.inner.lock();
        (inner.count, inner.bytes)
    }
}

/// The listings, while they are changed; tells their number afterwards.
struct Changing<'a> {
    inner: MutexGuard<'a, Inner>,
    count: &'a AtomicUsize,
}

impl std::ops::Deref for Changing<'_> {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl std::ops::DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.count.store(self.inner.count, Ordering::Release);
    }
}

impl Inner {
    fn account(&mut self, bytes: usize, count: usize) {
        self.bytes += bytes;
        self.count += count;
    }

    fn release(&mut self, partial: &Partial) {
        self.bytes -= partial.bytes;
        self.count -= 1;
    }

    fn forget_empty(&mut self, key: &[u8]) {
        if self.by_key.get(key).is_some_and(Vec::is_empty) {
            self.by_key.remove(key);
        }
    }

    /// Lets go of those that have waited longest.
    fn make_room(&mut self, capacity: usize) {
        while self.count > CHAINS || self.bytes > capacity {
            let all = self.by_key.values().flatten();
            let Some(number) = all.min_by_key(|partial| (partial.last, partial.number)).map(|p| p.number) else {
                return;
            };
            self.remove_where(|_, partial| partial.number == number);
        }
    }

    fn remove_where(&mut self, gone: impl Fn(&Arc<[u8]>, &Partial) -> bool) {
        let (mut bytes, mut count) = (0, 0);
        self.by_key.retain(|key, partials| {
            partials.retain(|partial| {
                let go = gone(key, partial);
                if go {
                    (bytes, count) = (bytes + partial.bytes, count + 1);
                }
                !go
            });
            !partials.is_empty()
        });
        self.bytes -= bytes;
        self.count -= count;
    }
}

impl Partial {
    /// Takes the next page. `true`: it was the last.
    fn take(&mut self, token: &str, leaf: Leaf) -> Result<bool, NotStored> {
        self.bytes += page_weight(&leaf.page) + token.len();
        self.tokens.insert(token.into(), self.pages.len());
        self.fingerprint = self.fingerprint.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ leaf.fingerprint;
        self.grade.transitional |= leaf.transitional;
        self.last = self.last.max(leaf.page.started);
        self.pages.push(leaf.page);
        match leaf.next {
            None => Ok(true),
            // A listing that comes back to where it was has no end.
            Some(next) if self.tokens.contains_key(&*next) => Err(NotStored::Chain),
            Some(next) => {
                self.bytes += next.len();
                self.next = next.into();
                Ok(false)
            }
        }
    }

    fn finish(self, key: &[u8]) -> Chain {
        Chain::new(key, self.pages, self.tokens, self.marks, self.grade, self.fingerprint)
    }
}
