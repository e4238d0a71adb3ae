//! Probes: what comes is noted, judged as ever, and never leads to anything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::sync::Arc;

use aws_event_cache_intake::decode::{Context, Trust};
use aws_event_cache_intake::{Accepted, Probe, SnsHeaders, router};
use aws_event_cache_model::Source;
use axum::body::Body;
use axum::http::Request;
use common::{World, notification, widget_changed};
use serde_json::json;
use tower::ServiceExt;

fn seen(world: &World, probe: &Probe) -> Vec<(Source, bool)> {
    let sightings = world.intake.probe(&probe.id).unwrap().sightings;
    sightings.iter().map(|sighting| (sighting.source, sighting.accepted)).collect()
}

#[tokio::test]
async fn a_probe_without_a_signature_is_refused_and_seen() {
    let world = World::new();
    let probe = world.intake.open_probe();
    let mut forged = world.signed(&notification("x"));
    forged.fields.insert("MessageId".into(), probe.id.clone().into());
    let request = Request::post("/v1/sns").body(Body::from(forged.to_json())).unwrap();
    let answer = router(Arc::clone(&world.intake)).oneshot(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert_eq!(seen(&world, &probe), [(Source::Sns, false)]);
    assert!(world.hints().is_empty());
}

#[tokio::test]
async fn a_signed_probe_is_taken_and_is_neither_a_hint_nor_a_sign_of_life_nor_unknown() {
    let world = World::new();
    let probe = world.intake.open_probe();
    let text = json!({"awsEventCacheProbe": probe.id}).to_string();
    let body = world.signed(&notification(&text)).to_json();
    assert_eq!(world.intake.accept_sns(&body, SnsHeaders::default()).await, Ok(Accepted::Nothing));
    let queue =
        Context { source: Source::Sqs, id: "1".into(), region: None, origin: "queue".into(), trust: Trust::Queue };
    assert_eq!(
        world.intake.accept_body(&body, queue).await,
        Ok(Accepted::Duplicate),
        "the same message by another way"
    );
    assert_eq!(seen(&world, &probe), [(Source::Sns, true), (Source::Sqs, true)]);
    assert!(world.hints().is_empty() && world.intake.unknown_samples().is_empty());
}

#[tokio::test]
async fn a_message_of_others_is_no_sighting_and_an_id_that_nobody_opened_is_nothing() {
    let world = World::new();
    let probe = world.intake.open_probe();
    let body = world.signed(&notification(&widget_changed("w-1"))).to_json();
    assert_eq!(world.intake.accept_sns(&body, SnsHeaders::default()).await, Ok(Accepted::Hints(1)));
    assert_eq!(seen(&world, &probe), []);
    assert_eq!(world.intake.probe("5f0c1d9e-8a44-4b7e-9d10-3c6f2a7be001"), None);
    let text = json!({"awsEventCacheProbe": "5f0c1d9e-8a44-4b7e-9d10-3c6f2a7be001"}).to_string();
    let body = world.signed(&notification(&text)).to_json();
    assert_eq!(world.intake.accept_sns(&body, SnsHeaders::default()).await, Ok(Accepted::Nothing));
    assert_eq!(world.intake.unknown_samples().len(), 1, "a stranger's probe is a message like any other");
}
