//! The nouns of AWS Event Cache, and the few seam traits where a network or two real implementations meet.
//!
//! Everything here is plain data: no I/O, no clock, no runtime. Crates that must not know one another meet in these types.
//!
//! ```text
//! intake, sqs, api ──hints──> engine ──refresh requests, holds──> clouddriver
//!                               │  ^                                  │
//!                               │  └──outcomes, agents seen───────────┘
//!                               └──records──> store
//! ```
//!
//! Words, as used in code, API, metrics and documents alike:
//!
//! | word | meaning |
//! |---|---|
//! | [`Hint`] | "something about X may have changed"; never truth, the truth is what AWS answers to a read |
//! | [`Scope`] | account + region + kind |
//! | [`Place`] | account + region: what one event stream, one set of throttle buckets and one heartbeat belong to |
//! | [`Agent`] | Clouddriver's polling unit; its name is also the name of its lock |
//! | [`RefreshRequest`] | "see to it that this agent runs after `since`" |
//! | [`Class`] | urgency: `Operator` > `Event` > `Settle` > `Sweep` |
//! | [`Hold`] | an agent's next poll put off |

mod account;
mod agent;
mod answer;
mod hint;
mod ids;
mod profile;
mod record;
mod refresh;
pub mod seam;
pub mod telemetry;

pub use account::{Accounts, Environment, SpinnakerAccount};
pub use agent::{Agent, AgentName, AgentSeen, AgentState, BucketId, Hold, Provider};
pub use answer::{AnswerMode, ErrorShape, Evidence};
pub use hint::{Change, Hint, Names, Origin, Source, What};
pub use ids::{AccountId, BadId, KindId, NAME_LIMIT, Place, Region, ResourceName, Scope, ServiceName};
pub use jiff::Timestamp;
pub use profile::{DriveMode, Profile, StockPolling};
pub use record::{
    AuditEntry, EventRecord, Override, OverrideId, OverrideScope, Record, Recovered, RefreshId, RefreshOrder,
    RefreshRecord, RefreshState, Setting, Verdict,
};
pub use refresh::{Cause, Class, Means, Outcome, RefreshRequest, Resources, Retry, Wanted};
