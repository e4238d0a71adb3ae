//! Clouddriver over HTTP: accounts, introspection, on-demand calls.
//!
//! Inside the cluster Clouddriver asks for no login. Its answers are foreign all the same: sizes and times are limited, and nothing in them is taken as a name or number
//! without being read as one.

use std::time::Duration;

use aws_event_cache_model::{Provider, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use crate::credentials::{self, Declared};

/// Largest answer taken. `/credentials?expand=true` of a thousand accounts is a few MB, introspection of ten thousand agents about as much.
const ANSWER_LIMIT: usize = 64 << 20;

/// Longest wait for accounts and introspection.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// Longest wait for an on-demand call: it answers only after its AWS calls, behind Clouddriver's own rate limiter.
const ON_DEMAND_LIMIT: Duration = Duration::from_secs(120);

/// Longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How Clouddriver is reached.
#[derive(Debug, Clone)]
pub struct ClouddriverSettings {
    /// Its base URL, such as `http://spin-clouddriver:7002`. Where replicas have roles: the caching one for introspection, any for the rest.
    pub url: String,
    /// Sent as `X-SPINNAKER-USER`: not required, but Clouddriver's log then names us.
    pub user: Option<String>,
    /// Further headers, such as a gateway's token.
    pub headers: Vec<(String, String)>,
}

/// A client of one Clouddriver.
pub struct Clouddriver {
    http: reqwest::Client,
    base: Url,
}

/// Why Clouddriver did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum ClouddriverError {
    /// The settings make no sense.
    #[error("clouddriver.{field}: {why}")]
    Settings {
        /// Which.
        field: &'static str,
        /// Why not.
        why: String,
    },
    /// It could not be reached, or not in time.
    #[error("Clouddriver cannot be reached at {url}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// It answered with an error.
    #[error("Clouddriver answered {status} to {url}")]
    Status {
        /// What was asked.
        url: String,
        /// Its answer's status.
        status: u16,
    },
    /// Its answer is larger than any genuine one.
    #[error("Clouddriver's answer to {url} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// Its answer is not what Clouddriver answers.
    #[error("Clouddriver's answer to {url} cannot be read")]
    Unreadable {
        /// What was asked.
        url: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// The accounts that Clouddriver says it serves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// Its AWS and ECS accounts.
    pub accounts: Vec<Declared>,
    /// Entries that look like AWS or ECS accounts but cannot be used, and why, for the status page.
    pub skipped: Vec<String>,
}

/// An agent's last run, as one replica's introspection tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRun {
    /// The agent's name.
    pub agent: String,
    /// When the run started, by the replica's clock.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Clouddriver fills it for other providers only; kept in case that changes.
    pub error: Option<String>,
}

/// What an on-demand call was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDemandAnswer {
    /// 202: something was read and stored.
    Stored,
    /// 200: nothing was stored. Clouddriver says so for "gone and taken out", "not mine" and "the handler failed" alike.
    NothingStored,
}

