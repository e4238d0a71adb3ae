//! A signing certificate's file, as an operator or the SNS host gives it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    aws_event_cache_fuzz::judge_certificate(data);
});
