//! Decoding with an invented catalogue: what is known, of no interest, and unknown.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use std::sync::LazyLock;

use aws_event_cache_catalog::{Catalog, Found, NAMES_LIMIT};
use aws_event_cache_model::{Change, Names, ResourceName};
use proptest::prelude::*;
use serde_json::{Value, json};

const SERVICE: &str = "\
title: Test
event_sources: [test.amazonaws.com]
bridge_sources: [aws.test]
dated_events: true
apis:
  - {name: new, version: '2020-01-01', signs: [req.widgetArn]}
  - {name: old, version: '2010-01-01'}
buckets: {read: {capacity: 100, refill: 20}}
throttle_codes: [TooFast]
throttle_events:
  - {source: aws.test, detail_type: Test Service Action, when: {detail.eventName: [TEST_THROTTLED]}}
ignored_calls: [Heartbeat, Report*]
ignored_notifications: ['test:TEST']
";
const WIDGET: &str = "\
title: Widget
named_by: id
coverage: full
cadence: {floor: 30s, ceiling: 10m}
settle: 10s
agents: []
config:
  - {type: 'AWS::Test::Widget', relations_wait: true, name: [resourceId | starts(w-), ARN | after(widget/)]}
events:
  - source: aws.test
    detail_type: Widget State Change
    name: detail.id
    change_by: {path: detail.state, created: new, deleted: [gone, lost]}
    touches: [gadget]
calls:
  - {service: test, api: old, events: MakeThing, name: req.id, change: created}
  - {service: test, events: 'Break*', name: 'req.ids[]'}
  - {service: test, events: Grant, name: req.role, access: true}
any_call:
  - {service: test, name: req.widgetId}
notifications:
  - {events: ['test:MADE'], name: WidgetName}
reads: []
";
const GADGET: &str = "\
title: Gadget
named_by: id
coverage: none
cadence: {floor: 30s, ceiling: 10m}
settle: 10s
agents: []
calls:
  - {service: test, api: new, events: MakeThing, name: req.widgetArn, change: created}
reads: []
";

fn catalog() -> Catalog {
    let files = [("services/test.yaml", SERVICE), ("kinds/widget.yaml", WIDGET), ("kinds/gadget.yaml", GADGET)];
    Catalog::parse(files).unwrap_or_else(|errors| panic!("{errors}"))
}

fn call(name: &str, request: Value) -> Value {
    json!({"eventSource": "test.amazonaws.com", "eventName": name, "requestParameters": request})
}

/// (kind, names, change) of everything found.
fn found(found: Found) -> Vec<(String, Vec<String>, Change)> {
    let Found::Kinds(kinds) = found else { return Vec::new() };
    let names = |names: Names| match names {
        Names::Any => vec!["any".to_owned()],
        Names::Some(names) => names.iter().map(|name| name.as_str().to_owned()).collect(),
    };
    kinds.into_iter().map(|f| (f.kind.as_str().to_owned(), names(f.names), f.change)).collect()
}

fn one(kind: &str, name: &str, change: Change) -> Vec<(String, Vec<String>, Change)> {
    vec![(kind.to_owned(), vec![name.to_owned()], change)]
}

#[test]
fn the_status_of_an_item_says_how_it_changed() {
    let item = |status: &str| json!({"resourceType": "aws::test::widget", "resourceId": "w-1", "configurationItemStatus": status});
    for (status, change) in [
        ("OK", Change::Updated),
        ("ResourceDiscovered", Change::Created),
        ("ResourceNotRecorded", Change::Updated),
        ("ResourceDeleted", Change::Deleted),
        ("ResourceDeletedNotRecorded", Change::Deleted),
        ("Deleted", Change::Deleted),
        ("SomethingNew", Change::Updated),
    ] {
        assert_eq!(found(catalog().of_config_item(&item(status))), one("widget", "w-1", change), "{status}");
    }
}

#[test]
fn an_id_of_another_form_is_passed_over_for_the_arn() {
    let item = json!({"resourceType": "AWS::Test::Widget", "resourceId": "ABC", "arn": "arn:aws:test:::widget/w-2"});
    assert_eq!(found(catalog().of_config_item(&item)), one("widget", "w-2", Change::Updated));
    let nameless = json!({"resourceType": "AWS::Test::Widget", "resourceId": "ABC"});
    assert_eq!(found(catalog().of_config_item(&nameless)), one("widget", "any", Change::Updated));
}

