//! How old answers may get: what raises it, what cuts it, and what makes answers stale besides events.

use aws_event_cache_model::{Evidence, Place, Region, Scope};

use super::*;
use crate::ledger::STOCK_AGE;

fn scope(id: &str) -> Scope {
    place().scope(kind(id))
}

fn age(world: &World, id: &str, now: u64) -> u64 {
    world.core.max_age(&scope(id), at(now)).as_secs()
}

#[test]
fn ages_follow_the_cadence_whatever_the_drive_arm_may_do() {
    for mode in [DriveMode::Enforce, DriveMode::Observe, DriveMode::Off] {
        let world = World::settled(mode);
        assert_eq!((age(&world, "widget", 1_010), age(&world, "health", 1_010)), (900, 300), "{mode:?}");
        assert_eq!(age(&world, "orphan", 1_010), 900, "also what no agent reads: its events are heard");
        assert_eq!(age(&world, "unheard-of", 1_010), STOCK_AGE.as_secs());
        let elsewhere = Place::new(place().account, Region::new("ap-south-1").unwrap());
        assert_eq!(world.core.max_age(&elsewhere.scope(kind("widget")), at(1_010)), STOCK_AGE);
    }
}

#[test]
fn ages_fall_to_stock_when_the_stream_is_silent_and_what_was_read_before_it_came_back_is_stale() {
    let mut world = World::settled(DriveMode::Enforce);
    let ledger = world.core.ledger.clone();
    let pass = catalog().kind(&kind("pass")).unwrap().scope_at(&place());
    let entries = [ledger.scope(&scope("widget")), ledger.scope(&pass)];
    let marks = || entries.each_ref().map(|entry| entry.mark(None));
    world.beat(START + 60);
    let healthy = marks();
    assert_eq!(age(&world, "widget", START + 240), 900);
    assert_eq!(age(&world, "widget", START + 241), 30);
    world.core.ages_due = false;
    world.beat(START + 300);
    assert!(world.core.ages_due, "ages are written at once");
    assert_eq!(age(&world, "widget", START + 300), 900);
    for (now, before) in marks().into_iter().zip(healthy) {
        assert!(now.generation > before.generation && now.at == Some(at(START + 300)), "{now:?}");
    }
    let back = marks();
    world.beat(START + 360);
    assert_eq!(marks(), back, "a stream that was healthy all the time makes nothing stale");
}

#[test]
fn a_kill_switch_cuts_ages_to_stock_and_an_override_of_cadence_is_an_age() {
    let mut world = World::settled(DriveMode::Enforce);
    let widgets = OverrideScope { kind: Some(kind("widget")), ..OverrideScope::default() };
    let slow = Setting::Cadence(Duration::from_secs(7_200));
    world.core.ages_due = false;
    world.core.set_override(testing::override_of("c", widgets.clone(), slow, at(5_000)), at(1_010));
    assert!(world.core.ages_due);
    assert_eq!((age(&world, "widget", 1_010), age(&world, "gadget", 1_010)), (7_200, 900));
    world.core.set_override(testing::override_of("k", widgets, Setting::KillSwitch, at(5_000)), at(1_011));
    assert_eq!((age(&world, "widget", 1_011), age(&world, "gadget", 1_011)), (30, 900));
}

