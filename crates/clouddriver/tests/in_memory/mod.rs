//! What needs hours, or many agents: with locks in memory, in paused time.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::{CacheStore, Control, Driver, DriverParts, Moded};
use aws_event_cache_model::seam::{Drive, DriveError};
use aws_event_cache_model::{Agent, DriveMode, Hold, Means, Outcome, Retry, StockPolling};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::support::memory::{MemoryLocks, clock, start};
use crate::support::{Fleet, accounts, catalog, request};

struct World {
    clock: Clock,
    locks: Arc<MemoryLocks>,
    agents: Vec<Arc<Agent>>,
    fleet: Arc<Fleet>,
}

impl World {
    fn new(agents: usize) -> Self {
        let clock = clock();
        let agents = catalog().roster(&accounts(agents), &StockPolling::default()).agents().to_vec();
        let fleet = Fleet::new(clock.clone(), &agents);
        Self { clock, locks: Arc::default(), agents, fleet }
    }

    async fn with_clouddriver(agents: usize) -> (Self, AbortOnDropHandle<()>) {
        let world = Self::new(agents);
        let scheduler = start(&world.locks, &world.fleet);
        world.clock.sleep(Duration::from_secs(5)).await;
        (world, scheduler)
    }

    fn parts(&self) -> DriverParts {
        DriverParts {
            control: Control::Locks(Arc::clone(&self.locks) as _),
            other_locks: Vec::new(),
            clouddriver: None,
            catalog: catalog(),
            accounts: watch::channel(accounts(self.agents.len())).1,
            stock: StockPolling::default(),
            cache_store: CacheStore::Unknown,
            confirm: false,
            clock: self.clock.clone(),
        }
    }

    fn driver(&self) -> Driver {
        Driver::start(self.parts())
    }

    fn hold_all(&self, length: Duration) -> Vec<Hold> {
        let until = self.clock.now().saturating_add(length).unwrap();
        self.agents.iter().map(|agent| Hold { agent: agent.name.clone(), until, every: length }).collect()
    }

    fn runs(&self) -> usize {
        self.agents.iter().map(|agent| self.fleet.runs(&agent.name).len()).sum()
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn however_many_agents_are_refreshed_their_locks_are_read_four_times_a_second() {
    let (world, _scheduler) = World::with_clouddriver(500).await;
    let driver = world.driver();
    let since = world.clock.now();
    let requests: Vec<_> = world.agents.iter().map(|agent| request(agent, since)).collect();
    let outcomes = futures::future::join_all(requests.iter().map(|request| driver.refresh(request))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refreshed { means: Means::ForcedRun, .. })));
    let took = world.clock.now().duration_since(since);
    assert!(took.as_millis() < 2_000, "{took:?}");
    let reads = world.locks.reads.load(SeqCst);
    assert!(reads as i128 <= took.as_millis() / 250 + 2, "{reads} reads in {took:?}");
    world.clock.sleep(HOUR).await;
    assert_eq!(world.locks.reads.load(SeqCst), reads, "nothing is under way, so nothing is read");
}

#[tokio::test(start_paused = true)]
async fn a_hold_keeps_agents_from_polling_for_its_whole_length_and_then_they_poll_as_stock() {
    let (world, _scheduler) = World::with_clouddriver(10).await;
    let driver = world.driver();
    driver.hold(&world.hold_all(HOUR)).await.unwrap();
    let before = world.runs();
    world.clock.sleep(HOUR - Duration::from_secs(2)).await;
    assert_eq!(world.runs(), before);
    let writes = world.locks.writes.load(SeqCst) / 10;
    assert!((60..=90).contains(&writes), "{writes} writes per agent and hour");
    world.clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(world.runs(), before + 10, "the hold has ended");
    world.clock.sleep(HOUR).await;
    assert!(world.runs() >= before + 10 * 115, "stock polling");
}

#[tokio::test(start_paused = true)]
async fn when_we_die_every_held_agent_polls_within_two_minutes() {
    let (world, _scheduler) = World::with_clouddriver(10).await;
    let driver = world.driver();
    driver.hold(&world.hold_all(HOUR)).await.unwrap();
    world.clock.sleep(Duration::from_secs(600)).await;
    let before = world.runs();
    drop(driver);
    world.clock.sleep(Duration::from_secs(120)).await;
    for agent in &world.agents {
        assert!(world.fleet.runs(&agent.name).len() >= 2, "{} was not let go", agent.name);
    }
    assert!(world.runs() > before);
}

#[tokio::test(start_paused = true)]
async fn holds_survive_a_lock_store_that_is_away_for_less_than_a_minute() {
    let (world, _scheduler) = World::with_clouddriver(10).await;
    let driver = world.driver();
    driver.hold(&world.hold_all(HOUR)).await.unwrap();
    let before = world.runs();
    for _ in 0..10 {
        world.clock.sleep(Duration::from_secs(71)).await;
        world.locks.away.store(true, SeqCst);
        world.clock.sleep(Duration::from_secs(49)).await;
        world.locks.away.store(false, SeqCst);
    }
    assert_eq!(world.runs(), before);
}

