//! A stand-in for AWS on loopback that does what the test says, and remembers what it was asked.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What it does with a request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers so.
    Answer(u16, Bytes),
    /// Answers so, after a while.
    After(Duration, u16, Bytes),
    /// Answers so when it was asked so often in all: who waits for another's answer before asking waits for ever.
    Gather(usize, u16, Bytes),
    /// Answers so when the test says so.
    Until(Arc<AtomicBool>, u16, Bytes),
    /// Never answers.
    Hang,
    /// Closes the connection without an answer.
    Reset,
    /// Announces so much, sends half of it and closes.
    Truncate(Bytes),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Seen {
    /// The operation of a query request.
    pub(super) fn operation(&self) -> &str {
        let text = std::str::from_utf8(&self.body).unwrap_or_default();
        text.split('&').find_map(|field| field.strip_prefix("Action=")).unwrap_or_default()
    }
}

type Script = Box<dyn Fn(&Seen) -> Act + Send + Sync>;

/// See the module.
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Arc<Script>>>,
    _server: AbortOnDropHandle<()>,
}

impl StandIn {
    pub(super) async fn start(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Arc<Script>>> = Arc::new(Mutex::new(Arc::new(Box::new(script))));
        let server = AbortOnDropHandle::new(tokio::spawn(serve(listener, seen.clone(), script.clone())));
        Self { address, seen, script, _server: server }
    }

    /// From now on it does this.
    pub(super) fn act(&self, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        *self.script.lock() = Arc::new(Box::new(script));
    }

    /// What it was asked.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// How often.
    pub(super) fn calls(&self) -> usize {
        self.seen.lock().len()
    }
}

async fn serve(listener: TcpListener, seen: Arc<Mutex<Vec<Seen>>>, script: Arc<Mutex<Arc<Script>>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (seen, script) = (seen.clone(), script.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, seen.clone(), script.clone()));
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Arc<Script>>>,
) -> Result<Response<Sent>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let asked = Seen { target: head.uri.to_string(), headers: head.headers, body };
    seen.lock().push(asked.clone());
    let script = script.lock().clone();
    match script(&asked) {
        Act::Answer(status, body) => Ok(response(status, body, false)),
        Act::After(length, status, body) => {
            tokio::time::sleep(length).await;
            Ok(response(status, body, false))
        }
        Act::Gather(calls, status, body) => {
            while seen.lock().len() < calls {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(response(status, body, false))
        }
        Act::Until(now, status, body) => {
            while !now.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(response(status, body, false))
        }
        Act::Hang => std::future::pending().await,
        Act::Reset => Err(std::io::Error::other("as the test wants")),
        Act::Truncate(body) => Ok(response(200, body, true)),
    }
}

fn response(status: u16, body: Bytes, truncated: bool) -> Response<Sent> {
    let length = body.len();
    let body = if truncated { body.slice(..length / 2) } else { body };
    let mut response = Response::new(Sent { body: Some(body), truncated });
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().insert(CONTENT_TYPE, "text/xml;charset=UTF-8".parse().unwrap());
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response.headers_mut().insert("x-amzn-requestid", "aws-request-1".parse().unwrap());
    response
}

struct Sent {
    body: Option<Bytes>,
    truncated: bool,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let this = self.get_mut();
        match this.body.take() {
            Some(body) => Poll::Ready(Some(Ok(Frame::data(body)))),
            None if this.truncated => Poll::Ready(Some(Err(std::io::Error::other("as the test wants")))),
            None => Poll::Ready(None),
        }
    }
}
