//! A connection's bytes, as the forward proxy inspects them before the HTTP library does.
//!
//! Whatever passes must mean the same to the kinder parser behind: the same end of the head, the same method and target, and a body whose end is told once.

#![no_main]

use aws_event_cache_proxy::framing::{Inspector, Next};
use aws_event_cache_proxy::head::{Framing, HeadLimits, end, inspect};
use libfuzzer_sys::fuzz_target;

const LIMITS: HeadLimits = HeadLimits { bytes: 4_096, lines: 32 };

fuzz_target!(|data: &[u8]| {
    agrees_with_the_library(data);
    let whole = pass(data, data.len());
    for piece in [1, 7] {
        assert_eq!(pass(data, piece), whole);
    }
});

fn agrees_with_the_library(data: &[u8]) {
    let Ok(Some(length)) = end(data, 0, LIMITS) else { return };
    let Ok(head) = inspect(&data[..length], LIMITS) else { return };
    let mut lines = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut lines);
    // Characters that the library refuses in targets are its own affair.
    let Ok(status) = request.parse(data) else { return };
    assert_eq!(status, httparse::Status::Complete(length));
    assert_eq!((request.method, request.path), (Some(head.method), Some(head.target)));
    let values = |name: &str| {
        request
            .headers
            .iter()
            .filter(|line| line.name.eq_ignore_ascii_case(name))
            .map(|line| line.value)
            .collect::<Vec<_>>()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    assert!(lengths.len() + codings.len() <= 1);
    match head.framing {
        Framing::Chunked => assert!(codings[0].eq_ignore_ascii_case(b"chunked")),
        Framing::Length(length) if !lengths.is_empty() => {
            assert_eq!(std::str::from_utf8(lengths[0]).unwrap().trim().parse(), Ok(length))
        }
        Framing::Length(length) => assert_eq!(length, 0),
    }
    assert!(values("host").len() <= 1);
}

/// What passes when the bytes come in pieces of this size, and how it ends.
fn pass(data: &[u8], piece: usize) -> (usize, Next) {
    let mut inspector = Inspector::new(LIMITS);
    let (mut held, mut passed, mut next) = (Vec::new(), 0, Next::Nothing);
    for piece in data.chunks(piece.max(1)) {
        held.extend_from_slice(piece);
        let count;
        (count, next) = inspector.pass(&held);
        held.drain(..count);
        passed += count;
        if matches!(next, Next::Refused(_)) {
            break;
        }
    }
    (passed, next)
}
