//! Every payload that AWS sends, as a fixture with what is to be understood of it. Ids, accounts and names are made up.
//!
//! The fixtures are real payloads, so they are read with the shipped catalogue; which kinds it finds is proved in its own tests, here it is what kind of
//! hint, how it changed, and where and when.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_intake::decode::{Context, Decoded, Payload, Standing, Trust, Warning, decode};
use aws_event_cache_intake::decode_recorded;
use aws_event_cache_model::{Change, Names, Source, What};
use common::{catalog, now, widget_changed};
use serde_json::{Value, json};

fn context(region: Option<&str>) -> Context {
    Context {
        source: Source::Sns,
        id: "5f0c1d9e-8a44-5b7e-9d10-3c6f2a7be001".into(),
        region: region.map(|region| region.parse().unwrap()),
        origin: "test".into(),
        trust: Trust::Signed,
    }
}

/// What a hint says, in a few words; relations to others are left out, since they are the catalogue's business.
fn words(what: &What) -> Option<String> {
    Some(match what {
        What::Changed { change: Change::Related, .. } => return None,
        What::Changed { names: Names::Any, .. } => "changed (any)".into(),
        What::Changed { change, .. } => format!("changed {}", serde_json::to_value(change).unwrap().as_str().unwrap()),
        What::AccessChanged { role } => {
            format!("access-changed {}", role.as_ref().map_or("(any)", |role| role.as_str()))
        }
        What::Throttled { service } => format!("throttled {service}"),
        What::QuotaRaised { service } => {
            format!("quota-raised {}", service.as_ref().map_or("(any)", |service| service.as_str()))
        }
        What::Heartbeat => "heartbeat".into(),
        What::SignOfLife => "sign-of-life".into(),
        What::StreamStopped => "stream-stopped".into(),
    })
}

fn found(decoded: &Decoded) -> Value {
    let standing = match decoded.standing {
        Standing::Relevant => "relevant",
        Standing::NoInterest => "no-interest",
        Standing::Unknown => "unknown",
    };
    let warning = decoded.warning.map(|warning| match warning {
        Warning::DailyRecording => "daily-recording",
        Warning::NotRecorded => "not-recorded",
        Warning::DeliveryFailed => "delivery-failed",
    });
    let says: BTreeSet<String> = decoded.hints.iter().filter_map(|hint| words(&hint.what)).collect();
    json!({
        "payload": decoded.payload.as_str(),
        "standing": standing,
        "heard": decoded.heard.as_ref().map(ToString::to_string),
        "occurred": decoded.hints.first().and_then(|hint| hint.occurred).map(|at| at.to_string()),
        "event": decoded.hints.first().map(|hint| hint.origin.event.as_str()),
        "says": says,
        "warning": warning,
    })
}

fn fixtures() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), serde_json::from_str(&text).unwrap())
    };
    files.map(read).collect()
}

fn text_of(fixture: &Value) -> String {
    match &fixture["message"] {
        Value::String(text) => text.clone(),
        message => message.to_string(),
    }
}

