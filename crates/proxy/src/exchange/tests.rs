//! Tests.
use std::sync::atomic::{AtomicU8, Ordering};

#[derive(Debug, Default)]
pub(super) struct Faults(AtomicU8);
impl Faults {
    pub(super) fn strike(&self, _call: &'static str) {
        self.0.load(Ordering::Relaxed);
    }
}