#[test]
fn items_of_other_types_are_of_no_interest_and_other_things_are_unknown() {
    let of = |resource_type: Value| catalog().of_config_item(&json!({"resourceType": resource_type}));
    assert_eq!(of(json!("AWS::Else::Thing")), Found::OfNoInterest);
    for odd in [json!("Widget"), json!("AWS::Test"), json!("AWS::::X"), json!(5), Value::Null] {
        assert_eq!(of(odd.clone()), Found::Unknown, "{odd}");
    }
}

#[test]
fn a_value_of_an_event_says_how_it_changed_and_what_it_touches_may_wait() {
    let event = |state: &str| json!({"source": "aws.test", "detail-type": "Widget State Change", "detail": {"id": "w-1", "state": state}});
    let kinds = found(catalog().of_event(&event("lost")));
    assert_eq!(kinds[0], one("widget", "w-1", Change::Deleted)[0]);
    assert_eq!(kinds[1], one("gadget", "any", Change::Related)[0]);
    assert_eq!(found(catalog().of_event(&event("else")))[0].2, Change::Updated);
}

#[test]
fn events_of_a_known_service_are_of_no_interest_where_no_rule_is_and_others_are_unknown() {
    let event = |source: &str, kind: &str| catalog().of_event(&json!({"source": source, "detail-type": kind}));
    assert_eq!(event("aws.test", "Something Else"), Found::OfNoInterest);
    assert_eq!(event("my.app", "Widget State Change"), Found::Unknown);
    assert_eq!(catalog().of_event(&json!([])), Found::Unknown);
}

#[test]
fn interfaces_of_one_event_source_are_told_apart_by_version_then_by_parameter() {
    let mut with_version = call("MakeThing", json!({"id": "w-1"}));
    with_version["apiVersion"] = json!("2020-01-01");
    assert_eq!(found(catalog().of_call(&with_version)), one("gadget", "any", Change::Created));
    let by_sign = call("MakeThing", json!({"widgetArn": "arn:1"}));
    assert_eq!(found(catalog().of_call(&by_sign)), one("gadget", "arn:1", Change::Created));
    let left = call("MakeThing20100101v2", json!({"id": "w-1"}));
    assert_eq!(found(catalog().of_call(&left)), one("widget", "w-1", Change::Created));
}

#[test]
fn a_write_that_no_rule_knows_is_decided_by_its_parameters() {
    assert_eq!(
        found(catalog().of_call(&call("Polish", json!({"widgetId": "w-1"})))),
        one("widget", "w-1", Change::Updated)
    );
    assert_eq!(catalog().of_call(&call("Polish", json!({"else": 1}))), Found::OfNoInterest);
    assert_eq!(catalog().of_call(&call("Polish", Value::Null)), Found::OfNoInterest);
    for ignored in ["Heartbeat", "ReportStatus"] {
        assert_eq!(catalog().of_call(&call(ignored, json!({"widgetId": "w-1"}))), Found::OfNoInterest, "{ignored}");
    }
}

#[test]
fn a_known_write_whose_parameters_are_missing_means_any_of_its_kind() {
    assert_eq!(found(catalog().of_call(&call("BreakMany", Value::Null))), one("widget", "any", Change::Updated));
}

#[test]
fn writes_of_services_without_a_file_are_of_no_interest() {
    let of = |source: &str| catalog().of_call(&json!({"eventSource": source, "eventName": "Put"}));
    assert_eq!(of("else.amazonaws.com"), Found::OfNoInterest);
    assert_eq!(of("else.example.com"), Found::Unknown);
}

#[test]
fn more_names_than_the_limit_mean_any() {
    let ids = |count: usize| json!({"ids": (0..count).map(|n| format!("w-{n}")).collect::<Vec<_>>()});
    assert_eq!(found(catalog().of_call(&call("BreakMany", ids(NAMES_LIMIT))))[0].1.len(), NAMES_LIMIT);
    assert_eq!(
        found(catalog().of_call(&call("BreakMany", ids(NAMES_LIMIT + 1)))),
        one("widget", "any", Change::Updated)
    );
}

