//! From a message to the kinds and names it speaks of.
//!
//! Nothing here judges whether a message is genuine or whether a call succeeded: that is for whoever received it. Payloads are read in place and never copied.

use aws_event_cache_model::{Change, KindId, Names, ResourceName, ServiceName};
use serde_json::Value;

use crate::catalog::Catalog;
use crate::index::{Called, Calls};
use crate::kind::{Condition, Rule};
use crate::path::{Case, Named, names};
use crate::read::is_resource_type;
use crate::service::Service;

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These kinds; at least one.
    Kinds(Vec<FoundKind>),
    /// AWS speaks of something that nothing of ours depends on.
    OfNoInterest,
    /// Not understood.
    Unknown,
}

/// One kind that a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKind {
    /// The kind.
    pub kind: KindId,
    /// Which of its resources.
    pub names: Names,
    /// How they changed.
    pub change: Change,
    /// `Some` when it changes what a role may do: the role if the message names one, else `None` for any role of the account.
    pub access: Option<Option<ResourceName>>,
}

impl Catalog {
    /// Decodes an AWS Config item: the `configurationItem` or `configurationItemSummary` itself, or the message around it.
    ///
    /// Given the message, an item in which only relations to other resources changed is told apart ([`Change::Related`]) where its kind says that it can wait.
    /// Every well-formed `AWS::…` type without a kind is of no interest: AWS Config knows several hundred.
    pub fn of_config_item(&self, item: &Value) -> Found {
        let inner = item.get("configurationItem").or_else(|| item.get("configurationItemSummary"));
        let diff = item.get("configurationItemDiff").filter(|_| inner.is_some());
        let item = inner.unwrap_or(item);
        let Some(resource_type) = text(item, "resourceType") else { return Found::Unknown };
        let Some(rules) = self.index.items.get(&resource_type.to_lowercase()) else {
            return if is_resource_type(resource_type) { Found::OfNoInterest } else { Found::Unknown };
        };
        let change = change_of_item(item);
        let only_relations = change == Change::Updated && diff.is_some_and(only_relations_changed);
        let mut found = Vec::new();
        for item_rule in rules.iter().filter(|r| holds(&r.rule.when, item, Case::Exact)) {
            let change = if only_relations && item_rule.relations_wait { Change::Related } else { change };
            collect(&mut found, &item_rule.rule, item, Case::Exact, change);
        }
        kinds_or_nothing(found)
    }

    /// Decodes an EventBridge service event: the whole event, with `source`, `detail-type`, `resources` and `detail`.
    pub fn of_event(&self, event: &Value) -> Found {
        let (Some(source), Some(detail_type)) = (text(event, "source"), text(event, "detail-type")) else {
            return Found::Unknown;
        };
        let Some(by_type) = self.index.events.get(source) else { return Found::Unknown };
        let rules = by_type.get(detail_type).map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for rule in rules.iter().filter(|rule| holds(&rule.when, event, Case::Exact)) {
            collect(&mut found, rule, event, Case::Exact, change_by_rule(rule, event, Case::Exact));
        }
        kinds_or_nothing(found)
    }

    /// Decodes a CloudTrail call: the event's `detail`, or a CloudTrail record.
    ///
    /// A write that no rule knows is decided by the parameters that kinds declare for any call, unless the service's file lists it as changing nothing of ours; a
    /// write that names nothing we know is of no interest, since most writes of a service concern things that Clouddriver does not read. So are all writes of
    /// services that no file describes. A known write whose parameters AWS left out means any of its kinds.
    pub fn of_call(&self, detail: &Value) -> Found {
        let (Some(source), Some(event)) = (text(detail, "eventSource"), text(detail, "eventName")) else {
            return Found::Unknown;
        };
        let Some(calls) = self.index.calls.get(source) else {
            return if source.ends_with(".amazonaws.com") { Found::OfNoInterest } else { Found::Unknown };
        };
        let Some(service) = self.services.get(calls.service) else { return Found::Unknown };
        let event = if service.dated_events { without_date(event) } else { event };
        let mut found = Vec::new();
        for rule in matching(service, calls, event, detail) {
            collect(&mut found, rule, detail, Case::Exact, change_by_rule(rule, detail, Case::Exact));
        }
        kinds_or_nothing(found)
    }

    /// Decodes a message that Auto Scaling sent by itself. Its keys are compared without regard to case, since senders spell them differently.
    pub fn of_asg_notification(&self, message: &Value) -> Found {
        let event = folded(message, "Event").or_else(|| folded(message, "LifecycleTransition"));
        let Some(rules) = event.and_then(|event| self.index.notifications.get(event)) else { return Found::Unknown };
        let mut found = Vec::new();
        for rule in rules.iter().filter(|rule| holds(&rule.when, message, Case::Folded)) {
            collect(&mut found, rule, message, Case::Folded, change_by_rule(rule, message, Case::Folded));
        }
        kinds_or_nothing(found)
    }

    /// The service that an EventBridge event says throttles its callers, if it says so.
    pub fn throttled_by_event(&self, event: &Value) -> Option<&ServiceName> {
        let (source, detail_type) = (text(event, "source")?, text(event, "detail-type")?);
        let says_so = |service: &&Service| {
            let mut events =
                service.throttle_events.iter().filter(|t| t.source == source && t.detail_type == detail_type);
            events.any(|t| holds(&t.when, event, Case::Exact))
        };
        self.services.iter().find(says_so).map(|service| &service.name)
    }
}

