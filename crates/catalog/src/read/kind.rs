//! Reads a file of `kinds/`.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{Change, KindId};
use smol_str::SmolStr;

use super::Target;
use super::agent::PROVIDERS;
use super::fields::{Fields, Reader, Spot};
use super::operation;
use crate::error::nearest;
use crate::kind::{
    AnyCallRule, CallRule, ChangeBy, ChangeRule, Condition, ConfigRule, Coverage, Effect, EventRule, Kind,
    NotificationRule, OnDemand, Reach, Rule,
};
use crate::path::{NameRule, Path};
use crate::template::{BodyValue, Template};
use crate::tree::{Node, Tree};

const CHANGES: [(&str, Change); 4] = [
    ("created", Change::Created),
    ("updated", Change::Updated),
    ("deleted", Change::Deleted),
    ("related", Change::Related),
];
const COVERAGES: [(&str, Coverage); 3] =
    [("full", Coverage::Full), ("partial", Coverage::Partial), ("none", Coverage::None)];
const REACHES: [(&str, Reach); 2] = [("region", Reach::Region), ("account", Reach::Account)];
const EFFECTS: [(&str, Effect); 6] = [
    ("full", Effect::Full),
    ("updates-only", Effect::UpdatesOnly),
    ("parks", Effect::Parks),
    ("deletes-only", Effect::DeletesOnly),
    ("nothing", Effect::Nothing),
    ("hides-others", Effect::HidesOthers),
];

/// Where paths may start, by source of the message.
const CONFIG_ROOTS: [&str; 5] = ["resourceId", "resourceName", "ARN", "configuration", "supplementaryConfiguration"];
const EVENT_ROOTS: [&str; 2] = ["detail", "resources"];
const CALL_ROOTS: [&str; 2] = ["req", "resp"];
const ANY_ROOT: [&str; 0] = [];

/// What every rule of a kind's file needs to be read.
pub(super) struct Context<'r> {
    pub(super) reader: &'r Reader<'r>,
    pub(super) kind: KindId,
}

pub(super) fn read(reader: &Reader<'_>, stem: &str, node: &Node) -> Option<Kind> {
    let id = KindId::new(stem).ok()?;
    let cx = Context { reader, kind: id.clone() };
    let mut fields = Fields::open(reader, Spot { node, field: "" });
    let text = |spot: Option<Spot<'_>>| spot.and_then(|spot| reader.text(spot)).unwrap_or_default().to_owned();
    let title = text(fields.need("title"));
    let aliases = reader.list(fields.get("aliases"), |spot| alias(&cx, spot));
    let named_by = text(fields.need("named_by"));
    let coverage = fields.need("coverage").and_then(|spot| reader.word(spot, &COVERAGES));
    let reach = fields.get("reach").map_or(Some(Reach::Region), |spot| reader.word(spot, &REACHES));
    let (floor, ceiling) = fields.need("cadence").map(|spot| cadence(reader, spot)).unwrap_or_default();
    let settle = fields.need("settle").and_then(|spot| reader.duration(spot));
    let second_look = fields.get("second_look").and_then(|spot| reader.duration(spot));
    let touches = kinds(&cx, fields.get("touches"));
    let beneath = kinds(&cx, fields.get("beneath"));
    let agents = reader.list(fields.need("agents"), |spot| agent(&cx, spot));
    let on_demand = fields.get("on_demand").and_then(|spot| on_demand(&cx, spot));
    let config = reader.list(fields.get("config"), |spot| config(&cx, spot));
    let events = reader.list(fields.get("events"), |spot| event(&cx, spot));
    let calls = reader.list(fields.get("calls"), |spot| call(&cx, spot));
    let any_calls = reader.list(fields.get("any_call"), |spot| any_call(&cx, spot));
    let notifications = reader.list(fields.get("notifications"), |spot| notification(&cx, spot));
    let writes = reader.list(fields.get("writes"), |spot| operation::write(&cx, spot));
    let mut reads = reader.list(fields.need("reads"), |spot| operation::read(&cx, spot));
    fields.end();
    let own = reads.iter().any(|read| read.item.is_some()).then(|| id.clone());
    let beneath: Vec<_> = own.into_iter().chain(beneath).collect();
    reads.iter_mut().for_each(|read| read.beneath.clone_from(&beneath));
    let mut forms: Vec<_> = reads.iter().filter_map(|read| read.item.as_ref()?.name.clone()).collect();
    forms.dedup();
    let mut buckets: Vec<_> = reads.iter().map(|read| read.bucket.clone()).collect();
    buckets.sort();
    buckets.dedup();
    Some(Kind {
        id,
        title,
        aliases,
        named_by,
        coverage: coverage?,
        reach: reach?,
        floor,
        ceiling,
        settle: settle?,
        second_look,
        touches,
        agents,
        on_demand,
        buckets,
        config,
        events,
        calls,
        any_calls,
        notifications,
        writes,
        reads,
        forms,
        file: reader.file().to_owned(),
    })
}

