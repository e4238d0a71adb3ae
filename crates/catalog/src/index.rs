//! Lookup tables: from what a message says of itself to the rules for it, in one or two hash lookups.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use crate::kind::{Kind, Rule};
use crate::service::Service;

/// A rule for AWS Config items, as looked up.
#[derive(Debug)]
pub(crate) struct ItemRule {
    pub(crate) relations_wait: bool,
    pub(crate) rule: Arc<Rule>,
}

/// A rule for calls, as looked up.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    pub(crate) api: Option<SmolStr>,
    pub(crate) rule: Arc<Rule>,
}

/// The rules for one service's calls.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// Where the service stands in the catalogue's list.
    pub(crate) service: usize,
    exact: HashMap<SmolStr, Vec<Called>>,
    starts: HashMap<SmolStr, Vec<Called>>,
    /// The lengths of `starts`' keys: how many lookups a name costs.
    start_lengths: BTreeSet<usize>,
    pub(crate) any: Vec<Called>,
    ignored: BTreeSet<SmolStr>,
    ignored_starts: Vec<SmolStr>,
}

impl Calls {
    /// The rules for a call of this name.
    pub(crate) fn of(&self, event: &str) -> Vec<&Called> {
        let mut rules: Vec<&Called> = self.exact.get(event).into_iter().flatten().collect();
        for length in &self.start_lengths {
            if let Some(start) = event.get(..*length) {
                rules.extend(self.starts.get(start).into_iter().flatten());
            }
        }
        rules
    }

    /// Whether a call of this name changes nothing of ours.
    pub(crate) fn ignores(&self, event: &str) -> bool {
        self.ignored.contains(event) || self.ignored_starts.iter().any(|start| event.starts_with(start.as_str()))
    }

    fn add(&mut self, event: &SmolStr, called: Called) {
        match event.strip_suffix('*') {
            Some(start) => {
                self.start_lengths.insert(start.len());
                self.starts.entry(SmolStr::new(start)).or_default().push(called);
            }
            None => self.exact.entry(event.clone()).or_default().push(called),
        }
    }
}

/// All tables.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By resource type in lower case: old messages write it in upper case.
    pub(crate) items: HashMap<String, Vec<ItemRule>>,
    /// By source, then detail-type.
    pub(crate) events: HashMap<SmolStr, HashMap<SmolStr, Vec<Arc<Rule>>>>,
    /// By CloudTrail's event source.
    pub(crate) calls: HashMap<SmolStr, Arc<Calls>>,
    /// By notification event.
    pub(crate) notifications: HashMap<SmolStr, Vec<Arc<Rule>>>,
    pub(crate) throttle_codes: BTreeSet<SmolStr>,
}

impl Index {
    pub(crate) fn build(kinds: &[Kind], services: &[Service]) -> Self {
        let mut index = Self::default();
        for kind in kinds {
            index.add_kind(kind);
        }
        for (n, service) in services.iter().enumerate() {
            let calls = Arc::new(calls_of(n, service, kinds));
            index.calls.extend(service.event_sources.iter().map(|source| (source.clone(), Arc::clone(&calls))));
            for source in &service.bridge_sources {
                index.events.entry(source.clone()).or_default();
            }
            for event in &service.ignored_notifications {
                index.notifications.entry(event.clone()).or_default();
            }
            index.throttle_codes.extend(service.throttle_codes.iter().cloned());
        }
        index
    }

    /// The rules for a call of a service, by name.
    pub(crate) fn calls_of(&self, service: &Service, event: &str) -> Vec<&Called> {
        self.calls_at(service).map(|calls| calls.of(event)).unwrap_or_default()
    }

    /// Whether a call of a service changes nothing of ours.
    pub(crate) fn ignores(&self, service: &Service, event: &str) -> bool {
        self.calls_at(service).is_some_and(|calls| calls.ignores(event))
    }

    fn calls_at(&self, service: &Service) -> Option<&Calls> {
        service.event_sources.first().and_then(|source| self.calls.get(source)).map(AsRef::as_ref)
    }

    fn add_kind(&mut self, kind: &Kind) {
        for config in &kind.config {
            let rule = ItemRule { relations_wait: config.relations_wait, rule: Arc::clone(&config.rule) };
            self.items.entry(config.resource_type.to_lowercase()).or_default().push(rule);
        }
        for event in &kind.events {
            let by_type = self.events.entry(event.source.clone()).or_default();
            for detail_type in &event.detail_types {
                by_type.entry(detail_type.clone()).or_default().push(Arc::clone(&event.rule));
            }
        }
        for notification in &kind.notifications {
            for event in &notification.events {
                self.notifications.entry(event.clone()).or_default().push(Arc::clone(&notification.rule));
            }
        }
    }
}

fn calls_of(at: usize, service: &Service, kinds: &[Kind]) -> Calls {
    let mut calls = Calls { service: at, ..Calls::default() };
    for kind in kinds {
        for call in kind.calls.iter().filter(|call| call.service == service.name) {
            for event in &call.events {
                calls.add(event, Called { api: call.api.clone(), rule: Arc::clone(&call.rule) });
            }
        }
        let any = kind.any_calls.iter().filter(|any| any.service == service.name);
        calls.any.extend(any.map(|any| Called { api: any.api.clone(), rule: Arc::clone(&any.rule) }));
    }
    for event in &service.ignored_calls {
        match event.strip_suffix('*') {
            Some(start) => calls.ignored_starts.push(SmolStr::new(start)),
            None => {
                calls.ignored.insert(event.clone());
            }
        }
    }
    calls
}
