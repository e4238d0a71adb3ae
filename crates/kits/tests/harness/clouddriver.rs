//! Clouddriver's part: intervals from the service, never shorter than stock and forgotten when it is silent; and agents that run when asked, never twice at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_testkit::{Host, HostSettings, Redis, Service as Clouddriver, bridge_plugin, eventually};
use parking_lot::Mutex;
use serde_json::Value;

use crate::checks::Checks;
use crate::client::{Answer, get, post};
use crate::service::{Act, Service};

const SECRET: (&str, &str) = ("X-AWS-Event-Cache-Secret", "a-secret_that.both+know");
const TEXT: (&str, &str) = ("Content-Type", "text/plain; charset=utf-8");

const WEST: &str = "prod/us-west-2/QuickAgent";
const EAST: &str = "prod/us-east-1/QuickAgent";
const SLOW: &str = "prod/us-west-2/SlowAgent";
const FAILING: &str = "prod/us-west-2/FailingAgent";
const HOURLY: &str = "prod/us-west-2/HourlyAgent";
const OFF: &str = "prod/us-west-2/SwitchedOffAgent";
const FOREIGN: &str = "cluster/CoreAgent";

/// The host's settings, in milliseconds.
const STOCK: i64 = 4_000;

/// What the plugin is told here; without that it is 110 s.
const CAP: i64 = 60_000;

/// Readings are 5 s apart.
const READ: Duration = Duration::from_secs(20);

/// A run begins at the scheduler's next tick, a second away.
const SOON: Duration = Duration::from_secs(5);

/// The host, and what the stand-in for the service answers when it is asked for intervals.
struct World {
    clouddriver: Clouddriver,
    service: Option<Service>,
    answer: Arc<Mutex<(u16, String)>>,
    _redis: Redis,
}

impl World {
    fn start() -> Self {
        let redis = Redis::start().unwrap();
        let answer = Arc::new(Mutex::new((200, intervals(60, &[]))));
        let given = Arc::clone(&answer);
        let service = Service::start(move |_| {
            let (status, body) = given.lock().clone();
            Act::Answer(status, Some("application/json".to_owned()), body.into_bytes())
        });
        let clouddriver = Host::Clouddriver.start(&HostSettings {
            plugins: &[&bridge_plugin(None).unwrap()],
            arguments: &[
                &format!("--aws-event-cache.base-url={}", service.url()),
                &format!("--redis.connection={}", redis.url()),
                "--aws-event-cache.max-interval-seconds=60",
            ],
            environment: &[("AWS_EVENT_CACHE_SECRET", SECRET.1)],
            jvm: &["-Dhttp.proxyHost=127.0.0.1", "-Dhttp.proxyPort=1", "-Dhttp.nonProxyHosts="],
        });
        Self { clouddriver: clouddriver.unwrap(), service: Some(service), answer, _redis: redis }
    }

    fn says(&self, status: u16, body: &str) {
        *self.answer.lock() = (status, body.to_owned());
    }

    fn get(&self, path: &str) -> Value {
        serde_json::from_slice(&get(self.clouddriver.port(), path, &[]).body).unwrap()
    }

    /// The intervals that Clouddriver's scheduler is told, in milliseconds.
    fn told(&self) -> BTreeMap<String, i64> {
        let all = self.get("/test/intervals");
        all.as_object().unwrap().iter().map(|(agent, times)| (agent.clone(), times[0].as_i64().unwrap())).collect()
    }

    /// Whether the scheduler is told this in the end.
    fn is_told(&self, agent: &str, millis: i64) -> bool {
        eventually(READ, || (self.told()[agent] == millis).then_some(())).is_some()
    }

    /// Start and end of each run that has ended.
    fn runs(&self, agent: &str) -> Vec<(i64, i64)> {
        let all = self.get("/test/runs");
        let runs = all[agent].as_array().cloned().unwrap_or_default();
        runs.iter().map(|run| (run[0].as_i64().unwrap(), run[1].as_i64().unwrap())).collect()
    }

    fn run(&self, agents: &[&str]) -> Answer {
        post(self.clouddriver.port(), "/aws-event-cache/agents/run", &[SECRET, TEXT], agents.join("\n").as_bytes())
    }

    /// Seven fields of each agent, by its type.
    fn listed(&self) -> BTreeMap<String, Vec<String>> {
        let answer = get(self.clouddriver.port(), "/aws-event-cache/agents", &[SECRET]);
        assert_eq!(answer.status, 200);
        let lines = answer.text();
        let fields = lines.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        fields.map(|fields| (fields[0].clone(), fields)).collect()
    }

    /// Waits for a run that began after `since`.
    fn has_run(&self, agent: &str, since: i64) -> bool {
        eventually(SOON, || self.runs(agent).iter().any(|(start, _)| *start >= since).then_some(())).is_some()
    }
}

