//! The requests of one connection: routed, checked for the password, and handed on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_event_cache_answer::ConnectionMemory;
use aws_event_cache_model::telemetry::{self, Metric};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tower::ServiceExt;

use crate::body::{BodyError, Carried};
use crate::connection::Shared;
use crate::gate::{Busy, REFUSED, Watch};
use crate::head::Malformed;
use crate::origin::Origin;
use crate::proxy_auth::Proof;
use crate::refusal::Refusal;
use crate::route::{self, Route};

/// A request that is to be sent again with a password is read to its end, so that the connection can go on; up to this, which is what the exchange holds as well.
const DRAINED: usize = 1 << 20;

/// To whom a connection's requests are addressed.
#[derive(Debug, Clone)]
pub(crate) enum Side {
    /// To the proxy: absolute-form for AWS, origin-form for the own API.
    Proxy,
    /// To an AWS host, inside TLS.
    Host {
        /// Which.
        host: Arc<str>,
        /// What its client proved at CONNECT; `None` when it came by SNI, without one.
        proof: Option<Proof>,
    },
}

/// What answers a connection's requests.
pub(crate) struct Requests {
    shared: Arc<Shared>,
    side: Side,
    peer: SocketAddr,
    watch: Arc<Watch>,
    memory: Mutex<Memory>,
}

/// Kept from one request to the next.
#[derive(Default)]
struct Memory {
    connection: ConnectionMemory,
    origin: Option<Origin>,
}

/// The body of an answer, and that the connection is busy until it has gone.
///
/// The HTTP library keeps a body of known length until the next request, whatever it has left, so that the end is told by counting.
pub(crate) struct Served {
    body: Carried,
    left: Option<u64>,
    busy: Option<Busy>,
}

impl Served {
    fn new(response: Response<Carried>, busy: Busy) -> Response<Self> {
        let said = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        response.map(|body| {
            let left = said.or_else(|| body.size_hint().exact());
            Self { body, left, busy: Some(busy) }
        })
    }

    fn sent(&mut self, frame: Option<&Result<Frame<Bytes>, BodyError>>) {
        let Some(Ok(frame)) = frame else {
            self.busy = None;
            return;
        };
        if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
            *left = left.saturating_sub(data.len() as u64);
            if *left == 0 {
                self.busy = None;
            }
        }
    }
}

impl Requests {
    pub(crate) fn new(shared: Arc<Shared>, side: Side, peer: SocketAddr, watch: Arc<Watch>) -> Self {
        Self { shared, side, peer, watch, memory: Mutex::default() }
    }

    /// Answers one. A connection has one at a time.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Served> {
        let busy = Busy::new(&self.watch);
        let response = match self.routed(&request) {
            Ok(Routed::Own) => self.own(request).await,
            Ok(Routed::Aws(origin)) => self.aws(origin, request).await,
            Err(refusal) => refused(refusal, request).await,
        };
        Served::new(response, busy)
    }

    fn routed(&self, request: &Request<Incoming>) -> Result<Routed, Refusal> {
        if request.method().as_str() == REFUSED {
            return Err(self.watch.refused().unwrap_or(Malformed::RequestLine).into());
        }
        let (uri, headers) = (request.uri(), request.headers());
        match &self.side {
            Side::Host { host, proof } => {
                let proof = proof.map_or_else(|| self.proof(headers), Ok)?;
                route::to_host(uri, headers, host)?;
                Ok(Routed::Aws(self.origin(host, proof)))
            }
            // Who has not shown the password learns nothing of our rules.
            Side::Proxy => {
                let proof = if uri.authority().is_some() { self.proof(headers)? } else { Proof::NotAsked };
                if let Some(origin) = self.same_origin(uri, headers, proof) {
                    return Ok(Routed::Aws(origin));
                }
                match route::to_proxy(uri, headers, &self.shared.hosts)? {
                    Route::Aws(host) => Ok(Routed::Aws(self.origin(&host, proof))),
                    Route::Own => Ok(Routed::Own),
                }
            }
        }
    }

    fn proof(&self, headers: &HeaderMap) -> Result<Proof, Refusal> {
        let mut values = headers.get_all(PROXY_AUTHORIZATION).iter();
        let value = values.next().map(http::HeaderValue::as_bytes);
        match self.shared.auth.judge(value.filter(|_| values.next().is_none())) {
            Proof::Missing => Err(Refusal::ProxyAuth),
            proof => Ok(proof),
        }
    }

    fn is_trusted(&self, proof: Proof) -> bool {
        proof == Proof::Given || (self.shared.local && self.peer.ip().to_canonical().is_loopback())
    }

    /// The origin of the connection's last request, if this one is for the same host in the same words: those were judged then, by rules that do not change.
    fn same_origin(&self, uri: &Uri, headers: &HeaderMap, proof: Proof) -> Option<Origin> {
        let memory = self.memory.lock();
        let last = memory.origin.as_ref()?;
        let is_same = last.trusted == self.is_trusted(proof) && route::is_plainly_to(uri, headers, &last.host);
        is_same.then(|| last.clone())
    }

    fn origin(&self, host: &str, proof: Proof) -> Origin {
        let trusted = self.is_trusted(proof);
        let mut memory = self.memory.lock();
        match &memory.origin {
            Some(origin) if &*origin.host == host && origin.trusted == trusted => origin.clone(),
            _ => memory.origin.insert(Origin { host: host.into(), peer: self.peer, trusted }).clone(),
        }
    }

    async fn aws(&self, origin: Origin, mut request: Request<Incoming>) -> Response<Carried> {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        let mut connection = std::mem::take(&mut self.memory.lock().connection);
        let response = Box::pin(self.shared.exchange.handle(&origin, &mut connection, request)).await;
        self.memory.lock().connection = connection;
        response
    }

    async fn own(&self, mut request: Request<Incoming>) -> Response<Carried> {
        let Some(router) = &self.shared.own else { return refused(Refusal::NotFound, request).await };
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answered: Result<_, Infallible> = router.clone().oneshot(request.map(axum::body::Body::new)).await;
        match answered {
            Ok(response) => response.map(Carried::boxed),
            Err(never) => match never {},
        }
    }
}

enum Routed {
    Aws(Origin),
    Own,
}

async fn refused(refusal: Refusal, request: Request<Incoming>) -> Response<Carried> {
    note(refusal);
    // A client that waits for `100 Continue` has not sent its body, and will not.
    if refusal.keeps_connection() && !request.headers().contains_key(EXPECT) {
        // If it is too long, or breaks off, the HTTP library closes the connection.
        Limited::new(request.into_body(), DRAINED).collect().await.ok();
    }
    refusal.response().map(Carried::from)
}

/// Counts it. Clients that show no password at first are counted apart: Java's SDK does so before every request.
pub(crate) fn note(refusal: Refusal) {
    if refusal == Refusal::ProxyAuth {
        telemetry::count(Metric::ProxyAuthAsked, &[]);
    } else {
        telemetry::count(Metric::ProxyRefused, &[("reason", refusal.as_str())]);
        tracing::debug!(reason = refusal.as_str(), "a request was refused");
    }
}

impl Body for Served {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.sent(frame.as_ref());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
