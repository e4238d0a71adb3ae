//! A cache that is stale on purpose, and what Clouddriver's operations and on-demand handlers see nevertheless.
//!
//! The answer arm serves, changes are made in AWS that nobody announces, and what agents read is what was before them. Then Clouddriver's own code reads what
//! its operations read, its own on-demand handlers run, and in the end a whole server group is destroyed by the real operation, which ends the instances that
//! it has just read.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_testkit::{
    AnswerWiring, Clouddriver, EventCache, MockAccount, MockAws, Place, Redis, Release, Topic, Wiring, eventually,
    free_port,
};
use serde_json::Value;

/// Whatever is waited for takes at most two of Clouddriver's polls.
const PATIENCE: Duration = Duration::from_secs(90);

/// Spinnaker's headers, and none.
const NOBODY: &[(&str, &str)] = &[];

/// Data, since the product's sources name no kind.
fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/harness/stale.json")).unwrap()
}

fn heartbeat() -> Value {
    let all: Value = serde_json::from_str(include_str!("../fixtures/harness/change.json")).unwrap();
    all["heartbeat"].clone()
}

struct World {
    // Dropped in this order.
    clouddriver: Clouddriver,
    service: EventCache,
    aws: MockAws,
    topic: Topic,
    clock: Clock,
    fixture: Value,
    words: BTreeMap<String, String>,
    _redis: Redis,
}

impl World {
    fn start() -> Self {
        let (clock, fixture) = (Clock::wall(), fixture());
        let places = "--accounts=123456789012,222222222222";
        let aws = MockAws::start(&["--fleet=small", places, "--empty-unimplemented", "--check-signatures"]).unwrap();
        let redis = Redis::start().unwrap();
        let topic = Topic::start("arn:aws:sns:us-west-2:123456789012:cache-events", clock.now()).unwrap();
        let port = free_port().unwrap();
        let wiring = Wiring {
            clouddriver: &format!("http://127.0.0.1:{port}"),
            redis: &redis.url(),
            topic: &topic,
            mode: "off",
            stock_interval: Duration::from_secs(30),
            answer: Some(AnswerWiring { mode: "serve", upstream: aws.url(), keys: &[], tls: false }),
        };
        let service = EventCache::start(Path::new(env!("CARGO_BIN_EXE_aws-event-cache")), &wiring).unwrap();
        let place = Place {
            port: Some(port),
            aws_proxy: service.answering().map(|at| at.address().port()),
            settings: &["--aws.client.addSpinnakerUserToUserAgent=true"],
            plugin_for: None,
        };
        let clouddriver = Clouddriver::start_at(Release::Spinnaker136, &aws, &redis, &place).unwrap();
        let missing = clouddriver.wait_for_agents(Duration::from_secs(180)).unwrap();
        assert!(missing.is_empty(), "never ran: {missing:?}\n{}\n{}", service.log(), clouddriver.log());
        let words = BTreeMap::new();
        let mut world = Self { clouddriver, service, aws, topic, clock, fixture, words, _redis: redis };
        world.find();
        world.trust_the_streams();
        world
    }

    /// Has AWS's heartbeats arrive, or answers would not live longer than an agent's interval.
    fn trust_the_streams(&self) {
        let known = |status: &Value| status["places"].as_array().is_some_and(|places| places.len() == 2);
        assert!(self.service.wait_for(PATIENCE, known).unwrap(), "no accounts:\n{}", self.service.log());
        for place in self.fixture["places"].as_array().unwrap() {
            let mut beat = heartbeat();
            beat["account"] = place["account"].clone();
            beat["id"] = place["account"].clone();
            beat["time"] = format!("{:.0}", self.clock.now()).into();
            self.topic.publish(&self.service.subscriber(), &beat.to_string(), self.clock.now()).unwrap();
        }
        let healthy =
            |status: &Value| status["places"].as_array().unwrap().iter().all(|place| place["health"] == "healthy");
        assert!(self.service.wait_for(PATIENCE, healthy).unwrap(), "{}", self.service.log());
    }

