//! What must hold for any input.
//!
//! - Signed bytes have one reading: of all ways to cut them into fields, at most one is an envelope.
//! - Reading an envelope and decoding a payload never panic.
//! - A hint's place is one that the payload spells out (or the topic's region, for the one message that has none).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::sync::LazyLock;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_intake::decode::{Context, Trust, decode};
use aws_event_cache_intake::{Envelope, Refusal};
use aws_event_cache_model::Source;
use common::{TOPIC, now};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NOTIFICATION: &[&str] = &["Message", "MessageId", "Timestamp", "TopicArn", "Type"];
const WITH_SUBJECT: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const CONFIRMATION: &[&str] = &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// Every way to read `bytes` as these fields in this order.
fn cuts<'a>(bytes: &'a str, names: &[&str]) -> Vec<Vec<&'a str>> {
    let Some(rest) = bytes.strip_prefix(names[0]).and_then(|rest| rest.strip_prefix('\n')) else { return Vec::new() };
    let Some(next) = names.get(1) else {
        return rest.strip_suffix('\n').map(|value| vec![vec![value]]).unwrap_or_default();
    };
    let border = format!("\n{next}\n");
    let mut found = Vec::new();
    for at in (0..rest.len()).filter(|at| rest.is_char_boundary(*at) && rest[*at..].starts_with(&border)) {
        for others in cuts(&rest[at + 1..], &names[1..]) {
            found.push([vec![&rest[..at]], others].concat());
        }
    }
    found
}

fn body(names: &[&str], values: &[&str]) -> String {
    let mut fields: Map<String, Value> =
        names.iter().zip(values).map(|(name, value)| ((*name).into(), (*value).into())).collect();
    for (name, value) in [
        ("SignatureVersion", "2"),
        ("Signature", "AAAA"),
        ("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/x.pem"),
    ] {
        fields.insert(name.into(), value.into());
    }
    Value::Object(fields).to_string()
}

/// All envelopes that have these bytes to sign.
fn readings(bytes: &str) -> Vec<String> {
    let mut found = Vec::new();
    for names in [NOTIFICATION, WITH_SUBJECT, CONFIRMATION] {
        for values in cuts(bytes, names) {
            let body = body(names, &values);
            // A field that the type does not sign is not read, so the bytes then differ.
            if Envelope::parse(&body).is_ok_and(|envelope| envelope.signed_bytes() == bytes.as_bytes()) {
                found.push(body);
            }
        }
    }
    found
}

/// Lines of which borders are made: single ones, and those that begin a field with a value that has its form.
fn line() -> impl Strategy<Value = String> {
    let words = [
        "Message",
        "MessageId",
        "Subject",
        "Timestamp",
        "Type",
        "Notification",
        "x",
        "",
        "MessageId\n11111111-2222-4333-8444-555555555555",
        "Subject\nk",
        "SubscribeURL\nhttps://evil.example/",
        "Timestamp\n2026-05-04T09:15:27.481Z",
        "Token\nabc123",
        "TopicArn\narn:aws:sns:eu-west-1:111122223333:cache-events",
        "Type\nSubscriptionConfirmation",
        "Type\nNotification",
    ];
    prop::sample::select(words.map(str::to_owned).to_vec())
}

/// The pairs of a whole confirmation or notification, to be put into a message.
fn pairs() -> impl Strategy<Value = String> {
    let inner = |names: &[&str], values: &[&str]| {
        let pairs: Vec<String> = names.iter().zip(values).map(|(name, value)| format!("{name}\n{value}")).collect();
        pairs.join("\n")["Message\n".len()..].to_owned()
    };
    let (id, time) = ("11111111-2222-4333-8444-555555555555", "2026-05-04T09:15:27.481Z");
    let confirmation =
        inner(CONFIRMATION, &["m", id, "https://evil.example/", time, "abc123", TOPIC, "SubscriptionConfirmation"]);
    prop_oneof![Just(confirmation), Just(inner(WITH_SUBJECT, &["m", id, "k", time, TOPIC, "Notification"]))]
}

fn message() -> impl Strategy<Value = String> {
    prop_oneof![3 => lines(12), 1 => (lines(3), pairs(), lines(3)).prop_map(|(a, b, c)| format!("{a}\n{b}\n{c}"))]
}

