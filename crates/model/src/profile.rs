//! Profiles: how fresh, how cautious and how thrifty an environment wants to be.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::KindId;

/// What the drive arm may do to Clouddriver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriveMode {
    /// Nothing, and nothing is planned for it.
    Off,
    /// Everything is decided and reported, nothing is touched: how one tries it in production.
    Observe,
    /// Agents are run and held.
    Enforce,
}

/// How Clouddriver polls when left alone; its `redis.poll.*` or `sql.agent.poll.*` settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockPolling {
    /// Seconds between two starts of an agent without an interval of its own; Clouddriver's default is 30 s.
    pub interval: Duration,
    /// Lifetime of a running agent's lock; Clouddriver's default is 300 s.
    pub timeout: Duration,
}

impl Default for StockPolling {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), timeout: Duration::from_secs(300) }
    }
}

/// The numbers of one environment. Every duration is time at AWS and in Clouddriver, not effort.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Never poll an agent more often than this by cadence, nor less often than stock when the stream is lost.
    pub floor: Duration,
    /// Longest time between two polls while the event stream is healthy and covers the kind: the age that a lost event can reach.
    pub ceiling: Duration,
    /// How long a scope stays hot after a change.
    pub hot_for: Duration,
    /// Longest time between two polls of a hot scope whose kind events cover only partly or not at all.
    pub hot_ceiling: Duration,
    /// An event waits this long for company before its refresh starts.
    pub debounce_idle: Duration,
    /// However much company comes, it waits no longer than this.
    pub debounce_max: Duration,
    /// Share (above 0, at most 1) of each of AWS's throttle buckets that refreshes may use.
    pub budget_share: f64,
    /// Share of that budget that only operators' refreshes may use.
    pub operator_share: f64,
    /// A place without any sign of life for this long is polled as stock.
    pub silent_after: Duration,
    /// A place whose heartbeats come later than this is polled as stock.
    pub late_after: Duration,
    /// How much throttling stretches the cadence at most: a factor, at least 1.
    pub throttle_stretch: f64,
    /// Kinds that are not refreshed on events and whose agents are left to stock polling.
    pub unwatched: Vec<KindId>,
    /// Ceilings of single kinds.
    pub kind_ceilings: BTreeMap<KindId, Duration>,
}
