//! Overrides, kill switch, release, status, audit, log level and readiness.

use aws_event_cache_model::Setting;
use http::Method;
use serde_json::{Value, json};

use crate::support::{Api, NOW};

fn at(seconds: i64) -> String {
    aws_event_cache_model::Timestamp::from_second(NOW + seconds).unwrap().to_string()
}

#[tokio::test]
async fn each_setting_can_be_overridden_with_an_end() {
    let api = Api::new();
    for (field, value) in [
        ("cadence", json!("15m")),
        ("profile", json!("staging")),
        ("budget", json!(0.25)),
        ("killSwitch", json!(true)),
        ("answer", json!("pass")),
    ] {
        let answer =
            api.post("/v1/overrides", json!({field: value, "for": "2h", "reason": "deploy"})).await.expect(201);
        assert_eq!(answer.json[field], value);
        assert_eq!(answer.json["setBy"], "pipeline");
    }
    let set = api.told(|told| told.overrides.clone());
    assert_eq!(set[0].setting, Setting::Cadence(std::time::Duration::from_secs(900)));
    assert_eq!(set[0].expires.as_second() - NOW, 7_200);
    assert_eq!(api.get("/v1/overrides").await.expect(200).json["overrides"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn an_override_applies_where_it_says() {
    let api = Api::new();
    let body = json!({"account": "prod", "region": "us-west-2", "kind": "widgets", "cadence": "1m", "expires": at(60)});
    let answer = api.post("/v1/overrides", body).await.expect(201).json;
    assert_eq!(
        (&answer["account"], &answer["region"], &answer["kind"]),
        (&json!("111122223333"), &json!("us-west-2"), &json!("widget"))
    );
}

#[tokio::test]
async fn an_override_without_an_end_or_with_one_too_far_or_past_is_refused() {
    let api = Api::new();
    for (end, field) in [
        (json!({}), "expires"),
        (json!({"for": "169h"}), "for"),
        (json!({"for": "0s"}), "for"),
        (json!({"for": "-1h"}), "for"),
        (json!({"for": "soon"}), "for"),
        (json!({"expires": at(0)}), "expires"),
        (json!({"expires": at(7 * 86_400 + 1)}), "expires"),
        (json!({"expires": "tomorrow"}), "expires"),
        (json!({"expires": at(60), "for": "1m"}), "for"),
    ] {
        let mut body = end.clone();
        body["budget"] = json!(0.5);
        assert_eq!(api.post("/v1/overrides", body).await.expect(422).json["field"], field, "{end}");
    }
    api.post("/v1/overrides", json!({"budget": 0.5, "expires": at(7 * 86_400 - 5)})).await.expect(201);
}

#[tokio::test]
async fn an_override_must_set_exactly_one_thing_to_a_sensible_value() {
    let api = Api::new();
    for (body, field) in [
        (json!({}), "cadence"),
        (json!({"budget": 0.5, "cadence": "1m"}), "cadence"),
        (json!({"budget": 0}), "budget"),
        (json!({"budget": 1.01}), "budget"),
        (json!({"cadence": "9s"}), "cadence"),
        (json!({"cadence": "25h"}), "cadence"),
        (json!({"cadence": "often"}), "cadence"),
        (json!({"killSwitch": false}), "killSwitch"),
        (json!({"budget": 0.5, "account": "nobody"}), "account"),
        (json!({"budget": 0.5, "kind": "thing"}), "kind"),
        (json!({"budget": 0.5, "kind": "widget"}), "kind"),
    ] {
        let mut body = body;
        body["for"] = json!("1h");
        assert_eq!(api.post("/v1/overrides", body.clone()).await.expect(422).json["field"], field, "{body}");
    }
    let answer = api.post("/v1/overrides", json!({"profile": "stagign", "for": "1h"})).await.expect(422).json;
    assert_eq!((&answer["field"], &answer["nearest"]), (&json!("profile"), &json!("staging")));
    assert!(api.told(|told| told.overrides.is_empty() && told.audit.is_empty()));
}

#[tokio::test]
async fn overrides_are_removed_by_id_and_both_changes_are_audited() {
    let api = Api::new();
    let id = api.post("/v1/overrides", json!({"budget": 0.5, "for": "1h", "requestedBy": "bob"})).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(api.delete(&format!("/v1/overrides/{id}")).await.expect(200).json["id"], id.as_str());
    api.delete(&format!("/v1/overrides/{id}")).await.expect(404);
    let actions = api.told(|told| told.audit.iter().map(|entry| entry.action.to_string()).collect::<Vec<_>>());
    assert_eq!(actions, ["override", "override-removed"]);
    assert!(
        api.told(
            |told| told.audit[0].detail.contains("budget 0.5") && told.audit[0].detail.ends_with("on behalf of bob")
        )
    );
}

#[tokio::test]
async fn the_number_of_overrides_is_bounded() {
    let api = Api::new();
    for _ in 0..256 {
        api.post("/v1/overrides", json!({"budget": 0.5, "for": "1h"})).await.expect(201);
    }
    api.post("/v1/overrides", json!({"budget": 0.5, "for": "1h"})).await.expect(422);
}

#[tokio::test]
async fn the_kill_switch_needs_no_body_and_is_removed_by_delete_while_other_overrides_stay() {
    let api = Api::new();
    api.post("/v1/overrides", json!({"budget": 0.5, "for": "1h"})).await.expect(201);
    let set = api.post("/v1/kill-switch", Value::Null).await.expect(201).json;
    assert_eq!((&set["killSwitch"], &set["account"]), (&json!(true), &Value::Null));
    api.post("/v1/kill-switch", json!({"account": "staging", "for": "1h"})).await.expect(201);
    assert_eq!(api.delete("/v1/kill-switch").await.expect(200).json["overrides"].as_array().unwrap().len(), 2);
    assert_eq!(api.told(|told| told.overrides.len()), 1);
    assert_eq!(api.delete("/v1/kill-switch").await.expect(200).json["overrides"], json!([]));
}

#[tokio::test]
async fn a_full_set_of_overrides_never_stands_in_the_way_of_the_kill_switch() {
    let api = Api::new();
    for _ in 0..256 {
        api.post("/v1/overrides", json!({"budget": 0.5, "for": "1h"})).await.expect(201);
    }
    api.post("/v1/kill-switch", Value::Null).await.expect(201);
}

#[tokio::test]
async fn release_lets_go_and_is_audited() {
    let api = Api::new();
    api.post("/v1/release", Value::Null).await.expect(200);
    assert_eq!(api.told(|told| (told.releases, told.audit[0].action.to_string())), (1, "release".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_keep_agents_from_being_let_go() {
    let api = Api::new();
    api.told(|told| told.slow = std::time::Duration::from_secs(3_600));
    api.post("/v1/release", Value::Null).await.expect(200);
    assert_eq!(api.told(|told| told.releases), 1);
}

#[tokio::test]
async fn scopes_are_found_by_any_name_of_account_region_and_kind() {
    let api = Api::new();
    let scopes =
        async |query: &str| api.get(&format!("/v1/status/scopes{query}")).await.expect(200).json["scopes"].clone();
    assert_eq!(scopes("").await.as_array().unwrap().len(), 2);
    assert_eq!(scopes("?account=staging").await, json!(["444455556666/eu-west-1/widget"]));
    assert_eq!(scopes("?account=111122223333&kind=widgets").await, json!(["111122223333/us-west-2/widget"]));
    assert_eq!(scopes("?region=us-west-2,eu-west-1&kind=*").await.as_array().unwrap().len(), 2);
    assert_eq!(scopes("?kind=gadget").await, json!([]));
    assert_eq!(api.get("/v1/status/scopes?account=nobody").await.expect(422).json["field"], "account");
}

#[tokio::test]
async fn events_audit_kinds_and_status_are_shown() {
    let api = Api::new();
    let event = api.get("/v1/events").await.expect(200).json["events"][0].clone();
    assert_eq!(
        (&event["source"], &event["says"], &event["verdict"]),
        (&json!("sqs"), &json!("heartbeat"), &json!("nothing-to-do"))
    );
    let kinds = api.get("/v1/kinds").await.expect(200).json["kinds"].clone();
    assert_eq!(
        (&kinds[0]["id"], &kinds[1]["aliases"], &kinds[1]["ceilingSeconds"]),
        (&json!("gadget"), &json!(["widgets"]), &json!(600.0))
    );
    assert_eq!(api.get("/v1/status").await.expect(200).json["mode"], "observe");
    api.post("/v1/release", Value::Null).await.expect(200);
    let audit = api.get("/v1/audit?limit=5").await.expect(200).json["audit"][0].clone();
    assert_eq!(
        (&audit["who"], &audit["action"], &audit["from"]),
        (&json!("pipeline"), &json!("release"), &json!("203.0.113.9"))
    );
    assert!(audit["at"].as_str().unwrap().starts_with("2026-01-31T12:00:"));
}

#[tokio::test]
async fn the_log_level_is_turned_by_an_admin_and_audited() {
    let api = Api::new();
    let level = json!({"level": "info,aws_event_cache_engine=debug"});
    api.call("root", Method::PUT, "/v1/log-level", level.clone()).await.expect(200);
    assert_eq!(api.get("/v1/log-level").await.expect(200).json, level);
    assert_eq!(api.told(|told| told.audit[0].action.to_string()), "log-level");
    let bad = api.call("root", Method::PUT, "/v1/log-level", json!({"level": "inof"})).await.expect(422).json;
    assert_eq!((&bad["field"], &bad["nearest"]), (&json!("level"), &json!("info")));
}

#[tokio::test]
async fn ready_tells_what_is_waited_for_and_never_closes_again() {
    let api = Api::new();
    let latch = api.readiness.latch("the accounts are known");
    let waiting = api.get("/health/ready").await.expect(503).json;
    assert_eq!(waiting, json!({"ready": false, "waitingFor": ["the accounts are known"]}));
    api.get("/health/live").await.expect(200);
    latch.release();
    assert_eq!(api.get("/health/ready").await.expect(200).json["ready"], true);
    api.readiness.stop();
    api.get("/health/ready").await.expect(503);
}
