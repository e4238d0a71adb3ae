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

/// How far two times lie apart, either way.
pub(crate) fn apart(one: Timestamp, other: Timestamp) -> Duration {
    between(one, other).max(between(other, one))
}
