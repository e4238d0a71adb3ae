//! The shipped files are right, and the catalogue that they give answers as other crates expect.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use aws_event_cache_catalog::Catalog;

/// The shipped folder, read as files rather than out of the binary, so that mistakes are shown with every error.
#[test]
fn the_shipped_files_are_valid_and_all_are_embedded() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let from_disk = Catalog::with_folder(root).unwrap_or_else(|errors| panic!("{errors}"));
    let embedded = Catalog::shipped();
    let ids = |catalog: &Catalog| catalog.kinds().map(|kind| kind.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&from_disk), ids(&embedded));
    assert_eq!(from_disk.agents().count(), embedded.agents().count());
    assert_eq!(from_disk.services().count(), embedded.services().count());
}

#[test]
fn the_document_of_kinds_is_fresh() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kinds.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let fresh = written == aws_event_cache_catalog::kinds_markdown(&Catalog::shipped());
    assert!(fresh, "docs/kinds.md is out of date: cargo run -p aws-event-cache-catalog --example kinds_md");
}

#[test]
fn the_example_of_the_document_is_a_valid_folder() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/catalogue");
    let catalog = Catalog::with_folder(&folder).unwrap_or_else(|errors| panic!("{errors}"));
    let widget = catalog.find_kind("widget").unwrap();
    assert!(widget.on_demand.as_ref().is_some_and(|call| call.needs_name()));
}

#[test]
fn a_service_that_says_by_event_that_it_throttles_is_heard() {
    let catalog = Catalog::shipped();
    let event = |name: &str| {
        serde_json::json!({
            "source": "aws.ecs", "detail-type": "ECS Service Action",
            "resources": ["arn:aws:ecs:eu-west-1:111122223333:service/prod/cart"],
            "detail": {"eventType": "WARN", "eventName": name, "clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/prod"},
        })
    };
    let throttled = event("ECS_OPERATION_THROTTLED");
    assert_eq!(catalog.throttled_by_event(&throttled).map(|service| service.as_str()), Some("ecs"));
    assert_eq!(catalog.throttled_by_event(&event("SERVICE_STEADY_STATE")), None);
    for code in ["Client.RequestLimitExceeded", "RequestLimitExceeded", "Throttling", "ThrottlingException"] {
        assert!(catalog.is_throttle_code(code), "{code}");
    }
    assert!(!catalog.is_throttle_code("LimitExceededException"), "for a write it means a quota of things");
}
