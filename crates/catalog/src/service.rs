//! Services: what one file of `services/` says.

use aws_event_cache_model::{BucketId, ErrorShape, Region, ServiceName};
use smol_str::SmolStr;

use crate::kind::Condition;
use crate::operation::Admit;
use crate::path::Path;

/// One AWS service: who it is in messages, and how it throttles.
#[derive(Debug, Clone)]
pub struct Service {
    /// What it is called here: the file's name.
    pub name: ServiceName,
    /// For people.
    pub title: String,
    /// Its values of CloudTrail's `eventSource`.
    pub event_sources: Vec<SmolStr>,
    /// Its values of EventBridge's `source`.
    pub bridge_sources: Vec<SmolStr>,
    /// Whether its event names end in an API's date, as in `CreateFunction20150331v2`.
    pub dated_events: bool,
    /// Its interfaces, where several share one event source.
    pub apis: Vec<Api>,
    /// Its throttle buckets.
    pub buckets: Vec<Bucket>,
    /// Error codes by which it refuses calls for their rate.
    pub throttle_codes: Vec<SmolStr>,
    /// EventBridge events by which it says so.
    pub throttle_events: Vec<ThrottleEvent>,
    /// Writes that change nothing of ours, whatever their parameters name; a trailing `*` stands for any ending.
    pub ignored_calls: Vec<SmolStr>,
    /// Notifications that mean nothing.
    pub ignored_notifications: Vec<SmolStr>,
    /// The name by which requests to it are signed.
    pub signing_name: SmolStr,
    /// How it words errors.
    pub error_shape: ErrorShape,
    /// REST: its operations and their routes, `GET /2015-03-31/functions/{FunctionName}`.
    pub routes: Vec<(SmolStr, SmolStr)>,
    /// Where everything of it lies, if it has no regions.
    pub global_region: Option<Region>,
    /// How much AWS must have allowed a client before it may be answered from memory.
    pub admit: Admit,
    /// Words that operations begin with which change nothing.
    pub read_verbs: Vec<SmolStr>,
    /// Operations that change nothing, though none of those words says so.
    pub reads_passed: Vec<SmolStr>,
    /// The bucket of operations that no kind's file lists.
    pub others: Option<BucketId>,
    /// The file it was read from.
    pub file: String,
}

/// One of several interfaces behind one event source.
#[derive(Debug, Clone)]
pub struct Api {
    /// What call rules call it.
    pub name: SmolStr,
    /// Its API version, which CloudTrail mostly records.
    pub version: SmolStr,
    /// Parameters that only it has: how it is recognised when the version is missing. An interface without any is the one that is left.
    pub signs: Vec<Path>,
}

/// A throttle bucket, per account and region.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Service and name.
    pub id: BucketId,
    /// Tokens it holds: the longest burst of calls.
    pub capacity: f64,
    /// Tokens added per second: the lasting rate of calls.
    pub refill: f64,
    /// AWS does not publish the numbers; they are a cautious guess.
    pub assumed: bool,
}

/// An EventBridge event that says that calls were throttled.
#[derive(Debug, Clone)]
pub struct ThrottleEvent {
    /// Its source.
    pub source: SmolStr,
    /// Its detail-type.
    pub detail_type: SmolStr,
    /// What must hold.
    pub when: Vec<Condition>,
}
