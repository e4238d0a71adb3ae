//! The mock AWS of `harness/mock-aws`.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Http;
use crate::process::{Launch, Process, folder};
use crate::{CallError, StartError, find};

/// A mock AWS: an endpoint that is limited, faulty and counted, and another one, for the test itself, that is none of it.
#[derive(Debug)]
pub struct MockAws {
    url: String,
    control_url: String,
    http: Http,
    process: Process,
    _folder: TempDir,
}

impl MockAws {
    /// Starts it with arguments as of its command line, such as `["--fleet", "small", "--limits", "aws"]`, and waits until the fleet is there.
    ///
    /// # Errors
    ///
    /// When its Python environment is missing, or it does not start.
    pub fn start(arguments: &[&str]) -> Result<Self, StartError> {
        let folder = folder(None)?;
        let mut launch = Launch::new("mock AWS", find::python()?, r#""ready": true"#);
        launch.arguments = vec![find::mock_aws()?.display().to_string(), "--port".to_owned(), "0".to_owned()];
        launch.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        // Its folder is part of the sources, and stays as it is.
        launch.environment = vec![("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())];
        // A large fleet takes minutes to seed.
        launch.patience = Duration::from_secs(300);
        let process = launch.start(folder.path().join("log"))?;
        let ready = process.json_line("ready")?;
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        Ok(Self { url: text("url"), control_url: text("control_url"), http: Http::new(), process, _folder: folder })
    }

    /// The endpoint of the program under test: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The endpoint of the test: no limits, no faults, not counted.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// An account and region of it, to be changed through the control endpoint.
    pub fn account(&self, account: &str, region: &str) -> MockAccount {
        MockAccount {
            url: self.control_url.clone(),
            http: self.http.clone(),
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    /// The counts of calls, by `by` (`"service,action"`): `{"elapsed_seconds":…,"totals":{"calls":…,"throttled":…,…},"calls":[{"service":…,…}]}`.
    ///
    /// # Errors
    ///
    /// When the mock is gone.
    pub fn calls(&self, by: &str) -> Result<Value, CallError> {
        self.http.get(&format!("{}/_mock/calls?by={by}", self.control_url))
    }

    /// Sets counts back to nought, fills the buckets and ends the faults.
    ///
    /// # Errors
    ///
    /// When the mock is gone.
    pub fn reset(&self) -> Result<(), CallError> {
        self.administer("reset", &json!({})).map(drop)
    }

    /// Sends `body` to `/_mock/{what}`; `harness/mock-aws/README.md` has the list (`limits`, `faults`, `reset`).
    ///
    /// # Errors
    ///
    /// When the mock does not understand it, or is gone.
    pub fn administer(&self, what: &str, body: &Value) -> Result<Value, CallError> {
        self.http.post(&format!("{}/_mock/{what}", self.control_url), body)
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

/// One account and region of a mock AWS, for changes that the program under test is to notice.
#[derive(Debug, Clone)]
pub struct MockAccount {
    url: String,
    http: Http,
    account: String,
    region: String,
}

impl MockAccount {
    /// The account's number.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region's name.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Calls an action of a service that speaks AWS's query protocol; gives the answer's XML.
    ///
    /// `service` is the name for signing and `version` the API's (`"ec2"`, `"2016-11-15"`).
    ///
    /// # Errors
    ///
    /// When AWS would refuse it; the error holds AWS's own text.
    pub fn call(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, CallError> {
        // The mock reads account and region from the scope, and checks no signature.
        let scope = format!("AKIAMOCK{}/20260101/{}/{service}/aws4_request", self.account, self.region);
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let mut form = vec![("Action", action), ("Version", version)];
        form.extend_from_slice(parameters);
        self.http.form(&self.url, &[("Authorization", &authorization)], &form)
    }
}
