//! Kinds: what one file of `kinds/` says.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{BucketId, Change, KindId, Place, Provider, Region, ResourceName, Scope, ServiceName};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::name_form::NameForm;
use crate::operation::Read;
use crate::path::{NameRule, Path};
use crate::template::{BodyValue, Filling, Slot};

/// How much of what happens to a kind AWS announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Every change that matters.
    Full,
    /// Some change by themselves (counts, states in transition) unannounced.
    Partial,
    /// Nothing: only polling shows a change.
    None,
}

/// How far a change of a kind reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It lives in one region.
    Region,
    /// It belongs to the account: its messages come from whichever region AWS chooses, and its readers may sit in any.
    Account,
}

/// What one kind's file says.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name: the file's.
    pub id: KindId,
    /// For people.
    pub title: String,
    /// Other words for it: Clouddriver's types and cache namespaces.
    pub aliases: Vec<SmolStr>,
    /// By what its resources are named in hints, for people: `group id (sg-…)`.
    pub named_by: String,
    /// How much of it events cover.
    pub coverage: Coverage,
    /// How far its changes reach.
    pub reach: Reach,
    /// Never poll more often than this by cadence.
    pub floor: Duration,
    /// Longest time between two polls while the event stream is healthy.
    pub ceiling: Duration,
    /// How long after a change AWS may still answer with the old state.
    pub settle: Duration,
    /// When to look once more after a creation or deletion, counted from the change; only for kinds whose settle window AWS sometimes exceeds.
    pub second_look: Option<Duration>,
    /// Kinds that every change of this one makes stale as well. What those touch in turn is not meant: the list is complete.
    pub touches: Vec<KindId>,
    /// Names of the agent files whose agents read it.
    pub agents: Vec<SmolStr>,
    /// Clouddriver's on-demand call, where it helps.
    pub on_demand: Option<OnDemand>,
    /// The throttle buckets that reading it draws on.
    pub buckets: Vec<BucketId>,
    /// The AWS Config types that stand for it.
    pub config: Vec<ConfigRule>,
    /// The EventBridge service events about it.
    pub events: Vec<EventRule>,
    /// The CloudTrail calls that change it.
    pub calls: Vec<CallRule>,
    /// Parameters by which a write that no rule knows still names it.
    pub any_calls: Vec<AnyCallRule>,
    /// Auto Scaling's own notifications about it.
    pub notifications: Vec<NotificationRule>,
    /// Writes that change it, beside those of the call rules.
    pub writes: Vec<WriteRule>,
    /// AWS operations that read it.
    pub reads: Vec<Read>,
    /// Every way in which its reads name single resources.
    pub(crate) forms: Vec<NameForm>,
    /// The file it was read from.
    pub file: String,
}

impl Kind {
    /// Its scope at a place: kinds that belong to an account have one for all its regions. Whoever marks a scope and whoever depends on it go by this.
    pub fn scope_at(&self, place: &Place) -> Scope {
        let home = match self.reach {
            Reach::Region => place.clone(),
            Reach::Account => {
                let global = Region::new("global").expect("invariant: global is a region");
                Place::new(place.account.clone(), global)
            }
        };
        home.scope(self.id.clone())
    }
}

/// How a rule that matched turns a message into a found kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Of which kind.
    pub kind: KindId,
    /// Where the names are: the first that gives any.
    pub names: Vec<NameRule>,
    /// Without a name the kind is not concerned. Else it means any of the kind.
    pub only_when_named: bool,
    /// How the resource changed.
    pub change: ChangeRule,
    /// Conditions that must all hold.
    pub when: Vec<Condition>,
    /// Whether it changes what a role may do; the name is then the role's.
    pub access: bool,
    /// Kinds made stale indirectly by this message, beside those that every change of the kind touches. Decoding reports them as found, any of the kind and
    /// [`Change::Related`].
    pub touches: Vec<KindId>,
}

/// How a resource changed, by rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRule {
    /// Unless a value says otherwise.
    pub default: Change,
    /// Values at a path that mean something else.
    pub by: Option<ChangeBy>,
}

/// Values that say how a resource changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeBy {
    /// Where the value is.
    pub path: Path,
    /// What which value means.
    pub values: Vec<(SmolStr, Change)>,
}

