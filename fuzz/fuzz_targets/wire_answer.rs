//! An answer of AWS, taken for one of each protocol: token, members, error, owner, fingerprint.

#![no_main]

use aws_event_cache_wire::{Protocol, Scan, error_code, fingerprint, has_members, next_token, owner_of};
use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for protocol in [Protocol::Query, Protocol::Json, Protocol::Rest] {
        let token = next_token(protocol, data, "NextToken");
        assert_eq!(token, next_token(protocol, data, "nextToken"));
        if let Scan::Token(token) = &token {
            assert!(!token.is_empty());
        }
        let _ = has_members(protocol, data, "set");
        let _ = owner_of(protocol, data);
        for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
            if let Some(code) = error_code(protocol, status, &HeaderMap::new(), data) {
                assert!(!code.is_empty() && code.len() <= 128);
            }
        }
        assert_eq!(fingerprint(protocol, data, &[]), fingerprint(protocol, data, &[]));
        let _ = fingerprint(protocol, data, &["value".into()]);
    }
});
