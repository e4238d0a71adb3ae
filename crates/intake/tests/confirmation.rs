//! The request that confirms a subscription, against a server on loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_intake::{
    Accepted, AllowedTopic, CertsSettings, ChainCheck, FetchedCerts, HttpConfirmer, Intake, Settings, SnsHeaders,
};
use aws_event_cache_signer::{Message, Signer, TestRoot, Version};
use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;
use common::{FILE, Sink, TOPIC, catalog, now};
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

#[tokio::test]
async fn a_verified_confirmation_is_confirmed_with_topic_and_token_only() {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let root = TestRoot::new(now()).unwrap();
    let signer = Signer::new(&root).unwrap().at(&base);
    let mut confirmed = sns(signer.certificate_pem().into(), listener).await;
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
    let message = Message::subscription_confirmation(TOPIC, "abc123", now());
    let body = signer.sign(&message, Version::V2).unwrap().to_json();
    assert_eq!(intake.accept_sns(&body, SnsHeaders::default()).await, Ok(Accepted::Confirming));
    let query = tokio::time::timeout(Duration::from_secs(10), confirmed.recv()).await.unwrap().unwrap();
    assert_eq!(query, format!("Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc123"));
}
