//! The parts joined: what a sequence of hints, looks at locks and outcomes leads to.

use std::time::Duration;

use aws_event_cache_model::{
    AgentSeen, AgentState, Change, Hint, Hold, Means, Outcome, OverrideScope, RefreshId, RefreshOrder, RefreshState,
    Retry, Setting, What,
};

use proptest::prelude::*;

use super::*;
use crate::ledger::Generation;
use crate::plan::plan;
use crate::testing::{self, at, catalog, changed, hint, kind, place};

mod ages;

/// A core with the test accounts, started at second 1,000 after an orderly and short restart.
struct World {
    core: Core,
}

const START: u64 = 1_000;

impl World {
    fn new(mode: DriveMode) -> Self {
        Self::recovered(mode, Recovered { clean: true, last_alive: Some(at(START - 5)), ..Recovered::default() })
    }

    fn recovered(mode: DriveMode, recovered: Recovered) -> Self {
        let start = Start {
            catalog: catalog(),
            profiles: testing::profiles(),
            stock: StockPolling::default(),
            mode,
            recovered,
        };
        let mut core = Core::new(start, at(START));
        core.set_accounts(Arc::new(testing::accounts()), testing::roster(), at(START));
        Self { core }
    }

    /// With a healthy stream, and every agent seen idle after a run that started at second 1,005.
    fn settled(mode: DriveMode) -> Self {
        let mut world = Self::new(mode);
        world.beat(START + 1);
        world.all_idle(START + 5, START + 6);
        world
    }

    fn hint(&mut self, hint: Hint) -> Changes {
        let now = hint.received;
        let view = self.core.view.clone();
        let plan = plan(&hint, &view.catalog, &view.roster, &view.accounts, &view.profiles, now);
        let mut changes = Changes::default();
        self.core.accept(hint, plan, now, &mut changes);
        changes
    }

    fn widget(&mut self, occurred: u64) -> Changes {
        self.hint(hint(changed("widget", "w-1", Change::Updated), occurred))
    }

    /// Heartbeats in all places.
    fn beat(&mut self, now: u64) {
        for place in self.core.view.accounts.places() {
            let mut beat = hint(What::Heartbeat, now - 2);
            beat.place = place;
            self.hint(beat);
        }
    }

    fn idle(&mut self, agent: &str, started: u64, now: u64) -> Changes {
        let idle = AgentState::Idle { started: at(started), until: at(started + 30) };
        self.core.seen(&[AgentSeen { agent: name(agent), state: idle }], at(now))
    }

    fn all_idle(&mut self, started: u64, now: u64) {
        let idle = AgentState::Idle { started: at(started), until: at(started + 30) };
        let agents = self.core.view.roster.agents().to_vec();
        let seen: Vec<_> = agents.iter().map(|agent| AgentSeen { agent: agent.name.clone(), state: idle }).collect();
        self.core.seen(&seen, at(now));
    }

    fn next(&mut self, now: u64) -> Vec<Flight> {
        self.core.tick(at(now));
        let mut changes = Changes::default();
        std::iter::from_fn(|| self.core.next(at(now), &mut changes)).collect()
    }

    /// Forces everything that is due, each run taking a second. Returns the agents.
    fn force(&mut self, now: u64) -> Vec<String> {
        let flights = self.next(now);
        let mut names: Vec<String> = flights.iter().map(|f| f.request.agent.name.to_string()).collect();
        flights.into_iter().for_each(|flight| {
            self.core.outcome(flight, forced(now), at(now + 1));
        });
        names.sort_unstable();
        names
    }

    fn holds(&mut self, now: u64) -> Vec<Hold> {
        let agents = self.core.view.roster.agents().to_vec();
        self.core.holds(&agents, at(now))
    }

    fn hold_of(&mut self, agent: &str, now: u64) -> Option<Timestamp> {
        let agent = self.core.view.roster.named(&name(agent)).unwrap().clone();
        self.core.holds(&[agent], at(now)).first().map(|hold| hold.until)
    }
}

const WIDGETS: &str = "prod/eu-west-1/WidgetCachingAgent";
const GADGETS: &str = "prod/eu-west-1/GadgetCachingAgent";
const BALANCE: &str = "prod/eu-west-1/BalanceCachingAgent";

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

