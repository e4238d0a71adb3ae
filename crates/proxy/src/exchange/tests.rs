//! The exchange between real sockets: clients on one side, a stand-in for AWS on the other.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

mod attacks;
mod faults;
mod reads;
mod shared_reads;
mod stand_in;
mod world;
mod writes;

/// What a test makes the core do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    Panic,
    Slow(Duration),
}

/// Faults by the call that they strike.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<HashMap<&'static str, Fault>>);

impl Faults {
    pub(super) fn set(&self, call: &'static str, fault: Fault) {
        self.0.lock().insert(call, fault);
    }

    pub(super) fn heal(&self) {
        self.0.lock().clear();
    }

    pub(super) fn strike(&self, call: &'static str) {
        let fault = self.0.lock().get(call).copied();
        match fault {
            None => {}
            Some(Fault::Panic) => panic!("as the test wants"),
            Some(Fault::Slow(length)) => {
                let until = Instant::now() + length;
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            }
        }
    }
}
