//! One replica of Clouddriver, over HTTP. What it answers is foreign: size and time are limited, and nothing is believed that cannot be read whole.

use std::net::SocketAddr;
use std::time::Duration;

use aws_event_cache_model::AgentName;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use super::fleet::ReplicaId;
use super::text::{AgentLine, RunAnswer, read_agents, read_runs, write_runs};
use crate::lock_store::LockStoreError;

/// Carries the secret that we and the plugin share.
const SECRET_HEADER: &str = "x-aws-event-cache-secret";

/// Most agents in one call to run them: what the plugin takes.
pub(crate) const AT_ONCE: usize = 100;

/// Largest list of agents that is read: some 150 bytes each, so a hundred thousand of them.
const AGENTS_LIMIT: usize = 16 << 20;

/// Largest answer to "run these": a hundred lines of the longest names.
const RUNS_LIMIT: usize = 128 << 10;

/// Longest wait for a whole answer. Both calls only look at what Clouddriver has in memory; one that takes longer is too busy to be driven.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Longest wait for a connection within a cluster.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    http: Client,
    base: Url,
}

impl Replica {
    /// A client of the replica at `address`; the URL's host is what it is called by, in TLS and in headers.
    pub(crate) fn new(base: &Url, address: SocketAddr, secret: Option<&HeaderValue>) -> Result<Self, LockStoreError> {
        let headers: HeaderMap = secret
            .map(|secret| (SECRET_HEADER.parse().expect("invariant: a header's name"), secret.clone()))
            .into_iter()
            .collect();
        let id = ReplicaId::new(address.to_string());
        let mut http = Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            // A neighbour in the cluster: a proxy that is set for calls of AWS would not reach it.
            .no_proxy()
            .user_agent("aws-event-cache");
        if let Some(host) = base.host_str() {
            http = http.resolve(host, address);
        }
        let http = http.build().map_err(|source| LockStoreError::Plugin { store: called(&id), source })?;
        Ok(Self { id, http, base: base.clone() })
    }

    /// The agents that it knows, and what each does there.
    pub(crate) async fn agents(&self) -> Result<Vec<AgentLine>, LockStoreError> {
        let text = self.call(self.http.get(self.url("aws-event-cache/agents")), AGENTS_LIMIT).await?;
        read_agents(&text).map_err(|bad| self.unexpected(bad.to_string()))
    }

    /// Has it run agents, at most [`AT_ONCE`]; the answers are in their order.
    pub(crate) async fn run(&self, agents: &[AgentName]) -> Result<Vec<RunAnswer>, LockStoreError> {
        let request = self.http.post(self.url("aws-event-cache/agents/run"));
        let request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(write_runs(agents));
        let text = self.call(request, RUNS_LIMIT).await?;
        read_runs(&text, agents).map_err(|bad| self.unexpected(bad.to_string()))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("invariant: an http URL has a path").pop_if_empty().extend(path.split('/'));
        url
    }

    async fn call(&self, request: RequestBuilder, limit: usize) -> Result<String, LockStoreError> {
        // Without its URL, so that every message names replicas in one way.
        let failed = |source: reqwest::Error| match source.is_timeout() {
            true => LockStoreError::TimedOut { store: called(&self.id), seconds: CALL_LIMIT.as_secs() },
            false => LockStoreError::Plugin { store: called(&self.id), source: source.without_url() },
        };
        let mut answer = request.send().await.map_err(failed)?;
        if answer.status() != StatusCode::OK {
            return Err(self.unexpected(refusal(answer.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > limit {
                return Err(self.unexpected(format!("more than {limit} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| self.unexpected("bytes that are no UTF-8".to_owned()))
    }

    fn unexpected(&self, said: String) -> LockStoreError {
        LockStoreError::Unexpected { store: called(&self.id), said }
    }
}

/// How a replica is called in messages.
pub(crate) fn called(id: &ReplicaId) -> String {
    format!("the bridge plugin in Clouddriver at {id}")
}

/// What a status means here, and what to do.
fn refusal(status: StatusCode) -> String {
    let hint = match status {
        StatusCode::NOT_FOUND => ": the plugin is not loaded there",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ": clouddriver.lockStore.plugin.secret must be what Clouddriver has as aws-event-cache.secret"
        }
        _ => "",
    };
    format!("status {}{hint}", status.as_u16())
}
