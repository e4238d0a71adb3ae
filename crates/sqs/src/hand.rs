//! One batch in hand: judged message by message, then deleted or given back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::batch::{self, AfterDelete, Fate, QueueContext, Verdict};
use crate::failure::Failure;
use crate::lane::Lane;
use crate::queue::Received;

/// How long acceptance that is under way may go on after a shutdown was asked for. A group commit takes milliseconds; a disk that hangs for longer than this will not
/// answer before the supervisor loses patience, and the messages are safe in the queue.
pub const GRACE: Duration = Duration::from_secs(5);

/// How a batch ended, as far as the next receive is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handled {
    /// At least one message was taken, or found to be poison.
    Judged,
    /// None could be taken.
    NoneTaken,
}

/// Sees a batch to its end.
pub(crate) async fn handle(lane: &Arc<Lane>, messages: Vec<Received>) -> Handled {
    let mut hand = Hand::new(lane, messages);
    hand.judge().await;
    hand.settle(true).await;
    if hand.taken { Handled::Judged } else { Handled::NoneTaken }
}

struct Hand<'l> {
    lane: &'l Arc<Lane>,
    messages: Vec<Arc<Received>>,
    verdicts: Vec<Option<Verdict>>,
    settled: Vec<bool>,
    taken: bool,
}

impl<'l> Hand<'l> {
    fn new(lane: &'l Arc<Lane>, messages: Vec<Received>) -> Self {
        let (verdicts, settled) = (vec![None; messages.len()], vec![false; messages.len()]);
        Self { lane, messages: messages.into_iter().map(Arc::new).collect(), verdicts, settled, taken: false }
    }

    /// Judges all messages at a time, so that they share one group commit. Those that were not judged when the grace was over are left without a verdict.
    async fn judge(&mut self) {
        if self.lane.stop.is_cancelled() {
            return;
        }
        let stop = self.lane.stop.clone();
        let grace = async move {
            stop.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::pin!(grace);
        // Tasks of their own: a slow call to SQS below must not hold up acceptance. Dropping the set ends those that are left.
        let mut judging = JoinSet::new();
        for (n, message) in self.messages.iter().enumerate() {
            let (lane, message) = (Arc::clone(self.lane), Arc::clone(message));
            judging.spawn(async move { (n, lane.judge(&message).await) });
        }
        let every = batch::extend_every(self.lane.visibility);
        let mut extend = interval_at(Instant::now() + every, every);
        extend.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                judged = judging.join_next() => match judged {
                    Some(Ok((n, verdict))) => self.verdicts[n] = Some(verdict),
                    // Cannot be, since panics are caught inside; the message comes back.
                    Some(Err(error)) => tracing::error!(%error, "a message was not judged"),
                    None => return,
                },
                _ = extend.tick() => {
                    // What is judged need not wait for the slow ones, and would become visible again if it did.
                    self.settle(false).await;
                    self.extend().await;
                }
                () = &mut grace => return,
            }
        }
    }

    /// Deletes or gives back what is judged; with `all`, also gives back what is not.
    async fn settle(&mut self, all: bool) {
        let stopping = self.lane.stop.is_cancelled();
        let mut delete = Vec::new();
        let mut give_back = Vec::new();
        let mut verdicts = Vec::new();
        let mut settled = 0;
        for (n, message) in self.messages.iter().enumerate() {
            let verdict = self.verdicts[n];
            if self.settled[n] || (verdict.is_none() && !all) {
                continue;
            }
            self.settled[n] = true;
            settled += 1;
            verdicts.extend(verdict);
            match batch::fate(verdict, message.count, stopping) {
                Fate::Delete => delete.push(message.receipt.as_str()),
                Fate::Return(delay) => give_back.push((message.receipt.as_str(), delay)),
            }
        }
        self.taken |= !delete.is_empty();
        self.lane.give_back(&give_back).await;
        self.lane.delete(&delete).await;
        self.lane.board.settled(settled, give_back.len() as u64, &verdicts);
    }

    async fn extend(&self) {
        let visibility = self.lane.visibility;
        let open = self.messages.iter().zip(&self.settled).filter(|(_, settled)| !**settled);
        let open: Vec<_> = open.map(|(message, _)| (message.receipt.as_str(), visibility)).collect();
        if let Err(failure) = self.lane.hide(&open).await {
            self.lane.board.failed(self.lane.clock.now(), &failure);
            tracing::warn!(queue = %self.lane.url, %failure, "visibility could not be extended; messages may come twice");
        }
    }
}

impl Lane {
    async fn judge(&self, message: &Received) -> Verdict {
        let context = QueueContext {
            url: self.url.clone(),
            region: self.region.clone(),
            account: self.account.clone(),
            message_id: message.id.clone(),
            sent: message.sent,
        };
        // A panic must not keep nine others from being deleted, again and again.
        let judged = AssertUnwindSafe(self.accept.accept(&message.body, &context)).catch_unwind().await;
        let verdict = judged.unwrap_or_else(|_| {
            tracing::error!(queue = %self.url, message = %message.id, "accepting a message panicked; it stays in the queue");
            Verdict::TryAgain
        });
        if let Verdict::Poison(reason) = verdict {
            tracing::warn!(queue = %self.url, message = %message.id, reason, "message can never be accepted and is deleted");
        }
        verdict
    }

    /// Without it they come back after the visibility timeout all the same.
    async fn give_back(&self, receipts: &[(&str, Duration)]) {
        if let Err(failure) = self.hide(receipts).await {
            self.board.failed(self.clock.now(), &failure);
            tracing::warn!(queue = %self.url, %failure, "messages could not be given back; they come back by themselves");
        }
    }

    async fn hide(&self, receipts: &[(&str, Duration)]) -> Result<(), Failure> {
        if receipts.is_empty() {
            return Ok(());
        }
        let refused = self.queue.hide(receipts).await?;
        refused.into_iter().next().map_or(Ok(()), |refused| Err(refused.failure))
    }

    /// A batch at once, then one by one what was refused.
    async fn delete(&self, receipts: &[&str]) {
        if receipts.is_empty() {
            return;
        }
        let refused = self.patiently(|| self.queue.delete(receipts)).await;
        let after = match &refused {
            Ok(refused) => batch::after_delete(receipts.len(), refused),
            Err(_) => AfterDelete { lost: receipts.len(), ..Default::default() },
        };
        let (mut deleted, mut lost) = (after.deleted, after.lost);
        for index in after.one_by_one {
            match self.patiently(|| self.queue.delete_one(receipts[index])).await {
                Ok(()) => deleted += 1,
                Err(_) => lost += 1,
            }
        }
        self.board.note(|stats| {
            stats.deleted += deleted as u64;
            stats.not_deleted += lost as u64;
        });
        if lost > 0 {
            tracing::warn!(queue = %self.url, messages = lost, "messages could not be deleted; they will come again and be known as duplicates");
        }
    }

    /// Tries a few times. Not cut short by the shutdown: it is over in seconds, and what is deleted now need not be judged again.
    async fn patiently<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<T, Failure> {
        let mut attempts = 0;
        loop {
            let failure = match attempt().await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            attempts += 1;
            self.board.failed(self.clock.now(), &failure);
            let Some(pause) = batch::delete_again(attempts) else { return Err(failure) };
            sleep(pause).await;
        }
    }
}
