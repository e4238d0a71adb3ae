//! What Clouddriver's cache holds in a world, against what a stock Clouddriver's would hold.
//!
//! At a quiet point, when every change has been seen and second looks are over, the world's cache is read once. Then a stock Clouddriver with an empty cache is
//! pointed at the same mock AWS, and has to come to the same cache, item by item. `harness/differences.yaml` lists what may differ, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_testkit::{CallError, Clouddriver, Redis};
use serde::Deserialize;
use serde_json::Value;

use super::world::{FIRST_RUNS, World, WorldError};
use super::{Failure, Options};
use crate::command::say;
use crate::paths;

/// After their first runs agents get two more: some read what others have cached.
const CATCHING_UP: Duration = Duration::from_secs(75);

/// How often the caches are compared meanwhile: reading a whole cache takes Clouddriver about a second.
const LOOK: Duration = Duration::from_secs(5);

/// How much of a value is shown to people.
const SHOWN: usize = 160;

/// What may differ.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exclusion {
    /// The namespace, or `*`.
    namespace: String,
    /// The path within an item, its parts between slashes, `*` for any one part; nothing for whole items.
    #[serde(default)]
    path: String,
    /// Why it may: for whoever reads the list.
    #[serde(rename = "why")]
    _why: String,
}

impl Exclusion {
    fn covers(&self, namespace: &str, path: &str) -> bool {
        let names = self.namespace == "*" || self.namespace == namespace;
        names && (self.path.is_empty() || is_within(path, &self.path))
    }
}

/// Whether a path is the pattern's, or lies below it.
fn is_within(path: &str, pattern: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    pattern
        .split('/')
        .filter(|part| !part.is_empty())
        .all(|wanted| parts.next().is_some_and(|part| wanted == "*" || part == wanted))
}

/// Namespace -> key -> item.
type Cache = BTreeMap<String, BTreeMap<String, Value>>;

/// What a world's cache holds at a quiet point.
pub(super) struct Snapshot(Cache);

impl Snapshot {
    /// Reads it all.
    pub(super) fn of(clouddriver: &Clouddriver) -> Result<Self, CallError> {
        let mut cache = Cache::new();
        for namespace in clouddriver.namespaces()? {
            let items = clouddriver.all_cached(&namespace)?;
            let named = items.into_iter().map(|item| (item["id"].as_str().unwrap_or_default().to_owned(), item));
            cache.insert(namespace, named.collect());
        }
        Ok(Self(cache))
    }

    /// How many items there are.
    pub(super) fn items(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }
}

/// Starts a stock Clouddriver beside the world and waits until its cache equals the snapshot, or for as long as a cache may take: gives what then differs.
pub(super) async fn find(
    world: &World,
    snapshot: &Snapshot,
    options: &Options,
    clock: &Clock,
) -> Result<Vec<String>, Failure> {
    say(&format!("comparing {} items of the world \"{}\" with a stock cache", snapshot.items(), world.sort.name()));
    let excluded = exclusions()?;
    let redis = Redis::start().map_err(WorldError::from)?;
    let stock = Clouddriver::start(options.spinnaker.into(), &world.aws, &redis).map_err(WorldError::from)?;
    stock.wait_for_agents(FIRST_RUNS).map_err(WorldError::from)?;
    let end = clock.now() + CATCHING_UP;
    loop {
        let found = between(snapshot, &Snapshot::of(&stock).map_err(WorldError::from)?, &excluded);
        if found.is_empty() || clock.now() >= end {
            return Ok(found);
        }
        clock.sleep(LOOK).await;
    }
}

fn exclusions() -> Result<Vec<Exclusion>, Failure> {
    let path = paths::differences();
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let list = serde_saphyr::from_str(&text);
    list.map_err(|error| format!("{} is not a list of exclusions: {error}", path.display()).into())
}

