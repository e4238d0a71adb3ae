//! What is to be examined: what the configuration says, brought into the forms that each check needs by whoever calls.

use std::path::PathBuf;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_clouddriver::lock_store::LockStoreSettings;
use aws_event_cache_clouddriver::{ClouddriverSettings, Declared, Environments};
use aws_event_cache_config::Config;
use aws_event_cache_model::{AccountId, Accounts, KindId, Place, Region, StockPolling};

use crate::facts::Wanted;

/// Where calls without a region of their own go when the configuration names none.
const DEFAULT_REGION: &str = "us-east-1";

/// What only the caller knows.
#[derive(Debug)]
pub struct Outside {
    /// How Clouddriver is reached.
    pub clouddriver: Option<ClouddriverSettings>,
    /// Where its agents' locks are.
    pub lock_store: Option<LockStore>,
    /// Accounts that the configuration lists, or that Clouddriver's own file names.
    pub declared: Vec<Declared>,
    /// Which account belongs to which environment.
    pub environments: Environments,
    /// Where the running service's control API is.
    pub server: String,
    /// The token for it.
    pub token: Option<String>,
    /// Whether a test message may be published to each topic.
    pub publish: bool,
}

/// A lock store, and what it is.
#[derive(Debug)]
pub struct LockStore {
    /// In a word: `redis`, `sql`, `plugin`.
    pub kind: &'static str,
    /// How it is reached; `None` for one that is not reached by itself.
    pub settings: Option<LockStoreSettings>,
}

/// What is examined.
pub struct Patient {
    pub(crate) clouddriver: Option<ClouddriverSettings>,
    pub(crate) lock_store: Option<LockStore>,
    pub(crate) declared: Vec<Declared>,
    pub(crate) environments: Environments,
    pub(crate) server: String,
    pub(crate) token: Option<String>,
    pub(crate) publish: bool,
    pub(crate) doubts: Vec<String>,
    pub(crate) catalog: Catalog,
    pub(crate) stock: StockPolling,
    pub(crate) store: PathBuf,
    pub(crate) topics: Vec<TopicPlace>,
    pub(crate) queues: Vec<QueuePlace>,
    pub(crate) sns_endpoint: Option<String>,
    pub(crate) public_url: Option<String>,
    paths: Vec<String>,
    raw_taken: bool,
    signature_v2: bool,
    profiles: Vec<(aws_event_cache_model::Environment, Vec<KindId>)>,
}

/// A topic, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct TopicPlace {
    pub(crate) arn: String,
    pub(crate) region: Region,
    pub(crate) account: AccountId,
}

/// A queue, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct QueuePlace {
    pub(crate) url: String,
    pub(crate) arn: String,
    pub(crate) region: Region,
    pub(crate) endpoint: Option<String>,
    pub(crate) role: Option<(String, Option<String>)>,
}

impl Patient {
    /// Joins what the configuration says, what is doubtful in it, and what only the caller knows.
    pub fn new(config: &Config, catalog: Catalog, doubts: Vec<String>, outside: Outside) -> Self {
        let sns = &config.intake.sns;
        Self {
            clouddriver: outside.clouddriver,
            lock_store: outside.lock_store,
            declared: outside.declared,
            environments: outside.environments,
            server: outside.server.trim_end_matches('/').to_owned(),
            token: outside.token,
            publish: outside.publish,
            doubts,
            catalog,
            stock: config.clouddriver.stock,
            store: config.store.clone(),
            topics: sns.topics.iter().filter_map(|topic| topic_place(topic.as_str())).collect(),
            queues: config.intake.queues.iter().filter_map(queue_place).collect(),
            sns_endpoint: sns.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
            public_url: sns.public_url.as_ref().map(|url| url.as_str().to_owned()).filter(|_| sns.enabled),
            paths: if sns.enabled { sns.paths.clone() } else { Vec::new() },
            raw_taken: sns.raw.is_some(),
            signature_v2: sns.require_signature_v2,
            profiles: config.profiles.iter().map(|(name, profile)| (name.clone(), profile.unwatched.clone())).collect(),
        }
    }

    /// Whether messages are taken over HTTP.
    pub(crate) fn takes_http(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Topics and queues, as ARNs.
    pub(crate) fn feeds(&self) -> Vec<String> {
        let topics = self.topics.iter().map(|topic| topic.arn.clone());
        topics.chain(self.queues.iter().map(|queue| queue.arn.clone())).collect()
    }

    /// What a subscription of ours may look like.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            url: self.public_url.clone(),
            paths: self.paths.clone(),
            queues: self.queues.iter().map(|queue| queue.arn.clone()).collect(),
            raw_taken: self.raw_taken,
            signature_v2: self.signature_v2,
        }
    }

    /// The region of the first feed, or of the first account.
    pub(crate) fn home(&self) -> Region {
        let topics = self.topics.iter().map(|topic| &topic.region);
        let queues = self.queues.iter().map(|queue| &queue.region);
        let accounts = self.declared.iter().filter_map(|account| account.regions.first());
        let first = topics.chain(queues).chain(accounts).next().cloned();
        first.unwrap_or_else(|| Region::new(DEFAULT_REGION).expect("invariant: a region's name"))
    }

    /// The kinds that the profile of this place leaves to polling.
    pub(crate) fn unwatched(&self, accounts: &Accounts, place: &Place) -> &[KindId] {
        let Some(environment) = accounts.environment_of(&place.account) else { return &[] };
        let of = self.profiles.iter().find(|(name, _)| name == environment);
        of.map(|(_, unwatched)| unwatched.as_slice()).unwrap_or_default()
    }
}

fn topic_place(arn: &str) -> Option<TopicPlace> {
    let parts: Vec<&str> = arn.split(':').collect();
    Some(TopicPlace {
        arn: arn.to_owned(),
        region: Region::new(parts.get(3)?).ok()?,
        account: AccountId::new(parts.get(4)?).ok()?,
    })
}

fn queue_place(queue: &aws_event_cache_config::QueueSettings) -> Option<QueuePlace> {
    let mut path = queue.url.path_segments()?.filter(|part| !part.is_empty());
    let (account, name) = (path.next()?, path.next()?);
    let region = queue.region.as_str();
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    Some(QueuePlace {
        url: queue.url.as_str().to_owned(),
        arn: format!("arn:{partition}:sqs:{region}:{account}:{name}"),
        region: queue.region.clone(),
        endpoint: queue.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        role: queue.assume_role.clone().map(|role| (role, queue.external_id.clone())),
    })
}
