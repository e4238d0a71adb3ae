//! A configuration file; no file or variable that it names exists.

#![no_main]

use aws_event_cache_config::{Config, KnownKinds, Outside};
use aws_event_cache_fuzz::CATALOG;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let outside = Outside::new(|_| None, |_| Err("there are no files here".into()));
        if let Err(errors) = Config::parse("config.yaml", text, &outside, &KnownKinds::of(&CATALOG)) {
            assert!(!errors.to_string().is_empty());
        }
    }
});
