//! Every row of the decision table, and the times of the runs it asks for.

use aws_event_cache_model::{Origin, Region, SpinnakerAccount};
use proptest::prelude::*;

use super::*;
use crate::testing::{self, at, catalog, changed, hint, kind, name, place, roster};

/// Plans a hint that arrives at once.
fn planned(hint: &Hint) -> Plan {
    planned_at(hint, hint.received)
}

fn planned_at(hint: &Hint, now: Timestamp) -> Plan {
    plan(hint, &catalog(), &roster(), &testing::accounts(), &testing::profiles(), now)
}

/// The agents that are to run, their account's name and the place left off.
fn agents(plan: &Plan) -> Vec<&str> {
    let mut names: Vec<&str> =
        plan.wanted.iter().filter_map(|wanted| wanted.agent.name.as_str().rsplit('/').next()).collect();
    names.sort_unstable();
    names
}

fn stale(plan: &Plan) -> Vec<String> {
    plan.invalidations
        .iter()
        .map(|(scope, names)| match names {
            Names::Any => format!("{}/{} *", scope.place.region, scope.kind),
            Names::Some(names) => format!("{}/{} {names:?}", scope.place.region, scope.kind),
        })
        .collect()
}

/// What is decided, in one line each: agents to run, with class; what is stale; effects; verdict.
fn decided(hint: &Hint) -> (Vec<String>, Vec<String>, Vec<String>, Verdict) {
    let plan = planned(hint);
    let class = plan.wanted.first().map(|wanted| wanted.class.as_str());
    let runs = agents(&plan).iter().map(|agent| format!("{agent} {}", class.unwrap_or_default())).collect();
    let effects = plan
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Stream(place, sign) => format!("{} {sign:?}", place.region),
            Effect::BudgetCut(place, service) => format!("cut {service} in {}", place.region),
            Effect::BudgetRestored(place, service) => format!("restore {service:?} in {}", place.region),
            Effect::AccessDoubted(account) => format!("doubt {account}"),
        })
        .collect();
    (runs, stale(&plan), effects, plan.verdict)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// One row: what came in | agents to run | what is stale | effects | verdict.
fn row(what: What, runs: &[&str], stale: &[&str], effects: &[&str], verdict: Verdict) {
    let expected = (texts(runs), texts(stale), texts(effects), verdict);
    assert_eq!(decided(&hint(what.clone(), 100)), expected, "{what:?}");
}

const LIFE: &str = "eu-west-1 Life";

