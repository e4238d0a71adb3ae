//! Reads are answered from memory until a write, an event or their shape says otherwise.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::eventually;
use crate::support::sns::made;
use crate::world::{ACCOUNT, REGION, SOON, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_read_is_answered_from_memory_with_the_first_ones_bytes() {
    let world = World::new("mode: serve").await;
    let running = world.serve().await;
    let client = running.client();
    // What a key id says of an account is believed once AWS has answered to it.
    client.call("DescribeGadgets", &[]).await;
    let first = client.call("DescribeWidgets", &[]).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    assert!(first.cache.starts_with("event-cache; fwd=") && !first.is_hit(), "{first:?}");
    let second = client.call("DescribeWidgets", &[]).await;
    assert!(second.is_hit() && second.age.is_some(), "{second:?}");
    assert_eq!((second.body, world.aws.calls("DescribeWidgets")), (first.body, 1));
    // The signature arrived as it was sent.
    let signature = world.aws.last_signature();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=ASIA") && signature.ends_with("0123456789abcdef"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_passes_makes_the_next_read_go_to_aws() {
    let world = World::new("mode: serve").await;
    let running = world.serve().await;
    let client = running.client();
    client.warm("DescribeWidgets").await;
    let before = world.aws.calls("DescribeWidgets");
    let written = client.call("MakeWidget", &[("id", "w-2")]).await;
    assert_eq!(written.status, StatusCode::OK);
    let after = client.call("DescribeWidgets", &[]).await;
    assert!(!after.is_hit() && after.body.contains("w-2"), "{after:?}");
    assert_eq!((world.aws.calls("DescribeWidgets"), world.aws.calls("MakeWidget")), (before + 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_a_change_that_did_not_pass_makes_the_next_read_go_to_aws() {
    let world = World::new("mode: serve").await;
    let running = world.serve().await;
    let client = running.client();
    client.warm("DescribeWidgets").await;
    world.aws.make("w-3");
    assert!(!client.call("DescribeWidgets", &[]).await.body.contains("w-3"), "nobody has told of it yet");
    world.sns.publish(&running.service.base, &made("widget", "w-3", ACCOUNT, REGION)).await;
    let after = client.call("DescribeWidgets", &[]).await;
    assert!(!after.is_hit() && after.body.contains("w-3"), "{after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_a_resource_acts_for_somebody_or_comes_with_an_unknown_credential_reaches_aws() {
    let world = World::new("mode: serve").await;
    let running = world.serve().await;
    let client = running.client();
    client.warm("DescribeWidgets").await;
    let mut before = world.aws.calls("DescribeWidgets");
    let mut reaches_aws = |seen: &crate::client::Seen| {
        before += 1;
        assert!(!seen.is_hit(), "{seen:?}");
        assert_eq!(world.aws.calls("DescribeWidgets"), before, "{seen:?}");
    };
    let agent = "aws-sdk-java/1.12.261, spinnaker spinnaker-user/ann spinnaker-executionId/01HX";
    reaches_aws(&client.call_as("DescribeWidgets", &[], agent).await);
    reaches_aws(&client.session(1).call("DescribeWidgets", &[]).await);
    reaches_aws(&client.call("DescribeWidgets", &[("id", "w-1")]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_passed_on_as_it_is_and_ends_the_credentials_admission() {
    let world = World::new("mode: serve").await;
    let running = world.serve().await;
    let client = running.client();
    client.warm("DescribeWidgets").await;
    client.warm("DescribeGadgets").await;
    world.aws.refuse(Some("AccessDenied"));
    let refused = client.call("DescribeWidgets", &[("id", "w-1")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("<Code>AccessDenied</Code>"), "{refused:?}");
    let next = client.call("DescribeGadgets", &[]).await;
    assert!(!next.is_hit() && next.status == StatusCode::BAD_REQUEST, "a refused credential is answered: {next:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observing_answers_nothing_from_memory_and_reports_what_it_would_have() {
    let world = World::new("mode: observe").await;
    let running = world.serve().await;
    let client = running.client();
    for _ in 0..3 {
        let seen = client.call("DescribeWidgets", &[]).await;
        assert!(!seen.is_hit() && seen.status == StatusCode::OK, "{seen:?}");
    }
    assert_eq!(world.aws.calls("DescribeWidgets"), 3);
    let report = running.service.get("/v1/answer").await;
    assert_eq!(report["mode"], "observe");
    let widgets = report["cache"]["kinds"].as_array().unwrap().iter().find(|kind| kind["kind"] == "widget").unwrap();
    assert!(widgets["wouldBeHits"].as_u64().unwrap() >= 1, "{report}");
    assert_eq!(widgets["staleWouldBeHits"], 0, "{report}");
    // Shown is exactly what is documented.
    let document: Value = serde_json::from_str(&aws_event_cache_api::document()).unwrap();
    let documented = |schema: &str| {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        properties.keys().cloned().collect::<BTreeSet<_>>()
    };
    let shown = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(shown(&report), documented("AnswerState"));
    assert_eq!(shown(&report["cache"]), documented("AnswerCache"));
    assert_eq!(shown(widgets), documented("AnswerKind"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_the_next_start_is_clean_and_calls_under_way_are_the_only_ones_lost() {
    let world = World::new("mode: serve").await;
    let mut running = world.serve().await;
    running.client().warm("DescribeWidgets").await;
    running.service.kill();
    let running = world.serve().await;
    let client = running.client();
    let first = client.call("DescribeWidgets", &[]).await;
    assert!(first.status == StatusCode::OK && !first.is_hit(), "nothing outlives the process: {first:?}");
    client.warm("DescribeWidgets").await;
    let problems = running.service.get("/v1/status").await["problems"].clone();
    assert!(!problems.to_string().contains("store"), "{problems}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_answers_the_api_as_well_tells_loopback_from_others_by_the_peer() {
    let world = World::new("mode: pass").await;
    let running = world.serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = eventually("the API answers at the proxy's port", SOON, async || {
        http.get(format!("{}/v1/answer", running.proxy)).send().await.ok()
    })
    .await;
    assert_eq!(answer.status(), StatusCode::OK);
}
