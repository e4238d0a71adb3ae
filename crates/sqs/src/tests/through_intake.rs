//! From a topic and from a rule, through a queue, through the real intake, to hints.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_intake::{
    CertificateAddress, CertificateError, ConfirmError, Confirmation, Confirmer, Intake, Settings, SigningCertificate,
    SigningCerts,
};
use aws_event_cache_model::seam::{HintSink, NotAccepted};
use aws_event_cache_model::{Hint, Source, Timestamp, What};
use parking_lot::Mutex;
use serde_json::json;
use smol_str::SmolStr;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::tests::mock_aws::{ACCOUNT, Server, base};
use crate::{Accept, Consumer, QueueContext, Verdict};

struct Sink {
    hints: Mutex<Vec<Hint>>,
    came: Semaphore,
    refusal: Option<NotAccepted>,
}

impl Sink {
    fn new(refusal: Option<NotAccepted>) -> Arc<Self> {
        Arc::new(Self { hints: Mutex::default(), came: Semaphore::new(0), refusal })
    }
}

#[async_trait]
impl HintSink for Sink {
    async fn accept(&self, hints: Vec<Hint>) -> Result<(), NotAccepted> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        self.came.add_permits(hints.len());
        self.hints.lock().extend(hints);
        Ok(())
    }
}

/// What comes through a queue is trusted by the queue's policy, so neither of these is asked.
struct Unasked;

#[async_trait]
impl SigningCerts for Unasked {
    async fn certificate(
        &self,
        _: &CertificateAddress,
        _: Timestamp,
    ) -> Result<Arc<SigningCertificate>, CertificateError> {
        unreachable!("envelopes in queues are not verified unless configured")
    }
}

#[async_trait]
impl Confirmer for Unasked {
    async fn confirm(&self, _: &Confirmation) -> Result<Option<SmolStr>, ConfirmError> {
        unreachable!("nothing was to be confirmed")
    }
}

fn intake(sink: Arc<Sink>) -> Arc<Intake> {
    let catalog = Catalog::parse([
        ("services/test.yaml", "title: Amazon Test\nevent_sources: [test.amazonaws.com]\nbridge_sources: [aws.test]\nbuckets: {read: {capacity: 100, refill: 20}}"),
        (
            "agents/widgets.yaml",
            "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]",
        ),
        (
            "kinds/widget.yaml",
            "title: Widget\nnamed_by: widget id\ncoverage: full\ncadence: {floor: 30s, ceiling: 10m}\nsettle: 10s\nagents: [widgets]\nconfig:\n  - {type: 'AWS::Test::Widget', name: resourceId}\nevents:\n  - {source: aws.test, detail_type: [Test Event], name: detail.widget}\nreads:\n  - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}\n",
        ),
    ])
    .unwrap_or_else(|errors| panic!("the invented catalogue: {errors}"));
    Intake::new(Settings::default(), Arc::new(catalog), sink, Arc::new(Unasked), Arc::new(Unasked), Clock::wall())
}

fn config_change(name: &str) -> String {
    json!({
        "messageType": "ConfigurationItemChangeNotification",
        "configurationItem": {
            "resourceType": "AWS::Test::Widget", "resourceId": name, "awsAccountId": ACCOUNT, "awsRegion": "us-west-2",
            "configurationItemStatus": "OK", "configurationItemCaptureTime": "2026-05-04T09:12:44.902Z"
        },
        "configurationItemDiff": null
    })
    .to_string()
}

fn bridge_event(name: &str) -> String {
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Test Event", "source": "aws.test",
        "account": ACCOUNT, "time": "2026-05-04T09:12:45Z", "region": "us-west-2", "resources": [],
        "detail": {"widget": name}
    })
    .to_string()
}

#[tokio::test]
async fn a_topics_envelope_and_a_rules_bare_event_become_hints_and_the_queue_is_empty() {
    let server = Server::start();
    let queue = server.create("changes");
    let topic = format!("arn:aws:sns:us-west-2:{ACCOUNT}:cache-events");
    let sns = |action: &str, parameters: &[(&str, &str)]| {
        drop(server.account.call("sns", "2010-03-31", action, parameters).unwrap());
    };
    sns("CreateTopic", &[("Name", "cache-events")]);
    let endpoint = format!("arn:aws:sqs:us-west-2:{ACCOUNT}:changes");
    sns("Subscribe", &[("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &endpoint)]);
    sns("Publish", &[("TopicArn", &topic), ("Message", &config_change("w-1"))]);
    server.send("changes", &bridge_event("w-2"));
    server.send("changes", "this is no message of AWS");

    let sink = Sink::new(None);
    let consumer = Consumer::new(vec![queue], intake(sink.clone()), Clock::wall()).unwrap();
    let (stats, stop) = (consumer.stats(), CancellationToken::new());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { consumer.run_with(&base().await, stop).await }
    });
    let hints = sink.came.acquire_many(2);
    drop(tokio::time::timeout(Duration::from_secs(60), hints).await.unwrap().unwrap());
    stop.cancel();
    running.await.unwrap();

    let hints = sink.hints.lock();
    let mut names: Vec<_> = hints.iter().map(|hint| format!("{:?}", hint.what)).collect();
    names.sort();
    assert!(names[0].contains("w-1") && names[1].contains("w-2"), "{names:?}");
    assert!(hints.iter().all(|hint| hint.origin.source == Source::Sqs && matches!(hint.what, What::Changed { .. })));
    assert_eq!(stats.queues()[0].received, stats.queues()[0].deleted, "what is not understood is sampled and deleted");
}

#[tokio::test]
async fn a_message_whose_hints_cannot_be_stored_stays_in_the_queue_and_is_no_duplicate_later() {
    let context = QueueContext {
        url: "https://sqs.us-west-2.amazonaws.com/111122223333/changes".to_owned(),
        region: "us-west-2".parse().unwrap(),
        account: None,
        message_id: "0d7e4f0c-0000-4000-8000-000000000001".to_owned(),
        sent: None,
    };
    let body = bridge_event("w-1");
    let full = intake(Sink::new(Some(NotAccepted::Store("no space left".to_owned()))));
    assert_eq!(full.accept(&body, &context).await, Verdict::TryAgain);
    assert_eq!(full.accept(&body, &context).await, Verdict::TryAgain);

    let sink = Sink::new(None);
    let intake = intake(sink.clone());
    assert_eq!(intake.accept(&body, &context).await, Verdict::Accepted);
    assert_eq!(intake.accept(&body, &context).await, Verdict::Accepted, "delivered twice, taken once");
    assert_eq!(sink.hints.lock().len(), 1);
}
