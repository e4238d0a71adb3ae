//! Which requests may be answered from memory: those that Clouddriver's agents send (`tests/data/reads.json`, captured from real agents where the row has
//! a counterpart there, and read from the services' models), and none that names what an operation could be about.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

mod support;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aws_event_cache_catalog::{Admit, AgeClass, Catalog, Read};
use aws_event_cache_model::{ErrorShape, ResourceName, ServiceName};
use serde_json::{Value, json};
use support::Sent;

/// Read once: reading costs more than all else here.
static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::shipped);

const READS: &str = include_str!("data/reads.json");

fn row<'c>(catalog: &'c Catalog, sent: &Sent) -> (Option<&'c Read>, aws_event_cache_wire::Call) {
    let call = sent.call(catalog);
    let reads = catalog.reads_of(&sent.service(), call.api_version.as_deref(), &call.operation);
    let row = reads.iter().find(|read| read.fits(call.parameters.iter()));
    (row, call)
}

#[test]
fn a_request_is_of_the_kind_that_it_reads_or_of_none_if_it_is_not_to_be_answered_from_memory() {
    let catalog = &*CATALOG;
    for sent in Sent::all(READS) {
        let (row, _) = row(catalog, &sent);
        let kind = row.map(|row| row.kind.as_str());
        assert_eq!(kind, sent.expected["kind"].as_str(), "{sent:?}");
        if let Some(age) = sent.expected.get("age").and_then(Value::as_str) {
            assert_eq!(row.map(|row| format!("{:?}", row.age)).as_deref(), Some(age), "{sent:?}");
        }
    }
}

#[test]
fn an_answer_about_single_resources_depends_on_them_and_any_other_on_the_listing() {
    let catalog = &*CATALOG;
    for sent in Sent::all(READS) {
        let (Some(row), call) = row(catalog, &sent) else { continue };
        let values = row.item.as_ref().map(|item| call.parameters.items(&item.parameter)).unwrap_or_default();
        let names = if values.is_empty() { None } else { row.item_names(&values) };
        let names = names.map(|names| names.iter().map(|name| json!(name.as_str())).collect::<Value>());
        assert_eq!(names, sent.expected.get("names").cloned(), "{sent:?}");
    }
}

#[test]
fn every_row_is_asked_for_by_some_request_of_the_data() {
    let catalog = &*CATALOG;
    let data = Sent::all(READS);
    let asked: BTreeSet<*const Read> =
        data.iter().filter_map(|sent| row(catalog, sent).0).map(std::ptr::from_ref).collect();
    let mut rows = BTreeSet::new();
    for read in catalog.kinds().flat_map(|kind| &kind.reads) {
        let service = catalog.service(&read.service).unwrap();
        let version =
            service.apis.iter().find(|api| Some(&api.name) == read.api.as_ref()).map(|api| api.version.as_str());
        rows.extend(catalog.reads_of(&read.service, version, &read.operation).iter().map(std::ptr::from_ref));
    }
    assert_eq!(asked.len(), rows.len());
}

#[test]
fn every_read_is_known_as_one_and_so_are_those_that_only_pass() {
    let catalog = &*CATALOG;
    for sent in Sent::all(READS) {
        assert!(catalog.is_read_only(&sent.service(), &sent.operation), "{sent:?}");
    }
    let is_read = |service: &str, operation: &str| catalog.is_read_only(&ServiceName::new(service).unwrap(), operation);
    for (service, operation) in [
        ("ec2", "RunInstances"),
        ("ec2", "Describe"),
        ("ec2", "Getaway"),
        ("autoscaling", "ListThings"),
        ("iam", "DescribeRoles"),
        ("lambda", "Invoke"),
        ("cloudformation", "DetectStackDrift"),
        ("sts", "GetCallerIdentity"),
    ] {
        assert!(!is_read(service, operation), "{service} {operation}");
    }
    assert!(is_read("cloudformation", "ValidateTemplate") && is_read("iam", "SimulatePrincipalPolicy"));
}

#[test]
fn services_are_found_by_what_requests_are_signed_for_and_say_how_they_word_errors() {
    let catalog = &*CATALOG;
    let shape = |name: &str| catalog.service_signed(name).map(|service| service.error_shape);
    assert_eq!(shape("ec2"), Some(ErrorShape::Ec2));
    for query in ["autoscaling", "elasticloadbalancing", "monitoring", "cloudformation", "iam"] {
        assert_eq!(shape(query), Some(ErrorShape::Query), "{query}");
    }
    for json in ["ecs", "application-autoscaling", "secretsmanager", "servicediscovery"] {
        assert_eq!(shape(json), Some(ErrorShape::Json), "{json}");
    }
    assert_eq!((shape("lambda"), shape("sts")), (Some(ErrorShape::RestJson), None));
    let global =
        catalog.services().filter(|service| service.global_region.is_some()).map(|service| service.name.as_str());
    assert_eq!(global.collect::<Vec<_>>(), ["iam"]);
}