fn now() -> i64 {
    Clock::wall().now().as_millisecond()
}

/// Lets real time pass: a foreign process does not follow paused time.
fn let_pass(seconds: u64) {
    eventually(Duration::from_secs(seconds), || None::<()>);
}

/// What the service answers.
fn intervals(valid_for: u64, agents: &[(&str, u64)]) -> String {
    let agents: serde_json::Map<String, Value> = agents
        .iter()
        .map(|(agent, seconds)| ((*agent).to_owned(), serde_json::json!({"intervalSeconds": seconds})))
        .collect();
    serde_json::json!({"validForSeconds": valid_for, "agents": agents}).to_string()
}

#[test]
fn clouddriver_is_told_intervals_and_runs_agents_when_asked() {
    let world = World::start();
    let mut checks = Checks::default();
    let scheduler = world.get("/test/scheduler");
    let name = "com.netflix.spinnaker.cats.redis.cluster.ClusteredAgentScheduler";
    checks.equal("the real scheduler is there", &scheduler["class"].as_str(), &Some(name));
    endpoints(&mut checks, &world);
    listing(&mut checks, &world);
    longer_but_never_shorter(&mut checks, &world);
    held_then_run_at_once(&mut checks, &world);
    never_twice_at_a_time(&mut checks, &world);
    let log = silence(&mut checks, world);
    checks.end(&log);
}

