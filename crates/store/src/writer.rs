//! The one writer: takes everything that waits and makes it durable in one commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::NotAccepted;
use aws_event_cache_model::telemetry::{Metric, count, observe};
use parking_lot::{Condvar, Mutex, RwLock};
use redb::{Database, ReadTransaction, ReadableDatabase};
use tokio::sync::oneshot;

use crate::StoreError;
use crate::apply::{self, Stamp};
use crate::file::Opener;
use crate::op::Op;

/// How long a soft record waits for a commit that happens anyway. It is how old the audit list may look and how much of it a crash may lose; it bounds fsyncs to four
/// a second while nothing but soft records comes in.
pub const SOFT_DELAY: Duration = Duration::from_millis(250);

/// How often "still alive" is written while nothing else is: how far `last_alive` may lie before the true end, and so how much longer than true a gap is taken to be.
pub const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// How many bytes may wait for the disk. At some 400 bytes a record this is more than a second of the highest message rate; beyond it the sender is told to try again,
/// which costs it less than our running out of memory.
pub const WAITING_BYTES: usize = 16 * 1024 * 1024;

type Answer = oneshot::Sender<Result<(), NotAccepted>>;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Records are taken.
    Open,
    /// An orderly end was asked for: what waits is written with the mark of a clean end, nothing more is taken.
    Closing,
    /// The store was dropped: nothing more is written, as in a crash.
    Abandoned,
    /// The writer has ended.
    Ended,
}

struct Waiting {
    phase: Phase,
    ops: Vec<Op>,
    bytes: usize,
    answers: Vec<Answer>,
}

