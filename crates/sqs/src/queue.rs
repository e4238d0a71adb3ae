//! The queue as the consumer sees it: the network's seam.

use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_model::Timestamp;

use crate::failure::Failure;

/// A message as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) id: String,
    /// What deletes it or changes its visibility; belongs to this receive only.
    pub(crate) receipt: String,
    pub(crate) body: String,
    /// How often it has been received, this time included.
    pub(crate) count: u32,
    /// When it was sent to the queue.
    pub(crate) sent: Option<Timestamp>,
}

/// One entry of a batch call that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The receipt's place in the call.
    pub(crate) index: usize,
    pub(crate) failure: Failure,
    /// Whether the entry itself is wrong (an expired receipt), so that trying again cannot help.
    pub(crate) ours: bool,
}

/// The calls of SQS that are needed. Each is one attempt: the consumer decides about the next one.
#[async_trait]
pub(crate) trait Queue: Send + Sync + 'static {
    /// Waits for up to ten messages.
    async fn receive(&self) -> Result<Vec<Received>, Failure>;

    /// Deletes up to ten messages; gives those that were refused.
    async fn delete(&self, receipts: &[&str]) -> Result<Vec<Refused>, Failure>;

    /// Deletes one message.
    async fn delete_one(&self, receipt: &str) -> Result<(), Failure>;

    /// Sets the time until up to ten messages are visible again, from now.
    async fn hide(&self, receipts: &[(&str, Duration)]) -> Result<Vec<Refused>, Failure>;
}
