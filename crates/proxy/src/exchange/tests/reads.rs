//! Reads: what the client sees, what AWS sees, what is stored.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::stand_in::Act;
use super::world::{World, ask, error, until, widgets};

#[tokio::test]
async fn a_read_goes_to_aws_as_it_came_and_then_comes_from_memory() {
    let world = World::quiet(1).await;
    let first = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!((first.status, first.is_hit()), (StatusCode::OK, false));
    assert!(
        first.cache_status().contains("fwd=") && first.cache_status().contains("fwd-status=200"),
        "{}",
        first.cache_status()
    );
    let seen = &world.aws.seen()[0];
    assert_eq!(seen.target, "/");
    assert_eq!(seen.body, "Action=DescribeWidgets&Version=2020-01-01");
    let sent = world.request(ask("DescribeWidgets", ""));
    for name in ["host", "content-type", "x-amz-security-token"] {
        assert_eq!(seen.headers[name], sent.headers()[name], "{name}");
    }
    assert!(seen.headers.get("via").is_none());

    world.warm("DescribeWidgets", "").await;
    let calls = world.aws.calls();
    let hit = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!(world.aws.calls(), calls);
    assert_eq!((hit.status, &hit.body), (StatusCode::OK, &widgets("w-1")));
    assert!(hit.cache_status().starts_with("event-cache; hit; ttl="), "{}", hit.cache_status());
    assert_eq!((hit.header("x-amzn-requestid"), hit.header("via")), ("aws-request-1", "1.1 event-cache"));
    assert_eq!(hit.header("content-type"), "text/xml;charset=UTF-8");
    assert_eq!(hit.header("content-length"), widgets("w-1").len().to_string());
    assert!(hit.header("age").parse::<u64>().is_ok());
    assert!(!hit.header("date").is_empty());
    let again = world.get(ask("DescribeWidgets", "")).await;
    assert_ne!(hit.header("x-event-cache-request-id"), again.header("x-event-cache-request-id"));
}

#[tokio::test]
async fn a_change_is_seen_by_the_next_read() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    world.aws.act(|_| Act::Answer(200, widgets("w-2")));
    world.change();
    let next = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!((next.is_hit(), next.body), (false, widgets("w-2")));
}

#[tokio::test]
async fn while_aws_throttles_or_fails_an_answer_that_nothing_overtook_is_given_past_its_age() {
    let world = World::quiet(50).await;
    world.warm("DescribeWidgets", "").await;
    // What is read soon after the start is not given for long: writes may have passed before.
    world.wait(Duration::from_secs(90)).await;
    world.warm("DescribeWidgets", "").await;
    world.wait(Duration::from_secs(40)).await;
    for (act, detail) in [
        (Act::Answer(400, error("Throttling")), "throttled"),
        (Act::Answer(500, error("InternalFailure")), "upstream-error"),
        (Act::Reset, "upstream-error"),
        (Act::Truncate(widgets("w-2")), "upstream-error"),
    ] {
        world.aws.act(move |_| act.clone());
        let calls = world.aws.calls();
        let stale = world.get(ask("DescribeWidgets", "")).await;
        assert!(world.aws.calls() > calls, "AWS is asked all the same");
        assert_eq!(stale.cache_status(), format!("event-cache; hit; detail={detail}"));
        assert_eq!((stale.status, stale.body.clone()), (StatusCode::OK, widgets("w-1")));
        assert!(stale.header("age").parse::<u64>().unwrap() >= 30);
    }
    world.change();
    world.aws.act(|_| Act::Answer(400, error("Throttling")));
    let throttled = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!(
        (throttled.status, throttled.body),
        (StatusCode::BAD_REQUEST, error("Throttling")),
        "never after a change was heard of"
    );
}

#[tokio::test]
async fn a_throttled_read_is_told_to_the_engine_once() {
    let world = World::start(1, |_| Act::Answer(400, error("Throttling"))).await;
    for _ in 0..3 {
        assert_eq!(world.get(ask("DescribeWidgets", "")).await.status, StatusCode::BAD_REQUEST);
    }
    until(|| !world.told.0.lock().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    let told = world.told.0.lock();
    assert_eq!(
        told.iter().filter(|hint| matches!(hint.what, aws_event_cache_model::What::Throttled { .. })).count(),
        1
    );
}

#[tokio::test]
async fn what_breaks_off_is_never_stored_and_ends_in_the_services_own_words() {
    let world = World::start(1, |_| Act::Truncate(widgets("w-1"))).await;
    for _ in 0..4 {
        let got = world.get(ask("DescribeWidgets", "")).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(String::from_utf8_lossy(&got.body).contains("<ErrorResponse"), "{:?}", got.body);
    }
    world.aws.act(|_| Act::Answer(200, widgets("w-1")));
    assert!(!world.get(ask("DescribeWidgets", "")).await.is_hit());
}

#[tokio::test]
async fn an_answer_too_long_to_be_kept_is_passed_on_whole() {
    let long = Bytes::from(vec![b'x'; 33 << 20]);
    let body = long.clone();
    let world = World::start(1, move |_| Act::Answer(200, body.clone())).await;
    for _ in 0..2 {
        let got = world.get(ask("DescribeWidgets", "")).await;
        assert_eq!(got.status, StatusCode::OK);
        assert!(got.body == long, "{} bytes", got.body.len());
        assert!(got.cache_status().contains("detail=too-large"), "{}", got.cache_status());
    }
}

#[tokio::test]
async fn beyond_the_budget_a_read_is_held_and_then_refused_in_the_services_own_words() {
    let world = World::start(50, |_| Act::Answer(200, widgets("w-1"))).await;
    // Each asks for something else, so that nothing comes from memory.
    let slow = |n: u32| ask("DescribeSlowWidgets", &format!("&MaxResults={}", n + 5));
    let mut refused = None;
    for n in 0..6 {
        let got = world.get(slow(n)).await;
        if got.status != StatusCode::OK {
            refused = Some(got);
            break;
        }
    }
    let refused = refused.expect("the bucket holds two");
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(&refused.body).contains("<Code>Throttling</Code>"), "{:?}", refused.body);
    assert!(refused.cache_status().ends_with("detail=budget"), "{}", refused.cache_status());
    assert!(refused.header("x-event-cache-request-id").starts_with("evc-"));
}

#[tokio::test]
async fn a_read_that_names_its_resource_always_reaches_aws() {
    let world = World::quiet(1).await;
    for n in 1..4 {
        let got = world.get(ask("DescribeWidgets", "&WidgetId.1=w-1")).await;
        assert!(!got.is_hit());
        assert_eq!(world.aws.calls(), n);
        assert!(got.cache_status().contains("fwd=bypass"), "{}", got.cache_status());
    }
}
