//! The decoder of CloudFormation's plain text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let stack = "StackId='arn:aws:cloudformation:eu-west-1:111122223333:stack/s/0'\nResourceStatus='X'\n";
        aws_event_cache_fuzz::decode_text(format!("{stack}{text}").as_bytes());
    }
});
