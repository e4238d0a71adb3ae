//! Running and holding agents through the bridge plugin in Clouddriver, where its schedulers' locks cannot be reached or driven.
//!
//! ```text
//!  driver ─┬─ way: one refresh ──> watcher ──> replicas ──> replica: GET which agents, POST run these ──> plugin
//!          └─ holds ─> intervals <── keeps: lets go ─┘         │
//!                          ^                                   v
//!  control API ── hand out ┘ <── plugin fetches them         fleet: what all replicas together show
//! ```
//!
//! Promises, beside those of the crate: an agent is run only while every replica that may run it has said that it waits; an agent polls at the latest
//! [`intervals::LONGEST`] after its last run, also when we die; a kill switch, `release` and observing hand out nothing from that moment, and agents that should have run by their own
//! interval are run at once.

pub mod fleet;
mod health;
pub mod intervals;
mod keep;
mod replica;
mod replicas;
mod story;
pub mod text;

pub(crate) use health::{Evidence, diagnose};
pub(crate) use keep::{Kept, Plugin};
pub use replicas::{PluginSettings, Replicas};
