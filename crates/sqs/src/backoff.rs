//! How long to wait after a failed receive.
//!
//! Invariants (tested):
//! - a pause is at least half of the class's first pause and at most its longest;
//! - pauses of one class in a row do not shrink (before jitter), and start anew after a success or when the class changes;
//! - no random number makes it panic.

use std::time::Duration;

use crate::failure::FailureKind;

/// An endpoint that ignores long polling and answers "nothing" at once must not become a hot loop: at most one such receive a second.
const LEAST_EMPTY: Duration = Duration::from_secs(1);

/// First and longest pause of a class. What only a person can mend is asked for seldom: a deleted queue costs calls, DNS look-ups and a share of the
/// account's limits; five minutes are how late we notice that it was mended.
fn bounds(kind: FailureKind) -> (Duration, Duration) {
    let (first, longest) = match kind {
        FailureKind::QueueGone | FailureKind::AccessDenied => (15_000, 300_000),
        FailureKind::Credentials => (5_000, 60_000),
        FailureKind::Throttled | FailureKind::Other => (1_000, 60_000),
        FailureKind::Network | FailureKind::Service => (500, 30_000),
        // Messages stay hidden for their own, longer time; this only keeps us from taking ever more of them.
        FailureKind::NotAccepted => (1_000, 30_000),
    };
    (Duration::from_millis(first), Duration::from_millis(longest))
}

/// One queue's backoff.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    last: Option<FailureKind>,
    in_a_row: u32,
}

impl Backoff {
    /// Notes a failure and gives the pause. `random` is between 0 and 1: it spreads the pause over its upper half, so that many consumers do not come back in step.
    pub(crate) fn failed(&mut self, kind: FailureKind, random: f64) -> Duration {
        self.in_a_row = if self.last == Some(kind) { self.in_a_row.saturating_add(1) } else { 0 };
        self.last = Some(kind);
        let (first, longest) = bounds(kind);
        // Twenty doublings are beyond every longest pause.
        let whole = first.saturating_mul(1 << self.in_a_row.min(20)).min(longest);
        let random = if random.is_finite() { random.clamp(0.0, 1.0) } else { 1.0 };
        whole.mul_f64(0.5 + random / 2.0)
    }

    /// Whether the last thing noted was a failure of this class.
    pub(crate) fn is_after(&self, kind: FailureKind) -> bool {
        self.last == Some(kind)
    }

    /// Notes a success: the next failure starts anew.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// The pause after a receive that brought nothing and took this long.
pub(crate) fn after_empty(took: Duration) -> Duration {
    LEAST_EMPTY.saturating_sub(took)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind() -> impl Strategy<Value = FailureKind> {
        prop::sample::select(FailureKind::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn pauses_stay_within_their_class_and_grow_only_in_a_row(
            steps in prop::collection::vec((prop::option::weighted(0.9, kind()), 0.0..=1.0f64), 1..60)
        ) {
            let mut backoff = Backoff::default();
            let mut model: Option<(FailureKind, Duration)> = None;
            for (step, random) in steps {
                let Some(kind) = step else {
                    backoff.succeeded();
                    model = None;
                    continue;
                };
                let (first, longest) = bounds(kind);
                let whole = match model {
                    Some((before, whole)) if before == kind => (whole * 2).min(longest),
                    _ => first,
                };
                model = Some((kind, whole));
                let pause = backoff.failed(kind, random);
                prop_assert!(pause >= whole / 2 && pause <= whole, "{pause:?} of {whole:?}");
            }
        }

        #[test]
        fn no_number_makes_it_panic(random in prop::num::f64::ANY, kind in kind(), rows in 0..200u32) {
            let mut backoff = Backoff::default();
            for _ in 0..=rows {
                prop_assert!(backoff.failed(kind, random) <= bounds(kind).1);
            }
        }
    }

    #[test]
    fn a_deleted_queue_is_asked_for_seldom_and_a_broken_connection_soon() {
        assert_eq!(Backoff::default().failed(FailureKind::QueueGone, 1.0), Duration::from_secs(15));
        assert_eq!(Backoff::default().failed(FailureKind::Network, 0.0), Duration::from_millis(250));
    }

    #[test]
    fn a_real_long_poll_is_followed_by_the_next_one_at_once() {
        assert_eq!(after_empty(Duration::from_secs(20)), Duration::ZERO);
        assert_eq!(after_empty(Duration::from_millis(10)), Duration::from_millis(990));
    }
}
