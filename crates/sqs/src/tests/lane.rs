//! The loop against a queue in memory, with paused time.
//!
//! Invariants: nothing is deleted that was not accepted or poison; everything else is there again; a shutdown interrupts waiting and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{Region, Timestamp};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::batch::{Accept, QueueContext, Verdict};
use crate::failure::{Failure, FailureKind};
use crate::hand::GRACE;
use crate::lane::Lane;
use crate::stats::{Board, QueueState};
use crate::tests::fake::Fake;

const VISIBILITY: Duration = Duration::from_secs(60);

/// Judges by what the body says.
#[derive(Default)]
struct Judge {
    /// How often each body was judged.
    judged: Mutex<BTreeMap<String, u32>>,
    accepted: Mutex<BTreeSet<String>>,
    /// Opens bodies that begin with `gate`.
    gate: Option<Arc<Semaphore>>,
}

#[async_trait]
impl Accept for Judge {
    async fn accept(&self, body: &str, queue: &QueueContext) -> Verdict {
        assert_eq!(queue.message_id, body);
        let times = {
            let mut judged = self.judged.lock();
            let times = judged.entry(body.to_owned()).or_default();
            *times += 1;
            *times
        };
        let mut words = body.split('-');
        let verdict = match words.next() {
            Some("poison") => return Verdict::Poison("bad-json"),
            Some("panic") => panic!("a panic that a test asked for"),
            Some("never") => return Verdict::TryAgain,
            // Accepted at the n-th time.
            Some("later") if times < words.next().and_then(|n| n.parse().ok()).unwrap_or(0) => {
                return Verdict::TryAgain;
            }
            Some("slow") => {
                sleep(Duration::from_secs(600)).await;
                Verdict::Accepted
            }
            Some("hang") => std::future::pending().await,
            Some("gate") => {
                if let Some(gate) = &self.gate {
                    gate.acquire().await.expect("invariant: tests never close the gate").forget();
                }
                Verdict::Accepted
            }
            _ => Verdict::Accepted,
        };
        self.accepted.lock().insert(body.to_owned());
        verdict
    }
}

struct Running {
    queue: Arc<Fake>,
    judge: Arc<Judge>,
    board: Arc<Board>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(queue: Fake, judge: Judge) -> Self {
        let (queue, judge, stop) = (Arc::new(queue), Arc::new(judge), CancellationToken::new());
        let region = Region::new("us-west-2").unwrap();
        let board = Arc::new(Board::new("the-queue".to_owned(), region.clone()));
        let lane = Lane {
            queue: queue.clone(),
            accept: judge.clone(),
            board: board.clone(),
            clock: Clock::starting_at(Timestamp::UNIX_EPOCH, 1),
            url: "the-queue".to_owned(),
            region,
            account: None,
            visibility: VISIBILITY,
            batches: 2,
            stop: stop.clone(),
        };
        Self { queue, judge, board, stop, task: tokio::spawn(lane.run()) }
    }

    fn with(ids: &[&str]) -> Self {
        let queue = Fake::new(VISIBILITY);
        ids.iter().for_each(|id| queue.send(id));
        Self::start(queue, Judge::default())
    }

    /// Ends it; gives how long that took.
    async fn end(&mut self) -> Duration {
        let asked = Instant::now();
        self.stop.cancel();
        (&mut self.task).await.unwrap();
        assert_eq!(self.board.read().state, QueueState::Stopped);
        Instant::now() - asked
    }

    fn deleted(&self) -> Vec<String> {
        let mut deleted = self.queue.inside.lock().deleted.clone();
        deleted.sort();
        deleted
    }
}

