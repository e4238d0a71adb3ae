//! The decoder of CloudWatch alarms.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    aws_event_cache_fuzz::decode_as(data, |message| {
        message(json!({ "AlarmName": "a", "NewStateValue": "ALARM" }));
    });
});
