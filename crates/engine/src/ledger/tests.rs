//! The ledger against a model that never forgets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{AccountId, KindId, Names, Place, Region, ResourceName, Scope, Timestamp};
use proptest::prelude::*;

use crate::ledger::*;
use crate::testing::at;

fn scope(n: u8) -> Scope {
    let place = Place::new(AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap());
    place.scope(KindId::new(format!("widget-{n}")).unwrap())
}

fn name(n: u8) -> ResourceName {
    ResourceName::new(format!("w-{n}")).unwrap()
}

/// What is invalidated, and the second in which the caller said so: callers read the time before they get their turn, so times need not be in order.
#[derive(Debug, Clone)]
struct Step {
    what: Touched,
    second: u64,
}

#[derive(Debug, Clone)]
enum Touched {
    Named(u8, Vec<u8>),
    All(u8),
    Account,
}

fn account() -> AccountId {
    AccountId::new("111122223333").unwrap()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![
        8 => (0..2_u8, prop::collection::vec(0..8_u8, 0..5)).prop_map(|(scope, names)| Touched::Named(scope, names)),
        1 => (0..2_u8).prop_map(Touched::All),
        1 => Just(Touched::Account),
    ];
    prop::collection::vec((what, 0..5_u64), 0..40).prop_map(|steps| {
        let timed = steps.into_iter().enumerate();
        timed.map(|(n, (what, early))| Step { what, second: (n as u64 + 5) - early }).collect()
    })
}

/// Whether a step touches a resource (or, with `None`, the listing) of a scope.
fn touches(step: &Step, in_scope: u8, resource: Option<u8>) -> bool {
    match &step.what {
        Touched::Named(scope, names) => *scope == in_scope && resource.is_none_or(|r| names.contains(&r)),
        Touched::All(scope) => *scope == in_scope,
        Touched::Account => true,
    }
}

fn apply(ledger: &Ledger, step: &Step) {
    match &step.what {
        Touched::Named(n, names) => {
            ledger.invalidate(&scope(*n), &Names::Some(names.iter().map(|n| name(*n)).collect()), at(step.second));
        }
        Touched::All(n) => {
            ledger.invalidate(&scope(*n), &Names::Any, at(step.second));
        }
        Touched::Account => ledger.invalidate_account(&account(), at(step.second)),
    }
}

fn everything() -> impl Iterator<Item = (u8, Option<u8>)> {
    (0..2).flat_map(|scope| (0..8).map(Some).chain([None]).map(move |resource| (scope, resource)))
}

fn mark(ledger: &Ledger, of: u8, resource: Option<u8>) -> Mark {
    let mark = ledger.scope(&scope(of)).mark(resource.map(name).as_ref());
    assert_eq!(mark.generation, ledger.generation(&scope(of), resource.map(name).as_ref()));
    mark
}

proptest! {
    #[test]
    fn what_was_invalidated_never_looks_fresh_again_even_when_names_are_forgotten(steps in steps(), limit in 1..4_usize) {
        let ledger = Ledger::new(limit);
        // Everything was asked for once, so that every scope is known.
        everything().for_each(|(s, _)| { ledger.scope(&scope(s)); });
        let mut had: HashMap<(u8, Option<u8>), Vec<Generation>> = HashMap::new();
        let mut latest: HashMap<(u8, Option<u8>), Timestamp> = HashMap::new();
        for step in &steps {
            let before: HashMap<_, _> = everything().map(|(s, r)| ((s, r), mark(&ledger, s, r))).collect();
            apply(&ledger, step);
            for (s, r) in everything() {
                let (then, now) = (before[&(s, r)], mark(&ledger, s, r));
                had.entry((s, r)).or_default().push(then.generation);
                prop_assert!(now.generation >= then.generation && now.at >= then.at, "neither goes back");
                if touches(step, s, r) {
                    prop_assert!(!had[&(s, r)].contains(&now.generation), "{s} {r:?} must differ from all it had");
                    let last = latest.entry((s, r)).or_insert(at(step.second));
                    *last = (*last).max(at(step.second));
                }
                prop_assert!(now.at >= latest.get(&(s, r)).copied(), "{s} {r:?}: a read is never called settled too early");
                prop_assert_eq!(now.at.is_none(), now.generation == Generation(0));
            }
        }
    }

    #[test]
    fn what_was_not_named_stays_fresh_while_nothing_is_forgotten(steps in steps()) {
        let ledger = Ledger::new(64);
        everything().for_each(|(s, _)| { ledger.scope(&scope(s)); });
        for step in &steps {
            let before: Vec<_> = everything().map(|(s, r)| mark(&ledger, s, r)).collect();
            apply(&ledger, step);
            for ((s, r), before) in everything().zip(before) {
                if !touches(step, s, r) {
                    prop_assert_eq!(mark(&ledger, s, r), before);
                }
            }
        }
    }

    #[test]
    fn a_marks_time_is_never_before_its_invalidation_by_less_than_what_is_stored(nanos in -2_000_000_000_i128..2_000_000_000) {
        let (ledger, now) = (Ledger::default(), Timestamp::from_nanosecond(nanos).unwrap());
        ledger.invalidate(&scope(0), &Names::Any, now);
        let given = ledger.scope(&scope(0)).mark(None).at.unwrap();
        prop_assert!(given >= now && given.as_nanosecond() - nanos < 1_000);
    }
}

#[test]
fn no_more_names_are_kept_than_the_limit() {
    let ledger = Ledger::new(3);
    for n in 0..100 {
        ledger.invalidate(&scope(0), &Names::Some(vec![name(n)]), at(0));
    }
    assert_eq!(ledger.scope(&scope(0)).names(), 3);
}

#[test]
fn an_account_whose_access_changed_has_another_access_generation_and_its_answers_stay() {
    let ledger = Ledger::default();
    ledger.invalidate(&scope(0), &Names::Any, at(1));
    let (before, access) = (mark(&ledger, 0, None), ledger.access(&account()));
    let other = AccountId::new("444455556666").unwrap();
    assert!(ledger.revoke(&account()) > access);
    assert_eq!((mark(&ledger, 0, None), ledger.access(&other)), (before, Generation(0)));
    let second = ledger.access(&account());
    assert!(ledger.revoke(&account()) > second);
}

#[test]
fn an_answer_of_which_nobody_spoke_gets_as_old_as_in_stock() {
    let ledger = Ledger::default();
    let entry = ledger.scope(&scope(0));
    assert_eq!(entry.max_age(), STOCK_AGE);
    entry.set_max_age(Duration::from_secs(900));
    assert_eq!(ledger.scope(&scope(0)).max_age(), Duration::from_secs(900));
    entry.set_max_age(Duration::MAX);
    assert_eq!(entry.max_age(), Duration::from_millis(u64::MAX));
}

#[test]
fn readers_on_other_threads_never_see_a_generation_go_back() {
    let ledger = Arc::new(Ledger::new(2));
    let entry = ledger.scope(&scope(0));
    std::thread::scope(|threads| {
        for t in 0..2_u8 {
            let ledger = ledger.clone();
            threads.spawn(move || {
                for n in 0..2_000_u32 {
                    let names = if n % 97 == 0 { Names::Any } else { Names::Some(vec![name((n % 5) as u8 + t)]) };
                    ledger.invalidate(&scope(0), &names, at(u64::from(n)));
                }
            });
        }
        let mut last = [Generation(0); 2];
        for _ in 0..2_000 {
            let now = [entry.generation(None), entry.generation(Some(&name(1)))];
            assert!(now[0] >= last[0] && now[1] >= last[1]);
            last = now;
        }
    });
}
