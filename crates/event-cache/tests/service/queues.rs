//! The way in through SQS, with the official SDK against a mock AWS.

use std::time::Duration;

use aws_event_cache_model::Timestamp;
use aws_event_cache_testkit::{MockAccount, MockAws};

use crate::support::catalog::agent;
use crate::support::service::Service;
use crate::support::sns::{heartbeat, made};
use crate::support::world::{REGION, Setup, World};
use crate::support::{eventually, later, now, until};

const SOON: Duration = Duration::from_secs(20);
const OWNER: &str = "111122223333";
const API: &str = "2012-11-05";

struct Queue {
    account: MockAccount,
    url: String,
}

impl Queue {
    fn new(aws: &MockAws) -> Self {
        let account = aws.account(OWNER, REGION);
        account.call("sqs", API, "CreateQueue", &[("QueueName", "changes")]).unwrap();
        Self { account, url: format!("{}/{OWNER}/changes", aws.url()) }
    }

    fn send(&self, body: &str) {
        self.account.call("sqs", API, "SendMessage", &[("QueueUrl", &self.url), ("MessageBody", body)]).unwrap();
    }

    /// Messages that are visible or in flight.
    fn left(&self) -> u64 {
        let asked = [("QueueUrl", self.url.as_str()), ("AttributeName.1", "All")];
        let answer = self.account.call("sqs", API, "GetQueueAttributes", &asked).unwrap();
        let value = |attribute: &str| {
            let after = answer.split(&format!("<Name>{attribute}</Name>")).nth(1).unwrap();
            after.split("<Value>").nth(1).unwrap().split('<').next().unwrap().parse::<u64>().unwrap()
        };
        value("ApproximateNumberOfMessages") + value("ApproximateNumberOfMessagesNotVisible")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_from_a_queue_has_the_held_agent_run_and_is_deleted() {
    let aws = MockAws::start(&["--accounts", OWNER]).unwrap();
    let queue = Queue::new(&aws);
    let intake =
        format!("  sqs:\n    queues:\n      - {{url: '{}', region: {REGION}, endpoint: '{}'}}\n", queue.url, aws.url());
    let world = World::new(Setup { intake, ..Setup::default() }).await;
    let (scheduler, locks) = (world.scheduler().await, world.locks().await);
    let key = format!("AKIAMOCK{OWNER}");
    let environment =
        [("AWS_ACCESS_KEY_ID", key.as_str()), ("AWS_SECRET_ACCESS_KEY", "none"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let service = Service::start_with(&world.config(), &environment).await;
    service.ready().await;
    let (account, widgets) = (&world.accounts()[0].1, agent("a0", REGION, "widget"));

    // As EventBridge sends it, and as SNS sends it.
    queue.send(&heartbeat(account, REGION));
    eventually("every agent is held", SOON, async || {
        (locks.held(&world.agents()).await == world.agents()).then_some(())
    })
    .await;
    let last = scheduler.runs(&widgets).last().copied().unwrap_or(Timestamp::UNIX_EPOCH);
    until(later(last, world.setup.times.interval + Duration::from_secs(1))).await;
    let sent = now();
    queue.send(&world.sns.signed(&made("widget", "w-1", account, REGION)).to_json());
    queue.send("not even JSON");
    scheduler.wait_for_run(&widgets, sent, SOON).await;
    eventually("all three messages are deleted", SOON, async || (queue.left() == 0).then_some(())).await;
    assert_eq!(service.metric("event_cache_messages_received_total", &["sqs"]).await, 3.0);
    assert_eq!(service.metric("event_cache_messages_unknown_total", &["sqs"]).await, 1.0);
    let status = service.get("/v1/status").await;
    assert!(status["parts"]["queues"].to_string().contains("changes"), "{status}");
}
