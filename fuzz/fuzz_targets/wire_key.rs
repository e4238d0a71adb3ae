//! Two bodies, of forms or of JSON, parted by a zero: they share a key exactly if the calls are equal, and then the values are.

#![no_main]

use aws_event_cache_fuzz::request;
use aws_event_cache_wire::{Call, call, write_key};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fn key(head: &str, body: &[u8]) -> Option<(Call, Vec<u8>)> {
    let (head, _) = request(head.as_bytes()).expect("invariant: a request");
    let call = call(&head, body, None).ok()?;
    let mut key = Vec::new();
    write_key(&mut key, &head, "host", &call, None);
    Some((call, key))
}

fuzz_target!(|data: &[u8]| {
    let Some(zero) = data.iter().position(|byte| *byte == 0) else { return };
    let (left, right) = (&data[..zero], &data[zero + 1..]);

    let form = "POST / HTTP/1.1\ncontent-type: application/x-www-form-urlencoded\n\n";
    if let (Some((left, left_key)), Some((right, right_key))) = (key(form, left), key(form, right)) {
        assert_eq!(left_key == right_key, left == right);
    }
    let json = "POST / HTTP/1.1\nx-amz-target: P.Do\n\n";
    if let (Some((left_call, left_key)), Some((right_call, right_key))) = (key(json, left), key(json, right)) {
        assert_eq!(left_key == right_key, left_call == right_call);
        if left_key == right_key {
            let value = |body: &[u8]| serde_json::from_slice(body).unwrap_or_else(|_| Value::Object(Map::new()));
            assert_eq!(value(left), value(right));
        }
    }
});
