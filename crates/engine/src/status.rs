//! What the engine says of itself: for the API, the console and the command line. All times are of the engine's clock.

use std::time::Duration;

use aws_event_cache_model::{AgentName, Class, DriveMode, Means, Override, Place, Scope, ServiceName, Timestamp};
use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use crate::agents::LastRefresh;
use crate::cadence::Reason;
use crate::queue::Depth;
use crate::stream::StreamStatus;

/// Everything, at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// When this was said.
    pub now: Timestamp,
    /// What the drive arm may do.
    pub mode: DriveMode,
    /// When the engine was started.
    pub started: Timestamp,
    /// Whether a kill switch covers everything.
    pub killed: bool,
    /// Spinnaker accounts known.
    pub accounts: usize,
    /// Agents, counted.
    pub agents: AgentCounts,
    /// Refreshes that wait or are under way.
    pub queue: QueueStatus,
    /// What has been done since the start.
    pub counters: Counters,
    /// Event stream and budget of each place.
    pub places: Vec<PlaceStatus>,
    /// Cadence and freshness of each scope that an agent reads.
    pub scopes: Vec<ScopeStatus>,
    /// The last refreshes that ended, newest first. In watch mode: what would have been done.
    pub recent: Vec<Recent>,
    /// What operators changed, with its end.
    pub overrides: Vec<Override>,
    /// What is wrong, in plain words; empty when all is well.
    pub problems: Vec<String>,
}

/// Agents, counted by what their locks showed at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AgentCounts {
    /// That the catalogue and the accounts give.
    pub known: usize,
    /// Of which a run was seen.
    pub seen: usize,
    /// Whose next poll is put off (in watch mode: would be).
    pub held: usize,
    /// That are running now.
    pub running: usize,
    /// That Clouddriver does not seem to run.
    pub absent: usize,
    /// Whose last refresh failed for good.
    pub failing: usize,
}

/// Refreshes that wait or are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct QueueStatus {
    /// Entries by class, and those in flight.
    #[serde(flatten)]
    pub depth: Depth,
    /// Agents whose run is owed durably.
    pub owed: usize,
    /// Second looks ahead.
    pub looks: usize,
    /// Operators' refreshes that are not final.
    pub open_refreshes: usize,
}

/// What has been done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Hints planned.
    pub hints: u64,
    /// Hints about accounts or regions that are not served.
    pub hints_not_served: u64,
    /// Hints about kinds that the catalogue does not know.
    pub hints_unknown: u64,
    /// Runs asked for by hints, before merging.
    pub wanted: u64,
    /// Runs not asked for, since one that started late enough had ended.
    pub already_fresh: u64,
    /// Runs forced by us.
    pub forced_runs: u64,
    /// Refreshes that an agent's own poll satisfied.
    pub own_runs: u64,
    /// On-demand calls.
    pub on_demand: u64,
    /// Runs that would have been forced (watch mode).
    pub would_force: u64,
    /// Polls that were seen and would have been put off (watch mode).
    pub polls_would_save: u64,
    /// Stock polls that did not take place since an agent was held, from the time between its runs.
    pub polls_saved: u64,
    /// Refreshes tried again.
    pub retries: u64,
    /// Refreshes that failed for good.
    pub failures: u64,
    /// Refreshes put off by the budget.
    pub limit_delays: u64,
    /// Signs that AWS throttled.
    pub throttles: u64,
    /// Changes that reading again showed and nothing had announced.
    pub uncovered_changes: u64,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceStatus {
    /// Its event stream.
    #[serde(flatten)]
    pub stream: StreamStatus,
    /// Services that AWS throttles, with the share of the call rate still in force.
    pub throttled: Vec<(ServiceName, f64)>,
}

/// One scope.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScopeStatus {
    /// Which.
    #[serde(flatten)]
    pub scope: Scope,
    /// Time between two polls, in milliseconds; `None`: stock.
    #[serde(rename = "cadence_ms", serialize_with = "millis")]
    pub cadence: Option<Duration>,
    /// Why.
    pub reason: Reason,
    /// How old answers about it may get, in milliseconds.
    #[serde(rename = "max_age_ms", serialize_with = "whole_millis")]
    pub max_age: Duration,
    /// Changes that reading again showed and nothing had announced.
    pub uncovered_changes: u64,
    /// When a change was last heard of.
    pub last_event: Option<Timestamp>,
    /// When the last run of an agent that reads it started: how old Clouddriver's copy is.
    pub last_run: Option<Timestamp>,
    /// When the last heartbeat of its place came.
    pub heartbeat: Option<Timestamp>,
    /// Runs of its agents that are owed or under way.
    pub backlog: usize,
    /// Its agents.
    pub agents: Vec<AgentStatus>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentStatus {
    /// Its name.
    pub name: AgentName,
    /// When its last run started.
    pub last_run: Option<Timestamp>,
    /// Until when it is held (in watch mode: would be).
    pub held_until: Option<Timestamp>,
    /// The last refresh of ours.
    pub last_refresh: Option<LastRefresh>,
    /// Why its last refresh failed for good.
    pub failure: Option<String>,
}

/// A refresh that ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recent {
    /// When it ended.
    pub at: Timestamp,
    /// Of which agent.
    pub agent: AgentName,
    /// Where the agent reads.
    pub place: Place,
    /// How urgent.
    pub class: Class,
    /// The first cause, in the sender's words.
    pub cause: SmolStr,
    /// How many causes were merged.
    pub causes: u32,
    /// How it came about; `None` when it failed.
    pub means: Option<Means>,
    /// When the run started.
    pub started: Option<Timestamp>,
    /// From the change, as far as known, else from the message, to the start of the run, in milliseconds.
    #[serde(rename = "latency_ms", serialize_with = "millis")]
    pub latency: Option<Duration>,
    /// Why it failed.
    pub failure: Option<String>,
}

#[allow(clippy::ref_option, reason = "the signature that serde asks for")]
fn millis<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = duration.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    millis.serialize(serializer)
}

fn whole_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    millis(&Some(*duration), serializer)
}
