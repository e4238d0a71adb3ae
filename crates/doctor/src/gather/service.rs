//! The running service, by its control API.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::chain;
use crate::facts::{ServiceFacts, ServiceGone};
use crate::settings::Patient;

/// A call that takes longer has found a service that is not well; the API itself answers within ten seconds.
const CALL: Duration = Duration::from_secs(12);

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// Largest status taken: that of ten thousand scopes is a few megabytes.
const ANSWER_LIMIT: usize = 64 << 20;

/// The running service.
pub(super) struct Service {
    http: Result<Client, String>,
    server: String,
    token: Option<String>,
}

/// What the service says of a probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sightings {
    /// By which ways it was taken.
    pub(super) taken_by: Vec<String>,
    /// Whether it was seen and refused.
    pub(super) refused: bool,
}

impl Service {
    pub(super) fn new(patient: &Patient) -> Self {
        let http =
            Client::builder().timeout(CALL).connect_timeout(CONNECT).no_proxy().user_agent("aws-event-cache").build();
        Self { http: http.map_err(|error| chain(&error)), server: patient.server.clone(), token: patient.token.clone() }
    }

    /// Asks how it is.
    pub(super) async fn look(&self) -> ServiceFacts {
        let (status, ready) = futures::join!(self.get("/v1/status"), self.waiting_for());
        let status = status.and_then(|status| {
            let is_ours = status.get("mode").is_some() && status.get("places").is_some();
            if is_ours { Ok(status) } else { Err(ServiceGone::Odd("no status".to_owned())) }
        });
        ServiceFacts { server: self.server.clone(), status, waiting_for: ready }
    }

    async fn waiting_for(&self) -> Vec<String> {
        let Ok(answer) = self.send(Method::GET, "/health/ready").await else { return Vec::new() };
        let body = body(answer).await.unwrap_or_default();
        let reasons = body.get("waitingFor").and_then(Value::as_array).into_iter().flatten();
        reasons.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Has the service expect a probe; gives the probe's id. `None` when it cannot: it is older than this program, or does not answer.
    pub(super) async fn open_probe(&self) -> Option<String> {
        let answer = self.send(Method::POST, "/v1/probes").await.ok()?;
        let body = if answer.status().is_success() { body(answer).await.ok()? } else { return None };
        body.get("id").and_then(Value::as_str).map(str::to_owned)
    }

    /// What it has seen of the probe.
    pub(super) async fn sightings(&self, id: &str) -> Option<Sightings> {
        let probe = self.get(&format!("/v1/probes/{id}")).await.ok()?;
        let mut seen = Sightings::default();
        for sighting in probe.get("sightings").and_then(Value::as_array).into_iter().flatten() {
            let source = sighting.get("source").and_then(Value::as_str).unwrap_or_default().to_owned();
            match sighting.get("accepted").and_then(Value::as_bool) {
                Some(true) if !seen.taken_by.contains(&source) => seen.taken_by.push(source),
                Some(true) => {}
                _ => seen.refused = true,
            }
        }
        Some(seen)
    }

    async fn get(&self, path: &str) -> Result<Value, ServiceGone> {
        let answer = self.send(Method::GET, path).await?;
        match answer.status() {
            status if status.is_success() => body(answer).await.map_err(ServiceGone::Odd),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(ServiceGone::TokenRefused { sent: self.token.is_some() })
            }
            status => Err(ServiceGone::Odd(format!("{} to {path}", status.as_u16()))),
        }
    }

    async fn send(&self, method: Method, path: &str) -> Result<Response, ServiceGone> {
        let http = self.http.as_ref().map_err(|why| ServiceGone::Unreachable(why.clone()))?;
        let request = self.authorized(http.request(method, format!("{}{path}", self.server)));
        request.send().await.map_err(|error| ServiceGone::Unreachable(chain(&error.without_url())))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

async fn body(mut answer: Response) -> Result<Value, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error.without_url()))? {
        if bytes.len() + chunk.len() > ANSWER_LIMIT {
            return Err("an answer that is too large".to_owned());
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|_| "something that is not JSON".to_owned())
}