fn alias(cx: &Context<'_>, spot: Spot<'_>) -> Option<SmolStr> {
    let text = cx.reader.text(spot)?;
    cx.reader.claim(format!("the name {}", text.to_lowercase()), spot);
    Some(SmolStr::new(text))
}

fn agent(cx: &Context<'_>, spot: Spot<'_>) -> Option<SmolStr> {
    let text = cx.reader.text(spot)?;
    cx.reader.refer(Target::Agent, text, spot);
    Some(SmolStr::new(text))
}

fn kinds(cx: &Context<'_>, spot: Option<Spot<'_>>) -> Vec<KindId> {
    cx.reader.list(spot, |spot| {
        let id = cx.reader.parsed(spot, "a kind (lower-case words joined by -)", |text| KindId::new(text).ok())?;
        cx.reader.refer(Target::Kind, id.as_str(), spot);
        Some(id)
    })
}

fn cadence(reader: &Reader<'_>, spot: Spot<'_>) -> (Duration, Duration) {
    let mut fields = Fields::open(reader, spot);
    let floor = fields.need("floor").and_then(|spot| reader.duration(spot)).unwrap_or_default();
    let ceiling = fields.need("ceiling").and_then(|spot| reader.duration(spot)).unwrap_or(floor);
    fields.end();
    if floor > ceiling {
        let problem = format!("the floor of {} s is above the ceiling of {} s", floor.as_secs(), ceiling.as_secs());
        reader.wrong(spot.node.line, spot.field, problem, None);
    }
    if floor.is_zero() {
        reader.wrong(spot.node.line, spot.field, "the floor is not above 0 s".to_owned(), None);
    }
    (floor, ceiling)
}

fn on_demand(cx: &Context<'_>, spot: Spot<'_>) -> Option<OnDemand> {
    let reader = cx.reader;
    let mut fields = Fields::open(reader, spot);
    let provider = fields.need("provider").and_then(|spot| reader.word(spot, &PROVIDERS));
    let kind = fields.need("type").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let body = fields.need("body").map(|spot| body(reader, spot)).unwrap_or_default();
    let effect_sql = fields.need("sql").and_then(|spot| reader.word(spot, &EFFECTS));
    let effect_redis = fields.need("redis").and_then(|spot| reader.word(spot, &EFFECTS));
    fields.end();
    Some(OnDemand {
        provider: provider?,
        kind: kind?,
        fields: body,
        effect_sql: effect_sql?,
        effect_redis: effect_redis?,
    })
}

fn body(reader: &Reader<'_>, spot: Spot<'_>) -> Vec<(SmolStr, BodyValue)> {
    let mut fields = Vec::new();
    for (key, node) in reader.entries(spot) {
        let field = format!("{}.{}", spot.field, key.text);
        let spot = Spot { node, field: &field };
        let value = match &node.value {
            Tree::List(_) => {
                Some(BodyValue::Many(reader.list(Some(spot), |spot| reader.spoken(spot, Template::parse))))
            }
            _ => reader.spoken(spot, Template::parse).map(BodyValue::One),
        };
        fields.extend(value.map(|value| (SmolStr::new(&key.text), value)));
    }
    fields
}

