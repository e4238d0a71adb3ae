//! What other worlds have beside the world `stock`: the service, and AWS's messages to it.
//!
//! AWS tells of a change some time after it was made, in a signed SNS message whose text is the EventBridge event of CloudTrail's record. A scheduled rule
//! of EventBridge sends a heartbeat for each account and region every minute.

use std::path::Path;
use std::time::Duration;

use aws_event_cache_testkit::{AnswerWiring, EventCache, MockAccount, Topic, Wiring};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::churn::{CallEvent, Change};
use super::world::WorldError;
use crate::command::say;

/// From a change to its message: EventBridge and SNS together usually take about a second, and the service is to be measured beyond that.
const DELAY_MS: std::ops::Range<u64> = 1_000..2_000;

/// The usual rate of the heartbeat rule, and the least that EventBridge allows.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Where the calls of services that have no regions are told, so that a heartbeat rule belongs there too (docs/aws-setup.md).
const HOME: &str = "us-east-1";

/// Accounts come from Clouddriver, streams from the first heartbeats: a second, on an idle machine.
const READY: Duration = Duration::from_secs(60);

/// How often Clouddriver polls unless told otherwise.
const STOCK: Duration = Duration::from_secs(30);

/// What the service is for in a world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arms<'a> {
    /// Whether it drives Clouddriver's agents.
    pub(super) drive: bool,
    /// The AWS that it answers for; `None` if it does not answer.
    pub(super) answer_for: Option<&'a str>,
}

/// A topic in the first of the mock's accounts, as an organization has one for all of its accounts.
const TOPIC: &str = "arn:aws:sns:us-west-2:123456789012:cache-events";

/// The service, and AWS as far as it speaks.
pub(super) struct Service {
    service: EventCache,
    topic: Topic,
    places: Vec<(String, String)>,
    next_heartbeat: Timestamp,
    pending: Vec<Message>,
    random: StdRng,
    sent: u64,
}

struct Message {
    due: Timestamp,
    change: u32,
    text: String,
}

impl Service {
    /// Starts the service beside a Clouddriver, which need not be there yet.
    pub(super) fn start(
        program: &Path,
        clouddriver: &str,
        redis: &str,
        arms: &Arms<'_>,
        now: Timestamp,
    ) -> Result<Self, WorldError> {
        let topic = Topic::start(TOPIC, now)?;
        let mode = if arms.drive { "enforce" } else { "off" };
        let answer = arms.answer_for.map(|upstream| AnswerWiring { mode: "serve", upstream, keys: &[], tls: false });
        let service = EventCache::start(
            program,
            &Wiring { clouddriver, redis, topic: &topic, mode, stock_interval: STOCK, answer },
        )?;
        let random = StdRng::seed_from_u64(0);
        Ok(Self { service, topic, places: Vec::new(), next_heartbeat: now, pending: Vec::new(), random, sent: 0 })
    }

    /// The port where it answers in AWS's place; `None` if it does not.
    pub(super) fn port(&self) -> Option<u16> {
        self.service.answering().map(|at| at.address().port())
    }

