//! What the answer arm knows of itself, for the API.

use std::collections::BTreeMap;

use aws_event_cache_model::{AccountId, AnswerMode, KindId, OverrideScope, Timestamp};
use serde::Serialize;

use crate::answers::Answers;
use crate::modes::Modes;
use crate::observation::Observed;

/// State of cache, admissions, modes and observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerReport {
    /// When it was made.
    pub at: Timestamp,
    /// How far the answer arm may go.
    pub modes: ModesReport,
    /// Listings and items stored.
    pub entries: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// Bytes that they may take.
    pub capacity: usize,
    /// Listings of which some pages have come.
    pub chains_open: usize,
    /// Bytes that those take, besides.
    pub chains_open_bytes: usize,
    /// Operations and requests that some credential may be answered now.
    pub admissions: usize,
    /// Accounts and regions that AWS has answered for.
    pub places: usize,
    /// What comparing has shown, by kind.
    pub kinds: Vec<KindReport>,
}

/// The modes as they are set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModesReport {
    /// Where nothing else is said.
    pub default: AnswerMode,
    /// By AWS account.
    pub accounts: BTreeMap<AccountId, AnswerMode>,
    /// By kind.
    pub kinds: BTreeMap<KindId, AnswerMode>,
    /// The operator's overrides.
    pub overrides: Vec<OverrideReport>,
    /// Whether the kill switch is on.
    pub killed: bool,
}

/// An override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OverrideReport {
    /// Where it applies.
    pub scope: OverrideScope,
    /// How far the answer arm may go there.
    pub mode: AnswerMode,
}

/// What reading a kind from AWS has shown beside what memory held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindReport {
    /// The kind.
    pub kind: KindId,
    /// Reads that would have been answered from memory (observe mode).
    pub would_be_hits: u64,
    /// Of these, those that AWS answered otherwise.
    pub stale_would_be_hits: u64,
    /// Mean of the time since each of those was last right, in milliseconds: they were stale for at most so long.
    pub stale_mean_ms: u64,
    /// The longest of it.
    pub stale_most_ms: u64,
    /// Reads after a full age that found what memory held.
    pub confirmed: u64,
    /// Reads that found a change which neither an event nor a write had announced.
    pub uncovered_changes: u64,
}

impl From<&Modes> for ModesReport {
    fn from(modes: &Modes) -> Self {
        let report = |(scope, mode): &(OverrideScope, AnswerMode)| OverrideReport { scope: scope.clone(), mode: *mode };
        Self {
            default: modes.default,
            accounts: modes.accounts.iter().map(|(account, mode)| (account.clone(), *mode)).collect(),
            kinds: modes.kinds.iter().map(|(kind, mode)| (kind.clone(), *mode)).collect(),
            overrides: modes.overrides.iter().map(report).collect(),
            killed: modes.killed,
        }
    }
}

impl Answers {
    /// Its state, for the API.
    pub fn report(&self, now: Timestamp) -> AnswerReport {
        let mut kinds: BTreeMap<KindId, Observed> = BTreeMap::new();
        for row in self.places.rows() {
            kinds.entry(row.read.kind.clone()).or_default().add(row.observation.read());
        }
        let kind = |(kind, seen): (KindId, Observed)| KindReport {
            kind,
            would_be_hits: seen.hits,
            stale_would_be_hits: seen.stale,
            stale_mean_ms: seen.stale_ms.checked_div(seen.stale).unwrap_or(0),
            stale_most_ms: seen.stalest_ms,
            confirmed: seen.same,
            uncovered_changes: seen.uncovered,
        };
        let (chains_open, chains_open_bytes) = self.collecting.size();
        AnswerReport {
            at: now,
            modes: ModesReport::from(&self.switch.load().modes),
            entries: self.cache.len(),
            bytes: self.cache.weight(),
            capacity: self.settings.capacity,
            chains_open,
            chains_open_bytes,
            admissions: self.admissions.len(),
            places: self.places.len(),
            kinds: kinds.into_iter().map(kind).collect(),
        }
    }
}
