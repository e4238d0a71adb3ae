//! EventBridge: the envelope, and the events that are not a matter of any kind.

use aws_event_cache_model::{Place, What};
use serde_json::Value;

use super::facts::{Facts, id, place, text, time};
use super::{Decoder, Payload, Standing, alarm};

/// Sources that speak of no resource's state: notices to people. What they say of quotas is how full they are, never that one was raised.
const QUIET: [&str; 4] = ["aws.health", "aws.trustedadvisor", "aws.support", "aws.signin"];

impl Decoder<'_> {
    pub(super) fn event(&self, event: &Value) -> Facts {
        let (source, detail_type) = (text(event, "source").unwrap_or_default(), detail_type(event));
        let stream = place(text(event, "account"), text(event, "region"));
        let mut facts = if is_heartbeat(source, detail_type) {
            heartbeat(stream)
        } else if let Some(recorded) = detail_type.strip_suffix(" via CloudTrail") {
            self.recorded(&event["detail"], recorded, stream)
        } else if source == "aws.config" {
            let message_type = text(&event["detail"], "messageType").unwrap_or_default();
            self.config(&event["detail"], message_type, stream)
        } else {
            self.service_event(event, stream).named(&[source, detail_type])
        };
        facts.id = id(event, "id");
        facts.occurred = facts.occurred.or_else(|| time(event, "time"));
        facts
    }

    /// An event of a service: throttling, and whatever the catalogue finds in it.
    fn service_event(&self, event: &Value, stream: Option<Place>) -> Facts {
        let mut facts = Facts::of(Payload::ServiceEvent).at(stream);
        if let Some(service) = self.catalog.throttled_by_event(event).cloned() {
            facts.say(What::Throttled { service });
        }
        if let Some(service) = alarm::throttled_by_state_change(event) {
            facts.say(What::Throttled { service });
        }
        facts.take(self.catalog.of_event(event));
        if facts.standing == Standing::Unknown && text(event, "source").is_some_and(|source| QUIET.contains(&source)) {
            facts.standing = Standing::NoInterest;
        }
        facts
    }
}

fn detail_type(event: &Value) -> &str {
    text(event, "detail-type").unwrap_or_default()
}

/// A scheduled rule's event, or that of EventBridge Scheduler with its default payload.
fn is_heartbeat(source: &str, detail_type: &str) -> bool {
    matches!(source, "aws.events" | "aws.scheduler") && detail_type == "Scheduled Event"
}

fn heartbeat(stream: Option<Place>) -> Facts {
    let mut facts = Facts::of(Payload::Heartbeat).at(stream);
    facts.say(What::Heartbeat);
    facts
}
