//! The service between AWS's messages and Clouddriver's agents.
//!
//! One test, since Clouddriver takes half a minute to start: first a service that only observes, then one that drives. Clouddriver polls every 10 s here, so
//! that nothing is waited for for long.

use std::path::Path;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::Timestamp;
use aws_event_cache_testkit::{Clouddriver, EventCache, MockAws, Redis, Release, Topic, Wiring, eventually};
use serde_json::Value;

const STOCK: Duration = Duration::from_secs(10);

/// Whatever is waited for takes at most two of Clouddriver's polls and a run; more means that it does not come.
const PATIENCE: Duration = Duration::from_secs(45);

/// A change, and what AWS says of it: data, since the product's sources name no kind.
fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/harness/change.json")).unwrap()
}

struct World {
    // Dropped in this order.
    clouddriver: Clouddriver,
    redis: Redis,
    aws: MockAws,
    topic: Topic,
    clock: Clock,
    fixture: Value,
}

impl World {
    fn start() -> Self {
        let clock = Clock::wall();
        let aws = MockAws::start(&["--fleet=small", "--accounts=123456789012,222222222222", "--empty-unimplemented"]);
        let (aws, redis) = (aws.unwrap(), Redis::start().unwrap());
        let interval = format!("--redis.poll.intervalSeconds={}", STOCK.as_secs());
        let clouddriver = Clouddriver::start_with(Release::Spinnaker136, &aws, &redis, &[&interval]).unwrap();
        let missing = clouddriver.wait_for_agents(Duration::from_secs(120)).unwrap();
        assert!(missing.is_empty(), "never ran: {missing:?}\n{}", clouddriver.log());
        let topic = Topic::start("arn:aws:sns:us-west-2:123456789012:cache-events", clock.now()).unwrap();
        Self { clouddriver, redis, aws, topic, clock, fixture: fixture() }
    }

    /// Starts the service, and waits until it trusts the event stream of every place.
    fn service(&self, mode: &str, redis: &str) -> EventCache {
        let program = Path::new(env!("CARGO_BIN_EXE_aws-event-cache"));
        let (clouddriver, topic) = (self.clouddriver.url(), &self.topic);
        let wiring = Wiring { clouddriver, redis, topic, mode, stock_interval: STOCK, answer: None };
        let service = EventCache::start(program, &wiring).unwrap();
        let all = |status: &Value, health: Option<&str>| {
            let places = status["places"].as_array().unwrap();
            !places.is_empty() && places.iter().all(|place| health.is_none_or(|health| place["health"] == health))
        };
        assert!(service.wait_for(PATIENCE, |status| all(status, None)).unwrap(), "no accounts:\n{}", service.log());
        for account in ["123456789012", "222222222222"] {
            let mut beat = self.fixture["heartbeat"].clone();
            beat["account"] = account.into();
            beat["id"] = format!("{mode} {account}").into();
            self.publish(&service, beat);
        }
        assert!(service.wait_for(PATIENCE, |status| all(status, Some("healthy"))).unwrap(), "{}", service.log());
        assert!(service.is_ready());
        service
    }

