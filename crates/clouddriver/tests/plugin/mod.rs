//! Through the bridge plugin: against a model Clouddriver of one and of several replicas that speak as the plugin does.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::plugin::{PluginSettings, Replicas};
use aws_event_cache_clouddriver::{CacheStore, Control, ControlState, Driver, DriverParts};
use aws_event_cache_model::seam::Drive;
use aws_event_cache_model::{Agent, AgentState, Hold, Means, Outcome, Timestamp};
use tokio::sync::watch;

use crate::support::plugin_clouddriver::{Mood, PluginClouddriver};
use crate::support::{INTERVAL, TIMEOUT, accounts, agents, catalog, request, stock};

const SECRET: &str = "between-us-two-only";

/// Whatever is waited for takes some of the model's intervals of three seconds.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    clock: Clock,
    agents: Vec<Arc<Agent>>,
    clouddriver: PluginClouddriver,
}

impl World {
    /// With every agent having run once.
    async fn start(replicas: usize, count: usize) -> Self {
        let agents = agents(count);
        let clouddriver = PluginClouddriver::start(replicas, &agents, Some(SECRET)).await;
        for agent in &agents {
            clouddriver.fleet().wait_for_runs(&agent.name, 1, PATIENCE).await;
        }
        Self { clock: clouddriver.fleet().clock.clone(), agents, clouddriver }
    }

    fn driver(&self) -> Driver {
        self.driver_of(&self.clouddriver.urls, SECRET)
    }

    fn driver_of(&self, urls: &[String], secret: &str) -> Driver {
        let urls = urls.iter().map(|url| url.parse().unwrap()).collect();
        let settings = PluginSettings { urls, secret: Some(secret.to_owned()) };
        Driver::start(DriverParts {
            control: Control::Plugin(Arc::new(Replicas::new(&settings, TIMEOUT, self.clock.clone()).unwrap())),
            other_locks: Vec::new(),
            clouddriver: None,
            catalog: catalog(),
            accounts: watch::channel(accounts(self.agents.len())).1,
            stock: stock(),
            cache_store: CacheStore::Unknown,
            confirm: false,
            clock: self.clock.clone(),
        })
    }

    async fn refresh(&self, driver: &Driver, agent: usize) -> Outcome {
        driver.refresh(&request(&self.agents[agent], self.clock.now())).await
    }

    /// Every agent, for as long as this.
    fn holds(&self, length: Duration) -> Vec<Hold> {
        let until = self.clock.now().saturating_add(length).unwrap();
        self.agents.iter().map(|agent| Hold { agent: agent.name.clone(), until, every: length }).collect()
    }

    fn starts(&self, agent: usize) -> Vec<Timestamp> {
        self.clouddriver.fleet().runs(&self.agents[agent].name).iter().map(|run| run.started).collect()
    }

    async fn survey(&self, driver: &Driver) -> Result<Vec<AgentState>, String> {
        let names: Vec<_> = self.agents.iter().map(|agent| agent.name.clone()).collect();
        let seen = driver.survey(&names).await.map_err(|error| error.to_string())?;
        Ok(seen.into_iter().map(|seen| seen.state).collect())
    }
}

fn started(outcome: &Outcome) -> Timestamp {
    match outcome {
        Outcome::Refreshed { started, means: Means::ForcedRun, .. } => *started,
        other => panic!("not run: {other:?}"),
    }
}

/// The model's interval is longer than what is waited for here: an agent that runs within this was told to.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn an_idle_agent_is_run_now_and_its_run_is_watched_to_its_end() {
    let world = World::start(1, 2).await;
    let driver = world.driver();
    let wished = world.clock.now();
    let outcome = world.refresh(&driver, 0).await;
    assert!(started(&outcome) >= wished);
    assert!(world.clock.now() <= wished.saturating_add(SOON).unwrap(), "{outcome:?}");
    world.clouddriver.fleet().assert_no_parallel_runs(&world.agents[0].name);
    let told: Vec<_> = world.clouddriver.told().into_iter().flat_map(|told| told.agents).collect();
    assert_eq!(told, [world.agents[0].name.clone()], "nobody else was told to run");
}