/// Reads what all rules share, out of fields already open.
fn rule(cx: &Context<'_>, fields: &mut Fields<'_, '_>, roots: &[&str]) -> Arc<Rule> {
    let reader = cx.reader;
    let names = reader.list(fields.get("name"), |spot| name_rules(reader, spot, roots)).into_iter().flatten().collect();
    let only_when_named = fields.get("only_when_named").is_some_and(|spot| reader.flag(spot));
    let default = fields.get("change").and_then(|spot| reader.word(spot, &CHANGES)).unwrap_or(Change::Updated);
    let by = fields.get("change_by").and_then(|spot| change_by(reader, spot, roots));
    let when = fields.get("when").map(|spot| conditions(reader, spot, roots)).unwrap_or_default();
    let access = fields.get("access").is_some_and(|spot| reader.flag(spot));
    let touches = kinds(cx, fields.get("touches"));
    let (kind, change) = (cx.kind.clone(), ChangeRule { default, by });
    Arc::new(Rule { kind, names, only_when_named, change, when, access, touches })
}

/// One rule, or two: AWS Config writes `ARN` in notifications and `arn` in its API's answers.
fn name_rules(reader: &Reader<'_>, spot: Spot<'_>, roots: &[&str]) -> Option<Vec<NameRule>> {
    let rule = reader.spoken(spot, NameRule::parse)?;
    check_root(reader, spot, &rule.path, roots);
    let lower = (rule.path.root() == "ARN").then(|| {
        let (path, filters) = (rule.path.clone().with_root("arn"), rule.filters.clone());
        NameRule { path, filters }
    });
    let rule = NameRule { path: call_root(rule.path), filters: rule.filters };
    Some(std::iter::once(rule).chain(lower).collect())
}

/// `req` and `resp` are short for CloudTrail's own words.
pub(super) fn call_root(path: Path) -> Path {
    match path.root() {
        "req" => path.with_root("requestParameters"),
        "resp" => path.with_root("responseElements"),
        _ => path,
    }
}

fn check_root(reader: &Reader<'_>, spot: Spot<'_>, path: &Path, roots: &[&str]) {
    if roots.is_empty() || roots.contains(&path.root()) {
        return;
    }
    let problem = format!("a path here starts with one of {}, not with {:?}", roots.join(", "), path.root());
    reader.wrong(spot.node.line, spot.field, problem, nearest(path.root(), roots.iter().copied()));
}

fn path(reader: &Reader<'_>, spot: Spot<'_>, text: &str, roots: &[&str]) -> Option<Path> {
    match Path::parse(text) {
        Ok(path) => {
            check_root(reader, spot, &path, roots);
            Some(call_root(path))
        }
        Err(problem) => {
            reader.wrong(spot.node.line, spot.field, problem, None);
            None
        }
    }
}

fn change_by(reader: &Reader<'_>, spot: Spot<'_>, roots: &[&str]) -> Option<ChangeBy> {
    let mut fields = Fields::open(reader, spot);
    let path = fields.need("path").and_then(|spot| path(reader, spot, reader.text(spot)?, roots));
    let mut values = Vec::new();
    for (word, change) in [("created", Change::Created), ("updated", Change::Updated), ("deleted", Change::Deleted)] {
        values.extend(reader.texts(fields.get(word)).into_iter().map(|value| (value, change)));
    }
    fields.end();
    Some(ChangeBy { path: path?, values })
}

/// `when: {detail.state: [pending, running]}`.
pub(super) fn conditions(reader: &Reader<'_>, spot: Spot<'_>, roots: &[&str]) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (key, node) in reader.entries(spot) {
        let field = format!("{}.{}", spot.field, key.text);
        let spot = Spot { node, field: &field };
        let values = reader.texts(Some(spot));
        conditions.extend(path(reader, spot, &key.text, roots).map(|path| Condition { path, values }));
    }
    conditions
}

