//! Orca's own preconfigured webhook stage, behind the few calls of Gate that order it: the harness of `harness/orca`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::Http;
use crate::process::{Launch, Process, folder, with_free_port};
use crate::{CallError, Release, StartError, find};

/// The host by which a stage reaches this machine. Orca's rules judge it as any other name.
pub const LOOPBACK_HOST: &str = "aws-event-cache.loopback.svc";

/// What an Orca is told.
#[derive(Debug, Clone, Copy)]
pub struct OrcaWiring<'a> {
    /// Its profile: the text of an `orca.yml`.
    pub profile: &'a str,
    /// Environment variables that the profile names.
    pub environment: &'a [(&'a str, &'a str)],
    /// A folder of saved pipelines, as JSON files.
    pub pipelines: &'a Path,
    /// A folder that is served as it is, for Deck and its plugins.
    pub files: &'a Path,
}

/// A running one. It has no queue, no store and no login: everybody is who they say they are.
#[derive(Debug)]
pub struct Orca {
    url: String,
    http: Http,
    process: Process,
    _folder: TempDir,
}

impl Orca {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    ///
    /// When its build or Java is missing, or it does not start.
    pub fn start(release: Release, wiring: &OrcaWiring<'_>) -> Result<Self, StartError> {
        let classpath = find::orca_classpath(release)?;
        let java = find::program("Java", "AEC_JAVA", "java", &[])?;
        with_free_port(|port| {
            let folder = folder(None)?;
            let write = |name: &str, text: &str| -> Result<PathBuf, StartError> {
                let path = folder.path().join(name);
                fs::write(&path, text).map_err(StartError::io("write", &path)).map(|()| path)
            };
            let profile = write("orca.yml", wiring.profile)?;
            // Addresses for documentation (RFC 5737) stand for a cluster's: names only are judged, nothing is sent there.
            let hosts = write("hosts", &format!("127.0.0.1 {LOOPBACK_HOST} localhost\n{}", cluster()))?;
            let mut launch = Launch::new("the Orca harness", java.clone(), "\"listening\"");
            launch.arguments = vec![
                format!("-Djdk.net.hosts.file={}", hosts.display()),
                "-Xmx512m".to_owned(),
                "-XX:TieredStopAtLevel=1".to_owned(),
                "-cp".to_owned(),
                classpath.clone(),
                "harness.GateLike".to_owned(),
                format!("--spring.config.location=file:{}", profile.display()),
            ];
            let folders = [("HARNESS_PIPELINES", wiring.pipelines), ("HARNESS_STATIC", wiring.files)];
            launch.environment = folders.map(|(name, path)| (name.to_owned(), path.display().to_string())).into();
            launch.environment.push(("HARNESS_PORT".to_owned(), port.to_string()));
            let given = wiring.environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
            launch.environment.extend(given);
            let process = launch.start(folder.path().join("log"))?;
            Ok(Self { url: format!("http://127.0.0.1:{port}"), http: Http::new(), process, _folder: folder })
        })
    }

    /// `http://127.0.0.1:<port>`: Gate's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gate's answer to a GET.
    ///
    /// # Errors
    ///
    /// When there is none, or it is an error.
    pub fn get(&self, path: &str) -> Result<Value, CallError> {
        self.http.get(&format!("{}{path}", self.url))
    }

    /// Gate's answer to a POST by a user.
    ///
    /// # Errors
    ///
    /// When there is none, or it is an error.
    pub fn post(&self, path: &str, user: &str, body: &Value) -> Result<Value, CallError> {
        self.http.post_with(&format!("{}{path}", self.url), &[("X-SPINNAKER-USER", user)], body)
    }

    /// Why Orca's rules for URLs, as they are without configuration, refuse this one; `None` if they let it pass.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn refuses(&self, url: &str) -> Result<Option<String>, CallError> {
        let answer = self.get(&format!("/harness/url?{url}"))?;
        Ok(answer["refused"].as_str().filter(|why| !why.is_empty()).map(str::to_owned))
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.process.log_text()
    }
}

/// The names by which an operator could write the service's URL.
fn cluster() -> String {
    let names = [
        "aws-event-cache",
        "aws-event-cache.spinnaker",
        "aws-event-cache.spinnaker.svc",
        "aws-event-cache.spinnaker.svc.cluster.local",
        "aws-event-cache.example.org",
    ];
    names.map(|name| format!("192.0.2.10 {name}\n")).concat()
}
