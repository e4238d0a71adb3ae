//! `doctor`: walks every hop of the way of an event, from AWS to Clouddriver, and says which is broken, how it knows, and what to do.
//!
//! ```text
//! Patient ──gather (async, all at once, each within its limit)──> Facts ──judge (pure)──> Report ──> text or JSON
//! ```
//!
//! What it promises: one broken hop hides no other, and is told once: what only follows from it is said to follow. A hop that could not be looked at is skipped with the
//! reason, and never called broken. Nothing is changed anywhere, but for one test message to each topic, if that is wanted. No secret is ever part of a finding: URLs are
//! shown without user, password and query. The walk ends within a minute and a half, whoever does not answer.

mod codes;
mod facts;
mod finding;
mod gather;
mod judge;
mod pattern;
mod policy;
mod settings;
mod tri;

pub use codes::CODES;
pub use finding::{Finding, Hop, Report, Verdict};
pub use settings::{LockStore, Outside, Patient};

use aws_event_cache_clock::Clock;

/// Walks every hop.
pub async fn examine(patient: &Patient, clock: &Clock) -> Report {
    let facts = gather::gather(patient, clock).await;
    judge::judge(&facts)
}

/// The report of a configuration with mistakes, each in words with its place: nothing else can be looked at.
pub fn unreadable(mistakes: &[String]) -> Report {
    judge::unreadable(mistakes)
}
