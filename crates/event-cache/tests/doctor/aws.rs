//! The AWS side of the world, made and changed through the mock's control endpoint.

use std::time::Duration;

use aws_event_cache_testkit::{MockAccount, MockAws};
use serde_json::{Value, json};

use crate::support::sns::TOPIC;
use crate::world::{ACCOUNT, REGION};

pub(crate) const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:changes";
const SNS: &str = "2010-03-31";
const SQS: &str = "2012-11-05";

pub(crate) struct Aws {
    pub(crate) mock: MockAws,
    account: MockAccount,
    http: reqwest::Client,
}

impl Aws {
    /// A topic that EventBridge may publish to, two rules, a queue, a recorder: everything but the subscriptions.
    pub(crate) async fn start() -> Self {
        let mock = MockAws::start(&["--accounts", ACCOUNT]).unwrap();
        let account = mock.account(ACCOUNT, REGION);
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let aws = Self { mock, account, http };
        aws.sns("CreateTopic", &[("Name", "cache-events")]);
        aws.topic("Policy", &allow("events.amazonaws.com", "sns:Publish", TOPIC));
        aws.make_queue();
        for (name, key, value) in [
            ("writes", "EventPattern", json!({"source": [{"prefix": "aws."}]}).to_string()),
            ("heartbeat", "ScheduleExpression", "rate(1 minute)".to_owned()),
        ] {
            aws.events("PutRule", json!({"Name": name, key: value})).await;
            aws.target(name).await;
        }
        aws.record().await;
        aws
    }

    pub(crate) fn queue_url(&self) -> String {
        format!("{}/{ACCOUNT}/changes", self.mock.url())
    }

    pub(crate) fn sns(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.account.call("sns", SNS, action, parameters).unwrap()
    }

    /// Sets an attribute of the topic.
    pub(crate) fn topic(&self, name: &str, value: &str) {
        let attribute = [("TopicArn", TOPIC), ("AttributeName", name), ("AttributeValue", value)];
        self.sns("SetTopicAttributes", &attribute);
    }

    /// Subscribes, and gives the subscription's ARN.
    pub(crate) fn subscribe(&self, protocol: &str, endpoint: &str) -> String {
        let answer = self.sns("Subscribe", &[("TopicArn", TOPIC), ("Protocol", protocol), ("Endpoint", endpoint)]);
        let after = answer.split("<SubscriptionArn>").nth(1).unwrap();
        after.split('<').next().unwrap().to_owned()
    }

    /// Sets an attribute of a subscription.
    pub(crate) fn subscription(&self, arn: &str, name: &str, value: &str) {
        let attribute = [("SubscriptionArn", arn), ("AttributeName", name), ("AttributeValue", value)];
        self.sns("SetSubscriptionAttributes", &attribute);
    }

    pub(crate) fn pending(&self, arn: &str, pending: bool) {
        self.mock.administer("subscriptions", &json!({"account": ACCOUNT, "arn": arn, "pending": pending})).unwrap();
    }

    pub(crate) fn sqs(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.account.call("sqs", SQS, action, parameters).unwrap()
    }

    pub(crate) fn make_queue(&self) {
        self.sqs("CreateQueue", &[("QueueName", "changes")]);
        self.queue_policy(&allow("sns.amazonaws.com", "sqs:SendMessage", QUEUE));
    }

    pub(crate) fn queue_policy(&self, policy: &str) {
        self.queue("Policy", policy);
    }

    /// Sets an attribute of the queue.
    pub(crate) fn queue(&self, name: &str, value: &str) {
        let url = self.queue_url();
        let attribute = [("QueueUrl", url.as_str()), ("Attribute.1.Name", name), ("Attribute.1.Value", value)];
        self.sqs("SetQueueAttributes", &attribute);
    }

    pub(crate) async fn target(&self, rule: &str) {
        self.events("PutTargets", json!({"Rule": rule, "Targets": [{"Id": "cache", "Arn": TOPIC}]})).await;
    }

    pub(crate) async fn no_target(&self, rule: &str) {
        self.events("RemoveTargets", json!({"Rule": rule, "Ids": ["cache"]})).await;
    }

    pub(crate) async fn events(&self, action: &str, body: Value) {
        self.json("events", &format!("AWSEvents.{action}"), body).await;
    }

    /// Calls AWS Config.
    pub(crate) async fn config(&self, action: &str, body: Value) {
        self.json("config", &format!("StarlingDoveService.{action}"), body).await;
    }

    async fn record(&self) {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/config");
        self.config("PutConfigurationRecorder", json!({"ConfigurationRecorder": {"name": "default", "roleARN": role}}))
            .await;
        let channel = json!({"name": "default", "s3BucketName": "items", "snsTopicARN": TOPIC});
        self.config("PutDeliveryChannel", json!({"DeliveryChannel": channel})).await;
        self.start_recorder().await;
    }

    pub(crate) async fn start_recorder(&self) {
        self.config("StartConfigurationRecorder", json!({"ConfigurationRecorderName": "default"})).await;
    }

    pub(crate) async fn stop_recorder(&self) {
        self.config("StopConfigurationRecorder", json!({"ConfigurationRecorderName": "default"})).await;
    }

    async fn json(&self, service: &str, target: &str, body: Value) {
        let scope = format!("AKIAMOCK{ACCOUNT}/20260101/{REGION}/{service}/aws4_request");
        let request = self
            .http
            .post(self.mock.control_url())
            .header("Authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
            .header("X-Amz-Target", target)
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{target}: {status} {text}");
    }
}

/// A policy that lets a service do something to a resource.
pub(crate) fn allow(service: &str, action: &str, resource: &str) -> String {
    let statement = json!({"Sid": "1", "Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}
