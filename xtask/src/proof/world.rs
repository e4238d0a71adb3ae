//! A mock AWS and a Clouddriver that polls it, by itself or with the service's help.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_testkit::{CallError, Clouddriver, MockAccount, MockAws, Place, Redis, StartError, free_port};
use jiff::Timestamp;
use serde_json::Value;

use super::Options;
use super::churn::Change;
use super::service::{Arms, Service};
use crate::command::say;
use crate::setup::Release;

/// The region of the harness's accounts.
const REGION: &str = "us-west-2";

/// Agents' first runs: seen 10 s on an idle machine with a small fleet, a minute beside other worlds.
pub(super) const FIRST_RUNS: Duration = Duration::from_secs(300);

/// A sort of world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sort {
    /// Clouddriver by itself
    Stock,
    /// The service drives Clouddriver's agents
    Drive,
    /// The service answers in AWS's place
    Answer,
    /// It does both
    Both,
}

impl Sort {
    /// Its name, in tables and JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Drive => "drive",
            Self::Answer => "answer",
            Self::Both => "both",
        }
    }

    fn drives(self) -> bool {
        matches!(self, Self::Drive | Self::Both)
    }

    fn answers(self) -> bool {
        matches!(self, Self::Answer | Self::Both)
    }
}

/// How much there is in each account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fleet {
    /// 5 server groups, 12 instances, 3 load balancers
    Small,
    /// 100 server groups, 520 instances, 50 load balancers
    Medium,
}

impl Fleet {
    fn argument(self) -> &'static str {
        match self {
            Self::Small => "--fleet=small",
            Self::Medium => "--fleet=medium",
        }
    }
}

/// All that is needed to see a change in AWS arrive in Clouddriver's cache.
pub(super) struct World {
    /// Which one it is.
    pub(super) sort: Sort,
    /// The service, if there is one. Ends first, and lets every agent go.
    service: Option<Service>,
    /// Clouddriver.
    pub(super) clouddriver: Clouddriver,
    /// The mock AWS.
    pub(super) aws: MockAws,
    /// Spinnaker's account name -> its AWS account.
    pub(super) accounts: BTreeMap<String, MockAccount>,
    /// Holds Clouddriver's cache and locks.
    _redis: Redis,
}

impl World {
    /// Starts everything, and waits until every agent has run once and the service trusts its event streams: from then on polling is steady.
    pub(super) fn start(sort: Sort, program: &Path, options: &Options, clock: &Clock) -> Result<Self, WorldError> {
        say(&format!("starting the world \"{}\"", sort.name()));
        let aws = start_aws(options.fleet)?;
        let redis = Redis::start()?;
        // The service must know where Clouddriver is, and Clouddriver where the service answers.
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let arms = Arms { drive: sort.drives(), answer_for: sort.answers().then(|| aws.url()) };
        let service = || Service::start(program, &url, &redis.url(), &arms, clock.now());
        let mut service = if sort == Sort::Stock { None } else { Some(service()?) };
        let aws_proxy = service.as_ref().and_then(Service::port);
        let place = Place { port: Some(port), aws_proxy, settings: &[], plugin_for: None };
        let clouddriver = Clouddriver::start_at(options.spinnaker.into(), &aws, &redis, &place)?;
        let missing = clouddriver.wait_for_agents(FIRST_RUNS)?;
        if !missing.is_empty() {
            say(&format!("never ran in \"{}\", and will not count: {}", sort.name(), missing.join(", ")));
        }
        let known = clouddriver.accounts()?;
        let accounts: BTreeMap<_, _> = known.into_iter().map(|(name, id)| (name, aws.account(&id, REGION))).collect();
        if let Some(service) = &mut service {
            service.wait_until_healthy(accounts.values(), clock.now())?;
        }
        Ok(Self { sort, service, clouddriver, aws, accounts, _redis: redis })
    }

    /// A change was made; AWS will tell of it if it does so at all.
    pub(super) fn hear(&mut self, change: &Change, made: Timestamp) {
        if let Some(service) = &mut self.service {
            service.hear(change, made);
        }
    }

    /// Lets AWS say what is due by now; gives the changes that it told of.
    pub(super) fn speak(&mut self, now: Timestamp) -> Result<Vec<u32>, WorldError> {
        self.service.as_mut().map_or(Ok(Vec::new()), |service| service.speak(now))
    }

    /// The service's own account of itself; null where there is none.
    pub(super) fn status(&self) -> Result<Value, WorldError> {
        self.service.as_ref().map_or(Ok(Value::Null), Service::status)
    }

    /// What the service answered instead of AWS; null where it does not answer.
    pub(super) fn savings(&self) -> Result<Value, WorldError> {
        self.service.as_ref().map_or(Ok(Value::Null), Service::savings)
    }
}

fn start_aws(fleet: Fleet) -> Result<MockAws, StartError> {
    MockAws::start(&[
        // The accounts of the harness's profile "roles".
        "--accounts=123456789012,222222222222",
        "--regions",
        REGION,
        fleet.argument(),
        "--limits=aws",
        "--random-seed=1",
        // Or the agent of reserved instances, which moto lacks, fails at every run.
        "--empty-unimplemented",
        // What the service forwards has to be what Clouddriver signed.
        "--check-signatures",
    ])
}

impl From<Release> for aws_event_cache_testkit::Release {
    fn from(release: Release) -> Self {
        match release {
            Release::Spinnaker136 => Self::Spinnaker136,
            Release::Spinnaker128 => Self::Spinnaker128,
        }
    }
}

/// Why a world cannot be started or asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorldError {
    /// A part did not start.
    #[error("cannot start the world")]
    Start(#[from] StartError),
    /// A part does not answer, or refuses.
    #[error("the world is broken")]
    Call(#[from] CallError),
    /// The service runs, but does not trust its event streams.
    #[error("the service has no healthy streams; its problems: {problems}")]
    NotReady {
        /// What `/v1/status` says of them.
        problems: String,
    },
}
