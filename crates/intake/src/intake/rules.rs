//! What holds for the messages to come, and may change while running.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::Timestamp;
use jiff::SignedDuration;

use crate::envelope::{Envelope, MessageType};
use crate::refusal::Refusal;
use crate::settings::{AllowedTopics, Settings};

/// What can change while running.
pub(super) struct Rules {
    pub(super) settings: Settings,
    pub(super) allowed: AllowedTopics,
    pub(super) catalog: Arc<Catalog>,
}

impl Rules {
    pub(super) fn of(settings: Settings, catalog: Arc<Catalog>) -> Arc<Self> {
        if settings.endpoint_base.is_some() {
            tracing::warn!("SNS addresses are taken from the configured base and not from AWS: for tests only");
        }
        Arc::new(Self { allowed: AllowedTopics::of(&settings), settings, catalog })
    }
}

/// Whether the message is within the window. One outside may still be taken, if it is a notification.
pub(super) fn check_age(envelope: &Envelope<'_>, settings: &Settings, now: Timestamp) -> Result<bool, Refusal> {
    let is_notification = envelope.message_type() == MessageType::Notification;
    let max_age = if is_notification { settings.max_age } else { settings.confirmation_max_age };
    let age = now.duration_since(envelope.published());
    let refusal = if age > signed(max_age) {
        Refusal::TooOld
    } else if -age > signed(settings.max_ahead) {
        Refusal::FromTheFuture
    } else {
        return Ok(true);
    };
    if is_notification && !settings.strict_age { Ok(false) } else { Err(refusal) }
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}
