//! The service and Clouddriver's real agents with the bridge plugin between them, loaded by Clouddriver's own plugin loader: nothing of ours touches the lock store.
//!
//! One test, since Clouddriver takes half a minute to start. Clouddriver polls every 10 s here, and is put off to a minute: long enough to tell them apart, and the test
//! waits for less than the two minutes that the longest interval may take.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::Timestamp;
use aws_event_cache_testkit::{Clouddriver, EventCache, MockAws, Place, Redis, Release, Topic, eventually, free_port};
use serde_json::Value;

const STOCK: Duration = Duration::from_secs(10);

/// Whatever is waited for takes at most some of Clouddriver's polls, and fetches of the plugin.
const PATIENCE: Duration = Duration::from_secs(60);

/// The promise: this long after our death, Clouddriver polls as stock.
const TWO_MINUTES: Duration = Duration::from_secs(120);

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/harness/change.json")).unwrap()
}

struct World {
    // Dropped in this order.
    clouddriver: Clouddriver,
    service: EventCache,
    aws: MockAws,
    topic: Topic,
    clock: Clock,
    fixture: Value,
    _redis: Redis,
}

impl World {
    fn start() -> Self {
        let clock = Clock::wall();
        let aws = MockAws::start(&["--fleet=small", "--accounts=123456789012,222222222222", "--empty-unimplemented"]);
        let (aws, redis) = (aws.unwrap(), Redis::start().unwrap());
        let topic = Topic::start("arn:aws:sns:us-west-2:123456789012:cache-events", clock.now()).unwrap();
        let port = free_port().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let service = EventCache::start_configured(|own, folder| config(own, folder, &url, &topic)).unwrap();
        let interval = format!("--redis.poll.intervalSeconds={}", STOCK.as_secs());
        let place =
            Place { port: Some(port), aws_proxy: None, settings: &[&interval], plugin_for: Some(service.url()) };
        let clouddriver = Clouddriver::start_at(Release::Spinnaker136, &aws, &redis, &place).unwrap();
        let missing = clouddriver.wait_for_agents(Duration::from_secs(180)).unwrap();
        assert!(missing.is_empty(), "never ran: {missing:?}\n{}", clouddriver.log());
        let world = Self { clouddriver, service, aws, topic, clock, fixture: fixture(), _redis: redis };
        world.trust_the_streams();
        world
    }

    fn trust_the_streams(&self) {
        let places = |status: &Value| status["places"].as_array().is_some_and(|places| places.len() == 2);
        assert!(self.service.wait_for(PATIENCE, places).unwrap(), "no accounts:\n{}", self.service.log());
        for account in ["123456789012", "222222222222"] {
            let mut beat = self.fixture["heartbeat"].clone();
            (beat["account"], beat["id"]) = (account.into(), account.into());
            self.publish(beat);
        }
        let healthy =
            |status: &Value| status["places"].as_array().unwrap().iter().all(|place| place["health"] == "healthy");
        assert!(self.service.wait_for(PATIENCE, healthy).unwrap(), "{}", self.service.log());
    }

    fn publish(&self, mut event: Value) {
        event["time"] = format!("{:.0}", self.clock.now()).into();
        self.topic.publish(&self.service.subscriber(), &event.to_string(), self.clock.now()).unwrap();
    }

