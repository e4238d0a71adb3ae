//! Everything that the walk passes, in good order, with a running service in the middle of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{AccountId, Accounts, Environment, Provider, Region, SpinnakerAccount, StockPolling};
use aws_event_cache_testkit::{Redis, free_port};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use serde_json::Value;
use tempfile::TempDir;

use crate::aws::{Aws, QUEUE};
use crate::clouddriver::Clouddriver;
use crate::relay::Relay;
use crate::support::catalog;
use crate::support::scheduler::connect;
use crate::support::service::{Service, prepared};
use crate::support::sns::{Sns, TOPIC, heartbeat};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";

/// Longer than any test: the locks do not end before it.
const LOCKED: u64 = 3_600_000;

pub(crate) struct World {
    pub(crate) aws: Aws,
    pub(crate) clouddriver: Clouddriver,
    pub(crate) redis: Redis,
    pub(crate) relay: Relay,
    pub(crate) sns: Arc<Sns>,
    pub(crate) service: Service,
    /// The subscription over HTTP.
    pub(crate) subscription: String,
    pub(crate) folder: TempDir,
    catalog: PathBuf,
}

/// What `doctor` was told, printed and left as its exit status.
pub(crate) struct Told {
    pub(crate) status: Option<i32>,
    pub(crate) report: Value,
    pub(crate) text: String,
}

impl Told {
    /// Hop and code of everything with this verdict.
    pub(crate) fn with(&self, verdict: &str) -> BTreeSet<(String, String)> {
        let all = self.report["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == verdict);
        let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        all.map(|finding| (word(finding, "hop"), word(finding, "code"))).collect()
    }

    /// That exactly these are broken, each named by its code.
    pub(crate) fn must_break(&self, name: &str, expected: &[(&str, &str)]) {
        let expected: BTreeSet<(String, String)> =
            expected.iter().map(|(hop, code)| ((*hop).to_owned(), (*code).to_owned())).collect();
        assert_eq!(self.with("broken"), expected, "{name}: {:#}", self.report);
        assert_eq!(self.status, Some(i32::from(!expected.is_empty())), "{name}");
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("aec-doctor-").tempdir().unwrap();
        let (aws, clouddriver) = (Aws::start().await, Clouddriver::start().await);
        let (redis, sns) = (Redis::start().unwrap(), Arc::new(Sns::start().await));
        let relay = Relay::start(Arc::clone(&sns)).await;
        let catalog = catalog::write(folder.path());
        fs::write(folder.path().join("root.pem"), sns.root.root_pem()).unwrap();
        aws.subscribe("sqs", QUEUE);
        let subscription = aws.subscribe("http", &relay.url());
        let agents = agents(&catalog);
        clouddriver.tells.lock().agent = agents[0].clone();
        lock(&mut connect(&redis.url()).await, &agents).await;
        let text = yaml(&folder, &catalog, &aws, &clouddriver.base, &redis.url(), &relay.url(), &sns.base);
        let config = folder.path().join("service.yaml");
        fs::write(&config, text).unwrap();
        let service = Service::start_with(&config, &credentials()).await;
        service.ready().await;
        relay.to(&service.base);
        Self { aws, clouddriver, redis, relay, sns, service, subscription, folder, catalog }
    }

    /// The configuration that is right.
    pub(crate) fn yaml(&self) -> String {
        let (redis, relay) = (self.redis.url(), self.relay.url());
        yaml(&self.folder, &self.catalog, &self.aws, &self.clouddriver.base, &redis, &relay, &self.sns.base)
    }

    /// The same without the queue.
    pub(crate) fn http_only(&self) -> String {
        let all = self.yaml();
        format!("{}{}", &all[..all.find("  sqs:").unwrap()], &all[all.find("server:").unwrap()..])
    }

    /// The service hears of the place that it serves.
    pub(crate) async fn heartbeat(&self) {
        self.sns.publish(&self.service.base, &heartbeat(ACCOUNT, REGION)).await;
    }

    /// With the right configuration, without the test message that a break would have it wait for.
    pub(crate) async fn doctor(&self) -> Told {
        self.doctor_with(&self.yaml(), &["--no-publish"], true).await
    }

    /// With a configuration, further arguments, and AWS credentials or none.
    pub(crate) async fn doctor_with(&self, yaml: &str, arguments: &[&str], with_credentials: bool) -> Told {
        let file = self.folder.path().join("doctor.yaml");
        fs::write(&file, yaml).unwrap();
        let mut all = vec!["doctor", "--json"];
        if !arguments.contains(&"--server") {
            all.extend(["--server", self.service.base.as_str()]);
        }
        all.extend(arguments);
        let mut command = prepared(&all);
        command.arg("--config").arg(&file);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        let none =
            [("AWS_EC2_METADATA_DISABLED", "true".to_owned()), ("HOME", self.folder.path().display().to_string())];
        command.envs(none).env("NO_PROXY", "127.0.0.1");
        if with_credentials {
            command.envs(credentials()).env("AWS_ENDPOINT_URL", self.aws.mock.url());
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let report =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        Told { status: output.status.code(), report, text }
    }
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

fn credentials() -> [(&'static str, &'static str); 4] {
    [
        ("AWS_ACCESS_KEY_ID", "AKIAMOCK111122223333"),
        ("AWS_SECRET_ACCESS_KEY", "mock-secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_REGION", REGION),
    ]
}

fn yaml(
    folder: &TempDir,
    catalog: &std::path::Path,
    aws: &Aws,
    clouddriver: &str,
    redis: &str,
    relay: &str,
    sns: &str,
) -> String {
    let folder = folder.path().display();
    let (queue, mock) = (aws.queue_url(), aws.mock.url());
    let catalog = catalog.display();
    format!(
        "accounts:\n  discover: true\n  list:\n    - {{name: prod, accountId: \"{ACCOUNT}\", regions: [{REGION}]}}\n\
         clouddriver:\n  url: {clouddriver}\n  lockStore: {{redis: '{redis}'}}\n\
         drive: {{mode: observe}}\n\
         intake:\n  sns:\n    topics: ['{TOPIC}']\n    publicUrl: {relay}\n    endpoint: {sns}\n    certificates: {{extraRoots: [{folder}/root.pem]}}\n\
         \x20 sqs:\n    queues:\n      - {{url: '{queue}', region: {REGION}, endpoint: '{mock}'}}\n\
         server: {{listen: '127.0.0.1:0'}}\nstore: {{path: {folder}/state.redb}}\ncatalog: {{folder: {catalog}}}\nlog: {{format: json, level: info}}\n"
    )
}

/// Every agent that the one account gives, of the shipped catalogue and the invented one.
pub(crate) fn agents(folder: &std::path::Path) -> Vec<String> {
    let catalog = Catalog::with_folder(folder).unwrap();
    let account = SpinnakerAccount {
        name: "prod".to_owned(),
        provider: Provider::Aws,
        account: AccountId::new(ACCOUNT).unwrap(),
        regions: vec![Region::new(REGION).unwrap()],
        environment: Environment::new("production").unwrap(),
        assume_role: None,
        lambda: true,
    };
    let roster = catalog.roster(&Accounts::new([account]), &StockPolling::default());
    roster.agents().iter().map(|agent| agent.name.to_string()).collect()
}

/// Gives every agent the lock that a replica would have taken for it.
async fn lock(connection: &mut MultiplexedConnection, agents: &[String]) {
    for agent in agents {
        let _: () =
            cmd("SET").arg(agent).arg("clouddriver-1").arg("PX").arg(LOCKED).query_async(connection).await.unwrap();
    }
}
