//! Arithmetic on times that cannot fail: what would overflow stays at the end of time.

use std::time::Duration;

use aws_event_cache_model::Timestamp;

/// `at` plus `by`.
pub(crate) fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How long `earlier` lies before `later`; zero when it does not.
pub(crate) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stop_at_the_end_and_spans_at_zero() {
        assert_eq!(after(Timestamp::MAX, Duration::MAX), Timestamp::MAX);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(between(after(now, Duration::from_secs(3)), now), Duration::ZERO);
        assert_eq!(between(now, after(now, Duration::from_secs(3))), Duration::from_secs(3));
    }
}