    /// Waits until the service knows Clouddriver's accounts and trusts their event streams.
    pub(super) fn wait_until_healthy<'a>(
        &mut self,
        accounts: impl Iterator<Item = &'a MockAccount>,
        now: Timestamp,
    ) -> Result<(), WorldError> {
        for account in accounts {
            let regions = [account.region(), HOME];
            self.places.extend(regions.map(|region| (account.account().to_owned(), region.to_owned())));
        }
        self.next_heartbeat = now;
        self.service.wait_for(READY, |status| status["places"].as_array().is_some_and(|places| !places.is_empty()))?;
        self.speak(now)?;
        let healthy = self.service.wait_for(READY, |status| {
            let places = status["places"].as_array();
            places.is_some_and(|places| !places.is_empty() && places.iter().all(|place| place["health"] == "healthy"))
        })?;
        if healthy && self.service.is_ready() {
            return Ok(());
        }
        Err(WorldError::NotReady { problems: self.service.status()?["problems"].to_string() })
    }

    /// AWS has heard of a change, and will tell.
    pub(super) fn hear(&mut self, change: &Change, made: Timestamp) {
        let Some(event) = &change.event else { return };
        let delay = Duration::from_millis(self.random.random_range(DELAY_MS));
        self.sent += 1;
        let text = recorded(event, made, self.sent).to_string();
        self.pending.push(Message { due: made + delay, change: change.serial, text });
    }

    /// Sends what is due by now; gives the changes that were told of.
    pub(super) fn speak(&mut self, now: Timestamp) -> Result<Vec<u32>, WorldError> {
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + HEARTBEAT;
            for (account, region) in self.places.clone() {
                self.sent += 1;
                self.post(&heartbeat(&account, &region, now, self.sent).to_string(), now)?;
            }
        }
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending).into_iter().partition(|m| m.due <= now);
        self.pending = later;
        for message in &due {
            self.post(&message.text, now)?;
        }
        Ok(due.iter().map(|message| message.change).collect())
    }

    fn post(&self, text: &str, now: Timestamp) -> Result<(), WorldError> {
        Ok(self.topic.publish(&self.service.subscriber(), text, now)?)
    }

    /// The service's own account of itself.
    pub(super) fn status(&self) -> Result<Value, WorldError> {
        Ok(self.service.status()?)
    }

    /// What it answered instead of AWS; null if it does not answer.
    pub(super) fn savings(&self) -> Result<Value, WorldError> {
        if self.port().is_none() {
            return Ok(Value::Null);
        }
        Ok(self.service.savings()?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let log = self.service.log();
        let complaints = log.lines().filter(|line| line.contains(r#""level":"ERROR""#));
        complaints.for_each(|line| say(&format!("the service complained: {line}")));
    }
}

/// CloudTrail's record of a call, as EventBridge sends it (CloudTrail user guide, "CloudTrail record contents for management events").
fn recorded(call: &CallEvent, made: Timestamp, number: u64) -> Value {
    let time = seconds(made);
    json!({
        "version": "0",
        "id": format!("00000000-0000-4000-8000-{number:012}"),
        "detail-type": "AWS API Call via CloudTrail",
        "source": format!("aws.{}", call.service),
        "account": call.account,
        "time": time,
        "region": call.region,
        "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole",
                "arn": format!("arn:aws:sts::{}:assumed-role/SpinnakerManaged/Spinnaker", call.account),
                "accountId": call.account,
            },
            "eventTime": time,
            "eventSource": format!("{}.amazonaws.com", call.service),
            "eventName": call.action,
            "awsRegion": call.region,
            "sourceIPAddress": "192.0.2.10",
            "userAgent": "aws-sdk-java/1.12.261, spinnaker",
            "requestParameters": call.request,
            "responseElements": call.response,
            "requestID": format!("00000000-0000-4001-8000-{number:012}"),
            "eventID": format!("00000000-0000-4002-8000-{number:012}"),
            "readOnly": false,
            "eventType": "AwsApiCall",
            "apiVersion": call.version,
            "managementEvent": true,
            "recipientAccountId": call.account,
            "eventCategory": "Management",
        },
    })
}

/// The event of a scheduled rule (EventBridge user guide, "Creating a scheduled rule").
fn heartbeat(account: &str, region: &str, now: Timestamp, number: u64) -> Value {
    json!({
        "version": "0",
        "id": format!("00000000-0000-4000-8000-{number:012}"),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": seconds(now),
        "region": region,
        "resources": [format!("arn:aws:events:{region}:{account}:rule/heartbeat")],
        "detail": {},
    })
}

/// CloudTrail and EventBridge tell whole seconds.
fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_as_cloudtrail_tells_it() {
        let call = CallEvent {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            service: "widgets".to_owned(),
            version: "2015-12-01".to_owned(),
            action: "BendWidget".to_owned(),
            request: json!({"widgetName": "w"}),
            response: Value::Null,
        };
        let event = recorded(&call, "2026-05-04T09:12:41.75Z".parse().unwrap(), 7);
        assert_eq!(event["source"], "aws.widgets");
        assert_eq!(event["time"], "2026-05-04T09:12:41Z");
        assert_eq!(event["detail"]["eventSource"], "widgets.amazonaws.com");
        assert_eq!(event["detail"]["requestParameters"]["widgetName"], "w");
        assert_eq!(event["detail"]["recipientAccountId"], "111122223333");
    }
}
