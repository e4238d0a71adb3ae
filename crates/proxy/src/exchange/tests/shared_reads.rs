//! Equal reads at the same time: one call, and nobody harmed by who makes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::task::JoinHandle;

use super::Fault;
use super::stand_in::Act;
use super::world::{Got, World, ask, error, until, widgets};

const CALLERS: usize = 100;

/// A world in which the next reads may be shared: known place and credential, and what is stored has been overtaken.
async fn about_to_read(factor: u32, then: Act) -> Arc<World> {
    let world = World::quiet(factor).await;
    world.warm("DescribeWidgets", "").await;
    world.change();
    world.aws.act(move |_| then.clone());
    Arc::new(world)
}

fn call(world: &Arc<World>) -> JoinHandle<Got> {
    let world = world.clone();
    tokio::spawn(async move { world.get(ask("DescribeWidgets", "")).await })
}

async fn all(world: &Arc<World>) -> Vec<Got> {
    collect((0..CALLERS).map(|_| call(world)).collect()).await
}

async fn collect(calls: Vec<JoinHandle<Got>>) -> Vec<Got> {
    let mut all = Vec::new();
    for call in calls {
        all.push(call.await.unwrap());
    }
    all
}

/// What all get when AWS answers so, as soon as all but one follow. Also how often AWS was asked.
async fn all_together(status: u16, body: Bytes) -> (Vec<Got>, usize) {
    let now = Arc::new(AtomicBool::new(false));
    let world = about_to_read(1, Act::Until(now.clone(), status, body)).await;
    let before = world.aws.calls();
    let calls: Vec<_> = (0..CALLERS).map(|_| call(&world)).collect();
    until(|| world.exchange.shared.flights.followers() == CALLERS - 1).await;
    now.store(true, Ordering::Relaxed);
    let got = collect(calls).await;
    (got, world.aws.calls() - before)
}

#[tokio::test]
async fn a_hundred_callers_make_one_call() {
    let (got, calls) = all_together(200, widgets("w-2")).await;
    assert_eq!(calls, 1);
    assert!(got.iter().all(|got| got.status == StatusCode::OK && got.body == widgets("w-2")));
    assert_eq!(got.iter().filter(|got| got.cache_status().contains("; collapsed")).count(), CALLERS - 1);
}

#[tokio::test]
async fn when_aws_throttles_all_get_its_answer() {
    let (got, calls) = all_together(400, error("Throttling")).await;
    assert_eq!(calls, 1);
    assert!(got.iter().all(|got| got.status == StatusCode::BAD_REQUEST && got.body == error("Throttling")));
}

#[tokio::test]
async fn when_aws_fails_each_goes_once_itself() {
    let (got, calls) = all_together(500, error("InternalFailure")).await;
    assert_eq!(calls, CALLERS);
    assert!(
        got.iter().all(|got| got.status == StatusCode::INTERNAL_SERVER_ERROR && got.body == error("InternalFailure"))
    );
}

#[tokio::test]
async fn the_leaders_client_may_go_away() {
    let now = Arc::new(AtomicBool::new(false));
    let world = about_to_read(1, Act::Until(now.clone(), 200, widgets("w-2"))).await;
    let before = world.aws.calls();
    let leader = call(&world);
    until(|| world.aws.calls() > before).await;
    let followers: Vec<_> = (0..CALLERS).map(|_| call(&world)).collect();
    until(|| world.exchange.shared.flights.followers() == CALLERS).await;
    leader.abort();
    now.store(true, Ordering::Relaxed);
    assert!(collect(followers).await.iter().all(|got| got.body == widgets("w-2")));
    assert_eq!(world.aws.calls(), before + 1);
}

#[tokio::test]
async fn when_the_leader_panics_each_goes_once_itself() {
    let world = about_to_read(1, Act::After(Duration::from_millis(50), 200, widgets("w-2"))).await;
    world.exchange.shared.core.faults.set("lead", Fault::Panic);
    let before = world.aws.calls();
    let got = all(&world).await;
    assert!(got.iter().all(|got| got.status == StatusCode::OK && got.body == widgets("w-2")));
    assert!(world.aws.calls() - before <= CALLERS);
}

#[tokio::test]
async fn when_the_leaders_call_hangs_the_others_go_alone_in_time() {
    let world = about_to_read(10, Act::Hang).await;
    let before = world.aws.calls();
    let leader = call(&world);
    while world.aws.calls() == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.aws.act(|_| Act::Answer(200, widgets("w-2")));
    let others: Vec<_> = (0..10).map(|_| call(&world)).collect();
    for other in others {
        let got = other.await.unwrap();
        assert_eq!((got.status, got.body), (StatusCode::OK, widgets("w-2")));
    }
    assert!(!leader.is_finished(), "nobody waited for it");
    assert_eq!(leader.await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE, "a minute later");
}

#[tokio::test]
async fn answers_that_cannot_be_shared_do_not_queue_up_who_asks() {
    let world = about_to_read(1, Act::Hang).await;
    let (calls, asked) = (world.aws.calls(), AtomicUsize::new(0));
    world.aws.act(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Act::After(Duration::from_millis(100), 403, error("AccessDenied")),
        _ => Act::Gather(calls + CALLERS, 403, error("AccessDenied")),
    });
    let got = tokio::time::timeout(Duration::from_secs(60), all(&world)).await.unwrap();
    assert!(got.iter().all(|got| got.status == StatusCode::FORBIDDEN));
    assert_eq!(world.aws.calls(), calls + CALLERS);
}