/// The rules for a call, by name; if none knows the name, those whose parameters it carries.
fn matching<'c>(service: &Service, calls: &'c Calls, event: &str, detail: &Value) -> Vec<&'c Rule> {
    let known = calls.of(event);
    let candidates = match (known.is_empty(), calls.ignores(event)) {
        (false, _) => known,
        (true, true) => return Vec::new(),
        (true, false) => calls.any.iter().collect(),
    };
    let api = api_of(service, detail);
    let fits = |called: &&Called| called.api.is_none() || called.api.as_deref() == api;
    let rules = candidates.into_iter().filter(fits).map(|called| &*called.rule);
    rules.filter(|rule| holds(&rule.when, detail, Case::Exact)).collect()
}

/// Which of a service's interfaces was called: by version, else by a parameter that only one has, else the one without such parameters.
fn api_of<'s>(service: &'s Service, detail: &Value) -> Option<&'s str> {
    let version = text(detail, "apiVersion");
    let by_version = service.apis.iter().find(|api| version == Some(api.version.as_str()));
    let by_sign = || service.apis.iter().find(|api| api.signs.iter().any(|p| p.first(detail, Case::Exact).is_some()));
    let left = || service.apis.iter().find(|api| api.signs.is_empty());
    by_version.or_else(by_sign).or_else(left).map(|api| api.name.as_str())
}

/// `CreateFunction20150331v2` without the date and version of the API.
fn without_date(event: &str) -> &str {
    let unversioned = match event.rsplit_once('v') {
        Some((head, version)) if !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) => head,
        _ => event,
    };
    let cut = unversioned.len().saturating_sub(8);
    match unversioned.get(cut..) {
        Some(date) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => &unversioned[..cut],
        _ => event,
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn folded<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(key))?.1.as_str()
}

fn holds(conditions: &[Condition], value: &Value, case: Case) -> bool {
    conditions.iter().all(|condition| {
        let found = condition.path.first(value, case);
        found.is_some_and(|found| condition.values.iter().any(|allowed| allowed == found))
    })
}

pub(crate) fn change_by_rule(rule: &Rule, value: &Value, case: Case) -> Change {
    let by_value = rule.change.by.as_ref().and_then(|by| {
        let found = by.path.first(value, case)?;
        by.values.iter().find(|(word, _)| word == found).map(|(_, change)| *change)
    });
    by_value.unwrap_or(rule.change.default)
}

/// The status of an item; the names without `Resource` are those of the format of 2014.
fn change_of_item(item: &Value) -> Change {
    match (text(item, "configurationItemStatus"), text(item, "changeType")) {
        (Some("ResourceDeleted" | "ResourceDeletedNotRecorded" | "Deleted"), _) | (_, Some("DELETE")) => {
            Change::Deleted
        }
        (Some("ResourceDiscovered" | "Discovered"), _) | (_, Some("CREATE")) => Change::Created,
        _ => Change::Updated,
    }
}

fn only_relations_changed(diff: &Value) -> bool {
    let changed = diff.get("changedProperties").and_then(Value::as_object);
    changed.is_some_and(|map| !map.is_empty() && map.keys().all(|key| key.starts_with("Relationships")))
}

/// Adds what a rule finds: the kind itself, and what it touches.
fn collect(found: &mut Vec<FoundKind>, rule: &Rule, value: &Value, case: Case, change: Change) {
    let told = names(&rule.names, value, case);
    if rule.only_when_named && told.named == Named::None {
        return;
    }
    // One of several that is written in a way we do not know may be any.
    let is_sure = rule.only_when_named || !told.passed_over;
    let names = if is_sure { Names::from(told.named) } else { Names::Any };
    let access = rule.access.then(|| match &names {
        Names::Some(roles) if roles.len() == 1 => roles.first().cloned(),
        _ => None,
    });
    merge(found, FoundKind { kind: rule.kind.clone(), names, change, access });
    rule.touches.iter().for_each(|kind| touched(found, kind));
}

/// Adds a kind that is made stale by what was found, unless it was found itself.
fn touched(found: &mut Vec<FoundKind>, kind: &KindId) {
    if !found.iter().any(|f| f.kind == *kind) {
        found.push(FoundKind { kind: kind.clone(), names: Names::Any, change: Change::Related, access: None });
    }
}

/// A kind is found once: what was only touched gives way to what is named.
fn merge(found: &mut Vec<FoundKind>, new: FoundKind) {
    match found.iter_mut().find(|f| f.kind == new.kind) {
        Some(old) if old.change == Change::Related => *old = new,
        Some(old) => {
            if let (Names::Some(names), Names::Some(more)) = (&mut old.names, &new.names) {
                names.extend(more.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
            } else {
                old.names = Names::Any;
            }
            old.access = old.access.take().or(new.access);
        }
        None => found.push(new),
    }
}

fn kinds_or_nothing(found: Vec<FoundKind>) -> Found {
    if found.is_empty() { Found::OfNoInterest } else { Found::Kinds(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_dates_are_cut_off_event_names() {
        assert_eq!(without_date("MakeWidget20150331"), "MakeWidget");
        assert_eq!(without_date("PolishWidget20150331v2"), "PolishWidget");
        for plain in ["BreakWidget", "v", "v2", "20150331x", "", "Éé", "Invoke"] {
            assert_eq!(without_date(plain), plain);
        }
    }
}
