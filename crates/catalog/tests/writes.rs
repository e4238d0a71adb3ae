//! What a write makes stale: every write that the fact base lists (`tests/data/writes.json`), as it comes over the wire.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

mod support;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws_event_cache_catalog::{Catalog, FoundKind};
use aws_event_cache_model::{Names, ResourceName, ServiceName};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::Sent;

/// Read once: reading costs more than all else here.
static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::shipped);

const WRITES: &str = include_str!("data/writes.json");

fn found(catalog: &Catalog, sent: &Sent) -> BTreeMap<String, FoundKind> {
    let call = sent.call(catalog);
    let shown = call.parameters.to_cloudtrail();
    let found = catalog.of_write(&sent.service(), call.api_version.as_deref(), &call.operation, &shown);
    let count = found.len();
    let by_kind: BTreeMap<_, _> = found.into_iter().map(|found| (found.kind.to_string(), found)).collect();
    assert_eq!(by_kind.len(), count, "a kind is found once: {sent:?}");
    by_kind
}

fn words(names: &Names) -> Value {
    match names {
        Names::Any => json!("any"),
        Names::Some(names) => json!(names),
    }
}

#[test]
fn every_write_makes_its_kinds_stale_and_what_it_names_is_known() {
    let catalog = &*CATALOG;
    for sent in Sent::all(WRITES) {
        let found = found(catalog, &sent);
        let kinds = sent.expected["kinds"].as_array().unwrap();
        for kind in kinds {
            assert!(found.contains_key(kind.as_str().unwrap()), "{kind} is not in {found:?}: {sent:?}");
        }
        if sent.expected.get("exactly").is_some() {
            assert_eq!(found.len(), kinds.len(), "{found:?}: {sent:?}");
        }
        for (kind, names) in sent.expected.get("names").and_then(Value::as_object).into_iter().flatten() {
            assert_eq!(words(&found[kind].names), *names, "{sent:?}");
        }
        if let Some(access) = sent.expected.get("access") {
            let told = found.values().find_map(|found| found.access.as_ref());
            let told = told.map(|role| role.as_ref().map_or("*", ResourceName::as_str));
            assert_eq!(told, access.as_str(), "{sent:?}");
        }
        assert!(!catalog.is_read_only(&sent.service(), &sent.operation), "{sent:?}");
    }
}

#[test]
fn a_write_without_parameters_means_any_of_at_least_the_same_kinds() {
    let catalog = &*CATALOG;
    for sent in Sent::all(WRITES) {
        let call = sent.call(catalog);
        let version = call.api_version.as_deref();
        let bare = catalog.of_write(&sent.service(), version, &call.operation, &json!({}));
        for kind in found(catalog, &sent).keys() {
            assert!(
                bare.iter().any(|found| found.kind.as_str() == kind && found.names == Names::Any),
                "{kind}: {sent:?}"
            );
        }
    }
}

#[test]
fn an_unknown_write_means_anything_of_its_service_and_interface() {
    let catalog = &*CATALOG;
    let of = |service: &str, version: Option<&str>, operation: &str| -> Vec<String> {
        let found =
            catalog.of_write(&ServiceName::new(service).unwrap(), version, operation, &json!({"functionName": "f"}));
        assert!(found.iter().all(|found| found.names == Names::Any));
        found.iter().map(|found| found.kind.to_string()).collect()
    };
    assert_eq!(of("lambda", None, "ReshapeFunction"), ["lambda-function"]);
    assert_eq!(of("monitoring", Some("2010-08-01"), "PutMetricData"), Vec::<String>::new(), "its file ignores it");
    assert_eq!(of("sts", None, "AssumeRole"), Vec::<String>::new(), "no file describes it");
    let classic = of("elasticloadbalancing", Some("2012-06-01"), "ReshapeLoadBalancer");
    assert_eq!(classic, ["classic-instance-health", "classic-load-balancer"]);
    let both = of("elasticloadbalancing", Some("1999-01-01"), "ReshapeLoadBalancer");
    assert!(both.len() > classic.len() && classic.iter().all(|kind| both.contains(kind)), "{both:?}");
    let role = catalog.of_write(&ServiceName::new("iam").unwrap(), None, "ReshapeUser", &json!({}));
    assert!(role.iter().any(|found| found.access == Some(None)), "it may change what any role may do");
}

proptest! {
    /// Whatever the parameters are, a write of a known operation never means fewer kinds than its own, and nothing panics.
    #[test]
    fn no_parameters_hide_a_kind_whose_rule_does_not_ask_for_a_name(
        at in any::<prop::sample::Index>(),
        key in "[a-z][a-zA-Z]{0,12}",
        value in "\\PC{0,40}",
    ) {
        let catalog = &*CATALOG;
        let calls: Vec<_> = catalog.kinds().flat_map(|kind| &kind.calls).filter(|call| !call.rule.only_when_named).collect();
        let call = calls[at.index(calls.len())];
        let operation = call.events[0].replace('*', "Something");
        let service = catalog.service(&call.service).unwrap();
        let version = service.apis.iter().find(|api| Some(&api.name) == call.api.as_ref()).map(|api| api.version.as_str());
        for shown in [json!({ &key: &value }), json!({ &key: [&value] }), json!([&value]), json!(&value), Value::Null] {
            let found = catalog.of_write(&call.service, version, &operation, &shown);
            prop_assert!(found.iter().any(|found| found.kind == call.rule.kind));
            for kind in &call.rule.touches {
                prop_assert!(found.iter().any(|found| found.kind == *kind));
            }
        }
    }
}
