//! What must hold of every lock store, run against each.

use std::time::Duration;

use aws_event_cache_clouddriver::Driver;
use aws_event_cache_clouddriver::lock_store::Written;
use aws_event_cache_model::seam::Drive;
use aws_event_cache_model::{AgentState, Hold, Means, Outcome, Timestamp};

use super::world::World;
use super::{INTERVAL, TIMEOUT, request};

const SOON: Duration = Duration::from_secs(20);

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap()
}

fn hold(world: &World, agent: usize, length: Duration) -> Hold {
    Hold { agent: world.agents[agent].name.clone(), until: later(world.clock.now(), length), every: length }
}

/// Holds, and goes on to until the agents are idle and so really held: on a busy machine one may just be running.
async fn held(world: &World, driver: &Driver, holds: &[Hold]) {
    let names: Vec<_> = holds.iter().map(|hold| hold.agent.clone()).collect();
    for _ in 0..200 {
        driver.hold(holds).await.unwrap();
        let seen = driver.survey(&names).await.unwrap();
        if seen.iter().all(|seen| matches!(seen.state, AgentState::Held { .. })) {
            return;
        }
        world.clock.sleep(Duration::from_millis(50)).await;
    }
    panic!("the agents were never idle");
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Makes the tests of one store: each scenario below as one test.
macro_rules! scenarios {
    ($world:path) => {
        crate::support::scenarios::scenarios!($world; an_idle_agent_runs_at_once_and_the_outcome_tells_its_real_start,
            a_running_agent_is_left_alone_and_runs_again_after_its_end,
            a_held_agent_does_not_poll_and_polls_at_once_when_let_go,
            a_hold_ends_by_itself_when_we_die,
            a_successor_recognises_the_holds_of_its_predecessor_and_lets_them_go,
            a_hold_is_renewed_before_it_ends_and_never_for_longer_than_110_seconds,
            a_held_agent_runs_at_once_when_a_refresh_is_wanted_and_is_held_again_afterwards,
            a_lock_that_a_replica_changed_meanwhile_is_not_touched,
            an_agent_whose_run_outlasts_its_interval_is_held_after_its_run,
            an_agent_that_is_idle_for_a_moment_only_is_held_in_that_moment,
            of_a_replica_and_a_claim_exactly_one_gets_the_lock,
            only_locks_of_ours_are_let_go_and_nothing_else_in_the_store_is_touched,
            a_burst_of_refreshes_of_all_agents_runs_each_once,
            what_the_store_shows_is_told_for_diagnosis);
    };
    ($world:path; $($name:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            crate::support::scenarios::$name($world().await).await;
        })*
    };
}
pub(crate) use scenarios;

pub async fn an_idle_agent_runs_at_once_and_the_outcome_tells_its_real_start(world: World) {
    let (_replica, driver) = (world.replica("10.0.0.1:1@a").await, world.driver("us"));
    let agent = &world.agents[0];
    world.fleet.wait_for_runs(&agent.name, 1, SOON).await;
    // Idle for certain, and not about to poll by itself.
    held(&world, &driver, &[hold(&world, 0, HOUR)]).await;
    let since = world.clock.now();
    let outcome = driver.refresh(&request(agent, since)).await;
    let Outcome::Refreshed { started, ended, means: Means::ForcedRun } = outcome else { panic!("{outcome:?}") };
    let last = world.fleet.runs(&agent.name).pop().unwrap();
    assert!(last.started >= since && last.ended.is_some_and(|end| end <= ended), "{last:?} {outcome:?}");
    assert!(
        started >= since && started.duration_since(last.started).unsigned_abs() < Duration::from_secs(1),
        "{started} {last:?}"
    );
    println!("asked to seen done: {} ms", ended.duration_since(since).as_millis());
}

