//! The fuse: a fault in the cache's core ends in "forwarded", never in an error of the client.
//!
//! Every call of the core goes through [`Fuse::run`]. A panic blows the fuse at once, and so do several slow calls in a row, or one that does not come back. While it is
//! blown everything passes through and the core is not entered at all; then it is tried again.
//!
//! What passes through unseen may be a write, so nothing that the core knew before may be served after: closing the fuse drops everything, and so does the end
//! of each unseen request that outlasted it. What a read brings that was asked in an earlier [`Epoch`] is not learned.
//!
//! Invariants:
//! 1. While the fuse is blown nobody gets leave to enter.
//! 2. Nothing learned before it closed, or from a read that began before, is there after.
//! 3. A call that panics gives its caller an error, and the next caller no leave.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::Timestamp;
use aws_event_cache_model::telemetry::{Metric, count};
use parking_lot::{Mutex, RwLock};

/// Longer than this no call of the core may take: a hit costs microseconds, and a caller that waits longer than a round trip to AWS has lost by our being there.
pub(crate) const SLOW: Duration = Duration::from_millis(50);

/// So many slow calls without a fast one between blow the fuse. One is the scheduler's doing (a container at its CPU limit stands still for 100 ms at a time), three in
/// a row are the core's; dropping the whole cache for a hiccup would cost more calls than it saves time.
pub(crate) const SLOW_CALLS: u32 = 3;

/// A call that is inside for this much longer than it may is taken as stuck. Everybody else passes by from then on. A machine that is short of CPU stops a thread
/// for a second or two (seen: one second was blamed on the core five times in four minutes, and each time the cache began empty); clients wait for thirty.
pub(crate) const STUCK: Duration = Duration::from_secs(5);

/// So long everything passes through after the fuse has blown: long enough for a burst to end, short enough that the cache is missed for one poll only.
pub(crate) const REST: Duration = Duration::from_secs(10);

/// How often calls are looked over for one that is stuck.
pub(crate) const WATCH_EVERY: Duration = Duration::from_millis(100);

/// Places in which threads note that they are inside; more threads than places only means that some are not watched.
const PLACES: usize = 64;

/// What the core knew, up to the last time that everything was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// Why the fuse is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The core panicked.
    Panic,
    /// Calls of the core took too long.
    Slow,
    /// A call of the core does not come back.
    Stuck,
    /// An operator wants everything passed through.
    Mode,
}

impl Cause {
    /// As in labels and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Slow => "slow",
            Self::Stuck => "stuck",
            Self::Mode => "mode",
        }
    }
}

/// The call panicked; what it was to give is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cache's core panicked")]
pub(crate) struct Blown;

#[derive(Debug)]
struct Open {
    cause: Cause,
    until: Timestamp,
}

/// What to do to the core so that nothing it knows is served any more.
type Drop = dyn Fn() + Send + Sync;

/// See the module.
pub(crate) struct Fuse {
    clock: Clock,
    drop_everything: Box<Drop>,
    closed: AtomicBool,
    epoch: AtomicU64,
    open: Mutex<Option<Open>>,
    /// Held for reading while something is learned, for writing while everything is dropped: what was asked in the old epoch cannot slip in after.
    learning: RwLock<()>,
    slow_in_a_row: AtomicU32,
    #[cfg(test)]
    blown: AtomicU64,
    inside: [AtomicU64; PLACES],
}

impl std::fmt::Debug for Fuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fuse").field("closed", &self.closed).field("open", &self.open).finish_non_exhaustive()
    }
}

