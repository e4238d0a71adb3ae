//! Hints in through SQS queues. The only crate of the running service with AWS SDK code.
//!
//! ```text
//!            cancellable                         not cancellable
//! queue ──receive (20 s long poll)──> batch ──accept each──> delete what was accepted or is poison
//!    ^                                          │            give back what was not
//!    └── backoff with jitter, by class <── failure    visibility extended while it lasts
//! ```
//!
//! # What is promised
//!
//! - A message is deleted only after [`Accept`] has said that its consequences are durable, or that it can never be accepted ([`Verdict::Poison`]).
//! - What is not accepted is given back: after a growing delay, or at once when we are shutting down.
//! - Shutdown interrupts waiting (receive, backoff) at once and work never half-way: acceptance under way has [`GRACE`] to end.
//! - A failed receive is followed by a pause that grows by the class of the failure ([`FailureKind`]); the pause ends at shutdown.
//! - One message that cannot be accepted, or makes acceptance panic, does not keep the others of its batch from being deleted.
//!
//! # What is not promised
//!
//! Order, and "exactly once": SQS standard queues deliver at least once, and a message whose deletion failed comes back. Whoever accepts must stand duplicates; hints do.
//! When a receive is cancelled at shutdown, messages that SQS had already handed out come back after the visibility timeout.

mod address;
mod aws;
mod backoff;
mod batch;
mod consumer;
mod failure;
mod hand;
mod intake;
mod lane;
mod queue;
mod settings;
mod stats;

#[cfg(test)]
mod tests;

pub use address::{QueueAddress, UnknownAddress};
pub use batch::{Accept, QueueContext, Verdict};
pub use consumer::{Consumer, Stats};
pub use failure::FailureKind;
pub use hand::GRACE;
pub use settings::{AssumeRole, QueueSettings, SettingsError};
pub use stats::{LastError, QueueState, QueueStats};