pub async fn a_running_agent_is_left_alone_and_runs_again_after_its_end(world: World) {
    let agent = &world.agents[0];
    world.fleet.takes(&agent.name, Duration::from_secs(2));
    // Two replicas: the lock is all that keeps them from running the agent twice at once.
    let _replicas = (world.replica("10.0.0.1:1@a").await, world.replica("10.0.0.2:1@b").await);
    let driver = world.driver("us");
    while world.fleet.runs(&agent.name).is_empty() {
        world.clock.sleep(Duration::from_millis(20)).await;
    }
    let since = later(world.fleet.runs(&agent.name)[0].started, Duration::from_millis(200));
    world.clock.sleep_until(since).await;
    let outcome = driver.refresh(&request(agent, since)).await;
    assert!(matches!(outcome, Outcome::Refreshed { started, .. } if started >= since), "{outcome:?}");
    world.fleet.assert_no_parallel_runs(&agent.name);
    let runs = world.fleet.runs(&agent.name);
    assert!(runs.iter().any(|run| run.started >= since && run.ended.is_some()), "{runs:?}");
    let first = runs[0].ended.unwrap();
    assert!(first.duration_since(runs[0].started).unsigned_abs() >= Duration::from_millis(1_900), "it ran to its end");
}

pub async fn a_held_agent_does_not_poll_and_polls_at_once_when_let_go(world: World) {
    let (_replica, driver) = (world.replica("10.0.0.1:1@a").await, world.driver("us"));
    let (agent, free) = (&world.agents[0].name, &world.agents[1].name);
    world.fleet.wait_for_runs(agent, 1, SOON).await;
    held(&world, &driver, &[hold(&world, 0, HOUR)]).await;
    let (before, free_before) = (world.fleet.runs(agent).len(), world.fleet.runs(free).len());
    world.clock.sleep(INTERVAL * 3).await;
    assert_eq!(world.fleet.runs(agent).len(), before, "a held agent polled");
    assert!(world.fleet.runs(free).len() >= free_before + 2, "an agent that is not held did not poll");
    let released = world.clock.now();
    driver.hold(&[]).await.unwrap();
    world.fleet.wait_for_runs(agent, before + 1, Duration::from_secs(5)).await;
    let run = world.fleet.runs(agent)[before].clone();
    println!("let go to start: {} ms", run.started.duration_since(released).as_millis());
}

pub async fn a_hold_ends_by_itself_when_we_die(world: World) {
    let replica = world.replica("10.0.0.1:1@a").await;
    let agent = &world.agents[0].name;
    world.fleet.wait_for_runs(agent, 1, SOON).await;
    let driver = world.driver("us");
    held(&world, &driver, &[hold(&world, 0, HOUR)]).await;
    drop(driver);
    let lock = world.store("other").read(std::slice::from_ref(agent)).await.unwrap().remove(0).unwrap();
    let left = lock.expires.duration_since(world.clock.now());
    assert!(lock.is_ours() && left.as_secs() <= 110 && left.as_secs() > 60, "{lock:?}");
    let runs = world.fleet.runs(agent).len();
    world.clock.sleep(INTERVAL * 2).await;
    assert_eq!(world.fleet.runs(agent).len(), runs, "the hold goes on without us");
    if world.is_redis() {
        // Redis counts its life down by itself; the rest of it is skipped.
        world.redis_command(&["PEXPIRE", agent.as_str(), "200"]).await;
    } else {
        // A row's life ends by the replica's clock, so that one is moved on instead.
        drop(replica);
        let _later = world.replica_ahead("10.0.0.2:1@b", Duration::from_secs(111)).await;
        world.fleet.wait_for_runs(agent, runs + 1, Duration::from_secs(5)).await;
        return;
    }
    world.fleet.wait_for_runs(agent, runs + 1, Duration::from_secs(5)).await;
}

