//! From a write on its way to AWS to what it may change.
//!
//! CloudTrail tells of the same write minutes later, in AWS's own words. Here the request is all there is: names that AWS gives are not in it yet, and what it
//! names it may write in another way than CloudTrail does. So whatever cannot be told means more, never less: any of the kind, or every kind of the service.

use aws_event_cache_model::{Change, KindId, Names, ServiceName};
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::decode::{FoundKind, change_by_rule};
use crate::kind::{Condition, Rule};
use crate::path::{Case, Named, names};
use crate::requests::Operations;
use crate::service::Service;

impl Catalog {
    /// What a write may change, by its operation and its parameters, which are to be written as CloudTrail writes them: nested, first letters small. Empty for a
    /// write that changes nothing of ours, as the service's file says, and for services that no file describes.
    ///
    /// Every kind that is touched is found as well, and names are to go through [`Catalog::ledger_names`] like those of any message.
    pub fn of_write(
        &self,
        service: &ServiceName,
        api_version: Option<&str>,
        operation: &str,
        cloudtrail_like: &Value,
    ) -> Vec<FoundKind> {
        let Some(operations) = self.requests.of(service) else { return Vec::new() };
        let Some(service) = self.services.get(operations.service) else { return Vec::new() };
        let api =
            service.apis.iter().find(|api| Some(api.version.as_str()) == api_version).map(|api| api.name.as_str());
        let mut found = Vec::new();
        let detail = json!({"requestParameters": cloudtrail_like});
        let known = self.by_rules(service, api, operation, &detail, &mut found);
        let listed = by_lists(operations, api, operation, &mut found);
        if !known && !listed && !self.index.ignores(service, operation) {
            for (_, kind) in operations.kinds.iter().filter(|(of, _)| fits(of.as_deref(), api)) {
                merge(&mut found, self.any_of(kind, service));
            }
        }
        self.with_touched(found)
    }

    /// Adds what the rules for calls find; whether any rule knows the operation.
    fn by_rules(
        &self,
        service: &Service,
        api: Option<&str>,
        operation: &str,
        detail: &Value,
        found: &mut Vec<FoundKind>,
    ) -> bool {
        let mut known = false;
        for called in self.index.calls_of(service, operation) {
            if fits(called.api.as_deref(), api) {
                known = true;
                collect(found, &called.rule, detail);
            }
        }
        known
    }

    /// A write that nobody knows may change anything, and what a role may do if the service has to do with that.
    fn any_of(&self, kind: &KindId, service: &Service) -> FoundKind {
        let mut calls = self.kind(kind).into_iter().flat_map(|kind| &kind.calls);
        let access = calls.any(|call| call.service == service.name && call.rule.access).then_some(None);
        FoundKind { kind: kind.clone(), names: Names::Any, change: Change::Updated, access }
    }

    fn with_touched(&self, mut found: Vec<FoundKind>) -> Vec<FoundKind> {
        for at in 0..found.len() {
            let touches = self.kind(&found[at].kind).map(|kind| kind.touches.as_slice()).unwrap_or_default();
            touches.iter().for_each(|kind| touch(&mut found, kind));
        }
        found
    }
}

/// Whether a rule for one interface can be meant; a version that nobody knows may be of any.
fn fits(of: Option<&str>, api: Option<&str>) -> bool {
    of.is_none() || api.is_none() || of == api
}

fn by_lists(operations: &Operations, api: Option<&str>, operation: &str, found: &mut Vec<FoundKind>) -> bool {
    let mut listed = false;
    for (of, kind) in operations.writes.get(operation).into_iter().flatten() {
        if fits(of.as_deref(), api) {
            listed = true;
            merge(found, FoundKind { kind: kind.clone(), names: Names::Any, change: Change::Updated, access: None });
        }
    }
    listed
}

/// Adds what a rule finds, unless the request shows that it does not.
fn collect(found: &mut Vec<FoundKind>, rule: &Rule, detail: &Value) {
    if !rule.when.iter().all(|condition| may_hold(condition, detail)) {
        return;
    }
    let told = names(&rule.names, detail, Case::Exact);
    // Names of other kinds were named, and only those.
    if rule.only_when_named && told.named == Named::None && told.passed_over {
        return;
    }
    let is_sure = rule.only_when_named || !told.passed_over;
    let names = if is_sure { Names::from(told.named) } else { Names::Any };
    let access = rule.access.then(|| match &names {
        Names::Some(roles) if roles.len() == 1 => roles.first().cloned(),
        _ => None,
    });
    let change = change_by_rule(rule, detail, Case::Exact);
    merge(found, FoundKind { kind: rule.kind.clone(), names, change, access });
    rule.touches.iter().for_each(|kind| touch(found, kind));
}

/// A kind is found once, with all that was found of it.
fn merge(found: &mut Vec<FoundKind>, new: FoundKind) {
    let Some(old) = found.iter_mut().find(|old| old.kind == new.kind) else {
        found.push(new);
        return;
    };
    if let (Names::Some(names), Names::Some(more)) = (&mut old.names, new.names) {
        let unknown: Vec<_> = more.into_iter().filter(|name| !names.contains(name)).collect();
        names.extend(unknown);
    } else {
        old.names = Names::Any;
    }
    if old.change == Change::Related {
        old.change = new.change;
    }
    old.access = old.access.take().or(new.access);
}

/// Any of a kind may be stale.
fn touch(found: &mut Vec<FoundKind>, kind: &KindId) {
    merge(found, FoundKind { kind: kind.clone(), names: Names::Any, change: Change::Related, access: None });
}

/// A condition on what the request does not say may hold.
fn may_hold(condition: &Condition, detail: &Value) -> bool {
    condition.path.first(detail, Case::Exact).is_none_or(|value| condition.values.iter().any(|of| of == value))
}
