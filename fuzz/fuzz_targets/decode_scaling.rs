//! The decoder of Auto Scaling's own messages.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    aws_event_cache_fuzz::decode_as(data, |message| {
        message(json!({}));
        message(json!({ "Event": "autoscaling:TEST" }));
        message(json!({ "LifecycleTransition": "autoscaling:TEST" }));
    });
});