pub async fn a_successor_recognises_the_holds_of_its_predecessor_and_lets_them_go(world: World) {
    let _replica = world.replica("10.0.0.1:1@a").await;
    let agent = &world.agents[0].name;
    world.fleet.wait_for_runs(agent, 1, SOON).await;
    let predecessor = world.driver("host-1:77");
    held(&world, &predecessor, &[hold(&world, 0, HOUR)]).await;
    drop(predecessor);
    let driver = world.driver("host-2:8");
    let seen = driver.survey(std::slice::from_ref(agent)).await.unwrap();
    assert!(matches!(seen[0].state, AgentState::Held { .. }), "{seen:?}");
    let runs = world.fleet.runs(agent).len();
    driver.hold(&[hold(&world, 1, HOUR)]).await.unwrap();
    world.fleet.wait_for_runs(agent, runs + 1, Duration::from_secs(5)).await;
    // And the kill switch, of which the successor needs to have surveyed nothing.
    held(&world, &driver, &[hold(&world, 0, HOUR), hold(&world, 1, HOUR)]).await;
    drop(driver);
    let runs = world.fleet.runs(agent).len();
    world.driver("host-3:9").release_all().await.unwrap();
    world.fleet.wait_for_runs(agent, runs + 1, Duration::from_secs(5)).await;
}

pub async fn a_hold_is_renewed_before_it_ends_and_never_for_longer_than_110_seconds(world: World) {
    let agent = &world.agents[0].name;
    for (left, renewed) in [(59, true), (90, false)] {
        world.put(agent, "aws-event-cache:before", Duration::ZERO, Duration::from_secs(left)).await;
        let driver = world.driver("us");
        driver.hold(&[hold(&world, 0, HOUR)]).await.unwrap();
        let lock = world.store("us").read(std::slice::from_ref(agent)).await.unwrap().remove(0).unwrap();
        let now_left = lock.expires.duration_since(world.clock.now()).as_secs();
        assert_eq!(now_left > 91, renewed, "{left} s left: {lock:?}");
        assert!(now_left <= 110, "{lock:?}");
        assert_eq!(lock.owner == "aws-event-cache:us", renewed);
    }
}

pub async fn a_held_agent_runs_at_once_when_a_refresh_is_wanted_and_is_held_again_afterwards(world: World) {
    let (_replica, driver) = (world.replica("10.0.0.1:1@a").await, world.driver("us"));
    let agent = &world.agents[0];
    world.fleet.wait_for_runs(&agent.name, 1, SOON).await;
    let holds = [hold(&world, 0, HOUR)];
    held(&world, &driver, &holds).await;
    let since = world.clock.now();
    let outcome = driver.refresh(&request(agent, since)).await;
    let Outcome::Refreshed { started, means: Means::ForcedRun, .. } = outcome else { panic!("{outcome:?}") };
    assert!(started >= since && started.duration_since(since).as_secs() < 3);
    held(&world, &driver, &holds).await;
    let runs = world.fleet.runs(&agent.name).len();
    world.clock.sleep(INTERVAL * 2).await;
    assert_eq!(world.fleet.runs(&agent.name).len(), runs, "it is held again");
}

pub async fn a_lock_that_a_replica_changed_meanwhile_is_not_touched(world: World) {
    let store = world.store("us");
    let agent = &world.agents[0].name;
    let read = async || store.read(std::slice::from_ref(agent)).await.unwrap().remove(0);
    world.put(agent, "10.0.0.1:1@a", Duration::from_secs(1), INTERVAL).await;
    let seen = read().await.unwrap();
    // The same replica, with the same identity, starts the next run between our look and our write.
    world.put(agent, "10.0.0.1:1@a", Duration::ZERO, TIMEOUT).await;
    let running = world.everything().await;
    assert_eq!(store.release_if(agent, &seen).await.unwrap(), Written::Conflict);
    assert_eq!(store.hold_if(agent, &seen, later(world.clock.now(), INTERVAL)).await.unwrap(), Written::Conflict);
    assert_eq!(world.everything().await, running);
    // Gone altogether.
    let seen = read().await.unwrap();
    assert_eq!(store.release_if(agent, &seen).await.unwrap(), Written::Done);
    assert_eq!(store.release_if(agent, &seen).await.unwrap(), Written::Conflict);
    assert_eq!(store.hold_if(agent, &seen, later(world.clock.now(), INTERVAL)).await.unwrap(), Written::Conflict);
    assert_eq!(read().await, None, "a hold never makes a lock");
}

