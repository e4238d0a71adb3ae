//! Any text, decoded as a message of every trust.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    aws_event_cache_fuzz::decode_text(data);
});