fn forced(started: u64) -> Outcome {
    Outcome::Refreshed { started: at(started), ended: at(started + 1), means: Means::ForcedRun }
}

fn failed(retry: Retry) -> Outcome {
    Outcome::Failed { why: "the lock store is down".to_owned(), retry }
}

fn owed(changes: &Changes) -> usize {
    changes.records.iter().filter(|record| matches!(record, Record::Owed { .. })).count()
}

#[test]
fn a_change_is_run_once_for_its_burst_and_looked_at_again_after_the_settle_window() {
    let mut world = World::settled(DriveMode::Enforce);
    let first = world.widget(1_100);
    assert_eq!((owed(&first), first.waits.len()), (3, 1));
    let duplicate = world.widget(1_100);
    assert_eq!((owed(&duplicate), duplicate.waits.len()), (0, 1), "no record, but the first one's commit");
    assert!(world.force(1_102).is_empty(), "it waits for company");
    assert_eq!(world.force(1_104), [BALANCE, GADGETS, WIDGETS]);
    assert!(world.force(1_111).is_empty(), "the second look keeps the distance of the stock interval");
    assert_eq!(world.force(1_134), [BALANCE, GADGETS, WIDGETS]);
    assert!(world.force(2_000).is_empty());
    assert_eq!(world.core.counters.forced_runs, 6);
}

#[test]
fn what_is_wanted_only_later_never_delays_the_run_for_what_has_changed() {
    // Of one message: a gadget has changed, and something that widgets' agent reads may follow from it. In either order.
    for related_first in [false, true] {
        let mut world = World::settled(DriveMode::Enforce);
        let event = hint(changed("widget", "w-1", Change::Updated), 1_100);
        let related = hint(changed("widget", "w-2", Change::Related), 1_100);
        let hints = if related_first { [related, event] } else { [event, related] };
        hints.into_iter().for_each(|hint| drop(world.hint(hint)));
        let flights = world.next(1_104);
        assert_eq!(flights.len(), 3);
        for flight in flights {
            assert!(flight.request.since <= at(1_104), "a run that starts at once counts");
            world.core.outcome(flight, forced(1_104), at(1_105));
        }
        assert_eq!(world.force(1_134), [BALANCE, GADGETS, WIDGETS], "and it is looked at again");
        assert!(world.force(2_000).is_empty());
    }
}

#[test]
fn a_debt_is_settled_when_the_agent_ran_and_nothing_more_came() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    let flights = world.next(1_105);
    let again = world.hint(hint(changed("gadget", "g-1", Change::Updated), 1_106));
    assert_eq!(owed(&again), 0, "still owed");
    for flight in flights {
        let agent = flight.request.agent.name.clone();
        let changes = world.core.outcome(flight, forced(1_105), at(1_109));
        let settled = changes.records.iter().any(|record| matches!(record, Record::Settled { .. }));
        assert_eq!(settled, agent == name(BALANCE), "{agent}");
    }
}

#[test]
fn a_late_notification_of_what_was_read_since_needs_no_run() {
    let mut world = World::settled(DriveMode::Enforce);
    world.all_idle(1_200, 1_201);
    let mut late = hint(changed("widget", "w-1", Change::Updated), 1_150);
    late.received = at(1_600);
    assert_eq!(owed(&world.hint(late.clone())), 0);
    assert_eq!(world.core.counters.already_fresh, 3);
    // A run within the settle window of the change may have read the old state.
    late.occurred = Some(at(1_195));
    assert_eq!(owed(&world.hint(late)), 3);
}

#[test]
fn an_agents_own_poll_pays_the_debt() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_010);
    assert!(world.next(1_014).is_empty(), "spacing");
    let changes = world.idle(WIDGETS, 1_035, 1_036);
    assert!(changes.records.contains(&Record::Settled { agent: name(WIDGETS) }));
    assert_eq!(world.force(1_036), [BALANCE, GADGETS]);
    assert_eq!(world.core.counters.own_runs, 1);
}

