//! What stands around the answer arm: a stand-in for AWS, an SNS, a folder with its files.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::stand_in::StandIn;
use crate::support::catalog;
use crate::support::eventually;
use crate::support::service::{Service, command};
use crate::support::sns::{Sns, TOPIC};

pub(crate) const ACCOUNT: &str = "222233330000";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const HOST: &str = "test.eu-west-1.amazonaws.com";

/// A switch is heeded within a second; a busy machine gets more.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct World {
    pub(crate) aws: StandIn,
    pub(crate) sns: Sns,
    pub(crate) folder: TempDir,
    catalog: PathBuf,
    /// The section `answer`, but for what every test needs.
    pub(crate) answer: String,
}

impl World {
    pub(crate) async fn new(answer: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("aec-answer-").tempdir().unwrap();
        let (aws, sns) = (StandIn::start().await, Sns::start().await);
        let catalog = catalog::write(folder.path());
        fs::write(folder.path().join("root.pem"), sns.root.root_pem()).unwrap();
        Self { aws, sns, folder, catalog, answer: answer.to_owned() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration: the answer arm alone, with one account so that its events are heard.
    pub(crate) fn config(&self) -> PathBuf {
        let file = self.path("config.yaml");
        let text = format!(
            "drive: {{mode: off}}\n\
             accounts: {{discover: false, list: [{{name: prod, accountId: '{ACCOUNT}', regions: [{REGION}]}}]}}\n\
             answer:\n  listen: 127.0.0.1:0\n  upstream: {{endpoint: '{}'}}\n  passFile: {}\n{}\n\
             intake:\n  sns:\n    topics: ['{TOPIC}']\n    endpoint: {}\n    certificates: {{extraRoots: [{}]}}\n\
             server: {{listen: '127.0.0.1:0'}}\n\
             store: {{path: {}}}\ncatalog: {{folder: {}}}\nlog: {{format: json, level: info}}\n",
            self.aws.url,
            self.path("pass").display(),
            self.answer.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"),
            self.sns.base,
            self.path("root.pem").display(),
            self.path("state.redb").display(),
            self.catalog.display(),
        );
        fs::write(&file, text).unwrap();
        file
    }

    pub(crate) async fn serve(&self) -> Running {
        let service = Service::start(&self.config()).await;
        service.ready().await;
        let address = eventually("the proxy listens", SOON, async || proxy_address(&service.log())).await;
        Running { proxy: format!("http://{address}"), service }
    }

    /// Makes a certificate authority with the command line; gives its folder.
    pub(crate) fn authority(&self) -> PathBuf {
        let folder = self.path("ca");
        let made = command(&["ca", "init", "--folder", &folder.display().to_string()]);
        assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
        folder
    }
}

/// A service with an open proxy.
pub(crate) struct Running {
    pub(crate) service: Service,
    pub(crate) proxy: String,
}

impl Running {
    pub(crate) fn client(&self) -> Client {
        Client::plain(&self.proxy)
    }

    /// Waits until the status tells this mode.
    pub(crate) async fn says_mode(&self, mode: &str) {
        eventually(&format!("the mode is {mode}"), SOON, async || {
            (self.service.get("/v1/answer").await["mode"] == mode).then_some(())
        })
        .await;
    }
}

fn proxy_address(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"] == "the proxy listens")
        .find_map(|line| line["address"].as_str().map(str::to_owned))
}
