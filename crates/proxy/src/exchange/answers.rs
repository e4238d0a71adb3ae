//! Answers that are not from memory: AWS's own, signed by us as a proxy does, and refusals in a service's own words.

use std::sync::Arc;

use aws_event_cache_answer::{Answered, Meter, Toll};
use aws_event_cache_wire::{Refusal, refuse};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts as Head;
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;

use super::Shared;
use super::cache_status::{Forwarded, sign};
use super::passing::{Passing, Tally};
use super::request::manner;
use crate::body::AnswerBody;

impl Shared {
    /// What AWS answered, when all of it is at hand.
    pub(super) fn whole(
        &self,
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        told: Forwarded,
    ) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        sign(response.headers_mut(), told.value(), self.ids.next());
        response
    }

    /// What AWS answers, as it comes.
    pub(super) fn streamed(
        &self,
        head: Parts,
        read: Vec<Bytes>,
        rest: Incoming,
        tally: Tally,
        told: Forwarded,
    ) -> Response<AnswerBody> {
        let mut response = Response::from_parts(head, AnswerBody::boxed(Passing::new(read, rest, tally)));
        sign(response.headers_mut(), told.value(), self.ids.next());
        response
    }

    /// A refusal, as the service would word it.
    pub(super) fn refusal(
        &self,
        head: &Head,
        toll: Option<&Toll>,
        why: Refusal,
        told: Forwarded,
    ) -> Response<AnswerBody> {
        let id = self.ids.next();
        let (protocol, shape) = manner(&self.catalog, head, toll);
        let mut response = refuse(protocol, shape, why, id.to_str().unwrap_or_default()).map(AnswerBody::from);
        response.headers_mut().remove(CONTENT_LENGTH);
        sign(response.headers_mut(), told.value(), id);
        response
    }

    /// Notes an answer that has all its bytes at hand.
    pub(super) fn note_answer(
        &self,
        meter: Option<&Arc<Meter>>,
        answered: Answered,
        bytes: usize,
        reason: &'static str,
    ) {
        self.counts.note(answered, reason);
        if let Some(meter) = meter {
            meter.answered(answered, bytes as u64);
        }
    }
}
