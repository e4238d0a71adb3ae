//! Limits, and errors that are JSON wherever they come from.

use std::time::Duration;

use axum::body::Body;
use http::{Method, header};
use serde_json::{Value, json};

use crate::support::{Answer, Api, request};

async fn raw(api: &Api, content_type: Option<&str>, body: Body) -> Answer {
    let mut request = request(Method::POST, "/v1/refresh").header(header::AUTHORIZATION, "Bearer pipeline");
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    api.send(request.body(body).unwrap()).await
}

fn is_json_error(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text);
    assert!(answer.json["error"].as_str().is_some_and(|text| !text.is_empty()), "{}", answer.text);
}

#[tokio::test]
async fn an_unknown_path_and_an_unknown_method_are_json_errors() {
    let api = Api::new();
    let nowhere = api.get("/v2/nowhere").await.expect(404);
    is_json_error(&nowhere);
    let put = api.call("root", Method::PUT, "/v1/refresh", Value::Null).await.expect(405);
    is_json_error(&put);
    assert!(put.header("allow").contains("POST"), "{:?}", put.headers);
}

#[tokio::test]
async fn a_body_longer_than_64_kib_is_refused_whether_or_not_it_tells_its_length() {
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(64 * 1024));
    let api = Api::new();
    is_json_error(&raw(&api, Some("application/json"), Body::from(long.clone())).await.expect(413));
    let stream = Body::from_stream(tokio_stream(long));
    is_json_error(&raw(&api, Some("application/json"), stream).await.expect(413));
}

fn tokio_stream(text: String) -> impl futures::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send {
    futures::stream::iter(text.into_bytes().chunks(1_000).map(|chunk| Ok(chunk.to_vec())).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_type_is_refused() {
    let api = Api::new();
    for kind in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp"), Some("")]
    {
        is_json_error(&raw(&api, kind, Body::from("{}")).await.expect(415));
    }
    raw(&api, Some("Application/JSON; charset=utf-8"), Body::from("{}")).await.expect(202);
    raw(&api, Some("application/vnd.x+json"), Body::from("{}")).await.expect(202);
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_text_is_refused() {
    let api = Api::new();
    for text in ["", "{", "[]", "\"x\"", "{} {}", "\u{0}"] {
        is_json_error(&raw(&api, Some("application/json"), Body::from(text)).await.expect(400));
    }
}

#[tokio::test]
async fn a_host_that_is_none_is_refused_before_anything_is_ordered() {
    let api = Api::new();
    let request = http::Request::builder().method(Method::POST).uri("/v1/refresh").header(header::HOST, "user@evil");
    let request =
        request.header(header::AUTHORIZATION, "Bearer pipeline").header(header::CONTENT_TYPE, "application/json");
    is_json_error(&api.send(request.body(Body::from("{}")).unwrap()).await.expect(400));
    assert!(api.told(|told| told.orders.is_empty() && told.audit.is_empty()));
}

#[tokio::test]
async fn a_panic_is_a_500_for_its_caller_and_nothing_for_the_next() {
    let api = Api::new();
    api.told(|told| told.panics = true);
    is_json_error(&api.post("/v1/refresh", json!({})).await.expect(500));
    api.told(|told| told.panics = false);
    api.post("/v1/refresh", json!({})).await.expect(202);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let api = Api::new();
    let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    is_json_error(&raw(&api, Some("application/json"), endless).await.expect(503));
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_at_a_time_are_refused_at_once_while_health_still_answers() {
    let api = std::sync::Arc::new(Api::new());
    api.told(|told| told.slow = Duration::from_secs(1));
    let calls = (0..64).map(|_| {
        let api = std::sync::Arc::clone(&api);
        tokio::spawn(async move { api.post("/v1/refresh", json!({})).await.status.as_u16() })
    });
    let calls: Vec<_> = calls.collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = api.post("/v1/refresh", json!({})).await.expect(503);
    is_json_error(&refused);
    api.get("/health/live").await.expect(200);
    for call in calls {
        assert_eq!(call.await.unwrap(), 202);
    }
    api.post("/v1/refresh", json!({})).await.expect(202);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_a_503_with_its_reason() {
    let api = Api::new();
    api.told(|told| told.broken = Some("the disk is full".to_owned()));
    for answer in [api.post("/v1/refresh", json!({})).await, api.get("/v1/audit").await, api.get("/v1/status").await] {
        assert_eq!((answer.status.as_u16(), &answer.json["error"]), (503, &json!("the disk is full")));
    }
}

#[tokio::test]
async fn a_bad_query_is_refused_with_its_field() {
    let api = Api::new();
    for query in ["limit=0", "limit=1001"] {
        assert_eq!(api.get(&format!("/v1/audit?{query}")).await.expect(422).json["field"], "limit");
    }
    for query in ["limit=x", "limti=5", "limit=1&limit=2"] {
        is_json_error(&api.get(&format!("/v1/audit?{query}")).await.expect(400));
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_none_allows_other_origins() {
    let api = Api::new();
    for answer in [api.get("/v1/status").await, api.get("/nowhere").await, api.get("/health/live").await] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}