#[tokio::test]
async fn a_run_that_began_before_the_wish_is_left_alone_and_followed_by_another() {
    let world = World::start(1, 1).await;
    let name = &world.agents[0].name;
    world.clouddriver.fleet().takes(name, Duration::from_secs(2));
    let driver = world.driver();
    started(&world.refresh(&driver, 0).await);
    let fleet = world.clouddriver.fleet();
    let runs = fleet.runs(name).len();
    // The next one, by itself, is under way.
    while fleet.runs(name).len() == runs {
        world.clock.sleep(Duration::from_millis(20)).await;
    }
    let wished = world.clock.now();
    let outcome = world.refresh(&driver, 0).await;
    assert!(matches!(outcome, Outcome::Refreshed { started, .. } if started >= wished), "{outcome:?}");
    fleet.assert_no_parallel_runs(name);
}

#[tokio::test]
async fn of_several_replicas_the_one_that_has_the_lock_is_told_and_no_run_of_another_is_disturbed() {
    let world = World::start(3, 6).await;
    let driver = world.driver();
    for only in [2, 0, 1] {
        world.clouddriver.only(only);
        let wishes = (0..6).map(|agent| world.refresh(&driver, agent));
        for outcome in futures::future::join_all(wishes).await {
            assert!(matches!(outcome, Outcome::Refreshed { .. }), "{outcome:?}");
        }
    }
    for agent in &world.agents {
        world.clouddriver.fleet().assert_no_parallel_runs(&agent.name);
    }
    let replicas: std::collections::BTreeSet<usize> =
        world.clouddriver.told().iter().map(|told| told.replica).collect();
    assert!(replicas.len() > 1, "{replicas:?}");
}

#[tokio::test]
async fn while_a_replica_is_silent_nobody_is_run_and_afterwards_they_are() {
    let world = World::start(2, 1).await;
    world.clouddriver.only(0);
    let driver = world.driver();
    started(&world.refresh(&driver, 0).await);
    world.clouddriver.mood(1, Mood::Says(503, Vec::new()));
    let told = world.clouddriver.told().len();
    let wish = world.refresh(&driver, 0);
    tokio::pin!(wish);
    // Its own polls go on; with the silent replica nobody knows whether it waits.
    tokio::time::timeout(Duration::from_secs(2), &mut wish).await.expect_err("it was taken for idle");
    assert_eq!(world.clouddriver.told().len(), told);
    assert!(matches!(world.survey(&driver).await.unwrap()[0], AgentState::Idle { .. } | AgentState::Running { .. }));
    world.clouddriver.mood(1, Mood::Well);
    assert!(matches!(wish.await, Outcome::Refreshed { .. }));
}

#[tokio::test]
async fn whatever_else_a_replica_answers_is_told_in_plain_words_and_nobody_is_run() {
    let world = World::start(1, 1).await;
    let agent = &world.agents[0].name;
    let line = format!("{agent}\tp\t30000\tidle\t-\t-\tok\n");
    let cases: Vec<(Mood, &str)> = vec![
        (Mood::Says(404, Vec::new()), "the plugin is not loaded"),
        (Mood::Says(403, Vec::new()), "clouddriver.lockStore.plugin.secret"),
        (Mood::Says(500, b"oops".to_vec()), "status 500"),
        (Mood::Says(302, Vec::new()), "status 302"),
        (Mood::Says(200, b"<html>log in</html>".to_vec()), "line 1: a field is missing"),
        (Mood::Says(200, vec![0xff, 0xfe]), "no UTF-8"),
        (Mood::Says(200, line.repeat(1 << 20).into_bytes()), "more than 16777216 bytes"),
        (Mood::Stalls, "did not answer within 5 s"),
    ];
    for (mood, expected) in cases {
        world.clouddriver.mood(0, mood);
        let why = world.survey(&world.driver()).await.unwrap_err();
        assert!(why.contains(expected), "{why}");
        let problems = world.driver().diagnose().await;
        assert!(problems.iter().any(|problem| problem.text.contains(expected)), "{problems:?}");
    }
    world.clouddriver.mood(0, Mood::Well);
    let why = world.survey(&world.driver_of(&world.clouddriver.urls, "another-secret-here")).await.unwrap_err();
    assert!(why.contains("status 403") && !why.contains("another-secret"), "{why}");
    let why = world.survey(&world.driver_of(&["http://127.0.0.1:1".to_owned()], SECRET)).await.unwrap_err();
    assert!(why.contains("127.0.0.1:1"), "{why}");
    let why =
        world.survey(&world.driver_of(&["http://no-such-host.invalid:7002".to_owned()], SECRET)).await.unwrap_err();
    assert!(why.contains("no-such-host.invalid"), "{why}");
    assert!(world.clouddriver.told().is_empty());
}

