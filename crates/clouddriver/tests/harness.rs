//! Clouddriver's real agents, under its real default Redis scheduler: run when asked, held when held, let go at once.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::print_stdout, reason = "measurements")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::lock_store::{LockStoreSettings, open};
use aws_event_cache_clouddriver::{
    AccountsFeed, AccountsSettings, CacheStore, Clouddriver, ClouddriverSettings, Control, Driver, DriverParts,
    Environments,
};
use aws_event_cache_model::seam::Drive;
use aws_event_cache_model::{
    Agent, AgentName, AgentState, Cause, Class, Environment, Hold, Means, Outcome, RefreshRequest, Resources, Source,
    StockPolling, Timestamp,
};
use aws_event_cache_testkit::{self as testkit, MockAws, Redis, Release};

struct World {
    clock: Clock,
    driver: Driver,
    clouddriver: Arc<Clouddriver>,
    agents: Vec<Arc<Agent>>,
    _servers: (MockAws, Redis, testkit::Clouddriver),
}

impl World {
    async fn start() -> Self {
        let servers = tokio::task::spawn_blocking(|| {
            let (aws, redis) = (MockAws::start(&["--fleet", "small"]).unwrap(), Redis::start().unwrap());
            let clouddriver = testkit::Clouddriver::start(Release::Spinnaker136, &aws, &redis).unwrap();
            // Those that the mock AWS has no answers for never run well; the test takes the others.
            clouddriver.wait_for_agents(Duration::from_secs(40)).unwrap();
            (aws, redis, clouddriver)
        });
        let servers = servers.await.unwrap();
        let clock = Clock::wall();
        let settings = ClouddriverSettings { url: servers.2.url().to_owned(), user: None, headers: Vec::new() };
        let clouddriver = Arc::new(Clouddriver::new(&settings).unwrap());
        let production = Environment::new("production").unwrap();
        let environments = Environments { rules: Vec::new(), known: [production.clone()].into(), fallback: production };
        let accounts =
            AccountsSettings { configured: Vec::new(), environments, clouddriver: Some(Arc::clone(&clouddriver)) };
        let (feed, accounts) = AccountsFeed::new(accounts, clock.clone());
        feed.ask().await;
        assert_eq!(feed.state().failure, None);
        let store =
            LockStoreSettings { url: servers.1.url(), instance: "test".to_owned(), ..LockStoreSettings::default() };
        let driver = Driver::start(DriverParts {
            control: Control::Locks(open(&store, clock.clone()).unwrap()),
            other_locks: Vec::new(),
            clouddriver: Some(Arc::clone(&clouddriver)),
            catalog: Arc::new(Catalog::shipped()),
            accounts,
            stock: StockPolling::default(),
            cache_store: CacheStore::Redis,
            confirm: true,
            clock: clock.clone(),
        });
        let agents = driver.roster().agents().to_vec();
        Self { clock, driver, clouddriver, agents, _servers: servers }
    }

    /// Agents that Clouddriver really has, and that poll as stock does.
    async fn polling(&self) -> Vec<Arc<Agent>> {
        let real: BTreeSet<String> = self.last_runs().await.into_keys().collect();
        let polls = |agent: &&Arc<Agent>| {
            real.contains(agent.name.as_str()) && agent.interval == StockPolling::default().interval
        };
        self.agents.iter().filter(polls).cloned().collect()
    }

    async fn last_runs(&self) -> HashMap<String, Timestamp> {
        let runs = self.clouddriver.introspection().await.unwrap();
        runs.into_iter().map(|run| (run.agent, run.started)).collect()
    }

    async fn states(&self, agents: &[AgentName]) -> HashMap<AgentName, AgentState> {
        let seen = self.driver.survey(agents).await.unwrap();
        seen.into_iter().map(|seen| (seen.agent, seen.state)).collect()
    }
}

