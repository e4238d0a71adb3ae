//! Random records, ends and crashes against a model made of plain maps.
//!
//! Invariants:
//! - after any end, what is found at the next start is exactly what was acknowledged, for every table that somebody acts on;
//! - soft records are complete after an orderly end and after a flush, and never more than was given otherwise;
//! - `clean` is said after an orderly end and only then.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use aws_event_cache_model::seam::Journal;
use aws_event_cache_model::{AgentName, Cause, Override, Record, Recovered, RefreshRecord, RefreshState};
use aws_event_cache_store::Store;
use proptest::prelude::*;
use support::{agent, at, audit, cause, clock, count, event, owed, refresh, set, settled};

#[derive(Debug, Clone)]
enum Step {
    /// One call with these records, waited for.
    Append(Vec<Record>),
    /// An orderly end and a new start.
    Close,
    /// Dropped in the middle, and a new start.
    Drop,
    /// The file is copied while the store is open, and the copy is started with: what a power cut leaves behind.
    PowerCut,
}

#[derive(Debug, Default)]
struct Model {
    owed: BTreeMap<AgentName, Cause>,
    refreshes: BTreeMap<String, RefreshRecord>,
    overrides: BTreeMap<String, Override>,
    counted: u64,
    audited: usize,
    heard: usize,
}

impl Model {
    fn apply(&mut self, record: &Record) {
        match record.clone() {
            Record::Owed { agent, cause, .. } => drop(self.owed.insert(agent, cause)),
            Record::Settled { agent } => drop(self.owed.remove(&agent)),
            Record::Refresh(refresh) => drop(self.refreshes.insert(refresh.id.to_string(), refresh)),
            Record::Override(set) => drop(self.overrides.insert(set.id.0.to_string(), set)),
            Record::OverrideRemoved(id) => drop(self.overrides.remove(id.0.as_str())),
            Record::Audit(_) => self.audited += 1,
            Record::Event(_) => self.heard += 1,
            Record::Count { add, .. } => self.counted += add,
        }
    }

    fn assert_recovered(&self, found: &Recovered) {
        let owed: BTreeMap<_, _> =
            found.owed.iter().map(|(agent, _, _, cause)| (agent.clone(), cause.clone())).collect();
        assert_eq!(owed, self.owed);
        assert_eq!(found.owed.len(), self.owed.len());
        let refreshes: BTreeMap<_, _> = found.refreshes.iter().map(|r| (r.id.to_string(), r.clone())).collect();
        assert_eq!(refreshes, self.refreshes);
        assert!(found.refreshes.is_sorted_by(|a, b| a.requested >= b.requested), "newest first");
        let overrides: BTreeMap<_, _> = found.overrides.iter().map(|o| (o.id.0.to_string(), o.clone())).collect();
        assert_eq!(overrides, self.overrides);
    }

    /// Soft records: all of them when `complete`; otherwise a crash may have lost some, and the model goes on with what is left.
    fn assert_soft(&mut self, store: &Store, complete: bool) {
        let counted = store.counters().unwrap().get("heard").copied().unwrap_or(0);
        let audited = store.audit(usize::MAX).unwrap().len();
        let heard = store.events(usize::MAX).unwrap().len();
        assert!(counted <= self.counted && audited <= self.audited && heard <= self.heard);
        if complete {
            assert_eq!((counted, audited, heard), (self.counted, self.audited, self.heard));
        }
        (self.counted, self.audited, self.heard) = (counted, audited, heard);
    }
}

fn state() -> impl Strategy<Value = RefreshState> {
    prop_oneof![
        Just(RefreshState::Queued),
        Just(RefreshState::Running),
        Just(RefreshState::Succeeded),
        Just(RefreshState::Failed),
        Just(RefreshState::Canceled)
    ]
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        4 => (0..6u32, 0..1000u32).prop_map(|(n, cause)| owed(n, cause)),
        3 => (0..6u32).prop_map(settled),
        2 => (0..4u32, state()).prop_map(|(n, state)| Record::Refresh(refresh(n, state))),
        1 => (0..4u32, 1..100u32).prop_map(|(n, share)| Record::Override(set(n, f64::from(share) / 100.0))),
        1 => (0..4u32).prop_map(|n| Record::OverrideRemoved(set(n, 1.0).id)),
        1 => (0..1000u32).prop_map(|n| Record::Audit(audit(n))),
        1 => (0..1000u32).prop_map(|n| Record::Event(event(n))),
        1 => (0..10u64).prop_map(|add| count("heard", add)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(record(), 1..6).prop_map(Step::Append),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
        1 => Just(Step::PowerCut),
    ]
}

async fn run(steps: Vec<Step>, folder: &Path) {
    let mut path = folder.join("store-0");
    let mut model = Model::default();
    let (mut store, found) = Store::open(&path, clock()).unwrap();
    assert_eq!(found, Recovered::default());
    for (number, step) in steps.into_iter().enumerate() {
        let mut copy = None;
        let clean = match step {
            Step::Append(records) => {
                records.iter().for_each(|record| model.apply(record));
                store.append(records).await.unwrap();
                continue;
            }
            Step::Close => {
                store.close().await.unwrap();
                true
            }
            Step::Drop => false,
            Step::PowerCut => {
                let to = folder.join(format!("store-{}", number + 1));
                std::fs::copy(&path, &to).unwrap();
                copy = Some(to);
                false
            }
        };
        drop(store);
        path = copy.unwrap_or(path);
        let found;
        (store, found) = Store::open(&path, clock()).unwrap();
        assert_eq!(found.clean, clean);
        assert!(found.last_alive.is_some_and(|alive| alive >= at(0)));
        model.assert_recovered(&found);
        model.assert_soft(&store, clean);
    }
    store.flush().await.unwrap();
    model.assert_soft(&store, true);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_at_start_is_what_was_acknowledged(steps in prop::collection::vec(step(), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps, folder.path()));
    }
}

#[tokio::test]
async fn of_two_owed_records_for_one_agent_the_later_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (store, _) = Store::open(&path, clock()).unwrap();
    store.append(vec![owed(1, 1), owed(1, 2)]).await.unwrap();
    drop(store);
    let (_store, found) = Store::open(&path, clock()).unwrap();
    assert_eq!(found.owed, [(agent(1), aws_event_cache_model::Class::Event, support::resources(1), cause(2))]);
}