#[test]
fn covered_agents_are_held_to_the_ceiling_and_uncovered_ones_to_their_own() {
    let mut world = World::settled(DriveMode::Enforce);
    let widgets = between(at(START + 5), world.hold_of(WIDGETS, START + 10).unwrap());
    let balance = between(at(START + 5), world.hold_of(BALANCE, START + 10).unwrap());
    assert!((810..=900).contains(&widgets.as_secs()), "{widgets:?}");
    assert!((270..=300).contains(&balance.as_secs()), "{balance:?}");
}

#[test]
fn what_a_change_touches_stays_hot_where_events_do_not_tell_all() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    world.force(1_105);
    let balance = between(at(1_105), world.hold_of(BALANCE, 1_107).unwrap());
    let widgets = between(at(1_105), world.hold_of(WIDGETS, 1_107).unwrap());
    assert!(balance.as_secs() <= 60 && widgets.as_secs() >= 810, "{balance:?} {widgets:?}");
}

#[test]
fn nobody_is_held_when_the_stream_is_silent_and_again_only_after_a_new_run() {
    let mut world = World::settled(DriveMode::Enforce);
    assert_eq!(world.holds(START + 10).len(), world.core.view.roster.agents().len());
    assert!(world.holds(START + 190).is_empty(), "silent for more than three minutes");
    world.beat(START + 200);
    assert!(world.holds(START + 201).is_empty(), "what was read before the stream came back proves nothing");
    world.idle(WIDGETS, START + 210, START + 212);
    assert_eq!(world.holds(START + 212).len(), 1);
}

#[test]
fn an_agent_in_flight_is_not_held() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    let flights = world.next(1_105);
    assert_eq!(flights.len(), 3);
    assert_eq!(world.hold_of(WIDGETS, 1_105), None);
}

#[test]
fn throttling_puts_refreshes_off_but_not_the_operators_and_a_raised_quota_lets_them_go() {
    let mut world = World::settled(DriveMode::Enforce);
    let service = aws_event_cache_model::ServiceName::new("test").unwrap();
    world.hint(hint(What::Throttled { service: service.clone() }, 1_100));
    world.widget(1_100);
    // Two tokens come in a quarter of a second at half the rate; then the first run leaves the bucket in debt.
    let first = world.next(1_106).len();
    assert!(first < 3, "{first} of 3 went in spite of throttling");
    assert!(world.core.counters.limit_delays > 0);
    let order = RefreshOrder {
        accounts: Some(vec!["test".to_owned()]),
        regions: None,
        kinds: Some(vec![kind("widget")]),
        name: None,
        class: Class::Operator,
    };
    world.core.order(order, "me", at(1_106)).unwrap();
    assert_eq!(world.next(1_106).len(), 2, "the operator's share is there");
    world.hint(hint(What::QuotaRaised { service: Some(service) }, 1_106));
    assert_eq!(first + world.next(1_108).len(), 3);
}

#[test]
fn a_changed_role_lets_what_failed_try_again_at_once() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    for flight in world.next(1_105) {
        world.core.outcome(flight, failed(Retry::After(Duration::from_secs(600))), at(1_106));
    }
    assert!(world.next(1_200).is_empty());
    world.hint(hint(What::AccessChanged { role: Some(testing::name("spinnaker-managed")) }, 1_200));
    let names: Vec<_> = world.next(1_210).iter().map(|f| f.request.agent.name.to_string()).collect();
    assert_eq!(names.len(), 4, "three that failed and the role's own: {names:?}");
}

#[test]
fn a_failure_for_good_is_visible_and_leaves_the_agent_to_its_own_poll() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    for flight in world.next(1_105) {
        let changes = world.core.outcome(flight, failed(Retry::Never), at(1_106));
        assert!(changes.records.iter().any(|record| matches!(record, Record::Settled { .. })));
    }
    assert_eq!(world.hold_of(WIDGETS, 1_107), None);
    assert!(world.core.status(at(1_107)).problems.iter().any(|p| p.contains("the lock store is down")));
    world.idle(WIDGETS, 1_110, 1_112);
    assert!(world.hold_of(WIDGETS, 1_112).is_some());
}

#[test]
fn an_on_demand_call_pays_the_debt_and_is_no_run_of_the_agent() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    let outcome = Outcome::Refreshed { started: at(1_105), ended: at(1_106), means: Means::OnDemand };
    for flight in world.next(1_105) {
        let changes = world.core.outcome(flight, outcome.clone(), at(1_106));
        assert!(matches!(changes.records[..], [Record::Settled { .. }]));
    }
    assert_eq!(world.core.book.get(&name(WIDGETS)).unwrap().started, Some(at(START + 5)));
    assert_eq!(world.next(1_116).len(), 3, "second looks, without the distance to a run");
}

