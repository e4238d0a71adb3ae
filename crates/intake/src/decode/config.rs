//! AWS Config: message types, items, summaries, and its old and forwarded forms.

use aws_event_cache_model::{Place, Region};
use serde_json::Value;

use super::facts::{Facts, place, text, time};
use super::{Decoder, Payload, Standing, Warning};

impl Decoder<'_> {
    /// Decodes a message by its type. `stream` is the place that EventBridge names, for messages that name none themselves.
    pub(super) fn config(&self, message: &Value, message_type: &str, stream: Option<Place>) -> Facts {
        let facts = match message_type {
            "ConfigurationItemChangeNotification" => self.item(message),
            "OversizedConfigurationItemChangeNotification" | "OversizedConfigurationItemChangeDeliveryFailed" => {
                // The change is real also where only its copy in the bucket failed.
                self.summary(message)
            }
            "ConfigurationSnapshotDeliveryStarted"
            | "ConfigurationSnapshotDeliveryCompleted"
            | "ConfigurationHistoryDeliveryCompleted"
            | "ComplianceChangeNotification"
            | "ConfigRulesEvaluationStarted"
            | "ScheduledNotification" => report(message),
            "ConfigurationSnapshotDeliveryFailed" => {
                Facts { warning: Some(Warning::DeliveryFailed), ..report(message) }
            }
            _ => Facts { standing: Standing::Unknown, ..report(message) },
        };
        let heard = facts.heard.clone().or(stream);
        let occurred = facts.occurred.or_else(|| time(message, "notificationCreationTime"));
        let resource = text(&message["configurationItem"], "resourceType")
            .or_else(|| text(&message["configurationItemSummary"], "resourceType"));
        facts.at(heard).when(occurred).named(&[message_type, resource.unwrap_or_default()])
    }

    fn item(&self, message: &Value) -> Facts {
        let item = &message["configurationItem"];
        let mut facts = Facts::of(Payload::ConfigItem);
        self.take_item(&mut facts, item, message);
        facts
    }

    fn summary(&self, message: &Value) -> Facts {
        let item = &message["configurationItemSummary"];
        let mut facts = Facts::of(Payload::ConfigOversized);
        self.take_item(&mut facts, item, message);
        if text(&message["s3DeliverySummary"], "errorCode").is_some() {
            facts.warning = Some(Warning::DeliveryFailed);
        }
        facts
    }

    /// `whole` is the item with its difference, where there is one.
    fn take_item(&self, facts: &mut Facts, item: &Value, whole: &Value) {
        facts.heard = item_place(item);
        facts.occurred = time(item, "configurationItemCaptureTime").or(facts.occurred);
        facts.take(self.catalog.of_config_item(whole));
        if text(item, "recordingFrequency").is_some_and(|frequency| frequency.eq_ignore_ascii_case("daily")) {
            facts.warning = Some(Warning::DailyRecording);
        } else if text(item, "configurationItemStatus").is_some_and(|status| status.ends_with("NotRecorded")) {
            facts.warning = Some(Warning::NotRecorded);
        }
    }

    /// The format of 2014: several items in one message.
    pub(super) fn config_2014(&self, message: &Value) -> Facts {
        let mut facts = Facts::of(Payload::Config2014).when(time(message, "NotificationCreateTime"));
        for item in message["configurationItem"].as_array().into_iter().flatten() {
            self.take_item(&mut facts, item, item);
        }
        facts
    }
}

/// AWS Config's e-mail, which somebody forwards: prose around the state.
pub(super) fn is_mail(message: &str) -> bool {
    message.contains("View the Timeline") || message.contains("New State Record Summary:")
}

/// What tells only of AWS Config's own work.
fn report(message: &Value) -> Facts {
    let named = place(text(message, "awsAccountId"), text(message, "awsRegion"));
    let heard = named.or_else(|| text(message, "s3ObjectKey").and_then(place_of_object));
    Facts::of(Payload::ConfigReport).at(heard)
}

/// `[prefix/]AWSLogs/[organisation/]<account>/Config/<region>/…`, the keys under which AWS Config stores its files.
fn place_of_object(key: &str) -> Option<Place> {
    let (before, after) = key.split_once("/Config/")?;
    place(before.rsplit('/').next(), after.split('/').next())
}

/// Older items spell the account `accountId`. A zone in place of the region (2014) gives no place.
fn item_place(item: &Value) -> Option<Place> {
    let account = text(item, "awsAccountId").or_else(|| text(item, "accountId"));
    let region = text(item, "awsRegion").filter(|region| Region::new(region).is_ok());
    place(account, region.or_else(|| region_of_arn(item)))
}

/// Items of 2014 have no region of their own.
fn region_of_arn(item: &Value) -> Option<&str> {
    text(item, "ARN").or_else(|| text(item, "arn"))?.split(':').nth(3)
}
