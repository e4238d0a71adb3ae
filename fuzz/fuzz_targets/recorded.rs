//! A line of a recorded file.

#![no_main]

use aws_event_cache_fuzz::{CATALOG, now};
use aws_event_cache_intake::decode_recorded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        decode_recorded(text, "recorded.jsonl", 1, &CATALOG, now());
    }
});
