//! No event source is forgotten: whatever the catalogue and the intake decode into a hint is forwarded by a generated rule, and rules fit EventBridge's limits.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use aws_event_cache_aws_setup::{Demand, ForwardRule, Options, PATTERN_LIMIT, Writes, forward_rules, size};
use aws_event_cache_catalog::{Catalog, Found, Service};
use aws_event_cache_intake::decode::{Context, Standing, Trust, decode};
use aws_event_cache_model::Source;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::matching::matches;
use support::{json_at, repository};

/// The rules that forward an event.
fn forwarding<'r>(rules: &'r [ForwardRule], event: &Value) -> Vec<&'r ForwardRule> {
    rules.iter().filter(|rule| matches(&rule.pattern, event)).collect()
}

fn of_call(detail: &Value) -> Value {
    json!({"source": "aws.test", "detail-type": "AWS API Call via CloudTrail", "detail": detail})
}

fn of_config(message: &Value) -> Value {
    // A bare item is what AWS Config's API gives; EventBridge sends the message around it.
    let message = match message.get("resourceType") {
        Some(_) => json!({"configurationItem": message}),
        None => message.clone(),
    };
    json!({"source": "aws.config", "detail-type": "Config Configuration Item Change", "detail": message})
}

/// Every fixture of the catalogue that EventBridge could bring, as the event in which it would come.
fn fixtures() -> Vec<(PathBuf, Value)> {
    let mut events = Vec::new();
    for folder in fs::read_dir(repository().join("crates/catalog/fixtures")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let payload = || json_at(&path);
            let event = match name.split(['-', '.']).next().unwrap() {
                "event" => payload(),
                "call" => of_call(&payload()),
                // The spelling of 2014, which EventBridge never had.
                "config" if name.contains("upper-case") => continue,
                "config" => of_config(&payload()),
                "notification" | "expected" => continue,
                other => panic!("{}: {other}", path.display()),
            };
            events.push((path, event));
        }
    }
    assert!(events.len() > 100, "the fixtures were not found");
    events
}

fn decodes(catalog: &Catalog, event: &Value) -> bool {
    let found = match event["detail-type"].as_str().unwrap() {
        "AWS API Call via CloudTrail" => catalog.of_call(&event["detail"]),
        "Config Configuration Item Change" => catalog.of_config_item(&event["detail"]),
        _ => catalog.of_event(event),
    };
    matches!(found, Found::Kinds(_))
}

#[test]
fn every_fixture_that_the_catalogue_decodes_is_forwarded() {
    let catalog = Catalog::shipped();
    let rules = forward_rules(&Demand::everything(&catalog), Writes::All, false).unwrap();
    for (path, event) in fixtures() {
        assert!(decodes(&catalog, &event), "{}", path.display());
        assert!(!forwarding(&rules, &event).is_empty(), "{} is forgotten", path.display());
    }
}

#[test]
fn with_known_writes_only_those_calls_are_left_out_that_no_rule_names() {
    let catalog = Catalog::shipped();
    let rules = forward_rules(&Demand::everything(&catalog), Writes::Known, false).unwrap();
    let left_out: Vec<PathBuf> = fixtures()
        .into_iter()
        .filter(|(_, event)| forwarding(&rules, event).is_empty())
        .map(|(path, _)| path)
        .collect();
    assert!(!left_out.is_empty(), "the fixtures of unknown calls were not found");
    for path in left_out {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("call-unknown"), "{} is forgotten", path.display());
    }
}

/// As CloudTrail may write the name of a call.
fn spellings(service: &Service, event: &str) -> Vec<String> {
    let name = event.replace('*', "Something");
    match service.dated_events {
        true => vec![format!("{name}20150331"), format!("{name}20150331v2"), name],
        false => vec![name],
    }
}

#[test]
fn every_call_that_a_kind_lists_is_forwarded_in_every_spelling_and_by_either_choice_of_writes() {
    let catalog = Catalog::shipped();
    for writes in [Writes::All, Writes::Known] {
        let rules = forward_rules(&Demand::everything(&catalog), writes, false).unwrap();
        for call in catalog.kinds().flat_map(|kind| &kind.calls) {
            let service = catalog.service(&call.service).unwrap();
            for source in &service.event_sources {
                for name in call.events.iter().flat_map(|event| spellings(service, event)) {
                    let event = of_call(&json!({"eventSource": source, "eventName": name}));
                    assert_eq!(forwarding(&rules, &event).len(), 1, "{writes:?} {name}");
                    let denied =
                        of_call(&json!({"eventSource": source, "eventName": name, "errorCode": "AccessDenied"}));
                    assert!(forwarding(&rules, &denied).is_empty(), "{name} changed nothing");
                    for code in catalog.names_of_throttle_codes() {
                        let throttled = of_call(&json!({"eventSource": source, "eventName": name, "errorCode": code}));
                        assert!(!forwarding(&rules, &throttled).is_empty(), "{name} {code}");
                    }
                }
            }
        }
    }
}

#[test]
fn calls_that_change_nothing_of_ours_are_not_paid_for() {
    let catalog = Catalog::shipped();
    let rules = forward_rules(&Demand::everything(&catalog), Writes::All, false).unwrap();
    let mut ignored = 0;
    for service in catalog.services() {
        for name in service.ignored_calls.iter().flat_map(|event| spellings(service, event)) {
            let detail = json!({"eventSource": service.event_sources[0], "eventName": name});
            if matches!(catalog.of_call(&detail), Found::OfNoInterest) && name.len() > 3 {
                let forwarded = !forwarding(&rules, &of_call(&detail)).is_empty();
                // The plain name of a dated service is one that CloudTrail does not write.
                assert!(!forwarded || service.dated_events, "{name}");
                ignored += usize::from(!forwarded);
            }
        }
    }
    assert!(ignored > 20, "{ignored}");
}

