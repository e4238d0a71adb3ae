//! What we say about an answer: `Cache-Status` (RFC 9211), `Via`, `Age` and an id of our own.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use http::StatusCode;
use http::header::{AGE, HeaderMap, HeaderName, HeaderValue, VIA};
use smol_str::{SmolStr, format_smolstr};

/// RFC 9211.
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Our id of an answer: what a person quotes, and a log line holds. The id that AWS gave to the read stays in its own header.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-event-cache-request-id");

/// The name under which we speak of ourselves, in `Cache-Status` and `Via`.
const VIA_US: HeaderValue = HeaderValue::from_static("1.1 event-cache");

/// Why a request went to AWS, in the words of RFC 9211.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fwd {
    /// Nothing is stored for it.
    UriMiss,
    /// What is stored may not be used as it is.
    Stale,
    /// We do not answer such requests.
    Bypass,
    /// The request itself wants AWS's own answer.
    Request,
    /// It changes something.
    Method,
}

impl Fwd {
    fn as_str(self) -> &'static str {
        match self {
            Self::UriMiss => "uri-miss",
            Self::Stale => "stale",
            Self::Bypass => "bypass",
            Self::Request => "request",
            Self::Method => "method",
        }
    }
}

/// What happened to a request that was not answered from the cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forwarded {
    /// Why it went to AWS.
    pub(crate) fwd: Fwd,
    /// What AWS answered.
    pub(crate) status: Option<StatusCode>,
    /// The answer is kept.
    pub(crate) stored: bool,
    /// Another's call brought it.
    pub(crate) collapsed: bool,
    /// The reason, in our words.
    pub(crate) detail: &'static str,
}

impl Forwarded {
    /// The header's value.
    pub(crate) fn value(self) -> HeaderValue {
        written(|text| {
            text.extend_from_slice(b"event-cache; fwd=");
            text.extend_from_slice(self.fwd.as_str().as_bytes());
            if let Some(status) = self.status {
                text.extend_from_slice(b"; fwd-status=");
                text.extend_from_slice(status.as_str().as_bytes());
            }
            if self.stored {
                text.extend_from_slice(b"; stored");
            }
            if self.collapsed {
                text.extend_from_slice(b"; collapsed");
            }
            text.extend_from_slice(b"; detail=");
            text.extend_from_slice(self.detail.as_bytes());
        })
    }
}

/// The value for an answer from the cache: with the seconds for which it would still be given, or stale.
pub(crate) fn hit(ttl: Option<u64>, detail: &'static str) -> HeaderValue {
    written(|text| {
        text.extend_from_slice(b"event-cache; hit");
        if let Some(ttl) = ttl {
            text.extend_from_slice(b"; ttl=");
            push_number(text, ttl);
        }
        text.extend_from_slice(b"; detail=");
        text.extend_from_slice(detail.as_bytes());
    })
}

/// How much is allocated at once for values; some fifty answers share a piece.
const PIECE: usize = 4 * 1024;

/// Room that is left in a piece when the next one is begun: longer than any value of ours.
const LONGEST: usize = 256;

thread_local! {
    static PIECES: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(PIECE));
}

/// A value, cut from a piece that many share: an allocation for each would be dearer than writing it.
fn written(write: impl FnOnce(&mut BytesMut)) -> HeaderValue {
    let bytes = PIECES.with_borrow_mut(|piece| {
        if piece.capacity() < LONGEST {
            *piece = BytesMut::with_capacity(PIECE);
        }
        write(piece);
        piece.split().freeze()
    });
    HeaderValue::from_maybe_shared(bytes).unwrap_or(const { HeaderValue::from_static("event-cache") })
}

/// Without the machinery of formatting, which would cost more than the rest of the header.
fn push_number(text: &mut BytesMut, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[first..]);
}

/// Adds what every answer of ours says.
pub(crate) fn sign(headers: &mut HeaderMap, status: HeaderValue, id: HeaderValue) {
    headers.insert(CACHE_STATUS, status);
    headers.insert(REQUEST_ID, id);
    headers.append(VIA, VIA_US);
}

/// Adds how old an answer is.
pub(crate) fn age(headers: &mut HeaderMap, seconds: u64) {
    headers.insert(AGE, written(|text| push_number(text, seconds)));
}

/// Ids of answers: `evc-`, a part that differs between processes, and a number.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: SmolStr,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that no other process gives.
    pub(crate) fn new() -> Self {
        let process = format_smolstr!("{:08x}", rand::random::<u32>());
        Self { process, next: AtomicU64::new(1) }
    }

    /// The next.
    pub(crate) fn next(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        written(|text| {
            text.extend_from_slice(b"evc-");
            text.extend_from_slice(self.process.as_bytes());
            text.extend_from_slice(b"-");
            push_number(text, number);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_answer_says_why_and_what_became_of_it() {
        let forwarded =
            Forwarded { fwd: Fwd::Stale, status: Some(StatusCode::OK), stored: true, collapsed: true, detail: "dirty" };
        assert_eq!(forwarded.value(), "event-cache; fwd=stale; fwd-status=200; stored; collapsed; detail=dirty");
        let unreachable =
            Forwarded { fwd: Fwd::Bypass, status: None, stored: false, collapsed: false, detail: "upstream" };
        assert_eq!(unreachable.value(), "event-cache; fwd=bypass; detail=upstream");
    }

    #[test]
    fn a_hit_says_how_long_it_lasts_and_a_stale_one_why_it_is_given() {
        assert_eq!(hit(Some(412), "clean"), "event-cache; hit; ttl=412; detail=clean");
        assert_eq!(hit(None, "throttled"), "event-cache; hit; detail=throttled");
    }

    #[test]
    fn numbers_are_written_as_rust_writes_them() {
        for number in [0, 7, 10, 4_096, u64::MAX] {
            let mut text = BytesMut::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string().as_bytes());
        }
    }

    #[test]
    fn every_answer_has_its_own_id() {
        let ids = RequestIds::new();
        let (one, two) = (ids.next(), ids.next());
        assert_ne!(one, two);
        assert!(one.to_str().unwrap().starts_with("evc-"));
    }
}
