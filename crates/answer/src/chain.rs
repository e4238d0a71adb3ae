//! A listing with all its pages, or a single answer: what is stored under one key.
//!
//! A client walks a listing page by page, each named by a token of the page before. So page one is given from memory only if the whole chain is there, and the
//! pages that follow come from the same chain, also when it has been overtaken meanwhile: [`WALK`] long.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use aws_event_cache_model::Timestamp;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::freshness::Grade;
use crate::marks::Marks;
use crate::ruling::Page;
use crate::time::after;

/// How long after its first page a client may take to walk to the last. Clients ask for the next page at once; a listing of a hundred pages takes a minute.
pub(crate) const WALK: Duration = Duration::from_secs(120);

/// What a page costs beside body and headers: its structure, counters and places in lists.
const PAGE_OVERHEAD: usize = 256;

/// What a chain costs beside its pages: its structure, the cache's entry and the key's.
const CHAIN_OVERHEAD: usize = 512;

/// Headers of an answer may take so much. AWS's take one kilobyte.
const HEADERS: usize = 32 << 10;

/// Headers that belong to one connection or one transfer, or that are written anew for every answer.
const DROPPED: [header::HeaderName; 8] = [
    header::DATE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TRAILER,
    header::UPGRADE,
    header::AGE,
];

/// A whole listing, or a single answer.
#[derive(Debug)]
pub(crate) struct Chain {
    /// When the read of its first page started: the age of all.
    pub(crate) started: Timestamp,
    /// Its pages.
    pub(crate) pages: Vec<Arc<Page>>,
    /// Which page a token names; the first has none.
    pub(crate) tokens: HashMap<Box<str>, usize>,
    /// What it depends on.
    pub(crate) marks: Marks,
    /// What in it bears on its age.
    pub(crate) grade: Grade,
    /// Equal for chains that say the same.
    pub(crate) fingerprint: u64,
    /// Permille of its greatest age.
    pub(crate) jitter: u16,
    /// Bytes that it takes.
    pub(crate) weight: usize,
    /// When its first page was given last, in milliseconds.
    walked: AtomicI64,
    /// When it was last seen to be what AWS says, in milliseconds.
    confirmed: AtomicI64,
    /// AWS was seen to say something else.
    refuted: AtomicBool,
}

impl Chain {
    pub(crate) fn new(
        key: &[u8],
        pages: Vec<Arc<Page>>,
        tokens: HashMap<Box<str>, usize>,
        marks: Marks,
        grade: Grade,
        fingerprint: u64,
    ) -> Self {
        let started = pages.first().map_or(Timestamp::MIN, |page| page.started);
        let token = |token: &str| token.len() + size_of::<(Box<str>, usize)>();
        let weight = CHAIN_OVERHEAD
            + key.len()
            + marks.weight()
            + tokens.keys().map(|t| token(t)).sum::<usize>()
            + pages.iter().map(|page| page_weight(page)).sum::<usize>();
        Self {
            started,
            pages,
            tokens,
            marks,
            grade,
            fingerprint,
            jitter: jitter(key),
            weight,
            walked: AtomicI64::new(started.as_millisecond()),
            confirmed: AtomicI64::new(started.as_millisecond()),
            refuted: AtomicBool::new(false),
        }
    }

    /// Its first page.
    pub(crate) fn first(&self) -> Option<&Arc<Page>> {
        self.pages.first()
    }

    /// The page that a token names.
    pub(crate) fn page(&self, token: &str) -> Option<&Arc<Page>> {
        self.tokens.get(token).and_then(|index| self.pages.get(*index))
    }

    /// Its first page was given: who got it will ask for the others.
    pub(crate) fn walk(&self, now: Timestamp) {
        if self.pages.len() > 1 {
            self.walked.fetch_max(now.as_millisecond(), Ordering::Relaxed);
        }
    }

    /// Whether somebody may still be walking it.
    pub(crate) fn is_walked(&self, now: Timestamp) -> bool {
        let walked = Timestamp::from_millisecond(self.walked.load(Ordering::Relaxed)).unwrap_or(Timestamp::MIN);
        now <= after(walked, WALK)
    }

    /// AWS said the same just now.
    pub(crate) fn confirm(&self, at: Timestamp) {
        self.confirmed.fetch_max(at.as_millisecond(), Ordering::Relaxed);
    }

    /// AWS said something else just now.
    pub(crate) fn refute(&self) {
        self.refuted.store(true, Ordering::Relaxed);
    }

    /// Whether AWS was seen to say something else. Who only observes keeps such a chain, to see how long it would have been given; nobody is given it.
    pub(crate) fn is_refuted(&self) -> bool {
        self.refuted.load(Ordering::Relaxed)
    }

    /// When it was last seen to be what AWS says.
    pub(crate) fn confirmed(&self) -> Timestamp {
        Timestamp::from_millisecond(self.confirmed.load(Ordering::Relaxed)).unwrap_or(self.started)
    }
}

/// Between 900 and 1000, by the key.
fn jitter(key: &[u8]) -> u16 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    900 + u16::try_from(hasher.finish() % 101).unwrap_or(0)
}

/// Bytes that a page takes.
pub(crate) fn page_weight(page: &Page) -> usize {
    let headers: usize = page.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
    PAGE_OVERHEAD + headers + page.body.len()
}

/// The headers that are kept; `None` if they are too many. Copied, for what is received points into a connection's buffer, which would be kept with it.
pub(crate) fn kept_headers(headers: &HeaderMap) -> Option<HeaderMap> {
    let named = named_by_connection(headers);
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut bytes = 0;
    for (name, value) in headers {
        if DROPPED.contains(name) || name == "keep-alive" || name.as_str().starts_with("proxy-") || named.contains(name)
        {
            continue;
        }
        bytes += name.as_str().len() + value.len();
        if bytes > HEADERS {
            return None;
        }
        if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
            kept.append(name.clone(), copy);
        }
    }
    Some(kept)
}

/// RFC 9110 7.6.1: what `Connection` names is for this connection only.
fn named_by_connection(headers: &HeaderMap) -> Vec<header::HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// A body that keeps nothing else alive: what is received may be a small part of a large buffer.
pub(crate) fn kept_body(body: &Bytes) -> Bytes {
    Bytes::copy_from_slice(body)
}
