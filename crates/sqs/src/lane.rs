//! One queue's loop: receive, hand batches to tasks, pause after failures, stop.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{AccountId, Region};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, after_empty};
use crate::batch::Accept;
use crate::failure::{Failure, FailureKind};
use crate::hand::{Handled, handle};
use crate::queue::Queue;
use crate::stats::{Board, QueueState};

/// One queue, ready to be consumed.
pub(crate) struct Lane {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) accept: Arc<dyn Accept>,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Clock,
    pub(crate) url: String,
    pub(crate) region: Region,
    pub(crate) account: Option<AccountId>,
    pub(crate) visibility: Duration,
    pub(crate) batches: usize,
    pub(crate) stop: CancellationToken,
}

impl Lane {
    /// Consumes until the shutdown, then lets the batches under way end.
    pub(crate) async fn run(self) {
        let lane = Arc::new(self);
        let mut work = JoinSet::new();
        lane.receive_until_stopped(&mut work).await;
        while let Some(result) = work.join_next().await {
            handled(result);
        }
        lane.board.note(|stats| stats.state = QueueState::Stopped);
    }

    async fn receive_until_stopped(self: &Arc<Self>, work: &mut JoinSet<Handled>) {
        let room = Arc::new(Semaphore::new(self.batches));
        let mut backoff = Backoff::default();
        loop {
            self.board.note(|stats| stats.state = QueueState::Busy);
            // After batches of which nothing could be taken, one batch at a time asks whether it can be again.
            let wanted = if backoff.is_after(FailureKind::NotAccepted) { self.batches } else { 1 };
            let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
            let permit = self.unless_stopped(Arc::clone(&room).acquire_many_owned(wanted)).await;
            let Some(Ok(permit)) = permit else { return };
            let mut pause = self.look_back(work, &mut backoff);
            if pause.is_zero() {
                self.board.note(|stats| stats.state = QueueState::Receiving);
                let asked = self.clock.now();
                let Some(received) = self.unless_stopped(self.queue.receive()).await else { return };
                let took = Duration::try_from(self.clock.now().duration_since(asked)).unwrap_or_default();
                pause = match received {
                    Ok(messages) if messages.is_empty() => {
                        self.board.note(|stats| stats.last_receive = Some(self.clock.now()));
                        backoff.succeeded();
                        after_empty(self.clock.real(took))
                    }
                    Ok(messages) => {
                        self.received(messages.len());
                        let lane = Arc::clone(self);
                        work.spawn(async move {
                            let handled = handle(&lane, messages).await;
                            drop(permit);
                            handled
                        });
                        Duration::ZERO
                    }
                    Err(failure) => self.failed(&failure, &mut backoff),
                };
            }
            if !pause.is_zero() && self.unless_stopped(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// Waits for something, but no longer than until the shutdown.
    async fn unless_stopped<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            done = waiting => Some(done),
        }
    }

    /// Looks at the batches that have ended: when none of their messages could be taken, receiving more would only hide them from others. Batches that failed side by
    /// side are one failure, not several.
    fn look_back(&self, work: &mut JoinSet<Handled>, backoff: &mut Backoff) -> Duration {
        let mut ended = Vec::new();
        while let Some(result) = work.try_join_next() {
            ended.push(handled(result));
        }
        if ended.contains(&Handled::Judged) {
            backoff.succeeded();
            return Duration::ZERO;
        }
        if ended.is_empty() {
            return Duration::ZERO;
        }
        let failure = Failure::new(FailureKind::NotAccepted, "");
        self.board.failed(self.clock.now(), &failure);
        self.board.note(|stats| stats.state = QueueState::BackingOff);
        backoff.failed(failure.kind, rand::random())
    }

    fn received(&self, messages: usize) {
        let (now, messages) = (self.clock.now(), messages as u64);
        self.board.note(|stats| {
            stats.last_receive = Some(now);
            stats.last_message = Some(now);
            stats.received += messages;
            stats.in_hand += messages;
        });
    }

    fn failed(&self, failure: &Failure, backoff: &mut Backoff) -> Duration {
        count(Metric::SqsReceiveErrors, &[("kind", failure.kind.as_str())]);
        self.board.failed(self.clock.now(), failure);
        self.board.note(|stats| {
            stats.receive_failures += 1;
            stats.state = QueueState::BackingOff;
        });
        let pause = backoff.failed(failure.kind, rand::random());
        tracing::warn!(queue = %self.url, %failure, ?pause, "messages could not be received");
        pause
    }
}

/// A batch whose task panicked is taken as not handled: its messages come back.
fn handled(result: Result<Handled, tokio::task::JoinError>) -> Handled {
    result.unwrap_or_else(|error| {
        tracing::error!(%error, "a batch was not handled");
        Handled::NoneTaken
    })
}