    /// Looks up what the fixture's texts speak of: `{name}` is a key of the cache, `{name.N}` one of its parts, `{name.WORD}` something in the entry.
    fn find(&mut self) {
        for (name, one) in self.fixture["found"].as_object().unwrap() {
            let (pool, holds) = (one["pool"].as_str().unwrap(), one["holds"].as_array().unwrap());
            let keys = self.clouddriver.keys(pool).unwrap();
            let is_meant = |key: &&String| holds.iter().all(|part| key.contains(part.as_str().unwrap()));
            let key = keys.iter().find(is_meant).unwrap_or_else(|| panic!("no {holds:?} in {keys:?}"));
            self.words.insert(format!("{{{name}}}"), key.clone());
            for (part, text) in key.split(':').enumerate() {
                self.words.insert(format!("{{{name}.{part}}}"), text.to_owned());
            }
            let entry = self.clouddriver.cached(pool, key).unwrap().unwrap();
            for (word, pointer) in one["take"].as_object().into_iter().flatten() {
                let text = entry.pointer(pointer.as_str().unwrap()).unwrap().as_str().unwrap();
                self.words.insert(format!("{{{name}.{word}}}"), text.to_owned());
            }
        }
    }

    /// A value of the fixture with its words filled in.
    fn filled(&self, value: &Value) -> Value {
        let text = self.words.iter().fold(value.to_string(), |text, (word, to)| text.replace(word.as_str(), to));
        serde_json::from_str(&text).unwrap()
    }

    /// What to do, in the first place of the fixture.
    fn what(&self, one: &Value) -> Value {
        let mut what = self.filled(&one["what"]);
        what["account"] = self.fixture["places"][0]["name"].clone();
        what["region"] = self.fixture["region"].clone();
        what
    }

    fn user(&self) -> Vec<(&str, &str)> {
        let user = self.fixture["user"].as_object().unwrap();
        user.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
    }

    fn place(&self) -> MockAccount {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.aws.account(&text(&self.fixture["places"][0]["account"]), &text(&self.fixture["region"]))
    }

    /// Makes all changes in AWS, which tells nobody.
    fn change(&self) {
        for one in self.fixture["changes"].as_array().unwrap() {
            let with = self.filled(&one["with"]);
            let with: Vec<(&str, &str)> = with
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            let text = |name: &str| one[name].as_str().unwrap();
            self.place().call(text("service"), text("version"), text("action"), &with).unwrap();
        }
    }

    /// What an agent is told now of one server group, and how many calls AWS got for that.
    fn told_to_agents(&self) -> (Option<Value>, u64) {
        let list = &self.fixture["list"];
        let before = self.calls();
        let all = self.clouddriver.operate(list["of"].as_str().unwrap(), NOBODY, &self.what(list)).unwrap();
        let one = all.as_array().unwrap().iter().find(|group| group["name"] == list["one"]).cloned();
        (one, self.calls() - before)
    }

    /// How often AWS was asked for the list, by anybody.
    fn calls(&self) -> u64 {
        self.calls_of(&self.fixture["list"]["asks"])
    }

    /// How often AWS was asked by an action of a service.
    fn calls_of(&self, asks: &Value) -> u64 {
        let all = self.aws.calls("service,action").unwrap();
        let is_meant = |row: &&Value| row["service"] == asks["service"] && row["action"] == asks["action"];
        let rows = all["calls"].as_array().unwrap().iter().filter(is_meant);
        rows.map(|row| row["calls"].as_u64().unwrap()).sum()
    }

    /// Agents are told what was before the changes: without this nothing else here would prove anything.
    fn assert_stale(&self, when: &str) {
        let (group, calls) = self.told_to_agents();
        let group = group.unwrap_or_else(|| panic!("{when}: no group"));
        assert_eq!((&group["desired"], calls), (&2.into(), 0), "{when}: the cache is not stale\n{}", self.report());
    }

    /// What Clouddriver has kept of a refresh: in the cache itself, or beside it until the agent's next run.
    fn kept(&self, one: &Value) -> Vec<String> {
        if let Some(pool) = one["pool"].as_str() {
            let key = self.filled(&one["key"]);
            return vec![self.clouddriver.cached(pool, key.as_str().unwrap()).unwrap().unwrap().to_string()];
        }
        let all = self.clouddriver.all_cached("onDemand").unwrap();
        let results = all.iter().filter_map(|item| item.pointer("/attributes/cacheResults")?.as_str());
        results.map(str::to_owned).collect()
    }

