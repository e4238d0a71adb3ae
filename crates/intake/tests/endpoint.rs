//! The endpoint over real HTTP requests: statuses, limits, paths, headers, raw delivery.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_event_cache_intake::{RawDelivery, Refusal, RelaySecret, Settings, router};
use aws_event_cache_model::seam::{HintSink, NotAccepted};
use aws_event_cache_model::{Hint, What};
use aws_event_cache_signer::{Message, Version};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine;
use common::{TOPIC, World, notification, now, widget_changed};
use tower::ServiceExt;

async fn send(world: &World, request: Request<Body>) -> (StatusCode, String) {
    let response = router(Arc::clone(&world.intake)).oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    assert!(body.is_empty(), "an answer says nothing but its status");
    (status, String::new())
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).body(body.into()).unwrap()
}

async fn status(world: &World, body: String) -> u16 {
    send(world, post("/v1/sns", body)).await.0.as_u16()
}

#[tokio::test]
async fn each_situation_has_the_status_that_makes_sns_stop_or_retry() {
    let world = World::new();
    let genuine = world.signed(&notification(&widget_changed("w-1")));
    assert_eq!(status(&world, genuine.to_json()).await, 200, "accepted");
    assert_eq!(status(&world, genuine.to_json()).await, 200, "duplicate");
    assert_eq!(status(&world, world.signed(&notification("hello")).to_json()).await, 200, "not understood");
    assert_eq!(status(&world, "{".into()).await, 400, "malformed");
    let mut forged = genuine.clone();
    forged.fields.insert("Message".into(), "x".into());
    assert_eq!(status(&world, forged.to_json()).await, 403, "bad signature");
    let mut elsewhere = genuine.clone();
    elsewhere.fields.insert("SigningCertURL".into(), "https://evil.example/x.pem".into());
    assert_eq!(status(&world, elsewhere.to_json()).await, 403, "bad certificate address");
    let foreign = Message::notification("arn:aws:sns:eu-west-1:999988887777:t", "x", now());
    assert_eq!(status(&world, world.signed(&foreign).to_json()).await, 403, "topic not allowed");
    let old = Message::subscription_confirmation(TOPIC, "abc", "2026-05-01T00:00:00Z".parse().unwrap());
    assert_eq!(status(&world, world.signed(&old).to_json()).await, 403, "too old");
    let mut unknown = world.signed(&notification(&widget_changed("w-2")));
    let url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-ffffffffffffffffffffffffffffffff.pem";
    unknown.fields.insert("SigningCertURL".into(), url.into());
    assert_eq!(status(&world, unknown.to_json()).await, 503, "certificate cannot be fetched");
    world.sink.down.store(true, Ordering::Relaxed);
    assert_eq!(status(&world, world.signed(&notification(&widget_changed("w-3"))).to_json()).await, 503, "store down");
    world.sink.down.store(false, Ordering::Relaxed);
    world.intake.stop();
    assert_eq!(status(&world, world.signed(&notification(&widget_changed("w-4"))).to_json()).await, 503, "going down");
}

