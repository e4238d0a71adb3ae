//! The ledger under every interleaving: a reader that takes its marks before it reads, and writers that note what changed, never lead to an answer that is out of
//! date and looks fresh.
//!
//! The ledger's own file is compiled here once more, with `loom`'s atomics and locks in place of those of `src/sync.rs`. `loom` runs each model again and again,
//! until every order in which the threads can meet was tried, and every value that the memory model lets a load return: a `Relaxed` where `Acquire` is needed
//! fails here, though it would hardly ever fail on an x86 machine. The state of AWS is an atomic of its own, read and written as loosely as possible.
//!
//! To make a failure readable, run one test with `LOOM_LOG=trace LOOM_LOCATION=1`; `LOOM_CHECKPOINT_FILE` keeps the order that failed.

#![allow(dead_code, unreachable_pub, reason = "the ledger is a module of another crate")]
#![allow(clippy::unwrap_used, reason = "models fail as tests do")]

use std::sync::Arc;

use aws_event_cache_model::{AccountId, KindId, Names, Place, Region, ResourceName, Scope, Timestamp};
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

use ledger::{Generation, Ledger, Mark};

#[path = "../src/ledger.rs"]
mod ledger;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicI64, AtomicU64, Ordering};
    use loom::sync::{RwLockReadGuard, RwLockWriteGuard};

    /// With the interface of `parking_lot`'s.
    #[derive(Debug)]
    pub(crate) struct RwLock<T>(loom::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().expect("no thread of a model panics")
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().expect("no thread of a model panics")
        }
    }
}

fn account() -> AccountId {
    AccountId::new("111122223333").unwrap()
}

fn scope() -> Scope {
    Place::new(account(), Region::new("eu-west-1").unwrap()).scope(KindId::new("widget").unwrap())
}

fn name(text: &str) -> ResourceName {
    ResourceName::new(text).unwrap()
}

fn named(text: &str) -> Names {
    Names::Some(vec![name(text)])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// AWS and the ledger. What AWS answers counts its changes.
struct World {
    ledger: Ledger,
    aws: AtomicU64,
}

impl World {
    fn new(names_limit: usize) -> Arc<Self> {
        Arc::new(Self { ledger: Ledger::new(names_limit), aws: AtomicU64::new(0) })
    }

    /// Takes the mark, then reads: what a cached answer remembers.
    fn read(&self, resource: Option<&ResourceName>) -> (Mark, u64) {
        let mark = self.ledger.scope(&scope()).mark(resource);
        (mark, self.aws.load(Relaxed))
    }

    /// Whoever looks when all is over must not find an older answer fresh.
    fn judge(&self, resource: Option<&ResourceName>, (mark, answer): (Mark, u64)) {
        let fresh = self.ledger.scope(&scope()).generation(resource) == mark.generation;
        let truth = self.aws.load(Relaxed);
        assert!(!fresh || answer == truth, "{answer} looks fresh with {mark:?}, and AWS says {truth}");
    }
}

/// Runs a writer beside a reader, and judges what the reader got.
fn reader_beside(names_limit: usize, resource: Option<&'static str>, writer: fn(&World)) {
    loom::model(move || {
        let world = World::new(names_limit);
        let resource = resource.map(name);
        let writing = thread::spawn({
            let world = world.clone();
            move || writer(&world)
        });
        let got = world.read(resource.as_ref());
        writing.join().unwrap();
        world.judge(resource.as_ref(), got);
    });
}

fn change(world: &World) {
    world.aws.store(world.aws.load(Relaxed) + 1, Relaxed);
}

#[test]
fn an_event_after_the_change_makes_every_listing_from_before_it_stale() {
    reader_beside(8, None, |world| {
        change(world);
        world.ledger.invalidate(&scope(), &named("w-1"), at(1));
    });
}

#[test]
fn an_event_after_the_change_makes_the_resource_stale_also_when_its_name_is_forgotten_meanwhile() {
    reader_beside(1, Some("w-1"), |world| {
        change(world);
        world.ledger.invalidate(&scope(), &named("w-1"), at(1));
        world.ledger.invalidate(&scope(), &named("w-2"), at(2));
    });
}

#[test]
fn a_write_is_marked_before_and_after_it() {
    for resource in [None, Some("w-1")] {
        reader_beside(8, resource, |world| {
            world.ledger.invalidate(&scope(), &Names::Any, at(1));
            change(world);
            world.ledger.invalidate(&scope(), &Names::Any, at(2));
        });
    }
}

#[test]
fn a_doubted_account_leaves_no_scope_out_that_is_first_asked_for_meanwhile() {
    reader_beside(8, None, |world| {
        change(world);
        world.ledger.invalidate_account(&account(), at(1));
    });
}

#[test]
fn what_was_admitted_before_access_changed_is_not_admitted_after_it() {
    loom::model(|| {
        let world = World::new(8);
        let revoking = thread::spawn({
            let world = world.clone();
            move || {
                change(&world);
                world.ledger.revoke(&account());
            }
        });
        let (access, answer) = (world.ledger.access(&account()), world.aws.load(Relaxed));
        revoking.join().unwrap();
        assert!(world.ledger.access(&account()) != access || answer == 1);
    });
}

/// A reader beside writers that tell these seconds, in this order each: its mark's time is never before that of its generation.
fn times(preemptions: Option<usize>, resource: Option<&'static str>, writers: &'static [&'static [i64]]) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        let world = World::new(8);
        let resource = resource.map(name);
        let told =
            |world: &World, second: &i64| (world.ledger.invalidate(&scope(), &named("w-1"), at(*second)), at(*second));
        let writing = writers.iter().map(|seconds| {
            let world = world.clone();
            thread::spawn(move || seconds.iter().map(|second| told(&world, second)).collect::<Vec<_>>())
        });
        let writing: Vec<_> = writing.collect();
        let (mark, _) = world.read(resource.as_ref());
        let given: Vec<(Generation, Timestamp)> =
            writing.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        let own = given.iter().find(|(generation, _)| *generation == mark.generation).map(|(_, at)| *at);
        assert!(mark.at >= own, "{mark:?} of {given:?}");
        let last = world.ledger.scope(&scope()).mark(resource.as_ref());
        assert_eq!((last.generation, last.at), (Generation(2), Some(at(2))));
    });
}

#[test]
fn a_marks_time_is_never_before_its_generations_though_times_are_told_out_of_order() {
    for resource in [None, Some("w-1")] {
        times(None, resource, &[&[2, 1]]);
        times(None, resource, &[&[1, 2]]);
    }
}

/// With a third thread all orders are too many for every build: those with up to two preemptions, which by experience contain nearly every mistake there is.
#[test]
fn two_writers_at_once_keep_numbers_and_times_together() {
    for resource in [None, Some("w-1")] {
        times(Some(2), resource, &[&[1], &[2]]);
    }
}

#[test]
fn the_later_of_two_changes_is_the_one_that_a_fresh_answer_shows() {
    reader_beside(8, Some("w-1"), |world| {
        for second in 1..3 {
            change(world);
            world.ledger.invalidate(&scope(), &named("w-1"), at(second));
        }
    });
}
