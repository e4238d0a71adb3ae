//! What an answer depends on is marked by every message that is about it, however either of them writes the name.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use aws_event_cache_catalog::{Catalog, Found, Kind, Read};
use aws_event_cache_model::{KindId, Names, ResourceName};
use proptest::prelude::*;
use serde_json::Value;

/// Read once: reading costs more than all else here.
static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::shipped);

/// Names of one resource and of what it belongs to, made of parts and not by any filter: in messages, and in the requests whose answers show it.
struct World {
    kind: &'static str,
    operation: &'static str,
    messages: Vec<String>,
    requests: Vec<String>,
}

const ACCOUNT: &str = "arn:aws:SERVICE:eu-west-1:111122223333";

fn worlds(name: &str, id: &str, number: u16) -> Vec<World> {
    let arn = |service: &str, rest: String| format!("{}:{rest}", ACCOUNT.replace("SERVICE", service));
    let elb = |rest: String| arn("elasticloadbalancing", rest);
    let ecs = |rest: String| arn("ecs", rest);
    let world =
        |kind, operation, messages: Vec<String>, requests: Vec<String>| World { kind, operation, messages, requests };
    let plain = || vec![name.to_owned()];
    let mut worlds = vec![
        world("classic-load-balancer", "DescribeLoadBalancerAttributes", plain(), plain()),
        world("classic-load-balancer", "DescribeTags", plain(), plain()),
        world("classic-instance-health", "DescribeInstanceHealth", plain(), plain()),
    ];
    for (sort, inner) in ["app", "net", "gwy"].map(|sort| (sort, format!("{sort}/{name}/{id}"))) {
        let balancer = elb(format!("loadbalancer/{inner}"));
        let listener = elb(format!("listener/{inner}/{id}{number}"));
        let rule = elb(format!("listener-rule/{inner}/{id}{number}/{number:x}{sort}"));
        worlds.extend([
            world("load-balancer", "DescribeLoadBalancerAttributes", vec![balancer.clone()], vec![balancer.clone()]),
            world("load-balancer", "DescribeTags", vec![balancer.clone()], vec![balancer.clone()]),
            world("listener", "DescribeListeners", vec![listener.clone()], vec![balancer]),
            world("listener-rule", "DescribeRules", vec![rule, listener.clone()], vec![listener]),
        ]);
    }
    let group = vec![elb(format!("targetgroup/{name}/{id}"))];
    for (kind, operation) in [
        ("target-group", "DescribeTargetGroupAttributes"),
        ("target-group", "DescribeTags"),
        ("target-health", "DescribeTargetHealth"),
    ] {
        worlds.push(world(kind, operation, group.clone(), group.clone()));
    }
    let in_ecs = |kind: &str, thing: &str| {
        vec![ecs(format!("{kind}/prod/{thing}")), ecs(format!("{kind}/{thing}")), thing.to_owned()]
    };
    worlds.extend([
        world("ecs-service", "DescribeServices", in_ecs("service", name), in_ecs("service", name)),
        world("ecs-task", "DescribeTasks", in_ecs("task", id), in_ecs("task", id)),
        world(
            "ecs-container-instance",
            "DescribeContainerInstances",
            in_ecs("container-instance", id),
            in_ecs("container-instance", id),
        ),
    ]);
    let revision = vec![format!("{name}:{number}"), ecs(format!("task-definition/{name}:{number}"))];
    let family = vec![name.to_owned(), ecs(format!("task-definition/{name}"))];
    let either = revision.iter().chain(&family).cloned().collect();
    worlds.push(world("ecs-task-definition", "DescribeTaskDefinition", revision, either));
    let function = |rest: &str| arn("lambda", format!("function:{name}{rest}"));
    let forms = vec![
        name.to_owned(),
        format!("{name}:live"),
        format!("111122223333:{name}"),
        format!("111122223333:function:{name}"),
        function(""),
        function(":live"),
        function(&format!(":{number}")),
    ];
    for operation in ["GetFunction", "ListVersionsByFunction", "ListAliases", "ListEventSourceMappings", "GetPolicy"] {
        worlds.push(world("lambda-function", operation, forms.clone(), forms.clone()));
    }
    let stack = vec![name.to_owned(), arn("cloudformation", format!("stack/{name}/{id}"))];
    for operation in ["ListChangeSets", "DescribeStackEvents"] {
        worlds.push(world("stack", operation, stack.clone(), stack.clone()));
    }
    let change_sets = vec!["next".to_owned(), arn("cloudformation", format!("changeSet/next/{id}"))];
    worlds.push(world("stack", "DescribeChangeSet", stack, change_sets));
    worlds
}

fn rows<'c>(catalog: &'c Catalog, world: &World) -> Vec<&'c Read> {
    let kind = catalog.kind(&KindId::new(world.kind).unwrap()).unwrap();
    kind.reads.iter().filter(|read| read.operation == world.operation && read.item.is_some()).collect()
}

