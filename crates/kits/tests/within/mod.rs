//! What the tests from within Spinnaker share: the service as operators run it, with tokens, and a scheduler of Clouddriver that runs what it releases.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

pub mod handbook;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Kind};
use aws_event_cache_testkit::{EventCache, LOOPBACK_HOST, Orca, OrcaWiring, Redis, Release, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for anything: a refresh takes seconds, and a busy machine some more.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The token of the role `refresh`, in Orca's environment, and its SHA-256 in the service's configuration.
pub const TOKEN: &str = "orca";
const TOKEN_HASH: &str = "e0c924608fdcda8536bd9cc86b0fce0ab2d54ecc1e8ed9673624c39cde7f7820";

/// Another one, of the role `read`, for the tests' own questions.
const READER: &str = "reader";
const READER_HASH: &str = "3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30";

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The service's program, where cargo puts it beside the running test.
pub fn service_program() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("aws-event-cache")
}

/// The shipped stage.
pub fn shipped_stage() -> String {
    read("deploy/orca/refresh-stage.yml")
}

/// The running service, with all that it needs and no more: accounts of the configuration, Redis with the agents' locks, tokens.
pub struct Service {
    // Dropped in this order.
    scheduler: Scheduler,
    process: Option<EventCache>,
    redis: Redis,
    url: String,
}

impl Service {
    /// One whose agents are run as soon as they are released, each taking so long.
    pub fn start(run: Duration) -> Self {
        let redis = Redis::start().unwrap();
        let process = EventCache::start_configured(|port, folder| config(port, folder, &redis)).unwrap();
        let url = process.url().to_owned();
        let mut service = Self { scheduler: Scheduler::default(), process: Some(process), redis, url };
        let agents = eventually(PATIENCE, || Some(service.agents()).filter(|agents| !agents.is_empty()));
        service.scheduler =
            Scheduler::start(&service.redis.url(), agents.expect("no agents").into_iter().collect(), run);
        service
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Ends it, as if its machine were gone.
    pub fn go_away(&mut self) {
        self.process = None;
    }

    /// An answer of its API.
    pub fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.url);
        let mut answer = ureq::get(&url).header("Authorization", format!("Bearer {READER}")).call().unwrap();
        answer.body_mut().read_json().unwrap()
    }

    /// Takes a refresh back.
    pub fn cancel(&self, id: &str) {
        let url = format!("{}/v1/refresh/{id}/cancel", self.url);
        ureq::post(&url).header("Authorization", format!("Bearer {TOKEN}")).send_empty().unwrap();
    }

    /// The latest entry of the audit list.
    pub fn audited(&self) -> Value {
        self.get("/v1/audit?limit=1")["audit"][0].clone()
    }

    /// The latest refresh.
    pub fn refreshed(&self) -> Value {
        self.get("/v1/refresh?limit=1")["refreshes"][0].clone()
    }

    fn agents(&self) -> BTreeSet<String> {
        let status = self.get("/v1/status/scopes");
        let scopes = status["scopes"].as_array().cloned().unwrap_or_default();
        let agents = scopes.iter().flat_map(|scope| scope["agents"].as_array().cloned().unwrap_or_default());
        agents.filter_map(|agent| Some(agent["name"].as_str()?.to_owned())).collect()
    }
}

