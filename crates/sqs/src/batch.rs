//! What is decided about the messages of a batch, without a network.

use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_model::{AccountId, Region, Timestamp};

use crate::queue::Refused;

/// Takes messages: the same acceptance as behind the HTTP endpoint.
#[async_trait]
pub trait Accept: Send + Sync + 'static {
    /// Judges one body, and returns only when its consequences are durable.
    ///
    /// It may be called for ten messages of every batch at a time. It is dropped half-way only when a shutdown has lasted longer than [`GRACE`](crate::GRACE).
    async fn accept(&self, body: &str, queue: &QueueContext) -> Verdict;
}

/// Where a message came from. Its queue's policy is what its trust rests on when the body carries no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueContext {
    /// The queue's URL, as configured.
    pub url: String,
    /// The queue's region.
    pub region: Region,
    /// The queue's owner, when the URL tells.
    pub account: Option<AccountId>,
    /// SQS's id of the message: the same each time it is delivered.
    pub message_id: String,
    /// When it was sent to the queue; it may have waited for up to 14 days.
    pub sent: Option<Timestamp>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its consequences are durable, or it needs none: it is deleted.
    Accepted,
    /// It can never be accepted, for this reason (a word of a small closed set: it becomes a label): it is counted and deleted.
    Poison(&'static str),
    /// Not now: it stays in the queue.
    TryAgain,
}

/// First delay of a message that was not accepted; doubled with each further receive. Long enough that a queue with a redrive policy of a few receives does not lose
/// good messages to its dead-letter queue while our disk is full for a minute or two.
const RETURN_FIRST: Duration = Duration::from_secs(15);

/// Longest delay: how much later than possible a message is taken once we can.
const RETURN_LONGEST: Duration = Duration::from_secs(300);

/// What is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Delete,
    /// Visible again after this time.
    Return(Duration),
}

/// Decides about one message; `None` stands for "not judged, since we are shutting down".
pub(crate) fn fate(verdict: Option<Verdict>, count: u32, stopping: bool) -> Fate {
    match verdict {
        Some(Verdict::Accepted | Verdict::Poison(_)) => Fate::Delete,
        // Another instance, or our next life, should have it at once.
        Some(Verdict::TryAgain) | None if stopping => Fate::Return(Duration::ZERO),
        Some(Verdict::TryAgain) | None => {
            let doublings = count.saturating_sub(1).min(10);
            Fate::Return(RETURN_FIRST.saturating_mul(1 << doublings).min(RETURN_LONGEST))
        }
    }
}

/// How often the deletion of a message is tried. A message that is not deleted comes back and is judged a duplicate: a nuisance, not a loss.
const DELETE_ATTEMPTS: u32 = 4;

/// First pause between two attempts to delete, doubled each time: all attempts together take less than two seconds of the visibility timeout.
const DELETE_PAUSE: Duration = Duration::from_millis(200);

/// The pause before the next attempt to delete, after this many; `None` gives up.
pub(crate) fn delete_again(attempts: u32) -> Option<Duration> {
    (attempts < DELETE_ATTEMPTS).then(|| DELETE_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10)))
}

/// What follows from the answer to a batch deletion.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AfterDelete {
    /// Deleted.
    pub(crate) deleted: usize,
    /// To be tried one by one: places in the call.
    pub(crate) one_by_one: Vec<usize>,
    /// Beyond help.
    pub(crate) lost: usize,
}

/// Sorts the entries that a batch deletion refused. Each is counted once, however often and with whatever place the answer names it.
pub(crate) fn after_delete(asked: usize, refused: &[Refused]) -> AfterDelete {
    let mut after = AfterDelete::default();
    for index in 0..asked {
        match refused.iter().find(|refused| refused.index == index) {
            None => after.deleted += 1,
            Some(refused) if refused.ours => after.lost += 1,
            Some(_) => after.one_by_one.push(index),
        }
    }
    after
}

/// When the visibility of messages still worked on is extended: at a third of it, so that one failed extension does no harm.
pub(crate) fn extend_every(visibility: Duration) -> Duration {
    visibility / 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::failure::{Failure, FailureKind};

    #[test]
    fn only_what_was_accepted_or_never_can_be_is_deleted() {
        for stopping in [false, true] {
            assert_eq!(fate(Some(Verdict::Accepted), 1, stopping), Fate::Delete);
            assert_eq!(fate(Some(Verdict::Poison("bad-json")), 1, stopping), Fate::Delete);
            assert!(matches!(fate(Some(Verdict::TryAgain), 1, stopping), Fate::Return(_)));
            assert!(matches!(fate(None, 1, stopping), Fate::Return(_)));
        }
    }

    #[test]
    fn what_is_not_accepted_comes_back_later_each_time_and_at_once_when_we_stop() {
        let delays: Vec<_> = [0, 1, 2, 3, 5, 6, 1_000, u32::MAX]
            .map(|count| match fate(Some(Verdict::TryAgain), count, false) {
                Fate::Return(delay) => delay.as_secs(),
                Fate::Delete => unreachable!("checked above"),
            })
            .to_vec();
        assert_eq!(delays, [15, 15, 30, 60, 240, 300, 300, 300]);
        assert_eq!(fate(None, 7, true), Fate::Return(Duration::ZERO));
    }

    #[test]
    fn deleting_is_tried_a_few_times_and_then_given_up() {
        let pauses: Vec<_> = (1..).map_while(delete_again).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800]);
    }

    proptest! {
        #[test]
        fn every_entry_of_a_deletion_is_accounted_for_once(
            asked in 0..=10usize,
            answers in prop::collection::vec((0..14usize, any::<bool>()), 0..20)
        ) {
            let refused: Vec<_> = answers
                .iter()
                .map(|&(index, ours)| Refused { index, failure: Failure::new(FailureKind::Other, ""), ours })
                .collect();
            let after = after_delete(asked, &refused);
            prop_assert_eq!(after.deleted + after.one_by_one.len() + after.lost, asked);
            for index in &after.one_by_one {
                prop_assert!(answers.iter().any(|(at, ours)| at == index && !ours));
            }
        }
    }
}
