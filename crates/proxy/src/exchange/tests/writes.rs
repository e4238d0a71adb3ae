//! Writes: marked before and after, whatever happens to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_event_cache_model::{Source, What};
use bytes::Bytes;
use http::StatusCode;

use super::Fault;
use super::stand_in::Act;
use super::world::{World, ask, error, until, widgets};

fn made() -> Bytes {
    Bytes::from_static(b"<MakeWidgetResponse/>")
}

fn changes(world: &World) -> usize {
    let told = world.told.0.lock();
    assert!(told.iter().all(|hint| hint.origin.source == Source::Proxy));
    told.iter().filter(|hint| matches!(hint.what, What::Changed { .. })).count()
}

/// The engine was told of so many changes, and of no more.
async fn told(world: &World, expected: usize) {
    until(|| changes(world) >= expected).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(changes(world), expected);
}

#[tokio::test]
async fn what_was_read_before_a_write_is_not_answered_after_it() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    world.aws.act(|seen| Act::Answer(200, if seen.operation() == "MakeWidget" { made() } else { widgets("w-2") }));
    let write = world.get(ask("MakeWidget", "&WidgetId=w-2")).await;
    assert_eq!((write.status, write.body.clone()), (StatusCode::OK, made()));
    assert!(write.cache_status().contains("fwd=method"), "{}", write.cache_status());
    let next = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!((next.is_hit(), next.body), (false, widgets("w-2")));
    told(&world, 1).await;
}

#[tokio::test]
async fn while_a_write_is_under_way_nothing_older_is_answered_and_nothing_read_is_kept() {
    let world = std::sync::Arc::new(World::quiet(1).await);
    world.warm("DescribeWidgets", "").await;
    world.aws.act(|seen| match seen.operation() {
        "MakeWidget" => Act::After(Duration::from_millis(200), 200, made()),
        _ => Act::Answer(200, widgets("w-1")),
    });
    let writing = {
        let world = world.clone();
        tokio::spawn(async move { world.get(ask("MakeWidget", "&WidgetId=w-2")).await })
    };
    while world.aws.seen().last().unwrap().operation() != "MakeWidget" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!world.get(ask("DescribeWidgets", "")).await.is_hit());
    writing.await.unwrap();
    assert!(!world.get(ask("DescribeWidgets", "")).await.is_hit(), "what was read meanwhile overlaps the write");
}

#[tokio::test]
async fn a_client_that_goes_away_makes_a_mark_of_its_own_and_does_not_take_the_second_along() {
    let world = Arc::new(World::quiet(1).await);
    world.warm("DescribeWidgets", "").await;
    let latest = || world.ledger.scopes().into_iter().map(|(_, scope)| scope.generation(None)).max();
    let calls = world.aws.calls();
    let now = Arc::new(AtomicBool::new(false));
    let act = Act::Until(now.clone(), 200, made());
    world.aws.act(move |_| act.clone());
    let asking = world.clone();
    let writing = tokio::spawn(async move { asking.get(ask("MakeWidget", "&WidgetId=w-2")).await });
    until(|| world.aws.calls() == calls + 1).await;
    let before = latest();
    writing.abort();
    until(|| latest() > before).await;
    told(&world, 0).await;
    let before = latest();
    now.store(true, Ordering::Relaxed);
    told(&world, 1).await;
    assert!(latest() > before);
}

#[tokio::test]
async fn a_write_that_may_have_happened_is_told_and_one_that_did_not_is_not() {
    let world = World::quiet(1).await;
    for (act, expected) in [
        (Act::Answer(500, error("InternalFailure")), 1),
        (Act::Reset, 2),
        (Act::Truncate(made()), 3),
        (Act::Answer(403, error("AccessDenied")), 3),
        (Act::Answer(400, error("ValidationError")), 3),
    ] {
        world.aws.act(move |_| act.clone());
        drop(world.try_get(ask("MakeWidget", "&WidgetId=w-2")).await);
        told(&world, expected).await;
    }
}

#[tokio::test]
async fn an_unreachable_aws_ends_in_the_services_own_words() {
    let world = World::quiet(1).await;
    world.aws.act(|_| Act::Reset);
    let got = world.get(ask("MakeWidget", "&WidgetId=w-2")).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8_lossy(&got.body).contains("<ErrorResponse"), "{:?}", got.body);
    assert!(got.cache_status().contains("detail=broken"), "{}", got.cache_status());
}

#[tokio::test]
async fn a_write_that_cannot_be_marked_goes_on_and_nothing_older_is_answered_after() {
    let world = World::quiet(10).await;
    world.warm("DescribeWidgets", "").await;
    world.exchange.shared.core.faults.set("mark", Fault::Panic);
    world.aws.act(|seen| Act::Answer(200, if seen.operation() == "MakeWidget" { made() } else { widgets("w-2") }));
    assert_eq!(world.get(ask("MakeWidget", "&WidgetId=w-2")).await.status, StatusCode::OK);
    let next = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!((next.is_hit(), &next.body), (false, &widgets("w-2")));
    assert!(next.cache_status().ends_with("detail=fuse"), "{}", next.cache_status());
    world.exchange.shared.core.faults.heal();
    world.wait(Duration::from_secs(11)).await;
    let after = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!((after.is_hit(), after.body), (false, widgets("w-2")), "it starts empty");
}

#[tokio::test]
async fn a_long_body_passes_whole_and_counts_as_a_write_of_its_service() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    let mut long = ask("MakeWidget", "&Text=");
    long.body.push_str(&"x".repeat(3 << 20));
    let body = long.body.clone();
    assert_eq!(world.get(long).await.status, StatusCode::OK);
    assert!(world.aws.seen().last().unwrap().body == body);
    assert!(!world.get(ask("DescribeWidgets", "")).await.is_hit());
}
