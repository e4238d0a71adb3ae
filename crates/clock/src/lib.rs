//! The one place that reads time.
//!
//! Decisions take `now` as a value; the shells that need a `now` get it from a [`Clock`]. A clock can run faster than the wall, which is how the
//! demonstration shows hours in a minute with the service's own code. It follows tokio's time, so paused tests move it too.

use std::time::Duration;

use aws_event_cache_model::Timestamp;
use tokio::time::Instant;

/// Wall time that can be compressed. Cheap to clone; all clones agree.
#[derive(Debug, Clone)]
pub struct Clock {
    origin: Instant,
    epoch: Timestamp,
    factor: u32,
}

impl Clock {
    /// The machine's own time.
    ///
    /// It is read once and carried forward by the monotonic clock, so that a step of the machine's clock never reorders hints and runs. The price: after a
    /// step we differ from other machines by the step until restart; locks in a shared store are compared with some slack for that reason.
    pub fn wall() -> Self {
        Self::starting_at(read_wall(), 1)
    }

    /// Time that starts at `epoch` and runs `factor` times as fast as the wall. A factor of 0 is taken as 1.
    pub fn starting_at(epoch: Timestamp, factor: u32) -> Self {
        Self { origin: Instant::now(), epoch, factor: factor.max(1) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let real = Instant::now().saturating_duration_since(self.origin);
        self.epoch.saturating_add(real.saturating_mul(self.factor)).unwrap_or(Timestamp::MAX)
    }

    /// How much faster than the wall this clock runs.
    pub fn factor(&self) -> u32 {
        self.factor
    }

    /// Waits until `at`; returns at once when it has passed.
    pub async fn sleep_until(&self, at: Timestamp) {
        let ahead = Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO);
        self.sleep(ahead).await;
    }

    /// Waits for this much of the clock's time.
    pub async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length / self.factor).await;
    }

    /// The length in real time of a span of this clock's time: for time limits on calls that really happen.
    pub fn real(&self, length: Duration) -> Duration {
        length / self.factor
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn read_wall() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_compressed_clock_runs_as_many_times_as_fast() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 60);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now().as_second(), 120);
    }

    #[tokio::test(start_paused = true)]
    async fn sleeping_until_a_past_time_returns_at_once() {
        let clock = Clock::starting_at(Timestamp::from_second(1_000).unwrap(), 1);
        clock.sleep_until(Timestamp::UNIX_EPOCH).await;
        assert_eq!(clock.now().as_second(), 1_000);
    }
}
