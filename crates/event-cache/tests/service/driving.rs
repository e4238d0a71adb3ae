//! What is done to Clouddriver's locks, and how it is undone: modes, kill switch, release, signals, death.

use std::fs;
use std::time::Duration;

use redis::cmd;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::catalog::agent;
use crate::support::scheduler::NODE;
use crate::support::service::Service;
use crate::support::sns::made;
use crate::support::world::{Locks, REGION, Setup, World};
use crate::support::{eventually, later, now};

const SOON: Duration = Duration::from_secs(20);

/// Starts a service, has its streams live, and waits until every agent is held.
async fn holding(world: &World, locks: &Locks) -> Service {
    let service = world.serve().await;
    world.heartbeats(&service).await;
    all_held(world, locks).await;
    service
}

async fn all_held(world: &World, locks: &Locks) {
    let agents = world.agents();
    eventually("every agent is held", SOON, async || (locks.held(&agents).await == agents).then_some(())).await;
}

async fn none_held(world: &World, locks: &Locks) {
    let agents = world.agents();
    eventually("no agent is held", SOON, async || locks.held(&agents).await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_makes_the_stream_healthy_and_has_agents_held_for_at_most_110_seconds() {
    let world = World::new(Setup { accounts: 2, ..Setup::default() }).await;
    let (_scheduler, locks, service) = (world.scheduler().await, world.locks().await, world.serve().await);
    let accounts = world.accounts();
    // One place's stream lives, the other's was never heard of.
    world.sns.heartbeats(&service.base, &accounts[..1], REGION).await;
    let (first, second): (Vec<String>, Vec<String>) = world.agents().into_iter().partition(|a| a.starts_with("a0/"));
    eventually("its agents are held", SOON, async || (locks.held(&first).await == first).then_some(())).await;
    for agent in &first {
        let (_, left) = locks.lock(agent).await.unwrap();
        assert!((1..=110_000).contains(&left), "{agent}: {left} ms");
    }
    assert_eq!(locks.held(&second).await, Vec::<String>::new(), "agents of a place that was never heard of");
    let status = service.get("/v1/status").await;
    let health = |id: &str| {
        let places = status["places"].as_array().unwrap();
        let place = places.iter().find(|p| p["place"]["account"] == id && p["place"]["region"] == REGION).unwrap();
        place["health"].as_str().unwrap().to_owned()
    };
    assert_eq!((health(&accounts[0].1).as_str(), health(&accounts[1].1).as_str()), ("healthy", "unknown"), "{status}");
    assert_eq!(status["agents"]["held"], first.len(), "{status}");
}

fn times(world: &World) -> i64 {
    i64::try_from(world.setup.times.interval.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_touches_no_key_at_all_and_reports_what_it_would_have_done() {
    let mut world = World::new(Setup { mode: "observe", ..Setup::default() }).await;
    let locks = world.locks().await;
    let mut redis = locks.0.clone();
    // The service may read and nothing else; whatever else it tries is in Redis's own list.
    let rights = "watcher on >secret ~* -@all +get +pttl +type +exists +eval +evalsha +script|load +ping +info +role +client +hello +select";
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg(rights.split(' ').collect::<Vec<_>>());
    let () = user.query_async(&mut redis).await.unwrap();
    let () = cmd("HSET").arg("com.netflix.spinnaker.other").arg("a").arg("b").query_async(&mut redis).await.unwrap();
    world.setup.redis = Some(world.redis.url().replace("//", "//watcher:secret@"));
    let (scheduler, service) = (world.scheduler().await, world.serve().await);
    world.heartbeats(&service).await;
    let status = eventually("it says what it would hold", SOON, async || {
        let status = service.get("/v1/status").await;
        (status["agents"]["held"] == world.agents().len()).then_some(status)
    })
    .await;
    assert_eq!(status["mode"], "observe");
    // The scheduler stands still from here on, between two runs, so that every change is ours.
    eventually("no agent runs", SOON, async || {
        let mut idle = true;
        for agent in world.agents() {
            idle &= locks.lock(&agent).await.is_some_and(|(_, left)| (5_000..times(&world)).contains(&left));
        }
        idle.then_some(())
    })
    .await;
    drop(scheduler);
    let before = locks.dump().await;
    assert!(before.len() > world.agents().len(), "{before:?}");
    world.sns.publish(&service.base, &made("widget", "w-1", &world.accounts()[0].1, REGION)).await;
    world.heartbeats(&service).await;
    let looked = now();
    eventually("it has looked again", SOON, async || (now().duration_since(looked).as_secs_f64() > 2.0).then_some(()))
        .await;
    assert_eq!(before, locks.dump().await);
    eventually("it says that it would have forced a run", Duration::from_secs(20), async || {
        let status = service.get("/v1/status").await;
        (status["counters"]["would_force"].as_u64() > Some(0)).then_some(())
    })
    .await;
    let denied: Vec<redis::Value> = cmd("ACL").arg("LOG").query_async(&mut redis).await.unwrap();
    assert!(denied.is_empty(), "{denied:?}");
    assert_eq!(service.metric("event_cache_forced_runs_total", &[]).await, 0.0);
    let left = locks.dump().await;
    assert!(left.iter().all(|key| before.contains(key)), "{left:?}");
}

/// Changes the mode in the file and has the service read it.
async fn change_mode(world: &mut World, service: &Service, mode: &'static str) {
    world.setup.mode = mode;
    world.config();
    service.signal("HUP");
    eventually("the status tells of the mode", SOON, async || {
        (service.get("/v1/status").await["mode"] == mode).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_off_by_sighup_lets_every_agent_go_and_a_broken_file_changes_nothing() {
    let mut world = World::new(Setup::default()).await;
    let (_scheduler, locks) = (world.scheduler().await, world.locks().await);
    let service = holding(&world, &locks).await;

    fs::write(world.config(), world.yaml().replace("drive: {mode: enforce}", "drive: {mode: of}\nstroe: {}")).unwrap();
    service.signal("HUP");
    service.says("the configuration stays as it was", SOON).await;
    let log = service.log();
    let complaint = log.lines().find(|line| line.contains("stays as it was")).unwrap();
    assert!(complaint.contains("drive.mode") && complaint.contains("stroe"), "{complaint}");
    assert_eq!(service.get("/v1/status").await["mode"], "enforce");
    assert_eq!(locks.held(&world.agents()).await, world.agents());

    change_mode(&mut world, &service, "off").await;
    none_held(&world, &locks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_to_watching_by_sighup_lets_every_agent_go_and_back_holds_them_again() {
    let mut world = World::new(Setup::default()).await;
    let (_scheduler, locks) = (world.scheduler().await, world.locks().await);
    let service = holding(&world, &locks).await;
    change_mode(&mut world, &service, "observe").await;
    none_held(&world, &locks).await;
    change_mode(&mut world, &service, "enforce").await;
    all_held(&world, &locks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_by_the_api_has_every_agent_poll_at_once() {
    let world = World::new(Setup::default()).await;
    let (scheduler, locks) = (world.scheduler().await, world.locks().await);
    let service = holding(&world, &locks).await;
    let released = now();
    let (status, answer) = service.post("/v1/release", &json!({})).await;
    assert!(status.is_success(), "{status} {answer}");
    for agent in world.agents() {
        scheduler.wait_for_run(&agent, released, Duration::from_secs(5)).await;
    }
    let audit = service.get("/v1/audit").await.to_string();
    assert!(audit.contains("release") && audit.contains("loopback"), "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_kill_switch_is_on_nothing_is_held_or_forced_and_clouddriver_polls_as_stock() {
    let world = World::new(Setup::default()).await;
    let (scheduler, locks) = (world.scheduler().await, world.locks().await);
    let service = holding(&world, &locks).await;
    let widgets = agent("a0", REGION, "widget");

    let (status, answer) = kill(&service).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    none_held(&world, &locks).await;
    assert_eq!(service.get("/v1/status").await["killed"], true);
    let forced = service.metric("event_cache_forced_runs_total", &[]).await;
    world.sns.publish(&service.base, &made("widget", "w-1", &world.accounts()[0].1, REGION)).await;
    scheduler.wait_for_run(&widgets, now(), SOON).await;
    assert_eq!(service.metric("event_cache_forced_runs_total", &[]).await, forced);
    assert_eq!(locks.held(&world.agents()).await, Vec::<String>::new());

    let (status, answer) = service.delete("/v1/kill-switch").await;
    assert!(status.is_success(), "{status} {answer}");
    assert_eq!(service.get("/v1/status").await["killed"], false);
    let audit = service.get("/v1/audit").await.to_string();
    assert!(audit.contains("kill") && audit.contains("loopback"), "{audit}");
}

async fn kill(service: &Service) -> (StatusCode, serde_json::Value) {
    let expires = later(now(), Duration::from_secs(600)).to_string();
    service.post("/v1/kill-switch", &json!({"expires": expires, "reason": "test"})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_every_agent_go_and_ends_with_status_0() {
    let world = World::new(Setup::default()).await;
    let (_scheduler, locks) = (world.scheduler().await, world.locks().await);
    let mut service = holding(&world, &locks).await;
    service.signal("TERM");
    let status = service.ended(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", service.log());
    assert_eq!(locks.held(&world.agents()).await, Vec::<String>::new());
    // It is told from a crash.
    let next = world.serve().await;
    assert!(!next.log().contains("unclean"), "{}", next.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_sigkill_every_hold_ends_by_itself_within_two_minutes() {
    let world = World::new(Setup::default()).await;
    let (_scheduler, locks) = (world.scheduler().await, world.locks().await);
    let mut service = holding(&world, &locks).await;
    service.kill();
    for agent in world.agents() {
        let (value, left) = locks.lock(&agent).await.unwrap();
        assert_ne!(value, NODE, "{agent} was let go by a killed process");
        assert!((1..=110_000).contains(&left), "{agent} is held for {left} ms more");
    }
    // The next life knows the holds of the last one as ours.
    let next = world.serve().await;
    let (status, answer) = kill(&next).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    none_held(&world, &locks).await;
}