#[test]
fn a_change_that_nothing_announced_cuts_the_age_and_the_holds_of_its_scope_at_once() {
    let mut world = World::settled(DriveMode::Enforce);
    let entry = world.core.ledger.scope(&scope("widget"));
    entry.set_max_age(Duration::from_secs(900));
    assert!(world.hold_of(WIDGETS, START + 10).is_some());
    world.core.holds_due = false;
    world.core.evidence(&scope("widget"), Evidence::Differs, at(START + 11));
    assert!(world.core.holds_due && world.hold_of(WIDGETS, START + 11).is_none(), "held less from now on");
    assert_eq!((entry.max_age(), age(&world, "gadget", START + 11)), (Duration::from_secs(30), 900));
    let agents = world.core.view.roster.reading(&place(), &kind("widget")).to_vec();
    let status = world.core.scope_status(&scope("widget"), &agents, at(START + 11));
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!((json["uncovered_changes"].as_u64(), json["max_age_ms"].as_u64()), (Some(1), Some(30_000)));
    assert_eq!(json["reason"].as_str(), Some("uncovered"));
    assert_eq!(world.core.status(at(START + 11)).counters.uncovered_changes, 1);
    world.core.evidence(&scope("widget"), Evidence::Same, at(START + 50));
    assert_eq!(entry.max_age(), Duration::from_secs(60));
}

#[test]
fn where_no_event_was_to_be_expected_none_was_missed() {
    let mut world = World::settled(DriveMode::Enforce);
    world.core.evidence(&scope("health"), Evidence::Differs, at(START + 11));
    assert_eq!(age(&world, "health", START + 11), 300);
    // The stream has been silent for a while.
    world.core.evidence(&scope("widget"), Evidence::Differs, at(START + 300));
    world.beat(START + 310);
    assert_eq!(age(&world, "widget", START + 310), 900);
    assert_eq!(world.core.status(at(START + 311)).counters.uncovered_changes, 0);
}

#[test]
fn an_operators_order_makes_what_it_names_stale_before_anything_runs() {
    let mut world = World::settled(DriveMode::Enforce);
    let ledger = world.core.ledger.clone();
    let of = |id: &str, resource: Option<&str>| ledger.scope(&scope(id)).mark(resource.map(testing::name).as_ref());
    let before = (of("widget", Some("w-1")), of("widget", Some("w-2")), of("gadget", None));
    let mut order = RefreshOrder {
        accounts: Some(vec!["prod".to_owned()]),
        regions: None,
        kinds: Some(vec![kind("widget")]),
        name: Some(testing::name("w-1")),
        class: Class::Operator,
    };
    world.core.order(order.clone(), "me", at(1_100)).ok().unwrap();
    let named = of("widget", Some("w-1"));
    assert!(named.generation > before.0.generation && named.at == Some(at(1_100)));
    assert_eq!((of("widget", Some("w-2")), of("gadget", None)), (before.1, before.2), "nothing else");
    assert_eq!(of("widget", None), named, "and the listing");
    order.kinds = None;
    order.name = None;
    world.core.order(order, "me", at(1_200)).ok().unwrap();
    for id in ["widget", "gadget", "health"] {
        assert_eq!(of(id, Some("w-2")).at, Some(at(1_200)), "{id}");
    }
    let pass = Place::new(place().account, Region::new("global").unwrap()).scope(kind("pass"));
    assert_eq!(ledger.scope(&pass).mark(None).at, Some(at(1_200)));
}

#[test]
fn what_was_read_while_its_place_was_not_served_is_stale_when_it_is() {
    let mut world = World::settled(DriveMode::Enforce);
    let ledger = world.core.ledger.clone();
    let test = Place::new(aws_event_cache_model::AccountId::new(testing::TEST).unwrap(), place().region);
    let entries = [ledger.scope(&scope("widget")), ledger.scope(&test.scope(kind("widget")))];
    let marks = || entries.each_ref().map(|entry| entry.mark(None));
    let served = Arc::new(testing::accounts());
    let fewer = Accounts::new(served.iter().filter(|account| account.name == "prod").cloned());
    let roster = catalog().roster(&fewer, &StockPolling::default());
    world.core.set_accounts(Arc::new(fewer), roster, at(1_100));
    let before = marks();
    world.core.set_accounts(served, testing::roster(), at(1_200));
    assert_eq!(marks()[0], before[0], "served all the time");
    assert!(marks()[1].generation > before[1].generation && marks()[1].at == Some(at(1_200)));
}
