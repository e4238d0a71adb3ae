//! A mock AWS and a Clouddriver that polls it, alone or driven by the service.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_event_cache_testkit::{CallError, Clouddriver, MockAccount, MockAws, Redis, StartError};
use jiff::Timestamp;
use serde_json::Value;

use super::churn::Change;
use super::driven::Driven;
use crate::command::say;
use crate::setup::Release;

/// The region of the harness's accounts.
const REGION: &str = "us-west-2";

/// Agents' first runs: seen 10 s on an idle machine.
const FIRST_RUNS: Duration = Duration::from_secs(180);

/// All that is needed to see a change in AWS arrive in Clouddriver's cache.
pub(super) struct World {
    /// The service, if there is one. Ends first, and lets every agent go.
    driven: Option<Driven>,
    /// Clouddriver.
    pub(super) clouddriver: Clouddriver,
    /// The mock AWS.
    pub(super) aws: MockAws,
    /// Spinnaker's account name -> its AWS account.
    pub(super) accounts: BTreeMap<String, MockAccount>,
    /// Holds Clouddriver's cache and locks.
    redis: Redis,
}

impl World {
    /// Starts everything but the service, and waits until every agent has run once: from then on polling is steady.
    pub(super) fn start(release: Release) -> Result<Self, WorldError> {
        say("starting mock AWS, Redis, proxy and Clouddriver");
        let aws = MockAws::start(&[
            // The accounts of the harness's profile "roles".
            "--accounts=123456789012,222222222222",
            "--regions",
            REGION,
            "--fleet=small",
            "--limits=aws",
            "--random-seed=1",
            // Or the agent of reserved instances, which moto lacks, fails at every run.
            "--empty-unimplemented",
        ])?;
        let redis = Redis::start()?;
        let clouddriver = Clouddriver::start(release.into(), &aws, &redis)?;
        let missing = clouddriver.wait_for_agents(FIRST_RUNS)?;
        if !missing.is_empty() {
            say(&format!("never ran, and will not count: {}", missing.join(", ")));
        }
        let known = clouddriver.accounts()?;
        let accounts = known.into_iter().map(|(name, id)| (name, aws.account(&id, REGION))).collect();
        Ok(Self { driven: None, clouddriver, aws, accounts, redis })
    }

    /// Starts the service, and waits until it trusts its event streams.
    pub(super) fn drive(&mut self, program: &Path, now: Timestamp) -> Result<(), WorldError> {
        let (clouddriver, redis) = (self.clouddriver.url(), self.redis.url());
        let mut driven = Driven::start(program, clouddriver, &redis, self.accounts.values(), now)?;
        driven.wait_until_healthy(now)?;
        self.driven = Some(driven);
        Ok(())
    }

    /// A change was made; AWS will tell of it if it does so at all.
    pub(super) fn hear(&mut self, change: &Change, made: Timestamp) {
        if let Some(driven) = &mut self.driven {
            driven.hear(change, made);
        }
    }

    /// Lets AWS say what is due by now; gives the changes that it told of.
    pub(super) fn speak(&mut self, now: Timestamp) -> Result<Vec<u32>, WorldError> {
        self.driven.as_mut().map_or(Ok(Vec::new()), |driven| driven.speak(now))
    }

    /// The service's own account of itself; null where there is none.
    pub(super) fn status(&self) -> Result<Value, WorldError> {
        self.driven.as_ref().map_or(Ok(Value::Null), Driven::status)
    }
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
    /// The service runs, but does not drive.
    #[error("the service has no healthy streams; its status: {status}")]
    NotReady {
        /// `/v1/status`.
        status: String,
    },
}