#[test]
fn only_our_own_failures_are_retried() {
    let retried = Refusal::ALL.into_iter().filter(|refusal| refusal.is_retryable());
    let expected = [
        Refusal::CertificateUnavailable,
        Refusal::CertificateRejected,
        Refusal::Busy,
        Refusal::TimedOut,
        Refusal::NotStored,
        Refusal::ShuttingDown,
        Refusal::Internal,
    ];
    assert!(retried.eq(expected));
    let permanent = Refusal::ALL.into_iter().filter(|refusal| !refusal.is_retryable());
    for refusal in permanent {
        // 429 would be retried as well.
        assert!([400, 401, 403, 413].contains(&refusal.status()), "{refusal:?}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_turned_away() {
    let world = World::new();
    let get = Request::builder().method(Method::GET).uri("/v1/sns").body(Body::empty()).unwrap();
    assert_eq!(send(&world, get).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(&world, post("/v1/sns/x", "{}")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_path_takes_messages_whatever_their_content_type() {
    let world = World::with(Settings {
        paths: vec!["/v1/sns".into(), "/webhooks/aws-event-cache".into(), "/my/own".into(), "/my/own".into()],
        ..Settings::default()
    });
    let types = ["text/plain; charset=UTF-8", "application/json", "application/xml", "nonsense"];
    for (at, path) in ["/v1/sns", "/webhooks/aws-event-cache", "/my/own"].iter().enumerate() {
        for content_type in types {
            let body = world.signed(&notification(&widget_changed(&format!("w-{at}-{content_type}")))).to_json();
            let request = Request::post(*path).header("content-type", content_type).body(body.into()).unwrap();
            assert_eq!(send(&world, request).await.0, StatusCode::OK);
        }
    }
    assert_eq!(world.hints().len(), 12);
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_while_it_is_read() {
    let world = World::with(Settings { body_limit: 10_000, ..Settings::default() });
    let chunks = |count: usize| {
        let served = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = Arc::clone(&served);
        let stream = futures::stream::iter((0..count).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![b' '; 1000])
        }));
        (Body::from_stream(stream), served)
    };
    let (body, served) = chunks(1_000_000);
    assert_eq!(send(&world, post("/v1/sns", body)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(served.load(Ordering::Relaxed) < 20, "nothing is read beyond the cap");
    let announced = Request::post("/v1/sns").header("content-length", "10001").body(Body::from("{}")).unwrap();
    assert_eq!(send(&world, announced).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let (body, _) = chunks(10);
    assert_eq!(send(&world, post("/v1/sns", body)).await.0, StatusCode::BAD_REQUEST, "10,000 bytes are within the cap");
}

#[tokio::test]
async fn a_legal_message_of_the_largest_size_is_taken() {
    let world = World::new();
    // 256 KiB of characters that JSON writes as six bytes each would be 1.5 MiB; SNS escapes quotes and backslashes with two.
    let text = "\"".repeat(256 * 1024);
    let body = world.signed(&notification(&text)).to_json();
    assert!(body.len() > 512 * 1024);
    assert_eq!(status(&world, body).await, 200);
}

#[tokio::test]
async fn invalid_utf8_is_refused_even_where_nobody_reads_it() {
    let world = World::new();
    let body = world.signed(&notification(&widget_changed("w-1"))).to_json();
    let mut bytes = b"{\"x\":\"\xff\",".to_vec();
    bytes.extend_from_slice(&body.as_bytes()[1..]);
    assert_eq!(send(&world, post("/v1/sns", bytes)).await.0, StatusCode::BAD_REQUEST);
    assert!(world.hints().is_empty());
}

#[tokio::test]
async fn headers_must_agree_and_come_once() {
    let world = World::new();
    let body = world.signed(&notification(&widget_changed("w-1"))).to_json();
    let rows: [(&[(&str, &str)], u16); 6] = [
        (&[("x-amz-sns-message-type", "SubscriptionConfirmation")], 400),
        (&[("x-amz-sns-message-type", "Notification"), ("x-amz-sns-message-type", "Notification")], 400),
        (&[("x-amz-sns-topic-arn", "arn:aws:sns:eu-west-1:111122223333:other")], 400),
        (&[("x-amz-sns-rawdelivery", "true")], 403),
        (&[("x-amz-sns-rawdelivery", "maybe")], 400),
        (&[("X-Amz-Sns-Message-Type", "Notification"), ("x-amz-sns-topic-arn", TOPIC)], 200),
    ];
    for (headers, expected) in rows {
        let request =
            headers.iter().fold(Request::post("/v1/sns"), |request, (name, value)| request.header(*name, *value));
        let (status, _) = send(&world, request.body(body.clone().into()).unwrap()).await;
        assert_eq!(status.as_u16(), expected, "{headers:?}");
    }
}

const SECRET: &str = "between-gate-and-us";

/// A request whose body tells whether it was asked for.
fn relayed(secrets: &[&str], body: String) -> (Request<Body>, Arc<std::sync::atomic::AtomicBool>) {
    let read = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = Arc::clone(&read);
    let stream = futures::stream::once(async move {
        flag.store(true, Ordering::Relaxed);
        Ok::<_, std::io::Error>(body)
    });
    let mut request = Request::post("/webhooks/aws-event-cache");
    for secret in secrets {
        request = request.header("X-AWS-Event-Cache-Secret", *secret);
    }
    (request.body(Body::from_stream(stream)).unwrap(), read)
}

#[tokio::test]
async fn with_a_relays_secret_only_the_relay_is_listened_to_and_of_others_nothing_is_read() {
    let relay_secret = Some(RelaySecret(SECRET.into()));
    let world = World::with(Settings { relay_secret, ..Settings::default() });
    let body = || world.signed(&notification(&widget_changed("w-1"))).to_json();
    let prefix = &SECRET[..SECRET.len() - 1];
    for secrets in [&[][..], &[""], &["wrong"], &[prefix], &[SECRET, SECRET], &["wrong", SECRET]] {
        let (request, read) = relayed(secrets, body());
        assert_eq!(send(&world, request).await.0, StatusCode::FORBIDDEN, "{secrets:?}");
        assert!(!read.load(Ordering::Relaxed), "{secrets:?}: the body was read");
    }
    assert!(world.hints().is_empty());
    let (request, read) = relayed(&[SECRET], body());
    assert_eq!(send(&world, request).await.0, StatusCode::OK);
    assert!(read.load(Ordering::Relaxed));
    assert_eq!(world.hints().len(), 1);
    assert!(!format!("{:?}", world.intake.settings()).contains(SECRET));
}

#[tokio::test]
async fn strangers_without_the_relays_secret_cannot_take_the_places_of_its_requests() {
    let relay_secret = Some(RelaySecret(SECRET.into()));
    let world = World::with(Settings { relay_secret, in_flight: 1, ..Settings::default() });
    let app = router(Arc::clone(&world.intake));
    let (stranger, _) = relayed(&[], String::new());
    let (busy, _) = relayed(&[SECRET], String::new());
    let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let busy = Request::from_parts(busy.into_parts().0, endless);
    let held = tokio::spawn(app.clone().oneshot(busy));
    tokio::task::yield_now().await;
    assert_eq!(app.oneshot(stranger).await.unwrap().status(), StatusCode::FORBIDDEN, "and not 503");
    held.abort();
}

fn raw_settings() -> Settings {
    let raw = RawDelivery {
        path: "/v1/sns-raw".into(),
        secret: "s3cret".into(),
        user: "sns".into(),
        password: "pa:ss".into(),
    };
    Settings { raw: Some(raw), ..Settings::default() }
}

fn raw_request(path: &str, credentials: Option<&str>, body: String) -> Request<Body> {
    let mut request = Request::post(path)
        .header("x-amz-sns-rawdelivery", "true")
        .header("x-amz-sns-message-type", "Notification")
        .header("x-amz-sns-topic-arn", TOPIC);
    if let Some(credentials) = credentials {
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        request = request.header("authorization", format!("Basic {encoded}"));
    }
    request.body(body.into()).unwrap()
}

#[tokio::test]
async fn raw_delivery_needs_secret_path_and_credentials() {
    let world = World::with(raw_settings());
    let body = widget_changed("w-1");
    let ask = |path: &'static str, credentials: Option<&'static str>| {
        let request = raw_request(path, credentials, body.clone());
        let app = router(Arc::clone(&world.intake));
        async move { app.oneshot(request).await.unwrap() }
    };
    assert_eq!(ask("/v1/sns-raw/wrong", Some("sns:pa:ss")).await.status(), StatusCode::NOT_FOUND);
    let challenge = ask("/v1/sns-raw/s3cret", None).await;
    assert_eq!(challenge.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenge.headers()["www-authenticate"], "Basic realm=\"sns\"", "SNS sends credentials only when asked");
    assert_eq!(ask("/v1/sns-raw/s3cret", Some("sns:wrong")).await.status(), StatusCode::UNAUTHORIZED);
    assert!(world.hints().is_empty());
    assert_eq!(ask("/v1/sns-raw/s3cret", Some("sns:pa:ss")).await.status(), StatusCode::OK);
    assert_eq!(world.hints().len(), 1);
    assert_eq!(ask("/v1/sns-raw/s3cret", Some("sns:pa:ss")).await.status(), StatusCode::OK);
    assert_eq!(world.hints().len(), 1, "equal bodies are one message");
    assert_eq!(ask("/v1/sns", Some("sns:pa:ss")).await.status(), StatusCode::FORBIDDEN, "not on the other paths");
}

#[tokio::test]
async fn a_raw_body_that_looks_like_an_envelope_is_not_one() {
    let world = World::with(raw_settings());
    let confirmation = world.signed(&Message::subscription_confirmation(TOPIC, "abc", now())).to_json();
    let goodbye = world.signed(&Message::unsubscribe_confirmation(TOPIC, "abc", now())).to_json();
    let wrapped = world.signed(&notification(&widget_changed("w-1"))).to_json();
    for body in [confirmation, goodbye, wrapped] {
        let (status, _) = send(&world, raw_request("/v1/sns-raw/s3cret", Some("sns:pa:ss"), body)).await;
        assert_eq!(status, StatusCode::OK);
    }
    assert!(world.hints().is_empty() && world.confirmations.confirmed.lock().is_empty());
}

#[tokio::test]
async fn raw_headers_cannot_name_another_type_or_topic() {
    let world = World::with(raw_settings());
    for (name, value) in [
        ("x-amz-sns-message-type", "SubscriptionConfirmation"),
        ("x-amz-sns-topic-arn", "arn:aws:sns:eu-west-1:999988887777:t"),
    ] {
        let mut request = raw_request("/v1/sns-raw/s3cret", Some("sns:pa:ss"), widget_changed("w-1"));
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(send(&world, request).await.0, StatusCode::FORBIDDEN);
    }
    assert!(world.hints().is_empty());
}

#[tokio::test]
async fn the_confirmation_of_a_raw_subscription_is_an_envelope_and_verified() {
    let world = World::with(raw_settings());
    let message = Message::subscription_confirmation(TOPIC, "abc", now());
    let encoded = base64::engine::general_purpose::STANDARD.encode("sns:pa:ss");
    let ask = |body: String| {
        let request = Request::post("/v1/sns-raw/s3cret").header("authorization", format!("Basic {encoded}"));
        send(&world, request.body(body.into()).unwrap())
    };
    let mut forged = world.signed(&message);
    forged.fields.insert("Signature".into(), "AAAA".into());
    assert_eq!(ask(forged.to_json()).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(world.signed(&message).to_json()).await.0, StatusCode::OK);
}

/// A sink that never answers: a store that hangs.
struct Stuck;

#[async_trait::async_trait]
impl HintSink for Stuck {
    async fn accept(&self, _: Vec<Hint>) -> Result<(), NotAccepted> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_told_to_come_again_before_sns_gives_up() {
    let world = World::new();
    let intake = world.with_sink(Arc::new(Stuck));
    let body = world.signed(&notification(&widget_changed("w-1"))).to_json();
    let started = tokio::time::Instant::now();
    let response = router(intake).oneshot(post("/v1/sns", body)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(tokio::time::Instant::now() - started < Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_trickles_its_body_is_cut_off() {
    let world = World::new();
    let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(send(&world, post("/v1/sns", body)).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_allowed_are_told_to_come_again_and_then_there_is_room_again() {
    let world = World::with(Settings { in_flight: 2, ..Settings::default() });
    let app = router(world.with_sink(Arc::new(Stuck)));
    let body = |name: &str| world.signed(&notification(&widget_changed(name))).to_json();
    let stuck: Vec<_> =
        ["w-1", "w-2"].map(|name| tokio::spawn(app.clone().oneshot(post("/v1/sns", body(name))))).into();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let third = app.clone().oneshot(post("/v1/sns", body("w-3"))).await.unwrap();
    assert_eq!(third.status(), StatusCode::SERVICE_UNAVAILABLE);
    for task in stuck {
        task.await.unwrap().unwrap();
    }
    let malformed = app.oneshot(post("/v1/sns", "{")).await.unwrap();
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST, "there is room again");
}

#[tokio::test]
async fn version_1_and_heartbeats_work_over_http_too() {
    let world = World::new();
    let heartbeat = serde_json::json!({
        "version": "0", "id": "c3d0a6de-3b52-4f0f-9d2f-0e6f3a4b5c6d", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "222233334444", "time": "2026-05-04T09:19:00Z", "region": "us-east-1", "resources": [], "detail": {}
    });
    let body = world.signer.sign(&notification(&heartbeat.to_string()), Version::V1).unwrap().to_json();
    assert_eq!(status(&world, body).await, 200);
    let hint = &world.hints()[0];
    assert_eq!((&hint.what, hint.occurred), (&What::Heartbeat, Some("2026-05-04T09:19:00Z".parse().unwrap())));
}
