//! The rules by which a member forwards events, made from the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use aws_event_cache_catalog::{Catalog, Service};
use serde_json::{Value, json};
use smol_str::SmolStr;

use crate::demand::Demand;
use crate::options::Writes;
use crate::pattern::{PATTERN_LIMIT, size, split};

/// A rule on a member's default event bus.
#[derive(Debug, Clone, PartialEq)]
pub struct ForwardRule {
    /// Its name after the prefix: `writes-ec2`.
    pub id: String,
    /// What it forwards, for people.
    pub description: String,
    /// EventBridge's pattern, at most [`PATTERN_LIMIT`] characters long.
    pub pattern: Value,
    /// Whether it is about AWS Config, and so needs a recorder.
    pub config: bool,
}

/// A name in the catalogue that no event pattern can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the catalogue's {0} is longer than an event pattern may be ({PATTERN_LIMIT} characters)")]
pub struct RuleTooLong(String);

/// What CloudTrail's events are called: calls, and what services did by themselves.
const RECORDED: [&str; 2] = ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"];
/// The same as China's documents write it.
const RECORDED_IN_CHINA: [&str; 2] = ["Amazon API Call via CloudTrail", "Amazon Service Event via CloudTrail"];
/// Where Service Quotas tells that a limit was raised.
const QUOTAS: &str = "aws.servicequotas";
/// AWS Config's item, whole or summarised.
const CONFIG_EVENT: &str = "Config Configuration Item Change";

/// Every rule that the kinds in use need: no event that the catalogue decodes for them is left out. `china` adds the names of China's partition.
///
/// # Errors
/// [`RuleTooLong`], when the operator's catalogue has a name beyond all measure.
pub fn forward_rules(demand: &Demand<'_>, writes: Writes, china: bool) -> Result<Vec<ForwardRule>, RuleTooLong> {
    let recorded: Vec<&str> = RECORDED.iter().chain(RECORDED_IN_CHINA.iter().filter(|_| china)).copied().collect();
    let mut rules = native(demand)?;
    for service in demand.catalog().services() {
        rules.extend(of_service(demand, service, writes, &recorded)?);
    }
    let description = "Raised quotas: limits learned from throttling are forgotten.".to_owned();
    let pattern = json!({"detail-type": recorded, "source": [QUOTAS]});
    rules.push(ForwardRule { id: "quotas".to_owned(), description, pattern, config: false });
    rules.extend(config(demand)?);
    Ok(rules)
}

/// What services tell by themselves. A detail-type belongs to one source, so sources and types may stand in two lists.
fn native(demand: &Demand<'_>) -> Result<Vec<ForwardRule>, RuleTooLong> {
    let mut types: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let events = demand.catalog().kinds().flat_map(|kind| &kind.events).filter(|event| demand.wants(&event.rule));
    for event in events {
        types.entry(event.source.as_str()).or_default().extend(event.detail_types.iter().map(SmolStr::as_str));
    }
    for throttle in demand.services().flat_map(|service| &service.throttle_events) {
        types.entry(throttle.source.as_str()).or_default().insert(throttle.detail_type.as_str());
    }
    let pairs: Vec<Value> =
        types.iter().flat_map(|(source, types)| types.iter().map(move |detail| json!([source, detail]))).collect();
    let patterns = split(&pairs, |pairs| {
        let part = |n: usize| pairs.iter().map(|pair| &pair[n]).collect::<Vec<_>>();
        let mut sources = part(0);
        sources.dedup();
        json!({"detail-type": part(1), "source": sources})
    });
    let patterns = patterns.map_err(|pair| RuleTooLong(format!("event {}", pair[1])))?;
    let description = "What services tell by themselves about the kinds in use.";
    Ok(numbered("events", description, patterns, false))
}

/// The writes of one service.
fn of_service(
    demand: &Demand<'_>,
    service: &Service,
    writes: Writes,
    recorded: &[&str],
) -> Result<Vec<ForwardRule>, RuleTooLong> {
    let catalog = demand.catalog();
    let known = known_calls(demand, service);
    let unknown = catalog.kinds().flat_map(|kind| &kind.any_calls).filter(|call| call.service == service.name);
    let hears_unknown = writes == Writes::All && unknown.into_iter().any(|call| demand.wants(&call.rule));
    let id = format!("writes-{}", service.name);
    if hears_unknown {
        let pattern = all_writes(catalog, service, &known, recorded);
        let description = format!("{}: every write but those that change nothing of ours.", service.title);
        return Ok(vec![ForwardRule { id, description, pattern, config: false }]);
    }
    let names: Vec<Value> = known.iter().flat_map(|name| name_matchers(service, name)).collect();
    let patterns = split(&names, |names| recorded_calls(catalog, service, recorded, names));
    let patterns = patterns.map_err(|name| RuleTooLong(format!("call {name}")))?;
    let description = format!("{}: the writes that the catalogue lists.", service.title);
    Ok(numbered(&id, &description, patterns, false))
}