fn marked(catalog: &Catalog, kind: &str, name: &str) -> Names {
    let names = Names::Some(vec![ResourceName::new(name).unwrap()]);
    catalog.ledger_names(&KindId::new(kind).unwrap(), &names)
}

/// Whether a message that names `message` reaches the answer to a request that names `request`.
fn reaches(catalog: &Catalog, row: &Read, kind: &str, message: &str, request: &str) -> bool {
    match (marked(catalog, kind, message), row.item_names(&[request])) {
        (Names::Any, _) | (_, None) => true,
        (Names::Some(marked), Some(depends)) => depends.iter().any(|name| marked.contains(name)),
    }
}

#[test]
fn every_operation_that_is_answered_for_single_resources_is_tried() {
    let tried = worlds("shop-cart", "50dc6c495c0c9188", 7);
    for kind in CATALOG.kinds() {
        for read in kind.reads.iter().filter(|read| read.item.is_some()) {
            let is_tried =
                tried.iter().any(|world| world.kind == kind.id.as_str() && world.operation == read.operation);
            assert!(is_tried, "{} {}", kind.id, read.operation);
        }
    }
}

proptest! {
    #[test]
    fn a_message_reaches_every_answer_that_shows_what_it_names(
        name in "[a-z][a-z0-9-]{0,20}[a-z]",
        id in "[0-9a-f]{8,17}",
        number in 1_u16..2000,
    ) {
        let catalog = &*CATALOG;
        for world in worlds(&name, &id, number) {
            for row in rows(catalog, &world) {
                for message in &world.messages {
                    for request in &world.requests {
                        let reached = reaches(catalog, row, world.kind, message, request);
                        prop_assert!(reached, "{} {}: {message} does not reach {request}", world.kind, world.operation);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_about_another_resource_leaves_an_answer_alone(number in 1_u16..2000) {
        let catalog = &*CATALOG;
        let ours = worlds("shop-cart", "50dc6c495c0c9188", number);
        let others = worlds("shop-till", "0f9e8d7c6b5a4321", number);
        for (world, other) in ours.iter().zip(&others) {
            for row in rows(catalog, world) {
                if row.item.as_ref().is_some_and(|item| item.name.is_none()) {
                    continue;
                }
                for (message, request) in other.messages.iter().flat_map(|m| world.requests.iter().map(move |r| (m, r))) {
                    let reached = reaches(catalog, row, world.kind, message, request);
                    prop_assert!(!reached, "{} {}: {message} reaches {request}", world.kind, world.operation);
                }
            }
        }
    }

    #[test]
    fn given_names_stay_whatever_they_are(names in prop::collection::vec("\\PC{1,40}", 1..5)) {
        let catalog = &*CATALOG;
        let names: Vec<_> = names.iter().filter_map(|name| ResourceName::new(name).ok()).collect();
        for kind in catalog.kinds() {
            if let Names::Some(marked) = catalog.ledger_names(&kind.id, &Names::Some(names.clone())) {
                prop_assert!(names.iter().all(|name| marked.contains(name)));
            }
        }
    }
}

fn fixtures(kind: &Kind) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(kind.id.as_str());
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let payloads = files.filter(|path| name(path) != "expected.json");
    payloads.map(|path| (name(&path), serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap())).collect()
}

/// Else every message of that sort would make all answers of the kind stale: safe, and of no use.
#[test]
fn names_that_messages_carry_lead_to_single_answers() {
    let catalog = &*CATALOG;
    for kind in catalog.kinds() {
        for (file, payload) in fixtures(kind) {
            let found = match file.split(['-', '.']).next().unwrap() {
                "config" => catalog.of_config_item(&payload),
                "event" => catalog.of_event(&payload),
                "call" => catalog.of_call(&payload),
                _ => catalog.of_asg_notification(&payload),
            };
            let Found::Kinds(found) = found else { panic!("{}/{file}", kind.id) };
            for found in found.iter().filter(|found| found.names != Names::Any) {
                let marked = catalog.ledger_names(&found.kind, &found.names);
                assert_ne!(marked, Names::Any, "{}/{file}: {found:?}", kind.id);
            }
        }
    }
}

#[test]
fn a_name_that_cannot_be_told_means_any() {
    let catalog = &*CATALOG;
    for (kind, name) in [
        ("listener-rule", "shop"),
        ("listener", "shop"),
        ("target-health", "shop"),
        ("classic-load-balancer", "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/shop"),
        ("lambda-function", "arn:aws:lambda:eu-west-1:111122223333:layer:shop:1"),
    ] {
        assert_eq!(marked(catalog, kind, name), Names::Any, "{kind} {name}");
    }
    assert_eq!(catalog.ledger_names(&KindId::new("listener").unwrap(), &Names::Any), Names::Any);
}
