//! A wrong file is answered with everything that is wrong in it: where, what, and what was probably meant.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use std::fs;

use aws_event_cache_catalog::{Catalog, CatalogErrors, Found};
use proptest::prelude::*;
use serde_json::json;

const SERVICE: &str =
    "title: Test\nevent_sources: [test.amazonaws.com]\nbuckets: {read: {capacity: 100, refill: 20}}\n";
const AGENT: &str = "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]\n";
const KIND: &str = "\
title: Widget
aliases: [Gadget]
named_by: id
coverage: full
cadence: {floor: 30s, ceiling: 10m}
settle: 10s
agents: [widgets]
config:
  - {type: 'AWS::Test::Widget', name: resourceId}
calls:
  - {service: test, events: [MakeWidget], name: req.id}
reads:
  - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}
";

fn with_kind(kind: &str) -> Result<Catalog, CatalogErrors> {
    Catalog::parse([("services/test.yaml", SERVICE), ("agents/widgets.yaml", AGENT), ("kinds/widget.yaml", kind)])
}

/// The errors of the kind's file after one replacement, as an operator sees them.
fn errors_after(from: &str, to: &str) -> String {
    assert!(KIND.contains(from), "{from} is not in the file");
    with_kind(&KIND.replace(from, to)).err().map(|errors| errors.to_string()).unwrap_or_default()
}

#[test]
fn the_file_without_mistakes_is_taken() {
    assert_eq!(with_kind(KIND).err(), None);
}

#[test]
fn each_mistake_names_file_line_field_value_and_the_nearest_word() {
    let cases = [
        ("settle: 10s", "setle: 10s", "kinds/widget.yaml:6: setle: is not a field here; did you mean `settle`?"),
        ("settle: 10s", "setle: 10s", "kinds/widget.yaml:1: settle: is missing"),
        (
            "settle: 10s",
            "settle: 10",
            "kinds/widget.yaml:6: settle: \"10\" is not a duration such as 30s, 10m or 2h (at most 7 days)",
        ),
        (
            "coverage: full",
            "coverage: ful",
            "kinds/widget.yaml:4: coverage: \"ful\" is not one of full, partial, none; did you mean `full`?",
        ),
        (
            "[widgets]",
            "[widget]",
            "kinds/widget.yaml:7: agents[0]: no agent is called \"widget\"; did you mean `widgets`?",
        ),
        (
            "bucket: 'test:read'",
            "bucket: 'test:raed'",
            "kinds/widget.yaml:13: reads[0].bucket: no bucket is called \"test:raed\"; did you mean `test:read`?",
        ),
        (
            "service: test, events",
            "service: tost, events",
            "kinds/widget.yaml:11: calls[0].service: no service is called \"tost\"; did you mean `test`?",
        ),
        (
            "name: resourceId",
            "name: resourceld",
            "kinds/widget.yaml:9: config[0].name: a path here starts with one of resourceId, resourceName, ARN, configuration, supplementaryConfiguration, not with \"resourceld\"; did you mean `resourceId`?",
        ),
        (
            "name: req.id",
            "name: req.id | last-segmnt",
            "kinds/widget.yaml:11: calls[0].name: \"last-segmnt\" is not a filter; did you mean `last-segment`?",
        ),
        (
            "name: req.id",
            "name: 'req.id['",
            "kinds/widget.yaml:11: calls[0].name: \"req.id[\" has a bracket that is not closed",
        ),
        ("name: req.id", "touches: [gizmo]", "kinds/widget.yaml:11: calls[0].touches[0]: no kind is called \"gizmo\""),
        (
            "[MakeWidget]",
            "[MakeWidget, MakeWidget]",
            "kinds/widget.yaml:11: calls[0].events[1]: the call MakeWidget of test in widget is taken by MakeWidget in line 11",
        ),
        (
            "AWS::Test::Widget",
            "Widget",
            "kinds/widget.yaml:9: config[0].type: \"Widget\" is not an AWS Config type such as AWS::EC2::Instance",
        ),
        ("floor: 30s", "floor: 30m", "kinds/widget.yaml:5: cadence: the floor of 1800 s is above the ceiling of 600 s"),
        ("floor: 30s", "floor: 0s", "kinds/widget.yaml:5: cadence: the floor is not above 0 s"),
        ("[Gadget]", "[widget]", "kinds/widget.yaml:2: aliases[0]: the name widget is taken by kinds/widget.yaml"),
        (
            "cadence: {floor: 30s, ceiling: 10m}",
            "cadence: quick",
            "kinds/widget.yaml:5: cadence: \"quick\" is not a map",
        ),
    ];
    for (from, to, expected) in cases {
        let errors = errors_after(from, to);
        let found = errors.lines().any(|line| line == expected);
        assert!(found, "wanted  {expected}\namong\n{errors}");
    }
}

