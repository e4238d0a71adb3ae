//! The decoder of EventBridge events.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    aws_event_cache_fuzz::decode_as(data, |message| {
        message(json!({}));
        for source in ["aws.config", "aws.cloudwatch", "aws.events"] {
            message(json!({ "source": source }));
        }
    });
});
