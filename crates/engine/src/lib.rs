//! From hint to refresh: what changed in AWS becomes runs of Clouddriver's agents, and what did not change stops being polled.
//!
//! ```text
//!  hints ──> plan ──> debts (durable before the message is acknowledged)
//!              │  └──> queue ──> limit ──> drive arm ──> outcome ──┐
//!              ├──> ledger        ^                                │
//!              ├──> stream ┐      └── settle (second looks) <──────┤
//!              └──> heat ──┴──> cadence ──> holds <── survey ──────┘
//! ```
//!
//! Everything that decides is a plain structure whose methods take `now`: [`plan()`](plan::plan), [`Queue`], [`Ledger`],
//! [`Limiter`], [`Cadence`], [`Streams`](stream::Streams), [`Settle`](settle::Settle). They can be used alone, for a dry run or
//! a benchmark. [`Engine`] joins them under one lock, and [`Runner`] is the one loop that waits.
//!
//! # What it promises
//! - Every accepted hint leads to a run, of every agent that reads what changed, that started at least a second after the change, or to a visible failure with
//!   a cause. A crash keeps that promise: what is owed is stored before the message is acknowledged, and after a gap everything is taken as stale.
//! - No agent is run by us more often than its stock interval allows, except by an operator.
//! - Operators before events before second looks before sweeps, and sweeps still happen.
//! - An agent is held only while its place's event stream is healthy, only after a run that started since it became so, and never beyond the ceilings.
//!
//! # What it does not promise
//! That a run shows the change (AWS may answer with an older state; second looks narrow that), nor any order between agents.

mod agents;
pub mod cadence;
mod core;
mod debts;
mod engine;
pub mod ledger;
// Not inside the ledger's own file: `tests/interleavings.rs` includes that, with other locks.
#[cfg(test)]
#[path = "ledger/tests.rs"]
mod ledger_tests;
pub mod limit;
mod moment;
pub mod overrides;
pub mod plan;
pub mod profiles;
pub mod queue;
mod refreshes;
mod runner;
pub mod settle;
pub mod status;
pub mod stream;
mod sync;
#[cfg(test)]
mod testing;
pub mod trust;

pub use cadence::{Cadence, Reason};
pub use engine::{Engine, OrderError, Parts};
pub use ledger::{Generation, Ledger, Mark, STOCK_AGE, ScopeLedger};
pub use limit::Limiter;
pub use plan::Plan;
pub use profiles::Profiles;
pub use queue::Queue;
pub use refreshes::{HISTORY, SAME_ORDER_WITHIN};
pub use runner::{FLIGHTS, RENEW_EVERY, Runner, SURVEY_EVERY};
pub use status::Status;
