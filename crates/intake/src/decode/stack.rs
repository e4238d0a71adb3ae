//! CloudFormation's own notifications: lines of `Key='value'`, where a value may run over several lines.

use serde_json::json;

use super::facts::{Facts, place_of_arn};
use super::{Decoder, Payload};

/// How many lines are read; genuine messages have about fifteen, and the properties of the resource add some.
const LINES: usize = 200;

impl Decoder<'_> {
    /// Decodes it; `None` when it is something else.
    ///
    /// Each message is about one resource of a stack, of which the stack itself is one. It names the same type and identifier as AWS Config would, so
    /// the catalogue is asked in that form.
    pub(super) fn stack(&self, message: &str) -> Option<Facts> {
        let stack = line(message, "StackId")?;
        let (resource_type, status) = (line(message, "ResourceType"), line(message, "ResourceStatus")?);
        let time = line(message, "Timestamp").and_then(|time| time.parse().ok());
        let words = [resource_type.unwrap_or_default(), status];
        let mut facts = Facts::of(Payload::StackText).at(place_of_arn(stack)).when(time).named(&words);
        let item = json!({
            "resourceType": resource_type,
            "resourceId": line(message, "PhysicalResourceId"),
            "ARN": line(message, "PhysicalResourceId").filter(|id| id.starts_with("arn:")),
        });
        facts.take(self.catalog.of_config_item(&item));
        Some(facts)
    }
}

fn line<'a>(message: &'a str, key: &str) -> Option<&'a str> {
    message
        .lines()
        .take(LINES)
        .find_map(|line| line.strip_prefix(key)?.strip_prefix("='")?.strip_suffix('\''))
        .filter(|value| !value.is_empty())
}
