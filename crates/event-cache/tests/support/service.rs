//! The binary under test, as a process of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use aws_event_cache_model::Timestamp;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::{eventually, now};

const BINARY: &str = env!("CARGO_BIN_EXE_aws-event-cache");

/// A busy machine starts a debug build within a second; more means that it hangs.
const START: Duration = Duration::from_secs(15);

/// Runs a command to its end.
pub fn command(arguments: &[&str]) -> Output {
    prepared(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The same, not yet started. Environment variables of the person who tests do not reach it.
pub fn prepared(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    for variable in ["AWS_EVENT_CACHE_CONFIG", "AWS_EVENT_CACHE_SERVER", "AWS_EVENT_CACHE_TOKEN_FILE"] {
        command.env_remove(variable);
    }
    command
}

/// Sends a signal (`TERM`, `HUP`, `INT`, `KILL`).
pub fn signal(process: u32, name: &str) {
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$0" "$1""#, name, &process.to_string()]);
    assert!(kill.status().unwrap().success(), "no process {process} to send {name} to");
}

/// A running service. Killed when dropped, and by the kernel when the test is.
pub struct Service {
    child: Child,
    log: PathBuf,
    http: reqwest::Client,
    token: Option<String>,
    pub base: String,
    /// Where each listener is, as the log tells: the API's first, then the intake's if it has one of its own.
    pub listeners: Vec<String>,
    /// When it was started.
    pub started: Timestamp,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl Service {
    /// Starts it and waits until its listeners are open.
    pub async fn start(config: &Path) -> Self {
        Self::start_with(config, &[]).await
    }

    /// The same, with environment variables.
    pub async fn start_with(config: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_listening(config, environment, 1).await
    }

    /// The same, for one that opens so many listeners.
    pub async fn start_listening(config: &Path, environment: &[(&str, &str)], listeners: usize) -> Self {
        let mut service = Self::begin(config, environment);
        let log = service.log.clone();
        let child = &mut service.child;
        service.listeners = eventually("the service listens", START, async || {
            let text = fs::read_to_string(&log).unwrap();
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the service ended with {ended:?}:\n{text}");
            let open: Vec<String> = text.lines().filter_map(listening).collect();
            (open.len() == listeners).then_some(open)
        })
        .await;
        service.base = format!("http://{}", service.listeners[0]);
        service
    }

    fn begin(config: &Path, environment: &[(&str, &str)]) -> Self {
        let log = config.with_file_name(format!("log-{}", now().as_microsecond()));
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", BINARY, "serve", "--config"]).arg(config);
        command.envs(environment.iter().copied());
        let started = now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build().unwrap();
        Self { child: child.unwrap(), log, http, token: None, base: String::new(), listeners: Vec::new(), started }
    }

    /// From now on calls carry this token.
    pub fn use_token(&mut self, token: Option<&str>) {
        self.token = token.map(str::to_owned);
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        eventually("the service ends", patience, async || self.child.try_wait().unwrap()).await
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until a line of the log contains a text.
    pub async fn says(&self, text: &str, patience: Duration) {
        eventually(&format!("the log says {text:?}"), patience, async || self.log().contains(text).then_some(())).await;
    }

    pub async fn ready(&self) {
        eventually("the service is ready", START, async || {
            let answer = self.http.get(format!("{}/health/ready", self.base)).send().await.ok()?;
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        json(self.call(Method::GET, path, None).await).await.1
    }

    /// Posts, and gives status and answer.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        json(self.call(Method::POST, path, Some(body)).await).await
    }

    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        json(self.call(Method::DELETE, path, None).await).await
    }

    /// The sum of a metric's samples whose labels contain all these texts; 0 when there are none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.call(Method::GET, "/metrics", None).await.text().await.unwrap();
        let samples = text.lines().filter_map(|line| line.strip_prefix(name));
        let ours = samples.filter(|rest| rest.starts_with(['{', ' ']) && labels.iter().all(|l| rest.contains(l)));
        ours.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

async fn json(answer: Response) -> (StatusCode, Value) {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The address in the log line that tells it.
fn listening(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["message"] == "listening").then(|| line["address"].as_str().unwrap().to_owned())
}
