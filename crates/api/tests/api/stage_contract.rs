//! What Orca's preconfigured webhook stage needs of `/v1/refresh`, sentence by sentence.

use std::time::Duration;

use aws_event_cache_model::{AgentName, Class, RefreshState};
use axum::body::Body;
use http::{Method, header};
use serde_json::{Value, json};

use crate::support::{Api, Setup, request};

/// The payload of the stage as it is shipped, with parameters as Orca fills them in.
fn stage(account: &str, region: &str, kind: &str, name: &str) -> Value {
    json!({"account": account, "region": region, "kind": kind, "name": name,
           "requestedBy": "alice", "application": "shop", "executionId": "01HXYZ"})
}

async fn status_of(api: &Api, url: &str) -> Value {
    let path = url.strip_prefix("http://aws-event-cache.spinnaker.svc:8080").unwrap();
    api.call("pipeline", Method::GET, path, Value::Null).await.expect(200).json
}

#[tokio::test]
async fn the_stage_is_answered_with_202_and_an_absolute_status_url_on_the_same_host() {
    let api = Api::new();
    let answer = api.post("/v1/refresh", stage("prod", "us-west-2", "widget", "w-1")).await.expect(202);
    assert_eq!(answer.json["statusUrl"], "http://aws-event-cache.spinnaker.svc:8080/v1/refresh/r1");
    assert_eq!(answer.header("location"), answer.json["statusUrl"].as_str().unwrap());
    assert_eq!(answer.json["id"], "r1");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn the_status_url_answers_and_the_cancel_url_cancels_by_post() {
    let api = Api::new();
    let first = api.post("/v1/refresh", json!({})).await.expect(202).json;
    assert_eq!(status_of(&api, first["statusUrl"].as_str().unwrap()).await["status"], "QUEUED");
    let cancel =
        first["cancelUrl"].as_str().unwrap().strip_prefix("http://aws-event-cache.spinnaker.svc:8080").unwrap();
    let canceled = api.post(cancel, json!({"whatever": ["the stage", "sends"]})).await.expect(200).json;
    assert_eq!(canceled["status"], "CANCELED");
    assert_eq!(status_of(&api, first["statusUrl"].as_str().unwrap()).await["status"], "CANCELED");
}

#[tokio::test]
async fn progress_is_a_text_and_status_one_of_the_five_words_in_every_state() {
    let api = Api::new();
    let url = api.post("/v1/refresh", json!({})).await.json["statusUrl"].as_str().unwrap().to_owned();
    for (state, word) in [
        (RefreshState::Queued, "QUEUED"),
        (RefreshState::Running, "RUNNING"),
        (RefreshState::Succeeded, "SUCCEEDED"),
        (RefreshState::Failed, "FAILED"),
        (RefreshState::Canceled, "CANCELED"),
    ] {
        api.told(|told| {
            let record = &mut told.records[0];
            record.state = state;
            record.done = record.pending.drain(..record.pending.len().min(1)).collect();
        });
        let view = status_of(&api, &url).await;
        assert_eq!(view["status"], word);
        assert!(view["progress"].as_str().is_some_and(|text| !text.is_empty()), "{view}");
    }
}

#[tokio::test]
async fn progress_counts_agents() {
    let api = Api::new();
    let url = api.post("/v1/refresh", json!({})).await.json["statusUrl"].as_str().unwrap().to_owned();
    api.told(|told| {
        let record = &mut told.records[0];
        record.state = RefreshState::Running;
        record.done = record.pending.drain(..3).collect::<Vec<AgentName>>();
    });
    assert_eq!(status_of(&api, &url).await["progress"], "3 of 5 agents have run");
}

#[tokio::test]
async fn star_empty_missing_null_and_the_text_null_all_mean_all() {
    let alls =
        [json!("*"), json!(""), json!(" "), json!(null), json!("null"), json!([]), json!(["*"]), json!("prod,*")];
    for all in alls {
        let api = Api::new();
        api.post("/v1/refresh", json!({"account": all, "region": all, "kind": all})).await.expect(202);
        let (order, _) = api.told(|told| told.orders[0].clone());
        assert_eq!((order.accounts, order.regions, order.kinds, order.name), (None, None, None, None), "{all}");
    }
    for all in [json!("*"), json!(""), json!(null), json!("null")] {
        let api = Api::new();
        api.post("/v1/refresh", json!({"name": all, "class": all, "requestedBy": all})).await.expect(202);
        let (order, by) = api.told(|told| told.orders[0].clone());
        assert_eq!((order.name, order.class, by.contains("null")), (None, Class::Operator, false), "{all}");
    }
    let api = Api::new();
    api.post("/v1/refresh", json!({})).await.expect(202);
    assert_eq!(api.told(|told| told.orders[0].0.accounts.clone()), None);
}

#[tokio::test]
async fn an_account_is_given_by_spinnakers_name_or_by_aws_id() {
    let api = Api::new();
    api.post("/v1/refresh", json!({"account": "prod"})).await.expect(202);
    api.post("/v1/refresh", json!({"account": "111122223333"})).await.expect(202);
    api.post("/v1/refresh", json!({"account": ["staging", "prod", "111122223333"]})).await.expect(202);
    api.post("/v1/refresh", json!({"account": "staging, prod"})).await.expect(202);
    let accounts = |n: usize| api.told(|told| told.orders[n].0.accounts.clone().unwrap());
    assert_eq!(accounts(0), ["prod"]);
    assert_eq!(accounts(1), ["prod", "prod-ecs"]);
    assert_eq!(accounts(2), ["prod", "prod-ecs", "staging"]);
    assert_eq!(accounts(3), ["prod", "staging"]);
}

#[tokio::test]
async fn kinds_are_known_by_their_other_names_and_regions_without_regard_to_case() {
    let api = Api::new();
    api.post("/v1/refresh", json!({"kind": "Widgets,gadget", "region": "US-WEST-2"})).await.expect(202);
    let (order, _) = api.told(|told| told.orders[0].clone());
    assert_eq!(order.kinds.unwrap().iter().map(|kind| kind.as_str()).collect::<Vec<_>>(), ["gadget", "widget"]);
    assert_eq!(order.regions.unwrap()[0].as_str(), "us-west-2");
}

#[tokio::test]
async fn equal_bodies_are_one_refresh_however_they_are_written() {
    let api = Api::new();
    let one = api.post("/v1/refresh", json!({"account": "prod,staging", "kind": "widgets"})).await.expect(202);
    let two = api.post("/v1/refresh", json!({"kind": ["widget"], "account": ["staging", "prod"]})).await.expect(202);
    assert_eq!(one.json["id"], two.json["id"]);
}

#[tokio::test]
async fn who_asked_is_recorded_as_hearsay_beside_the_token() {
    let api = Api::new();
    api.post("/v1/refresh", stage("prod", "*", "*", "")).await.expect(202);
    assert_eq!(
        api.told(|told| told.orders[0].1.clone()),
        "pipeline on behalf of alice (application shop, execution 01HXYZ)"
    );
    let entry = api.told(|told| told.audit[0].clone());
    assert_eq!(
        (entry.who.as_str(), entry.from.as_str(), entry.action.as_str()),
        ("pipeline", "203.0.113.9", "refresh")
    );
    assert!(
        entry.detail.starts_with("accounts prod, regions all")
            && entry.detail.ends_with("; application shop, execution 01HXYZ; on behalf of alice"),
        "{entry:?}"
    );
}

#[tokio::test]
async fn spinnakers_user_header_is_hearsay_as_well() {
    let api = Api::new();
    let request = request(Method::POST, "/v1/refresh")
        .header(header::AUTHORIZATION, "Bearer pipeline")
        .header(header::CONTENT_TYPE, "application/json")
        .header("X-SPINNAKER-USER", "root");
    api.send(request.body(Body::from("{}")).unwrap()).await.expect(202);
    assert_eq!(api.told(|told| told.orders[0].1.clone()), "pipeline on behalf of root");
    assert_eq!(api.told(|told| told.audit[0].who.clone()), "pipeline");
}

#[tokio::test]
async fn unknown_words_are_refused_with_422_naming_field_value_and_nearest() {
    let api = Api::new();
    for (field, value, nearest) in [
        ("account", "prdo", "prod"),
        ("region", "us-west-22", "us-west-2"),
        ("kind", "widgte", "widget"),
        ("class", "oprator", "operator"),
    ] {
        let answer = api.post("/v1/refresh", json!({field: value})).await.expect(422).json;
        assert_eq!(
            (&answer["field"], &answer["value"], &answer["nearest"]),
            (&json!(field), &json!(value), &json!(nearest))
        );
        assert!(answer["error"].as_str().is_some_and(|text| text.len() > 20));
    }
    assert!(api.told(|told| told.orders.is_empty() && told.audit.is_empty()));
}

#[tokio::test]
async fn a_misspelt_field_is_refused_instead_of_meaning_all() {
    let answer = Api::new().post("/v1/refresh", json!({"acount": "prod"})).await.expect(422).json;
    assert_eq!((&answer["field"], &answer["nearest"]), (&json!("acount"), &json!("account")));
}

#[tokio::test]
async fn an_expression_that_the_pipeline_did_not_evaluate_is_refused() {
    let answer = Api::new().post("/v1/refresh", json!({"name": "${parameterValues['name']}"})).await.expect(422);
    assert_eq!(answer.json["field"], "name");
}

#[tokio::test]
async fn a_region_that_the_chosen_account_does_not_have_is_refused() {
    let answer = Api::new().post("/v1/refresh", json!({"account": "staging", "region": "us-west-2"})).await.expect(422);
    assert_eq!((&answer.json["field"], &answer.json["nearest"]), (&json!("region"), &json!("eu-west-1")));
}

#[tokio::test]
async fn an_order_that_no_agent_fulfils_is_refused_in_plain_words() {
    let api = Api::new();
    api.told(|told| told.matches_nothing = true);
    assert_eq!(api.post("/v1/refresh", json!({})).await.expect(422).json["error"], "no agent reads this");
}

#[tokio::test]
async fn an_order_to_a_drive_arm_that_is_off_fails_fast() {
    let api = Api::new();
    api.told(|told| told.off = true);
    assert_eq!(api.post("/v1/refresh", json!({})).await.expect(409).json["error"], "the drive arm is off");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_answered_within_two_seconds_and_orca_may_repeat() {
    let api = Api::new();
    api.told(|told| told.slow = Duration::from_secs(60));
    let started = tokio::time::Instant::now();
    let answer = api.post("/v1/refresh", json!({})).await.expect(503);
    assert!(tokio::time::Instant::now() - started < Duration::from_secs(2));
    assert_eq!(answer.header("retry-after"), "10");
}

#[tokio::test]
async fn before_accounts_are_known_orca_is_told_to_repeat_and_not_that_the_account_is_unknown() {
    let api = Api::with(Setup { accounts: aws_event_cache_model::Accounts::default(), ..Setup::default() });
    api.post("/v1/refresh", json!({"account": "prod"})).await.expect(503);
}

#[tokio::test]
async fn an_unknown_refresh_is_404_and_a_repeated_cancel_is_harmless() {
    let api = Api::new();
    api.get("/v1/refresh/r9").await.expect(404);
    api.delete("/v1/refresh/r9").await.expect(404);
    api.post("/v1/refresh", json!({})).await.expect(202);
    api.told(|told| told.records[0].state = RefreshState::Succeeded);
    assert_eq!(api.delete("/v1/refresh/r1").await.expect(200).json["status"], "SUCCEEDED");
}

#[tokio::test]
async fn refreshes_are_listed_newest_first() {
    let api = Api::new();
    for account in ["prod", "staging"] {
        api.post("/v1/refresh", json!({"account": account})).await.expect(202);
    }
    let list = api.get("/v1/refresh?limit=1").await.expect(200).json;
    assert_eq!(list["refreshes"].as_array().unwrap().len(), 1);
    assert_eq!(list["refreshes"][0]["id"], "r2");
}
