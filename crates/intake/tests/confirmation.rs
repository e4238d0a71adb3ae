//! The request that confirms a subscription, against a server on loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_intake::{
    Accepted, AllowedTopic, CertsSettings, ChainCheck, Envelope, FetchedCerts, HttpConfirmer, Intake, Settings,
    SnsHeaders,
};
use aws_event_cache_signer::{Message, Signer, TestRoot, Version};
use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;
use common::{FILE, Sink, TOPIC, catalog, now};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// SNS with the certificate and `ConfirmSubscription`; each confirmation's query is handed on.
async fn sns(certificate: String, base: tokio::net::TcpListener) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let confirm = move |RawQuery(query): RawQuery| {
        let sender = sender.clone();
        async move {
            sender.send(query.unwrap_or_default()).unwrap();
            format!("<R><SubscriptionArn>{TOPIC}:77aa88bb-1111-4222-8333-99ccddeeff00</SubscriptionArn></R>")
        }
    };
    let file = format!("/SimpleNotificationService-{FILE}.pem");
    let app = Router::new().route("/", get(confirm)).route(&file, get(move || async move { certificate }));
    tokio::spawn(async move { axum::serve(base, app).await.unwrap() });
    receiver
}

/// What was logged, at every level and by every crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tokens_signatures_and_links_are_never_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (intake, signer, mut confirmed) = world().await;
    let token = "secrettoken0123456789";
    let mut secrets = vec![token.to_owned(), "Action=Unsubscribe".to_owned(), "Action=ConfirmSubscription".to_owned()];
    let genuine = [
        Message::subscription_confirmation(TOPIC, token, now()),
        Message::unsubscribe_confirmation(TOPIC, token, now()),
        Message::notification(TOPIC, "not understood", now()),
    ];
    for message in genuine {
        let envelope = signer.sign(&message, Version::V2).unwrap();
        secrets.push(envelope.fields["Signature"].as_str().unwrap().to_owned());
        intake.accept_sns(&envelope.to_json(), SnsHeaders::default()).await.unwrap();
        let mut forged = envelope.clone();
        forged.fields.insert("Message".into(), "forged".into());
        intake.accept_sns(&forged.to_json(), SnsHeaders::default()).await.unwrap_err();
        tracing::info!(envelope = ?Envelope::parse(&envelope.to_json()).unwrap(), "as it prints");
    }
    tokio::time::timeout(Duration::from_secs(10), confirmed.recv()).await.unwrap().unwrap();
    let told = async {
        while !log.text().contains("subscription confirmed") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    let text = log.text();
    assert!(text.contains("message refused") && text.contains("as it prints") && text.contains("77aa88bb"), "{text}");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} in\n{text}");
    }
}

/// An intake whose SNS is the server on loopback.
async fn world() -> (Arc<Intake>, Signer, mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let root = TestRoot::new(now()).unwrap();
    let signer = Signer::new(&root).unwrap().at(&base);
    let confirmed = sns(signer.certificate_pem().into(), listener).await;
    let certs =
        CertsSettings { chain: ChainCheck::NameOnly, endpoint_base: Some(base.clone()), ..CertsSettings::default() };
    let topics = vec![AllowedTopic { topic: TOPIC.parse().unwrap(), require_v2: false }];
    let intake = Intake::new(
        Settings { topics, endpoint_base: Some(base), ..Settings::default() },
        Arc::new(catalog()),
        Arc::new(Sink::default()),
        Arc::new(FetchedCerts::new(certs.clone()).unwrap()),
        Arc::new(HttpConfirmer::new(&certs).unwrap()),
        Clock::starting_at(now(), 1),
    );
    (intake, signer, confirmed)
}

#[tokio::test]
async fn a_verified_confirmation_is_confirmed_with_topic_and_token_only() {
    let (intake, signer, mut confirmed) = world().await;
    let message = Message::subscription_confirmation(TOPIC, "abc123", now());
    let body = signer.sign(&message, Version::V2).unwrap().to_json();
    assert_eq!(intake.accept_sns(&body, SnsHeaders::default()).await, Ok(Accepted::Confirming));
    let query = tokio::time::timeout(Duration::from_secs(10), confirmed.recv()).await.unwrap().unwrap();
    assert_eq!(query, format!("Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc123"));
}