    /// Changes the resource to this size in AWS, and has AWS tell of it. Gives the time of the message.
    fn change(&self, service: &EventCache, size: u8) -> Timestamp {
        let call = &self.fixture["call"];
        let text = |name: &str| call[name].as_str().unwrap();
        let size = size.to_string();
        let mut with: Vec<(&str, &str)> = call["with"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        with.push((text("value"), &size));
        let account = self.aws.account(text("account"), text("region"));
        account.call(text("service"), text("version"), text("action"), &with).unwrap();
        let mut event = self.fixture["event"].clone();
        event["id"] = format!("change {size}").into();
        event["detail"]["eventID"] = event["id"].clone();
        event["detail"]["eventTime"] = format!("{:.0}", self.clock.now()).into();
        let posted = self.clock.now();
        self.publish(service, event);
        posted
    }

    fn publish(&self, service: &EventCache, mut event: Value) {
        event["time"] = format!("{:.0}", self.clock.now()).into();
        self.topic.publish(&service.subscriber(), &event.to_string(), self.clock.now()).unwrap();
    }

    /// What the cache shows.
    fn shown(&self) -> Option<u64> {
        let text = |name: &str| self.fixture[name].as_str().unwrap();
        let entry = self.clouddriver.cached(text("pool"), text("key")).unwrap()?;
        entry.pointer(text("shows"))?.as_u64()
    }

    fn agent(&self) -> &str {
        self.fixture["agent"].as_str().unwrap()
    }

    /// When the agent's last run started, by Clouddriver's own account.
    fn started(&self) -> Timestamp {
        let all = self.clouddriver.introspection().unwrap();
        let one = all.as_array().unwrap().iter().find(|one| one["id"] == self.agent()).unwrap();
        Timestamp::from_millisecond(one["lastExecutionStartMs"].as_i64().unwrap()).unwrap()
    }

    /// Until when the service holds the agent.
    fn held_until(&self, status: &Value) -> Option<Timestamp> {
        let agents =
            status["scopes"].as_array()?.iter().flat_map(|scope| scope["agents"].as_array().into_iter().flatten());
        let agent = agents.into_iter().find(|agent| agent["name"] == self.agent())?;
        agent["held_until"].as_str()?.parse().ok()
    }
}

#[test]
fn a_change_in_aws_reaches_the_real_cache_by_a_forced_run_and_an_observer_touches_nothing() {
    let world = World::start();
    an_observer_touches_nothing(&world);
    a_change_reaches_the_cache_long_before_the_next_poll(&world);
}

fn an_observer_touches_nothing(world: &World) {
    // This user may not write, and Redis keeps a list of everything that was tried nevertheless.
    let mut redis = redis::Client::open(world.redis.url()).unwrap().get_connection().unwrap();
    let rules = ["SETUSER", "observer", "on", ">secret", "~*", "&*", "+@all", "-@write"];
    redis::cmd("ACL").arg(&rules).exec(&mut redis).unwrap();
    let url = world.redis.url().replace("redis://", "redis://observer:secret@");
    let mut observer = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    redis::cmd("DEL").arg(world.agent()).exec(&mut observer).expect_err("the list would stay empty whatever was tried");
    assert_eq!(refused(&mut redis).len(), 1);
    redis::cmd("ACL").arg("LOG").arg("RESET").exec(&mut redis).unwrap();
    let service = world.service("observe", &url);
    // A run that would have been put off shows that the agent's lock is looked at.
    assert!(service.wait_for(PATIENCE, |status| world.held_until(status).is_some()).unwrap(), "{}", service.log());
    let before = world.started();
    world.change(&service, 1);
    let would = service.wait_for(PATIENCE, |status| status["counters"]["would_force"].as_u64() > Some(0)).unwrap();
    assert!(would, "{}", service.status().unwrap()["counters"]);

    let status = service.status().unwrap();
    let count = |name: &str| status["counters"][name].as_u64().unwrap();
    assert_eq!((count("forced_runs"), count("on_demand")), (0, 0));
    let refused = refused(&mut redis);
    assert!(refused.is_empty(), "the observer tried to write: {refused:?}");
    // Clouddriver goes on as ever: the next poll comes after its own interval, neither before nor held back.
    let next = eventually(PATIENCE, || Some(world.started()).filter(|started| *started > before)).unwrap();
    let gap = Duration::try_from(next.duration_since(before)).unwrap();
    assert!(gap >= STOCK - Duration::from_secs(1), "run after {gap:?}");
    eventually(PATIENCE, || world.shown().filter(|size| *size == 1)).expect("polling goes on");
}

/// What Redis refused.
fn refused(redis: &mut redis::Connection) -> Vec<redis::Value> {
    redis::cmd("ACL").arg("LOG").query(redis).unwrap()
}

fn a_change_reaches_the_cache_long_before_the_next_poll(world: &World) {
    let service = world.service("enforce", &world.redis.url());
    assert!(service.wait_for(PATIENCE, |status| world.held_until(status).is_some()).unwrap(), "{}", service.log());
    let held = world.held_until(&service.status().unwrap()).unwrap();
    // An agent is never forced more often than its stock interval; what is to be shown is the time beyond that.
    let rested = || world.clock.now().duration_since(world.started()) >= STOCK.try_into().unwrap();
    eventually(PATIENCE, || rested().then_some(())).expect("the agent is held");
    let posted = world.change(&service, 3);
    eventually(PATIENCE, || world.shown().filter(|size| *size == 3))
        .unwrap_or_else(|| panic!("not in the cache: {}\n{}", service.status().unwrap(), service.log()));
    let seen = world.clock.now();
    // The run is recorded just after its result is stored.
    let started = eventually(PATIENCE, || Some(world.started()).filter(|started| *started >= posted)).unwrap();
    println!(
        "from the message to the agent's start {:.2} s, to the cache {:.2} s",
        started.duration_since(posted).as_secs_f64(),
        seen.duration_since(posted).as_secs_f64()
    );
    assert!(started <= seen, "another run brought it: {started} after {seen}");
    assert!(held > seen, "its own poll was due: held until {held}, seen {seen}");
    let counted = service.wait_for(PATIENCE, |status| status["counters"]["forced_runs"].as_u64() > Some(0)).unwrap();
    assert!(counted, "{}", service.status().unwrap()["counters"]);
}