/// Holds agent 0 while its runs take `length`, and checks that it is held after at most `runs` of them, and then runs no more.
async fn held_between_runs(world: &World, length: Duration, most_runs: usize) {
    let agent = &world.agents[0].name;
    world.fleet.takes(agent, length);
    world.fleet.tick_every_second();
    let _replicas = (world.replica("10.0.0.1:1@a").await, world.replica("10.0.0.2:1@b").await);
    let driver = world.driver("us");
    driver.hold(&[hold(world, 0, HOUR)]).await.unwrap();
    let deadline = later(world.clock.now(), SOON * 2);
    let lock = loop {
        let lock = world.store("other").read(std::slice::from_ref(agent)).await.unwrap().remove(0);
        match lock.filter(|lock| lock.is_ours()) {
            Some(lock) => break lock,
            None => assert!(world.clock.now() < deadline, "never held: {:?}", world.fleet.runs(agent)),
        }
        world.clock.sleep(Duration::from_millis(50)).await;
    };
    let left = lock.expires.duration_since(world.clock.now()).as_secs();
    assert!((90..=110).contains(&left), "{lock:?}");
    let runs = world.fleet.runs(agent);
    assert!(runs.len() <= most_runs, "{runs:?}");
    assert!(runs.iter().all(|run| run.ended.is_some()), "held while it ran: {runs:?}");
    world.clock.sleep(INTERVAL * 2).await;
    assert_eq!(world.fleet.runs(agent).len(), runs.len(), "a held agent ran");
    world.fleet.assert_no_parallel_runs(agent);
    driver.release_all().await.unwrap();
    world.fleet.wait_for_runs(agent, runs.len() + 1, SOON).await;
}

pub async fn an_agent_whose_run_outlasts_its_interval_is_held_after_its_run(world: World) {
    // Its lock is deleted at the end of a run and taken again within a second; now and then a replica is faster than the look.
    held_between_runs(&world, INTERVAL + Duration::from_millis(300), 6).await;
}

pub async fn an_agent_that_is_idle_for_a_moment_only_is_held_in_that_moment(world: World) {
    // Its idle lock lives for 0.9 s.
    held_between_runs(&world, INTERVAL - Duration::from_millis(900), 3).await;
}

pub async fn of_a_replica_and_a_claim_exactly_one_gets_the_lock(world: World) {
    let (store, agent) = (world.store("us"), &world.agents[0].name);
    let read = async || store.read(std::slice::from_ref(agent)).await.unwrap().remove(0).unwrap();
    let mut ours = 0;
    for round in 0..60 {
        world.delete(agent).await;
        let until = later(world.clock.now(), Duration::from_secs(100));
        let claim = async {
            world.clock.sleep(Duration::from_micros(100 * (round % 10))).await;
            store.claim(agent, until).await.unwrap()
        };
        let (claimed, acquired) = tokio::join!(claim, world.acquire(agent, "10.0.0.1:1@a"));
        assert_eq!(claimed == Written::Conflict, acquired, "round {round}");
        let lock = read().await;
        assert_eq!(lock.owner, if acquired { "10.0.0.1:1@a" } else { "aws-event-cache:us" });
        ours += usize::from(!acquired);
        // And nobody gets it afterwards.
        let left = world.everything().await;
        assert_eq!(store.claim(agent, until).await.unwrap(), Written::Conflict);
        assert!(!world.acquire(agent, "10.0.0.2:1@b").await);
        assert_eq!(world.everything().await, left);
    }
    println!("we won {ours} of 60");
    world.delete(agent).await;
    let until = later(world.clock.now(), Duration::from_secs(100));
    assert_eq!(store.claim(agent, until).await.unwrap(), Written::Done);
    let lock = read().await;
    assert!(lock.expires.duration_since(until).unsigned_abs() < Duration::from_secs(1), "{lock:?}");
}

