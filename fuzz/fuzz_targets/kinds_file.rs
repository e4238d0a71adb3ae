//! An operator's file of a kind, agent or service.

#![no_main]

use aws_event_cache_catalog::Catalog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        for path in ["kinds/widget.yaml", "agents/widgets.yaml", "services/test.yaml"] {
            if let Err(errors) = Catalog::parse([(path, text)]) {
                // What is wrong must be sayable, too.
                assert!(!errors.to_string().is_empty());
            }
        }
    }
});
