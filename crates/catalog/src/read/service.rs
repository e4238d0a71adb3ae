//! Reads a file of `services/`.

use aws_event_cache_model::{BucketId, ErrorShape, Region, ServiceName};
use smol_str::SmolStr;

use super::fields::{Fields, Reader, Spot};
use super::kind::conditions;
use crate::operation::Admit;
use crate::path::Path;
use crate::service::{Api, Bucket, Service, ThrottleEvent};
use crate::tree::Node;

const SHAPES: [(&str, ErrorShape); 4] = [
    ("ec2", ErrorShape::Ec2),
    ("query", ErrorShape::Query),
    ("json", ErrorShape::Json),
    ("rest-json", ErrorShape::RestJson),
];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const ADMITS: [(&str, Admit); 2] = [("operation", Admit::Operation), ("exact", Admit::Exact)];

pub(super) fn read(reader: &Reader<'_>, stem: &str, node: &Node) -> Option<Service> {
    let mut fields = Fields::open(reader, Spot { node, field: "" });
    let name = ServiceName::new(stem).ok()?;
    let title = fields.need("title").and_then(|spot| reader.text(spot)).unwrap_or_default().to_owned();
    let event_sources = claimed(reader, fields.need("event_sources"), "the event source");
    let bridge_sources = reader.texts(fields.get("bridge_sources"));
    let dated_events = fields.get("dated_events").is_some_and(|spot| reader.flag(spot));
    let apis = reader.list(fields.get("apis"), |spot| api(reader, spot));
    let buckets = fields.need("buckets").map(|spot| buckets(reader, &name, spot)).unwrap_or_default();
    let throttle_codes = reader.texts(fields.get("throttle_codes"));
    let throttle_events = reader.list(fields.get("throttle_events"), |spot| throttle_event(reader, spot));
    let ignored_calls = reader.texts(fields.get("ignored_calls"));
    let ignored_notifications = reader.texts(fields.get("ignored_notifications"));
    let signing_name = signing_name(reader, stem, node, fields.get("signing_name"));
    let error_shape = fields.get("errors").and_then(|spot| reader.word(spot, &SHAPES)).unwrap_or(ErrorShape::Json);
    let routes = fields.get("routes").map(|spot| routes(reader, spot)).unwrap_or_default();
    let global_region = fields
        .get("global_region")
        .and_then(|spot| reader.parsed(spot, "a region, or global", |text| Region::new(text).ok()));
    let admit = fields.get("admit").and_then(|spot| reader.word(spot, &ADMITS)).unwrap_or(Admit::Exact);
    let read_verbs = reader.texts(fields.get("read_verbs"));
    let reads_passed = reader.texts(fields.get("reads_passed"));
    let others = fields.get("others").and_then(|spot| reader.bucket(spot));
    fields.end();
    let file = reader.file().to_owned();
    Some(Service {
        name,
        title,
        event_sources,
        bridge_sources,
        dated_events,
        apis,
        buckets,
        throttle_codes,
        throttle_events,
        ignored_calls,
        ignored_notifications,
        signing_name,
        error_shape,
        routes,
        global_region,
        admit,
        read_verbs,
        reads_passed,
        others,
        file,
    })
}

/// The file's name, unless it says another: requests lead to one service.
fn signing_name(reader: &Reader<'_>, stem: &str, file: &Node, spot: Option<Spot<'_>>) -> SmolStr {
    let name = spot.and_then(|spot| reader.text(spot)).unwrap_or(stem);
    reader.claim(format!("the signing name {name}"), spot.unwrap_or(Spot { node: file, field: "" }));
    SmolStr::new(name)
}

/// `GetWidget: GET /widgets/{Name}`.
fn routes(reader: &Reader<'_>, spot: Spot<'_>) -> Vec<(SmolStr, SmolStr)> {
    let mut routes = Vec::new();
    for (key, node) in reader.entries(spot) {
        let field = format!("{}.{}", spot.field, key.text);
        let route = reader.parsed(Spot { node, field: &field }, "a route such as GET /widgets/{Name}", |text| {
            let (method, path) = text.split_once(" /")?;
            (METHODS.contains(&method) && path.split('/').all(is_part)).then(|| SmolStr::new(text))
        });
        routes.extend(route.map(|route| (SmolStr::new(&key.text), route)));
    }
    routes
}

/// A part of a route's path: words, or a label in braces.
fn is_part(part: &str) -> bool {
    let inside = part.strip_prefix('{').map_or(Some(part), |label| label.strip_suffix('}'));
    let inside = inside.map(|inside| inside.strip_suffix('+').unwrap_or(inside));
    inside.is_some_and(|inside| inside.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')))
}

fn claimed(reader: &Reader<'_>, spot: Option<Spot<'_>>, what: &str) -> Vec<SmolStr> {
    reader.list(spot, |spot| {
        let text = reader.text(spot)?;
        reader.claim(format!("{what} {text}"), spot);
        Some(SmolStr::new(text))
    })
}

fn api(reader: &Reader<'_>, spot: Spot<'_>) -> Option<Api> {
    let mut fields = Fields::open(reader, spot);
    let name = fields.need("name").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let version = fields.need("version").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let signs = reader.list(fields.get("signs"), |spot| {
        reader.spoken(spot, |text| Path::parse(text).map_err(|problem| (problem, None))).map(super::kind::call_root)
    });
    fields.end();
    Some(Api { name: name?, version: version?, signs })
}

fn buckets(reader: &Reader<'_>, service: &ServiceName, spot: Spot<'_>) -> Vec<Bucket> {
    let entries = reader.entries(spot).iter();
    entries
        .filter_map(|(key, node)| {
            let field = format!("{}.{}", spot.field, key.text);
            bucket(reader, service, &key.text, Spot { node, field: &field })
        })
        .collect()
}

fn bucket(reader: &Reader<'_>, service: &ServiceName, name: &str, spot: Spot<'_>) -> Option<Bucket> {
    let mut fields = Fields::open(reader, spot);
    let tokens = |text: &str| text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
    let capacity = fields.need("capacity").and_then(|spot| reader.parsed(spot, "a number above 0", tokens));
    let refill = fields.need("refill").and_then(|spot| reader.parsed(spot, "a number above 0", tokens));
    let assumed = fields.get("assumed").is_some_and(|spot| reader.flag(spot));
    fields.end();
    let id = BucketId { service: service.clone(), name: SmolStr::new(name) };
    Some(Bucket { id, capacity: capacity?, refill: refill?, assumed })
}

fn throttle_event(reader: &Reader<'_>, spot: Spot<'_>) -> Option<ThrottleEvent> {
    let mut fields = Fields::open(reader, spot);
    let source = fields.need("source").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let detail_type = fields.need("detail_type").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let when = fields.get("when").map(|spot| conditions(reader, spot, &["detail"])).unwrap_or_default();
    fields.end();
    Some(ThrottleEvent { source: source?, detail_type: detail_type?, when })
}