impl Clouddriver {
    /// A client for these settings; connects when first used.
    ///
    /// # Errors
    /// [`ClouddriverError::Settings`] when URL or headers have no valid form.
    pub fn new(settings: &ClouddriverSettings) -> Result<Self, ClouddriverError> {
        let bad = |field, why: String| ClouddriverError::Settings { field, why };
        let mut base = Url::parse(&settings.url).map_err(|e| bad("url", e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("url", "it must begin with http:// or https:// and name a host".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let user = settings.user.as_ref().map(|user| ("X-SPINNAKER-USER".to_owned(), user.clone()));
        let mut headers = HeaderMap::new();
        for (name, value) in settings.headers.iter().chain(&user) {
            let name: HeaderName =
                name.parse().map_err(|_| bad("headers", format!("{name:?} is not a header name")))?;
            // The value may be a token, so it is not shown.
            let mut value: HeaderValue =
                value.parse().map_err(|_| bad("headers", format!("the value of {name} is not a header value")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("aws-event-cache")
            .build()
            .map_err(|e| bad("url", crate::lock_store::chain(&e)))?;
        Ok(Self { http, base })
    }

    /// `GET /credentials?expand=true`.
    ///
    /// # Errors
    /// [`ClouddriverError`] when it cannot be asked or its answer cannot be read.
    pub async fn credentials(&self) -> Result<Credentials, ClouddriverError> {
        let (url, body) = self.read("credentials?expand=true").await?;
        let entries: Vec<Value> = parsed(&url, &body)?;
        Ok(credentials::read(&entries))
    }

    /// `GET /cache/introspection`: the last runs of the agents of whichever replica answers, since it started. Clouddriver's sort and publish-subscribe schedulers leave it
    /// empty, and a run whose store step failed is listed like a good one.
    ///
    /// # Errors
    /// As [`Clouddriver::credentials`].
    pub async fn introspection(&self) -> Result<Vec<AgentRun>, ClouddriverError> {
        let (url, body) = self.read("cache/introspection").await?;
        let entries: Vec<Introspected> = parsed(&url, &body)?;
        Ok(entries.into_iter().filter_map(Introspected::run).collect())
    }

    /// `POST /cache/{provider}/{kind}`.
    ///
    /// # Errors
    /// As [`Clouddriver::credentials`].
    pub async fn on_demand(
        &self,
        provider: Provider,
        kind: &str,
        body: &Value,
    ) -> Result<OnDemandAnswer, ClouddriverError> {
        let (url, request) = self.request(Method::POST, &["cache", provider.as_str(), kind]);
        let answer = send(&url, request.json(body).timeout(ON_DEMAND_LIMIT)).await?;
        let status = answer.status();
        bounded(&url, answer).await?;
        Ok(if status == StatusCode::ACCEPTED { OnDemandAnswer::Stored } else { OnDemandAnswer::NothingStored })
    }

    async fn read(&self, path: &str) -> Result<(String, Vec<u8>), ClouddriverError> {
        let url = self.base.join(path).expect("invariant: constant relative paths join any http URL");
        let shown = shown(&url);
        let answer = send(&shown, self.http.get(url).timeout(READ_LIMIT)).await?;
        let body = bounded(&shown, answer).await?;
        Ok((shown, body))
    }

    fn request(&self, method: Method, segments: &[&str]) -> (String, RequestBuilder) {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("invariant: an http URL has a path").pop_if_empty().extend(segments);
        (shown(&url), self.http.request(method, url))
    }
}

/// A URL for people: without user and password.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

async fn send(url: &str, request: RequestBuilder) -> Result<Response, ClouddriverError> {
    let answer = request.send().await.map_err(|source| unreachable(url, source))?;
    if answer.status().is_success() {
        Ok(answer)
    } else {
        Err(ClouddriverError::Status { url: url.to_owned(), status: answer.status().as_u16() })
    }
}

async fn bounded(url: &str, mut answer: Response) -> Result<Vec<u8>, ClouddriverError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|source| unreachable(url, source))? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(ClouddriverError::TooLarge { url: url.to_owned(), limit: ANSWER_LIMIT });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(url: &str, source: reqwest::Error) -> ClouddriverError {
    // Without its URL, which may hold a password.
    ClouddriverError::Unreachable { url: url.to_owned(), source: source.without_url() }
}

fn parsed<'a, T: Deserialize<'a>>(url: &str, body: &'a [u8]) -> Result<T, ClouddriverError> {
    serde_json::from_slice(body).map_err(|source| ClouddriverError::Unreadable { url: url.to_owned(), source })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Introspected {
    id: Option<String>,
    last_execution_start_ms: Option<i64>,
    last_execution_duration_ms: Option<u64>,
    last_error: Option<Value>,
}

impl Introspected {
    fn run(self) -> Option<AgentRun> {
        Some(AgentRun {
            agent: self.id?,
            started: Timestamp::from_millisecond(self.last_execution_start_ms?).ok()?,
            took: Duration::from_millis(self.last_execution_duration_ms?),
            error: self.last_error.map(|error| error.to_string()),
        })
    }
}