#[test]
fn everything_that_the_intake_finds_relevant_in_an_event_is_forwarded() {
    let catalog = Catalog::shipped();
    let rules = forward_rules(&Demand::everything(&catalog), Writes::All, true).unwrap();
    let context =
        Context { source: Source::Sqs, id: "1".into(), region: None, origin: "queue".into(), trust: Trust::Queue };
    let (mut relevant, mut heartbeats) = (0, 0);
    for file in fs::read_dir(repository().join("crates/intake/tests/fixtures")).unwrap() {
        let path = file.unwrap().path();
        let message = &json_at(&path)["message"];
        if message.get("detail-type").is_none() {
            continue;
        }
        let decoded = decode(&message.to_string(), &context, &catalog, jiff::Timestamp::UNIX_EPOCH);
        if message["detail-type"] == "Scheduled Event" {
            heartbeats += 1;
        } else if decoded.standing == Standing::Relevant {
            relevant += 1;
            assert!(!forwarding(&rules, message).is_empty(), "{} is forgotten", path.display());
        }
    }
    assert!(relevant > 10 && heartbeats > 0, "{relevant} {heartbeats}");
}

#[test]
fn nobody_but_aws_can_send_through_a_rule() {
    let catalog = Catalog::shipped();
    for rule in forward_rules(&Demand::everything(&catalog), Writes::All, true).unwrap() {
        let sources = rule.pattern["source"].as_array().unwrap();
        let of_aws =
            |source: &Value| source.as_str().or_else(|| source["prefix"].as_str()).unwrap().starts_with("aws.");
        assert!(sources.iter().all(of_aws), "{}", rule.id);
    }
}

#[test]
fn rules_have_names_of_their_own_that_fit_with_the_longest_prefix() {
    let catalog = Catalog::shipped();
    let rules = forward_rules(&Demand::everything(&catalog), Writes::All, false).unwrap();
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(names.len(), rules.len());
    // EventBridge: 64 characters, of which a prefix may take 32; and 300 rules on a bus.
    assert!(names.iter().all(|name| name.len() <= 31), "{names:?}");
    assert!(rules.len() < 40, "{}", rules.len());
    assert!(rules.iter().all(|rule| !rule.description.is_empty() && rule.description.len() <= 512));
}

proptest! {
    // Each case reads the whole catalogue anew, half a second of a debug build; two sets of kinds differ in half of them.
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_kinds_are_in_use_every_pattern_fits_and_what_they_need_is_forwarded(unwatched in prop::collection::vec(any::<bool>(), 60), known in any::<bool>()) {
        let catalog = Catalog::shipped();
        let off: Vec<String> = catalog.kinds().zip(&unwatched).filter(|(_, off)| **off).map(|(kind, _)| kind.id.to_string()).collect();
        let config = support::config(&format!(
            "environments: {{production: {{unwatched: [{}]}}}}\naccounts: {{discover: false, list: [{{name: prod, accountId: \"111122223333\", regions: [eu-west-1], lambda: true}}]}}\n\
             clouddriver: {{url: http://clouddriver, lockStore: {{redis: redis://redis}}}}\nintake: {{sns: {{topics: [arn:aws:sns:eu-west-1:111122223333:t]}}}}\n",
            off.join(", ")
        ));
        let writes = if known { Writes::Known } else { Writes::All };
        let demand = Demand::of(&config, &catalog, &support::accounts(&config), true);
        let rules = forward_rules(&demand, writes, false).unwrap();
        for rule in &rules {
            prop_assert!(size(&rule.pattern) <= PATTERN_LIMIT, "{}: {}", rule.id, size(&rule.pattern));
        }
        for kind in demand.kinds() {
            for event in &kind.events {
                for detail_type in &event.detail_types {
                    let event = json!({"source": event.source, "detail-type": detail_type, "detail": {}});
                    prop_assert!(!forwarding(&rules, &event).is_empty(), "{detail_type}");
                }
            }
            for config in &kind.config {
                let item = json!({"configurationItem": {"resourceType": config.resource_type}});
                prop_assert!(!forwarding(&rules, &of_config(&item)).is_empty(), "{}", config.resource_type);
                let summary = json!({"configurationItemSummary": {"resourceType": config.resource_type}});
                prop_assert!(!forwarding(&rules, &of_config(&summary)).is_empty(), "{}", config.resource_type);
            }
            for call in &kind.calls {
                let service = catalog.service(&call.service).unwrap();
                let detail = json!({"eventSource": service.event_sources[0], "eventName": spellings(service, &call.events[0])[0]});
                prop_assert!(!forwarding(&rules, &of_call(&detail)).is_empty(), "{detail}");
            }
        }
    }
}

#[test]
fn what_nobody_uses_is_not_forwarded() {
    let catalog = Catalog::shipped();
    let config = support::of_intake("{sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}}");
    let plan = support::plan(&config, &catalog, Options::default());
    let everything = forward_rules(&Demand::everything(&catalog), Writes::All, false).unwrap();
    // One account without Lambda and without ECS.
    assert!(plan.rules.len() < everything.len());
    for kind in catalog.kinds().filter(|kind| !plan.demand.has(&kind.id)) {
        let agents: Vec<_> = catalog.agents().filter(|agent| kind.agents.contains(&agent.id)).collect();
        assert!(agents.iter().all(|a| a.lambda_only || a.provider.as_str() == "ecs"), "{}", kind.id);
    }
}