fn request(agent: &Arc<Agent>, since: Timestamp) -> RefreshRequest {
    RefreshRequest {
        agent: Arc::clone(agent),
        class: Class::Event,
        since,
        resources: Resources::default(),
        cause: Cause { source: Source::Sns, id: "m".into(), event: "test".into(), received: since, occurred: None },
        causes: 1,
        attempt: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_agents_run_when_asked_wait_when_held_and_are_let_go_at_once() {
    let world = World::start().await;
    let agents = world.polling().await;
    assert!(agents.len() > 20, "the catalogue names few of the real agents: {}", agents.len());
    let names: Vec<AgentName> = agents.iter().map(|agent| agent.name.clone()).collect();
    world.clock.sleep(Duration::from_secs(3)).await;
    let problems = world.driver.diagnose().await;
    println!("diagnosis: {problems:#?}");
    assert!(problems.iter().all(|problem| problem.severity < aws_event_cache_clouddriver::diagnose::Severity::Error));

    // Run now.
    let since = world.clock.now();
    let requests: Vec<RefreshRequest> = agents.iter().map(|agent| request(agent, since)).collect();
    let outcomes = futures::future::join_all(requests.iter().map(|request| world.driver.refresh(request))).await;
    let runs = world.last_runs().await;
    let (mut starts, mut ends, mut forced) = (Vec::new(), Vec::new(), 0);
    for (agent, outcome) in agents.iter().zip(outcomes) {
        let Outcome::Refreshed { started, ended, means } = outcome else { panic!("{}: {outcome:?}", agent.name) };
        let real = runs[agent.name.as_str()];
        assert!(real >= since, "{} is said to have run at {started}, but ran at {real}, before {since}", agent.name);
        assert!(real.duration_since(started).abs().as_secs_f64() < 1.0, "{}: {started} {real}", agent.name);
        starts.push(real.duration_since(since).as_millis());
        ends.push(ended.duration_since(since).as_millis());
        forced += usize::from(means == Means::ForcedRun);
    }
    starts.sort_unstable();
    ends.sort_unstable();
    println!(
        "{} agents, {forced} forced; asked to real start: median {} ms, last {} ms; asked to seen done: median {} ms, last {} ms",
        agents.len(),
        starts[starts.len() / 2],
        starts[starts.len() - 1],
        ends[ends.len() / 2],
        ends[ends.len() - 1]
    );

    // Hold.
    let every = Duration::from_secs(3_600);
    let until = world.clock.now().saturating_add(every).unwrap();
    let holds: Vec<Hold> = names.iter().map(|agent| Hold { agent: agent.clone(), until, every }).collect();
    world.driver.hold(&holds).await.unwrap();
    world.clock.sleep(Duration::from_secs(12)).await;
    assert!(world.states(&names).await.values().all(|state| matches!(state, AgentState::Held { .. })));
    let before = world.last_runs().await;
    world.clock.sleep(Duration::from_secs(40)).await;
    let after = world.last_runs().await;
    let polled: Vec<&AgentName> = names.iter().filter(|name| before[name.as_str()] != after[name.as_str()]).collect();
    assert_eq!(polled, Vec::<&AgentName>::new(), "held agents polled");

    // Let go.
    let released = world.clock.now();
    world.driver.release_all().await.unwrap();
    // Clouddriver tells of a run when it has ended, which takes the slowest agents a while; when it began is what counts.
    let mut first: HashMap<String, Timestamp> = HashMap::new();
    for _ in 0..60 {
        for (agent, started) in world.last_runs().await.into_iter().filter(|(_, started)| *started >= released) {
            first.entry(agent).or_insert(started);
        }
        if names.iter().all(|name| first.contains_key(name.as_str())) {
            break;
        }
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    let in_time = |started: &Timestamp| started.duration_since(released).as_secs_f64() < 6.0;
    let late: Vec<&AgentName> = names.iter().filter(|name| !first.get(name.as_str()).is_some_and(in_time)).collect();
    assert_eq!(late, Vec::<&AgentName>::new(), "agents that were not let go at once");
}
