//! A mock AWS and a Clouddriver that polls it.

use std::collections::BTreeMap;

use aws_event_cache_testkit::{CallError, Clouddriver, MockAccount, MockAws, Redis, StartError};

use crate::command::say;
use crate::setup::Release;

/// The region of the harness's accounts.
const REGION: &str = "us-west-2";

/// All that is needed to see a change in AWS arrive in Clouddriver's cache.
pub(super) struct World {
    /// The mock AWS.
    pub(super) aws: MockAws,
    /// Clouddriver.
    pub(super) clouddriver: Clouddriver,
    /// Spinnaker's account name -> its AWS account.
    pub(super) accounts: BTreeMap<String, MockAccount>,
    /// Holds Clouddriver's cache and locks.
    _redis: Redis,
}

impl World {
    /// Starts everything.
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
        let known = clouddriver.accounts()?;
        let accounts = known.into_iter().map(|(name, id)| (name, aws.account(&id, REGION))).collect();
        Ok(Self { aws, clouddriver, accounts, _redis: redis })
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
}