/// Everything in which two caches differ, but for what may.
fn between(world: &Snapshot, stock: &Snapshot, excluded: &[Exclusion]) -> Vec<String> {
    let mut found = Vec::new();
    let none = BTreeMap::new();
    let namespaces: BTreeSet<&String> = world.0.keys().chain(stock.0.keys()).collect();
    for namespace in namespaces {
        let (ours, theirs) = (world.0.get(namespace).unwrap_or(&none), stock.0.get(namespace).unwrap_or(&none));
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let (one, other) = (ours.get(key).unwrap_or(&Value::Null), theirs.get(key).unwrap_or(&Value::Null));
            for (path, one, other) in differing(one, other, String::new()) {
                if !excluded.iter().any(|exclusion| exclusion.covers(namespace, &path)) {
                    found.push(format!("{namespace} {key} {path}: {} instead of {}", short(one), short(other)));
                }
            }
        }
    }
    found
}

/// Where two values differ: path, the one's, the other's. What is in one of them only is null in the other.
fn differing<'v>(one: &'v Value, other: &'v Value, path: String) -> Vec<(String, &'v Value, &'v Value)> {
    match (one, other) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            let of = |fields: &'v serde_json::Map<String, Value>, name: &str| fields.get(name).unwrap_or(&Value::Null);
            let each = |name: &String| differing(of(ours, name), of(theirs, name), format!("{path}/{name}"));
            names.into_iter().flat_map(each).collect()
        }
        (Value::Array(ours), Value::Array(theirs)) if are_sets(&path) => {
            let sorted = |items: &'v [Value]| items.iter().map(Value::to_string).collect::<BTreeSet<_>>();
            if sorted(ours) == sorted(theirs) { Vec::new() } else { vec![(path, one, other)] }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let each =
                |(n, (one, other)): (usize, (&'v Value, &'v Value))| differing(one, other, format!("{path}/{n}"));
            ours.iter().zip(theirs).enumerate().flat_map(each).collect()
        }
        (one, other) if one == other => Vec::new(),
        _ => vec![(path, one, other)],
    }
}

/// Whether lists below this path have no order: relationships are sets of keys.
fn are_sets(path: &str) -> bool {
    path.starts_with("/relationships")
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cache(item: &Value) -> Snapshot {
        Snapshot(BTreeMap::from([("widgets".to_owned(), BTreeMap::from([("w-1".to_owned(), item.clone())]))]))
    }

    fn exclusion(namespace: &str, path: &str) -> Exclusion {
        Exclusion { namespace: namespace.to_owned(), path: path.to_owned(), _why: String::new() }
    }

    #[test]
    fn what_may_differ_is_a_list_that_parses_and_says_why() {
        assert!(exclusions().unwrap().iter().all(|exclusion| !exclusion._why.is_empty()));
    }

    #[test]
    fn equal_items_do_not_differ_whatever_the_order_of_their_relationships() {
        let one = json!({"attributes": {"a": [1, 2]}, "relationships": {"gadgets": ["x", "y"]}});
        let other = json!({"attributes": {"a": [1, 2]}, "relationships": {"gadgets": ["y", "x"]}});
        assert_eq!(between(&cache(&one), &cache(&other), &[]), Vec::<String>::new());
    }

    #[test]
    fn another_value_a_missing_field_and_a_missing_item_are_named() {
        let one = json!({"attributes": {"a": [1, 2], "b": true}});
        let other = json!({"attributes": {"a": [1, 3]}});
        let found = between(&cache(&one), &cache(&other), &[]);
        assert_eq!(
            found,
            [
                "widgets w-1 /attributes/a/1: 2 instead of 3".to_owned(),
                "widgets w-1 /attributes/b: true instead of null".to_owned()
            ]
        );
        assert_eq!(between(&cache(&one), &Snapshot(BTreeMap::new()), &[]).len(), 1);
        assert_eq!(between(&Snapshot(BTreeMap::new()), &cache(&one), &[]).len(), 1);
    }

    #[test]
    fn what_may_differ_is_left_out_and_nothing_beside_it() {
        let one = json!({"attributes": {"a": {"at": 1}, "b": {"at": 1}, "c": 1}});
        let other = json!({"attributes": {"a": {"at": 2}, "b": {"at": 2}, "c": 2}});
        let found = |list: &[Exclusion]| between(&cache(&one), &cache(&other), list).len();
        assert_eq!(found(&[exclusion("gadgets", "")]), 3);
        assert_eq!(found(&[exclusion("*", "attributes/*/at")]), 1);
        assert_eq!(found(&[exclusion("widgets", "attributes/a")]), 2);
        assert_eq!(found(&[exclusion("widgets", "")]), 0);
    }
}