    fn report(&self) -> String {
        format!("{}\n{}\n{}", self.service.answers().unwrap(), self.service.savings().unwrap(), self.service.log())
    }
}

#[test]
fn operations_and_on_demand_handlers_see_aws_while_agents_are_answered_from_a_cache_that_is_stale_on_purpose() {
    let world = World::start();
    let warm = || Some(world.told_to_agents()).filter(|(group, calls)| group.is_some() && *calls == 0);
    assert!(eventually(PATIENCE, warm).is_some(), "agents are never answered from the cache\n{}", world.report());
    world.change();
    world.assert_stale("after the changes");
    operations_read_the_truth(&world);
    world.assert_stale("after the operations' reads");
    on_demand_handlers_read_the_truth(&world);
    world.assert_stale("after the on-demand handlers");
    an_operation_acts_on_the_truth(&world);
    let forged = &world.aws.calls("action").unwrap()["totals"]["forged"];
    assert_eq!(forged, 0, "AWS could not verify what was forwarded");
}

fn operations_read_the_truth(world: &World) {
    let user = world.user();
    for one in world.fixture["reads"].as_array().unwrap() {
        let (of, shows) = (one["of"].as_str().unwrap(), one["shows"].as_str().unwrap());
        for headers in [user.as_slice(), NOBODY] {
            let read = world.clouddriver.operate(of, headers, &world.what(one)).unwrap().to_string();
            assert!(read.contains(shows), "{of} as {headers:?} read {read}\n{}", world.report());
        }
    }
}

fn on_demand_handlers_read_the_truth(world: &World) {
    let user = world.user();
    for one in world.fixture["refreshes"].as_array().unwrap() {
        let of = one["of"].as_str().unwrap();
        // Without a user the handler of security groups reads exactly what its agent reads: nobody could tell them apart.
        let callers: &[&[(&str, &str)]] = if one["needs_user"] == true { &[&user] } else { &[&user, NOBODY] };
        for headers in callers {
            let before = world.calls_of(&one["asks"]);
            let done = world.clouddriver.refresh(of, headers, &world.what(one)).unwrap();
            // Of some handlers Clouddriver keeps nothing, so that only AWS can tell.
            assert!(one["asks"].is_null() || world.calls_of(&one["asks"]) > before, "{of} as {headers:?} did not ask");
            let kept = world.kept(one);
            for shows in one["shows"].as_array().unwrap() {
                let shows = shows.as_str().unwrap();
                let seen = kept.iter().any(|kept| kept.contains(shows));
                assert!(seen, "{of} as {headers:?} did not see {shows}: {done}\n{kept:#?}\n{}", world.report());
            }
        }
    }
}

/// The operation ends the instances that it reads, so it must read all there are; and what it has changed is seen at once.
fn an_operation_acts_on_the_truth(world: &World) {
    let operation = &world.fixture["operation"];
    let before =
        world.clouddriver.operate(operation["reads"].as_str().unwrap(), NOBODY, &world.what(operation)).unwrap();
    let instances = before["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 3, "AWS has started one: {before}");
    let done =
        world.clouddriver.operate(operation["of"].as_str().unwrap(), &world.user(), &world.what(operation)).unwrap();
    let ask = format!("{}.", operation["id"].as_str().unwrap());
    let names: Vec<String> = (1..=instances.len()).map(|n| format!("{ask}{n}")).collect();
    let with: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(instances.iter().map(|id| id.as_str().unwrap())).collect();
    let text = |name: &str| operation["look"][name].as_str().unwrap();
    let seen = world.place().call(text("service"), text("version"), text("action"), &with).unwrap();
    assert_eq!(seen.matches("<name>terminated</name>").count(), 3, "{done}\n{seen}");
    let (group, _) = world.told_to_agents();
    assert!(group.is_none(), "its own write is not seen: {group:?}\n{}", world.report());
}