pub async fn only_locks_of_ours_are_let_go_and_nothing_else_in_the_store_is_touched(world: World) {
    let [ours, theirs, none] = [0, 1, 2].map(|n| world.agents[n].name.clone());
    let near = aws_event_cache_model::AgentName::new(format!("{theirs}:suffix")).unwrap();
    world.put(&theirs, "10.0.0.1:1@a", Duration::ZERO, INTERVAL * 100).await;
    world.put(&near, "aws-event-cache:but-not-an-agent-of-ours", Duration::ZERO, INTERVAL * 100).await;
    if world.is_redis() {
        world.redis_command(&["HSET", "com.netflix.spinnaker.clouddriver:hash", "a", "1"]).await;
        world.redis_command(&["SET", "aws-event-cache:", "x"]).await;
        world.redis_command(&["ZADD", none.as_str(), "1", "member"]).await;
    }
    let before = world.everything().await;
    world.put(&ours, "aws-event-cache:someone", Duration::ZERO, INTERVAL * 100).await;
    let driver = world.driver("us");
    driver.survey(&[ours.clone(), theirs, none]).await.unwrap();
    driver.release_all().await.unwrap();
    assert_eq!(world.everything().await, before);
    assert_eq!(world.store("us").let_go(&[ours]).await.unwrap(), 0);
}

pub async fn a_burst_of_refreshes_of_all_agents_runs_each_once(world: World) {
    let (_replica, driver) = (world.replica("10.0.0.1:1@a").await, world.driver("us"));
    for agent in &world.agents {
        world.fleet.wait_for_runs(&agent.name, 1, SOON).await;
    }
    world.clock.sleep(Duration::from_millis(400)).await;
    let since = world.clock.now();
    let requests: Vec<_> = world.agents.iter().map(|agent| request(agent, since)).collect();
    let outcomes = futures::future::join_all(requests.iter().map(|request| driver.refresh(request))).await;
    for (agent, outcome) in world.agents.iter().zip(outcomes) {
        let Outcome::Refreshed { ended, .. } = outcome else { panic!("{outcome:?}") };
        let runs =
            world.fleet.runs(&agent.name).into_iter().filter(|run| run.started >= since && run.started < ended).count();
        assert_eq!(runs, 1, "{}", agent.name);
    }
}

pub async fn what_the_store_shows_is_told_for_diagnosis(world: World) {
    let driver = world.driver("us");
    let texts = async || driver.diagnose().await.into_iter().map(|problem| problem.text).collect::<Vec<_>>();
    let empty = texts().await;
    assert!(empty.iter().any(|text| text.contains("no lock of any known agent")), "{empty:?}");
    for agent in &world.agents {
        world.put(&agent.name, "10.0.0.1:1@a", Duration::ZERO, INTERVAL * 100).await;
    }
    assert_eq!(texts().await, Vec::<String>::new());
    if world.is_redis() {
        world.redis_command(&["ZADD", "WAITZ", "1", "x"]).await;
        world.redis_command(&["SET", world.agents[0].name.as_str(), "by hand"]).await;
        world.redis_command(&["DEL", world.agents[1].name.as_str()]).await;
        world.redis_command(&["LPUSH", world.agents[1].name.as_str(), "x"]).await;
    } else {
        world.sql("CREATE TABLE pubsub_agent_state (agent_type varchar(512))").await;
        world.sql("GRANT SELECT ON pubsub_agent_state TO event_cache").await;
    }
    let found = texts().await;
    let words: &[&str] = if world.is_redis() { &["WAITZ", "no expiry", "not strings"] } else { &["cats.pubsub"] };
    for word in words {
        assert!(found.iter().any(|text| text.contains(word)), "{word}: {found:?}");
    }
}
