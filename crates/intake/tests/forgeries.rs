//! What a forger, a careless peer or an odd sender may try, and the word with which it is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::time::Duration;

use aws_event_cache_intake::{Accepted, AllowedTopic, Refusal, Settings, SnsHeaders};
use aws_event_cache_model::{Change, What};
use aws_event_cache_signer::{Envelope, Message, Signer, TestRoot, Version};
use common::{TOPIC, World, notification, now, widget_changed};
use serde_json::{Value, json};

async fn accept(world: &World, body: &str) -> Result<Accepted, Refusal> {
    world.intake.accept_sns(body, SnsHeaders::default()).await
}

async fn refused(world: &World, body: &str) -> Refusal {
    let answer = accept(world, body).await;
    assert!(world.hints().is_empty(), "a refused message must leave nothing behind: {body}");
    answer.expect_err(body)
}

/// The body after one field was set (or, with null, left out), without a new signature.
fn changed(envelope: &Envelope, name: &str, value: Value) -> String {
    let mut forged = envelope.clone();
    match value {
        Value::Null => forged.fields.remove(name),
        value => forged.fields.insert(name.into(), value),
    };
    forged.to_json()
}

#[tokio::test]
async fn a_genuine_notification_of_either_version_is_taken() {
    let world = World::new();
    for (version, name) in [(Version::V1, "w-1"), (Version::V2, "w-2")] {
        let message = notification(&widget_changed(name)).with_subject("[AWS Config:eu-west-1] é changed");
        let body = world.signer.sign(&message, version).unwrap().to_json();
        assert_eq!(accept(&world, &body).await, Ok(Accepted::Hints(1)));
    }
    let hints = world.hints();
    assert_eq!(hints.len(), 2);
    assert_eq!(hints[0].place.to_string(), "222233334444/us-east-1");
}

#[tokio::test]
async fn a_subject_folded_into_the_message_id_is_refused() {
    let world = World::new();
    let message = notification(&widget_changed("w-1")).with_subject("S");
    let genuine = world.signed(&message);
    let mut forged = genuine.clone();
    let id = format!("{}\nSubject\nS", message.id);
    forged.fields.remove("Subject");
    forged.fields.insert("MessageId".into(), id.into());
    assert_eq!(refused(&world, &forged.to_json()).await, Refusal::BadField);
}

#[tokio::test]
async fn a_message_that_absorbs_the_true_id_is_refused() {
    let world = World::new();
    let inner = "11111111-2222-4333-8444-555555555555";
    let message = notification(&format!("x\nMessageId\n{inner}\nSubject\nk"));
    let mut forged = world.signed(&message);
    forged.fields.insert("Message".into(), "x".into());
    forged.fields.insert("MessageId".into(), inner.into());
    forged.fields.insert("Subject".into(), format!("k\nMessageId\n{}", message.id).into());
    assert_eq!(refused(&world, &forged.to_json()).await, Refusal::BadField);
}

#[tokio::test]
async fn a_notification_recut_as_a_confirmation_is_refused() {
    let world = World::new();
    let evil = format!(
        "m\nMessageId\n11111111-2222-4333-8444-555555555555\nSubscribeURL\nhttps://evil.example/\nTimestamp\n2026-05-04T09:15:27.481Z\nToken\nabc\nTopicArn\n{TOPIC}\nType\nSubscriptionConfirmation"
    );
    let message = notification(&evil);
    let mut forged = world.signed(&message);
    let rest = format!(
        "SubscriptionConfirmation\nMessageId\n{}\nTimestamp\n2026-05-04T09:15:27.481Z\nTopicArn\n{TOPIC}\nType\nNotification",
        message.id
    );
    for (name, value) in [
        ("Message", "m"),
        ("MessageId", "11111111-2222-4333-8444-555555555555"),
        ("SubscribeURL", "https://evil.example/"),
        ("Token", "abc"),
        ("Type", &rest),
    ] {
        forged.fields.insert(name.into(), value.into());
    }
    assert_eq!(refused(&world, &forged.to_json()).await, Refusal::UnknownType);
    // The type taken from the header instead does not help.
    let headers = SnsHeaders { message_type: Some("SubscriptionConfirmation"), ..SnsHeaders::default() };
    assert_eq!(world.intake.accept_sns(&forged.to_json(), headers).await, Err(Refusal::UnknownType));
    assert!(world.confirmations.confirmed.lock().is_empty());
}

