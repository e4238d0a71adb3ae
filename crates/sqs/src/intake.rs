//! The usual acceptance: the same intake as behind the SNS endpoint, with the same memory of what came before.

use async_trait::async_trait;
use aws_event_cache_intake::decode::{Context, Trust};
use aws_event_cache_intake::{Intake, Refusal};
use aws_event_cache_model::Source;

use crate::batch::{Accept, QueueContext, Verdict};

/// The intake counts refusals itself, by source and reason.
#[async_trait]
impl Accept for Intake {
    async fn accept(&self, body: &str, queue: &QueueContext) -> Verdict {
        let context = Context {
            source: Source::Sqs,
            id: queue.message_id.as_str().into(),
            region: Some(queue.region.clone()),
            origin: queue.url.as_str().into(),
            trust: Trust::Queue,
        };
        match self.accept_body(body, context).await {
            Ok(_) => Verdict::Accepted,
            Err(refusal) => of(refusal),
        }
    }
}

fn of(refusal: Refusal) -> Verdict {
    if refusal.is_retryable() { Verdict::TryAgain } else { Verdict::Poison(refusal.as_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_our_fault_stays_in_the_queue_and_what_can_never_be_taken_does_not() {
        for refusal in [Refusal::NotStored, Refusal::ShuttingDown, Refusal::Busy, Refusal::CertificateUnavailable] {
            assert_eq!(of(refusal), Verdict::TryAgain, "{refusal}");
        }
        for refusal in [Refusal::BadJson, Refusal::TopicNotAllowed, Refusal::BadSignature] {
            assert_eq!(of(refusal), Verdict::Poison(refusal.as_str()));
        }
    }
}
