//! The service itself, as a process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::Http;
use crate::process::{Launch, Process, eventually, folder, free_port, run, with_free_port};
use crate::{CallError, StartError, Topic, find};

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
    /// Its answer arm; `None` if it has none.
    pub answer: Option<AnswerWiring<'a>>,
}

/// What the service's answer arm is told.
#[derive(Debug, Clone, Copy)]
pub struct AnswerWiring<'a> {
    /// `pass`, `observe` or `serve`.
    pub mode: &'a str,
    /// What stands in for AWS: `http://127.0.0.1:<port>`.
    pub upstream: &'a str,
    /// Accounts of access keys that do not carry theirs.
    pub keys: &'a [(&'a str, &'a str)],
    /// Whether it makes itself a certificate authority, for clients that speak TLS to AWS.
    pub tls: bool,
}

/// The running service: accounts from Clouddriver, agents' locks in Redis, messages from one topic, the shipped production profile, and a store of its own.
#[derive(Debug)]
pub struct EventCache {
    url: String,
    http: Http,
    process: Process,
    answering: Option<Answering>,
    _folder: TempDir,
}

/// Where a service answers in AWS's place.
#[derive(Debug, Clone)]
pub struct Answering {
    address: SocketAddr,
    authority: Option<PathBuf>,
}

impl Answering {
    /// The forward proxy's address on loopback.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:<port>`: what `HTTPS_PROXY` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The certificate of its authority, as a PEM file to be trusted; `None` if it has none.
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }
}

impl EventCache {
    /// Starts `program` and waits until it listens. It may still be without accounts: see [`EventCache::is_ready`].
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start(program: &Path, wiring: &Wiring<'_>) -> Result<Self, StartError> {
        with_free_port(|port| {
            let folder = folder(None)?;
            let answering = wiring.answer.map(|answer| answering(program, folder.path(), &answer)).transpose()?;
            let config = write_config(folder.path(), port, wiring, answering.as_ref())?;
            let mut launch = Launch::new("aws-event-cache", program.to_path_buf(), r#""listening""#);
            launch.arguments = ["serve", "--config", &config].map(str::to_owned).into();
            let process = launch.start(folder.path().join("log"))?;
            let url = format!("http://127.0.0.1:{port}");
            Ok(Self { url, http: Http::new(), process, answering, _folder: folder })
        })
    }

    /// Starts the program that cargo built beside the running test, with a configuration of the caller's: `config` gets the port for the API and a folder for the
    /// store. Waits until it listens.
    ///
    /// # Errors
    ///
    /// When it is not built or does not start.
    pub fn start_configured(config: impl Fn(u16, &Path) -> String) -> Result<Self, StartError> {
        let program = find::service()?;
        with_free_port(|port| {
            let folder = folder(None)?;
            let file = folder.path().join("config.yaml");
            fs::write(&file, config(port, folder.path())).map_err(StartError::io("write", &file))?;
            let mut launch = Launch::new("aws-event-cache", program.clone(), r#""listening""#);
            launch.arguments = ["serve", "--config", &file.display().to_string()].map(str::to_owned).into();
            let process = launch.start(folder.path().join("log"))?;
            let url = format!("http://127.0.0.1:{port}");
            Ok(Self { url, http: Http::new(), process, answering: None, _folder: folder })
        })
    }

    /// Where it answers in AWS's place; `None` if it was told not to.
    pub fn answering(&self) -> Option<&Answering> {
        self.answering.as_ref()
    }

    /// What it answered instead of AWS, and what it asked AWS nevertheless: `GET /v1/savings`.
    ///
    /// # Errors
    ///
    /// When it is gone, or has no answer arm.
    pub fn savings(&self) -> Result<Value, CallError> {
        self.http.get(&format!("{}/v1/savings", self.url))
    }

    /// The answer arm's own account of itself: `GET /v1/answer`.
    ///
    /// # Errors
    ///
    /// When it is gone, or has no answer arm.
    pub fn answers(&self) -> Result<Value, CallError> {
        self.http.get(&format!("{}/v1/answer", self.url))
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

/// A free port, and an authority if one is wanted: what the configuration has to name.
fn answering(program: &Path, folder: &Path, answer: &AnswerWiring<'_>) -> Result<Answering, StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let authority = if answer.tls { Some(make_authority(program, &folder.join("ca"))?) } else { None };
    Ok(Answering { address, authority })
}

/// Has the program make a certificate authority in this folder; gives the PEM file that clients are to trust.
fn make_authority(program: &Path, folder: &Path) -> Result<PathBuf, StartError> {
    let mut command = Command::new(program);
    run("aws-event-cache ca init", command.args(["ca", "init", "--folder"]).arg(folder))?;
    Ok(folder.join("ca.pem"))
}

fn write_config(
    folder: &Path,
    port: u16,
    wiring: &Wiring<'_>,
    answering: Option<&Answering>,
) -> Result<String, StartError> {
    let write = |name: &str, text: &str| -> Result<String, StartError> {
        let path = folder.join(name);
        fs::write(&path, text).map_err(StartError::io("write", &path))?;
        Ok(path.display().to_string())
    };
    let root = write("root.pem", wiring.topic.root_pem())?;
    let Wiring { clouddriver, redis, topic, mode, stock_interval, answer } = wiring;
    let interval = stock_interval.as_secs();
    let store = folder.join("state.redb").display().to_string();
    let (arn, endpoint) = (topic.arn(), topic.endpoint());
    let answer = answer.zip(answering).map(|(answer, at)| answer_section(folder, &answer, at)).unwrap_or_default();
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
{answer}"
    );
    write("config.yaml", &config)
}

fn answer_section(folder: &Path, answer: &AnswerWiring<'_>, at: &Answering) -> String {
    let AnswerWiring { mode, upstream, keys, tls } = answer;
    let keys: Vec<String> = keys.iter().map(|(key, account)| format!("\"{key}\": \"{account}\"")).collect();
    let authority = if *tls { format!("  ca: \"{}\"\n", folder.join("ca").display()) } else { String::new() };
    format!(
        "answer:
  mode: {mode}
  listen: \"{}\"
  upstream: {{endpoint: \"{upstream}\"}}
  keys: {{{}}}
{authority}",
        at.address,
        keys.join(", ")
    )
}