/// Every write but the ignored ones. Should so many be ignored that the pattern gets too long, some are forwarded nevertheless: they cost a message each and do
/// no harm.
fn all_writes(catalog: &Catalog, service: &Service, known: &BTreeSet<SmolStr>, recorded: &[&str]) -> Value {
    let mut ignored: Vec<String> = service
        .ignored_calls
        .iter()
        .filter(|ignored| !known.iter().any(|known| overlap(ignored, known)))
        // The service's dates all begin with the century, and a name that only begins alike is not meant.
        .map(|name| if service.dated_events && !name.ends_with('*') { format!("{name}20*") } else { name.to_string() })
        .collect();
    loop {
        let but = (!ignored.is_empty()).then(|| json!({"anything-but": {"wildcard": ignored}}));
        let pattern = recorded_calls(catalog, service, recorded, but.as_slice());
        if size(&pattern) <= PATTERN_LIMIT || ignored.pop().is_none() {
            return pattern;
        }
    }
}

/// The calls of a service of which something in use hears by name.
fn known_calls(demand: &Demand<'_>, service: &Service) -> BTreeSet<SmolStr> {
    let calls = demand.catalog().kinds().flat_map(|kind| &kind.calls);
    let wanted = calls.filter(|call| call.service == service.name && demand.wants(&call.rule));
    wanted.flat_map(|call| call.events.iter().cloned()).collect()
}

/// Whether two names, each of which may end in `*`, have a call in common.
fn overlap(a: &str, b: &str) -> bool {
    match (a.strip_suffix('*'), b.strip_suffix('*')) {
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
        (Some(start), None) => b.starts_with(start),
        (None, Some(start)) => a.starts_with(start),
        (None, None) => a == b,
    }
}

/// A name as EventBridge matches it. Where CloudTrail adds the API's date, the plain name is matched as well: it need not stay so.
fn name_matchers(service: &Service, name: &str) -> Vec<Value> {
    match name.strip_suffix('*') {
        Some(start) => vec![json!({"prefix": start})],
        None if service.dated_events => vec![json!(name), json!({"prefix": format!("{name}20")})],
        None => vec![json!(name)],
    }
}

/// Calls of these names (of any, if there are none) that succeeded, or were refused for their rate: a throttled write says how close the account is to its limits.
fn recorded_calls(catalog: &Catalog, service: &Service, recorded: &[&str], names: &[Value]) -> Value {
    let codes = catalog.names_of_throttle_codes().map(|code| json!(code));
    let errors: Vec<Value> = std::iter::once(json!({"exists": false})).chain(codes).collect();
    let mut detail = json!({"errorCode": errors, "eventName": names, "eventSource": service.event_sources});
    if let Some(fields) = detail.as_object_mut().filter(|_| names.is_empty()) {
        fields.remove("eventName");
    }
    json!({
        "detail": detail,
        "detail-type": recorded,
        // Only AWS may use this prefix, so nobody in the account can pass off events of their own as calls.
        "source": [{"prefix": "aws."}],
    })
}

/// AWS Config's items of the types in use: whole ones name the type in one place, those too large to be sent whole in another.
fn config(demand: &Demand<'_>) -> Result<Vec<ForwardRule>, RuleTooLong> {
    let all = demand.catalog().kinds().flat_map(|kind| &kind.config).filter(|config| demand.wants(&config.rule));
    let types: BTreeSet<&str> = all.map(|config| config.resource_type.as_str()).collect();
    let types: Vec<Value> = types.into_iter().map(Value::from).collect();
    let mut rules = Vec::new();
    for (id, field, description) in [
        ("config-items", "configurationItem", "AWS Config's items of the types in use."),
        ("config-oversized", "configurationItemSummary", "AWS Config's items that are too large to be sent whole."),
    ] {
        let patterns = split(
            &types,
            |types| json!({"detail": {field: {"resourceType": types}}, "detail-type": [CONFIG_EVENT], "source": ["aws.config"]}),
        );
        let patterns = patterns.map_err(|of| RuleTooLong(format!("type {of}")))?;
        rules.extend(numbered(id, description, patterns, true));
    }
    Ok(rules)
}

/// One rule for each pattern; from the second on they are numbered.
fn numbered(id: &str, description: &str, patterns: Vec<Value>, config: bool) -> Vec<ForwardRule> {
    let name = |n: usize| if n == 0 { id.to_owned() } else { format!("{id}-{}", n + 1) };
    let rule = |(n, pattern)| ForwardRule { id: name(n), description: description.to_owned(), pattern, config };
    patterns.into_iter().enumerate().map(rule).collect()
}
