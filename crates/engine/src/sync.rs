//! What the ledger shares memory with. `tests/interleavings.rs` compiles the ledger with `loom`'s counterparts of these instead, and tries every order in which
//! threads can meet.

pub(crate) use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

pub(crate) use parking_lot::RwLock;
