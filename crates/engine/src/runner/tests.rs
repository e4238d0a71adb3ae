//! The runner on paused time, with a drive arm and a journal in memory. The drive arm behaves as a lock store with Clouddriver behind it: agents that nobody holds
//! poll at their interval, a forced run starts a second later and takes a second.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::{Drive, HintSink, Journal, NotAccepted, Ticket};
use aws_event_cache_model::{
    AgentState, Cause, Change, Class, Hint, Names, OverrideScope, Record, Recovered, RefreshOrder, RefreshRequest,
    RefreshState, Resources, Setting, Timestamp, What,
};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::*;
use crate::engine::{Engine, Parts};
use crate::ledger::{Generation, Ledger};
use crate::moment::between;
use crate::testing::{self, at, changed, hint};

mod ages;

/// Locks as Clouddriver's, by agent.
#[derive(Debug, Clone, Default)]
struct Lock {
    started: Option<Timestamp>,
    held_until: Option<Timestamp>,
}

struct Memory {
    clock: Clock,
    locks: Mutex<BTreeMap<AgentName, Lock>>,
    runs: Mutex<Vec<(AgentName, Timestamp, &'static str)>>,
    calls: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    panics: AtomicUsize,
    broken: std::sync::atomic::AtomicBool,
    /// Looks at locks take nearly as long as they may.
    slow: std::sync::atomic::AtomicBool,
    /// The ledger, and the generation that each refresh found there when it was set off.
    ledger: std::sync::OnceLock<Arc<Ledger>>,
    found: Mutex<Vec<Generation>>,
}

const INTERVAL: Duration = Duration::from_secs(30);

impl Memory {
    fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            locks: Mutex::default(),
            runs: Mutex::default(),
            calls: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            panics: AtomicUsize::new(0),
            broken: false.into(),
            slow: false.into(),
            ledger: std::sync::OnceLock::new(),
            found: Mutex::default(),
        })
    }

    /// What Clouddriver's scheduler does every second.
    fn poll(&self) {
        let now = self.clock.now();
        for (name, lock) in self.locks.lock().iter_mut() {
            let free = lock.held_until.is_none_or(|until| until <= now);
            if free && lock.started.is_none_or(|started| between(started, now) >= INTERVAL) {
                lock.started = Some(now);
                lock.held_until = None;
                self.runs.lock().push((name.clone(), now, "own"));
            }
        }
    }

    fn count(&self, how: &str) -> usize {
        self.runs.lock().iter().filter(|run| run.2 == how).count()
    }

    fn held(&self) -> usize {
        let now = self.clock.now();
        self.locks.lock().values().filter(|lock| lock.held_until.is_some_and(|until| until > now)).count()
    }

    fn check(&self) -> Result<(), DriveError> {
        if self.broken.load(Ordering::Relaxed) {
            Err(DriveError::LockStore("connection refused".into()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Drive for Memory {
    async fn refresh(&self, request: &RefreshRequest) -> Outcome {
        if self.panics.load(Ordering::Relaxed) > 0 {
            self.panics.fetch_sub(1, Ordering::Relaxed);
            panic!("a bug in the drive arm");
        }
        if let Err(error) = self.check() {
            return Outcome::Failed { why: error.to_string(), retry: Retry::Backoff };
        }
        let widgets = testing::place().scope(testing::kind("widget"));
        self.found.lock().extend(self.ledger.get().map(|ledger| ledger.generation(&widgets, None)));
        let flying = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(flying, Ordering::Relaxed);
        self.clock.sleep(Duration::from_secs(1)).await;
        let started = self.clock.now();
        self.locks.lock().entry(request.agent.name.clone()).or_default().started = Some(started);
        self.runs.lock().push((request.agent.name.clone(), started, "forced"));
        self.clock.sleep(Duration::from_secs(1)).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        Outcome::Refreshed { started, ended: self.clock.now(), means: Means::ForcedRun }
    }

    async fn survey(&self, agents: &[AgentName]) -> Result<Vec<AgentSeen>, DriveError> {
        self.check()?;
        if self.slow.load(Ordering::Relaxed) {
            self.clock.sleep(CALL_LIMIT - INTERVAL / 30).await;
        }
        let now = self.clock.now();
        let mut locks = self.locks.lock();
        let looks = agents.iter().map(|agent| {
            let lock = locks.entry(agent.clone()).or_default();
            let state = match (lock.held_until.filter(|until| *until > now), lock.started) {
                (Some(until), _) => AgentState::Held { until },
                (None, Some(started)) => AgentState::Idle { started, until: after(started, INTERVAL) },
                (None, None) => AgentState::Absent,
            };
            AgentSeen { agent: agent.clone(), state }
        });
        Ok(looks.collect())
    }

    async fn hold(&self, holds: &[Hold]) -> Result<(), DriveError> {
        self.check()?;
        self.calls.lock().push(format!("hold {}", holds.len()));
        // Locks live for two minutes at most, as the real ones.
        let longest = after(self.clock.now(), Duration::from_secs(120));
        let mut locks = self.locks.lock();
        locks.values_mut().for_each(|lock| lock.held_until = None);
        for hold in holds {
            locks.entry(hold.agent.clone()).or_default().held_until = Some(hold.until.min(longest));
        }
        Ok(())
    }

    async fn release_all(&self) -> Result<(), DriveError> {
        self.calls.lock().push("release".into());
        self.locks.lock().values_mut().for_each(|lock| lock.held_until = None);
        Ok(())
    }
}

type Tell = oneshot::Sender<Result<(), NotAccepted>>;

/// Keeps records; commits can be stopped, and let go or failed later.
#[derive(Default)]
struct Notebook {
    records: Mutex<Vec<Record>>,
    stopped: Mutex<Option<Vec<Tell>>>,
}

impl Journal for Notebook {
    fn append(&self, records: Vec<Record>) -> Ticket {
        self.records.lock().extend(records);
        match self.stopped.lock().as_mut() {
            None => Box::pin(async { Ok(()) }),
            Some(waiting) => {
                let (tell, told) = oneshot::channel();
                waiting.push(tell);
                Box::pin(async { told.await.unwrap_or(Err(NotAccepted::ShuttingDown)) })
            }
        }
    }
}

impl Notebook {
    fn stop(&self) {
        *self.stopped.lock() = Some(Vec::new());
    }

    fn go(&self, result: &Result<(), NotAccepted>) {
        for tell in self.stopped.lock().take().unwrap_or_default() {
            tell.send(result.clone()).ok();
        }
    }

    fn owed(&self) -> usize {
        self.records.lock().iter().filter(|record| matches!(record, Record::Owed { .. })).count()
    }

    fn settled(&self) -> usize {
        self.records.lock().iter().filter(|record| matches!(record, Record::Settled { .. })).count()
    }
}

struct World {
    engine: Engine,
    drive: Arc<Memory>,
    journal: Arc<Notebook>,
    clock: Clock,
    feed: watch::Sender<Arc<Accounts>>,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

const START: u64 = 1_000;

impl World {
    fn start(mode: DriveMode, recovered: Recovered) -> Self {
        let clock = Clock::starting_at(at(START), 1);
        let drive = Memory::new(clock.clone());
        let journal = Arc::new(Notebook::default());
        let (feed, accounts) = watch::channel(Arc::new(testing::accounts()));
        let (engine, runner) = Engine::start(Parts {
            catalog: testing::catalog(),
            accounts,
            profiles: testing::profiles(),
            stock: StockPolling::default(),
            mode,
            drive: drive.clone(),
            journal: journal.clone(),
            recovered,
            clock: clock.clone(),
        });
        drive.ledger.set(engine.ledger()).ok();
        let (stop, stopped) = oneshot::channel::<()>();
        #[allow(clippy::disallowed_methods, reason = "the shell of a test")]
        let done = tokio::spawn(runner.run(async {
            stopped.await.ok();
        }));
        Self { engine, drive, journal, clock, feed, stop, done }
    }

    fn clean(mode: DriveMode) -> Self {
        Self::start(mode, Recovered { clean: true, last_alive: Some(at(START)), ..Recovered::default() })
    }

    /// Lets time pass, second by second, with heartbeats every minute.
    async fn pass(&self, seconds: u64, heartbeats: bool) {
        for _ in 0..seconds {
            let now = self.clock.now();
            self.drive.poll();
            if heartbeats && now.as_second() % 60 == 0 {
                for place in testing::accounts().places() {
                    self.accept(Hint { place, ..self.now_hint(What::Heartbeat) }).await.unwrap();
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn now_hint(&self, what: What) -> Hint {
        let now = self.clock.now();
        Hint { occurred: Some(now), received: now, ..hint(what, 0) }
    }

    async fn accept(&self, hint: Hint) -> Result<(), NotAccepted> {
        self.engine.accept(vec![hint]).await
    }

    async fn widget(&self) -> Result<(), NotAccepted> {
        self.accept(self.now_hint(changed("widget", "w-1", Change::Updated))).await
    }

    async fn shut_down(self) -> (Arc<Memory>, Arc<Notebook>) {
        self.stop.send(()).ok();
        self.done.await.unwrap();
        (self.drive, self.journal)
    }
}

fn agents() -> usize {
    testing::roster().agents().len()
}

#[tokio::test(start_paused = true)]
async fn a_calm_place_is_polled_a_tenth_as_often_and_let_go_at_shutdown() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(150, true).await;
    assert_eq!(world.drive.held(), agents());
    let before = world.drive.count("own");
    world.pass(1_800, true).await;
    let (polls, stock) = (world.drive.count("own") - before, agents() * 1_800 / 30);
    assert!(polls * 10 < stock, "{polls} of {stock}");
    assert_eq!(world.drive.count("forced"), 0);
    assert!(world.engine.status().problems.is_empty(), "{:?}", world.engine.status().problems);
    assert!(world.engine.status().counters.polls_saved as usize > stock / 2);
    let (drive, _) = world.shut_down().await;
    assert_eq!(drive.held(), 0);
    assert_eq!(drive.calls.lock().last().unwrap(), "release");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_read_within_seconds_while_its_agent_is_held() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(200, true).await;
    let changed_at = world.clock.now();
    world.widget().await.unwrap();
    world.pass(60, true).await;
    let forced: Vec<_> = world.drive.runs.lock().iter().filter(|run| run.2 == "forced").cloned().collect();
    assert_eq!(forced.len(), 6, "three agents, and a second look at each");
    let first = between(changed_at, forced[0].1).as_secs();
    assert!((1..=3).contains(&first), "{first} s after the change");
    assert!(between(forced[0].1, forced[5].1) >= INTERVAL, "never closer than the stock interval");
    assert_eq!((world.journal.owed(), world.journal.settled()), (3, 3));
    assert_eq!(world.drive.held(), agents(), "held again at once");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_brings_stock_polling_back_within_one_interval() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(200, true).await;
    world.pass(240, false).await;
    assert_eq!(world.drive.held(), 0);
    let before = world.drive.count("own");
    world.pass(300, false).await;
    assert_eq!(world.drive.count("own") - before, agents() * 10);
    assert!(world.engine.status().problems.iter().any(|problem| problem.contains("silent")));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_waits_for_the_commit_that_it_depends_on() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(100, true).await;
    world.journal.stop();
    let first = world.widget();
    let duplicate = world.widget();
    tokio::pin!(first, duplicate);
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut duplicate).is_pending(), "a duplicate waits for the first one's commit");
    assert_eq!(world.journal.owed(), 3, "and costs no record of its own");
    world.journal.go(&Ok(()));
    assert_eq!((first.await, duplicate.await), (Ok(()), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_refuses_every_message_that_depends_on_it_and_is_written_again() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(100, true).await;
    world.journal.stop();
    let (first, duplicate) = (world.widget(), world.widget());
    tokio::pin!(first, duplicate);
    assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut duplicate).is_pending());
    let full = Err(NotAccepted::Store("disk full".into()));
    world.journal.go(&full);
    assert_eq!((first.await, duplicate.await), (full.clone(), full));
    assert_eq!(world.widget().await, Ok(()));
    assert_eq!(world.journal.owed(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_leave_its_commit_behind() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(100, true).await;
    world.journal.stop();
    {
        let first = world.widget();
        tokio::pin!(first);
        assert!(futures::poll!(&mut first).is_pending());
    }
    world.journal.go(&Ok(()));
    assert_eq!(world.widget().await, Ok(()), "the duplicate asks the commit itself");
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_after_a_crash_is_run_first() {
    let mine = testing::roster().agents()[0].name.clone();
    let cause = Cause::own("before the crash", at(900));
    let owed = vec![(mine.clone(), Class::Event, Resources::default(), cause)];
    let world = World::start(DriveMode::Enforce, Recovered { owed, ..Recovered::default() });
    tokio::time::sleep(Duration::from_secs(4)).await;
    let runs = world.drive.runs.lock().clone();
    assert_eq!(runs.iter().map(|run| (&run.0, run.2)).collect::<Vec<_>>(), [(&mine, "forced")]);
    assert_eq!(world.journal.settled(), 1);
    // After a gap the rest is stale, too; their own polls are awaited first.
    world.pass(120, false).await;
    assert_eq!(world.drive.count("forced"), 1);
}

#[tokio::test(start_paused = true)]
async fn every_lock_is_looked_at_before_the_first_run_is_forced() {
    let mine = testing::roster().agents()[0].name.clone();
    let owed = vec![(mine.clone(), Class::Event, Resources::default(), Cause::own("before the crash", at(900)))];
    let world = World::start(DriveMode::Enforce, Recovered { owed, ..Recovered::default() });
    world.drive.locks.lock().insert(mine.clone(), Lock { started: Some(at(START - 10)), held_until: None });
    tokio::time::sleep(Duration::from_secs(30)).await;
    let runs = world.drive.runs.lock().clone();
    assert!(runs.iter().all(|run| run.0 != mine || run.1 >= at(START + 20)), "{runs:?}");
    assert!(runs.iter().any(|run| run.0 == mine));
}

#[tokio::test(start_paused = true)]
async fn watch_mode_touches_nothing_and_says_what_it_would_have_done() {
    let world = World::clean(DriveMode::Observe);
    world.pass(300, true).await;
    world.widget().await.unwrap();
    world.pass(60, true).await;
    assert_eq!(world.drive.count("forced"), 0);
    assert!(world.drive.calls.lock().is_empty());
    let status = world.engine.status();
    assert!(status.counters.would_force >= 3 && status.agents.held > 0 && status.counters.polls_would_save > 0);
    let (drive, _) = world.shut_down().await;
    assert!(drive.calls.lock().is_empty(), "not even at shutdown");
}

#[tokio::test(start_paused = true)]
async fn a_kill_switch_lets_every_agent_go_at_once_and_keeps_them_free() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(200, true).await;
    assert!(world.drive.held() > 0);
    let expires = after(world.clock.now(), Duration::from_secs(600));
    let kill = testing::override_of("k", OverrideScope::default(), Setting::KillSwitch, expires);
    world.engine.set_override(kill).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(world.drive.held(), 0);
    world.widget().await.unwrap();
    world.pass(300, true).await;
    assert_eq!((world.drive.held(), world.drive.count("forced")), (0, 0));
    world.pass(400, true).await;
    assert!(world.drive.held() > 0, "every override ends by itself");
}

#[tokio::test(start_paused = true)]
async fn release_all_returns_when_it_is_done_and_agents_are_held_again_after_their_next_run() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(200, true).await;
    world.engine.release_all().await.unwrap();
    assert_eq!(world.drive.held(), 0);
    world.pass(40, true).await;
    assert_eq!(world.drive.held(), agents());
}

#[tokio::test(start_paused = true)]
async fn a_panic_or_an_outage_of_the_drive_arm_costs_attempts_and_nothing_else() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(200, true).await;
    world.drive.panics.store(1, Ordering::Relaxed);
    world.widget().await.unwrap();
    world.pass(10, true).await;
    assert_eq!(world.drive.count("forced"), 3);
    assert_eq!(world.engine.status().counters.retries, 1);
    world.pass(60, true).await;
    world.drive.broken.store(true, Ordering::Relaxed);
    world.widget().await.unwrap();
    world.pass(20, true).await;
    let problems = world.engine.status().problems.join("; ");
    assert!(problems.contains("locks cannot be read") && problems.contains("connection refused"), "{problems}");
    world.drive.broken.store(false, Ordering::Relaxed);
    world.pass(60, true).await;
    assert!(world.engine.status().problems.is_empty());
    assert_eq!(world.journal.owed(), world.journal.settled());
}

#[tokio::test(start_paused = true)]
async fn an_order_is_taken_quickly_run_within_seconds_and_its_end_is_stored() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(100, true).await;
    let order = RefreshOrder { accounts: None, regions: None, kinds: None, name: None, class: Class::Operator };
    let record = world.engine.order(order, "me").await.unwrap();
    assert_eq!((record.state, record.pending.len()), (RefreshState::Queued, agents()));
    world.pass(5, true).await;
    assert_eq!(world.engine.refresh(&record.id).unwrap().state, RefreshState::Succeeded);
    let stored: Vec<RefreshState> = world
        .journal
        .records
        .lock()
        .iter()
        .filter_map(|r| if let Record::Refresh(r) = r { Some(r.state) } else { None })
        .collect();
    assert_eq!(stored, [RefreshState::Queued, RefreshState::Running, RefreshState::Succeeded]);
    assert!(world.drive.most_in_flight.load(Ordering::Relaxed) > 1, "agents run side by side");
}

#[tokio::test(start_paused = true)]
async fn accounts_come_and_go_while_it_runs() {
    let world = World::clean(DriveMode::Enforce);
    world.feed.send_replace(Arc::default());
    world.pass(5, true).await;
    assert_eq!(world.engine.status().agents.known, 0);
    world.feed.send_replace(Arc::new(testing::accounts()));
    world.pass(180, true).await;
    assert_eq!(world.drive.held(), agents());
}

#[tokio::test(start_paused = true)]
async fn hints_are_refused_once_it_shuts_down_and_what_was_in_flight_is_settled() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(200, true).await;
    world.widget().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let engine = world.engine.clone();
    let (drive, journal) = world.shut_down().await;
    assert_eq!((drive.count("forced"), journal.settled()), (3, 3));
    let late = hint(What::Changed { kind: testing::kind("widget"), names: Names::Any, change: Change::Updated }, START);
    assert_eq!(engine.accept(vec![late]).await, Err(NotAccepted::ShuttingDown));
}

#[tokio::test(start_paused = true)]
async fn recent_events_and_counters_reach_the_store_without_anybody_waiting() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(10, true).await;
    world.widget().await.unwrap();
    world.pass(10, true).await;
    let records = world.journal.records.lock();
    assert!(records.iter().any(|r| matches!(r, Record::Event(event) if event.hint.what != What::Heartbeat)));
    assert!(records.iter().any(|r| matches!(r, Record::Count { name, add } if name == "hints" && *add >= 1)));
}
