//! What the demonstration found.

use std::collections::BTreeMap;

use aws_event_cache_model::KindId;
use serde::Serialize;

use crate::staleness::Percentiles;

/// The numbers of one world.
#[derive(Debug, Clone, Serialize)]
pub struct WorldReport {
    /// AWS calls, every attempt counted.
    pub aws_calls: u64,
    /// Of these, refused for their rate.
    pub throttled_calls: u64,
    /// Time from a change to the end of the run that brought it into the cache, over all kinds.
    pub staleness_ms: Percentiles,
    /// The same for each kind, with the number of samples; for the table.
    #[serde(skip)]
    pub by_kind: BTreeMap<KindId, (usize, Percentiles)>,
    /// Calls that were answered from memory instead of by AWS.
    pub answered_from_memory: u64,
    /// Answers that belonged to another place or kind than asked for, or to none.
    #[serde(skip)]
    pub mixed_up: u64,
    /// Agent runs; for the table.
    #[serde(skip)]
    pub runs: u64,
}

/// Messages that were not from SNS.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Forgeries {
    /// Sent.
    pub sent: u64,
    /// Refused.
    pub rejected: u64,
}

/// All worlds.
#[derive(Debug, Clone, Serialize)]
pub struct Worlds {
    /// Clouddriver as it is.
    pub stock: WorldReport,
    /// Clouddriver driven by events.
    pub drive: WorldReport,
    /// Clouddriver as it is, with the answer arm between it and AWS.
    pub answer: WorldReport,
}

/// The result of a demonstration.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always true: these are not measurements of AWS or Clouddriver.
    pub simulated: bool,
    /// How many times as fast as real the time ran.
    pub time_factor: u32,
    /// All worlds.
    pub worlds: Worlds,
    /// Forgeries.
    pub forgeries: Forgeries,
    /// Runs that the service forced.
    #[serde(skip)]
    pub forced_runs: u64,
    /// Stock polls that did not take place since their agents were held.
    #[serde(skip)]
    pub polls_saved: u64,
    /// Agents that were held at the end.
    #[serde(skip)]
    pub held: u64,
    /// Agents in each world.
    #[serde(skip)]
    pub agents: u64,
    /// Changes that happened.
    #[serde(skip)]
    pub changes: u64,
    /// Of these, made by Clouddriver through the answer arm.
    #[serde(skip)]
    pub own_changes: u64,
    /// Changes that nothing had announced and that the answer arm found by reading again.
    #[serde(skip)]
    pub uncovered_changes: u64,
    /// Simulated time that passed, in seconds.
    #[serde(skip)]
    pub simulated_seconds: u64,
}

/// Where things stand, for the live display.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Simulated time that has passed, in seconds.
    pub simulated_seconds: u64,
    /// Changes so far.
    pub changes: u64,
    /// Stock: calls, throttled calls, 95th percentile of staleness in milliseconds.
    pub stock: (u64, u64, u64),
    /// Drive: the same.
    pub drive: (u64, u64, u64),
    /// Answer: the same.
    pub answer: (u64, u64, u64),
    /// Agents held at the moment.
    pub held: u64,
    /// Forgeries so far.
    pub forgeries: Forgeries,
}
