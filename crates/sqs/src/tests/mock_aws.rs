//! The SDK's side against a server that speaks SQS (moto behind the mock AWS).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{AccountId, Region};
use aws_event_cache_testkit::{MockAccount, MockAws};
use aws_sdk_sqs::config::Credentials;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::aws::AwsQueue;
use crate::queue::Queue;
use crate::settings::{AssumeRole, QueueSettings};
use crate::{Accept, Consumer, FailureKind, QueueContext, Verdict};

pub(crate) const ACCOUNT: &str = "111122223333";
const API: &str = "2012-11-05";

pub(crate) struct Server {
    aws: MockAws,
    pub(crate) account: MockAccount,
}

impl Server {
    pub(crate) fn start() -> Self {
        let aws = MockAws::start(&["--accounts", ACCOUNT]).unwrap();
        let account = aws.account(ACCOUNT, "us-west-2");
        Self { aws, account }
    }

    fn call(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.account.call("sqs", API, action, parameters).unwrap()
    }

    pub(crate) fn create(&self, name: &str) -> QueueSettings {
        self.call("CreateQueue", &[("QueueName", name)]);
        self.settings(name)
    }

    fn settings(&self, name: &str) -> QueueSettings {
        QueueSettings {
            region: Some(Region::new("us-west-2").unwrap()),
            endpoint: Some(self.aws.url().to_owned()),
            wait: Duration::from_secs(1),
            ..QueueSettings::new(format!("{}/{ACCOUNT}/{name}", self.aws.url()))
        }
    }

    pub(crate) fn send(&self, name: &str, body: &str) {
        let url = format!("{}/{ACCOUNT}/{name}", self.aws.url());
        self.call("SendMessage", &[("QueueUrl", &url), ("MessageBody", body)]);
    }

    /// Messages that are visible and that are in flight.
    fn left(&self, name: &str) -> (String, String) {
        let url = format!("{}/{ACCOUNT}/{name}", self.aws.url());
        let answer = self.call("GetQueueAttributes", &[("QueueUrl", &url), ("AttributeName.1", "All")]);
        let value = |attribute: &str| {
            let after = answer.split(&format!("<Name>{attribute}</Name>")).nth(1).unwrap();
            after.split("<Value>").nth(1).unwrap().split('<').next().unwrap().to_owned()
        };
        (value("ApproximateNumberOfMessages"), value("ApproximateNumberOfMessagesNotVisible"))
    }

    async fn queue(&self, settings: &QueueSettings) -> AwsQueue {
        AwsQueue::connect(&base().await, settings, &Region::new("us-west-2").unwrap()).await
    }

    fn fault(&self, action: &str, code: &str, status: u16) {
        let rule = json!({"kind": "error", "service": "sqs", "action": action, "code": code, "status": status});
        self.aws.administer("faults", &json!({"rules": [rule]})).unwrap();
    }
}

pub(crate) async fn base() -> SdkConfig {
    let credentials = Credentials::new(format!("AKIAMOCK{ACCOUNT}"), "not-checked", None, None, "test");
    let region = aws_config::Region::new("us-west-2");
    aws_config::defaults(BehaviorVersion::latest()).region(region).credentials_provider(credentials).load().await
}

/// Judges by what the body says.
struct Sorter {
    /// A permit for each message judged.
    judged: Semaphore,
    accepted: Mutex<BTreeSet<String>>,
    contexts: Mutex<Vec<QueueContext>>,
}

#[async_trait]
impl Accept for Sorter {
    async fn accept(&self, body: &str, queue: &QueueContext) -> Verdict {
        self.contexts.lock().push(queue.clone());
        self.judged.add_permits(1);
        match body {
            "poison" => Verdict::Poison("not-an-object"),
            "not now" => Verdict::TryAgain,
            _ => {
                self.accepted.lock().insert(body.to_owned());
                Verdict::Accepted
            }
        }
    }
}

