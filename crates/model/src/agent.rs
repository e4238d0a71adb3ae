//! Clouddriver's agents: what we know of them beforehand, and what their locks show.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{BadId, KindId, Place, Region, ServiceName, text_id};

text_id! {
    /// An agentType, such as `prod/us-west-2/ClusterCachingAgent`. It is also the exact Redis key or SQL `agent_name` of the agent's lock
    /// (`varchar(500)` in Clouddriver's schema, hence the limit).
    AgentName, "an agent name (1 to 500 characters, no control characters)",
    |t| !t.is_empty() && t.len() <= 500 && !t.chars().any(char::is_control)
}

/// Which of Clouddriver's cloud providers an account or agent belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `aws`: EC2, Auto Scaling, load balancers, Lambda and the rest.
    Aws,
    /// `ecs`.
    Ecs,
}

impl Provider {
    /// As in Clouddriver's URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Ecs => "ecs",
        }
    }
}

/// One of AWS's throttle buckets in a place: the service, and the bucket's name in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BucketId {
    /// The service.
    pub service: ServiceName,
    /// Which of its buckets: an action or a category.
    pub name: SmolStr,
}

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// One agent of one Spinnaker account: the catalogue's knowledge joined with the account directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its exact name.
    pub name: AgentName,
    /// Which provider's agent it is.
    pub provider: Provider,
    /// Spinnaker's name of the account; empty for an agent that reads for all accounts of a region.
    pub account_name: SmolStr,
    /// Where it reads. The region is `global` for agents that exist once per account.
    pub place: Place,
    /// The kinds whose cached copy it replaces.
    pub kinds: Vec<KindId>,
    /// Its stock interval: what Clouddriver would poll it at if we were not here.
    pub interval: Duration,
    /// Lifetime of its lock while it runs; how a running agent is recognised.
    pub timeout: Duration,
    /// About how many AWS calls a run draws from which bucket; an estimate for the budget, not a promise.
    pub calls: Vec<(BucketId, u32)>,
}

impl Agent {
    /// The region as it is used in on-demand calls.
    pub fn region(&self) -> &Region {
        &self.place.region
    }
}

/// What an agent's lock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// No lock: about to start, unknown to Clouddriver, or disabled there.
    Absent,
    /// A run is under way.
    Running {
        /// When it started, by the lock.
        since: Timestamp,
    },
    /// Waiting for its next poll, as stock.
    Idle {
        /// When the last run started, by the lock.
        started: Timestamp,
        /// When it may poll next.
        until: Timestamp,
    },
    /// Waiting because we hold it.
    Held {
        /// When our hold ends by itself.
        until: Timestamp,
    },
}

/// One look at one agent's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSeen {
    /// Whose lock.
    pub agent: AgentName,
    /// What it showed.
    pub state: AgentState,
}

/// "This agent need not poll before `until`." Kept by renewing short locks, so that it ends by itself when we die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Whom.
    pub agent: AgentName,
    /// Until when, as far as the cadence says now; the lock written is shorter and renewed.
    pub until: Timestamp,
    /// From the start of a run to `until`: the interval that this comes to.
    pub every: Duration,
}
