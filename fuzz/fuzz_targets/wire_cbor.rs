//! CBOR, as a request's body and as an answer's.

#![no_main]

use aws_event_cache_fuzz::request;
use aws_event_cache_wire::{Protocol, call, error_code, fingerprint, has_members, next_token, owner_of, write_key};
use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let head = b"POST /service/S/operation/Do HTTP/1.1\nsmithy-protocol: rpc-v2-cbor\n\n";
    let (head, _) = request(head).expect("invariant: a request");
    if let Ok(call) = call(&head, data, None) {
        let mut key = Vec::new();
        write_key(&mut key, &head, "host", &call, None);
        assert!(key.len() > call.operation.len());
        let _ = call.parameters.to_cloudtrail();
    }
    let _ = next_token(Protocol::Cbor, data, "NextToken");
    let _ = has_members(Protocol::Cbor, data, "Widgets");
    let _ = owner_of(Protocol::Cbor, data);
    let _ = error_code(Protocol::Cbor, StatusCode::BAD_REQUEST, &HeaderMap::new(), data);
    let _ = fingerprint(Protocol::Cbor, data, &[]);
});
