//! Everything that stands around a service: Redis with Clouddriver's locks, SNS, a folder with its files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws_event_cache_testkit::Redis;
use redis::aio::MultiplexedConnection;
use redis::cmd;
use tempfile::TempDir;

use super::catalog::{self, KINDS};
use super::scheduler::{Scheduler, Times, connect};
use super::service::Service;
use super::sns::{Sns, TOPIC};

pub const REGION: &str = "eu-west-1";

/// The first part of the value of every lock that the service writes.
pub const OURS: &str = "aws-event-cache:";

/// What a configuration says where tests differ.
#[derive(Debug, Clone)]
pub struct Setup {
    pub mode: &'static str,
    pub listen: &'static str,
    pub times: Times,
    pub accounts: usize,
    /// Further lines of the sections `server` and `intake`, indented.
    pub server: String,
    pub intake: String,
    /// The lock store's URL; the test's own Redis when absent.
    pub redis: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            mode: "enforce",
            listen: "127.0.0.1:0",
            times: Times::default(),
            accounts: 1,
            server: String::new(),
            intake: String::new(),
            redis: None,
        }
    }
}

pub struct World {
    pub setup: Setup,
    pub redis: Redis,
    pub sns: Arc<Sns>,
    pub folder: TempDir,
    catalog: PathBuf,
    root: PathBuf,
}

impl World {
    pub async fn new(setup: Setup) -> Self {
        let folder = tempfile::Builder::new().prefix("aec-service-").tempdir().unwrap();
        let (redis, sns) = (Redis::start().unwrap(), Arc::new(Sns::start().await));
        let catalog = catalog::write(folder.path());
        let root = folder.path().join("root.pem");
        fs::write(&root, sns.root.root_pem()).unwrap();
        Self { setup, redis, sns, folder, catalog, root }
    }

    /// Spinnaker's names and AWS's ids of the accounts.
    pub fn accounts(&self) -> Vec<(String, String)> {
        (0..self.setup.accounts).map(|n| (format!("a{n}"), format!("{:012}", 222_233_330_000 + n as u64))).collect()
    }

    /// The invented agents of all accounts.
    pub fn agents(&self) -> Vec<String> {
        let accounts = self.accounts();
        accounts.iter().flat_map(|(name, _)| KINDS.map(|kind| catalog::agent(name, REGION, kind))).collect()
    }

    /// Writes the configuration file.
    pub fn config(&self) -> PathBuf {
        let file = self.folder.path().join("config.yaml");
        fs::write(&file, self.yaml()).unwrap();
        file
    }

    pub fn yaml(&self) -> String {
        let Setup { mode, listen, times, server, intake, redis, .. } = &self.setup;
        let accounts: String = self
            .accounts()
            .iter()
            .map(|(name, id)| format!("    - {{name: {name}, accountId: \"{id}\", regions: [{REGION}]}}\n"))
            .collect();
        let redis = redis.clone().unwrap_or_else(|| self.redis.url());
        format!(
            "environments:\n  production:\n    debounce: {{idle: 50ms, max: 500ms}}\n\
             accounts:\n  discover: false\n  list:\n{accounts}\
             clouddriver:\n  lockStore: {{redis: '{redis}'}}\n  stockInterval: {}s\n  stockTimeout: {}s\n\
             drive: {{mode: {mode}}}\n\
             intake:\n  sns:\n    topics: ['{TOPIC}']\n    endpoint: {}\n    certificates: {{extraRoots: [{}]}}\n{intake}\
             server:\n  listen: {listen}\n{server}\
             store: {{path: {}}}\ncatalog: {{folder: {}}}\nlog: {{format: json, level: info}}\n",
            times.interval.as_secs(),
            times.timeout.as_secs(),
            self.sns.base,
            self.root.display(),
            self.folder.path().join("state.redb").display(),
            self.catalog.display(),
        )
    }

    pub async fn serve(&self) -> Service {
        let service = Service::start(&self.config()).await;
        service.ready().await;
        service
    }

    pub async fn scheduler(&self) -> Scheduler {
        Scheduler::start(&self.redis.url(), self.agents(), self.setup.times).await
    }

    pub async fn locks(&self) -> Locks {
        Locks(connect(&self.redis.url()).await)
    }

    /// Has every stream be alive.
    pub async fn heartbeats(&self, service: &Service) {
        self.sns.heartbeats(&service.base, &self.accounts(), REGION).await;
    }
}

/// The locks, as a person with `redis-cli` sees them.
#[derive(Clone)]
pub struct Locks(pub MultiplexedConnection);

impl Locks {
    /// Value and milliseconds left.
    pub async fn lock(&self, agent: &str) -> Option<(String, i64)> {
        let mut connection = self.0.clone();
        let value: Option<String> = cmd("GET").arg(agent).query_async(&mut connection).await.unwrap();
        let left: i64 = cmd("PTTL").arg(agent).query_async(&mut connection).await.unwrap();
        value.map(|value| (value, left))
    }

    /// Which of these agents are held by us.
    pub async fn held(&self, agents: &[String]) -> Vec<String> {
        let mut held = Vec::new();
        for agent in agents {
            if self.lock(agent).await.is_some_and(|(value, _)| value.starts_with(OURS)) {
                held.push(agent.clone());
            }
        }
        held
    }

    /// Every key with what it holds and when it ends, in the order of names.
    pub async fn dump(&self) -> Vec<(String, Vec<u8>, i64)> {
        let mut connection = self.0.clone();
        let mut keys: Vec<String> = cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
        keys.sort();
        let mut all = Vec::new();
        for key in keys {
            let value: Option<Vec<u8>> = cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
            let ends: i64 = cmd("PEXPIRETIME").arg(&key).query_async(&mut connection).await.unwrap();
            all.extend(value.map(|value| (key, value, ends)));
        }
        all
    }
}