#[test]
fn patterns_of_one_kind_that_some_name_fits_both_are_a_conflict() {
    for (first, second) in [("MakeWidget", "Make*"), ("Make*", "MakeWidget"), ("MakeW*", "Make*")] {
        let errors = errors_after("[MakeWidget]", &format!("['{first}', '{second}']"));
        let wanted = format!("the call {second} of test in widget is taken by {first} in line 11");
        assert!(errors.contains(&wanted), "{errors}");
    }
    assert_eq!(errors_after("[MakeWidget]", "['Make*', 'Break*', Polish]"), "");
}

#[test]
fn an_agents_name_must_tell_its_agents_apart() {
    let errors = |from: &str, to: &str| {
        let agent = AGENT.replace(from, to);
        let files =
            [("services/test.yaml", SERVICE), ("agents/widgets.yaml", agent.as_str()), ("kinds/widget.yaml", KIND)];
        Catalog::parse(files).err().map(|errors| errors.to_string()).unwrap_or_default()
    };
    assert!(errors("{account}/", "").contains("name: lacks {account}, which tells its agents apart"));
    assert!(errors("Widget", "{name}").contains("name: {name} stands for nothing in an agent's name of this sort"));
    assert!(errors("per: account-region", "per: account").contains("name: {region} stands for nothing"));
}

#[test]
fn all_mistakes_of_all_files_are_reported_together_in_order() {
    let kind = KIND.replace("settle: 10s", "settle: soon").replace("[widgets]", "[gadgets]");
    let agent = AGENT.replace("provider: aws", "provider: asw");
    let files = [("services/test.yaml", SERVICE), ("agents/widgets.yaml", &agent), ("kinds/widget.yaml", &kind)];
    let errors = Catalog::parse(files).unwrap_err().0;
    let places: Vec<String> = errors.iter().map(|error| format!("{} {}", error.file, error.field)).collect();
    assert_eq!(places, ["agents/widgets.yaml provider", "kinds/widget.yaml settle", "kinds/widget.yaml agents[0]"]);
}

#[test]
fn a_broken_file_is_not_reported_as_missing_by_those_that_use_it() {
    let agent = AGENT.replace("provider: aws", "provider: asw");
    let files = [("services/test.yaml", SERVICE), ("agents/widgets.yaml", &agent), ("kinds/widget.yaml", KIND)];
    assert_eq!(Catalog::parse(files).unwrap_err().0.len(), 1);
}

#[test]
fn files_that_are_no_yaml_or_in_no_folder_are_reported_as_such() {
    let broken = Catalog::parse([("kinds/widget.yaml", "title: [")]).unwrap_err().0;
    assert!(broken[0].line.is_some(), "{broken:?}");
    let twice = Catalog::parse([("kinds/widget.yaml", "title: a\ntitle: b\n")]).unwrap_err().to_string();
    assert!(twice.contains("title"), "{twice}");
    let lost = Catalog::parse([("widget.yaml", KIND)]).unwrap_err().to_string();
    assert_eq!(lost, "widget.yaml: is not in one of the folders kinds, agents and services");
    let folder = Catalog::parse([("kind/widget.yaml", KIND)]).unwrap_err().to_string();
    assert!(folder.contains("did you mean `kinds`?"), "{folder}");
    let name = Catalog::parse([("kinds/My Widget.yaml", KIND)]).unwrap_err().to_string();
    assert!(name.contains("\"My Widget\" is not a name"), "{name}");
    let long = "#".repeat(300_000);
    assert!(Catalog::parse([("kinds/widget.yaml", long.as_str())]).is_err());
}

#[test]
fn an_any_call_without_a_name_is_refused_since_it_would_match_every_write() {
    let errors = errors_after("reads:", "any_call: [{service: test}]\nreads:");
    assert!(errors.contains("any_call[0]: needs a name"), "{errors}");
}

const READ: &str = "{service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}";

#[test]
fn mistakes_in_how_a_read_is_answered_are_named() {
    let read = |fields: &str| errors_after(READ, &READ.replace('}', &format!(", {fields}}}")));
    for (fields, expected) in [
        (
            "item: {parameter: Id, name: last-segmnt}",
            "reads[0].item.name: \"last-segmnt\" is not a filter; did you mean `last-segment`?",
        ),
        ("item: {parameter: Id, name: []}", "reads[0].item.name: needs a filter"),
        ("item: {parameter: Id, most: 101}", "reads[0].item.most: \"101\" is not a number from 1 to 100"),
        ("item: {parametre: Id}", "reads[0].item.parametre: is not a field here; did you mean `parameter`?"),
        (
            "with: [Filter..Name]",
            "reads[0].with[0]: \"Filter..Name\" is not a parameter such as cluster or Filter.1.Name=is-public",
        ),
        ("needs: [a b]", "reads[0].needs[0]: \"a b\" is not a parameter"),
        ("list: A, page: {in: T, out: T, list: B}", "reads[0]: the answer's list is named twice"),
        ("transitionl: [x]", "reads[0].transitionl: is not a field here; did you mean `transitional`?"),
    ] {
        let errors = read(fields);
        assert!(errors.contains(expected), "{fields}: {errors}");
    }
    let errors =
        errors_after("reads:", "beneath: [widgett]\nwrites: [{service: test, operations: Make Widget}]\nreads:");
    assert!(errors.contains("beneath[0]: no kind is called \"widgett\"; did you mean `widget`?"), "{errors}");
    assert!(errors.contains("writes[0].operations: \"Make Widget\" is not an operation"), "{errors}");
}

