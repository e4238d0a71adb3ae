//! The decoder of AWS Config, whatever the message type.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    aws_event_cache_fuzz::decode_as(data, |message| {
        let types = [
            "ConfigurationItemChangeNotification",
            "OversizedConfigurationItemChangeNotification",
            "ConfigurationSnapshotDeliveryFailed",
            "ComplianceChangeNotification",
        ];
        for message_type in types {
            message(json!({ "messageType": message_type }));
        }
        message(json!({ "MessageVersion": "1.0" }));
    });
});
