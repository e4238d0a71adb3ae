//! The cache's core behind its fuse: whatever it does, the caller goes on.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answers, Asked, Lesson, Reading, Reply, Ruling, Write};
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{Evidence, Hint, Scope, Timestamp};
use http::StatusCode;
use http::request::Parts;

use crate::fuse::{Epoch, Fuse, SLOW, Unseen};

/// Bodies longer than this are learned on a thread of their own: reading through a megabyte takes milliseconds, which other connections of the same thread would wait.
pub(super) const LEARN_ASIDE: usize = 256 * 1024;

/// So much of a body may take a millisecond to be learned: a tenth of what a slow core reads through.
const BYTES_PER_MILLISECOND: usize = 8 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Core {
    answers: Arc<Answers>,
    fuse: Arc<Fuse>,
    clock: Clock,
    #[cfg(test)]
    pub(super) faults: super::tests::Faults,
}

impl Core {
    /// A core that is trusted until it fails.
    pub(super) fn new(answers: Arc<Answers>, clock: Clock) -> Self {
        let emptied = answers.clone();
        let fuse = Arc::new(Fuse::new(clock.clone(), move || emptied.begin_anew()));
        Self {
            answers,
            fuse,
            clock,
            #[cfg(test)]
            faults: super::tests::Faults::default(),
        }
    }

    /// Leave to ask.
    ///
    /// # Errors
    /// Why a request is to pass by, as in `Cache-Status`.
    pub(super) fn enter(&self) -> Result<Epoch, &'static str> {
        if self.answers.all_pass() {
            self.fuse.pass();
            return Err("mode");
        }
        self.fuse.enter().map_err(|_| "fuse")
    }

    /// What to do with a request. `None`: forward it, nothing is known.
    pub(super) fn ask(&self, asked: Asked<'_>) -> Option<Ruling> {
        let now = self.clock.now();
        self.run(now, SLOW, "ask", || self.answers.ask(asked, now))
    }

    /// What to do with a request whose body is too long to be looked at.
    pub(super) fn ask_unread(&self, head: &Parts) -> Option<Ruling> {
        let now = self.clock.now();
        self.run(now, SLOW, "ask", || self.answers.ask_unread(head, now))
    }

    /// Takes what AWS answered. `None`: it was not learned.
    pub(super) fn learn(&self, epoch: Epoch, reading: &Reading, reply: &Reply<'_>) -> Option<Lesson> {
        let now = self.clock.now();
        self.fuse.learn(epoch, now, allowance(reply.body.len()), || {
            self.fault("learn");
            self.answers.learn(reading, reply, now)
        })
    }

    /// Takes an error that AWS answered to something else than a reading.
    pub(super) fn note_reply(&self, head: &Parts, reply: &Reply<'_>) {
        let now = self.clock.now();
        self.run(now, allowance(reply.body.len()), "note", || self.answers.note_reply(head, reply, now));
    }

    /// Marks what a write may change. When that fails, the fuse has blown: nothing that is known now will be served again.
    pub(super) fn mark(&self, write: &Write) {
        let now = self.clock.now();
        self.run(now, SLOW, "mark", || self.answers.mark(write, now));
    }

    /// Whether a write may have happened.
    pub(super) fn wrote(&self, write: &Write, status: StatusCode, code: Option<&str>) -> bool {
        let now = self.clock.now();
        self.run(now, SLOW, "wrote", || self.answers.wrote(write, status, code)).unwrap_or(true)
    }

    /// What a write tells the engine.
    pub(super) fn hints(&self, write: &Write) -> Vec<Hint> {
        let now = self.clock.now();
        self.run(now, SLOW, "hints", || self.answers.hints(write, now)).unwrap_or_default()
    }

    /// Lets go of what has ended. It may take its time: it runs beside the requests.
    pub(super) fn tidy(&self) -> Vec<(Scope, Evidence)> {
        let now = self.clock.now();
        self.run(now, Duration::from_secs(10), "tidy", || self.answers.tidy(now)).unwrap_or_default()
    }

    /// A request that is forwarded without being seen. Reads of that kind, by method, need not be kept in mind: they change nothing.
    pub(super) fn unseen(&self, head: &Parts) -> Option<Unseen> {
        let may_write = !head.method.is_safe() || head.uri.query().is_some_and(|query| query.contains("Action="));
        may_write.then(|| self.fuse.unseen())
    }

    /// Its fuse.
    pub(super) fn fuse(&self) -> &Fuse {
        &self.fuse
    }

    fn run<T>(&self, now: Timestamp, allowed: Duration, call: &'static str, work: impl FnOnce() -> T) -> Option<T> {
        self.fuse
            .run(now, allowed, || {
                self.fault(call);
                work()
            })
            .ok()
    }

    /// Where tests make it fail.
    #[cfg(not(test))]
    #[allow(clippy::unused_self, reason = "tests make it fail here")]
    pub(super) fn fault(&self, _call: &'static str) {}

    /// Where tests make it fail.
    #[cfg(test)]
    pub(super) fn fault(&self, call: &'static str) {
        self.faults.strike(call);
    }
}

/// How long a call may take that reads through a body.
fn allowance(bytes: usize) -> Duration {
    SLOW + Duration::from_millis((bytes / BYTES_PER_MILLISECOND) as u64)
}