impl Fuse {
    /// A closed fuse before a core that knows nothing yet.
    pub(crate) fn new(clock: Clock, drop_everything: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            clock,
            drop_everything: Box::new(drop_everything),
            closed: AtomicBool::new(true),
            epoch: AtomicU64::new(0),
            open: Mutex::new(None),
            learning: RwLock::new(()),
            slow_in_a_row: AtomicU32::new(0),
            #[cfg(test)]
            blown: AtomicU64::new(0),
            inside: [const { AtomicU64::new(0) }; PLACES],
        }
    }

    /// Leave to enter the core, or why not. Whoever comes first after the rest is over closes the fuse.
    ///
    /// # Errors
    /// Why it is open.
    pub(crate) fn enter(&self) -> Result<Epoch, Cause> {
        if self.closed.load(Ordering::Acquire) {
            return Ok(Epoch(self.epoch.load(Ordering::Acquire)));
        }
        // Whoever comes while another closes it passes by.
        let Some(mut open) = self.open.try_lock() else { return Err(Cause::Mode) };
        match &*open {
            None => Ok(Epoch(self.epoch.load(Ordering::Acquire))),
            Some(reason) if self.clock.now() < reason.until || self.is_stuck() => Err(reason.cause),
            Some(reason) => {
                let cause = reason.cause;
                if !self.blank() {
                    *open = Some(Open { cause, until: self.after(REST) });
                    return Err(cause);
                }
                *open = None;
                self.slow_in_a_row.store(0, Ordering::Relaxed);
                self.closed.store(true, Ordering::Release);
                tracing::info!(cause = cause.as_str(), "the cache is asked again; it starts empty");
                Ok(Epoch(self.epoch.load(Ordering::Acquire)))
            }
        }
    }

    /// Everything passes through by an operator's wish, until the next [`Fuse::enter`].
    pub(crate) fn pass(&self) {
        if self.closed.load(Ordering::Acquire) {
            self.open_for(Cause::Mode, Duration::ZERO);
        }
    }

    /// Calls the core. A slow call gives its result all the same.
    ///
    /// # Errors
    /// [`Blown`] when it panicked.
    pub(crate) fn run<T>(&self, began: Timestamp, allowed: Duration, call: impl FnOnce() -> T) -> Result<T, Blown> {
        let place = self.note_entry(began, allowed);
        let result = catch_unwind(AssertUnwindSafe(call));
        if let Some(place) = place {
            place.store(0, Ordering::Release);
        }
        self.took(self.clock.real(between(began, self.clock.now())), allowed);
        result.map_err(|_| {
            self.blow(Cause::Panic);
            Blown
        })
    }

    fn took(&self, took: Duration, allowed: Duration) {
        if took <= allowed {
            // Looked at before it is written: the line stays shared between cores as long as nothing is slow.
            if self.slow_in_a_row.load(Ordering::Relaxed) != 0 {
                self.slow_in_a_row.store(0, Ordering::Relaxed);
            }
        } else if self.slow_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= SLOW_CALLS {
            self.blow(Cause::Slow);
        }
    }

    /// Calls the core to learn what a read brought that was asked in `epoch`. `None`: it must not be learned, or it panicked.
    pub(crate) fn learn<T>(
        &self,
        epoch: Epoch,
        began: Timestamp,
        allowed: Duration,
        call: impl FnOnce() -> T,
    ) -> Option<T> {
        let _learning = self.learning.read();
        let current = self.closed.load(Ordering::Acquire) && self.epoch.load(Ordering::Acquire) == epoch.0;
        if current { self.run(began, allowed, call).ok() } else { None }
    }

    /// A request that the core will not see. When the fuse has closed before the request has ended, everything is dropped once more.
    pub(crate) fn unseen(self: &Arc<Self>) -> Unseen {
        Unseen { epoch: self.epoch.load(Ordering::Acquire), fuse: self.clone() }
    }

    /// Looks for calls that do not come back.
    pub(crate) fn watch(&self) {
        if self.closed.load(Ordering::Acquire) && self.is_stuck() {
            self.blow(Cause::Stuck);
        }
    }

    /// Whether the core may be entered now.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How often it has blown.
    #[cfg(test)]
    pub(crate) fn blown(&self) -> u64 {
        self.blown.load(Ordering::Relaxed)
    }

    fn blow(&self, cause: Cause) {
        if self.open_for(cause, REST) {
            #[cfg(test)]
            self.blown.fetch_add(1, Ordering::Relaxed);
            count(Metric::AnswerFuseBlown, &[("cause", cause.as_str())]);
            tracing::error!(
                cause = cause.as_str(),
                "the cache is passed by: every request is forwarded for ten seconds, then it is tried again, empty"
            );
        }
    }

    /// Opens; returns whether it was closed before. A longer rest replaces a shorter one.
    fn open_for(&self, cause: Cause, rest: Duration) -> bool {
        let mut open = self.open.lock();
        let was_closed = self.closed.swap(false, Ordering::AcqRel);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        let until = self.after(rest);
        if open.as_ref().is_none_or(|open| open.until <= until) {
            *open = Some(Open { cause, until });
        }
        was_closed
    }

    /// Drops everything; returns whether that could be done.
    fn blank(&self) -> bool {
        // First the number, then the drop: what is learned in between carries the old number and is dropped with the rest.
        self.epoch.fetch_add(1, Ordering::AcqRel);
        let Some(_nobody_learns) = self.learning.try_write_for(SLOW) else { return false };
        catch_unwind(AssertUnwindSafe(|| (self.drop_everything)())).is_ok()
    }

    /// Notes until when this thread should be outside again.
    fn note_entry(&self, began: Timestamp, allowed: Duration) -> Option<&AtomicU64> {
        thread_local! {
            static PLACE: usize = {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                NEXT.fetch_add(1, Ordering::Relaxed) as usize % PLACES
            };
        }
        let place = &self.inside[PLACE.with(|place| *place)];
        let longest = u64::try_from((allowed + STUCK).as_millis()).unwrap_or(u64::MAX);
        let until = millis(began).saturating_add(longest.saturating_mul(u64::from(self.clock.factor())));
        let free = place.compare_exchange(0, until, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        free.then_some(place)
    }

    fn is_stuck(&self) -> bool {
        let now = millis(self.clock.now());
        self.inside.iter().map(|place| place.load(Ordering::Acquire)).any(|until| until != 0 && until < now)
    }

    fn after(&self, length: Duration) -> Timestamp {
        self.clock.now().saturating_add(length).unwrap_or(Timestamp::MAX)
    }
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

/// A request that the core does not see; kept until it has ended.
#[derive(Debug)]
pub(crate) struct Unseen {
    epoch: u64,
    fuse: Arc<Fuse>,
}

impl std::ops::Drop for Unseen {
    fn drop(&mut self) {
        let fuse = &self.fuse;
        if fuse.closed.load(Ordering::Acquire) && fuse.epoch.load(Ordering::Acquire) != self.epoch && !fuse.blank() {
            fuse.blow(Cause::Stuck);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fuse() -> (Arc<Fuse>, Arc<AtomicU32>) {
        let dropped = Arc::new(AtomicU32::new(0));
        let counter = dropped.clone();
        let fuse = Fuse::new(Clock::wall(), move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        (Arc::new(fuse), dropped)
    }

    async fn pass_time(by: Duration) {
        tokio::time::advance(by).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_blows_it_for_ten_seconds_and_then_it_closes_with_nothing_kept() {
        let (fuse, dropped) = fuse();
        assert!(fuse.enter().is_ok());
        assert_eq!(fuse.run::<()>(fuse.clock.now(), SLOW, || panic!("as the test wants")), Err(Blown));
        assert_eq!(fuse.enter(), Err(Cause::Panic));
        pass_time(REST - Duration::from_millis(1)).await;
        assert_eq!(fuse.enter(), Err(Cause::Panic));
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        pass_time(Duration::from_millis(1)).await;
        assert!(fuse.enter().is_ok());
        assert_eq!((dropped.load(Ordering::Relaxed), fuse.blown()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_calls_in_a_row_blow_it_and_one_between_fast_ones_does_not() {
        let (fuse, _) = fuse();
        for _ in 0..10 {
            fuse.took(SLOW * 2, SLOW);
            fuse.took(SLOW * 2, SLOW);
            fuse.took(SLOW, SLOW);
        }
        assert!(fuse.is_closed());
        for _ in 0..SLOW_CALLS {
            fuse.took(SLOW * 2, SLOW);
        }
        assert_eq!(fuse.enter(), Err(Cause::Slow));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_before_it_blew_is_not_learned_after_it_closed() {
        let (fuse, _) = fuse();
        let before = fuse.enter().unwrap();
        assert_eq!(fuse.learn(before, fuse.clock.now(), SLOW, || 1), Some(1));
        assert!(fuse.run::<()>(fuse.clock.now(), SLOW, || panic!("as the test wants")).is_err());
        assert_eq!(fuse.learn(before, fuse.clock.now(), SLOW, || 1), None, "while it is open");
        pass_time(REST).await;
        let after = fuse.enter().unwrap();
        assert_eq!(fuse.learn(before, fuse.clock.now(), SLOW, || 1), None, "after it closed");
        assert_eq!(fuse.learn(after, fuse.clock.now(), SLOW, || 1), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_passed_unseen_and_ends_after_it_closed_drops_everything_again() {
        let (fuse, dropped) = fuse();
        fuse.pass();
        assert_eq!((fuse.is_closed(), fuse.blown()), (false, 0));
        let (ends_before, ends_after) = (fuse.unseen(), fuse.unseen());
        drop(ends_before);
        let asked = fuse.enter().unwrap();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        drop(ends_after);
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        assert_eq!(fuse.learn(asked, fuse.clock.now(), SLOW, || 1), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_does_not_come_back_blows_it_and_keeps_it_open() {
        let (fuse, _) = fuse();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (entered, is_inside) = std::sync::mpsc::channel();
        let stuck = fuse.clone();
        let thread = std::thread::spawn(move || {
            let _runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            stuck.run(stuck.clock.now(), SLOW, || {
                entered.send(()).unwrap();
                wait.recv().unwrap();
            })
        });
        is_inside.recv().unwrap();
        fuse.watch();
        assert!(fuse.is_closed());
        pass_time(SLOW + STUCK + Duration::from_secs(1)).await;
        fuse.watch();
        assert_eq!(fuse.enter(), Err(Cause::Stuck));
        pass_time(REST * 2).await;
        assert_eq!(fuse.enter(), Err(Cause::Stuck), "it is still inside");
        release.send(()).unwrap();
        thread.join().unwrap().unwrap();
        pass_time(REST * 2).await;
        assert!(fuse.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_core_that_cannot_be_emptied_stays_passed_by() {
        let fuse = Fuse::new(Clock::wall(), || panic!("as the test wants"));
        assert!(fuse.run::<()>(fuse.clock.now(), SLOW, || panic!("as the test wants")).is_err());
        pass_time(REST).await;
        assert_eq!(fuse.enter(), Err(Cause::Panic));
        pass_time(REST - Duration::from_millis(1)).await;
        assert_eq!(fuse.enter(), Err(Cause::Panic));
    }
}
