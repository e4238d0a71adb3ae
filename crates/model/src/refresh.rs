//! Refresh requests and what came of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::agent::Agent;
use crate::hint::Source;
use crate::ids::{KindId, ResourceName};

/// How urgent a refresh is. Ordered: a later variant goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The safety net: a slow poll, or everything after a gap.
    Sweep,
    /// A second look after the settle window, since a read right after an event can return the old state.
    Settle,
    /// A change was heard of.
    Event,
    /// A person or pipeline asked.
    Operator,
}

impl Class {
    /// All classes, most urgent first.
    pub const ALL: [Class; 4] = [Class::Operator, Class::Event, Class::Settle, Class::Sweep];

    /// As in labels and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Settle => "settle",
            Self::Event => "event",
            Self::Operator => "operator",
        }
    }
}

/// Why a refresh was asked for: the first cause is kept, later ones are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The way in.
    pub source: Source,
    /// The hint's id.
    pub id: SmolStr,
    /// The hint in the sender's words.
    pub event: SmolStr,
    /// When it reached us.
    pub received: Timestamp,
    /// When it happened at AWS, if the sender said.
    pub occurred: Option<Timestamp>,
}

/// At most this many resources are remembered for one refresh; beyond it "any of the kind" costs one listing instead of as many single calls.
const RESOURCES_LIMIT: usize = 32;

/// The resources that a refresh is about, for on-demand calls: bounded, since a burst may name thousands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    named: BTreeSet<(KindId, ResourceName)>,
    whole: BTreeSet<KindId>,
}

impl Resources {
    /// Adds one resource; past the limit the whole kind is meant.
    pub fn add(&mut self, kind: KindId, name: ResourceName) {
        if self.whole.contains(&kind) {
            return;
        }
        if self.named.len() >= RESOURCES_LIMIT {
            self.add_whole(kind);
        } else {
            self.named.insert((kind, name));
        }
    }

    /// Adds all resources of a kind.
    pub fn add_whole(&mut self, kind: KindId) {
        self.named.retain(|(k, _)| *k != kind);
        self.whole.insert(kind);
    }

    /// Takes over what another refresh is about.
    pub fn merge(&mut self, other: Resources) {
        other.whole.into_iter().for_each(|kind| self.add_whole(kind));
        other.named.into_iter().for_each(|(kind, name)| self.add(kind, name));
    }

    /// Single resources.
    pub fn named(&self) -> impl Iterator<Item = (&KindId, &ResourceName)> {
        self.named.iter().map(|(kind, name)| (kind, name))
    }

    /// Kinds of which any resource may be meant.
    pub fn whole(&self) -> impl Iterator<Item = &KindId> {
        self.whole.iter()
    }

    /// Every kind concerned, each once.
    pub fn kinds(&self) -> BTreeSet<&KindId> {
        self.whole.iter().chain(self.named.iter().map(|(kind, _)| kind)).collect()
    }
}

/// What planning asks for: an agent's data is to be newer than `since`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which agent is to run.
    pub agent: Arc<Agent>,
    /// How urgent.
    pub class: Class,
    /// Not before this time.
    pub not_before: Timestamp,
    /// A run counts only if it started at or after this time.
    pub since: Timestamp,
    /// What it is about.
    pub resources: Resources,
    /// Why.
    pub cause: Cause,
}

/// What the queue hands to the drive arm: see to it that `agent` runs once, starting at or after `since`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRequest {
    /// Which agent.
    pub agent: Arc<Agent>,
    /// The most urgent class of all that was merged.
    pub class: Class,
    /// A run counts only if it started at or after this time: the latest hint merged in.
    pub since: Timestamp,
    /// What it is about.
    pub resources: Resources,
    /// The first cause.
    pub cause: Cause,
    /// How many causes were merged, the first included.
    pub causes: u32,
    /// How many times this was tried before and failed.
    pub attempt: u32,
}

/// By what means a refresh was brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// We made the agent run.
    ForcedRun,
    /// The agent ran by itself at the right time.
    OwnRun,
    /// Clouddriver's on-demand call.
    OnDemand,
    /// Watch mode: nothing was touched, this is what would have been done.
    WouldForce,
}

/// What came of a refresh request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A run that started at or after `since` has ended.
    Refreshed {
        /// When the run started, by the lock store (or when the on-demand call was sent).
        started: Timestamp,
        /// When we saw that it had ended.
        ended: Timestamp,
        /// How.
        means: Means,
    },
    /// It did not work.
    Failed {
        /// Why, in plain words.
        why: String,
        /// Whether trying again can help.
        retry: Retry,
    },
}

/// Whether and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After the queue's own backoff.
    Backoff,
    /// Not before this much time has passed.
    After(Duration),
    /// Trying again cannot help: a visible failure.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ordered_by_urgency() {
        assert!(Class::Operator > Class::Event && Class::Event > Class::Settle && Class::Settle > Class::Sweep);
        assert!(Class::ALL.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn more_resources_than_the_limit_become_the_whole_kind() {
        let widget = KindId::new("widget").unwrap();
        let mut resources = Resources::default();
        for n in 0..100 {
            resources.add(widget.clone(), ResourceName::new(format!("w-{n}")).unwrap());
        }
        assert_eq!(resources.named().count(), 0);
        assert_eq!(resources.whole().collect::<Vec<_>>(), [&widget]);
    }
}
