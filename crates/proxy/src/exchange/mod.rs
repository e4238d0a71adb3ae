//! One request's way through the cache.

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use aws_event_cache_answer::ConnectionMemory;

use crate::body::{AnswerBody, Carried};
use crate::headers::{forwardable, hop_free};
use crate::origin::Origin;
use crate::proxy::Parts;
use crate::upstream::Upstream;

/// What requests to AWS go through.
pub(crate) struct Exchange {
    upstream: Upstream,
}

impl Exchange {
    /// Takes what it needs of the parts.
    pub(crate) fn new(_parts: &Parts, upstream: Upstream) -> Self {
        Self { upstream }
    }

    /// Answers a request to an AWS host. Never fails.
    pub(crate) async fn handle(&self, origin: &Origin, _memory: &mut ConnectionMemory, request: Request<Incoming>) -> Response<AnswerBody> {
        let (mut head, body) = request.into_parts();
        forwardable(&mut head.headers);
        match self.upstream.send(&origin.host, Request::from_parts(head, body.into())).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                hop_free(&mut head.headers);
                Response::from_parts(head, body.into())
            }
            Err(error) => {
                tracing::warn!(%error, "AWS was not reached");
                let mut response = Response::new(Carried::empty());
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }
}