#[tokio::test(start_paused = true)]
async fn the_kill_switch_lets_agents_go_at_once() {
    let (world, _scheduler) = World::with_clouddriver(10).await;
    let driver = world.driver();
    driver.hold(&world.hold_all(HOUR)).await.unwrap();
    world.clock.sleep(Duration::from_secs(60)).await;
    let before = world.runs();
    driver.release_all().await.unwrap();
    world.clock.sleep(Duration::from_secs(2)).await;
    assert_eq!(world.runs(), before + 10);
    world.clock.sleep(Duration::from_secs(64)).await;
    assert_eq!(world.runs(), before + 30, "and nobody is held again");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_no_replica_starts_is_a_failure_in_plain_words() {
    let world = World::new(1);
    let driver = world.driver();
    let outcome = driver.refresh(&request(&world.agents[0], world.clock.now())).await;
    let Outcome::Failed { why, retry: Retry::Backoff } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("no replica starts it"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_was_begun_before_the_lock_was_taken_away_proves_nothing() {
    let (world, _scheduler) = World::with_clouddriver(1).await;
    let driver = world.driver();
    // So long that the watch loop looks again meanwhile, and still sees the idle lock.
    *world.locks.writes_take.lock() = Duration::from_millis(700);
    let since = world.clock.now();
    let outcome = driver.refresh(&request(&world.agents[0], since)).await;
    let Outcome::Refreshed { ended, means: Means::ForcedRun, .. } = outcome else { panic!("{outcome:?}") };
    let run = world.fleet.runs(&world.agents[0].name).into_iter().find(|run| run.started >= since);
    assert!(run.as_ref().is_some_and(|run| run.ended.is_some_and(|end| end <= ended)), "{run:?} {outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn agents_whose_runs_leave_them_idle_for_a_moment_or_not_at_all_are_held_after_a_run_or_two() {
    // Not a whole number of seconds: a run's end does not fall on a tick.
    for run in [25_300, 29_700, 40_300] {
        let world = World::new(3);
        world.agents.iter().for_each(|agent| world.fleet.takes(&agent.name, Duration::from_millis(run)));
        let _scheduler = start(&world.locks, &world.fleet);
        world.clock.sleep(Duration::from_secs(3)).await;
        let driver = world.driver();
        driver.hold(&world.hold_all(HOUR)).await.unwrap();
        world.clock.sleep(Duration::from_secs(50)).await;
        assert_eq!(world.runs(), 3, "runs of {run} ms");
        let reads = world.locks.reads.load(SeqCst);
        assert!(reads <= 4 * 43 + 12, "{reads} reads while the agents ran");
        world.clock.sleep(HOUR - Duration::from_secs(60)).await;
        assert_eq!(world.runs(), 3);
        let reads = world.locks.reads.load(SeqCst) - reads;
        assert!(reads <= 720, "{reads} reads although nobody runs");
        drop(driver);
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_not_claimed_while_a_refresh_of_it_is_wanted_nor_when_it_is_gone() {
    let world = World::new(1);
    let agent = &world.agents[0];
    world.fleet.takes(&agent.name, Duration::from_millis(40_300));
    let scheduler = start(&world.locks, &world.fleet);
    world.clock.sleep(Duration::from_secs(3)).await;
    let driver = world.driver();
    driver.hold(&world.hold_all(HOUR)).await.unwrap();
    let request = request(agent, world.clock.now());
    let outcome = driver.refresh(&request).await;
    assert!(matches!(outcome, Outcome::Refreshed { started, .. } if started >= request.since), "{outcome:?}");
    assert_eq!((world.runs(), world.locks.writes.load(SeqCst)), (2, 0), "the second run began without us");
    world.clock.sleep(Duration::from_secs(2)).await;
    assert_eq!((world.runs(), world.locks.writes.load(SeqCst)), (2, 1), "claimed after it");

    // Nobody starts it any more.
    drop(scheduler);
    world.locks.locks.lock().clear();
    world.clock.sleep(Duration::from_secs(60)).await;
    assert!(world.locks.locks.lock().is_empty(), "no lock is made for an agent that was not just seen running");
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_not_held_while_a_refresh_of_it_is_wanted() {
    let world = World::new(1);
    let agent = &world.agents[0];
    world.fleet.takes(&agent.name, Duration::from_secs(8));
    let _scheduler = start(&world.locks, &world.fleet);
    world.clock.sleep(Duration::from_secs(3)).await;
    let driver = world.driver();
    let request = request(agent, world.clock.now());
    let holds = world.hold_all(HOUR);
    let holding = async {
        loop {
            driver.hold(&holds).await.unwrap();
            world.clock.sleep(Duration::from_millis(7)).await;
        }
    };
    let outcome = tokio::select! {
        outcome = driver.refresh(&request) => outcome,
        () = holding => unreachable!(),
    };
    assert!(matches!(outcome, Outcome::Refreshed { means: Means::ForcedRun, .. }), "{outcome:?}");
    assert_eq!(world.locks.writes.load(SeqCst), 1, "the release, and no hold");
    driver.hold(&holds).await.unwrap();
    assert_eq!(world.locks.writes.load(SeqCst), 2, "held again as soon as the refresh is over");
}

#[tokio::test(start_paused = true)]
async fn a_lock_store_that_is_away_for_a_moment_does_not_lose_a_refresh() {
    let (world, _scheduler) = World::with_clouddriver(1).await;
    let driver = world.driver();
    world.locks.away.store(true, SeqCst);
    let since = world.clock.now();
    let back = async {
        world.clock.sleep(Duration::from_secs(20)).await;
        world.locks.away.store(false, SeqCst);
    };
    let request = request(&world.agents[0], since);
    let (outcome, ()) = tokio::join!(driver.refresh(&request), back);
    assert!(matches!(outcome, Outcome::Refreshed { started, .. } if started >= since), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_store_that_stays_away_is_a_failure_that_names_it() {
    let (world, _scheduler) = World::with_clouddriver(1).await;
    let driver = world.driver();
    world.locks.away.store(true, SeqCst);
    let outcome = driver.refresh(&request(&world.agents[0], world.clock.now())).await;
    assert!(
        matches!(&outcome, Outcome::Failed { why, retry: Retry::Backoff } if why.contains("memory did not answer")),
        "{outcome:?}"
    );
    assert!(matches!(driver.survey(&[]).await, Err(DriveError::LockStore(_))));
    assert!(matches!(driver.release_all().await, Err(DriveError::LockStore(_))));
}

#[tokio::test(start_paused = true)]
async fn watch_mode_sees_everything_and_touches_nothing() {
    let (world, _scheduler) = World::with_clouddriver(3).await;
    let (_switch, mode) = tokio::sync::watch::channel(DriveMode::Observe);
    let drive = Moded::new(Arc::new(world.driver()), mode, world.clock.clone());
    let names: Vec<_> = world.agents.iter().map(|agent| agent.name.clone()).collect();
    assert_eq!(drive.survey(&names).await.unwrap().len(), 3);
    let outcome = drive.refresh(&request(&world.agents[0], world.clock.now())).await;
    assert!(matches!(outcome, Outcome::Refreshed { means: Means::WouldForce, .. }));
    drive.hold(&world.hold_all(HOUR)).await.unwrap();
    world.clock.sleep(Duration::from_secs(300)).await;
    assert_eq!(world.locks.writes.load(SeqCst), 0);
    assert!(world.runs() >= 3 * 10, "stock polling goes on");
}

#[tokio::test(start_paused = true)]
async fn turning_the_switch_off_lets_held_agents_go() {
    let (world, _scheduler) = World::with_clouddriver(3).await;
    let (switch, mode) = tokio::sync::watch::channel(DriveMode::Enforce);
    let drive = Moded::new(Arc::new(world.driver()), mode, world.clock.clone());
    drive.hold(&world.hold_all(HOUR)).await.unwrap();
    world.clock.sleep(Duration::from_secs(300)).await;
    assert_eq!(world.runs(), 3);
    switch.send_replace(DriveMode::Off);
    drive.hold(&world.hold_all(HOUR)).await.unwrap();
    world.clock.sleep(Duration::from_secs(2)).await;
    assert_eq!(world.runs(), 6);
}

#[tokio::test(start_paused = true)]
async fn without_a_lock_store_agents_cannot_be_driven_and_that_is_said() {
    let world = World::new(1);
    let driver = Driver::start(DriverParts { control: Control::None, ..world.parts() });
    let outcome = driver.refresh(&request(&world.agents[0], world.clock.now())).await;
    assert!(
        matches!(&outcome, Outcome::Failed { why, retry: Retry::Never } if why.contains("lockStore")),
        "{outcome:?}"
    );
    assert_eq!(driver.survey(&[]).await, Err(DriveError::NoLockStore));
    assert_eq!(driver.hold(&world.hold_all(HOUR)).await, Err(DriveError::NoLockStore));
    assert_eq!(driver.hold(&[]).await, Ok(()));
    assert_eq!(driver.release_all().await, Ok(()));
    let problems = driver.diagnose().await;
    assert!(problems.iter().any(|problem| problem.text.contains("no lock store is configured")), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interval_that_differs_from_the_configured_one_is_learned_and_told() {
    let (world, _scheduler) = World::with_clouddriver(2).await;
    let driver = Driver::start(DriverParts {
        stock: StockPolling { interval: Duration::from_secs(60), timeout: Duration::from_secs(300) },
        ..world.parts()
    });
    let names: Vec<_> = world.agents.iter().map(|agent| agent.name.clone()).collect();
    driver.survey(&names).await.unwrap();
    assert_eq!(driver.odd_intervals().into_iter().collect::<Vec<_>>(), [((60, 30), 2)]);
    assert!(driver.diagnose().await.iter().any(|problem| problem.text.contains("every 30 s, not every 60 s")));
}
