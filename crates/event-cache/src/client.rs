//! Talking to a running service: one small HTTP client for the commands that ask it something.

use std::fs;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::cli::ServerArgs;

/// A call that takes longer than this has found a service that is not well; the API itself answers within ten seconds.
const CALL_LIMIT: Duration = Duration::from_secs(15);

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The token file cannot be read.
    #[error("the token file {file} cannot be read")]
    Token {
        file: String,
        #[source]
        source: std::io::Error,
    },
    /// Nobody answered.
    #[error("no answer from {server}; is the service running there? (--server or AWS_EVENT_CACHE_SERVER says where)")]
    Unreachable {
        server: String,
        #[source]
        source: reqwest::Error,
    },
    /// The service said no.
    #[error("{0}")]
    Refused(String),
}

/// A service, and how to call it.
pub(crate) struct Service {
    http: Client,
    base: String,
    token: Option<String>,
}

impl Service {
    /// Takes the address and reads the token.
    pub(crate) fn new(args: &ServerArgs) -> Result<Self, ClientError> {
        let token = args
            .token_file
            .as_ref()
            .map(|file| {
                let text = fs::read_to_string(file);
                text.map_err(|source| ClientError::Token { file: file.display().to_string(), source })
            })
            .transpose()?
            .map(|text| text.trim().to_owned());
        let base = args.server.trim_end_matches('/').to_owned();
        let http = Client::builder().timeout(CALL_LIMIT).no_proxy().build();
        let http = http.map_err(|source| ClientError::Unreachable { server: base.clone(), source })?;
        Ok(Self { http, base, token })
    }

    /// Asks for something.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call(Method::GET, path, None).await
    }

    /// Sends something.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let unreachable = |source| ClientError::Unreachable { server: self.base.clone(), source };
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() { Ok(value) } else { Err(ClientError::Refused(refusal(status, &value))) }
    }
}

/// The API's error in one line: what, which field, which value, and what was probably meant.
fn refusal(status: StatusCode, body: &Value) -> String {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let mut line = text("error").map_or_else(|| format!("the service answered {status}"), str::to_owned);
    if let (Some(field), Some(value)) = (text("field"), text("value")) {
        line.push_str(&format!(" ({field}: {value:?})"));
    }
    if let Some(nearest) = text("nearest") {
        line.push_str(&format!("; did you mean {nearest:?}?"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_names_field_value_and_nearest_choice() {
        let body = json!({"error": "no such kind", "field": "kind", "value": "wiget", "nearest": "widget"});
        let line = refusal(StatusCode::UNPROCESSABLE_ENTITY, &body);
        assert_eq!(line, "no such kind (kind: \"wiget\"); did you mean \"widget\"?");
    }

    #[test]
    fn an_answer_that_is_not_json_still_gives_a_sentence() {
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, &Value::Null), "the service answered 502 Bad Gateway");
    }
}
