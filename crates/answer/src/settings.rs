//! What the operator and the wiring give.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_engine::Ledger;
use aws_event_cache_model::AccountId;
use smol_str::SmolStr;

use crate::savings::Savings;

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes that stored answers may take, what it costs to keep them included. Chains that are being collected may take an eighth of it besides.
    pub capacity: usize,
    /// Longest body that is stored, in bytes.
    pub largest: usize,
    /// How long a credential may be answered after AWS answered it, 1 to 15 minutes: how late a revocation that nobody tells us of is obeyed.
    pub admission: Duration,
    /// How long past its age an answer may be given while AWS throttles or fails, as long as no change was heard of.
    pub stale_if_error: Duration,
    /// Accounts of key ids that do not carry theirs: keys made before 2019, and those of a stand-in for AWS.
    pub accounts_of_keys: HashMap<SmolStr, AccountId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // A region with a thousand instances is about 10 MB of answers: room for some fifty.
            capacity: 512 << 20,
            // The largest answer seen from AWS, all images of an account, was about 20 MB.
            largest: 32 << 20,
            // One real call per credential, operation and ten minutes: with polling every 30 s that costs a twentieth.
            admission: Duration::from_secs(600),
            // As long as AWS's throttling lasts in practice; after that a client should know that it sees nothing new.
            stale_if_error: Duration::from_secs(300),
            accounts_of_keys: HashMap::new(),
        }
    }
}

/// What [`Answers`](crate::Answers) is made of.
pub struct Parts {
    /// The operator's settings.
    pub settings: Settings,
    /// What is known about operations and kinds.
    pub catalog: Arc<Catalog>,
    /// Generations and ages: shared with the engine.
    pub ledger: Arc<Ledger>,
    /// The books.
    pub savings: Arc<Savings>,
    /// Random, made anew by every process. Credentials are remembered as hashes under it, which are worth nothing to anybody else.
    pub secret: [u8; 32],
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("settings", &self.settings).finish_non_exhaustive()
    }
}