#[tokio::test]
async fn every_field_must_have_its_form() {
    let world = World::new();
    let genuine = world.signed(&notification(&widget_changed("w-1")));
    let long = "s".repeat(100);
    let rows: Vec<(&str, Value)> = vec![
        ("MessageId", json!("5f0c1d9e8a445b7e9d103c6f2a7be001")),
        ("MessageId", json!("5f0c1d9e-8a44-5b7e-9d10-3c6f2a7be00g")),
        ("MessageId", json!("5f0c1d9e-8a44-5b7e-9d10-3c6f2a7be001\n")),
        ("Timestamp", json!("2026-05-04T09:15:27.481+00:00")),
        ("Timestamp", json!("2026-05-04 09:15:27Z")),
        ("Timestamp", json!("2026-02-30T09:15:27Z")),
        ("Timestamp", json!("2026-05-04T09:15:27.Z")),
        ("Timestamp", json!("2026-05-04T09:15:27.1234567890Z")),
        ("Timestamp", json!("2026-05-04T09:15:27.481Z\n")),
        ("TopicArn", json!("arn:aws:sns:eu-west-1:111122223333:t\nType\nNotification")),
        ("TopicArn", json!("arn:aws:sns:s3-us-west-2:111122223333:cache-events")),
        ("Subject", json!("two\nlines")),
        ("Subject", json!("two\u{85}lines")),
        ("Subject", json!("two\u{2028}lines")),
        ("Subject", json!("two\u{2029}lines")),
        ("Subject", json!("de\u{7f}l")),
        ("Subject", json!("tab\t")),
        ("Subject", json!(long)),
    ];
    for (name, value) in rows {
        let body = changed(&genuine, name, value);
        assert_eq!(refused(&world, &body).await, Refusal::BadField, "{body}");
    }
    for word in ["notification", "Notification ", "SubscriptionConfirmation\n", "Other", ""] {
        assert_eq!(refused(&world, &changed(&genuine, "Type", json!(word))).await, Refusal::UnknownType);
    }
}

#[tokio::test]
async fn a_token_or_link_of_another_form_is_refused() {
    let world = World::new();
    let genuine = world.signed(&Message::subscription_confirmation(TOPIC, "abc123", now()));
    let long = "a".repeat(513);
    for token in ["", "a b", "a&Action=x", "a\nb", long.as_str()] {
        assert_eq!(refused(&world, &changed(&genuine, "Token", json!(token))).await, Refusal::BadField);
    }
    for url in
        ["", "https://sns.eu-west-1.amazonaws.com/ x", "https://sns\n", "https://sns\u{7f}", "https://snſ.example/"]
    {
        assert_eq!(refused(&world, &changed(&genuine, "SubscribeURL", json!(url))).await, Refusal::BadField);
    }
}

#[tokio::test]
async fn an_empty_subject_is_signed_and_a_null_one_is_not_there() {
    let world = World::new();
    let empty = world.signed(&notification(&widget_changed("w-1")).with_subject(""));
    assert_eq!(accept(&world, &empty.to_json()).await, Ok(Accepted::Hints(1)));
    let mut null = world.signed(&notification(&widget_changed("w-2")));
    null.fields.insert("Subject".into(), Value::Null);
    assert_eq!(accept(&world, &null.to_json()).await, Ok(Accepted::Hints(1)));
    let taken_away = world.signed(&notification(&widget_changed("w-3")).with_subject(""));
    assert_eq!(accept(&world, &changed(&taken_away, "Subject", Value::Null)).await, Err(Refusal::BadSignature));
}