#[test]
fn only_services_without_permissions_for_single_resources_admit_by_operation() {
    let catalog = &*CATALOG;
    let by_operation = ["autoscaling", "ec2", "elasticloadbalancing", "monitoring"];
    for read in catalog.kinds().flat_map(|kind| &kind.reads) {
        let expected = by_operation.contains(&read.service.as_str());
        assert_eq!(read.admit == Admit::Operation, expected, "{} {}", read.service, read.operation);
    }
}

#[test]
fn every_operation_of_a_rest_service_that_a_file_speaks_of_has_a_route() {
    let catalog = &*CATALOG;
    for service in catalog.services().filter(|service| !service.routes.is_empty()) {
        let has_route = |operation: &str| service.routes.iter().any(|(of, _)| of == operation);
        let reads = catalog.kinds().flat_map(|kind| &kind.reads).filter(|read| read.service == service.name);
        for read in reads {
            assert!(has_route(&read.operation), "{}", read.operation);
        }
        let calls = catalog.kinds().flat_map(|kind| &kind.calls).filter(|call| call.service == service.name);
        for event in calls.flat_map(|call| &call.events) {
            let start = event.trim_end_matches('*');
            assert!(service.routes.iter().any(|(of, _)| of.starts_with(start)), "{event}");
        }
    }
}

/// What the fact base says of each class: nothing that no event announces is held for minutes, and nothing is held for ever but what cannot change.
#[test]
fn ages_follow_what_is_announced() {
    for kind in CATALOG.kinds() {
        for read in &kind.reads {
            let of = format!("{} {}", kind.id, read.operation);
            match read.age {
                AgeClass::Event => assert!(!kind.calls.is_empty() && !kind.agents.is_empty(), "{of}"),
                AgeClass::Health => assert!(read.item.is_some(), "{of}"),
                AgeClass::Immutable => assert!(read.item.as_ref().is_some_and(|item| item.only.is_some()), "{of}"),
                AgeClass::Short | AgeClass::Slow | AgeClass::Catalogue => {}
            }
        }
    }
}

#[test]
fn buckets_are_known_for_reads_of_any_shape_and_for_services_with_one_for_all() {
    let catalog = &*CATALOG;
    let bucket = |service: &str, operation: &str| {
        catalog.bucket_of(&ServiceName::new(service).unwrap(), operation).map(ToString::to_string)
    };
    assert_eq!(bucket("ec2", "DescribeInstances").as_deref(), Some("ec2:describe-instances"));
    assert_eq!(bucket("autoscaling", "SetDesiredCapacity").as_deref(), Some("autoscaling:all"));
    assert_eq!(bucket("ec2", "RunInstances"), None, "each of its actions has a bucket of its own");
    assert_eq!(bucket("sts", "AssumeRole"), None);
}

#[test]
fn whoever_names_a_load_balancer_wants_the_truth_of_what_lies_beneath() {
    let catalog = &*CATALOG;
    let beneath = |word: &str| -> BTreeSet<String> {
        let kind = catalog.find_kind(word).unwrap();
        kind.reads.iter().flat_map(|read| &read.beneath).map(ToString::to_string).collect()
    };
    let expected = ["listener", "listener-rule", "load-balancer", "target-group", "target-health"];
    assert_eq!(beneath("load-balancer"), expected.map(str::to_owned).into());
    assert_eq!(beneath("instance"), BTreeSet::new(), "nothing of it is answered for single resources");
}

#[test]
fn what_cannot_be_a_name_makes_an_answer_depend_on_the_listing() {
    let catalog = &*CATALOG;
    let service = ServiceName::new("elasticloadbalancing").unwrap();
    let rules = &catalog.reads_of(&service, Some("2015-12-01"), "DescribeRules")[0];
    assert_eq!(rules.item_names(&["no ARN"]), None);
    let listener = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/shop/1/2";
    assert_eq!(rules.item_names(&[listener]), Some(vec![ResourceName::new(listener).unwrap()]));
    assert_eq!(rules.item_names(&[listener, "no ARN"]), None);
}
