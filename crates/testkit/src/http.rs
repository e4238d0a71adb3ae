//! Blocking calls to our own servers on loopback.

use std::time::Duration;

use serde_json::Value;

/// Long enough for the mock AWS to list a large fleet on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whole caches are read; beyond this something is wrong.
const LARGEST: u64 = 64 << 20;

/// Why a call to one of the servers failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There was no answer.
    #[error("no answer from {url}")]
    NoAnswer {
        /// What was called.
        url: String,
        /// Why there was none.
        source: Box<ureq::Error>,
    },
    /// The answer is an error.
    #[error("{url} answered {status}: {body}")]
    Refused {
        /// What was called.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The answer's body.
        body: String,
    },
    /// The answer is not what it should be.
    #[error("{url} answered something unexpected: {body}")]
    Unexpected {
        /// What was called.
        url: String,
        /// The answer's body.
        body: String,
    },
}

/// A client with kept-alive connections.
#[derive(Debug, Clone)]
pub(crate) struct Http(ureq::Agent);

impl Http {
    pub(crate) fn new() -> Self {
        let config =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None);
        Self(config.build().into())
    }

    pub(crate) fn get(&self, url: &str) -> Result<Value, CallError> {
        json(url, &text(url, self.0.get(url).call())?)
    }

    /// As [`Http::get`], with a query whose values may hold anything.
    pub(crate) fn query(&self, url: &str, query: &[(&str, &str)]) -> Result<Value, CallError> {
        json(url, &text(url, self.0.get(url).query_pairs(query.iter().copied()).call())?)
    }

    /// As [`Http::get`], whatever the answer's format.
    #[cfg(test)]
    pub(crate) fn get_text(&self, url: &str) -> Result<String, CallError> {
        text(url, self.0.get(url).call())
    }

    /// Posts a body as it is.
    pub(crate) fn text(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Result<String, CallError> {
        let request = headers.iter().fold(self.0.post(url), |request, &(name, value)| request.header(name, value));
        text(url, request.send(body))
    }

    pub(crate) fn post(&self, url: &str, body: &Value) -> Result<Value, CallError> {
        json(url, &text(url, self.0.post(url).send_json(body))?)
    }

    /// As [`Http::post`], with headers.
    pub(crate) fn post_with(&self, url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Value, CallError> {
        let request = headers.iter().fold(self.0.post(url), |request, &(name, value)| request.header(name, value));
        json(url, &text(url, request.send_json(body))?)
    }

    pub(crate) fn form(&self, url: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Result<String, CallError> {
        let request = headers.iter().fold(self.0.post(url), |request, &(name, value)| request.header(name, value));
        text(url, request.send_form(form.iter().copied()))
    }
}

type Answer = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

fn text(url: &str, answer: Answer) -> Result<String, CallError> {
    let no_answer = |source| CallError::NoAnswer { url: url.to_owned(), source: Box::new(source) };
    let mut answer = answer.map_err(no_answer)?;
    let body = answer.body_mut().with_config().limit(LARGEST).read_to_string().map_err(no_answer)?;
    match answer.status().as_u16() {
        200..300 => Ok(body),
        status => Err(CallError::Refused { url: url.to_owned(), status, body }),
    }
}

fn json(url: &str, body: &str) -> Result<Value, CallError> {
    serde_json::from_str(body).map_err(|_| CallError::Unexpected { url: url.to_owned(), body: body.to_owned() })
}
