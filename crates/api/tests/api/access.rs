//! Who may call what. Taken from the OpenAPI document, so that a new route is covered by being there.

use aws_event_cache_api::{Settings, Tokens};
use axum::body::Body;
use http::{Method, header};
use serde_json::Value;

use crate::support::{Api, Setup, request, tokens};

/// Method, path with ids filled in, and the role that the document states.
fn operations() -> Vec<(Method, String, Option<String>)> {
    let document: Value = serde_json::from_str(&aws_event_cache_api::document()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let role = operation["description"]
                .as_str()
                .and_then(|text| text.rsplit_once("Role: "))
                .map(|(_, role)| role.trim_end_matches('.').to_owned());
            all.push((method.to_uppercase().parse().unwrap(), path.replace("{id}", "r1"), role));
        }
    }
    assert!(all.len() > 15, "{all:?}");
    all
}

#[tokio::test]
async fn every_operation_with_a_role_refuses_whoever_has_no_token_or_an_unknown_one() {
    for (method, path, role) in operations() {
        let api = Api::new();
        if role.is_none() {
            assert!(["/health/live", "/health/ready", "/metrics"].contains(&path.as_str()), "{path} is open");
            continue;
        }
        let answer = api.send(request(method.clone(), &path).body(Body::empty()).unwrap()).await.expect(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        assert!(answer.json["error"].is_string());
        api.call("nobody", method, &path, Value::Null).await.expect(401);
        assert!(api.told(|told| told.audit.is_empty() && told.releases == 0 && told.orders.is_empty()));
    }
}

#[tokio::test]
async fn every_operation_refuses_a_lesser_role_and_lets_its_own_through() {
    let ranks = [("viewer", "read"), ("stage", "refresh"), ("pipeline", "operate"), ("root", "admin")];
    for (method, path, role) in operations() {
        let Some(role) = role else { continue };
        let needed = ranks.iter().position(|(_, name)| *name == role).unwrap();
        for (rank, (token, _)) in ranks.iter().enumerate() {
            let status = Api::new().call(token, method.clone(), &path, Value::Null).await.status.as_u16();
            assert_eq!(status == 403, rank < needed, "{token} {method} {path}: {status}");
            assert_ne!(status, 401, "{token} {method} {path}");
        }
    }
}

#[tokio::test]
async fn nothing_that_changes_something_is_left_to_the_read_role() {
    for (method, path, role) in operations() {
        // A probe is an id to look out for, forgotten after two minutes: whoever may look may open one.
        let only_looks = method == Method::GET || path == "/v1/probes";
        assert_eq!(only_looks, matches!(role.as_deref(), None | Some("read")), "{method} {path}");
    }
}

#[tokio::test]
async fn health_is_open_and_metrics_are_not_unless_set() {
    let plain = |path: &str| request(Method::GET, path).body(Body::empty()).unwrap();
    let api = Api::new();
    api.send(plain("/health/live")).await.expect(200);
    api.send(plain("/health/ready")).await.expect(200);
    api.send(plain("/metrics")).await.expect(401);
    let settings = Settings { open_health: false, open_metrics: true, ..Settings::default() };
    let api = Api::with(Setup { settings, ..Setup::default() });
    api.send(plain("/health/live")).await.expect(401);
    api.get("/health/live").await.expect(200);
    let metrics = api.send(plain("/metrics")).await.expect(200);
    assert!(metrics.header("content-type").starts_with("text/plain"));
}

#[tokio::test]
async fn without_tokens_loopback_may_do_everything_and_is_named_so_in_the_audit_list() {
    let api = Api::with(Setup { tokens: Tokens::default(), ..Setup::default() });
    let release = || request(Method::POST, "/v1/release").header(header::HOST, "localhost:8080");
    let local = http::Request::builder().method(Method::POST).uri("/v1/release").header(header::HOST, "localhost:8080");
    api.send_from("127.0.0.1", local.body(Body::empty()).unwrap()).await.expect(200);
    assert_eq!(api.told(|told| (told.releases, told.audit[0].who.clone())), (1, "loopback".to_owned()));
    api.send_from("10.0.0.7", release().body(Body::empty()).unwrap()).await.expect(401);
    let from_a_page = release().header(header::ORIGIN, "https://evil.example");
    api.send_from("127.0.0.1", from_a_page.body(Body::empty()).unwrap()).await.expect(403);
    assert_eq!(api.told(|told| told.releases), 1);
}

#[tokio::test]
async fn tokens_can_be_replaced_while_the_service_runs() {
    let api = Api::with(Setup { tokens: Tokens::default(), ..Setup::default() });
    api.get("/v1/status").await.expect(401);
    api.state.set_tokens(tokens());
    api.get("/v1/status").await.expect(200);
}
