//! The little that must outlive a restart: owed runs, refreshes, overrides, audit, recent events and counters, in one embedded database file.
//!
//! ```text
//! append ──encode──> waiting ──take all──> writer thread ──one durable commit──> tickets resolve
//!                    (bounded)             (the only writer)                     (after fsync)
//! audit, events, refreshes, ... ──> snapshot of the last commit (never waits for the writer)
//! ```
//!
//! # What is promised
//!
//! - A ticket of [`Journal::append`] that resolves with `Ok` means: every record of that call, but for the *soft* ones, is on disk. Killed at any
//!   later point, the next [`Store::open`] gives it back.
//! - Records are applied in the order of the calls, all of one call in one commit or none of them.
//! - A call that fails may still have been written (the disk can fail after it took the data). Callers that try again lose nothing by it: an owed run
//!   that was not acknowledged is only a needless run.
//! - *Soft* records are audit entries, events and counts: what nobody acts on after a restart. They wait at most [`SOFT_DELAY`] for a commit that
//!   happens anyway, and a ticket for soft records only resolves at once. A crash loses at most that much of them.
//! - One durable commit carries everything that waits ("group commit"), so the rate of messages is not bound by the rate of fsyncs.
//! - The store is bounded: see the constants. What waits for the disk is bounded too ([`WAITING_BYTES`]); beyond it appends fail at once and the sender tries again.
//! - A failed commit (a full disk) fails its tickets and nothing else: the process lives on, reads go on where the database can be reopened, and commits work again when the disk does.
//! - A file that cannot be understood is moved aside to `<name>.corrupt-<n>` and a new one is begun as "not clean". Losing what it held is safe, since after an unclean
//!   end everything is taken as stale and read again; a service that cannot start is not.
//! - A file of a newer schema is refused in plain words and left as it is.
//!
//! # What is not promised
//!
//! Two processes cannot share a file (the second is told so). The store does not know what the records mean: of two `Owed` records for one agent the later one wins.
//!
//! # Format
//!
//! Values are JSON, so that a field added later is ignored by an older binary and a person can read a dump. A new *variant* of an enum, or a changed meaning, is a new
//! schema version.
//!
//! | table | key | value |
//! |---|---|---|
//! | `owed` | agent's name | class, resources, cause |
//! | `refreshes` | refresh id | record that is not final |
//! | `refreshes_ended` | (microseconds of the end, refresh id) | final record |
//! | `refreshes_ended_at` | refresh id | microseconds of the end |
//! | `overrides` | override id | override |
//! | `audit`, `events` | running number | entry |
//! | `counters` | name | sum |
//! | `meta` | `schema`, `last_alive` (microseconds), `clean` (0 or 1) | number |

mod apply;
mod error;
mod file;
mod op;
mod read;
mod recover;
mod schema;
mod store;
mod writer;

#[cfg(test)]
mod tests;

pub use aws_event_cache_model::seam::Journal;
pub use error::StoreError;
pub use file::CORRUPT_KEPT;
pub use op::{EVENT_BYTES, TEXT_CHARACTERS};
pub use schema::{AUDIT_KEPT, COUNTERS_KEPT, EVENTS_KEPT, REFRESHES_KEPT, SCHEMA};
pub use store::Store;
pub use writer::{ALIVE_EVERY, SOFT_DELAY, WAITING_BYTES};
