//! Whatever is sent, it is never answered with a fault of ours: no 5xx, no panic, and always JSON.

use axum::body::Body;
use http::{Method, header};
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::support::{Api, request};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        Just("*".to_owned()),
        Just("null".to_owned()),
        Just("prod".to_owned()),
        Just("111122223333".to_owned()),
        Just("us-west-2,eu-west-1".to_owned()),
        Just("99999999999999999999h".to_owned()),
        Just("9999-12-31T23:59:59Z".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    let known: &'static [&'static str] = &[
        "account",
        "region",
        "kind",
        "name",
        "class",
        "requestedBy",
        "application",
        "executionId",
        "cadence",
        "profile",
        "budget",
        "killSwitch",
        "expires",
        "for",
        "reason",
        "level",
    ];
    prop_oneof![9 => prop::sample::select(known).prop_map(str::to_owned), 1 => text()]
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::vec((field(), value()), 0..6)
        .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => object().prop_map(|object| object.to_string().into_bytes()),
        1 => value().prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn target() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &["/v1/refresh", "/v1/overrides", "/v1/kill-switch", "/v1/release", "/v1/refresh/r1/cancel", "/v1/log-level"][..],
    )
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #[test]
    fn no_body_is_answered_with_a_fault_of_ours(path in target(), body in body()) {
        let method = if path == "/v1/log-level" { Method::PUT } else { Method::POST };
        let request = request(method, path)
            .header(header::AUTHORIZATION, "Bearer root")
            .header(header::CONTENT_TYPE, "application/json");
        let answer = run(Api::new().send(request.body(Body::from(body)).unwrap()));
        prop_assert!(!answer.status.is_server_error(), "{}: {}", answer.status, answer.text);
        prop_assert!(answer.json.is_object(), "{}", answer.text);
    }

    #[test]
    fn no_header_or_path_is_answered_with_a_fault_of_ours(
        path in "/[!-~]{0,30}",
        host in prop::collection::vec(any::<u8>(), 0..40),
        token in prop::collection::vec(any::<u8>(), 0..40),
        kind in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let request = http::Request::builder().method(Method::POST).uri(path)
            .header(header::HOST, host).header(header::AUTHORIZATION, token).header(header::CONTENT_TYPE, kind);
        if let Ok(request) = request.body(Body::from("{}")) {
            let answer = run(Api::new().send(request));
            prop_assert!(answer.status.is_client_error(), "{}: {}", answer.status, answer.text);
        }
    }

    #[test]
    fn an_audit_entry_never_holds_a_control_character(user in ".{0,300}", name in "[ -~]{0,50}") {
        let api = Api::new();
        let body = serde_json::json!({"requestedBy": user, "application": user, "name": name});
        run(api.post("/v1/refresh", body));
        for entry in api.told(|told| std::mem::take(&mut told.audit)) {
            prop_assert!(!entry.detail.chars().any(char::is_control), "{entry:?}");
            prop_assert!(entry.detail.chars().count() < 1_300);
        }
    }
}