#[test]
fn watch_mode_counts_what_it_would_have_done_as_if_its_holds_were_real() {
    let mut world = World::settled(DriveMode::Observe);
    world.holds(START + 10);
    // Clouddriver polls on; those polls would have been put off.
    world.all_idle(START + 35, START + 36);
    world.all_idle(START + 65, START + 66);
    let agents = world.core.view.roster.agents().len() as u64;
    assert_eq!(world.core.counters.polls_would_save, 2 * agents);
    world.widget(START + 68);
    let flights = world.next(START + 72);
    assert_eq!(flights.len(), 3, "the last run, as it would have been, is long past");
    for flight in flights {
        let outcome = Outcome::Refreshed { started: at(START + 72), ended: at(START + 72), means: Means::WouldForce };
        world.core.outcome(flight, outcome, at(START + 72));
    }
    let status = world.core.status(at(START + 73));
    assert_eq!((status.counters.would_force, status.counters.forced_runs), (3, 0));
    assert!(status.recent.iter().all(|recent| recent.means == Some(Means::WouldForce)));
}

#[test]
fn nothing_is_planned_when_off_and_everything_is_stale_when_switched_on() {
    let mut world = World::settled(DriveMode::Off);
    assert_eq!(owed(&world.widget(1_100)), 0);
    assert!(world.next(1_200).is_empty() && world.holds(1_100).is_empty());
    world.core.set_mode(DriveMode::Enforce, at(1_200));
    world.beat(1_200);
    assert!(world.holds(1_201).is_empty());
    assert_eq!(world.next(1_250).len(), world.core.view.roster.agents().len(), "a sweep");
}

#[test]
fn after_a_gap_own_polls_are_awaited_before_runs_are_forced() {
    let mut world = World::recovered(DriveMode::Enforce, Recovered::default());
    assert!(world.next(START + 10).is_empty());
    world.idle(WIDGETS, START + 20, START + 21);
    world.core.seen(
        &[AgentSeen { agent: name(GADGETS), state: AgentState::Held { until: at(START + 100) } }],
        at(START + 21),
    );
    assert_eq!(world.force(START + 22), [GADGETS], "held by a life that ended: its own poll is not near");
    let rest = world.force(START + 46);
    assert_eq!(rest.len(), world.core.view.roster.agents().len() - 2);
    assert!(!rest.contains(&WIDGETS.to_owned()));
}

#[test]
fn what_was_owed_before_a_restart_is_run_first_and_after_the_restart() {
    let cause = Cause::own("before the crash", at(900));
    let owed = vec![(name(WIDGETS), Class::Event, Resources::default(), cause)];
    let recovered = Recovered { owed, clean: true, last_alive: Some(at(START)), ..Recovered::default() };
    let mut world = World::recovered(DriveMode::Enforce, recovered);
    world.idle(WIDGETS, START - 20, START + 1);
    assert!(world.next(START + 5).is_empty(), "the distance to the run before the restart is kept");
    let flights = world.next(START + 10);
    assert_eq!(flights.len(), 1);
    assert!(flights[0].request.since >= at(START));
    let changes = world.core.outcome(flights[0].clone(), forced(START + 10), at(START + 11));
    assert!(changes.records.contains(&Record::Settled { agent: name(WIDGETS) }));
}

#[test]
fn a_debt_of_an_agent_that_nobody_knows_becomes_a_visible_failure() {
    let owed =
        vec![(name("gone/eu-west-1/WidgetCachingAgent"), Class::Event, Resources::default(), Cause::own("x", at(0)))];
    let mut world = World::recovered(
        DriveMode::Enforce,
        Recovered { owed, clean: true, last_alive: Some(at(START)), ..Recovered::default() },
    );
    let mut changes = Changes::default();
    for now in (START..START + 700).step_by(10) {
        assert!(world.core.next(at(now), &mut changes).is_none());
    }
    assert_eq!(changes.records, [Record::Settled { agent: name("gone/eu-west-1/WidgetCachingAgent") }]);
    assert_eq!(world.core.counters.failures, 1);
    assert_eq!(world.core.next_wakeup(at(START + 700)), None);
}