/// What the store's handle and its writer share.
pub(crate) struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// `None` after a failure until it could be reopened, and after the end.
    database: RwLock<Option<Database>>,
    reopen: Opener,
    clock: Clock,
    commits: AtomicU64,
    problem: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn new(database: Database, reopen: Opener, clock: Clock) -> Self {
        let waiting = Waiting { phase: Phase::Open, ops: Vec::new(), bytes: 0, answers: Vec::new() };
        Self {
            waiting: Mutex::new(waiting),
            wake: Condvar::new(),
            database: RwLock::new(Some(database)),
            reopen,
            clock,
            commits: AtomicU64::new(0),
            problem: Mutex::new(None),
        }
    }

    /// Puts records in line. Gives `None` when there is nothing to wait for.
    pub(crate) fn push(&self, ops: Vec<Op>, durable: bool) -> Result<Option<Receiver>, NotAccepted> {
        let weight: usize = ops.iter().map(Op::weight).sum();
        let mut waiting = self.waiting.lock();
        if waiting.phase != Phase::Open {
            return Err(NotAccepted::ShuttingDown);
        }
        if waiting.bytes.saturating_add(weight) > WAITING_BYTES {
            return Err(NotAccepted::Store(format!("{} records are waiting for the disk", waiting.ops.len())));
        }
        let was_idle = waiting.ops.is_empty() && waiting.answers.is_empty();
        waiting.bytes += weight;
        waiting.ops.extend(ops);
        let receiver = durable.then(|| {
            let (answer, receiver) = oneshot::channel();
            waiting.answers.push(answer);
            receiver
        });
        // The first soft record wakes the writer too, so that it waits for SOFT_DELAY and no longer for ALIVE_EVERY.
        if durable || was_idle {
            self.wake.notify_one();
        }
        Ok(receiver)
    }

    /// Asks for the orderly end; `None` when it was asked for before.
    pub(crate) fn close(&self) -> Option<Receiver> {
        let mut waiting = self.waiting.lock();
        if waiting.phase != Phase::Open {
            return None;
        }
        waiting.phase = Phase::Closing;
        let (answer, receiver) = oneshot::channel();
        waiting.answers.push(answer);
        self.wake.notify_one();
        Some(receiver)
    }

    /// Ends at once, as a crash would; without effect on an orderly end that has begun.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.waiting.lock();
        if waiting.phase == Phase::Open {
            waiting.phase = Phase::Abandoned;
            self.wake.notify_one();
        }
    }

    pub(crate) fn snapshot(&self) -> Result<ReadTransaction, StoreError> {
        let database = self.database.read();
        database.as_ref().ok_or(StoreError::NotOpen)?.begin_read().map_err(StoreError::database)
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().clone()
    }

    /// The writer thread.
    pub(crate) fn write(&self) {
        // Also when a commit panics, nobody may wait for ever.
        let _end = End(self);
        loop {
            let Group { ops, answers, phase } = self.next_group();
            if phase == Phase::Abandoned {
                return;
            }
            let closing = phase == Phase::Closing;
            let mut result = self.commit(&ops, closing);
            if closing {
                result = result.and(self.close_database());
            }
            for answer in answers {
                // Who no longer waits does not need the answer.
                answer.send(result.clone()).ok();
            }
            if closing {
                return;
            }
        }
    }

    /// Waits until something is urgent, soft records have waited long enough, or it is time to say that we live.
    fn next_group(&self) -> Group {
        let mut waiting = self.waiting.lock();
        while waiting.phase == Phase::Open && waiting.answers.is_empty() {
            let soft = !waiting.ops.is_empty();
            let pause = self.clock.real(if soft { SOFT_DELAY } else { ALIVE_EVERY });
            let timed_out = self.wake.wait_for(&mut waiting, pause).timed_out();
            // Soft records that came in the very moment of the timeout still get their delay.
            let unchanged = soft != waiting.ops.is_empty();
            if timed_out && unchanged {
                break;
            }
        }
        waiting.bytes = 0;
        Group {
            ops: std::mem::take(&mut waiting.ops),
            answers: std::mem::take(&mut waiting.answers),
            phase: waiting.phase,
        }
    }

    fn commit(&self, ops: &[Op], clean: bool) -> Result<(), NotAccepted> {
        let started = self.clock.now();
        let result = self.ensure_open().and_then(|()| {
            let database = self.database.read();
            let database = database.as_ref().ok_or(StoreError::NotOpen)?;
            apply::commit(database, ops, Stamp { alive: started, clean }).map_err(StoreError::Database)
        });
        match result {
            Ok(()) => {
                let took = Duration::try_from(self.clock.now().duration_since(started)).unwrap_or_default();
                self.succeeded(self.clock.real(took));
                Ok(())
            }
            Err(error) => Err(self.failed(&error, ops.len())),
        }
    }

    fn succeeded(&self, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        count(Metric::StoreCommits, &[("result", "ok")]);
        observe(Metric::StoreCommitLatency, took, &[]);
        if self.problem.lock().take().is_some() {
            tracing::info!("the store can be written again");
        }
    }

    /// redb refuses everything after a failed write until the database is reopened, so that is done at once: readers should not notice.
    fn failed(&self, error: &StoreError, records: usize) -> NotAccepted {
        count(Metric::StoreCommits, &[("result", "failed")]);
        let text = crate::file::chain(error);
        // Once per trouble and not once per commit: a full disk must not fill the log as well.
        if self.problem.lock().replace(text.clone()).is_none() {
            tracing::error!(error = %text, records, "the store could not be written; senders are told to try again");
        }
        self.close_database().ok();
        self.ensure_open().ok();
        NotAccepted::Store(text)
    }

    fn ensure_open(&self) -> Result<(), StoreError> {
        let mut database = self.database.write();
        if database.is_none() {
            *database = Some((self.reopen)().map_err(StoreError::database)?);
        }
        Ok(())
    }

    fn close_database(&self) -> Result<(), NotAccepted> {
        let Some(database) = self.database.write().take() else { return Ok(()) };
        database.close().map_err(|error| NotAccepted::Store(error.to_string()))
    }
}

/// What one commit carries.
struct Group {
    ops: Vec<Op>,
    answers: Vec<Answer>,
    phase: Phase,
}

/// Resolves when the group it was given for has been committed.
pub(crate) type Receiver = oneshot::Receiver<Result<(), NotAccepted>>;

/// However the writer ends: the file is let go, nothing more is taken, and who still waits is told by the dropped answers.
struct End<'s>(&'s Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.phase = Phase::Ended;
        waiting.ops.clear();
        waiting.answers.clear();
        drop(waiting);
        drop(self.0.database.write().take());
    }
}
