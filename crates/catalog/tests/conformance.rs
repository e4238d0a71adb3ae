//! Runs unedited for every shipped kind. A new kind is one file in `kinds/` and one folder in `fixtures/`:
//!
//! - `config*.json` (the AWS Config message, or an item), `event*.json` (an EventBridge event), `call*.json` (a CloudTrail `detail`), `notification*.json` (what
//!   Auto Scaling sends): payloads shaped like AWS's, with invented ids, at least one for each source that the kind declares.
//! - `expected.json`: for each of them `names` (a list, or `any`) and `change`; `also` lists every other kind that the message concerns; `access` is the role whose
//!   rights change, or `*` for any role.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_event_cache_catalog::{AgeClass, Catalog, Found, FoundKind, Kind, Rule};
use aws_event_cache_model::{Change, Names, Region, ResourceName};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    names: Value,
    change: Change,
    #[serde(default)]
    also: Vec<String>,
    access: Option<String>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn json_at(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn expectations(kind: &Kind) -> BTreeMap<String, Expected> {
    let path = fixtures().join(kind.id.as_str()).join("expected.json");
    serde_json::from_value(json_at(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn source_of(file: &str) -> &str {
    file.split(['-', '.']).next().unwrap_or_default()
}

fn decode(catalog: &Catalog, file: &str, payload: &Value) -> Found {
    match source_of(file) {
        "config" => catalog.of_config_item(payload),
        "event" => catalog.of_event(payload),
        "call" => catalog.of_call(payload),
        "notification" => catalog.of_asg_notification(payload),
        other => panic!("{file}: a fixture's name starts with config, event, call or notification, not with {other:?}"),
    }
}

/// In the words of `expected.json`.
fn in_words(kind: &Kind, found: &[FoundKind]) -> Value {
    let own = found.iter().find(|f| f.kind == kind.id).unwrap_or_else(|| panic!("{} is not among {found:?}", kind.id));
    let names = match &own.names {
        Names::Any => json!("any"),
        Names::Some(names) => json!(names),
    };
    let mut also: Vec<&str> = found.iter().filter(|f| f.kind != kind.id).map(|f| f.kind.as_str()).collect();
    also.sort_unstable();
    let access = own.access.as_ref().map(|role| role.as_ref().map_or("*", ResourceName::as_str));
    json!({"names": names, "change": own.change, "also": also, "access": access})
}

#[test]
fn every_fixture_decodes_to_the_names_and_kinds_expected() {
    let catalog = Catalog::shipped();
    for kind in catalog.kinds() {
        for (file, expected) in expectations(kind) {
            let payload = json_at(&fixtures().join(kind.id.as_str()).join(&file));
            let Found::Kinds(found) = decode(&catalog, &file, &payload) else {
                panic!("{}/{file} was not understood", kind.id);
            };
            let expected = json!({
                "names": expected.names, "change": expected.change, "also": expected.also, "access": expected.access,
            });
            assert_eq!(in_words(kind, &found), expected, "{}/{file}", kind.id);
        }
    }
}

#[test]
fn every_fixture_file_is_expected_and_every_folder_is_a_kind() {
    let catalog = Catalog::shipped();
    for folder in fs::read_dir(fixtures()).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let kind = catalog.kinds().find(|kind| kind.id.as_str() == name);
        let expected = expectations(kind.unwrap_or_else(|| panic!("fixtures/{name} is no kind")));
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().file_name().to_str().unwrap().to_owned();
            assert!(file == "expected.json" || expected.contains_key(&file), "{name}/{file} is not in expected.json");
        }
    }
}

#[test]
fn every_source_that_a_kind_declares_has_a_fixture() {
    for kind in Catalog::shipped().kinds() {
        let files = expectations(kind);
        let declared = [
            ("config", kind.config.is_empty()),
            ("event", kind.events.is_empty()),
            ("call", kind.calls.is_empty()),
            ("notification", kind.notifications.is_empty()),
        ];
        for (source, is_absent) in declared {
            let has_fixture = files.keys().any(|file| source_of(file) == source);
            assert!(is_absent || has_fixture, "{} declares {source} and has no fixture for it", kind.id);
        }
    }
}

#[test]
fn every_call_that_a_kind_lists_leads_to_it_even_without_parameters() {
    let catalog = Catalog::shipped();
    for kind in catalog.kinds() {
        for call in kind.calls.iter().filter(|call| !call.rule.only_when_named) {
            let service = catalog.service(&call.service).unwrap();
            let version = service.apis.iter().find(|api| Some(&api.name) == call.api.as_ref()).map(|api| &api.version);
            for (event, source) in call.events.iter().flat_map(|e| service.event_sources.iter().map(move |s| (e, s))) {
                let name = event.replace('*', "Something");
                let detail =
                    json!({"eventSource": source, "eventName": name, "apiVersion": version, "requestParameters": null});
                let Found::Kinds(found) = catalog.of_call(&detail) else { panic!("{}: {name} is lost", kind.id) };
                let own = found.iter().find(|f| f.kind == kind.id);
                assert_eq!(own.map(|f| &f.names), Some(&Names::Any), "{}: {name}", kind.id);
            }
        }
    }
}

#[test]
fn every_kind_has_agents_that_read_it_and_buckets_that_limit_it() {
    let catalog = Catalog::shipped();
    for kind in catalog.kinds() {
        // What AWS changes by itself may be read when Clouddriver starts, by no agent.
        let read_once = kind.reads.iter().all(|read| read.age == AgeClass::Catalogue);
        assert!((!kind.agents.is_empty() || read_once) && !kind.reads.is_empty(), "{}", kind.id);
        assert!(kind.agents.iter().all(|name| catalog.agents().any(|agent| agent.id == *name)), "{}", kind.id);
        assert!(kind.buckets.iter().all(|bucket| catalog.bucket(bucket).is_some()), "{}", kind.id);
        assert!(kind.ceiling >= kind.floor && kind.settle < kind.ceiling, "{}", kind.id);
        assert!(kind.second_look.is_none_or(|look| look > kind.settle), "{}", kind.id);
        assert!(!kind.touches.contains(&kind.id), "{} touches itself", kind.id);
    }
    for agent in catalog.agents() {
        assert!(catalog.kinds().any(|kind| kind.agents.contains(&agent.id)), "no kind is read by {}", agent.id);
    }
}

/// A kind that one rule names and another only touches would be taken for stale in what is named alone.
#[test]
fn no_message_both_names_a_kind_and_touches_it() {
    let catalog = Catalog::shipped();
    let mut rules: BTreeMap<String, Vec<&Rule>> = BTreeMap::new();
    for kind in catalog.kinds() {
        for event in &kind.events {
            for detail_type in &event.detail_types {
                rules.entry(format!("{} {detail_type}", event.source)).or_default().push(&event.rule);
            }
        }
        for call in &kind.calls {
            let api = call.api.as_deref().unwrap_or_default();
            for event in &call.events {
                rules.entry(format!("{} {api} {event}", call.service)).or_default().push(&call.rule);
            }
        }
        for notification in &kind.notifications {
            for event in &notification.events {
                rules.entry(event.to_string()).or_default().push(&notification.rule);
            }
        }
    }
    for (message, rules) in rules {
        for touched in rules.iter().flat_map(|rule| &rule.touches) {
            let named = rules.iter().any(|rule| rule.kind == *touched && !rule.names.is_empty());
            assert!(!named, "{message} touches {touched} and names one");
        }
    }
}

#[test]
fn every_on_demand_body_says_account_and_region_and_one_resource_of_the_fixtures() {
    let catalog = Catalog::shipped();
    let region = Region::new("eu-west-1").unwrap();
    for kind in catalog.kinds() {
        let Some(on_demand) = &kind.on_demand else { continue };
        let names =
            expectations(kind).into_values().filter_map(|expected| expected.names.as_array().cloned()).flatten();
        for name in names {
            let name = ResourceName::new(name.as_str().unwrap()).unwrap();
            let body = on_demand.body("prod", &region, Some(&name)).unwrap_or_else(|| panic!("{}: {name}", kind.id));
            let says = |keys: &[&str], value: &str| {
                keys.iter().any(|key| body[key] == json!(value) || body[key] == json!([value]))
            };
            assert!(says(&["account", "credentials"], "prod") && says(&["region"], "eu-west-1"), "{}: {body}", kind.id);
            assert!(!body.to_string().contains('{') || body.is_object(), "{}: {body}", kind.id);
            assert!(
                body.as_object().unwrap().values().all(|value| !value.to_string().contains('{')),
                "{}: {body}",
                kind.id
            );
        }
    }
}
