//! The decoder of what CloudTrail records: the input is the `detail`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    aws_event_cache_fuzz::decode_detail(data, &["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"]);
});