#[test]
fn mistakes_in_how_a_service_is_told_are_named() {
    let service = |fields: &str| {
        let text = format!("{SERVICE}{fields}\n");
        let files = [("services/test.yaml", text.as_str()), ("services/other.yaml", OTHER)];
        Catalog::parse(files).err().map(|errors| errors.to_string()).unwrap_or_default()
    };
    assert_eq!(service("signing_name: tests\nerrors: rest-json\nroutes: {Get: 'GET /a/{Name}/b/{Rest+}'}"), "");
    for (fields, expected) in [
        (
            "errors: rest_json",
            "test.yaml:4: errors: \"rest_json\" is not one of ec2, query, json, rest-json; did you mean `rest-json`?",
        ),
        ("admit: any", "test.yaml:4: admit: \"any\" is not one of operation, exact"),
        ("routes: {GetWidget: /widgets}", "routes.GetWidget: \"/widgets\" is not a route such as GET /widgets/{Name}"),
        ("routes: {GetWidget: 'GET /widgets/{Name'}", "routes.GetWidget: "),
        ("global_region: 'every where'", "global_region: \"every where\" is not a region, or global"),
        ("others: 'test:raed'", "others: no bucket is called \"test:raed\"; did you mean `test:read`?"),
        ("signing_name: other", "the signing name other is taken by "),
    ] {
        let errors = service(fields);
        assert!(errors.contains(expected), "{fields}: {errors}");
    }
}

const OTHER: &str = "title: Other\nevent_sources: []\nbuckets: {read: {capacity: 1, refill: 1}}\n";

/// Files of before the answer arm say `item` as a text; nothing of what they name was ever answered from memory.
#[test]
fn an_item_as_a_text_is_taken_and_such_requests_pass() {
    let catalog = with_kind(&KIND.replace(READ, &READ.replace('}', ", item: WidgetId}"))).unwrap();
    let read = &catalog.kinds().next().unwrap().reads[0];
    assert!(read.item.is_none() && !read.allows("WidgetId", "w-1") && read.fits(std::iter::empty()));
}

#[test]
fn an_operators_folder_adds_and_replaces_and_is_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let shipped = Catalog::shipped();
    let replaced = shipped.kinds().next().unwrap();
    write("services/test.yaml", SERVICE);
    write("agents/widgets.yaml", AGENT);
    write("kinds/widget.yaml", KIND);
    write("kinds/notes.txt", "not ours");
    write(
        &replaced.file,
        &KIND
            .replace("Gadget", "Replaced")
            .replace("AWS::Test::Widget", "AWS::Test::Other")
            .replace("MakeWidget", "MakeOther"),
    );
    let catalog = Catalog::with_folder(folder.path()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(catalog.kinds().count(), shipped.kinds().count() + 1);
    assert_eq!(catalog.find_kind("replaced").unwrap().id, replaced.id);
    let item = json!({"resourceType": "AWS::Test::Widget", "resourceId": "w-1"});
    assert!(matches!(catalog.of_config_item(&item), Found::Kinds(kinds) if kinds[0].kind.as_str() == "widget"));

    write("kinds/widget.yaml", &KIND.replace("10s", "soon"));
    let errors = Catalog::with_folder(folder.path()).unwrap_err().to_string();
    let label = folder.path().join("kinds/widget.yaml").display().to_string();
    assert!(errors.starts_with(&format!("{label}:6: settle")), "{errors}");
}

#[test]
fn a_folder_that_does_not_exist_is_an_error_and_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Catalog::with_folder(folder.path()).is_ok());
    assert!(Catalog::with_folder(&folder.path().join("missing")).is_err());
}

/// Lines of a file as people write them, shuffled and damaged.
fn damaged_file() -> impl Strategy<Value = String> {
    let lines: Vec<String> = KIND.lines().map(str::to_owned).collect();
    let line =
        prop_oneof![prop::sample::select(lines), "[ -]{0,4}[a-z_]{1,8}: ?[\\[{'\"a-z0-9|.,:}\\]]{0,12}", ".{0,20}"];
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn reading_arbitrary_text_never_panics(text in prop_oneof![".{0,200}", damaged_file()], folder in 0usize..3) {
        let path = ["kinds/widget.yaml", "agents/widgets.yaml", "services/test.yaml"][folder];
        if let Err(errors) = Catalog::parse([(path, text.as_str())]) {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.0.iter().all(|error| error.to_string().starts_with(path)));
        }
    }
}