/// Who may ask, and what is not taken.
fn endpoints(checks: &mut Checks, world: &World) {
    let port = world.clouddriver.port();
    let run = "/aws-event-cache/agents/run";
    for headers in [&[TEXT][..], &[TEXT, (SECRET.0, "a-secret_that.both+knoW")], &[TEXT, (SECRET.0, "")]] {
        checks.equal("without the secret nothing is run", &post(port, run, headers, WEST.as_bytes()).status, &403);
        checks.equal("nor told", &get(port, "/aws-event-cache/agents", headers).status, &403);
    }
    let json = [SECRET, ("Content-Type", "application/json")];
    checks.equal("only text is taken", &post(port, run, &json, b"[]").status, &415);
    checks.equal("without a type neither", &post(port, run, &[SECRET], WEST.as_bytes()).status, &415);
    checks.equal("no agent at all", &world.run(&[]).status, &400);
    let many: Vec<String> = (0..101).map(|n| format!("agent {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    checks.equal("more than a hundred", &world.run(&many).status, &400);
    checks.equal("a hundred", &world.run(&many[..100]).status, &200);
    checks.equal("more than is sensible", &world.run(&[&"x".repeat(70_000)]).status, &413);
    checks.equal("no text", &post(port, run, &[SECRET, TEXT], b"\xff").status, &400);
    let answer = world.run(&[OFF, "no/such/Agent", FOREIGN, "", " no/such/Agent "]);
    let expected = format!("{OFF}\tdisabled\nno/such/Agent\tunknown\n{FOREIGN}\tunknown\n");
    checks.equal("each agent once, in their order", &answer.text(), &expected);
    checks.equal("as text", &answer.header("Content-Type"), &Some("text/plain;charset=UTF-8"));
}

fn listing(checks: &mut Checks, world: &World) {
    let all = eventually(READ, || {
        let all = world.listed();
        [WEST, EAST, FAILING, SLOW].iter().all(|&agent| all[agent][6] != "-").then_some(all)
    });
    let all = all.unwrap_or_default();
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let mut expected = [WEST, EAST, SLOW, FAILING, HOURLY, OFF];
    expected.sort_unstable();
    checks.equal("the agents of AWS, and of nobody else", &&names[..], &&expected[..]);
    for (agent, stock, last) in
        [(WEST, "4000", "ok"), (FAILING, "4000", "failed"), (HOURLY, "3600000", "ok"), (OFF, "4000", "-")]
    {
        let fields = &all[agent];
        checks.equal("seven fields", &fields.len(), &7);
        checks.check("its provider", fields[1].ends_with("AwsProvider"), fields);
        checks.equal("its stock interval", &fields[2].as_str(), &stock);
        checks.equal("how its last run went", &fields[6].as_str(), &last);
        let ran: Vec<bool> =
            fields[4..6].iter().map(|time| time.parse::<i64>().is_ok_and(|at| (now() - at).abs() < 120_000)).collect();
        checks.equal("when it ran", &ran, &vec![last != "-"; 2]);
    }
    let running = eventually(READ, || (world.listed()[SLOW][3] == "running").then_some(()));
    checks.check("one that runs is listed so", running.is_some(), "never");
}

fn longer_but_never_shorter(checks: &mut Checks, world: &World) {
    let given = [(WEST, 40), (EAST, 1), (SLOW, 5_000), (FAILING, 10), (HOURLY, 50), ("no/such/Agent", 50)];
    world.says(200, &intervals(60, &given));
    checks.check("longer than stock", world.is_told(WEST, 40_000), world.told());
    let told = world.told();
    checks.equal("never shorter", &told[EAST], &STOCK);
    checks.equal("never longer than the bound", &told[SLOW], &CAP);
    checks.equal("an agent with an interval of its own", &told[HOURLY], &3_600_000);
    checks.equal("what is not named", &told[FOREIGN], &STOCK);
    let times = &world.get("/test/intervals")[FAILING];
    checks.equal(
        "the interval after an error and the timeout are Clouddriver's",
        times,
        &serde_json::json!([10_000, 6_000, 60_000]),
    );
    let seen = world.service.as_ref().unwrap().take();
    let bearer = format!("Bearer {}", SECRET.1);
    let right =
        seen.iter().all(|one| one.path == "/v1/agent-intervals" && one.header("Authorization") == Some(&bearer));
    checks.check("it is read with the secret", right && !seen.is_empty(), &seen);
}

/// An agent that the service put off does not run, runs within moments when asked, once, and is put off again.
fn held_then_run_at_once(checks: &mut Checks, world: &World) {
    // Its next run takes the new interval.
    let since = now();
    eventually(READ, || world.runs(WEST).iter().any(|(start, _)| *start >= since).then_some(()));
    let_pass(1);
    let held = world.runs(WEST).len();
    let others = world.runs(EAST).len();
    let_pass(7);
    checks.equal("put off, it does not run", &world.runs(WEST).len(), &held);
    checks.check("others go on", world.runs(EAST).len() > others, world.runs(EAST));
    let asked = now();
    let answer = world.run(&[WEST]).text();
    checks.equal("it is made due", &answer, &format!("{WEST}\tstarted\n"));
    checks.check("and runs", world.has_run(WEST, asked), world.runs(WEST));
    let delay = world.runs(WEST).last().map_or(i64::MAX, |(start, _)| start - asked);
    checks.check("within two seconds", delay < 2_000, delay);
    let_pass(5);
    checks.equal("once", &world.runs(WEST).len(), &(held + 1));
    let asked = now();
    checks.equal("one with an interval of its own", &world.run(&[HOURLY]).text(), &format!("{HOURLY}\tstarted\n"));
    checks.check("runs too", world.has_run(HOURLY, asked), world.runs(HOURLY));
}

/// However often agents are asked for, and whatever they are doing.
fn never_twice_at_a_time(checks: &mut Checks, world: &World) {
    world.says(200, &intervals(60, &[]));
    checks.check("back to stock", world.is_told(WEST, STOCK), world.told());
    let (mut running, mut started) = (0, 0);
    for _ in 0..30 {
        let answer = world.run(&[SLOW, EAST, FAILING, WEST]).text();
        running += answer.matches("\trunning").count();
        started += answer.matches("\tstarted").count();
        eventually(Duration::from_millis(200), || None::<()>);
    }
    checks.check("some ran already, some did not", running > 0 && started > 0, (running, started));
    let_pass(5);
    for agent in [SLOW, EAST, FAILING, WEST] {
        let mut runs = world.runs(agent);
        runs.sort_unstable();
        let twice: Vec<_> = runs.windows(2).filter(|two| two[1].0 < two[0].1).collect();
        checks.check(
            &format!("{agent} never ran twice at a time"),
            runs.len() > 2 && twice.is_empty(),
            (&twice, runs.len()),
        );
    }
    let since = now();
    checks.check(
        "and goes on as before",
        eventually(READ, || world.runs(SLOW).iter().any(|(start, _)| *start > since).then_some(())).is_some(),
        world.runs(SLOW),
    );
}

/// What was said holds as long as it was said to, and no longer. Gives the log.
fn silence(checks: &mut Checks, mut world: World) -> String {
    // Just longer than the five seconds between two readings.
    let good = intervals(6, &[(WEST, 50)]);
    world.says(200, &good);
    checks.check("told", world.is_told(WEST, 50_000), world.told());
    // Its body would be good, but for the status.
    world.says(500, &good);
    checks.check("the service is in trouble: stock", world.is_told(WEST, STOCK), world.told());
    world.says(200, &good);
    checks.check("told again", world.is_told(WEST, 50_000), world.told());
    world.service.take();
    checks.check("the service is gone: stock", world.is_told(WEST, STOCK), world.told());
    let log = world.clouddriver.log();
    checks.check("the secret is in no log", !log.contains(SECRET.1), "it is");
    checks.check("it is said that there are no intervals", log.contains("Clouddriver's own apply soon"), "not said");
    log
}
