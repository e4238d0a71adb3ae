//! What the tests of the running service share: the binary itself, a real Redis, a model of Clouddriver's scheduler, and an SNS that signs and answers.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

pub mod catalog;
pub mod scheduler;
pub mod service;
pub mod sns;
pub mod world;

use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::Timestamp;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);

pub fn now() -> Timestamp {
    Clock::wall().now()
}

pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap()
}

/// Looks until there is something to see; fails with a sentence after `patience`.
pub async fn eventually<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = later(now(), patience);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(now() < deadline, "not within {patience:?}: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits for a time of the wall's clock.
pub async fn until(time: Timestamp) {
    eventually("time passes", Duration::from_secs(120), async || (now() >= time).then_some(())).await;
}
