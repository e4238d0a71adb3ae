//! What outlives a restart: open refreshes, overrides, the audit list and recent events.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::account::Environment;
use crate::agent::AgentName;
use crate::answer::AnswerMode;
use crate::hint::{Hint, Source};
use crate::ids::{AccountId, KindId, Region, ResourceName};
use crate::refresh::{Cause, Class, Resources};

/// Names an operator's refresh: the API's `{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RefreshId(pub SmolStr);

impl fmt::Display for RefreshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an operator asked to refresh. `None` means all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefreshOrder {
    /// Spinnaker's account names.
    pub accounts: Option<Vec<String>>,
    /// Regions.
    pub regions: Option<Vec<Region>>,
    /// Kinds.
    pub kinds: Option<Vec<KindId>>,
    /// One resource of the kinds.
    pub name: Option<ResourceName>,
    /// How urgent; `Operator` unless said otherwise.
    pub class: Class,
}

/// How far an operator's refresh has come. The words are those of the pipeline stage's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RefreshState {
    /// Nothing has started.
    Queued,
    /// Some agents have run or are running.
    Running,
    /// Every agent has run.
    Succeeded,
    /// At least one agent could not be run.
    Failed,
    /// Taken back.
    Canceled,
}

impl RefreshState {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

/// An operator's refresh and its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshRecord {
    /// Its id.
    pub id: RefreshId,
    /// What was asked.
    pub order: RefreshOrder,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested: Timestamp,
    /// How far it is.
    pub state: RefreshState,
    /// Agents still to run.
    pub pending: Vec<AgentName>,
    /// Agents that ran.
    pub done: Vec<AgentName>,
    /// Agents that could not be run, and why.
    pub failed: Vec<(AgentName, String)>,
    /// When it became final.
    pub ended: Option<Timestamp>,
    /// Ordered in watch mode: nothing was touched, the agents would have been run.
    #[serde(default)]
    pub watched_only: bool,
}

/// Names an override.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OverrideId(pub SmolStr);

/// Where an override applies; `None` means everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct OverrideScope {
    /// An AWS account.
    pub account: Option<AccountId>,
    /// A region.
    pub region: Option<Region>,
    /// A kind.
    pub kind: Option<KindId>,
}

/// What an override changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Poll this often, whatever the cadence says.
    Cadence(Duration),
    /// Use another environment's profile.
    Profile(Environment),
    /// Use this share (above 0, at most 1) of each throttle bucket.
    Budget(f64),
    /// Let every agent go and touch nothing.
    KillSwitch,
    /// Let the answer arm do no more than this.
    Answer(AnswerMode),
}

/// Something an operator changed at run time, with an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// Its id.
    pub id: OverrideId,
    /// Where it applies.
    pub scope: OverrideScope,
    /// What it changes.
    pub setting: Setting,
    /// When it ends by itself; every override ends.
    pub expires: Timestamp,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

/// Who did what, when and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: the token's name, or what the caller said of itself on loopback.
    pub who: String,
    /// From which address.
    pub from: String,
    /// What: `refresh`, `cancel`, `override`, `override-removed`, `release`, `log-level`.
    pub action: SmolStr,
    /// The details, in words.
    pub detail: String,
}

/// What was decided about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Led to this many refresh requests.
    Planned(u32),
    /// Genuine, and nothing to refresh.
    NothingToDo,
    /// About an account or region that is not served.
    NotServed,
    /// Not understood; a redacted sample is kept.
    Unknown,
}

/// A message that was heard lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The hint.
    pub hint: Hint,
    /// What was made of it.
    pub verdict: Verdict,
}

/// One change of what is stored. Records are applied in the order in which they are given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// An agent's run is owed. Written before the message that asks for it is acknowledged.
    Owed {
        /// Which agent.
        agent: AgentName,
        /// How urgent.
        class: Class,
        /// What it is about.
        resources: Resources,
        /// Why.
        cause: Cause,
    },
    /// The run is no longer owed: it was done, or it failed visibly.
    Settled {
        /// Which agent.
        agent: AgentName,
    },
    /// An operator's refresh, new or further.
    Refresh(RefreshRecord),
    /// An override was set.
    Override(Override),
    /// An override was taken back or has expired.
    OverrideRemoved(OverrideId),
    /// An audit entry.
    Audit(AuditEntry),
    /// A message that was heard.
    Event(EventRecord),
    /// A counter that goes on over restarts, added to.
    Count {
        /// Its name.
        name: SmolStr,
        /// How much.
        add: u64,
    },
}

/// What was found at start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recovered {
    /// Runs that are owed.
    pub owed: Vec<(AgentName, Class, Resources, Cause)>,
    /// Refreshes, newest first.
    pub refreshes: Vec<RefreshRecord>,
    /// Overrides that have not been taken back.
    pub overrides: Vec<Override>,
    /// When the store was last known to be in use; `None` for a new store. Events may have been missed since.
    pub last_alive: Option<Timestamp>,
    /// Whether the last run ended by an orderly shutdown.
    pub clean: bool,
}

impl Cause {
    /// The cause that a hint gives.
    pub fn of(hint: &Hint) -> Self {
        Self {
            source: hint.origin.source,
            id: hint.origin.id.clone(),
            event: hint.origin.event.clone(),
            received: hint.received,
            occurred: hint.occurred,
        }
    }

    /// A cause of the engine's own.
    pub fn own(event: &str, now: Timestamp) -> Self {
        Self { source: Source::Sweep, id: SmolStr::default(), event: event.into(), received: now, occurred: None }
    }
}