#[test]
fn an_account_that_goes_takes_its_agents_along() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    let order = RefreshOrder {
        accounts: Some(vec!["prod".into()]),
        regions: None,
        kinds: None,
        name: None,
        class: Class::Operator,
    };
    let id = world.core.order(order, "me", at(1_102)).unwrap().record.id;
    let rest = Arc::new(Accounts::new(testing::accounts().iter().filter(|a| a.name == "test").cloned()));
    let roster = world.core.view.catalog.roster(&rest, &StockPolling::default());
    let changes = world.core.set_accounts(rest, roster, at(1_103));
    assert!(changes.records.contains(&Record::Settled { agent: name(WIDGETS) }));
    assert_eq!(world.core.refresh(&id).unwrap().state, RefreshState::Failed);
    assert!(world.next(1_200).is_empty());
}

#[test]
fn an_order_names_what_it_cannot_find_and_what_is_nearest() {
    let mut world = World::settled(DriveMode::Enforce);
    let order = |accounts: Option<&str>, kinds: Option<&str>| RefreshOrder {
        accounts: accounts.map(|a| vec![a.to_owned()]),
        regions: None,
        kinds: kinds.map(|k| vec![kind(k)]),
        name: None,
        class: Class::Operator,
    };
    let error =
        |world: &mut World, order| world.core.order(order, "me", at(1_100)).map(|o| o.record).unwrap_err().to_string();
    assert!(error(&mut world, order(Some("prot"), None)).contains("did you mean `prod`?"));
    assert!(error(&mut world, order(None, Some("wiget"))).contains("did you mean `widget`?"));
    assert!(error(&mut world, order(None, Some("orphan"))).contains("no agent reads"));
    // An AWS account id is as good as Spinnaker's name; `widget` is read in two regions.
    let record = world.core.order(order(Some(testing::PROD), Some("widget")), "me", at(1_100)).unwrap().record;
    assert_eq!(record.pending.len(), 2);
    let again = world.core.order(order(Some(testing::PROD), Some("widget")), "me", at(1_105)).unwrap();
    assert_eq!((again.record.id, again.changes.records.len()), (record.id, 0));
}

fn order_widgets(world: &mut World, now: u64) -> RefreshId {
    let order = RefreshOrder {
        accounts: Some(vec!["prod".to_owned()]),
        regions: Some(vec![place().region]),
        kinds: Some(vec![kind("widget")]),
        name: None,
        class: Class::Operator,
    };
    world.core.order(order, "me", at(now)).unwrap().record.id
}

#[test]
fn an_operators_refresh_runs_at_once_and_ends_with_the_agents_run() {
    let mut world = World::settled(DriveMode::Enforce);
    let id = order_widgets(&mut world, START + 8);
    let flights = world.next(START + 8);
    assert_eq!(flights.len(), 1, "whatever the spacing");
    assert_eq!(world.core.refresh(&id).unwrap().state, RefreshState::Running);
    world.core.outcome(flights[0].clone(), forced(START + 9), at(START + 10));
    assert_eq!(world.core.refresh(&id).unwrap().state, RefreshState::Succeeded);
}

#[test]
fn canceling_takes_back_what_nobody_else_waits_for() {
    let mut world = World::settled(DriveMode::Enforce);
    let id = order_widgets(&mut world, 1_100);
    let (record, changes) = world.core.cancel(&id, at(1_100)).unwrap();
    assert_eq!((record.state, changes.records.len()), (RefreshState::Canceled, 2));
    assert!(world.next(1_200).is_empty());
    let id = order_widgets(&mut world, 1_300);
    world.widget(1_300);
    world.core.cancel(&id, at(1_301)).unwrap();
    assert_eq!(world.next(1_305).len(), 3, "an event waits for it too");
}

