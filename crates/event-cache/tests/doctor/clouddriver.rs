//! A Clouddriver that only tells: accounts, introspection, and the time, each of which can be wrong.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::Timestamp;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{later, now};
use crate::world::{ACCOUNT, REGION};

/// What it tells.
#[derive(Debug, Clone)]
pub(crate) struct Tells {
    pub(crate) accounts: Value,
    /// How far its clock is ahead.
    pub(crate) ahead: Duration,
    /// The agent that it ran last.
    pub(crate) agent: String,
}

impl Default for Tells {
    fn default() -> Self {
        Self { accounts: json!([account("prod", ACCOUNT)]), ahead: Duration::ZERO, agent: "someone".to_owned() }
    }
}

pub(crate) fn account(name: &str, id: &str) -> Value {
    json!({
        "name": name, "cloudProvider": "aws", "type": "aws", "accountId": id, "environment": "production",
        "regions": [{"name": REGION}], "lambdaEnabled": true
    })
}

pub(crate) struct Clouddriver {
    pub(crate) base: String,
    pub(crate) tells: Arc<Mutex<Tells>>,
}

impl Clouddriver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let tells = Arc::new(Mutex::new(Tells::default()));
        let app = Router::new()
            .route(
                "/credentials",
                get(|State(tells): State<Arc<Mutex<Tells>>>| async move { Json(tells.lock().accounts.clone()) }),
            )
            .route("/cache/introspection", get(introspection))
            .route("/health", get(health))
            .route("/info", get(|| async { Json(json!({"build": {"version": "5.90.0"}})) }))
            .with_state(Arc::clone(&tells));
        #[allow(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        drop(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }));
        Self { base, tells }
    }
}

async fn introspection(State(tells): State<Arc<Mutex<Tells>>>) -> Json<Value> {
    let started = now().as_millisecond() - 5_000;
    Json(json!([{"id": tells.lock().agent, "lastExecutionStartMs": started, "lastExecutionDurationMs": 100}]))
}

async fn health(State(tells): State<Arc<Mutex<Tells>>>) -> (StatusCode, HeaderMap) {
    let at = later(now(), tells.lock().ahead);
    let mut headers = HeaderMap::new();
    headers.insert(header::DATE, HeaderValue::from_str(&http_date(at)).unwrap());
    (StatusCode::OK, headers)
}

/// As RFC 9110 writes it.
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
