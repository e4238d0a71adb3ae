//! The service itself, as a process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::Http;
use crate::process::{Launch, Process, eventually, folder, with_free_port};
use crate::{CallError, StartError, Topic};

/// What the service is told.
#[derive(Debug, Clone, Copy)]
pub struct Wiring<'a> {
    /// Clouddriver's URL.
    pub clouddriver: &'a str,
    /// Clouddriver's Redis.
    pub redis: &'a str,
    /// The topic whose messages it accepts.
    pub topic: &'a Topic,
    /// `enforce`, `observe` or `off`.
    pub mode: &'a str,
    /// How often Clouddriver polls by itself: 30 s unless it was told otherwise.
    pub stock_interval: Duration,
}

/// The running service: accounts from Clouddriver, agents' locks in Redis, messages from one topic, the shipped production profile, and a store of its own.
#[derive(Debug)]
pub struct EventCache {
    url: String,
    http: Http,
    process: Process,
    _folder: TempDir,
}

impl EventCache {
    /// Starts `program` and waits until it listens. It may still be without accounts: see [`EventCache::is_ready`].
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start(program: &Path, wiring: &Wiring<'_>) -> Result<Self, StartError> {
        let (port, process, folder) = with_free_port(|port| {
            let folder = folder(None)?;
            let config = write_config(folder.path(), port, wiring)?;
            let mut launch = Launch::new("aws-event-cache", program.to_path_buf(), r#""listening""#);
            launch.arguments = ["serve", "--config", &config].map(str::to_owned).into();
            Ok((port, launch.start(folder.path().join("log"))?, folder))
        })?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), http: Http::new(), process, _folder: folder })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where SNS posts to.
    pub fn subscriber(&self) -> String {
        format!("{}/v1/sns", self.url)
    }

    /// Whether it says that it is ready.
    pub fn is_ready(&self) -> bool {
        self.http.get(&format!("{}/health/ready", self.url)).is_ok()
    }

    /// Its own account of itself: `GET /v1/status`.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub fn status(&self) -> Result<Value, CallError> {
        self.http.get(&format!("{}/v1/status", self.url))
    }

    /// The health of the event stream of every place that it serves.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub fn streams(&self) -> Result<Vec<String>, CallError> {
        let status = self.status()?;
        let places = status["places"].as_array().into_iter().flatten();
        Ok(places.map(|place| place["health"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Waits until the status is as wanted; whether it was within `patience`.
    ///
    /// # Errors
    ///
    /// When the service is gone.
    pub fn wait_for(&self, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Result<bool, CallError> {
        let seen = eventually(patience, || match self.status() {
            Ok(status) => wanted(&status).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        });
        seen.transpose().map(|seen| seen.is_some())
    }

    /// The process id, for tests that stop or kill it.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.process.log_text()
    }
}

fn write_config(folder: &Path, port: u16, wiring: &Wiring<'_>) -> Result<String, StartError> {
    let write = |name: &str, text: &str| -> Result<String, StartError> {
        let path = folder.join(name);
        fs::write(&path, text).map_err(StartError::io("write", &path))?;
        Ok(path.display().to_string())
    };
    let root = write("root.pem", wiring.topic.root_pem())?;
    let Wiring { clouddriver, redis, topic, mode, stock_interval } = wiring;
    let interval = stock_interval.as_secs();
    let store = folder.join("state.redb").display().to_string();
    let (arn, endpoint) = (topic.arn(), topic.endpoint());
    let config = format!(
        "accounts:
  discover: true
  environments: [{{match: \"*\", environment: production}}]
clouddriver:
  url: \"{clouddriver}\"
  lockStore: {{redis: \"{redis}\"}}
  stockInterval: {interval}s
drive: {{mode: {mode}}}
intake:
  sns:
    topics: [\"{arn}\"]
    endpoint: \"{endpoint}\"
    certificates: {{extraRoots: [\"{root}\"]}}
server: {{listen: \"127.0.0.1:{port}\"}}
store: {{path: \"{store}\"}}
log: {{format: json, level: info}}
"
    );
    write("config.yaml", &config)
}
