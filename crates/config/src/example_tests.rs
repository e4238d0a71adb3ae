//! The shipped example and the reference page against the schema.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::Config;
use crate::kinds::KnownKinds;
use crate::outside::Outside;
use crate::schema::{self, Default, Form};
use crate::tree::{self, Node, Value};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/aws-event-cache.yaml");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

fn example() -> String {
    std::fs::read_to_string(EXAMPLE).unwrap()
}

/// The example with everything switched on. In the first column "# " begins prose, and "#" before anything else hides a setting.
fn everything_on() -> String {
    let is_prose = |rest: &str| rest.strip_prefix(' ').is_some_and(|text| !text.starts_with(' '));
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !is_prose(rest) => rest.to_owned(),
        _ => line.to_owned(),
    };
    example().lines().map(on).collect::<Vec<_>>().join("\n")
}

/// Every schema path that a value has.
fn paths(node: &Node, pattern: &str, found: &mut BTreeSet<String>) {
    found.insert(pattern.to_owned());
    match (&node.value, schema::find(pattern).map_or(Form::Section, |key| key.form)) {
        (Value::Map(entries), form) => {
            for (key, node) in entries {
                let name = if matches!(form, Form::Named(_)) { "*" } else { &key.text };
                paths(node, &crate::section::join(pattern, name), found);
            }
        }
        (Value::List(items), Form::List(_)) => {
            items.iter().for_each(|node| paths(node, &format!("{pattern}[]"), found))
        }
        _ => {}
    }
}

#[test]
fn the_example_works_with_the_shipped_catalogue_and_gives_no_warning() {
    let loaded = Config::load(
        Path::new(EXAMPLE),
        &Outside::new(|_| None, |path| Err(format!("{} is not there", path.display()))),
    );
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.profiles.len(), 4);
}

#[test]
fn the_example_shows_productions_shipped_numbers() {
    let (config, _) = Config::parse(
        "x",
        &example(),
        &Outside::new(|_| None, |_| Ok(String::new())),
        &KnownKinds::of(&aws_event_cache_catalog::Catalog::shipped()),
    )
    .unwrap();
    let mut shown = config.profiles.iter().find(|(name, _)| name.as_str() == "production").unwrap().1.clone();
    shown.kind_ceilings.clear();
    assert_eq!(shown, crate::profiles::Shipped::Production.profile());
}

#[test]
fn the_example_shows_every_key() {
    let (root, flaws) = tree::parse(&everything_on());
    assert_eq!(flaws, []);
    let mut found = BTreeSet::new();
    paths(&root.unwrap(), "", &mut found);
    let missing: Vec<&str> = schema::keys().map(|key| key.path).filter(|path| !found.contains(*path)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn with_everything_on_only_the_one_contradiction_is_left() {
    let outside = Outside::new(|_| Some("0123456789abcdef".to_owned()), |_| Ok("content".to_owned()));
    let kinds = KnownKinds::of(&aws_event_cache_catalog::Catalog::shipped());
    let errors = Config::parse("x", &everything_on(), &outside, &kinds).unwrap_err();
    let keys: Vec<&str> = errors.0.iter().map(|m| m.key.as_str()).collect();
    assert_eq!(keys, ["clouddriver.lockStore.sql"], "{errors}");
}

#[test]
fn reading_asks_for_every_key_and_every_default_is_valid() {
    // An empty file takes every default; the example with everything on gives every key. Between them every key is read, or a mistake is left over here.
    let outside = Outside::new(|_| Some("0123456789abcdef".to_owned()), |_| Ok("content".to_owned()));
    let kinds = KnownKinds::of(&aws_event_cache_catalog::Catalog::shipped());
    const REDIS: &str = "    redis: redis://spin-redis:6379\n";
    let all = everything_on();
    let from = all.find("    plugin:\n").unwrap();
    let plugin = &all[from..all[from..].find("  cacheStore:").unwrap() + from];
    let with_sql = all.replace(REDIS, "").replace(plugin, "");
    let with_redis = example();
    let with_plugin = example().replace(REDIS, plugin);
    let mut read: BTreeSet<String> = BTreeSet::new();
    for text in [with_sql, with_redis, with_plugin] {
        let (config, _) = Config::parse("x", &text, &outside, &kinds).unwrap_or_else(|errors| panic!("{errors}"));
        read.extend(config.given_patterns());
    }
    let single = |key: &&schema::Key| !matches!(key.form, Form::Section | Form::List(_) | Form::Named(_));
    // A key whose value in the example is an empty list is read, but leaves nothing behind.
    let unread: Vec<&str> = schema::keys()
        .filter(single)
        .map(|key| key.path)
        .filter(|path| !read.contains(*path) && *path != "environments.*.unwatched")
        .collect();
    assert_eq!(unread, Vec::<&str>::new());
    for key in schema::keys() {
        assert!(!matches!(key.default, Default::Is("")), "{}", key.path);
    }
}

#[test]
fn the_reference_page_is_fresh() {
    let page = crate::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let stored = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        stored == page,
        "docs/configuration.md is stale: UPDATE_DOCS=1 cargo test -p aws-event-cache-config the_reference_page_is_fresh"
    );
}
