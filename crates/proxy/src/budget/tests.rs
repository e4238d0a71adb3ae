//! The waiting, on paused time.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{AccountId, BucketId, Class, Place, Region, ServiceName};

use super::*;

/// Ten at once, two a second.
const SERVICE: &str = "
title: Test
event_sources: [test.amazonaws.com]
buckets: {read: {capacity: 10, refill: 2}}
";

fn budget(share: f64) -> Arc<Budget> {
    let catalog = Arc::new(Catalog::parse([("services/test.yaml", SERVICE)]).unwrap());
    let settings = BudgetSettings { share, ..BudgetSettings::default() };
    Arc::new(Budget::new(settings, catalog, Clock::wall()))
}

fn service() -> ServiceName {
    ServiceName::new("test").unwrap()
}

fn place() -> Place {
    Place::new(AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap())
}

fn draw() -> Draw {
    Draw { place: place(), bucket: BucketId { service: service(), name: "read".into() } }
}

async fn ask(budget: &Arc<Budget>, class: Class, client: u64, within: Duration) -> Leave {
    let deadline = after(budget.clock.now(), within);
    budget.admit(&draw(), class, Client(client), deadline).await
}

/// Empties the ordinary bucket.
async fn drain(budget: &Arc<Budget>) -> u32 {
    let mut taken = 0;
    while ask(budget, Class::Sweep, 0, Duration::ZERO).await == Leave::Free {
        taken += 1;
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_budget_are_held_until_there_is_room_and_refused_at_the_deadline() {
    let budget = budget(1.0);
    assert_eq!(drain(&budget).await, 8, "a fifth of ten is the operators'");
    assert_eq!(ask(&budget, Class::Sweep, 0, Duration::from_secs(2)).await, Leave::Held);
    assert_eq!(ask(&budget, Class::Sweep, 0, Duration::from_millis(100)).await, Leave::Refused);
    assert_eq!(ask(&budget, Class::Operator, 0, Duration::ZERO).await, Leave::Free);
}

#[tokio::test(start_paused = true)]
async fn each_call_waits_its_turn_and_none_is_let_go_before_its_time() {
    let budget = budget(1.0);
    drain(&budget).await;
    let began = budget.clock.now();
    let waiting: Vec<_> = (0..16)
        .map(|n| {
            let budget = budget.clone();
            tokio::spawn(async move { ask(&budget, Class::Sweep, n, Duration::from_secs(60)).await })
        })
        .collect();
    for call in waiting {
        assert_eq!(call.await.unwrap(), Leave::Held);
    }
    let took = Duration::try_from(budget.clock.now().duration_since(began)).unwrap();
    // 1.6 a second is the ordinary share of two.
    assert!((Duration::from_secs(9)..Duration::from_secs(11)).contains(&took), "{took:?}");
    assert_eq!(budget.waiting(), 0);
    assert!(budget.inner.lock().lanes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_client_does_not_starve_another() {
    let budget = budget(1.0);
    drain(&budget).await;
    let flood: Vec<_> = (0..500)
        .map(|_| {
            let budget = budget.clone();
            tokio::spawn(async move { ask(&budget, Class::Sweep, 1, Duration::from_secs(10)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(ask(&budget, Class::Sweep, 2, Duration::from_secs(3)).await, Leave::Held);
    let mut refused = 0;
    for call in flood {
        refused += u32::from(call.await.unwrap() == Leave::Refused);
    }
    assert!(refused > 450, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn an_operator_passes_those_who_wait() {
    let budget = budget(1.0);
    drain(&budget).await;
    let polls: Vec<_> = (0..50)
        .map(|n| {
            let budget = budget.clone();
            tokio::spawn(async move { ask(&budget, Class::Sweep, n, Duration::from_secs(10)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for _ in 0..2 {
        assert_eq!(ask(&budget, Class::Operator, 99, Duration::ZERO).await, Leave::Free);
    }
    assert_eq!(
        ask(&budget, Class::Operator, 99, Duration::from_secs(1)).await,
        Leave::Held,
        "first in line when its share is empty, too"
    );
    polls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn throttling_empties_and_halves_the_budget_once_per_burst() {
    let budget = budget(1.0);
    assert!(budget.throttled(&place(), &service()));
    assert!(!budget.throttled(&place(), &service()));
    assert_eq!(
        ask(&budget, Class::Sweep, 0, Duration::from_secs(1)).await,
        Leave::Held,
        "what was in the bucket is gone"
    );
    assert_eq!(ask(&budget, Class::Sweep, 0, Duration::from_secs(1)).await, Leave::Refused, "half of 1.6 a second");
    assert_eq!(ask(&budget, Class::Sweep, 0, Duration::from_secs(3)).await, Leave::Held);
}

#[tokio::test(start_paused = true)]
async fn a_share_of_zero_holds_nobody() {
    let budget = budget(0.0);
    for _ in 0..1_000 {
        assert_eq!(ask(&budget, Class::Sweep, 0, Duration::ZERO).await, Leave::Free);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_wait_than_the_line_is_long_and_those_who_left_do_not_count() {
    let budget = budget(1.0);
    drain(&budget).await;
    for round in 0..3 {
        let waiting: Vec<_> = (0..MOST_WAITING as u64)
            .map(|n| {
                let budget = budget.clone();
                tokio::spawn(async move { ask(&budget, Class::Sweep, n, Duration::from_secs(600)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(ask(&budget, Class::Sweep, 0, Duration::from_secs(600)).await, Leave::Refused, "{round}");
        for call in waiting {
            call.abort();
            drop(call.await);
        }
    }
}
