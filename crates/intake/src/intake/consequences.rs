//! What follows from a message that may be believed: hints, a confirmation, or an alarm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use aws_event_cache_model::seam::NotAccepted;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{Change, Hint, Origin, Source, Timestamp, What};

use super::rules::Rules;
use super::{Accepted, Intake};
use crate::confirm::Confirmation;
use crate::confirming::confirm_until_done;
use crate::decode::{Context, Decoded, Standing, decode};
use crate::envelope::Envelope;
use crate::refusal::Refusal;
use crate::samples::{Sample, redacted};

impl Intake {
    /// Decodes and hands over.
    pub(super) async fn notified(
        &self,
        message: &str,
        context: &Context,
        rules: &Rules,
        in_window: bool,
    ) -> Result<Accepted, Refusal> {
        // Our own test message says nothing of AWS, and is no sign of life either: no rule has sent it.
        if self.probes.lock().are_in(message) {
            return Ok(Accepted::Nothing);
        }
        let now = self.clock.now();
        // A fault in a decoder must not cost the messages behind this one.
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(message, context, &rules.catalog, now)));
        let Ok(mut decoded) = decoded else {
            tracing::error!(
                origin = context.origin.as_str(),
                id = context.id.as_str(),
                "decoding failed: a fault of ours"
            );
            self.sample(message, context, now);
            return Ok(Accepted::Nothing);
        };
        self.note(message, context, &decoded, now);
        if !in_window {
            count(Metric::MessagesLate, &[("source", context.source.as_str())]);
            decoded.hints.iter_mut().for_each(take_ones_time);
        }
        if decoded.hints.is_empty() {
            return Ok(Accepted::Nothing);
        }
        let (hints, relevant) = (decoded.hints.len(), decoded.standing == Standing::Relevant);
        self.hand_over(decoded.hints).await?;
        Ok(if relevant { Accepted::Hints(hints) } else { Accepted::Nothing })
    }

    async fn hand_over(&self, hints: Vec<Hint>) -> Result<(), Refusal> {
        self.sink.accept(hints).await.map_err(|error| match error {
            NotAccepted::ShuttingDown => Refusal::ShuttingDown,
            NotAccepted::Store(reason) => {
                tracing::error!(reason, "hints could not be stored");
                Refusal::NotStored
            }
        })
    }

    /// Counts, samples and warns.
    fn note(&self, message: &str, context: &Context, decoded: &Decoded, now: Timestamp) {
        match decoded.standing {
            Standing::Relevant => {}
            Standing::NoInterest => count(Metric::MessagesDismissed, &[("payload", decoded.payload.as_str())]),
            Standing::Unknown => {
                count(Metric::MessagesUnknown, &[("source", context.source.as_str())]);
                self.sample(message, context, now);
            }
        }
        let Some(place) = &decoded.heard else { return };
        self.memory.lock().hear(&context.origin, place);
        if let Some(warning) = decoded.warning
            && self.memory.lock().tell_once(warning.as_str(), &place.to_string())
        {
            tracing::warn!(%place, "{}", warning.as_str());
        }
    }

    fn sample(&self, message: &str, context: &Context, at: Timestamp) {
        let sample = Sample { at, source: context.source, origin: context.origin.clone(), text: redacted(message) };
        self.memory.lock().keep(sample);
    }

    /// Starts to confirm and answers at once: SNS waits for 15 s only, and its own API may be slower.
    pub(super) fn confirm(&self, envelope: &Envelope<'_>, rules: &Rules) -> Result<Accepted, Refusal> {
        let confirmation = Confirmation::of(envelope, rules.settings.endpoint_base.as_deref())?;
        let slot = Arc::clone(&self.confirming).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let (confirmer, clock) = (Arc::clone(&self.confirmer), self.clock.clone());
        tokio::spawn(async move {
            confirm_until_done(&*confirmer, &confirmation, &clock).await;
            drop(slot);
        });
        Ok(Accepted::Confirming)
    }

    /// The feed was taken away: everything that it fed has to be polled again.
    pub(super) async fn stopped(&self, envelope: &Envelope<'_>, source: Source) -> Result<Accepted, Refusal> {
        let topic = envelope.topic();
        let mut places = self.memory.lock().heard_through(topic.arn());
        places.insert(topic.place());
        let now = self.clock.now();
        let hint = |place| Hint {
            place,
            what: What::StreamStopped,
            occurred: Some(envelope.published()),
            received: now,
            origin: Origin { source, id: envelope.message_id().into(), event: "UnsubscribeConfirmation".into() },
        };
        self.hand_over(places.into_iter().map(hint).collect()).await?;
        count(Metric::StreamsStopped, &[]);
        tracing::error!(
            topic = topic.arn(),
            "unsubscribed: this topic sends no more events; subscribe again if nobody meant it"
        );
        Ok(Accepted::StreamStopped)
    }
}

/// A late message is taken like one that names only relations: soon enough, and never before a fresh one.
fn take_ones_time(hint: &mut Hint) {
    if let What::Changed { change, .. } = &mut hint.what {
        *change = Change::Related;
    }
}