#[tokio::test]
async fn a_held_agent_follows_the_interval_that_is_handed_out_and_is_let_go_at_once_but_never_before_its_own() {
    let world = World::start(1, 3).await;
    let driver = world.driver();
    world.survey(&driver).await.unwrap();
    driver.hold(&world.holds(Duration::from_secs(3_600))).await.unwrap();
    let given = driver.hand_out_intervals();
    assert_eq!(given.len(), 3);
    assert!(given.values().all(|every| *every == Duration::from_secs(100)));
    world.clouddriver.follow(given);
    // Each runs once more by its old lock, and is then held.
    let before: Vec<usize> = (0..3).map(|agent| world.starts(agent).len()).collect();
    for (agent, before) in world.agents.iter().zip(&before) {
        world.clouddriver.fleet().wait_for_runs(&agent.name, before + 1, PATIENCE).await;
    }
    world.clock.sleep(INTERVAL * 2).await;
    let held: Vec<usize> = (0..3).map(|agent| world.starts(agent).len()).collect();
    assert!(held.iter().zip(&before).all(|(now, before)| *now <= before + 2), "{before:?} {held:?}");

    // A refresh runs one of them nevertheless, which does not end the others' holds.
    started(&world.refresh(&driver, 0).await);
    let last = *world.starts(0).last().unwrap();
    world.clouddriver.follow([]);
    driver.release_all().await.unwrap();
    assert!(driver.hand_out_intervals().is_empty());
    // Who is overdue runs now; who just ran does when its own interval has passed.
    for (agent, held) in world.agents.iter().zip(&held).skip(1) {
        world.clouddriver.fleet().wait_for_runs(&agent.name, held + 1, SOON).await;
    }
    let runs = world.starts(0).len();
    world.clouddriver.fleet().wait_for_runs(&world.agents[0].name, runs + 1, PATIENCE).await;
    let next = *world.starts(0).last().unwrap();
    assert!(next.duration_since(last) >= INTERVAL.try_into().unwrap(), "{last} {next}");
}

#[tokio::test]
async fn an_agent_that_may_poll_again_after_a_shortened_hold_is_run_when_it_is_due() {
    let world = World::start(1, 2).await;
    let driver = world.driver();
    world.survey(&driver).await.unwrap();
    let all = world.holds(Duration::from_secs(3_600));
    driver.hold(&all).await.unwrap();
    world.clouddriver.follow(driver.hand_out_intervals());
    // Each runs once more by its old lock, and is then held.
    let before: Vec<usize> = (0..2).map(|agent| world.starts(agent).len()).collect();
    for (agent, before) in world.agents.iter().zip(before) {
        world.clouddriver.fleet().wait_for_runs(&agent.name, before + 1, PATIENCE).await;
    }
    world.clock.sleep(INTERVAL).await;
    let (first, second) = (world.starts(0).len(), world.starts(1).len());
    // The stream of the first one's place cannot be trusted any more.
    driver.hold(&all[1..]).await.unwrap();
    assert!(!driver.hand_out_intervals().contains_key(&world.agents[0].name));
    world.clouddriver.fleet().wait_for_runs(&world.agents[0].name, first + 1, PATIENCE).await;
    assert!(world.starts(1).len() <= second + 1, "the other is still held");
}

#[tokio::test]
async fn the_state_tells_who_answers_and_whether_the_plugin_asks() {
    let world = World::start(2, 1).await;
    let driver = world.driver();
    world.clouddriver.mood(1, Mood::Says(404, Vec::new()));
    world.survey(&driver).await.unwrap();
    let ControlState::Plugin { replicas, fetched, held } = driver.control() else { panic!() };
    assert_eq!((fetched, held), (None, 0));
    let mut answers: Vec<bool> = replicas.iter().map(|replica| replica.failure.is_none()).collect();
    answers.sort_unstable();
    assert_eq!(answers, [false, true]);
    driver.hand_out_intervals();
    assert!(matches!(driver.control(), ControlState::Plugin { fetched: Some(_), .. }));
}