#[test]
fn a_change_of_access_names_the_role_if_the_message_does() {
    let access = |request: Value| match catalog().of_call(&call("Grant", request)) {
        Found::Kinds(kinds) => kinds[0].access.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(access(json!({"role": "deployer"})), Some(Some(ResourceName::new("deployer").unwrap())));
    assert_eq!(access(Value::Null), Some(None));
}

#[test]
fn notifications_are_read_without_regard_to_the_case_of_keys() {
    let message = json!({"event": "test:MADE", "widgetname": "w-1"});
    assert_eq!(found(catalog().of_asg_notification(&message)), one("widget", "w-1", Change::Updated));
    assert_eq!(catalog().of_asg_notification(&json!({"Event": "test:TEST"})), Found::OfNoInterest);
    assert_eq!(catalog().of_asg_notification(&json!({"Event": "test:ELSE"})), Found::Unknown);
    assert_eq!(catalog().of_asg_notification(&json!("text")), Found::Unknown);
}

#[test]
fn throttling_is_known_by_code_and_by_event() {
    let catalog = catalog();
    assert!(catalog.is_throttle_code("TooFast") && !catalog.is_throttle_code("AccessDenied"));
    assert_eq!(catalog.names_of_throttle_codes().collect::<Vec<_>>(), ["TooFast"]);
    let event =
        |name: &str| json!({"source": "aws.test", "detail-type": "Test Service Action", "detail": {"eventName": name}});
    assert_eq!(catalog.throttled_by_event(&event("TEST_THROTTLED")).map(|service| service.as_str()), Some("test"));
    assert_eq!(catalog.throttled_by_event(&event("TEST_STEADY")), None);
    assert!(catalog.service_of_event_source("test.amazonaws.com").is_some());
}

#[test]
fn kinds_are_found_by_any_of_their_words_in_any_case() {
    let catalog = Catalog::shipped();
    for kind in catalog.kinds() {
        for word in std::iter::once(kind.id.as_str()).chain(kind.aliases.iter().map(|alias| alias.as_str())) {
            assert_eq!(catalog.find_kind(&word.to_uppercase()).unwrap().id, kind.id, "{word}");
        }
        for config in &kind.config {
            assert!(catalog.find_kind(&config.resource_type).is_ok(), "{}", config.resource_type);
        }
        let misspelt = format!("{}x", kind.id);
        assert!(catalog.find_kind(&misspelt).unwrap_err().nearest.is_some(), "{misspelt}");
    }
    let hostile = "x".repeat(10_000);
    assert!(catalog.find_kind(&hostile).unwrap_err().to_string().len() < 400);
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "aws.ec2",
        "aws.autoscaling",
        "ec2.amazonaws.com",
        "elasticloadbalancing.amazonaws.com",
        "lambda.amazonaws.com",
        "CreateTags",
        "RunInstances",
        "CreateFunction20150331",
        "AWS::EC2::Instance",
        "AWS::ECS::Service",
        "EC2 Instance State-change Notification",
        "autoscaling:EC2_INSTANCE_LAUNCH",
        "arn:aws:a:b:c:listener-rule/app",
        "i-1",
        "sg-1",
        "",
    ]);
    let key = prop::sample::select(vec![
        "source",
        "detail-type",
        "detail",
        "resources",
        "eventSource",
        "eventName",
        "apiVersion",
        "requestParameters",
        "responseElements",
        "resourceType",
        "resourceId",
        "ARN",
        "configurationItem",
        "configurationItemDiff",
        "changedProperties",
        "Event",
        "instancesSet",
        "items",
        "instanceId",
        "resourcesSet",
        "instance-id",
        "state",
        "functionName",
        "loadBalancerArn",
        "AutoScalingGroupName",
    ]);
    let leaf = prop_oneof![
        word.prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null),
        ".{0,12}".prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone().prop_map(str::to_owned), inner), 0..8).prop_map(Value::from_iter),
        ]
    })
}

/// Read once: the cases are about decoding.
static SHIPPED: LazyLock<Catalog> = LazyLock::new(Catalog::shipped);

proptest! {
    /// Whatever comes in: no panic, no kind twice, no empty list, no kind that does not exist.
    #[test]
    fn decoding_arbitrary_json_keeps_its_promises(value in any_json(), way in 0usize..4) {
        let catalog = &*SHIPPED;
        let result = match way {
            0 => catalog.of_config_item(&value),
            1 => catalog.of_event(&value),
            2 => catalog.of_call(&value),
            _ => catalog.of_asg_notification(&value),
        };
        if let Found::Kinds(kinds) = result {
            prop_assert!(!kinds.is_empty());
            for (n, kind) in kinds.iter().enumerate() {
                prop_assert!(catalog.kind(&kind.kind).is_some());
                prop_assert!(kinds[..n].iter().all(|earlier| earlier.kind != kind.kind));
                prop_assert!(!matches!(&kind.names, Names::Some(names) if names.is_empty()));
            }
        }
    }
}