    /// Changes the resource to this size in AWS, and has AWS tell of it. Gives the time of the message.
    fn change(&self, size: u8) -> Timestamp {
        let call = &self.fixture["call"];
        let text = |name: &str| call[name].as_str().unwrap();
        let size = size.to_string();
        let fixed =
            call["with"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let with: Vec<(&str, &str)> = fixed.chain([(text("value"), size.as_str())]).collect();
        let account = self.aws.account(text("account"), text("region"));
        account.call(text("service"), text("version"), text("action"), &with).unwrap();
        let mut event = self.fixture["event"].clone();
        event["id"] = format!("change {size}").into();
        event["detail"]["eventID"] = event["id"].clone();
        event["detail"]["eventTime"] = format!("{:.0}", self.clock.now()).into();
        let posted = self.clock.now();
        self.publish(event);
        posted
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

    /// The start of the run after this one.
    fn next(&self, after: Timestamp, patience: Duration) -> Timestamp {
        eventually(patience, || Some(self.started()).filter(|started| *started > after))
            .unwrap_or_else(|| panic!("no run after {after}\n{}", self.report()))
    }

    fn report(&self) -> String {
        let status = self.service.status().map(|status| status.to_string()).unwrap_or_default();
        format!("{status}\n{}", self.service.log())
    }
}

fn config(port: u16, folder: &Path, clouddriver: &str, topic: &Topic) -> String {
    let (root, store) = (folder.join("root.pem"), folder.join("state.redb"));
    std::fs::write(&root, topic.root_pem()).unwrap();
    format!(
        "accounts:
  discover: true
  environments: [{{match: \"*\", environment: production}}]
environments: {{production: {{cadence: {{floor: 15s, hotCeiling: 1m, ceiling: 70s}}}}}}
clouddriver:
  url: \"{clouddriver}\"
  lockStore: {{plugin: {{}}}}
  stockInterval: {}s
drive: {{mode: enforce}}
intake:
  sns:
    topics: [\"{}\"]
    endpoint: \"{}\"
    certificates: {{extraRoots: [\"{}\"]}}
server: {{listen: \"127.0.0.1:{port}\"}}
store: {{path: \"{}\"}}
log: {{format: json, level: info}}
",
        STOCK.as_secs(),
        topic.arn(),
        topic.endpoint(),
        root.display(),
        store.display()
    )
}

fn apart(later: Timestamp, earlier: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[test]
fn with_the_plugin_a_change_is_run_now_agents_follow_our_intervals_and_when_we_die_they_poll_as_stock() {
    let world = World::start();
    the_plugin_fetches_intervals_and_agents_follow_them(&world);
    a_change_reaches_the_cache_long_before_the_next_poll(&world);
    when_the_service_dies_agents_poll_as_stock_within_two_minutes(&world);
}

fn the_plugin_fetches_intervals_and_agents_follow_them(world: &World) {
    let status = |status: &Value| status["parts"]["lockStore"].clone();
    let follows = |whole: &Value| {
        let store = status(whole);
        store["replicas"][0]["answers"] == true
            && store["agentsHeld"].as_u64() > Some(10)
            && !store["intervalsFetched"].is_null()
    };
    assert!(world.service.wait_for(PATIENCE, follows).unwrap(), "{}\n{}", world.report(), world.clouddriver.log());
    // The run under way, or the next, takes the interval over; from then on two of Clouddriver's own polls are missed.
    let mut started = world.started();
    let put_off = eventually(PATIENCE, || {
        let now = world.started();
        started = started.max(now);
        (apart(world.clock.now(), started) > STOCK * 5 / 2).then_some(())
    });
    put_off.unwrap_or_else(|| panic!("it polls on as ever\n{}", world.report()));
    let said = status(&world.service.status().unwrap());
    assert_eq!(said["type"], "plugin", "{said}");
}

fn a_change_reaches_the_cache_long_before_the_next_poll(world: &World) {
    let before = world.started();
    let posted = world.change(3);
    eventually(PATIENCE, || world.shown().filter(|size| *size == 3))
        .unwrap_or_else(|| panic!("not in the cache\n{}", world.report()));
    let seen = world.clock.now();
    let started = eventually(PATIENCE, || Some(world.started()).filter(|started| *started >= posted)).unwrap();
    println!(
        "from the message to the agent's start {:.2} s, to the cache {:.2} s",
        apart(started, posted).as_secs_f64(),
        apart(seen, posted).as_secs_f64()
    );
    // A second look after AWS has settled may be joined to the first, so that the run begins some seconds later; its own poll is later still.
    assert!(apart(started, before) < Duration::from_secs(53), "its own poll could have brought it");
    let ours = |status: &Value| {
        let mut recent = status["recent"].as_array().unwrap().iter();
        recent.any(|one| one["agent"] == world.agent() && one["means"] == "forced-run")
    };
    assert!(world.service.wait_for(PATIENCE, ours).unwrap(), "{}", world.report());
}

fn when_the_service_dies_agents_poll_as_stock_within_two_minutes(world: &World) {
    let last = world.started();
    let killed = Command::new("sh").args(["-c", r#"kill -s KILL "$0""#, &world.service.pid().to_string()]).status();
    assert!(killed.unwrap().success());
    let died = world.clock.now();
    let mut starts = vec![last];
    loop {
        let earlier = *starts.last().unwrap();
        starts.push(world.next(earlier, TWO_MINUTES));
        let gap = apart(*starts.last().unwrap(), earlier);
        assert!(gap >= STOCK - Duration::from_secs(1), "more often than stock: {starts:?}");
        if gap < STOCK + Duration::from_secs(5) {
            println!("polls as stock from {:.0} s after our end: {starts:?}", apart(earlier, died).as_secs_f64());
            assert!(apart(earlier, died) <= TWO_MINUTES, "died at {died}, {starts:?}");
            return;
        }
    }
}
