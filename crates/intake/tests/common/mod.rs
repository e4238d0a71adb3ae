//! A service with a test root: invented catalogue, pinned certificate, a sink that keeps what it is given.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_intake::{
    AllowedTopic, CertsSettings, ChainCheck, ConfirmError, Confirmation, Confirmer, FetchedCerts, Intake, Settings,
};
use aws_event_cache_model::seam::{HintSink, NotAccepted};
use aws_event_cache_model::{Hint, Timestamp};
use aws_event_cache_signer::{Envelope, Message, Signer, TestRoot, Version};
use parking_lot::Mutex;
use smol_str::SmolStr;

pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:cache-events";
pub const FILE: &str = "0123456789abcdef0123456789abcdef";

pub fn now() -> Timestamp {
    "2026-05-04T09:20:00Z".parse().unwrap()
}

/// A payload that the invented catalogue knows.
pub fn widget_changed(name: &str) -> String {
    serde_json::json!({
        "messageType": "ConfigurationItemChangeNotification",
        "configurationItem": {
            "resourceType": "AWS::Test::Widget", "resourceId": name, "awsAccountId": "222233334444", "awsRegion": "us-east-1",
            "configurationItemStatus": "OK", "configurationItemCaptureTime": "2026-05-04T09:12:44.902Z"
        },
        "configurationItemDiff": null
    })
    .to_string()
}

pub fn catalog() -> Catalog {
    Catalog::parse([
        (
            "services/test.yaml",
            "title: Amazon Test\nevent_sources: [test.amazonaws.com]\nbridge_sources: [aws.test]\nbuckets: {read: {capacity: 100, refill: 20}}\nthrottle_codes: [TestThrottled]\nthrottle_events: [{source: aws.test, detail_type: Test Event, when: {detail.state: [THROTTLED]}}]",
        ),
        (
            "agents/widgets.yaml",
            "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]",
        ),
        (
            "kinds/widget.yaml",
            r"
title: Widget
named_by: widget id (w-…)
coverage: full
cadence: {floor: 30s, ceiling: 10m}
settle: 10s
agents: [widgets]
config:
  - {type: 'AWS::Test::Widget', name: resourceId, relations_wait: true}
events:
  - {source: aws.test, detail_type: [Test Event], name: detail.widget}
calls:
  - {service: test, events: [MakeWidget, BreakWidget], name: req.widgetId}
notifications:
  - {events: ['autoscaling:TEST_LAUNCH', 'autoscaling:TEST_LAUNCHING'], name: AutoScalingGroupName}
reads:
  - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}
",
        ),
    ])
    .unwrap_or_else(|errors| panic!("the invented catalogue: {errors}"))
}

/// Keeps hints, or refuses them.
#[derive(Default)]
pub struct Sink {
    pub hints: Mutex<Vec<Hint>>,
    pub down: AtomicBool,
}

#[async_trait]
impl HintSink for Sink {
    async fn accept(&self, hints: Vec<Hint>) -> Result<(), NotAccepted> {
        if self.down.load(Ordering::Relaxed) {
            return Err(NotAccepted::Store("full".into()));
        }
        self.hints.lock().extend(hints);
        Ok(())
    }
}

/// Notes which topics were confirmed; fails as often as told.
#[derive(Default)]
pub struct Confirmations {
    pub confirmed: Mutex<Vec<String>>,
    pub failures: Mutex<Vec<ConfirmError>>,
}

#[async_trait]
impl Confirmer for Confirmations {
    async fn confirm(&self, confirmation: &Confirmation) -> Result<Option<SmolStr>, ConfirmError> {
        if let Some(error) = self.failures.lock().pop() {
            return Err(error);
        }
        self.confirmed.lock().push(confirmation.topic().arn().to_owned());
        Ok(None)
    }
}

pub struct World {
    settings: Settings,
    certs: CertsSettings,
    pub signer: Signer,
    pub sink: Arc<Sink>,
    pub confirmations: Arc<Confirmations>,
    pub intake: Arc<Intake>,
}

impl World {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// With these settings, to which the topic is added.
    pub fn with(mut settings: Settings) -> Self {
        let root = TestRoot::new(now()).unwrap();
        let signer = Signer::new(&root).unwrap();
        if settings.topics.is_empty() {
            settings.topics.push(AllowedTopic { topic: TOPIC.parse().unwrap(), require_v2: false });
        }
        let certs = CertsSettings {
            chain: ChainCheck::NameOnly,
            pinned: BTreeMap::from([(FILE.to_owned(), signer.certificate_pem().to_owned())]),
            // Whatever is not pinned is not there: nothing listens on this port.
            proxy: Some("http://127.0.0.1:9".into()),
            ..CertsSettings::default()
        };
        let (sink, confirmations) = (Arc::new(Sink::default()), Arc::new(Confirmations::default()));
        let intake = start(&settings, &certs, Arc::clone(&sink) as _, Arc::clone(&confirmations) as _);
        Self { settings, certs, signer, sink, confirmations, intake }
    }

    /// Another intake of the same settings whose hints go elsewhere.
    pub fn with_sink(&self, sink: Arc<dyn HintSink>) -> Arc<Intake> {
        start(&self.settings, &self.certs, sink, Arc::clone(&self.confirmations) as _)
    }

    pub fn signed(&self, message: &Message) -> Envelope {
        self.signer.sign(message, Version::V2).unwrap()
    }

    pub fn hints(&self) -> Vec<Hint> {
        self.sink.hints.lock().clone()
    }
}

pub fn notification(text: &str) -> Message {
    Message::notification(TOPIC, text, "2026-05-04T09:15:27.481Z".parse().unwrap())
}

fn start(
    settings: &Settings,
    certs: &CertsSettings,
    sink: Arc<dyn HintSink>,
    confirmer: Arc<dyn Confirmer>,
) -> Arc<Intake> {
    let certs = Arc::new(FetchedCerts::new(certs.clone()).unwrap());
    Intake::new(settings.clone(), Arc::new(catalog()), sink, certs, confirmer, Clock::starting_at(now(), 1))
}