#[test]
fn every_fixture_is_understood_as_it_says() {
    let catalog = Catalog::shipped();
    let mut payloads = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, fixture) in fixtures() {
        let decoded = decode(&text_of(&fixture), &context(fixture["region"].as_str()), &catalog, now());
        payloads.insert(decoded.payload);
        let (found, expected) = (found(&decoded), &fixture["expect"]);
        let differs = expected.as_object().unwrap().iter().any(|(key, value)| found[key] != *value);
        if differs {
            wrong.push(format!("{name}\n  found    {found}\n  expected {expected}"));
        }
        assert!(decoded.hints.iter().all(|hint| Some(&hint.place) == decoded.heard.as_ref() || name == "config-2014"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(payloads.into_iter().collect::<Vec<_>>(), Payload::ALL, "each payload has a fixture");
}

#[test]
fn a_raw_delivery_is_not_unwrapped() {
    let (_, fixture) = fixtures().into_iter().find(|(name, _)| name == "envelope-in-queue").unwrap();
    let raw = Context { trust: Trust::Raw, ..context(None) };
    let decoded = decode(&text_of(&fixture), &raw, &Catalog::shipped(), now());
    assert_eq!((decoded.payload, decoded.hints.len()), (Payload::Unknown, 0));
}

#[test]
fn only_relations_changed_can_wait() {
    let mut message: Value = serde_json::from_str(&widget_changed("w-1")).unwrap();
    message["configurationItemDiff"] =
        json!({"changeType": "UPDATE", "changedProperties": {"Relationships.0": {}, "Relationships.1": {}}});
    let change = |message: &Value| match &decode(&message.to_string(), &context(None), &catalog(), now()).hints[0].what
    {
        What::Changed { change, .. } => *change,
        other => panic!("{other:?}"),
    };
    assert_eq!(change(&message), Change::Related);
    message["configurationItemDiff"]["changedProperties"]["Configuration.Size"] = json!({});
    assert_eq!(change(&message), Change::Updated);
}

#[test]
fn names_and_origin_come_from_the_payload() {
    let event = json!({
        "version": "0", "id": "c3d0a6de-3b52-4f0f-9d2f-0e6f3a4b5c6d", "detail-type": "Test Event", "source": "aws.test", "account": "222233334444",
        "time": "2026-05-04T09:19:00Z", "region": "us-east-1", "resources": [], "detail": {"widget": "w-7", "state": "THROTTLED"}
    });
    let decoded = decode(&event.to_string(), &context(None), &catalog(), now());
    let [throttled, changed] = decoded.hints.as_slice() else { panic!("{decoded:?}") };
    assert_eq!(throttled.what, What::Throttled { service: "test".parse().unwrap() });
    let names = Names::Some(vec!["w-7".parse().unwrap()]);
    assert_eq!(changed.what, What::Changed { kind: "widget".parse().unwrap(), names, change: Change::Updated });
    assert_eq!(changed.origin.id, "c3d0a6de-3b52-4f0f-9d2f-0e6f3a4b5c6d");
    assert_eq!(changed.origin.event, "aws.test Test Event");
    assert_eq!(changed.received, now());
}

#[test]
fn a_hostile_event_name_cannot_forge_a_log_line() {
    let event = json!({
        "id": "x\ny", "detail-type": format!("a\n{}", "é".repeat(500)), "source": "aws.test", "account": "222233334444",
        "time": "2026-05-04T09:19:00Z", "region": "us-east-1", "detail": {}
    });
    let decoded = decode(&event.to_string(), &context(None), &catalog(), now());
    let origin = &decoded.hints[0].origin;
    assert!(origin.event.len() <= 120 && !origin.event.chars().any(char::is_control));
    assert_eq!(origin.id, context(None).id, "an odd id gives way to that of the envelope");
}

#[test]
fn a_place_that_is_none_gives_no_hint() {
    for (account, region) in [("1111", "eu-west-1"), ("111122223333", "Mars"), ("111122223333", "")] {
        let mut message: Value = serde_json::from_str(&widget_changed("w-1")).unwrap();
        message["configurationItem"]["awsAccountId"] = account.into();
        message["configurationItem"]["awsRegion"] = region.into();
        assert_eq!(decode(&message.to_string(), &context(Some("eu-west-1")), &catalog(), now()).hints, []);
    }
}

#[test]
fn recorded_lines_are_envelopes_or_bare_payloads() {
    let bare = decode_recorded(&widget_changed("w-1"), "recorded.jsonl", 3, &catalog(), now());
    assert_eq!(bare.hints[0].origin.id, "recorded.jsonl:3");
    assert_eq!(bare.hints[0].origin.source, Source::Replay);
    let envelope = json!({
        "Type": "Notification", "MessageId": "5f0c1d9e-8a44-5b7e-9d10-3c6f2a7be009", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:t",
        "Message": widget_changed("w-1"), "Timestamp": "2026-05-04T09:15:27.481Z", "SignatureVersion": "1", "Signature": "AAAA", "SigningCertURL": "redacted"
    });
    let enveloped = decode_recorded(&envelope.to_string(), "recorded.jsonl", 4, &catalog(), now());
    assert_eq!(enveloped.hints[0].origin.id, "5f0c1d9e-8a44-5b7e-9d10-3c6f2a7be009");
    assert_eq!(enveloped.hints[0].what, bare.hints[0].what);
}
