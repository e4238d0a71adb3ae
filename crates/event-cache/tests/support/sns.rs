//! An SNS of one topic: signs messages, serves its certificate, and notes who confirms subscriptions.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_signer::{Envelope, Message, Signer, TestRoot, Version};
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use parking_lot::Mutex;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::catalog::capital;
use super::now;

pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:cache-events";

pub struct Sns {
    pub base: String,
    pub root: TestRoot,
    pub signer: Signer,
    asked: Arc<Mutex<Vec<String>>>,
    http: reqwest::Client,
}

impl Sns {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let root = TestRoot::new(now()).unwrap();
        let signer = Signer::new(&root).unwrap().at(&base);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let certificate = signer.certificate_pem().to_owned();
        let app = Router::new()
            .route(&signer.certificate_path(), get(move || async move { certificate }))
            .fallback(note)
            .with_state(Arc::clone(&asked));
        #[allow(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        drop(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        Self { base, root, signer, asked, http }
    }

    /// What was asked for besides the certificate: paths with their queries.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    pub fn signed(&self, text: &str) -> Envelope {
        self.signer.sign(&Message::notification(TOPIC, text, now()), Version::V2).unwrap()
    }

    /// Delivers as SNS does; `None` when nobody answered.
    pub async fn deliver(&self, base: &str, envelope: &Envelope) -> Option<StatusCode> {
        let kind = envelope.fields["Type"].as_str().unwrap().to_owned();
        let request = self
            .http
            .post(format!("{base}/v1/sns"))
            .header("x-amz-sns-message-type", kind)
            .header("x-amz-sns-topic-arn", TOPIC)
            .header("Content-Type", "text/plain; charset=UTF-8")
            .header("User-Agent", "Amazon Simple Notification Service Agent")
            .body(envelope.to_json());
        request.send().await.ok().map(|answer| answer.status())
    }

    /// Signs and delivers a text, which must be taken.
    pub async fn publish(&self, base: &str, text: &str) {
        assert_eq!(self.deliver(base, &self.signed(text)).await, Some(StatusCode::OK), "{text}");
    }

    /// Has everybody's stream be alive: a heartbeat for each place.
    pub async fn heartbeats(&self, base: &str, accounts: &[(String, String)], region: &str) {
        for (_, id) in accounts {
            self.publish(base, &heartbeat(id, region)).await;
        }
    }
}

async fn note(State(asked): State<Arc<Mutex<Vec<String>>>>, uri: Uri) -> &'static str {
    asked.lock().push(uri.to_string());
    "<ConfirmSubscriptionResponse><ConfirmSubscriptionResult><SubscriptionArn>arn:aws:sns:eu-west-1:111122223333:cache-events:0a1b</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>"
}

/// The scheduled event of a place, fired now.
pub fn heartbeat(account: &str, region: &str) -> String {
    let time = format!("{:.0}", now());
    json!({
        "version": "0", "id": format!("beat-{account}-{}", now().as_microsecond()), "detail-type": "Scheduled Event", "source": "aws.events",
        "account": account, "time": time, "region": region, "resources": [format!("arn:aws:events:{region}:{account}:rule/heartbeat")], "detail": {}
    })
    .to_string()
}

/// A call through CloudTrail and EventBridge that made a thing of a kind, just now.
pub fn made(kind: &str, id: &str, account: &str, region: &str) -> String {
    let (name, time) = (capital(kind), format!("{:.3}", now()));
    let detail: Value = json!({
        "eventVersion": "1.11", "eventTime": time, "eventSource": "test.amazonaws.com", "eventName": format!("Make{name}"),
        "awsRegion": region, "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "eventCategory": "Management",
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::{account}:assumed-role/deployer/ci"), "accountId": account},
        "requestParameters": {"id": id}, "responseElements": null, "eventID": id, "recipientAccountId": account
    });
    json!({
        "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": "aws.test", "account": account, "time": time,
        "region": region, "resources": [], "detail": detail
    })
    .to_string()
}
