//! An SNS body: read strictly, and if it is an envelope, its signed bytes put together.

#![no_main]

use aws_event_cache_intake::Envelope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(envelope) = Envelope::parse(text)
    {
        assert!(envelope.signed_bytes().ends_with(b"\n"));
    }
});