/// A value that must be one of a few.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Where it is.
    pub path: Path,
    /// What it may be.
    pub values: Vec<SmolStr>,
}

/// A rule for AWS Config items.
#[derive(Debug, Clone)]
pub struct ConfigRule {
    /// The resource type, as AWS writes it.
    pub resource_type: SmolStr,
    /// Whether an item in which only relations to other resources changed can wait a little.
    pub relations_wait: bool,
    /// What it means.
    pub rule: Arc<Rule>,
}

/// A rule for EventBridge service events.
#[derive(Debug, Clone)]
pub struct EventRule {
    /// The event's source.
    pub source: SmolStr,
    /// Its detail-types.
    pub detail_types: Vec<SmolStr>,
    /// What they mean.
    pub rule: Arc<Rule>,
}

/// A rule for CloudTrail calls.
#[derive(Debug, Clone)]
pub struct CallRule {
    /// The service's file.
    pub service: ServiceName,
    /// Which of a service's interfaces, where several share one event source.
    pub api: Option<SmolStr>,
    /// Event names; a trailing `*` stands for any ending.
    pub events: Vec<SmolStr>,
    /// What they mean.
    pub rule: Arc<Rule>,
}

/// A rule for writes that no other rule knows.
#[derive(Debug, Clone)]
pub struct AnyCallRule {
    /// The service's file.
    pub service: ServiceName,
    /// Which of its interfaces.
    pub api: Option<SmolStr>,
    /// What a name found means.
    pub rule: Arc<Rule>,
}

/// A rule for Auto Scaling's own notifications.
#[derive(Debug, Clone)]
pub struct NotificationRule {
    /// Values of `Event` or `LifecycleTransition`.
    pub events: Vec<SmolStr>,
    /// What they mean.
    pub rule: Arc<Rule>,
}

/// Writes that are told from the requests themselves, when they pass by on their way to AWS, beside those of the call rules. They mean any of the kind.
///
/// What a client changes it may read back a moment later, so more is taken for changed here than events are worth a refresh for.
#[derive(Debug, Clone)]
pub struct WriteRule {
    /// The service's file.
    pub service: ServiceName,
    /// Which of its interfaces.
    pub api: Option<SmolStr>,
    /// The operations.
    pub operations: Vec<SmolStr>,
}

/// Clouddriver's on-demand call for a kind.
#[derive(Debug, Clone)]
pub struct OnDemand {
    /// Whose: the first path segment.
    pub provider: Provider,
    /// Clouddriver's type: the second.
    pub kind: SmolStr,
    /// The body's fields.
    pub fields: Vec<(SmolStr, BodyValue)>,
    /// What it changes where Clouddriver caches in SQL.
    pub effect_sql: Effect,
    /// What it changes where Clouddriver caches in Redis.
    pub effect_redis: Effect,
}

/// What an on-demand call changes in Clouddriver's view, seen right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Everything, deletions included.
    Full,
    /// What exists is brought up to date; what is gone stays.
    UpdatesOnly,
    /// What is gone goes; what exists waits for the agent's next run.
    Parks,
    /// Only what is gone goes.
    DeletesOnly,
    /// Nothing.
    Nothing,
    /// The resource is brought up to date and the one asked for before disappears until the agent's next run (seen with Clouddriver 5.76 and 5.90).
    HidesOthers,
}

impl OnDemand {
    /// Whether the call is about one resource, so that it cannot be made without a name.
    pub fn needs_name(&self) -> bool {
        self.fields.iter().any(|(_, value)| value.has(Slot::Name))
    }

    /// The body to send, for Spinnaker's name of the account. `None` when the call needs a resource's name and there is none, or the resource is of a sort that
    /// the call does not serve.
    pub fn body(&self, account: &str, region: &Region, name: Option<&ResourceName>) -> Option<Value> {
        let filling = Filling { account, region: region.as_str(), name: name.map(ResourceName::as_str) };
        let mut body = Map::new();
        for (key, value) in &self.fields {
            body.insert(key.to_string(), value.fill(filling)?);
        }
        Some(Value::Object(body))
    }
}