fn config(port: u16, folder: &Path, redis: &Redis) -> String {
    format!(
        "accounts:
  discover: false
  list:
    - {{name: prod, accountId: \"111122223333\", regions: [us-west-2, eu-west-1]}}
    - {{name: staging, accountId: \"444455556666\", regions: [us-west-2]}}
clouddriver: {{lockStore: {{redis: '{}'}}}}
drive: {{mode: enforce}}
server:
  listen: '127.0.0.1:{port}'
  plaintext: true
  tokens:
    - {{name: orca, role: refresh, sha256: {TOKEN_HASH}}}
    - {{name: reader, role: read, sha256: {READER_HASH}}}
store: {{path: '{}'}}
log: {{format: json, level: info}}
",
        redis.url(),
        folder.join("state.redb").display(),
    )
}

/// Plays the part of Clouddriver's default scheduler that a refresh needs: takes an agent's lock when there is none, runs, and leaves the lock for the interval.
#[derive(Default)]
struct Scheduler {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    fn start(redis: &str, agents: Vec<String>, run: Duration) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let mut connection = redis::Client::open(redis).unwrap().get_connection().unwrap();
        let thread = thread::spawn(move || {
            let mut running: Vec<(String, u64)> = Vec::new();
            for tick in 0.. {
                if ended.load(Ordering::Acquire) || turn(&mut connection, &agents, &mut running, tick, run).is_err() {
                    return;
                }
                pause(TICK);
            }
        });
        Self { end, thread: Some(thread) }
    }
}

/// How often it looks. Clouddriver looks once a second; tests need not wait so long.
const TICK: Duration = Duration::from_millis(100);

/// Milliseconds that a lock lives during and after a run, as Clouddriver sets them: the timeout and the interval.
const TIMEOUT: u64 = 300_000;
const INTERVAL: u64 = 30_000;

fn turn(
    connection: &mut redis::Connection,
    agents: &[String],
    running: &mut Vec<(String, u64)>,
    tick: u64,
    run: Duration,
) -> redis::RedisResult<()> {
    let takes = u64::try_from(run.as_millis() / TICK.as_millis()).unwrap();
    let (ended, still) = running.drain(..).partition(|(_, since)| tick - since >= takes);
    *running = still;
    let ended: Vec<(String, u64)> = ended;
    for (agent, _) in ended {
        redis::cmd("PEXPIRE").arg(&agent).arg(INTERVAL).exec(connection)?;
    }
    for agent in
        agents.iter().filter(|agent| !running.iter().any(|(name, _)| name == *agent)).cloned().collect::<Vec<_>>()
    {
        let taken: Option<String> =
            redis::cmd("SET").arg(&agent).arg("clouddriver-1").arg("NX").arg("PX").arg(TIMEOUT).query(connection)?;
        if taken.is_some() {
            running.push((agent, tick));
        }
    }
    Ok(())
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "real servers do not follow paused time")]
fn pause(length: Duration) {
    thread::sleep(length);
}

/// Orca with the shipped stage, but for host and port: the service is on this machine.
pub fn orca(release: Release, service: &Service, files: &Path) -> Orca {
    let here = format!("{LOOPBACK_HOST}:{}", service.port());
    let shipped = shipped_stage();
    let profile = shipped.replace("aws-event-cache.spinnaker.svc:8080", &here);
    assert_ne!(profile, shipped, "the stage has another URL");
    let pipelines = repository().join("deploy/orca");
    let environment = &[("AWS_EVENT_CACHE_REFRESH_TOKEN", TOKEN)];
    Orca::start(release, &OrcaWiring { profile: &profile, environment, pipelines: &pipelines, files }).unwrap()
}

/// A kind whose resources have plain names, and which one agent of each region reads. Which one does not matter.
pub fn named_kind() -> Kind {
    let catalog = Catalog::shipped();
    let kind = catalog.kinds().find(|kind| kind.named_by == "name" && kind.agents.len() == 1).cloned();
    kind.expect("no kind is named by its name")
}

/// Waits until a task or pipeline has ended.
pub fn ended(orca: &Orca, path: &str) -> Value {
    let done = |execution: &Value| !["NOT_STARTED", "RUNNING"].contains(&execution["status"].as_str().unwrap());
    eventually(PATIENCE, || Some(orca.get(path).unwrap()).filter(done))
        .unwrap_or_else(|| panic!("{path} does not end: {}\n{}", orca.get(path).unwrap(), orca.log()))
}

/// A job with the stage, as in the body of `POST /tasks`.
pub fn task(parameters: &Value) -> Value {
    let job = json!({"type": "refreshAwsCache", "alias": "preconfiguredWebhook", "user": "alice", "application": "shop", "parameterValues": parameters});
    json!({"application": "shop", "description": "Refresh AWS cache", "job": [job]})
}

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
