//! What the tests against real lock stores share: an invented catalogue, models of Clouddriver's schedulers, and one world per kind of store.

pub mod memory;
pub mod plugin_clouddriver;
pub mod redis_scheduler;
pub mod scenarios;
pub mod sql_scheduler;
pub mod world;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{
    AccountId, Accounts, Agent, AgentName, Cause, Class, Environment, KindId, Provider, RefreshRequest, Region,
    Resources, Source, SpinnakerAccount, StockPolling, Timestamp,
};
use parking_lot::Mutex;

/// Clouddriver's times, shortened so that a test takes seconds. The proportions are kept: a run's lock lives much longer than an interval.
pub const INTERVAL: Duration = Duration::from_secs(3);
pub const TIMEOUT: Duration = Duration::from_secs(12);
pub const TICK: Duration = Duration::from_millis(100);

pub fn stock() -> StockPolling {
    StockPolling { interval: INTERVAL, timeout: TIMEOUT }
}

pub fn catalog() -> Arc<Catalog> {
    Arc::new(
        Catalog::parse([
            (
                "services/test.yaml",
                "title: Test\nevent_sources: [test.amazonaws.com]\nbuckets: {read: {capacity: 100, refill: 20}}",
            ),
            (
                "agents/widgets.yaml",
                "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]",
            ),
            (
                "kinds/widget.yaml",
                "title: Widget\nnamed_by: widget id (w-…)\ncoverage: full\ncadence: {floor: 30s, ceiling: 10m}\nsettle: 10s\nagents: [widgets]\ncalls:\n  - {service: test, events: [MakeWidget], name: req.widgetId}\n\
                 reads:\n  - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}\n",
            ),
        ])
        .unwrap(),
    )
}

/// `count` accounts `a0`, `a1`, … with one region and so one agent each.
pub fn accounts(count: usize) -> Arc<Accounts> {
    Arc::new(Accounts::new((0..count).map(|n| SpinnakerAccount {
        name: format!("a{n}"),
        provider: Provider::Aws,
        account: AccountId::new(format!("{n:012}")).unwrap(),
        regions: vec![Region::new("eu-west-1").unwrap()],
        environment: Environment::new("production").unwrap(),
        assume_role: None,
        lambda: false,
    })))
}

pub fn agents(count: usize) -> Vec<Arc<Agent>> {
    catalog().roster(&accounts(count), &stock()).agents().to_vec()
}

pub fn request(agent: &Arc<Agent>, since: Timestamp) -> RefreshRequest {
    let mut resources = Resources::default();
    resources.add_whole(KindId::new("widget").unwrap());
    RefreshRequest {
        agent: Arc::clone(agent),
        class: Class::Event,
        since,
        resources,
        cause: Cause {
            source: Source::Sns,
            id: "m-1".into(),
            event: "test MakeWidget".into(),
            received: since,
            occurred: None,
        },
        causes: 1,
        attempt: 0,
    }
}

/// One run of one agent in a model replica.
#[derive(Debug, Clone)]
pub struct Ran {
    pub agent: AgentName,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
}

/// What all replicas of one model Clouddriver share: which agents there are, how long they run, what has run.
pub struct Fleet {
    pub clock: Clock,
    pub agents: Vec<AgentName>,
    run_length: Mutex<HashMap<AgentName, Duration>>,
    tick: Mutex<Duration>,
    runs: Mutex<Vec<Ran>>,
}

impl Fleet {
    pub fn new(clock: Clock, agents: &[Arc<Agent>]) -> Arc<Self> {
        let agents = agents.iter().map(|agent| agent.name.clone()).collect();
        Arc::new(Self { clock, agents, run_length: Mutex::default(), tick: Mutex::new(TICK), runs: Mutex::default() })
    }

    /// Lets schedulers tick as seldom as Clouddriver's do.
    pub fn tick_every_second(&self) {
        *self.tick.lock() = Duration::from_secs(1);
    }

    pub async fn until_next_tick(&self) {
        let tick = *self.tick.lock();
        self.clock.sleep(tick).await;
    }

    pub fn takes(&self, agent: &AgentName, length: Duration) {
        self.run_length.lock().insert(agent.clone(), length);
    }

    /// Runs an agent: takes its time and is noted.
    pub async fn run(&self, agent: &AgentName) {
        let length = self.run_length.lock().get(agent).copied().unwrap_or(Duration::from_millis(150));
        let index = {
            let mut runs = self.runs.lock();
            runs.push(Ran { agent: agent.clone(), started: self.clock.now(), ended: None });
            runs.len() - 1
        };
        self.clock.sleep(length).await;
        self.runs.lock()[index].ended = Some(self.clock.now());
    }

    pub fn runs(&self, agent: &AgentName) -> Vec<Ran> {
        self.runs.lock().iter().filter(|run| run.agent == *agent).cloned().collect()
    }

    /// Waits until an agent has ended `count` runs; fails after `patience`.
    pub async fn wait_for_runs(&self, agent: &AgentName, count: usize, patience: Duration) {
        let deadline = self.clock.now().saturating_add(patience).unwrap();
        while self.runs(agent).iter().filter(|run| run.ended.is_some()).count() < count {
            assert!(self.clock.now() < deadline, "{agent} has not run {count} times: {:?}", self.runs(agent));
            self.clock.sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn assert_no_parallel_runs(&self, agent: &AgentName) {
        let runs = self.runs(agent);
        for pair in runs.windows(2) {
            assert!(pair[0].ended.is_some_and(|end| end <= pair[1].started), "two runs at once: {runs:?}");
        }
    }
}
