//! A model of one replica under Clouddriver's default Redis scheduler, as read in it and seen with 5.90.0: each tick it tries `SET <agent> <identity> NX PX <timeout>` for
//! each agent that it does not run; after the run a script sets the life to start + interval if the value is still its own, or deletes the key if less than 500 ms are left.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::Timestamp;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Script, cmd};
use tokio::task::JoinHandle;

use super::world::OURS;
use super::{eventually, later, now};

const END: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
                   if tonumber(ARGV[2]) < 500 then return redis.call('DEL', KEYS[1]) end \
                   return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// The identity that the model writes into locks.
pub const NODE: &str = "clouddriver-1";

/// Clouddriver ticks once a second; the model is quicker, so that tests are.
const TICK: Duration = Duration::from_millis(200);

/// How long an agent is held at a time, as by the service.
const HELD: Duration = Duration::from_secs(110);

/// How long a run takes.
const RUN: Duration = Duration::from_millis(150);

/// Times of a Clouddriver, shortened so that a test takes seconds. The proportions are kept: a run's lock lives much longer than an interval.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub interval: Duration,
    pub timeout: Duration,
}

impl Default for Times {
    fn default() -> Self {
        // Longer than the service's time between two looks at the locks (5 s), as the stock interval is.
        Self { interval: Duration::from_secs(8), timeout: Duration::from_secs(60) }
    }
}

#[derive(Clone)]
struct Replica {
    connection: MultiplexedConnection,
    agents: Arc<Vec<String>>,
    times: Times,
    running: Arc<Mutex<HashSet<String>>>,
    runs: Runs,
    /// When locks end by themselves; `None` where agents poll.
    held: Option<Arc<Mutex<HashMap<String, Timestamp>>>>,
}

type Runs = Arc<Mutex<BTreeMap<String, Vec<Timestamp>>>>;

/// A replica that runs its agents until it is dropped, as by `kill -9`.
pub struct Scheduler {
    runs: Runs,
    task: JoinHandle<()>,
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scheduler {
    pub async fn start(url: &str, agents: Vec<String>, times: Times) -> Self {
        Self::begin(url, agents, times, None).await
    }

    /// One whose agents never poll by themselves: all are held, and whenever a lock ends by itself the agent is held again, as if a hold had come just in time. So every
    /// run is one that somebody brought about by releasing a lock.
    pub async fn start_holding(url: &str, agents: Vec<String>, times: Times) -> Self {
        let held = agents.iter().map(|agent| (agent.clone(), Timestamp::UNIX_EPOCH)).collect();
        Self::begin(url, agents, times, Some(Arc::new(Mutex::new(held)))).await
    }

    async fn begin(
        url: &str,
        agents: Vec<String>,
        times: Times,
        held: Option<Arc<Mutex<HashMap<String, Timestamp>>>>,
    ) -> Self {
        let (connection, runs, running) = (connect(url).await, Runs::default(), Arc::default());
        let replica = Replica { connection, agents: Arc::new(agents), times, running, runs: runs.clone(), held };
        #[allow(clippy::disallowed_methods, reason = "ended by drop")]
        let task = tokio::spawn(replica.tick_for_ever());
        Self { runs, task }
    }

    /// When an agent's runs began.
    pub fn runs(&self, agent: &str) -> Vec<Timestamp> {
        self.runs.lock().get(agent).cloned().unwrap_or_default()
    }

    /// The first run that began after `since`.
    pub fn run_after(&self, agent: &str, since: Timestamp) -> Option<Timestamp> {
        self.runs(agent).into_iter().find(|started| *started > since)
    }

    /// Waits for a run that began after `since`.
    pub async fn wait_for_run(&self, agent: &str, since: Timestamp, patience: Duration) -> Timestamp {
        let what = format!("a run of {agent} after {since}");
        eventually(&what, patience, async || self.run_after(agent, since)).await
    }
}

pub async fn connect(url: &str) -> MultiplexedConnection {
    // A busy machine is no failure of the test.
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(15)));
    redis::Client::open(url).unwrap().get_multiplexed_async_connection_with_config(&patient).await.unwrap()
}

impl Replica {
    async fn tick_for_ever(self) {
        loop {
            for agent in self.agents.iter() {
                if self.running.lock().contains(agent) || self.hold_again(agent).await {
                    continue;
                }
                if self.acquire(agent).await {
                    let started = now();
                    self.running.lock().insert(agent.clone());
                    self.runs.lock().entry(agent.clone()).or_default().push(started);
                    #[allow(clippy::disallowed_methods, reason = "a run goes on when the replica's loop is busy")]
                    drop(tokio::spawn(self.clone().run(agent.clone(), started)));
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Holds an agent whose lock has ended by itself. Whether it has is judged by our clock, which may differ a little from Redis's.
    async fn hold_again(&self, agent: &str) -> bool {
        let Some(held) = &self.held else { return false };
        let ended = held.lock()[agent] <= later(now(), Duration::from_millis(300));
        if ended {
            let mut set = cmd("SET");
            set.arg(agent).arg(format!("{OURS}before")).arg("NX").arg("PX").arg(HELD.as_millis().to_string());
            let _: Option<String> = set.query_async(&mut self.connection.clone()).await.unwrap();
            let left: i64 = cmd("PTTL").arg(agent).query_async(&mut self.connection.clone()).await.unwrap();
            let ends = later(now(), Duration::from_millis(u64::try_from(left).unwrap_or(0)));
            held.lock().insert(agent.to_owned(), ends);
        }
        ended
    }

    async fn acquire(&self, agent: &str) -> bool {
        let mut set = cmd("SET");
        set.arg(agent).arg(NODE).arg("NX").arg("PX").arg(self.times.timeout.as_millis().to_string());
        let answer: Option<String> = set.query_async(&mut self.connection.clone()).await.unwrap();
        answer.is_some()
    }

    async fn run(self, agent: String, started: Timestamp) {
        tokio::time::sleep(RUN).await;
        let left = later(started, self.times.interval).as_millisecond() - now().as_millisecond();
        let script = Script::new(END);
        let mut end = script.key(&agent);
        // A Redis that ends with the test is no failure of it.
        let ended: Result<i64, _> = end.arg(NODE).arg(left).invoke_async(&mut self.connection.clone()).await;
        drop(ended);
        if let Some(held) = &self.held {
            held.lock().insert(agent.clone(), later(started, self.times.interval));
        }
        self.running.lock().remove(&agent);
    }
}
