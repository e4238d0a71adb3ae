//! A stand-in for AWS: one invented service that speaks the query protocol, keeps things by account and region, and counts what it is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

/// What it was asked and what it keeps.
#[derive(Default)]
struct Kept {
    things: Vec<String>,
    calls: BTreeMap<String, u64>,
    /// `Authorization` of every call, as it arrived.
    signatures: Vec<String>,
    /// Refuses every read with this code.
    refuses: Option<&'static str>,
}

#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) url: String,
    kept: Arc<Mutex<Kept>>,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::new(Mutex::new(Kept { things: vec!["w-1".to_owned()], ..Kept::default() }));
        let app = Router::new().fallback(answer).with_state(kept.clone());
        #[allow(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        drop(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }));
        Self { url, kept }
    }

    /// How often an operation arrived here.
    pub(crate) fn calls(&self, operation: &str) -> u64 {
        self.kept.lock().calls.get(operation).copied().unwrap_or_default()
    }

    /// Makes a thing behind everybody's back.
    pub(crate) fn make(&self, id: &str) {
        self.kept.lock().things.push(id.to_owned());
    }

    /// From now on reads are refused, or not any more.
    pub(crate) fn refuse(&self, code: Option<&'static str>) {
        self.kept.lock().refuses = code;
    }

    /// The last signature that arrived.
    pub(crate) fn last_signature(&self) -> String {
        self.kept.lock().signatures.last().cloned().unwrap_or_default()
    }
}

async fn answer(State(kept): State<Arc<Mutex<Kept>>>, headers: HeaderMap, body: String) -> Response {
    let form: BTreeMap<&str, &str> = body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let operation = form.get("Action").copied().unwrap_or_default().to_owned();
    let mut kept = kept.lock();
    *kept.calls.entry(operation.clone()).or_default() += 1;
    let signature = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kept.signatures.push(signature.to_owned());
    let is_write = operation.starts_with("Make");
    if let Some(code) = kept.refuses.filter(|_| !is_write) {
        let text = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        );
        return (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/xml")], text).into_response();
    }
    let result = if is_write {
        kept.things.extend(form.get("id").map(|id| (*id).to_owned()));
        String::new()
    } else {
        let wanted = form.get("id").copied();
        let things = kept.things.iter().filter(|thing| wanted.is_none_or(|wanted| wanted == *thing));
        let members: String = things.map(|thing| format!("<member><Id>{thing}</Id></member>")).collect();
        format!("<Things>{members}</Things>")
    };
    let count: u64 = kept.calls.values().sum();
    let text = format!(
        "<{operation}Response><{operation}Result>{result}</{operation}Result><ResponseMetadata><RequestId>aws-{count}</RequestId></ResponseMetadata></{operation}Response>"
    );
    ([(header::CONTENT_TYPE, "text/xml"), ("x-amzn-requestid".parse().unwrap(), "aws")], text).into_response()
}
