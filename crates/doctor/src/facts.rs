//! What was seen at each hop, as plain data: gathered by [`crate::gather`], judged by [`crate::judge`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_event_cache_clouddriver::{AgentRun, lock_store};
use aws_event_cache_model::{AccountId, Place, Timestamp};
use serde_json::Value;

/// Why something at AWS could not be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// There are no credentials, or AWS does not take them; said once, at the hop `credentials`.
    NoCredentials,
    /// The credentials may not look; the permission that is missing.
    Denied(&'static str),
    /// It is not there.
    Missing,
    /// No answer, or none that could be read.
    Failed(String),
}

/// Something at AWS, or why it could not be seen.
pub(crate) type Seen<T> = Result<T, Unseen>;

/// Whose credentials we have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Of an account, under a role or user.
    Known {
        /// The account.
        account: AccountId,
        /// Who, as an ARN.
        arn: String,
    },
    /// The default chain found none.
    None(String),
    /// AWS refused them, or did not answer.
    Refused(String),
}

/// Everything that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    /// What is doubtful in the configuration.
    pub(crate) doubts: Vec<String>,
    pub(crate) clocks: Vec<ClockFacts>,
    pub(crate) identity: Identity,
    /// Spinnaker's names of each account.
    pub(crate) names: BTreeMap<AccountId, Vec<String>>,
    /// The topics and queues that the service listens to, as ARNs.
    pub(crate) feeds: Vec<String>,
    pub(crate) places: Vec<PlaceFacts>,
    pub(crate) topics: Vec<TopicFacts>,
    pub(crate) queues: Vec<QueueFacts>,
    pub(crate) endpoint: EndpointFacts,
    pub(crate) service: ServiceFacts,
    pub(crate) store: StoreFacts,
    pub(crate) locks: LockFacts,
    pub(crate) clouddriver: ClouddriverFacts,
    pub(crate) end_to_end: Vec<ProbeFacts>,
}

impl Facts {
    /// An account and region for people: `prod (111122223333) eu-west-1`.
    pub(crate) fn title(&self, place: &Place) -> String {
        let names = self.names.get(&place.account).map(|names| names.join(", ")).unwrap_or_default();
        if names.is_empty() {
            format!("{} {}", place.account, place.region)
        } else {
            format!("{names} ({}) {}", place.account, place.region)
        }
    }
}

/// One clock beside ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClockFacts {
    /// Whose.
    pub(crate) whose: &'static str,
    /// By how much it is ahead of ours, in milliseconds; negative when behind.
    pub(crate) ahead_ms: i64,
    /// How far that may be wrong: half the time that the call took, and the resolution of what was told.
    pub(crate) unsure_ms: i64,
    /// From which difference on it does harm.
    pub(crate) harmful: Duration,
}

/// AWS Config and EventBridge in one account and region; only those of the credentials' account.
#[derive(Debug, Clone)]
pub(crate) struct PlaceFacts {
    pub(crate) place: Place,
    pub(crate) recorder: Seen<RecorderFacts>,
    pub(crate) rules: Seen<RulesFacts>,
    /// Kinds in use here of which EventBridge tells, each with events that stand for what it tells.
    pub(crate) kinds: Vec<KindEvents>,
}

/// A kind, and events that would announce its changes.
#[derive(Debug, Clone)]
pub(crate) struct KindEvents {
    pub(crate) kind: String,
    pub(crate) events: Vec<Value>,
}

/// AWS Config in one region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RecorderFacts {
    /// The recorder's name; `None` when there is none.
    pub(crate) name: Option<String>,
    /// Whether it records.
    pub(crate) recording: bool,
    /// Why its last recording failed.
    pub(crate) failure: Option<String>,
    /// The topic of the delivery channel.
    pub(crate) topic: Option<String>,
    /// Why the last delivery to the topic failed.
    pub(crate) delivery_failure: Option<String>,
}

/// The rules of a region's default event bus that lead to us, directly or by another bus.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RulesFacts {
    pub(crate) feeding: Vec<RuleFacts>,
    /// Of the buses to which those forward, the ones of our own account that were looked at.
    pub(crate) hubs: Vec<HubFacts>,
}

/// An event bus to which rules forward.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct HubFacts {
    /// The bus, as an ARN.
    pub(crate) bus: String,
    /// Its rules that lead to a feed of ours.
    pub(crate) feeding: Vec<RuleFacts>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RuleFacts {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) enabled: bool,
    /// The topic or queue of ours that is its target; `None` for one that forwards.
    pub(crate) target: Option<String>,
    /// Its event pattern.
    pub(crate) pattern: Option<Value>,
    /// Its schedule.
    pub(crate) schedule: Option<String>,
    /// The event bus to which it forwards, when it does not lead to a feed of ours itself.
    pub(crate) bus: Option<String>,
}

/// One topic.
#[derive(Debug, Clone)]
pub(crate) struct TopicFacts {
    pub(crate) arn: String,
    /// Its account.
    pub(crate) account: AccountId,
    /// The rules that publish to it, as ARNs; empty when they could not be seen.
    pub(crate) publishers: Vec<String>,
    pub(crate) attributes: Seen<TopicAttributes>,
    pub(crate) subscriptions: Seen<Vec<SubscriptionFacts>>,
    /// What a subscription of ours may look like.
    pub(crate) wanted: Wanted,
}

