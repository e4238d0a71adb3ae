//! Faults on our side end in "forwarded".

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_event_cache_answer::Modes;
use aws_event_cache_model::AnswerMode;
use http::StatusCode;

use super::Fault;
use super::stand_in::Act;
use super::world::{World, ask, until, widgets};

fn modes(default: AnswerMode) -> Modes {
    Modes { default, ..Modes::default() }
}

#[tokio::test]
async fn when_asking_panics_everything_is_forwarded_and_later_it_is_tried_again() {
    let world = World::quiet(10).await;
    world.warm("DescribeWidgets", "").await;
    world.exchange.shared.core.faults.set("ask", Fault::Panic);
    for _ in 0..20 {
        let got = world.get(ask("DescribeWidgets", "")).await;
        assert_eq!((got.status, got.body.clone()), (StatusCode::OK, widgets("w-1")));
        assert!(got.cache_status().ends_with("detail=fuse"), "{}", got.cache_status());
    }
    assert_eq!(world.exchange.shared.core.fuse().blown(), 1);
    world.exchange.shared.core.faults.heal();
    world.wait(Duration::from_secs(11)).await;
    assert!(!world.get(ask("DescribeWidgets", "")).await.is_hit(), "it starts empty");
    world.warm("DescribeWidgets", "").await;
}

#[tokio::test]
async fn when_learning_panics_the_answer_is_passed_on_and_nothing_is_kept() {
    let world = World::quiet(10).await;
    world.exchange.shared.core.faults.set("learn", Fault::Panic);
    for _ in 0..3 {
        let got = world.get(ask("DescribeWidgets", "")).await;
        assert_eq!((got.status, got.body), (StatusCode::OK, widgets("w-1")));
    }
    assert_eq!(world.exchange.shared.core.fuse().blown(), 1);
}

#[tokio::test]
async fn when_asking_is_slow_everything_is_forwarded() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    world.exchange.shared.core.faults.set("ask", Fault::Slow(Duration::from_millis(60)));
    for _ in 0..3 {
        assert_eq!(world.get(ask("DescribeWidgets", "")).await.status, StatusCode::OK);
    }
    let passed = world.get(ask("DescribeWidgets", "")).await;
    assert!(passed.cache_status().ends_with("detail=fuse"), "{}", passed.cache_status());
}

#[tokio::test]
async fn the_kill_switch_passes_everything_and_what_was_known_before_is_not_answered_after() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    world.answers.set_modes(modes(AnswerMode::Pass));
    let calls = world.aws.calls();
    for n in 1..4 {
        let got = world.get(ask("DescribeWidgets", "")).await;
        assert!(got.cache_status().ends_with("detail=mode"), "{}", got.cache_status());
        assert_eq!(world.aws.calls(), calls + n);
    }
    world.aws.act(|_| Act::Answer(200, widgets("w-2")));
    assert_eq!(world.get(ask("MakeWidget", "")).await.status, StatusCode::OK);
    world.answers.set_modes(modes(AnswerMode::Serve));
    let got = world.get(ask("DescribeWidgets", "")).await;
    assert_eq!((got.is_hit(), got.body), (false, widgets("w-2")));
}

#[tokio::test]
async fn a_write_that_passed_unseen_and_ends_after_the_switch_back_empties_the_cache() {
    let world = Arc::new(World::quiet(1).await);
    let now = Arc::new(AtomicBool::new(false));
    let ends = now.clone();
    world.aws.act(move |seen| match seen.operation() {
        "MakeWidget" => Act::Until(ends.clone(), 200, widgets("made")),
        _ => Act::Answer(200, widgets("w-1")),
    });
    world.answers.set_modes(modes(AnswerMode::Pass));
    let asking = world.clone();
    let writing = tokio::spawn(async move { asking.get(ask("MakeWidget", "")).await });
    until(|| world.aws.calls() == 1).await;
    world.answers.set_modes(modes(AnswerMode::Serve));
    world.warm("DescribeWidgets", "").await;
    let epoch = world.exchange.shared.core.enter();
    now.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    until(|| world.exchange.shared.core.enter() != epoch).await;
    assert!(!world.get(ask("DescribeWidgets", "")).await.is_hit());
}

#[tokio::test]
async fn observing_forwards_everything() {
    let world = World::quiet(1).await;
    world.answers.set_modes(modes(AnswerMode::Observe));
    for n in 1..10 {
        let got = world.get(ask("DescribeWidgets", "")).await;
        assert!(!got.is_hit());
        assert_eq!(world.aws.calls(), n);
    }
}

#[tokio::test]
async fn a_storm_of_errors_is_passed_on_as_it_is() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    world.change();
    world.aws.act(|_| Act::Answer(503, super::world::error("ServiceUnavailable")));
    for _ in 0..50 {
        let got = world.get(ask("DescribeWidgets", "")).await;
        assert_eq!(
            (got.status, got.body),
            (StatusCode::SERVICE_UNAVAILABLE, super::world::error("ServiceUnavailable"))
        );
    }
    world.aws.act(|_| Act::Answer(200, widgets("w-2")));
    assert_eq!(world.get(ask("DescribeWidgets", "")).await.body, widgets("w-2"));
}
