//! What lies between SNS and the service: it signs the mock's messages as SNS would, and passes everything else on as it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_signer::{Message, Version};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::now;
use crate::support::sns::{Sns, TOPIC};

pub(crate) const PATH: &str = "/webhooks/aws-event-cache";

/// Where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To the service.
    Right,
    /// To somebody else, who knows nothing of it.
    Wrong,
    /// To the service, but its answers come back as another status.
    Changed,
    /// To the service, but not for what SNS sends.
    Deaf,
}

struct Inner {
    sns: Arc<Sns>,
    service: Mutex<String>,
    leads: Mutex<Leads>,
    http: reqwest::Client,
}

pub(crate) struct Relay {
    address: SocketAddr,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    pub(crate) async fn start(sns: Arc<Sns>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        let inner = Inner { sns, service: Mutex::default(), leads: Mutex::new(Leads::Right), http };
        let inner = Arc::new(inner);
        let (address, task) = listen("127.0.0.1:0".parse().unwrap(), &inner).await;
        Self { address, inner, task }
    }

    /// What SNS and `doctor` are told.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    pub(crate) fn to(&self, service: &str) {
        *self.inner.service.lock() = service.to_owned();
    }

    pub(crate) fn lead(&self, leads: Leads) {
        *self.inner.leads.lock() = leads;
    }

    /// Nobody listens any more.
    pub(crate) async fn close(&mut self) {
        self.task.abort();
        drop((&mut self.task).await);
    }

    /// Listens again, at the same address.
    pub(crate) async fn open(&mut self) {
        self.task = listen(self.address, &self.inner).await.1;
    }
}

async fn listen(address: SocketAddr, inner: &Arc<Inner>) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route(PATH, post(relay)).with_state(Arc::clone(inner));
    #[allow(clippy::disallowed_methods, reason = "aborted when the relay is dropped or closed")]
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, task)
}

async fn relay(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: String) -> StatusCode {
    let leads = *inner.leads.lock();
    if leads == Leads::Wrong {
        return StatusCode::NOT_FOUND;
    }
    let service = inner.service.lock().clone();
    let answer = match of_the_mock(&body) {
        Some(_) if leads == Leads::Deaf => Some(StatusCode::OK),
        Some(text) => {
            let signed = inner.sns.signer.sign(&Message::notification(TOPIC, &text, now()), Version::V2).unwrap();
            inner.sns.deliver(&service, &signed).await
        }
        None => {
            let mut request = inner.http.post(format!("{service}{PATH}")).body(body);
            for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-sns")) {
                request = request.header(name, value);
            }
            request.send().await.ok().map(|answer| answer.status())
        }
    };
    match answer {
        Some(_) if leads == Leads::Changed => StatusCode::BAD_GATEWAY,
        Some(status) => status,
        None => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The text of a message that the mock's SNS sent, whose certificate nobody trusts.
fn of_the_mock(body: &str) -> Option<String> {
    let message: Value = serde_json::from_str(body).ok()?;
    let is_the_mocks = message["SigningCertURL"].as_str()?.contains("/SimpleNotificationService-");
    is_the_mocks.then(|| message["Message"].as_str().map(str::to_owned))?
}