#[tokio::test(start_paused = true)]
async fn accepted_and_poison_messages_are_deleted_and_the_others_stay() {
    let mut running = Running::with(&["good-1", "poison-1", "never-1", "good-2"]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.deleted(), ["good-1", "good-2", "poison-1"]);
    assert_eq!(running.queue.left(), [("never-1".to_owned(), false)]);
    let stats = running.board.read();
    assert_eq!((stats.received, stats.accepted, stats.deleted, stats.returned, stats.in_hand), (4, 2, 3, 1, 0));
    assert_eq!(stats.poison.into_iter().collect::<Vec<_>>(), [("bad-json", 1)]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_accepted_comes_back_until_it_is() {
    let mut running = Running::with(&["later-4"]);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(running.judge.judged.lock()["later-4"], 4);
    assert_eq!(running.deleted(), ["later-4"]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_before_it_is_accepted() {
    let gate = Arc::new(Semaphore::new(0));
    let queue = Fake::new(VISIBILITY);
    queue.send("gate-1");
    let mut running = Running::start(queue, Judge { gate: Some(gate.clone()), ..Judge::default() });
    sleep(Duration::from_secs(30)).await;
    assert!(running.deleted().is_empty());
    gate.add_permits(1);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.deleted(), ["gate-1"]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_visibility_is_extended_while_acceptance_is_slow() {
    let mut running = Running::with(&["slow-1", "good-1"]);
    sleep(Duration::from_secs(1_000)).await;
    assert_eq!(running.judge.judged.lock()["slow-1"], 1, "ten minutes long nobody else got it");
    assert_eq!(running.deleted(), ["good-1", "slow-1"]);
    let hidden = running.queue.inside.lock().hidden.clone();
    assert!(hidden.len() >= 10 && hidden.iter().all(|entry| *entry == ("slow-1".to_owned(), VISIBILITY)), "{hidden:?}");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_long_poll_at_once() {
    let mut running = Running::with(&[]);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(running.board.read().state, QueueState::Receiving);
    assert_eq!(running.end().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_backoff_at_once() {
    let queue = Fake::new(VISIBILITY);
    queue.inside.lock().broken = Some(FailureKind::QueueGone);
    let mut running = Running::start(queue, Judge::default());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(running.board.read().state, QueueState::BackingOff);
    assert_eq!(running.end().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_acceptance_end_and_deletes_what_was_accepted() {
    let gate = Arc::new(Semaphore::new(0));
    let queue = Fake::new(VISIBILITY);
    queue.send("gate-1");
    let mut running = Running::start(queue, Judge { gate: Some(gate.clone()), ..Judge::default() });
    sleep(Duration::from_secs(1)).await;
    running.stop.cancel();
    sleep(GRACE / 2).await;
    gate.add_permits(1);
    running.end().await;
    assert_eq!(running.deleted(), ["gate-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_gives_back_at_once_what_could_not_be_accepted_in_time() {
    let mut running = Running::with(&["hang-1", "good-1"]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.end().await, GRACE);
    assert_eq!(running.deleted(), ["good-1"]);
    assert_eq!(running.queue.left(), [("hang-1".to_owned(), true)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_deletion_refuses_is_deleted_one_by_one() {
    let queue = Fake::new(VISIBILITY);
    ["good-1", "good-2", "good-3"].iter().for_each(|id| queue.send(id));
    queue.inside.lock().refuse_in_batch = BTreeSet::from(["good-1".to_owned(), "good-3".to_owned()]);
    let mut running = Running::start(queue, Judge::default());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(running.deleted(), ["good-1", "good-2", "good-3"]);
    assert_eq!(running.queue.inside.lock().deleted_singly, 2);
    assert_eq!((running.board.read().deleted, running.board.read().not_deleted), (3, 0));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_is_tried_again_and_then_left_to_redelivery() {
    let queue = Fake::new(VISIBILITY);
    queue.send("good-1");
    queue.inside.lock().failing_deletes = 5;
    let mut running = Running::start(queue, Judge::default());
    sleep(Duration::from_secs(30)).await;
    assert_eq!((running.board.read().deleted, running.board.read().not_deleted), (0, 1));
    sleep(VISIBILITY).await;
    assert_eq!(running.deleted(), ["good-1"]);
    assert_eq!(running.judge.judged.lock()["good-1"], 2);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_one_message_is_accepted_does_not_keep_the_others() {
    let mut running = Running::with(&["good-1", "panic-1", "good-2"]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(running.deleted(), ["good-1", "good-2"]);
    assert_eq!(running.queue.left().len(), 1);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_queue_is_not_asked_for_in_a_hot_loop() {
    let queue = Fake::new(VISIBILITY);
    queue.inside.lock().broken = Some(FailureKind::QueueGone);
    let mut running = Running::start(queue, Judge::default());
    sleep(Duration::from_secs(3_600)).await;
    let receives = running.queue.inside.lock().receives;
    assert!((12..40).contains(&receives), "{receives} receives in an hour");
    let error = running.board.read().last_error.unwrap();
    assert_eq!(error.kind, FailureKind::QueueGone);
    assert!(error.words.starts_with("the queue does not exist: check the URL"), "{}", error.words);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn while_nothing_can_be_stored_little_is_taken_from_the_queue() {
    let queue = Fake::new(VISIBILITY);
    (0..2_000).for_each(|n| queue.send(format!("never-{n}")));
    let mut running = Running::start(queue, Judge::default());
    sleep(Duration::from_secs(600)).await;
    let receives = running.queue.inside.lock().receives;
    assert!((10..50).contains(&receives), "{receives} receives in ten minutes");
    assert_eq!(running.board.read().last_error.unwrap().kind, FailureKind::NotAccepted);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_batches_are_in_hand_than_allowed() {
    let queue = Fake::new(VISIBILITY);
    (0..100).for_each(|n| queue.send(format!("hang-{n}")));
    let mut running = Running::start(queue, Judge::default());
    sleep(Duration::from_secs(300)).await;
    let stats = running.board.read();
    assert_eq!((stats.in_hand, stats.state), (20, QueueState::Busy));
    running.end().await;
    assert!(running.queue.left().iter().all(|(_, visible)| *visible), "all are given back");
}

fn failure() -> impl Strategy<Value = Failure> {
    prop::sample::select(FailureKind::ALL.to_vec()).prop_map(|kind| Failure::new(kind, "by chance"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_every_message_is_accepted_at_last_and_none_is_deleted_before(
        messages in prop::collection::vec(prop_oneof![
            3 => Just("good".to_owned()),
            1 => Just("poison".to_owned()),
            2 => (2..5u32).prop_map(|n| format!("later-{n}")),
        ], 1..40),
        failures in prop::collection::vec(failure(), 0..12),
        refused in prop::collection::btree_set(0..40usize, 0..10),
        failing_deletes in 0..12u32,
        stop_after in prop::option::of(0..120u64),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let queue = Fake::new(VISIBILITY);
            let ids: Vec<_> = messages.iter().enumerate().map(|(n, word)| format!("{word}-{n}")).collect();
            ids.iter().for_each(|id| queue.send(id));
            {
                let mut inside = queue.inside.lock();
                inside.receive_failures = failures.into();
                inside.refuse_in_batch = refused.iter().filter_map(|n| ids.get(*n).cloned()).collect();
                inside.failing_deletes = failing_deletes;
            }
            let mut running = Running::start(queue, Judge::default());
            sleep(Duration::from_secs(stop_after.unwrap_or(24 * 3_600))).await;
            running.end().await;
            let accepted = running.judge.accepted.lock().clone();
            let deleted: BTreeSet<_> = running.deleted().into_iter().collect();
            for id in &deleted {
                assert!(id.starts_with("poison") || accepted.contains(id), "{id} was deleted and not accepted");
            }
            let left: BTreeSet<_> = running.queue.left().into_iter().map(|(id, _)| id).collect();
            assert_eq!(&deleted | &left, ids.into_iter().collect::<BTreeSet<_>>(), "none is lost");
            if stop_after.is_none() {
                assert!(left.is_empty(), "left after a day: {left:?}");
            }
        });
    }
}
