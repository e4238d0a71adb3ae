//! Confirming in the background: a few tries, then a person has to subscribe again.

use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, count};

use crate::confirm::{ConfirmError, Confirmation, Confirmer};

/// Pauses before the tries. Six tries in about seven minutes outlast a hiccup of the network; SNS itself keeps the token for two days.
const PAUSES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
    Duration::from_secs(80),
    Duration::from_secs(300),
];

pub(crate) async fn confirm_until_done(confirmer: &dyn Confirmer, confirmation: &Confirmation, clock: &Clock) {
    let topic = confirmation.topic().arn();
    for pause in PAUSES {
        clock.sleep(pause).await;
        match confirmer.confirm(confirmation).await {
            Ok(subscription) => {
                count(Metric::Confirmations, &[("result", "ok")]);
                let subscription = subscription.as_deref().unwrap_or("(not named)");
                tracing::info!(topic, subscription, "subscription confirmed");
                return;
            }
            Err(ConfirmError::Refused(cause)) => {
                count(Metric::Confirmations, &[("result", "refused")]);
                tracing::error!(topic, %cause, "SNS refused the confirmation; subscribe again");
                return;
            }
            Err(ConfirmError::Temporary(cause)) => tracing::warn!(topic, %cause, "confirmation failed; trying again"),
        }
    }
    count(Metric::Confirmations, &[("result", "given-up")]);
    tracing::error!(topic, "the subscription could not be confirmed; subscribe again");
}