#[tokio::test]
async fn json_that_two_readers_could_read_in_two_ways_is_refused() {
    let world = World::new();
    let genuine = world.signed(&notification(&widget_changed("w-1"))).to_json();
    let with = |extra: &str| format!("{{{extra},{}", &genuine[1..]);
    let deep = format!("\"x\":{}1{}", "[".repeat(5000), "]".repeat(5000));
    let rows = [
        (with(r#""Type":"Notification""#), Refusal::DuplicateName),
        (with(r#""\u0054ype":"Notification""#), Refusal::DuplicateName),
        (with(r#""x":1,"x":2"#), Refusal::DuplicateName),
        (with(r#""x":{"y":1,"\u0079":2}"#), Refusal::DuplicateName),
        (with(r#""Subject":null,"Subject":null"#), Refusal::DuplicateName),
        (with(r#""x":"\ud800""#), Refusal::BadJson),
        (with(r#""\ud800":1"#), Refusal::BadJson),
        (with(r#""x":1e999"#), Refusal::BadJson),
        (with(r#""x":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1}}}}}}}}}"#), Refusal::TooDeep),
        (with(&deep), Refusal::TooDeep),
        (with(r#""Subject":7"#), Refusal::NotAString),
        (with(r#""Subject":["a"]"#), Refusal::NotAString),
        (with(r#""Subject":{"a":1}"#), Refusal::NotAString),
        (with(r#""Subject":true"#), Refusal::NotAString),
        (with(r#""Token":null"#), Refusal::NotAString),
        (format!("\u{feff}{genuine}"), Refusal::NotAnObject),
        (format!(" {genuine}"), Refusal::NotAnObject),
        (format!("x{genuine}"), Refusal::NotAnObject),
        (format!("[{genuine}]"), Refusal::NotAnObject),
        (String::new(), Refusal::NotAnObject),
        ("null".into(), Refusal::NotAnObject),
        (format!("{genuine}x"), Refusal::BadJson),
        (format!("{genuine}{genuine}"), Refusal::BadJson),
        (genuine[..genuine.len() - 1].to_owned(), Refusal::BadJson),
        (genuine.replace("\"Type\"", "'Type'"), Refusal::BadJson),
        ("{}".into(), Refusal::MissingField),
    ];
    for (body, refusal) in rows {
        assert_eq!(refused(&world, &body).await, refusal, "{body:.200}");
    }
    // The signature's version as a number, and its other values.
    let number = genuine.replace(r#""SignatureVersion":"2""#, r#""SignatureVersion":2"#);
    assert_eq!(refused(&world, &number).await, Refusal::NotAString);
    let three = genuine.replace(r#""SignatureVersion":"2""#, r#""SignatureVersion":"3""#);
    assert_eq!(refused(&world, &three).await, Refusal::UnknownSignatureVersion);
    // What is merely more than we know is no fault, and neither is white space behind.
    assert_eq!(accept(&world, &format!("{}\n", with(r#""x":{"y":[1,"z",null]}"#))).await, Ok(Accepted::Hints(1)));
}

#[tokio::test]
async fn names_are_matched_exactly() {
    let world = World::new();
    let genuine = world.signed(&notification(&widget_changed("w-1"))).to_json();
    for (name, other) in
        [("\"SigningCertURL\"", "\"SigningCertUrl\""), ("\"TopicArn\"", "\"topicArn\""), ("\"Message\"", "\"message\"")]
    {
        assert_eq!(refused(&world, &genuine.replace(name, other)).await, Refusal::MissingField);
    }
}

#[tokio::test]
async fn each_field_that_the_type_needs_is_needed() {
    let world = World::new();
    let both =
        ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL"];
    let plain = world.signed(&notification(&widget_changed("w-1")));
    let confirmation = world.signed(&Message::subscription_confirmation(TOPIC, "abc", now()));
    let goodbye = world.signed(&Message::unsubscribe_confirmation(TOPIC, "abc", now()));
    for name in both {
        for envelope in [&plain, &confirmation, &goodbye] {
            assert_eq!(refused(&world, &changed(envelope, name, Value::Null)).await, Refusal::MissingField, "{name}");
        }
    }
    for name in ["Token", "SubscribeURL"] {
        for envelope in [&confirmation, &goodbye] {
            assert_eq!(refused(&world, &changed(envelope, name, Value::Null)).await, Refusal::MissingField, "{name}");
        }
    }
}

#[tokio::test]
async fn a_certificate_address_that_is_not_exactly_that_of_sns_is_refused() {
    let world = World::new();
    let genuine = world.signed(&notification(&widget_changed("w-1")));
    let path = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";
    let host = "sns.eu-west-1.amazonaws.com";
    let mut rows: Vec<String> = [
        "http://sns.eu-west-1.amazonaws.com",
        "HTTPS://sns.eu-west-1.amazonaws.com",
        "https://SNS.eu-west-1.amazonaws.com",
        "https://user@sns.eu-west-1.amazonaws.com",
        "https://user:pw@sns.eu-west-1.amazonaws.com",
        "https://sns.eu-west-1.amazonaws.com:443",
        "https://sns.eu-west-1.amazonaws.com:8443",
        "https://sns.eu-west-1.amazonaws.com.",
        "https://sns.us-east-1.amazonaws.com",
        "https://sns.eu-west-1.amazonaws.com.cn",
        "https://sns.eu-west-1.amazonaws.com.evil.example",
        "https://evil.example/sns.eu-west-1.amazonaws.com",
        "https://sns.s3-us-west-2.amazonaws.com",
        "https://sns.s3.amazonaws.com",
        "https://sns.s3-accelerate.amazonaws.com",
        "https://sns.s3-external-1.amazonaws.com",
        "https://sns.s3-website-us-east-1.amazonaws.com",
        "https://sns.ec2.amazonaws.com",
        "https://s3.amazonaws.com/bucket",
        "https://bucket.s3.amazonaws.com",
        "https://127.0.0.1",
        "https://0x7f.1",
        "https://[::1]",
        "https:\\\\sns.eu-west-1.amazonaws.com",
        "https:sns.eu-west-1.amazonaws.com",
        "https://sns.eu-west-1\t.amazonaws.com",
        "https://sns.eu-west-1\n.amazonaws.com",
        " https://sns.eu-west-1.amazonaws.com",
        "https://sns.eu-west-1．amazonaws.com",
        "https://sns.eu-west-1\u{ad}.amazonaws.com",
        "https://sns.eu-west-1%2eamazonaws.com",
        "file://",
        "",
    ]
    .iter()
    .map(|base| format!("{base}{path}"))
    .collect();
    rows.extend(
        [
            "/SimpleNotificationService-0123456789abcdef0123456789abcde.pem",
            "/SimpleNotificationService-0123456789ABCDEF0123456789abcdef.pem",
            "/SimpleNotificationService-0123456789abcdef0123456789abcdef0.pem",
            "/SimpleNotificationService-.pem",
            "/other.pem",
            "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem?x=1",
            "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem#x",
            "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem ",
            "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem\n",
            "/SimpleNotificationService-0123456789abcdef/../0123456789abcdef.pem",
            "//SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
            "/x/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
            "/SimpleNotificationService-0123456789abcdef0123456789abcdef.txt?.pem",
        ]
        .iter()
        .map(|path| format!("https://{host}{path}")),
    );
    for url in rows {
        assert_eq!(
            refused(&world, &changed(&genuine, "SigningCertURL", json!(url))).await,
            Refusal::CertificateAddress,
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_genuine_signature_of_somebody_elses_topic_is_refused() {
    let world = World::new();
    let foreign = [
        "arn:aws:sns:eu-west-1:999988887777:cache-events",
        "arn:aws:sns:eu-west-1:111122223333:cache-events2",
        "arn:aws:sns:us-east-1:111122223333:cache-events",
    ];
    for topic in foreign {
        let messages =
            [Message::notification(topic, "x", now()), Message::subscription_confirmation(topic, "abc", now())];
        for message in messages {
            assert_eq!(refused(&world, &world.signed(&message).to_json()).await, Refusal::TopicNotAllowed);
        }
    }
    assert!(world.confirmations.confirmed.lock().is_empty());
}

#[tokio::test]
async fn an_allowed_account_allows_all_of_its_topics_and_no_others() {
    let settings = Settings { topic_accounts: vec!["333344445555".parse().unwrap()], ..Settings::default() };
    let world = World::with(settings);
    let other = Message::notification("arn:aws:sns:us-east-1:333344445555:any", &widget_changed("w"), now());
    assert_eq!(accept(&world, &world.signed(&other).to_json()).await, Ok(Accepted::Hints(1)));
    let foreign = Message::notification("arn:aws:sns:us-east-1:333344445556:any", &widget_changed("w"), now());
    assert_eq!(accept(&world, &world.signed(&foreign).to_json()).await, Err(Refusal::TopicNotAllowed));
}

#[tokio::test]
async fn any_changed_signed_field_breaks_the_signature() {
    let world = World::new();
    let genuine = world.signed(&notification(&widget_changed("w-1")).with_subject("S"));
    let rows = [
        ("Message", json!(widget_changed("w-2"))),
        ("MessageId", json!("11111111-2222-4333-8444-555555555555")),
        ("Subject", json!("T")),
        ("Subject", Value::Null),
        ("Timestamp", json!("2026-05-04T09:15:27.482Z")),
        ("SignatureVersion", json!("1")),
        ("Signature", json!("AAAA")),
        ("Signature", json!("not base64!")),
        ("Signature", json!("")),
        ("Signature", json!("A".repeat(4096))),
    ];
    for (name, value) in rows {
        assert_eq!(refused(&world, &changed(&genuine, name, value)).await, Refusal::BadSignature, "{name}");
    }
    // The same instant in other digits is another message: the raw text is signed.
    let full_second = world.signed(&Message::notification(TOPIC, "x", now()));
    assert_eq!(
        refused(&world, &changed(&full_second, "Timestamp", json!("2026-05-04T09:20:00Z"))).await,
        Refusal::BadSignature
    );
}

#[tokio::test]
async fn a_message_stamped_on_a_full_second_verifies() {
    let world = World::new();
    let message = Message::notification(TOPIC, &widget_changed("w-1"), now());
    assert_eq!(accept(&world, &world.signed(&message).to_json()).await, Ok(Accepted::Hints(1)));
}

#[tokio::test]
async fn another_signers_signature_is_refused() {
    let world = World::new();
    let stranger = Signer::new(&TestRoot::new(now()).unwrap()).unwrap();
    let body = stranger.sign(&notification(&widget_changed("w-1")), Version::V2).unwrap().to_json();
    assert_eq!(refused(&world, &body).await, Refusal::BadSignature);
}

#[tokio::test]
async fn version_1_is_refused_where_version_2_is_demanded() {
    let per_topic = Settings {
        topics: vec![AllowedTopic { topic: TOPIC.parse().unwrap(), require_v2: true }],
        ..Settings::default()
    };
    for settings in [per_topic, Settings { require_v2: true, ..Settings::default() }] {
        let world = World::with(settings);
        let old = world.signer.sign(&notification(&widget_changed("w-1")), Version::V1).unwrap();
        assert_eq!(refused(&world, &old.to_json()).await, Refusal::SignatureVersion);
        let new = world.signed(&notification(&widget_changed("w-1")));
        assert_eq!(accept(&world, &new.to_json()).await, Ok(Accepted::Hints(1)));
    }
}

#[tokio::test]
async fn headers_may_only_agree_with_the_body() {
    let world = World::new();
    let message = notification(&widget_changed("w-1"));
    let body = world.signed(&message).to_json();
    let good = SnsHeaders { message_type: Some("Notification"), message_id: Some(&message.id), topic_arn: Some(TOPIC) };
    let rows = [
        SnsHeaders { message_type: Some("SubscriptionConfirmation"), ..good },
        SnsHeaders { message_type: Some("notification"), ..good },
        SnsHeaders { message_id: Some("11111111-2222-4333-8444-555555555555"), ..good },
        SnsHeaders { topic_arn: Some("arn:aws:sns:eu-west-1:111122223333:other"), ..good },
    ];
    for headers in rows {
        assert_eq!(world.intake.accept_sns(&body, headers).await, Err(Refusal::HeaderMismatch));
    }
    assert_eq!(world.intake.accept_sns(&body, good).await, Ok(Accepted::Hints(1)));
}

#[tokio::test]
async fn a_late_notification_is_taken_as_less_urgent_and_a_late_confirmation_is_not_taken() {
    let world = World::new();
    let at = |seconds: i64| aws_event_cache_model::Timestamp::from_second(now().as_second() + seconds).unwrap();
    let late = Message::notification(TOPIC, &widget_changed("w-late"), at(-3 * 3600));
    assert_eq!(accept(&world, &world.signed(&late).to_json()).await, Ok(Accepted::Hints(1)));
    assert!(matches!(world.hints()[0].what, What::Changed { change: Change::Related, .. }));
    for (seconds, refusal) in [(-3601, Refusal::TooOld), (301, Refusal::FromTheFuture)] {
        for message in [
            Message::subscription_confirmation(TOPIC, "abc", at(seconds)),
            Message::unsubscribe_confirmation(TOPIC, "abc", at(seconds)),
        ] {
            assert_eq!(accept(&world, &world.signed(&message).to_json()).await, Err(refusal));
        }
    }
    assert!(world.confirmations.confirmed.lock().is_empty());
    let strict = World::with(Settings { strict_age: true, ..Settings::default() });
    assert_eq!(refused(&strict, &strict.signed(&late).to_json()).await, Refusal::TooOld);
    let early = Message::notification(TOPIC, &widget_changed("w-early"), at(301));
    assert_eq!(refused(&strict, &strict.signed(&early).to_json()).await, Refusal::FromTheFuture);
}

#[tokio::test]
async fn a_duplicate_is_taken_once_whatever_its_way() {
    let world = World::new();
    let body = world.signed(&notification(&widget_changed("w-1"))).to_json();
    assert_eq!(accept(&world, &body).await, Ok(Accepted::Hints(1)));
    assert_eq!(accept(&world, &body).await, Ok(Accepted::Duplicate));
    let upper = body.to_owned();
    let context = common_context("sqs-1");
    assert_eq!(world.intake.accept_body(&upper, context).await, Ok(Accepted::Duplicate));
    assert_eq!(world.hints().len(), 1);
}

#[tokio::test]
async fn a_forger_cannot_suppress_a_message_to_come() {
    let world = World::new();
    let genuine = world.signed(&notification(&widget_changed("w-1")));
    let forged = changed(&genuine, "Message", json!("something else"));
    assert_eq!(accept(&world, &forged).await, Err(Refusal::BadSignature));
    assert_eq!(accept(&world, &genuine.to_json()).await, Ok(Accepted::Hints(1)));
}

#[tokio::test]
async fn a_message_whose_hints_were_not_stored_is_not_remembered() {
    let world = World::new();
    let body = world.signed(&notification(&widget_changed("w-1"))).to_json();
    world.sink.down.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(refused(&world, &body).await, Refusal::NotStored);
    world.sink.down.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(accept(&world, &body).await, Ok(Accepted::Hints(1)));
}

#[tokio::test]
async fn one_bad_message_does_not_harm_the_next() {
    let world = World::new();
    for body in ["{\"Type\":", "[[[[", "{}"] {
        accept(&world, body).await.unwrap_err();
    }
    let odd = world.signed(&notification("{\"detail-type\":1,\"source\":[],\"detail\":{\"x\":[[[[[]]]]]}}"));
    assert_eq!(accept(&world, &odd.to_json()).await, Ok(Accepted::Nothing));
    let good = world.signed(&notification(&widget_changed("w-1")));
    assert_eq!(accept(&world, &good.to_json()).await, Ok(Accepted::Hints(1)));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_confirmed_in_the_background_and_tried_again() {
    let world = World::new();
    let failure = aws_event_cache_intake::ConfirmError::Temporary(aws_event_cache_intake::FetchError::Status(503));
    *world.confirmations.failures.lock() = vec![failure.clone(), failure];
    let body = world.signed(&Message::subscription_confirmation(TOPIC, "abc123", now())).to_json();
    assert_eq!(accept(&world, &body).await, Ok(Accepted::Confirming));
    assert_eq!(accept(&world, &body).await, Ok(Accepted::Duplicate));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(*world.confirmations.confirmed.lock(), [TOPIC]);
}

#[tokio::test]
async fn a_confirmation_must_agree_with_itself() {
    let world = World::new();
    let token = "abc123";
    let good = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription";
    let encoded = TOPIC.replace(':', "%3A");
    let rows = [
        (format!("{good}&TopicArn={TOPIC}&Token={token}"), true),
        (format!("{good}&TopicArn={encoded}&Token={token}"), true),
        (format!("{good}&TopicArn={TOPIC}&Token={token}&x=1"), false),
        (format!("{good}&TopicArn={TOPIC}&Token=other"), false),
        (format!("{good}&TopicArn={TOPIC}2&Token={token}"), false),
        (format!("https://evil.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}"), false),
        (
            format!("https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}"),
            false,
        ),
        (
            format!("http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}"),
            false,
        ),
        ("file:///etc/passwd".to_owned(), false),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), false),
    ];
    for (at, (url, is_good)) in rows.into_iter().enumerate() {
        let id = format!("11111111-2222-4333-8444-{at:012}");
        let message = Message::subscription_confirmation(TOPIC, token, now()).with_id(&id);
        let body = resigned(&world, &message, &url);
        let expected = if is_good { Ok(Accepted::Confirming) } else { Err(Refusal::ConfirmationAddress) };
        assert_eq!(accept(&world, &body).await, expected, "{url}");
    }
}

/// A confirmation that SNS itself would have signed with this link.
fn resigned(world: &World, message: &Message, url: &str) -> String {
    let mut envelope = world.signed(message);
    envelope.fields.insert("SubscribeURL".into(), url.into());
    world.signer.sign_again(&mut envelope, Version::V2).unwrap();
    envelope.to_json()
}

#[tokio::test]
async fn a_genuine_unsubscribe_confirmation_alarms_for_every_place_of_its_topic_and_restores_nothing() {
    let world = World::new();
    for name in ["w-1", "w-2"] {
        let body = world.signed(&notification(&widget_changed(name))).to_json();
        assert_eq!(accept(&world, &body).await, Ok(Accepted::Hints(1)));
    }
    world.sink.hints.lock().clear();
    let body = world.signed(&Message::unsubscribe_confirmation(TOPIC, "abc123", now())).to_json();
    assert_eq!(accept(&world, &body).await, Ok(Accepted::StreamStopped));
    let places: Vec<String> = world.hints().iter().map(|hint| hint.place.to_string()).collect();
    assert_eq!(places, ["111122223333/eu-west-1", "222233334444/us-east-1"]);
    assert!(world.hints().iter().all(|hint| hint.what == What::StreamStopped));
    assert!(world.confirmations.confirmed.lock().is_empty());
}

#[tokio::test]
async fn attributes_and_the_unsubscribe_link_decide_nothing() {
    let world = World::new();
    let mut envelope = world.signed(&notification(&widget_changed("w-1")));
    envelope.fields.insert("MessageAttributes".into(), json!({"kind": {"Type": "String", "Value": "other"}}));
    envelope.fields.insert("UnsubscribeURL".into(), json!("http://169.254.169.254/"));
    assert_eq!(accept(&world, &envelope.to_json()).await, Ok(Accepted::Hints(1)));
    assert!(matches!(world.hints()[0].what, What::Changed { change: Change::Updated, .. }));
}

#[tokio::test]
async fn after_stop_every_message_is_told_to_come_again() {
    let world = World::new();
    world.intake.stop();
    let body = world.signed(&notification(&widget_changed("w-1"))).to_json();
    let refusal = refused(&world, &body).await;
    assert_eq!((refusal, refusal.status()), (Refusal::ShuttingDown, 503));
}

#[tokio::test]
async fn a_queue_is_trusted_for_notifications_only() {
    let world = World::new();
    let queued = |text: String, id: &'static str| {
        let intake = world.intake.clone();
        async move { intake.accept_body(&text, common_context(id)).await }
    };
    let mut unsigned = world.signed(&notification(&widget_changed("w-1")));
    unsigned.fields.insert("Signature".into(), "AAAA".into());
    assert_eq!(queued(unsigned.to_json(), "1").await, Ok(Accepted::Hints(1)));
    assert_eq!(queued(widget_changed("w-2"), "2").await, Ok(Accepted::Hints(1)));
    assert_eq!(queued(widget_changed("w-2"), "2").await, Ok(Accepted::Duplicate));
    for mut forged in [
        world.signed(&Message::subscription_confirmation(TOPIC, "abc", now())),
        world.signed(&Message::unsubscribe_confirmation(TOPIC, "abc", now())),
    ] {
        let genuine = forged.to_json();
        forged.fields.insert("Signature".into(), "AAAA".into());
        assert_eq!(queued(forged.to_json(), "3").await, Err(Refusal::BadSignature));
        queued(genuine, "4").await.unwrap();
    }
    // Two weeks in a queue are no fault.
    let old = Message::notification(TOPIC, &widget_changed("w-3"), "2026-04-21T00:00:00Z".parse().unwrap());
    assert_eq!(queued(world.signed(&old).to_json(), "5").await, Ok(Accepted::Hints(1)));
    let verifying = World::with(Settings { verify_queue_envelopes: true, ..Settings::default() });
    let context = common_context("6");
    assert_eq!(verifying.intake.accept_body(&unsigned.to_json(), context).await, Err(Refusal::BadSignature));
}

fn common_context(id: &str) -> aws_event_cache_intake::decode::Context {
    aws_event_cache_intake::decode::Context {
        source: aws_event_cache_model::Source::Sqs,
        id: id.into(),
        region: Some("eu-west-1".parse().unwrap()),
        origin: "https://sqs.eu-west-1.amazonaws.com/111122223333/events".into(),
        trust: aws_event_cache_intake::decode::Trust::Queue,
    }
}
