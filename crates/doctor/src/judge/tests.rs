//! Each break is found and named, nothing else is blamed, and any set of breaks is reported as exactly that set.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_event_cache_clouddriver::lock_store;
use aws_event_cache_model::{AccountId, Place, Region, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{judge, unreadable};
use crate::codes;
use crate::facts::*;
use crate::finding::{Hop, Report, Verdict};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:changes";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:changes";
const URL: &str = "https://gate.example.com/webhooks/aws-event-cache";

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn account() -> AccountId {
    AccountId::new("111122223333").unwrap()
}

fn place() -> Place {
    Place::new(account(), Region::new("eu-west-1").unwrap())
}

fn rule(name: &str, pattern: Option<Value>, schedule: Option<&str>) -> RuleFacts {
    let arn = format!("arn:aws:events:eu-west-1:111122223333:rule/{name}");
    let schedule = schedule.map(str::to_owned);
    RuleFacts { name: name.into(), arn, enabled: true, target: Some(TOPIC.into()), pattern, schedule, bus: None }
}

fn allow(service: &str, action: &str, resource: &str) -> Value {
    json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}]})
}

fn place_facts() -> PlaceFacts {
    let event = json!({"source": "aws.test", "detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "MakeWidget"}});
    PlaceFacts {
        place: place(),
        recorder: Ok(RecorderFacts {
            name: Some("default".into()),
            recording: true,
            topic: Some(TOPIC.into()),
            ..RecorderFacts::default()
        }),
        rules: Ok(RulesFacts {
            feeding: vec![
                rule("writes", Some(json!({"source": ["aws.test"]})), None),
                rule("heartbeat", None, Some("rate(1 minute)")),
            ],
            hubs: Vec::new(),
        }),
        kinds: vec![KindEvents { kind: "widget".into(), events: vec![event] }],
    }
}

fn topic_facts() -> TopicFacts {
    let https = SubscriptionFacts {
        protocol: "https".into(),
        endpoint: URL.into(),
        retries: Some(3),
        ..SubscriptionFacts::default()
    };
    let sqs = SubscriptionFacts { protocol: "sqs".into(), endpoint: QUEUE.into(), ..SubscriptionFacts::default() };
    TopicFacts {
        arn: TOPIC.into(),
        account: account(),
        publishers: vec!["arn:aws:events:eu-west-1:111122223333:rule/writes".into()],
        attributes: Ok(TopicAttributes {
            policy: Some(allow("events.amazonaws.com", "sns:Publish", TOPIC)),
            signature_version: Some("2".into()),
            key: None,
        }),
        subscriptions: Ok(vec![https, sqs]),
        wanted: Wanted {
            url: Some(URL.into()),
            paths: vec!["/webhooks/aws-event-cache".into()],
            queues: vec![QUEUE.into()],
            raw_taken: false,
            signature_v2: true,
        },
    }
}

fn status() -> Value {
    json!({
        "now": now().to_string(), "mode": "enforce", "started": now().to_string(), "killed": false, "problems": [],
        "store": {"commits": 7, "problem": null}, "parts": {},
        "places": [{
            "place": {"account": "111122223333", "region": "eu-west-1"}, "health": "healthy",
            "last_heartbeat": now().to_string(), "last_sign": now().to_string(), "lateness_ms": 900
        }]
    })
}

/// Everything as it should be.
fn healthy() -> Facts {
    Facts {
        now: now(),
        doubts: Vec::new(),
        clocks: vec![ClockFacts {
            whose: "Clouddriver",
            ahead_ms: 300,
            unsure_ms: 510,
            harmful: Duration::from_secs(5),
        }],
        identity: Identity::Known { account: account(), arn: "arn:aws:sts::111122223333:assumed-role/x/y".into() },
        names: [(account(), vec!["prod".to_owned()])].into(),
        feeds: vec![TOPIC.into(), QUEUE.into()],
        places: vec![place_facts()],
        topics: vec![topic_facts()],
        queues: vec![QueueFacts {
            arn: QUEUE.into(),
            topics: vec![TOPIC.into()],
            attributes: Ok(QueueAttributes {
                policy: Some(allow("sns.amazonaws.com", "sqs:SendMessage", QUEUE)),
                waiting: 2,
                dead_letters: Some((format!("{QUEUE}-dead"), Some(0))),
            }),
        }],
        endpoint: EndpointFacts { used: true, url: Some(URL.into()), posted: Some(Ok(403)), seen: true },
        service: ServiceFacts { server: "http://127.0.0.1:8080".into(), status: Ok(status()), waiting_for: Vec::new() },
        store: StoreFacts {
            path: "/var/lib/state.redb".into(),
            is_here: true,
            free: Some(1 << 40),
            ..StoreFacts::default()
        },
        locks: LockFacts {
            configured: Some("redis"),
            seen: Some(Ok(lock_store::Facts {
                store: "Redis".into(),
                asked: 10,
                locked: 10,
                ..lock_store::Facts::default()
            })),
            denied: Vec::new(),
        },
        clouddriver: ClouddriverFacts {
            url: Some("http://clouddriver:7002".into()),
            accounts: Some(Ok([("prod".to_owned(), account())].into())),
            listed: [("prod".to_owned(), account())].into(),
            runs: Some(Ok(Vec::new())),
            ..ClouddriverFacts::default()
        },
        end_to_end: vec![ProbeFacts {
            topic: TOPIC.into(),
            outcome: Ok(ProbeOutcome::Arrived { by: vec!["sns".into()], after: Duration::from_millis(700) }),
        }],
    }
}

/// Breaks one thing, as it would show in all facts: what is silent because of it is silent in them.
type Break = (Hop, &'static str, fn(&mut Facts));

fn silent(facts: &mut Facts) {
    if let Ok(status) = &mut facts.service.status {
        status["places"][0]["health"] = json!("silent");
    }
}

fn lost(facts: &mut Facts) {
    if facts.service.status.is_ok() {
        facts.end_to_end[0].outcome = Ok(ProbeOutcome::Lost { waited: Duration::from_secs(20) });
    }
}

const BREAKS: &[Break] = &[
    (Hop::Clock, codes::CLOCK_OFF, |f| f.clocks[0].ahead_ms = -60_000),
    (Hop::Recorder, codes::RECORDER_STOPPED, |f| {
        f.places[0].recorder.as_mut().unwrap().recording = false;
    }),
    (Hop::Recorder, codes::RECORDER_FAILING, |f| {
        f.places[0].recorder.as_mut().unwrap().failure = Some("AccessDenied".into());
    }),
    (Hop::Recorder, codes::DELIVERY_FAILING, |f| {
        f.places[0].recorder.as_mut().unwrap().delivery_failure = Some("NotFound".into());
    }),
    (Hop::Rules, codes::RULES_MISSING, |f| {
        f.places[0].rules = Ok(RulesFacts::default());
        silent(f);
    }),
    (Hop::Rules, codes::RULE_DISABLED, |f| {
        f.places[0].rules.as_mut().unwrap().feeding.iter_mut().for_each(|rule| rule.enabled = false);
        silent(f);
    }),
    (Hop::Topic, codes::TOPIC_MISSING, |f| {
        f.topics[0].attributes = Err(Unseen::Missing);
        f.topics[0].subscriptions = Err(Unseen::Missing);
        f.end_to_end[0].outcome = Err(Unseen::Missing);
        silent(f);
    }),
    (Hop::Topic, codes::TOPIC_POLICY_REFUSES, |f| {
        if let Ok(attributes) = &mut f.topics[0].attributes {
            attributes.policy = Some(json!({"Statement": []}));
        }
        silent(f);
    }),
    (Hop::Topic, codes::TOPIC_KEY_REFUSES, |f| {
        if let Ok(attributes) = &mut f.topics[0].attributes {
            attributes.key = Some("alias/aws/sns".into());
        }
        silent(f);
    }),
    (Hop::Topic, codes::TOPIC_SIGNATURE, |f| {
        if let Ok(attributes) = &mut f.topics[0].attributes {
            attributes.signature_version = None;
        }
        silent(f);
    }),
    (Hop::Subscription, codes::SUBSCRIPTION_MISSING, |f| {
        f.topics[0].subscriptions = Ok(Vec::new());
        silent(f);
        lost(f);
    }),
    (Hop::Subscription, codes::SUBSCRIPTION_PENDING, |f| {
        f.topics[0].subscriptions.as_mut().unwrap().iter_mut().for_each(|one| one.pending = true);
        silent(f);
        lost(f);
    }),
    (Hop::Subscription, codes::SUBSCRIPTION_RAW, |f| {
        f.topics[0].subscriptions.as_mut().unwrap().iter_mut().for_each(|one| one.raw = true);
        silent(f);
        lost(f);
    }),
    (Hop::Queue, codes::QUEUE_MISSING, |f| f.queues[0].attributes = Err(Unseen::Missing)),
    (Hop::Queue, codes::QUEUE_POLICY_REFUSES, |f| {
        if let Ok(attributes) = &mut f.queues[0].attributes {
            attributes.policy = None;
        }
    }),
    (Hop::Endpoint, codes::ENDPOINT_UNREACHABLE, |f| {
        if f.service.status.is_ok() {
            f.endpoint.posted = Some(Err("connection refused".into()));
        }
        silent(f);
        lost(f);
    }),
    (Hop::Endpoint, codes::ENDPOINT_NOT_OURS, |f| {
        f.endpoint.seen = false;
        silent(f);
        lost(f);
    }),
    (Hop::Store, codes::STORE_FAILING, |f| {
        if let Ok(status) = &mut f.service.status {
            status["store"]["problem"] = json!("no space left on device");
        }
    }),
    (Hop::Heartbeat, codes::HEARTBEAT_SILENT, silent),
    (Hop::EndToEnd, codes::PROBE_LOST, lost),
    (Hop::LockStore, codes::LOCK_STORE_PROBLEM, |f| f.locks.seen = Some(Err("connection refused".into()))),
    (Hop::LockStore, codes::LOCK_STORE_DENIED, |f| f.locks.denied = vec!["to run an agent now: denied".into()]),
    (Hop::Clouddriver, codes::CLOUDDRIVER_UNREACHABLE, |f| {
        f.clouddriver.accounts = Some(Err("connection refused".into()));
        f.clouddriver.runs = None;
    }),
    (Hop::Clouddriver, codes::CLOUDDRIVER_NO_ACCOUNTS, |f| {
        f.clouddriver.accounts = Some(Ok(Default::default()));
    }),
    (Hop::Clouddriver, codes::CLOUDDRIVER_ACCOUNT_UNKNOWN, |f| {
        f.clouddriver.accounts = Some(Ok([("production".to_owned(), account())].into()));
    }),
    (Hop::Service, codes::SERVICE_UNREACHABLE, |f| {
        f.service.status = Err(ServiceGone::Unreachable("connection refused".into()));
        f.endpoint.posted = None;
        f.endpoint.seen = false;
        f.end_to_end[0].outcome = Ok(ProbeOutcome::NotSent("the service cannot be asked"));
    }),
    (Hop::Service, codes::SERVICE_TOKEN_REFUSED, |f| {
        f.service.status = Err(ServiceGone::TokenRefused { sent: true });
        f.endpoint.posted = None;
        f.endpoint.seen = false;
        f.end_to_end[0].outcome = Ok(ProbeOutcome::NotSent("the service cannot be asked"));
    }),
];

fn with(breaks: impl IntoIterator<Item = usize>) -> Report {
    let mut facts = healthy();
    breaks.into_iter().for_each(|n| BREAKS[n].2(&mut facts));
    judge(&facts)
}

fn codes_of_broken(report: &Report) -> Vec<&str> {
    report.findings.iter().filter(|f| f.is_broken()).map(|f| f.code).collect()
}

#[test]
fn when_all_is_well_every_hop_is_good_and_nothing_is_left_to_do() {
    let report = judge(&healthy());
    let not_good: Vec<_> = report.findings.iter().filter(|f| !matches!(f.verdict, Verdict::Good { .. })).collect();
    assert!(not_good.is_empty(), "{not_good:?}");
    let hops: BTreeSet<Hop> = report.findings.iter().map(|f| f.hop).collect();
    assert_eq!(hops, Hop::ALL.into(), "a hop is not told of");
    assert_eq!(report.to_json()["healthy"], true);
}

#[test]
fn each_break_is_found_and_named_and_nothing_else_is_blamed() {
    for (n, (hop, code, _)) in BREAKS.iter().enumerate() {
        let report = with([n]);
        let codes: BTreeSet<&str> = codes_of_broken(&report).into_iter().collect();
        assert_eq!(codes, [*code].into(), "{}", report.to_text());
        assert_eq!(report.broken(), [*hop]);
        assert!(report.findings.iter().filter(|f| f.is_broken()).all(|f| !f.verdict.todo().unwrap().is_empty()));
        assert!(report.findings.iter().all(|f| codes::CODES.contains(&f.code)));
    }
}

#[test]
fn what_follows_from_a_break_is_said_to_follow() {
    let missing = BREAKS.iter().position(|one| one.1 == codes::SUBSCRIPTION_MISSING).unwrap();
    let report = with([missing]);
    let follows: Vec<Hop> = report.findings.iter().filter(|f| f.code == codes::FOLLOWS).map(|f| f.hop).collect();
    assert_eq!(follows, [Hop::Heartbeat, Hop::EndToEnd]);
    assert!(report.to_text().contains("follows from what is broken at: subscription"));
}

#[test]
fn rules_that_are_missing_in_one_region_do_not_excuse_silence_in_another() {
    let mut facts = healthy();
    facts.places[0].rules = Ok(RulesFacts::default());
    if let Ok(status) = &mut facts.service.status {
        let mut other = status["places"][0].clone();
        other["place"]["region"] = json!("us-west-2");
        other["health"] = json!("silent");
        status["places"].as_array_mut().unwrap().push(other);
    }
    assert_eq!(judge(&facts).broken(), [Hop::Rules, Hop::Heartbeat]);
}

/// Rules that forward to a bus of the same account, and there one that leads to the topic: as `aws-setup` makes it.
fn by_a_hub() -> Facts {
    let mut facts = healthy();
    let bus = "arn:aws:events:eu-west-1:111122223333:event-bus/hub".to_owned();
    let rules = facts.places[0].rules.as_mut().unwrap();
    for rule in &mut rules.feeding {
        rule.target = None;
        rule.bus = Some(bus.clone());
    }
    let mut to_service = rule("to-service", Some(json!({"account": [{"exists": true}]})), None);
    to_service.arn = "arn:aws:events:eu-west-1:111122223333:rule/hub/to-service".into();
    facts.topics[0].publishers = vec![to_service.arn.clone()];
    let mut policy = allow("events.amazonaws.com", "sns:Publish", TOPIC);
    policy["Statement"][0]["Condition"] = json!({"ArnEquals": {"aws:SourceArn": to_service.arn}});
    facts.topics[0].attributes.as_mut().unwrap().policy = Some(policy);
    facts.places[0].kinds[0].events[0]["account"] = json!("111122223333");
    facts.places[0].rules.as_mut().unwrap().hubs = vec![HubFacts { bus, feeding: vec![to_service] }];
    facts
}

#[test]
fn a_hub_between_rules_and_topic_is_looked_at_too() {
    let report = judge(&by_a_hub());
    assert_eq!(report.broken(), [], "{}", report.to_text());
    assert!(
        !report.findings.iter().any(|f| f.hop == Hop::Rules && f.verdict.as_str() != "good"),
        "{}",
        report.to_text()
    );
    let broken = |change: fn(&mut HubFacts)| {
        let mut facts = by_a_hub();
        change(&mut facts.places[0].rules.as_mut().unwrap().hubs[0]);
        let report = judge(&facts);
        codes_of_broken(&report).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(broken(|hub| hub.feeding.clear()), [codes::RULES_MISSING]);
    assert_eq!(broken(|hub| hub.feeding[0].enabled = false), [codes::RULE_DISABLED]);
    let mut narrow = by_a_hub();
    narrow.places[0].rules.as_mut().unwrap().hubs[0].feeding[0].pattern = Some(json!({"account": ["999988887777"]}));
    assert!(judge(&narrow).findings.iter().any(|f| f.code == codes::RULES_MISS_KINDS));
}

#[test]
fn a_policy_for_one_rule_is_no_fault_where_the_rules_cannot_be_seen() {
    let mut facts = by_a_hub();
    facts.topics[0].publishers.clear();
    assert_eq!(judge(&facts).broken(), []);
    facts.topics[0].publishers = vec!["arn:aws:events:eu-west-1:111122223333:rule/other".into()];
    assert_eq!(codes_of_broken(&judge(&facts)), [codes::TOPIC_POLICY_REFUSES]);
}

#[test]
fn without_credentials_everything_at_aws_is_skipped_and_the_rest_is_judged() {
    let mut facts = healthy();
    facts.identity = Identity::None("no providers in chain".into());
    facts.places.clear();
    facts.topics[0].attributes = Err(Unseen::NoCredentials);
    facts.topics[0].subscriptions = Err(Unseen::NoCredentials);
    facts.queues[0].attributes = Err(Unseen::NoCredentials);
    let report = judge(&facts);
    assert_eq!(report.broken(), []);
    for hop in [Hop::Credentials, Hop::Recorder, Hop::Rules, Hop::Topic, Hop::Subscription, Hop::Queue, Hop::EndToEnd] {
        let verdicts: Vec<&str> = report.findings.iter().filter(|f| f.hop == hop).map(|f| f.verdict.as_str()).collect();
        assert_eq!(verdicts, ["skipped"], "{hop}");
    }
}

#[test]
fn what_may_not_be_seen_is_skipped_with_the_permission_that_is_missing() {
    let mut facts = healthy();
    facts.topics[0].attributes = Err(Unseen::Denied("sns:GetTopicAttributes"));
    facts.places[0].rules = Err(Unseen::Failed("ThrottlingException".into()));
    let report = judge(&facts);
    assert_eq!(report.broken(), []);
    let text = report.to_text();
    assert!(text.contains("sns:GetTopicAttributes is missing") && text.contains("ThrottlingException"), "{text}");
}

#[test]
fn warnings_never_make_a_report_unhealthy() {
    let mut facts = healthy();
    facts.doubts = vec!["something".into()];
    facts.queues[0].attributes.as_mut().unwrap().waiting = 50_000;
    facts.queues[0].attributes.as_mut().unwrap().dead_letters = Some((QUEUE.into(), Some(3)));
    let subscriptions = facts.topics[0].subscriptions.as_mut().unwrap();
    subscriptions[0].filtered = true;
    subscriptions[0].retries = Some(0);
    facts.endpoint.posted = Some(Ok(502));
    facts.places[0].rules.as_mut().unwrap().feeding.remove(1);
    facts.places[0].kinds.push(KindEvents { kind: "gadget".into(), events: vec![json!({"source": "aws.other"})] });
    facts.store.free = Some(1);
    facts.service.waiting_for = vec!["the accounts are known".into()];
    if let Ok(status) = &mut facts.service.status {
        status["killed"] = json!(true);
        status["problems"] = json!(["an odd thing"]);
        status["places"][0]["last_heartbeat"] = json!(null);
    }
    let report = judge(&facts);
    assert_eq!(report.broken(), []);
    let codes: BTreeSet<&str> =
        report.findings.iter().filter(|f| f.verdict.as_str() == "warning").map(|f| f.code).collect();
    for code in [
        codes::CONFIG_DOUBTFUL,
        codes::QUEUE_BACKLOG,
        codes::QUEUE_DEAD_LETTERS,
        codes::SUBSCRIPTION_FILTERED,
        codes::SUBSCRIPTION_FEW_RETRIES,
        codes::ENDPOINT_STATUS,
        codes::HEARTBEAT_RULE_MISSING,
        codes::RULES_MISS_KINDS,
        codes::STORE_LITTLE_SPACE,
        codes::SERVICE_NOT_READY,
        codes::SERVICE_KILL_SWITCH,
        codes::SERVICE_REPORTS,
        codes::HEARTBEAT_NONE,
    ] {
        assert!(codes.contains(code), "{code}: {}", report.to_text());
    }
}

#[test]
fn a_store_is_judged_by_its_file_when_the_service_is_away() {
    let gone = || {
        let mut facts = healthy();
        facts.service.status = Err(ServiceGone::Unreachable("refused".into()));
        facts
    };
    let told = |change: fn(&mut StoreFacts)| {
        let mut facts = gone();
        change(&mut facts.store);
        let report = judge(&facts);
        let store = report.findings.iter().find(|f| f.hop == Hop::Store).unwrap();
        (store.code, store.verdict.as_str())
    };
    assert_eq!(told(|store| store.unwritable = Some("is not a folder".into())), (codes::STORE_UNWRITABLE, "broken"));
    // Perhaps it is the service, and only its address is wrong.
    assert_eq!(told(|store| store.in_use = true), (codes::STORE_IN_USE, "warning"));
    assert_eq!(told(|store| store.is_here = false), (codes::NOT_LOOKED_AT, "skipped"));
    assert_eq!(told(|_| ()), (codes::STORE_SOUND, "good"));
}

#[test]
fn the_plugin_is_judged_by_the_running_services_own_diagnosis() {
    let mut facts = healthy();
    facts.locks = LockFacts { configured: Some("plugin"), ..LockFacts::default() };
    if let Ok(status) = &mut facts.service.status {
        status["parts"]["clouddriver"] = json!([{"severity": "error", "text": "no replica answers"}]);
        status["problems"] = json!(["no replica answers"]);
    }
    let report = judge(&facts);
    assert_eq!(codes_of_broken(&report), [codes::LOCK_STORE_PROBLEM]);
    assert!(!report.findings.iter().any(|f| f.code == codes::SERVICE_REPORTS), "told once: {}", report.to_text());
    facts.service.status = Ok(status());
    assert_eq!(judge(&facts).broken(), []);
    facts.service.status = Err(ServiceGone::Unreachable("refused".into()));
    let skipped = judge(&facts);
    assert!(skipped.findings.iter().any(|f| f.hop == Hop::LockStore && f.verdict.as_str() == "skipped"));
}

#[test]
fn a_configuration_with_mistakes_breaks_the_first_hop_only() {
    let report = unreadable(&["config.yaml:3:1: unknown key".into(), "config.yaml:4:1: another".into()]);
    assert_eq!(report.broken(), [Hop::Config]);
    assert_eq!(report.count("broken"), 2);
    assert_eq!(report.count("skipped"), Hop::ALL.len() - 1);
}

/// The hops that are told of as broken when these are: what cannot be seen past a break, or follows from one, is not.
fn expected(breaks: &BTreeSet<usize>) -> BTreeSet<Hop> {
    let mut hops: BTreeSet<Hop> = breaks.iter().map(|n| BREAKS[*n].0).collect();
    let has = |hops: &BTreeSet<Hop>, any: &[Hop]| any.iter().any(|hop| hops.contains(hop));
    if hops.contains(&Hop::Service) {
        for unseen in [Hop::Endpoint, Hop::Heartbeat, Hop::EndToEnd, Hop::Store] {
            hops.remove(&unseen);
        }
    }
    if hops.contains(&Hop::Topic) && breaks.iter().any(|n| BREAKS[*n].1 == codes::DELIVERY_FAILING) {
        hops.remove(&Hop::Recorder);
    }
    if has(&hops, &[Hop::Rules, Hop::Topic, Hop::Subscription, Hop::Queue, Hop::Endpoint]) {
        hops.remove(&Hop::Heartbeat);
    }
    if has(&hops, &[Hop::Subscription, Hop::Queue, Hop::Endpoint]) {
        hops.remove(&Hop::EndToEnd);
    }
    hops
}

proptest! {
    #[test]
    fn any_set_of_broken_hops_is_reported_as_exactly_these(picked in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        // One break of a hop: two of the same would be told as one or two, by kind.
        let mut breaks = BTreeSet::new();
        for index in picked {
            let n = index.index(BREAKS.len());
            if !breaks.iter().any(|other: &usize| BREAKS[*other].0 == BREAKS[n].0) {
                breaks.insert(n);
            }
        }
        // A topic that is not there has no subscriptions to be broken.
        let codes: Vec<&str> = breaks.iter().map(|n| BREAKS[*n].1).collect();
        prop_assume!(!(codes.contains(&codes::TOPIC_MISSING) && codes.iter().any(|code| code.starts_with("subscription"))));
        prop_assume!(!(codes.contains(&codes::TOPIC_MISSING) && codes.contains(&codes::PROBE_LOST)));
        let report = with(breaks.iter().copied());
        let found: BTreeSet<Hop> = report.broken().into_iter().collect();
        prop_assert_eq!(found, expected(&breaks), "{:?}\n{}", codes, report.to_text());
    }
}
