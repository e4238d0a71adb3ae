//! CloudWatch alarms: one on the use or the refusals of an AWS API says that we are near its limit; every other is dismissed.

use aws_event_cache_model::{ServiceName, What};
use serde_json::Value;

use super::facts::{Facts, place, place_of_arn, text, time};
use super::{Decoder, Payload};

/// CloudWatch's namespace for counts of API calls per service (CloudWatch user guide, "AWS usage metrics").
const USAGE: &str = "AWS/Usage";

impl Decoder<'_> {
    /// An alarm as it is sent to SNS by CloudWatch itself.
    pub(super) fn alarm(&self, alarm: &Value) -> Facts {
        let arn = text(alarm, "AlarmArn");
        let region = arn.and_then(|arn| arn.split(':').nth(3));
        let heard = arn.and_then(place_of_arn).or_else(|| place(text(alarm, "AWSAccountId"), region));
        let occurred = time(alarm, "StateChangeTime");
        let mut facts = Facts::of(Payload::CloudWatchAlarm).at(heard).when(occurred);
        if text(alarm, "NewStateValue") == Some("ALARM")
            && let Some(service) = metrics_of(&alarm["Trigger"]).find_map(service_of_metric)
        {
            facts.say(What::Throttled { service });
        }
        facts
    }
}

/// The same alarm by way of EventBridge.
pub(super) fn throttled_by_state_change(event: &Value) -> Option<ServiceName> {
    let detail = &event["detail"];
    let metrics = detail["configuration"]["metrics"].as_array()?;
    if text(event, "source") != Some("aws.cloudwatch") || text(&detail["state"], "value") != Some("ALARM") {
        return None;
    }
    metrics.iter().map(|metric| &metric["metricStat"]["metric"]).find_map(service_of_metric)
}

/// The alarm's one metric, or those of its expression.
fn metrics_of(trigger: &Value) -> impl Iterator<Item = &Value> {
    let several = trigger["Metrics"].as_array().into_iter().flatten();
    std::iter::once(trigger).chain(several.map(|metric| &metric["MetricStat"]["Metric"]))
}

/// `AWS/Usage` with `Type` `API`, or `AWS/<service>/API`. The two roads spell the names with different first letters.
fn service_of_metric(metric: &Value) -> Option<ServiceName> {
    let namespace = text(metric, "Namespace").or_else(|| text(metric, "namespace"))?;
    if let Some(service) = namespace.strip_prefix("AWS/").and_then(|rest| rest.strip_suffix("/API")) {
        return service_name(service);
    }
    if namespace != USAGE || dimension(metric, "Type") != Some("API") {
        return None;
    }
    service_name(dimension(metric, "Service")?)
}

fn service_name(word: &str) -> Option<ServiceName> {
    ServiceName::new(word.to_ascii_lowercase().replace(' ', "")).ok()
}

/// Dimensions are a list of names and values (SNS) or a map (EventBridge).
fn dimension<'a>(metric: &'a Value, name: &str) -> Option<&'a str> {
    let dimensions = metric.get("Dimensions").or_else(|| metric.get("dimensions"))?;
    match dimensions {
        Value::Array(list) => {
            list.iter().find(|one| text(one, "name") == Some(name)).and_then(|one| text(one, "value"))
        }
        _ => text(dimensions, name),
    }
}