fn config(cx: &Context<'_>, spot: Spot<'_>) -> Option<ConfigRule> {
    let mut fields = Fields::open(cx.reader, spot);
    let resource_type = fields.need("type").and_then(|spot| {
        let text = cx.reader.parsed(spot, "an AWS Config type such as AWS::EC2::Instance", |text| {
            is_resource_type(text).then(|| SmolStr::new(text))
        })?;
        cx.reader.claim(format!("the AWS Config type {text} in {}", cx.kind), spot);
        Some(text)
    });
    let relations_wait = fields.get("relations_wait").is_some_and(|spot| cx.reader.flag(spot));
    let rule = rule(cx, &mut fields, &CONFIG_ROOTS);
    fields.end();
    Some(ConfigRule { resource_type: resource_type?, relations_wait, rule })
}

/// `AWS::Service::Kind`.
pub(crate) fn is_resource_type(text: &str) -> bool {
    let mut parts = text.split("::");
    let word = |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    parts.next().is_some_and(|p| p.eq_ignore_ascii_case("aws"))
        && word(parts.next())
        && word(parts.next())
        && parts.next().is_none()
}

fn event(cx: &Context<'_>, spot: Spot<'_>) -> Option<EventRule> {
    let reader = cx.reader;
    let mut fields = Fields::open(reader, spot);
    let source = fields.need("source").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let detail_types = reader.texts(fields.need("detail_type"));
    let rule = rule(cx, &mut fields, &EVENT_ROOTS);
    fields.end();
    Some(EventRule { source: source?, detail_types, rule })
}

fn call(cx: &Context<'_>, spot: Spot<'_>) -> Option<CallRule> {
    let reader = cx.reader;
    let mut fields = Fields::open(reader, spot);
    let (service, api) = service_and_api(cx, &mut fields);
    let owner = service.as_ref().map(|service| match &api {
        Some(api) => format!("{service} ({api}) in {}", cx.kind),
        None => format!("{service} in {}", cx.kind),
    });
    let events = reader.list(fields.need("events"), |spot| {
        let text = reader.parsed(spot, "an event name, or the start of one and *", |text| {
            let name = text.strip_suffix('*').unwrap_or(text);
            let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            plain.then(|| SmolStr::new(text))
        })?;
        if let Some(owner) = &owner {
            reader.pattern(owner, &text, spot);
        }
        Some(text)
    });
    let rule = rule(cx, &mut fields, &CALL_ROOTS);
    fields.end();
    Some(CallRule { service: service?, api, events, rule })
}

fn any_call(cx: &Context<'_>, spot: Spot<'_>) -> Option<AnyCallRule> {
    let mut fields = Fields::open(cx.reader, spot);
    let (service, api) = service_and_api(cx, &mut fields);
    let mut rule = rule(cx, &mut fields, &CALL_ROOTS);
    Arc::make_mut(&mut rule).only_when_named = true;
    if rule.names.is_empty() {
        cx.reader.wrong(
            spot.node.line,
            spot.field,
            "needs a name: without one every write would match".to_owned(),
            None,
        );
    }
    fields.end();
    Some(AnyCallRule { service: service?, api, rule })
}

pub(super) fn service_and_api(
    cx: &Context<'_>,
    fields: &mut Fields<'_, '_>,
) -> (Option<aws_event_cache_model::ServiceName>, Option<SmolStr>) {
    let reader = cx.reader;
    let service = fields.need("service").and_then(|spot| {
        let name = reader.parsed(spot, "a service", |text| aws_event_cache_model::ServiceName::new(text).ok())?;
        reader.refer(Target::Service, name.as_str(), spot);
        Some(name)
    });
    let api = fields.get("api").and_then(|spot| {
        let text = reader.text(spot)?;
        let service = service.as_ref().map(|s| s.as_str()).unwrap_or_default();
        reader.refer(Target::Api, &format!("{service}:{text}"), spot);
        Some(SmolStr::new(text))
    });
    (service, api)
}

fn notification(cx: &Context<'_>, spot: Spot<'_>) -> Option<NotificationRule> {
    let mut fields = Fields::open(cx.reader, spot);
    let events = cx.reader.texts(fields.need("events"));
    let rule = rule(cx, &mut fields, &ANY_ROOT);
    fields.end();
    Some(NotificationRule { events, rule })
}