#[test]
fn canceling_beside_a_run_under_way_leaves_that_runs_debt_alone() {
    let mut world = World::settled(DriveMode::Enforce);
    world.widget(1_100);
    let flights = world.next(1_105);
    let id = order_widgets(&mut world, 1_106);
    let (_, changes) = world.core.cancel(&id, at(1_106)).unwrap();
    assert!(matches!(changes.records[..], [Record::Refresh(_)]), "{:?}", changes.records);
    for flight in flights {
        let changes = world.core.outcome(flight, forced(1_105), at(1_107));
        assert!(matches!(changes.records[..], [Record::Settled { .. }]), "nothing was left to run");
    }
}

#[test]
fn what_changed_is_stale_in_the_ledger_and_a_changed_role_revokes_access_to_its_account() {
    let mut world = World::settled(DriveMode::Enforce);
    let ledger = world.core.ledger.clone();
    let scope = place().scope(kind("widget"));
    let (one, other) = (testing::name("w-1"), testing::name("w-2"));
    world.widget(1_100);
    let first = ledger.generation(&scope, Some(&one));
    assert!(first > ledger.generation(&scope, Some(&other)), "only what was named");
    assert_eq!(ledger.generation(&scope, None), first, "and the listing");
    assert_eq!(ledger.scope(&scope).mark(None).at, Some(at(1_102)));
    world.hint(hint(What::AccessChanged { role: Some(testing::name("another")) }, 1_150));
    assert_eq!(ledger.access(&place().account), Generation(0), "not the role that Clouddriver assumes");
    world.hint(hint(What::AccessChanged { role: Some(testing::name("spinnaker-managed")) }, 1_200));
    assert!(ledger.access(&place().account) > first);
    assert_eq!(ledger.generation(&scope, Some(&one)), first, "what is cached is as true as before");
}

#[test]
fn throttling_of_a_service_reaches_the_agents_that_exist_once_per_account() {
    let mut world = World::settled(DriveMode::Enforce);
    let service = aws_event_cache_model::ServiceName::new("test").unwrap();
    world.hint(hint(What::Throttled { service }, 1_100));
    let cut: Vec<&str> = world.core.limiter.cuts(at(1_102)).map(|(place, ..)| place.region.as_str()).collect();
    assert!(cut.len() == 2 && cut.contains(&"global") && cut.contains(&"eu-west-1"), "{cut:?}");
}

#[test]
fn leaving_enforce_lets_every_agent_go_and_trusts_no_earlier_run() {
    for mode in [DriveMode::Observe, DriveMode::Off] {
        let mut world = World::settled(DriveMode::Enforce);
        assert!(!world.holds(START + 10).is_empty());
        world.core.set_mode(mode, at(START + 11));
        assert!(world.core.release_due && world.holds(START + 12).is_empty(), "{mode:?}");
    }
}

#[test]
fn a_kill_switch_lets_go_and_forces_nothing_and_own_polls_pay_what_is_owed() {
    let mut world = World::settled(DriveMode::Enforce);
    assert!(!world.holds(START + 10).is_empty());
    world
        .core
        .set_override(testing::override_of("k", OverrideScope::default(), Setting::KillSwitch, at(2_000)), at(1_020));
    assert!(world.core.release_due && world.holds(1_021).is_empty());
    world.widget(1_030);
    assert!(world.next(1_040).is_empty());
    let changes = world.idle(WIDGETS, 1_045, 1_046);
    assert!(changes.records.contains(&Record::Settled { agent: name(WIDGETS) }));
    world.beat(1_999);
    assert_eq!(world.core.tick(at(2_000)).records.len(), 1, "every override ends by itself");
    assert!(world.hold_of(WIDGETS, 2_000).is_none(), "its run is too old by now");
    world.idle(WIDGETS, 2_000, 2_001);
    assert!(world.hold_of(WIDGETS, 2_001).is_some());
}

#[test]
fn overrides_of_cadence_and_budget_are_in_force_at_once() {
    let mut world = World::settled(DriveMode::Enforce);
    let scope = OverrideScope { kind: Some(kind("widget")), ..OverrideScope::default() };
    let cadence = Setting::Cadence(Duration::from_secs(120));
    world.core.set_override(testing::override_of("c", scope, cadence, at(5_000)), at(1_010));
    let until = between(at(START + 5), world.hold_of(WIDGETS, 1_010).unwrap());
    assert!((108..=120).contains(&until.as_secs()));
    world
        .core
        .set_override(testing::override_of("b", OverrideScope::default(), Setting::Budget(0.01), at(5_000)), at(1_010));
    world.widget(1_100);
    assert_eq!(world.next(1_105).len(), 1, "one token: the first run leaves the bucket in debt");
}