#[tokio::test]
async fn messages_of_several_queues_are_taken_and_deleted_and_the_rest_is_given_back() {
    let server = Server::start();
    let queues = vec![server.create("changes"), server.create("heartbeats")];
    for n in 0..23 {
        server.send("changes", &format!("change {n}"));
    }
    server.send("changes", "poison");
    server.send("changes", "not now");
    server.send("heartbeats", "beat");

    let sorter = Arc::new(Sorter { judged: Semaphore::new(0), accepted: Mutex::default(), contexts: Mutex::default() });
    let consumer = Consumer::new(queues, sorter.clone(), Clock::wall()).unwrap();
    let (stats, stop) = (consumer.stats(), CancellationToken::new());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { consumer.run_with(&base().await, stop).await }
    });
    let judged = sorter.judged.acquire_many(26);
    drop(tokio::time::timeout(Duration::from_secs(60), judged).await.unwrap().unwrap());
    // The shutdown lets the batches in hand end: nothing more need be waited for.
    stop.cancel();
    running.await.unwrap();

    assert_eq!(sorter.accepted.lock().len(), 24);
    let [changes, heartbeats] = &stats.queues()[..] else { panic!("two queues") };
    assert_eq!((changes.accepted, changes.poison["not-an-object"], changes.returned), (23, 1, 1));
    assert_eq!((changes.deleted, changes.not_deleted, changes.in_hand), (24, 0, 0));
    assert_eq!((heartbeats.accepted, heartbeats.last_error.as_ref()), (1, None));
    let (visible, hidden) = server.left("changes");
    assert_eq!(visible.parse::<u32>().unwrap() + hidden.parse::<u32>().unwrap(), 1, "what was not accepted stays");
    assert_eq!(server.left("heartbeats"), ("0".to_owned(), "0".to_owned()));
    let contexts = sorter.contexts.lock();
    assert!(contexts.iter().all(|context| context.account == AccountId::new(ACCOUNT).ok() && context.sent.is_some()));
}

#[tokio::test]
async fn a_message_given_back_is_there_at_once_with_a_higher_count() {
    let server = Server::start();
    let settings = server.create("changes");
    server.send("changes", "again");
    let queue = server.queue(&settings).await;
    let first = queue.receive().await.unwrap();
    assert_eq!((first.len(), first[0].count, first[0].body.as_str()), (1, 1, "again"));
    assert!(queue.receive().await.unwrap().is_empty());
    assert_eq!(queue.hide(&[(&first[0].receipt, Duration::ZERO)]).await.unwrap(), []);
    let second = queue.receive().await.unwrap();
    assert_eq!((second[0].count, &second[0].id), (2, &first[0].id));
    queue.delete_one(&second[0].receipt).await.unwrap();
    assert_eq!(server.left("changes"), ("0".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn the_role_is_assumed_with_its_external_id() {
    let server = Server::start();
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/reader");
    let settings = QueueSettings {
        role: Some(AssumeRole { arn, external_id: Some("spinnaker".to_owned()) }),
        ..server.create("changes")
    };
    server.send("changes", "through the role");
    let base = base().await.to_builder().endpoint_url(server.aws.url()).build();
    let queue = AwsQueue::connect(&base, &settings, &Region::new("us-west-2").unwrap()).await;
    assert_eq!(queue.receive().await.unwrap()[0].body, "through the role");
    let calls = server.aws.calls("service,action").unwrap().to_string();
    assert!(calls.contains("AssumeRole"), "{calls}");
}

#[tokio::test]
async fn failures_are_told_apart_as_the_service_words_them() {
    let server = Server::start();
    let settings = server.create("changes");
    let queue = server.queue(&settings).await;
    let missing = server.queue(&server.settings("not-there")).await;
    assert_eq!(missing.receive().await.unwrap_err().kind, FailureKind::QueueGone);
    for (code, status, kind) in [
        ("AccessDenied", 403, FailureKind::AccessDenied),
        ("ExpiredToken", 403, FailureKind::Credentials),
        ("ThrottlingException", 400, FailureKind::Throttled),
        ("InternalFailure", 500, FailureKind::Service),
    ] {
        server.fault("ReceiveMessage", code, status);
        let failure = queue.receive().await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.said.contains(code), "{failure}");
    }
}

#[tokio::test]
async fn each_failed_call_is_one_attempt() {
    let server = Server::start();
    let queue = server.queue(&server.create("changes")).await;
    server.aws.reset().unwrap();
    server.fault("ReceiveMessage", "InternalFailure", 500);
    queue.receive().await.unwrap_err();
    assert_eq!(server.aws.calls("action").unwrap()["totals"]["calls"], 1);
}

#[tokio::test]
async fn nobody_listening_is_a_matter_of_the_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings =
        QueueSettings { endpoint: Some(url.clone()), ..QueueSettings::new(format!("{url}/{ACCOUNT}/changes")) };
    let queue = AwsQueue::connect(&base().await, &settings, &Region::new("us-west-2").unwrap()).await;
    let failure = queue.receive().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Network, "{failure}");
}

#[tokio::test]
async fn missing_credentials_are_said_to_be_missing() {
    let settings = QueueSettings::new(format!("http://127.0.0.1:9/{ACCOUNT}/changes"));
    let base = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    let queue = AwsQueue::connect(&base, &settings, &Region::new("us-west-2").unwrap()).await;
    let failure = queue.receive().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credentials, "{failure}");
}