/// What a topic says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TopicAttributes {
    pub(crate) policy: Option<Value>,
    pub(crate) signature_version: Option<String>,
    pub(crate) key: Option<String>,
}

/// Which subscriptions lead to the service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// The public URL, if it is known.
    pub(crate) url: Option<String>,
    /// Paths on which the service takes messages: a subscription to one of them is ours when the URL is not known. Empty when it takes none over HTTP.
    pub(crate) paths: Vec<String>,
    /// ARNs of queues that are read.
    pub(crate) queues: Vec<String>,
    /// Whether raw delivery is configured.
    pub(crate) raw_taken: bool,
    /// Whether signatures of version 1 are refused.
    pub(crate) signature_v2: bool,
}

/// One subscription of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SubscriptionFacts {
    /// `https`, `sqs`, …
    pub(crate) protocol: String,
    /// Where it leads; of URLs without user, password and query.
    pub(crate) endpoint: String,
    pub(crate) pending: bool,
    pub(crate) raw: bool,
    pub(crate) filtered: bool,
    /// How often a delivery is tried again, if it is told.
    pub(crate) retries: Option<u64>,
}

/// One queue that the service reads.
#[derive(Debug, Clone)]
pub(crate) struct QueueFacts {
    pub(crate) arn: String,
    /// The topics that are to write to it; empty when EventBridge does.
    pub(crate) topics: Vec<String>,
    pub(crate) attributes: Seen<QueueAttributes>,
}

/// What a queue says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct QueueAttributes {
    pub(crate) policy: Option<Value>,
    /// Messages that wait.
    pub(crate) waiting: u64,
    /// The dead-letter queue, and how many messages lie in it; `None` of the latter when it cannot be told.
    pub(crate) dead_letters: Option<(String, Option<u64>)>,
}

/// The URL to which SNS posts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EndpointFacts {
    /// Whether the service takes messages over HTTP at all.
    pub(crate) used: bool,
    pub(crate) url: Option<String>,
    /// What became of posting the probe; `None` when there was none to post.
    pub(crate) posted: Option<Result<u16, String>>,
    /// Whether the running service saw the probe.
    pub(crate) seen: bool,
}

/// A test message from a topic to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProbeFacts {
    pub(crate) topic: String,
    pub(crate) outcome: Seen<ProbeOutcome>,
}

/// What became of a test message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeOutcome {
    /// The service took it.
    Arrived {
        /// By which ways: `sns`, `sqs`.
        by: Vec<String>,
        /// After how long.
        after: Duration,
    },
    /// The service got it and refused it.
    Refused,
    /// It did not come.
    Lost {
        /// How long was waited.
        waited: Duration,
    },
    /// None was sent, and why.
    NotSent(&'static str),
}

/// The running service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceFacts {
    pub(crate) server: String,
    pub(crate) status: Result<Value, ServiceGone>,
    /// What it still waits for before it is ready.
    pub(crate) waiting_for: Vec<String>,
}

/// Why the service gave no status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceGone {
    /// Nobody answers.
    Unreachable(String),
    /// 401 or 403.
    TokenRefused {
        /// Whether a token was sent.
        sent: bool,
    },
    /// Somebody else's answer.
    Odd(String),
}

/// The service's file, as seen from here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StoreFacts {
    pub(crate) path: PathBuf,
    /// Whether anything of the path is there at all: doctor may run on another machine.
    pub(crate) is_here: bool,
    /// Why file or folder cannot be written.
    pub(crate) unwritable: Option<String>,
    /// Whether another process has it open; only looked at when the service does not answer.
    pub(crate) in_use: bool,
    /// Bytes free on its disk.
    pub(crate) free: Option<u64>,
}

/// Clouddriver's lock store.
#[derive(Debug, Clone, Default)]
pub(crate) struct LockFacts {
    /// What is configured, in a word; `None` when nothing is.
    pub(crate) configured: Option<&'static str>,
    /// What it shows, or why it cannot be asked.
    pub(crate) seen: Option<Result<lock_store::Facts, String>>,
    /// What we may not do there, in its own words.
    pub(crate) denied: Vec<String>,
}

/// Clouddriver.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClouddriverFacts {
    pub(crate) url: Option<String>,
    /// Its AWS and ECS accounts by name with their ids, or why they cannot be read; `None` when it is not asked.
    pub(crate) accounts: Option<Result<BTreeMap<String, AccountId>, String>>,
    /// Accounts listed in our configuration.
    pub(crate) listed: BTreeMap<String, AccountId>,
    /// Contradictions and entries left out, in plain words.
    pub(crate) problems: Vec<String>,
    /// The last runs of the replica that answered, or why they cannot be read.
    pub(crate) runs: Option<Result<Vec<AgentRun>, String>>,
    /// Its version, if it tells.
    pub(crate) version: Option<String>,
}