#[test]
fn the_decision_table_when_resources_changed() {
    let all = ["BalanceCachingAgent event", "GadgetCachingAgent event", "WidgetCachingAgent event"];
    let all_settle = ["BalanceCachingAgent settle", "GadgetCachingAgent settle", "WidgetCachingAgent settle"];
    let widgets = [r#"eu-west-1/widget ["w-1"]"#, "eu-west-1/gadget *", "eu-west-1/health *"];
    let any_widget = What::Changed { kind: kind("widget"), names: Names::Any, change: Change::Updated };
    // A resource changed: it, its scope's listings, and what it touches.
    row(changed("widget", "w-1", Change::Updated), &all, &widgets, &[LIFE], Verdict::Planned(3));
    row(changed("widget", "w-1", Change::Created), &all, &widgets, &[LIFE], Verdict::Planned(3));
    row(changed("widget", "w-1", Change::Deleted), &all, &widgets, &[LIFE], Verdict::Planned(3));
    // An oversized item: the key is enough; without a key, all of the kind.
    row(
        any_widget,
        &all,
        &["eu-west-1/widget *", "eu-west-1/gadget *", "eu-west-1/health *"],
        &[LIFE],
        Verdict::Planned(3),
    );
    // Two agents read gadgets; they touch nothing.
    row(
        changed("gadget", "g-1", Change::Updated),
        &["GadgetCachingAgent event", "WidgetCachingAgent event"],
        &[r#"eu-west-1/gadget ["g-1"]"#],
        &[LIFE],
        Verdict::Planned(2),
    );
    // Only relations changed: it can wait.
    row(changed("widget", "w-1", Change::Related), &all_settle, &widgets, &[LIFE], Verdict::Planned(3));
    // A kind that the catalogue does not have: counted, and still a sign of life.
    row(changed("teapot", "t-1", Change::Updated), &[], &[], &[LIFE], Verdict::Unknown);
    // A kind that no agent of these accounts reads: stale for answers, nothing to run.
    row(
        changed("orphan", "home-1/o-1", Change::Updated),
        &[],
        &[r#"eu-west-1/orphan ["home-1/o-1", "home-1"]"#],
        &[LIFE],
        Verdict::NothingToDo,
    );
}

#[test]
fn the_decision_table_when_access_changed() {
    let access = |role: Option<&str>| What::AccessChanged { role: role.map(name) };
    let passes = ["PassCachingAgent event"];
    let doubted = [LIFE, "doubt 111122223333"];
    // A role that Clouddriver assumes: also doubt what was refused and cached, and retry what failed.
    row(
        access(Some("spinnaker-managed")),
        &passes,
        &[r#"global/pass ["spinnaker-managed"]"#],
        &doubted,
        Verdict::Planned(1),
    );
    row(access(None), &passes, &["global/pass *"], &doubted, Verdict::Planned(1));
    // Another role: only its own kind.
    row(access(Some("somebody")), &passes, &[r#"global/pass ["somebody"]"#], &[LIFE], Verdict::Planned(1));
    row(
        changed("pass", "somebody", Change::Updated),
        &passes,
        &[r#"global/pass ["somebody"]"#],
        &[LIFE],
        Verdict::Planned(1),
    );
}

#[test]
fn the_decision_table_of_budgets_and_streams() {
    let service = ServiceName::new("test").unwrap();
    // Throttling and quotas move budgets and refresh nothing.
    row(What::Throttled { service: service.clone() }, &[], &[], &[LIFE, "cut test in eu-west-1"], Verdict::NothingToDo);
    row(
        What::QuotaRaised { service: Some(service) },
        &[],
        &[],
        &[LIFE, r#"restore Some("test") in eu-west-1"#],
        Verdict::NothingToDo,
    );
    row(What::QuotaRaised { service: None }, &[], &[], &[LIFE, "restore None in eu-west-1"], Verdict::NothingToDo);
    // Heartbeats; snapshots, history, compliance and test messages; the feed taken away.
    row(What::Heartbeat, &[], &[], &["eu-west-1 Heartbeat(Some(2s))"], Verdict::NothingToDo);
    row(What::SignOfLife, &[], &[], &[LIFE], Verdict::NothingToDo);
    row(What::StreamStopped, &[], &[], &["eu-west-1 Stopped"], Verdict::NothingToDo);
}

#[test]
fn of_a_foreign_account_only_answers_become_stale() {
    let mut foreign = hint(changed("widget", "w-1", Change::Updated), 100);
    foreign.place.account = AccountId::new("999999999999").unwrap();
    let (runs, stale, effects, verdict) = decided(&foreign);
    assert_eq!((runs, effects, verdict), (vec![], vec![], Verdict::NotServed));
    assert!(stale.iter().any(|scope| scope.contains("widget")), "{stale:?}");
    foreign.what = What::AccessChanged { role: None };
    assert_eq!(decided(&foreign), (vec![], vec![], texts(&["doubt 999999999999"]), Verdict::NotServed));
    foreign.what = What::Heartbeat;
    assert_eq!(decided(&foreign), (vec![], vec![], vec![], Verdict::NotServed));
}

#[test]
fn of_a_region_that_is_not_read_only_answers_become_stale_and_the_sign_of_life_counts() {
    let mut elsewhere = hint(changed("widget", "w-1", Change::Updated), 100);
    elsewhere.place.region = Region::new("ap-south-1").unwrap();
    let (runs, stale, effects, verdict) = decided(&elsewhere);
    assert_eq!((runs, effects, verdict), (vec![], texts(&["ap-south-1 Life"]), Verdict::NotServed));
    assert!(!stale.is_empty());
    // What belongs to the account is announced in one region of AWS's choice.
    elsewhere.what = changed("pass", "somebody", Change::Updated);
    assert_eq!(decided(&elsewhere).0, ["PassCachingAgent event"]);
}

#[test]
fn only_messages_from_aws_are_signs_of_life() {
    for (source, counts) in [
        (Source::Sns, true),
        (Source::Sqs, true),
        (Source::Operator, false),
        (Source::Proxy, false),
        (Source::Replay, false),
        (Source::Sweep, false),
    ] {
        let mut one = hint(What::Heartbeat, 100);
        one.origin = Origin { source, ..one.origin };
        assert_eq!(!planned(&one).effects.is_empty(), counts, "{source:?}");
    }
}

#[test]
fn answers_that_depend_on_a_resource_by_another_word_are_stale_as_well() {
    let marked = |resource| stale(&planned(&hint(changed("orphan", resource, Change::Updated), 100)));
    let both = format!("eu-west-1/orphan {:?}", [name("home-1/o-1"), name("home-1")]);
    assert_eq!(marked("home-1/o-1"), [both]);
    assert_eq!(marked("o-1"), ["eu-west-1/orphan *"], "whose answers show it cannot be told");
}

#[test]
fn a_kind_that_is_not_watched_is_invalidated_and_not_run() {
    let mut profiles = testing::profiles();
    for profile in profiles.by_environment.values_mut() {
        profile.unwatched = vec![kind("gadget")];
    }
    let of = |what| {
        let hint = hint(what, 100);
        plan(&hint, &catalog(), &roster(), &testing::accounts(), &profiles, hint.received)
    };
    let gadget = of(changed("gadget", "g-1", Change::Updated));
    assert_eq!((gadget.wanted.len(), gadget.invalidations.len()), (0, 1));
    let widget = of(changed("widget", "w-1", Change::Updated));
    assert_eq!(agents(&widget), ["BalanceCachingAgent", "WidgetCachingAgent"]);
}

#[test]
fn an_account_whose_role_is_unknown_may_assume_any() {
    let unknown =
        testing::accounts().iter().cloned().map(|a| SpinnakerAccount { assume_role: None, ..a }).collect::<Vec<_>>();
    let hint = hint(What::AccessChanged { role: Some(name("somebody")) }, 100);
    let plan = plan(&hint, &catalog(), &roster(), &Accounts::new(unknown), &testing::profiles(), at(102));
    assert!(plan.effects.contains(&Effect::AccessDoubted(place().account)));
}

#[test]
fn resources_are_named_for_the_kind_that_changed_and_whole_for_what_it_touches() {
    let plan = planned(&hint(changed("widget", "w-1", Change::Updated), 100));
    let widgets = plan.wanted.iter().find(|w| w.agent.name.as_str().ends_with("WidgetCachingAgent")).unwrap();
    assert_eq!(
        widgets.resources.named().map(|(k, n)| (k.as_str(), n.as_str())).collect::<Vec<_>>(),
        [("widget", "w-1")]
    );
    assert_eq!(widgets.resources.whole().map(KindId::as_str).collect::<Vec<_>>(), ["gadget"]);
}

/// Since when, second looks: as seconds, for a change at second 100.
fn times(change: Change, arrives: u64) -> (Timestamp, Vec<Timestamp>) {
    let mut hint = hint(changed("widget", "w-1", change), 100);
    hint.received = at(arrives);
    let plan = planned_at(&hint, at(arrives));
    (plan.wanted[0].since, plan.looks)
}

#[test]
fn a_run_counts_from_a_second_after_the_change_and_is_repeated_after_the_settle_window() {
    assert_eq!(times(Change::Updated, 102), (at(101), vec![at(110)]));
    assert_eq!(times(Change::Created, 102), (at(101), vec![at(110), at(160)]), "made or deleted: a second window");
    assert_eq!(times(Change::Deleted, 100), (at(100), vec![at(110), at(160)]), "never from later than the arrival");
}

#[test]
fn a_hint_that_comes_after_the_settle_window_wants_one_run_from_its_end() {
    assert_eq!(times(Change::Updated, 700), (at(110), vec![]));
    assert_eq!(times(Change::Created, 130), (at(110), vec![at(160)]));
}

#[test]
fn related_changes_wait_for_the_settle_window() {
    let plan = planned(&hint(changed("widget", "w-1", Change::Related), 100));
    assert!(plan.wanted.iter().all(|w| w.not_before == at(110) && w.since == at(110) && w.class == Class::Settle));
    assert!(plan.looks.is_empty() && !plan.heats);
}

#[test]
fn what_no_event_tells_gets_hot_when_something_around_it_changes() {
    assert!(planned(&hint(changed("health", "w-1", Change::Related), 100)).heats);
}

proptest! {
    #[test]
    fn whatever_the_clocks_say_no_run_is_wanted_from_the_future_and_no_look_lies_in_the_past(
        occurred in prop::option::of(0..2_000_u64), received in 0..2_000_u64, later in 0..100_u64,
        change in prop_oneof![Just(Change::Created), Just(Change::Updated), Just(Change::Deleted)],
    ) {
        let mut hint = hint(changed("widget", "w-1", change), 0);
        (hint.occurred, hint.received) = (occurred.map(at), at(received));
        let now = at(received + later);
        let plan = planned_at(&hint, now);
        let changed = occurred.filter(|o| *o <= received).unwrap_or(received);
        for wanted in &plan.wanted {
            prop_assert!(wanted.since <= now && wanted.not_before == now);
            prop_assert!(wanted.since >= at(changed).min(hint.received));
        }
        prop_assert!(plan.looks.iter().all(|look| *look > now));
        prop_assert!(plan.looks.len() <= 2);
    }
}
