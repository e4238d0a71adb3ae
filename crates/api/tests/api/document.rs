//! The OpenAPI document is the API: committed, complete and true.

use std::path::Path;

use aws_event_cache_api::document;
use http::Method;
use serde_json::Value;

use crate::support::Api;

fn paths() -> serde_json::Map<String, Value> {
    let document: Value = serde_json::from_str(&document()).unwrap();
    document["paths"].as_object().unwrap().clone()
}

#[test]
fn the_committed_document_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let fresh = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap();
    assert!(
        committed == fresh,
        "docs/openapi.json is stale; run UPDATE_DOCS=1 cargo test -p aws-event-cache-api --test api document"
    );
}

#[tokio::test]
async fn every_documented_operation_is_routed_and_every_routed_method_is_documented() {
    for (path, item) in paths() {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let documented = item.get(method.as_str().to_lowercase()).is_some();
            let answer = Api::new().call("root", method.clone(), &path.replace("{id}", "r1"), Value::Null).await;
            let routed = answer.status != 405 && !answer.text.contains("there is no such path");
            assert_eq!(routed, documented, "{method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let served = Api::new().get("/v1/openapi.json").await.expect(200).json;
    assert_eq!(served, serde_json::from_str::<Value>(&document()).unwrap());
}

#[test]
fn every_operation_has_a_summary_and_tells_its_refusals() {
    for (path, item) in paths() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            if operation.get("security").is_some() {
                assert!(operation["responses"].get("401").is_some(), "{method} {path}");
            }
        }
    }
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    for (path, item) in paths() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(seen.insert(id.clone()), "{id} of {method} {path} is there twice");
        }
    }
}

#[test]
fn every_status_that_the_document_names_is_explained_in_the_handbook() {
    let handbook = include_str!("../../../../docs/api.md");
    for (path, item) in paths() {
        for (method, operation) in item.as_object().unwrap() {
            for status in operation["responses"].as_object().unwrap().keys() {
                assert!(handbook.contains(&format!("| {status} |")), "{status} of {method} {path}");
            }
        }
        assert!(handbook.contains(&format!("{path}`")), "{path} is not in docs/api.md");
    }
}
