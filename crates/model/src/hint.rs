//! Hints: what a message, a person or a write says may have changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{KindId, Place, ResourceName, ServiceName};

/// "Something about X may have changed." Never truth: it carries no state, only where to look again.
///
/// So a hint may arrive twice, late or out of order, and the worst that follows is one needless refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Account and region it speaks of, taken from the payload and never from the topic.
    pub place: Place,
    /// What it says.
    pub what: What,
    /// When it happened at AWS, as the payload says; `None` when it does not say.
    pub occurred: Option<Timestamp>,
    /// When it reached us.
    pub received: Timestamp,
    /// Where it came from, for logs, audit and metrics.
    pub origin: Origin,
}

/// What a hint says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Resources of a kind changed.
    Changed {
        /// Of which kind.
        kind: KindId,
        /// Which.
        names: Names,
        /// How.
        change: Change,
    },
    /// An IAM role or policy changed: what the role's users may read may have changed with it.
    AccessChanged {
        /// The role, when the message names one; `None` stands for any role of the account.
        role: Option<ResourceName>,
    },
    /// AWS refused calls for their rate.
    Throttled {
        /// Of which service.
        service: ServiceName,
    },
    /// A quota was raised, or may have been.
    QuotaRaised {
        /// Of which service; `None` when the message does not say in words we know.
        service: Option<ServiceName>,
    },
    /// The scheduled event that proves the stream alive; its lateness is `received - occurred`.
    Heartbeat,
    /// Nothing to refresh, but a sign of life of the stream.
    SignOfLife,
    /// The feed for this place has been taken away (unsubscribed).
    StreamStopped,
}

/// Which resources a hint names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// It does not say, or says too many: anything of the kind.
    Any,
    /// These.
    Some(Vec<ResourceName>),
}

/// How a resource changed, as far as the message says. It only decides how soon we look again, never what is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// New.
    Created,
    /// Different.
    Updated,
    /// Gone.
    Deleted,
    /// Only its relations to others changed (AWS Config), so it can wait a little.
    Related,
}

/// Where a hint came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The way in.
    pub source: Source,
    /// The sender's message id, EventBridge id or our refresh id; what a log line and the audit list point to.
    pub id: SmolStr,
    /// What happened in the sender's own words, such as `ec2.amazonaws.com RunInstances`; at most 120 characters.
    pub event: SmolStr,
}

/// The ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// SNS over HTTP.
    Sns,
    /// An SQS queue.
    Sqs,
    /// A person or pipeline, through the API or the command line.
    Operator,
    /// A write that passed through the proxy.
    Proxy,
    /// A recorded message.
    Replay,
    /// The engine itself: a sweep, or a restart after a gap.
    Sweep,
}

impl Source {
    /// As in labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Operator => "operator",
            Self::Proxy => "proxy",
            Self::Replay => "replay",
            Self::Sweep => "sweep",
        }
    }
}
