//! Clouddriver's agents: what one file of `agents/` says.

use std::time::Duration;

use aws_event_cache_model::{BucketId, Provider};
use smol_str::SmolStr;

use crate::template::Template;

/// One sort of agent.
#[derive(Debug, Clone)]
pub struct AgentSpec {
    /// What kinds call it: the file's name.
    pub id: SmolStr,
    /// Its agentType, with `{account}` and `{region}`.
    pub name: Template,
    /// Whose agent it is.
    pub provider: Provider,
    /// What it exists once for.
    pub per: Per,
    /// Its own interval; `None` when it follows Clouddriver's configuration.
    pub interval: Option<Duration>,
    /// Its own timeout; `None` when it follows Clouddriver's configuration.
    pub timeout: Option<Duration>,
    /// It exists only for accounts with Lambda.
    pub lambda_only: bool,
    /// Clouddriver's setting without which it does not exist, for people.
    pub setting: Option<String>,
    /// About how many calls a run draws from which bucket, for an account with a small fleet.
    pub calls: Vec<(BucketId, u32)>,
    /// The file it was read from.
    pub file: String,
}

/// What an agent exists once for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Each region of each account.
    AccountRegion,
    /// Each account.
    Account,
    /// Each region, over all accounts.
    Region,
}