fn lines(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 0..most).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn signed_bytes_have_one_reading(message in message(), subject in prop::option::of(prop::sample::select(vec!["", "S", "Subject", "MessageId"]))) {
        let id = "99999999-2222-4333-8444-555555555555";
        let time = "2026-05-04T09:00:00.000Z";
        let values: Vec<&str> = match &subject {
            Some(subject) => vec![&message, id, *subject, time, TOPIC, "Notification"],
            None => vec![&message, id, time, TOPIC, "Notification"],
        };
        let names = if subject.is_some() { WITH_SUBJECT } else { NOTIFICATION };
        let genuine = body(names, &values);
        let envelope = Envelope::parse(&genuine).unwrap();
        let bytes = String::from_utf8(envelope.signed_bytes()).unwrap();
        prop_assert_eq!(readings(&bytes), [genuine]);
    }

    #[test]
    fn a_confirmation_has_one_reading_too(message in message()) {
        let values = [&message, "99999999-2222-4333-8444-555555555555", "https://sns.eu-west-1.amazonaws.com/", "2026-05-04T09:00:00.000Z", "abc", TOPIC, "SubscriptionConfirmation"];
        let genuine = body(CONFIRMATION, &values);
        let bytes = String::from_utf8(Envelope::parse(&genuine).unwrap().signed_bytes()).unwrap();
        prop_assert_eq!(readings(&bytes), [genuine]);
    }

    #[test]
    fn reading_an_envelope_never_panics(text in "\\PC*|[{}\\[\\]\",:\\\\u0-9a-z ]*") {
        let _read: Result<Envelope<'_>, Refusal> = Envelope::parse(&text);
        let _inside: Result<Envelope<'_>, Refusal> = Envelope::parse(&format!("{{\"Type\":\"Notification\",{text}}}"));
    }

    #[test]
    fn decoding_never_panics_and_invents_no_place(payload in payload(), raw in any::<bool>()) {
        let text = payload.to_string();
        let trust = if raw { Trust::Raw } else { Trust::Signed };
        let context = Context { source: Source::Sns, id: "id".into(), region: Some("ap-southeast-7".parse().unwrap()), origin: "t".into(), trust };
        for hint in decode(&text, &context, &CATALOG, now()).hints {
            prop_assert!(text.contains(hint.place.account.as_str()), "{hint:?}");
            let region = hint.place.region.as_str();
            prop_assert!(text.contains(region) || region == "ap-southeast-7", "{hint:?}");
        }
    }

    #[test]
    fn decoding_any_text_never_panics(text in "\\PC*|(StackId='|ResourceStatus='|arn:aws:cloudformation:eu-west-1:111122223333:stack/|'\n|é)*") {
        let context = Context { source: Source::Sqs, id: "id".into(), region: None, origin: "q".into(), trust: Trust::Queue };
        decode(&text, &context, &CATALOG, now());
    }
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::shipped);

/// Values that decoders look for.
const TEXTS: &[&str] = &[
    "aws.events",
    "aws.ec2",
    "aws.config",
    "aws.cloudwatch",
    "Scheduled Event",
    "AWS API Call via CloudTrail",
    "AWS Service Event via CloudTrail",
    " via CloudTrail",
    "ConfigurationItemChangeNotification",
    "OversizedConfigurationItemChangeNotification",
    "ComplianceChangeNotification",
    "ALARM",
    "AWS/Usage",
    "API",
    "EC2",
    "ec2.amazonaws.com",
    "servicequotas.amazonaws.com",
    "UpdateServiceQuotaIncreaseRequestStatus",
    "APPROVED",
    "Notification",
    "autoscaling:TEST_NOTIFICATION",
    "111122223333",
    "eu-west-1",
    "global",
    "2026-05-04T09:30:11Z",
    "arn:aws:autoscaling:eu-west-1:111122223333:x",
    "AWSLogs/111122223333/Config/eu-west-1/x",
    "é",
    "",
    "{\"messageType\":\"ComplianceChangeNotification\",\"awsAccountId\":\"111122223333\",\"awsRegion\":\"eu-west-1\"}",
    "AWS::EC2::SecurityGroup",
    "RequestLimitExceeded",
];

/// Names that decoders look for.
const NAMES: &[&str] = &[
    "detail-type",
    "source",
    "detail",
    "account",
    "region",
    "time",
    "id",
    "resources",
    "messageType",
    "configurationItem",
    "configurationItemSummary",
    "configurationItemDiff",
    "changedProperties",
    "changeType",
    "awsAccountId",
    "awsRegion",
    "resourceType",
    "resourceId",
    "configurationItemStatus",
    "MessageVersion",
    "invokingEvent",
    "Event",
    "LifecycleTransition",
    "AccountId",
    "AutoScalingGroupARN",
    "AlarmName",
    "NewStateValue",
    "AlarmArn",
    "Trigger",
    "Metrics",
    "Dimensions",
    "Namespace",
    "Records",
    "Type",
    "Message",
    "eventSource",
    "eventName",
    "errorCode",
    "readOnly",
    "requestParameters",
    "recipientAccountId",
    "serviceEventDetails",
    "newStatus",
    "serviceName",
    "s3ObjectKey",
    "state",
    "value",
    "configuration",
    "metrics",
    "metricStat",
    "metric",
];

/// JSON whose names and values are mostly those that decoders look for, in the wrong places.
fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(TEXTS).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 10, |inner| {
        let name = prop::sample::select(NAMES);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            4 => prop::collection::vec((name, inner), 0..10).prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()),
        ]
    })
    .prop_map(|inner| match inner {
        Value::Object(_) => inner,
        other => json!({ "detail": other, "detail-type": "x", "source": "y" }),
    })
}

#[test]
fn the_known_tricks_are_other_cuts_of_genuine_bytes() {
    // So that the property above is known to look at the right thing: both cuts exist, and the forms alone tell them apart.
    let id = "99999999-2222-4333-8444-555555555555";
    let bytes = format!(
        "Message\nm\nMessageId\n{id}\nSubject\nS\nTimestamp\n2026-05-04T09:00:00.000Z\nTopicArn\n{TOPIC}\nType\nNotification\n"
    );
    assert_eq!(cuts(&bytes, NOTIFICATION).len(), 1, "the subject folded into the id");
    assert_eq!(cuts(&bytes, WITH_SUBJECT).len(), 1);
    assert_eq!(readings(&bytes).len(), 1);
}
