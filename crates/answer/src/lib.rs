//! What may be answered from memory, and what is learned from AWS's answers.
//!
//! The pure core of the answer arm. A forward proxy asks it about every request and tells it every answer; it decides, and waits for nobody.
//!
//! ```text
//! request ── ask ──┬─> Forward   not ours, or an operation may act on it: to AWS and back, unseen
//!                  ├─> Write     mark, to AWS, mark again, hints for the engine
//!                  ├─> Hit       a page from memory
//!                  └─> Read      to AWS ── learn ─> admission, cache, evidence
//! ```
//!
//! # What it promises
//! - **No operation acts on an answer from memory.** Only reads on the catalogue's list are ever answered, in exactly the shapes that the list allows. A read that
//!   names its resource is not on it, but for pairs marked as items; one that carries a user or execution is not answered; and of a named read nothing is kept that
//!   found nothing.
//! - **An answer is no older than allowed.** Its read started after the last change known of what it depends on, and no longer ago than its scope's age. Inside a
//!   settle window it lives two seconds.
//! - **A read that overlaps a write or event is not kept.** Generations are read before a read starts and compared when it is kept *and* when it is given.
//! - **Pages of a listing are of one read of it.** A whole listing is one unit; who began to walk it can end it for two minutes after it was overtaken.
//! - **Nobody is answered whom AWS did not answer.** The same operation (or exact request), the same key id and session token, within the admission's time.
//! - **Memory is bounded**, by bytes, whatever strangers send. Nothing is kept for an account and region until AWS has answered for it with success.
//!
//! # What it does not promise
//! That AWS's own answers are in order: settle windows are the catalogue's estimate of how long AWS may tell the old state.

mod admission;
mod answers;
mod ask;
mod cache;
mod caller;
mod chain;
mod collecting;
mod credential;
mod doubts;
mod following;
mod freshness;
mod learn;
mod marks;
mod memo;
mod meter;
mod modes;
mod observation;
mod places;
mod reading;
mod report;
mod row;
mod ruling;
mod savings;
mod services;
mod settings;
mod time;
mod write;

pub use answers::Answers;
pub use credential::ConnectionMemory;
pub use meter::{Answered, Meter, Upstream};
pub use modes::Modes;
pub use reading::{FlightKey, Reading};
pub use report::{AnswerReport, KindReport, ModesReport, OverrideReport};
pub use ruling::{Asked, Bypass, Forward, Hit, Lesson, Miss, NotStored, Page, Reply, Ruling, Toll};
pub use savings::{DaySavings, OperationSavings, Savings, SavingsLine, SavingsReport};
pub use settings::{Parts, Settings};
pub use write::Write;
