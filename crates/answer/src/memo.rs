//! Requests that were answered from memory before, known again by their bytes.
//!
//! Clients poll: the same few thousand requests come again and again, and what they ask for never changes. So a request that was a hit is kept with its row and key,
//! and when it comes again byte for byte (but for what makes no difference to its key) it need not be read again.
//!
//! What it promises: a memo only ever shortens the way to a hit. Who asks, when it was signed, for whom, how far the answer arm may go and whether the answer
//! still holds are asked each time; if any of it speaks against, the request goes the long way, which decides.

use std::cell::RefCell;
use std::sync::Arc;

use aws_event_cache_model::{AnswerMode, Timestamp};
use aws_event_cache_wire as wire;
use bytes::Bytes;
use http::request::Parts;
use quick_cache::sync::{Cache as Quick, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use rapidhash::quality::RandomState;

use crate::admission::Grant;
use crate::answers::{Answers, Switch};
use crate::caller::Caller;
use crate::freshness::{Freshness, judge};
use crate::row::Row;
use crate::ruling::{Asked, Hit};

/// Bytes for all memos: at half a kilobyte each, sixteen thousand polls. What is pushed out is read anew when it comes.
const CAPACITY: u64 = 8 << 20;

/// The longest body of a request that is known again: polls that name a hundred ARNs have twelve kilobytes.
const BODY: usize = 16 << 10;

/// What a memo takes beside its bytes: the entry, its place in the cache's lists and the reference to its row.
const OVERHEAD: usize = 192;

/// Room for a request's bytes that is kept per thread; longer ones are rare and given back.
const KEPT: usize = 4 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a request turned out to be.
#[derive(Debug)]
pub(crate) struct Recognized {
    /// The read that it is, and where.
    pub(crate) row: Arc<Row>,
    /// The key of its answer.
    pub(crate) key: Box<[u8]>,
    /// What its signer must be admitted to.
    pub(crate) grant: Grant,
}

type Key = Box<[u8]>;
type Lifecycle = DefaultLifecycle<Key, Arc<Recognized>>;

#[derive(Debug, Clone)]
struct Weigh;

impl Weighter<Key, Arc<Recognized>> for Weigh {
    fn weight(&self, bytes: &Key, known: &Arc<Recognized>) -> u64 {
        (OVERHEAD + bytes.len() + known.key.len()) as u64
    }
}

/// All memos. Its hashes are of a seed of their own, and the bytes are compared: no request can pass for another one.
#[derive(Debug)]
pub(crate) struct Memo(Quick<Key, Arc<Recognized>, Weigh, RandomState, Lifecycle>);

impl Memo {
    pub(crate) fn new() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity((CAPACITY / 512) as usize)
            .weight_capacity(CAPACITY)
            .build()
            .expect("invariant: items and weight are given");
        Self(Quick::with_options(options, Weigh, RandomState::new(), Lifecycle::default()))
    }
}

impl Answers {
    /// The answer to a request that was answered from memory before, if it may be so again. `None` says nothing.
    pub(crate) fn again(
        &self,
        asked: &mut Asked<'_>,
        caller: &Caller<'_, '_>,
        switch: &Switch,
        now: Timestamp,
    ) -> Option<Hit> {
        let known = with_bytes(asked.head, asked.host, asked.body, caller, |bytes| self.memo.0.get(bytes))??;
        let Recognized { row, key, grant } = &*known;
        let headers = &asked.head.headers;
        let token = wire::security_token(headers);
        let may_be = switch.modes.at(&row.place, &row.read.kind) == AnswerMode::Serve
            && !wire::acts_for_operation(headers)
            && (token.is_some() || asked.trusted)
            && caller.is_timely(asked.head, now);
        if !may_be {
            return None;
        }
        let who = self.hasher.recall(asked.memory, caller.key_id, token);
        if !self.admissions.admits(who, *grant, self.ledger.access(&row.place.account), now) {
            return None;
        }
        let entry = self.cache.get(key)?;
        let chain = &entry.current;
        match judge(row, chain, now) {
            Freshness::Fresh { age, ttl } if !chain.is_refuted() => {
                let page = chain.first()?.clone();
                chain.walk(now);
                Some(Hit { page, age, ttl, meter: row.meter.clone() })
            }
            _ => None,
        }
    }

    /// Remembers a request that was answered from memory and is no listing's further page.
    pub(crate) fn remember(&self, head: &Parts, host: &str, body: &Bytes, caller: &Caller<'_, '_>, known: Recognized) {
        with_bytes(head, host, body, caller, |bytes| self.memo.0.insert(bytes.into(), Arc::new(known)));
    }
}

/// Everything that a request's row and key follow from: its signer's account, service and region, and its bytes. `None` for what is not known again.
fn with_bytes<T>(
    head: &Parts,
    host: &str,
    body: &Bytes,
    caller: &Caller<'_, '_>,
    then: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    let account = caller.account.as_ref().filter(|_| body.len() <= BODY)?;
    SCRATCH.with_borrow_mut(|bytes| {
        bytes.clear();
        // None of them contains a blank.
        for part in [account.as_str(), caller.region.as_str(), caller.served.name.as_str()] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(b' ');
        }
        wire::write_raw(bytes, head, host, body);
        let result = then(bytes);
        if bytes.capacity() > KEPT {
            *bytes = Vec::new();
        }
        Some(result)
    })
}
