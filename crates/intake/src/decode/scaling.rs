//! Auto Scaling straight to SNS or SQS.
//!
//! Only here key names are matched without regard to case: documents, samples and other readers of these messages do not agree on their spelling.

use aws_event_cache_model::Place;
use serde_json::Value;

use super::facts::{Facts, place, place_of_arn};
use super::{Decoder, Payload};

impl Decoder<'_> {
    /// Decodes a notification or a lifecycle hook's message; `None` when it is neither.
    pub(super) fn scaling(&self, message: &Value) -> Option<Facts> {
        let event = any_case(message, "Event").filter(|event| event.starts_with("autoscaling:"));
        let transition = any_case(message, "LifecycleTransition");
        let (payload, word) = match (event, transition) {
            (Some(event), _) => (Payload::ScalingNotification, event),
            (None, Some(transition)) => (Payload::LifecycleHook, transition),
            (None, None) => return None,
        };
        let occurred = any_case(message, "Time").and_then(|time| time.parse().ok());
        let mut facts = Facts::of(payload).at(self.scaling_place(message)).when(occurred).named(&[word]);
        facts.take(self.catalog.of_asg_notification(message));
        Some(facts)
    }

    /// A notification names its group's ARN; a lifecycle message only the account, so that its region is that of the topic or queue it came by.
    fn scaling_place(&self, message: &Value) -> Option<Place> {
        any_case(message, "AutoScalingGroupARN").and_then(place_of_arn).or_else(|| {
            let region = self.context.region.as_ref().map(|region| region.as_str());
            place(any_case(message, "AccountId"), region)
        })
    }
}

fn any_case<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    let fields = message.as_object()?;
    fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str())
}
