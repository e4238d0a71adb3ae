//! The answer arm's one door.

use aws_event_cache_model::{Evidence, Hint, Scope, Timestamp};
use http::StatusCode;

use crate::modes::Modes;
use crate::reading::Reading;
use crate::report::AnswerReport;
use crate::ruling::{Asked, Bypass, Forward, Lesson, NotStored, Reply, Ruling};
use crate::settings::Parts;
use crate::write::Write;

/// Everything that the answer arm knows. Share it in an `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct Answers {}

impl Answers {
    /// Empty, and passing everything until [`set_modes`](Self::set_modes).
    pub fn new(_parts: Parts) -> Self {
        Self {}
    }

    /// Sets how far it may go.
    pub fn set_modes(&self, _modes: Modes) {}

    /// What to do with a request.
    pub fn ask(&self, _asked: Asked<'_>, _now: Timestamp) -> Ruling {
        Ruling::Forward(Forward { why: Bypass::Mode, toll: None, meter: None })
    }

    /// What to do with a request whose body is too long to be looked at: it is never answered from memory, and unless its head proves it a read, it is a write
    /// of anything of its service.
    pub fn ask_unread(&self, _head: &http::request::Parts, _now: Timestamp) -> Ruling {
        Ruling::Forward(Forward { why: Bypass::TooLarge, toll: None, meter: None })
    }

    /// Takes what AWS answered to a reading. Only the reading whose own request went to AWS is given here, never one that joined its flight.
    pub fn learn(&self, _reading: &Reading, _reply: &Reply<'_>, _now: Timestamp) -> Lesson {
        Lesson { stored: Err(NotStored::Purged), evidence: None, throttled: None, page: None }
    }

    /// Takes what AWS answered to anything else: errors that say that a credential is worth less than before.
    pub fn note_reply(&self, _head: &http::request::Parts, _reply: &Reply<'_>, _now: Timestamp) {}

    /// Marks what a write may change. Before it is forwarded, and again when its answer has come or can no longer come.
    pub fn mark(&self, _write: &Write, _now: Timestamp) {}

    /// Whether a write may have happened, by its answer. When none came, it may.
    pub fn wrote(&self, _write: &Write, _status: StatusCode, _code: Option<&str>) -> bool {
        true
    }

    /// What a write tells the engine. Once, after its answer.
    pub fn hints(&self, _write: &Write, _now: Timestamp) -> Vec<Hint> {
        Vec::new()
    }

    /// Lets go of what has ended: call it every few seconds. Returns what was found out meanwhile about changes that nothing announced.
    pub fn tidy(&self, _now: Timestamp) -> Vec<(Scope, Evidence)> {
        Vec::new()
    }

    /// Its state, for the API.
    pub fn report(&self, _now: Timestamp) -> AnswerReport {
        AnswerReport { entries: 0 }
    }

    /// Forgets every answer.
    pub fn purge(&self) {}
}