#[test]
fn the_status_says_why_each_scope_is_polled_as_it_is() {
    let mut world = World::settled(DriveMode::Enforce);
    world.holds(START + 10);
    world.widget(1_100);
    let now = at(1_103);
    let scopes = Core::scopes(&world.core.view.catalog, world.core.view.roster.agents());
    let of = |id: &str| {
        let (scope, agents) = scopes.iter().find(|(s, _)| s.place == place() && s.kind == kind(id)).unwrap();
        world.core.scope_status(scope, agents, now)
    };
    let widget = of("widget");
    assert_eq!((widget.reason, widget.backlog, widget.last_run), (Reason::ProfileCeiling, 1, Some(at(START + 5))));
    assert_eq!(widget.last_event, Some(at(1_102)));
    assert_eq!(of("health").reason, Reason::Hot);
    let json = serde_json::to_value(&widget).unwrap();
    assert_eq!((json["cadence_ms"].as_u64(), json["reason"].as_str()), (Some(900_000), Some("profile-ceiling")));
    let status = serde_json::to_value(world.core.status(now)).unwrap();
    assert_eq!(status["queue"]["event"], 3);
    assert_eq!(status["places"][0]["health"], "healthy");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// The contract, against a simulated Clouddriver whose agents poll when nobody holds them: every change of which a hint was accepted is followed by a run
    /// that started at least a second after it, and no two runs of an agent that we caused or let happen lie closer together than the stock interval.
    #[test]
    fn every_accepted_hint_is_followed_by_a_run_and_runs_keep_their_distance(
        changes in prop::collection::vec((0..40_u64, 0..3_u8, any::<bool>()), 1..30), beats in any::<bool>(),
    ) {
        let mut world = World::settled(DriveMode::Enforce);
        let mut last: u64 = START + 5;
        let (mut runs, mut heard): (Vec<u64>, Vec<u64>) = (vec![last], Vec::new());
        let mut due = changes.into_iter().scan(START + 20, |t, (pause, kind, dup)| { *t += pause; Some((*t, kind, dup)) }).peekable();
        let end = START + 3_600;
        for now in START + 20..end {
            if beats && now % 60 == 0 {
                world.beat(now);
            }
            while let Some((occurred, of, dup)) = due.next_if(|(t, ..)| *t + 2 <= now) {
                let of = ["widget", "gadget", "health"][usize::from(of)];
                for _ in 0..=u8::from(dup) {
                    world.hint(hint(changed(of, "x", Change::Created), occurred));
                }
                if of != "health" {
                    heard.push(occurred);
                }
            }
            for flight in world.next(now) {
                if flight.request.agent.name == name(WIDGETS) {
                    last = now;
                    runs.push(now);
                }
                world.core.outcome(flight, forced(now), at(now));
            }
            if world.hold_of(WIDGETS, now).is_none() && now >= last + 30 {
                last = now;
                runs.push(now);
                world.idle(WIDGETS, now, now);
            }
        }
        prop_assert!(runs.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{runs:?}");
        for occurred in heard {
            let seen = runs.iter().find(|run| **run > occurred);
            prop_assert!(seen.is_some_and(|run| run - occurred <= 2 + 3 + 30), "{occurred}: {seen:?}");
        }
        if beats {
            prop_assert!(runs.len() < 30 * 3 + 10, "held when calm: {} runs", runs.len());
        }
    }
}

#[test]
fn answers_of_an_account_that_is_not_served_become_stale_but_nothing_is_kept_of_what_nobody_reads() {
    let mut world = World::new(DriveMode::Enforce);
    let mut foreign = hint(changed("widget", "w-1", Change::Updated), START + 10);
    foreign.place.account = aws_event_cache_model::AccountId::new("999999999999").unwrap();
    let scope = foreign.place.scope(kind("widget"));
    world.hint(foreign.clone());
    assert!(!world.core.ledger.knows(&scope), "a feed may tell of a thousand accounts");
    let read = world.core.ledger.scope(&scope);
    let before = read.generation(None);
    world.hint(foreign);
    assert_ne!(read.generation(None), before);
}
