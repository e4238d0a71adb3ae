//! A request as it is carried: its head, and its body when that is short.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::Toll;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{ErrorShape, Timestamp};
use aws_event_cache_wire::{Protocol, Signature, amz_date, signature};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::passing::{Passing, Tally};
use crate::body::UpstreamBody;
use crate::budget::Client;
use crate::headers::forwardable;
use crate::origin::Origin;

/// Longer bodies are not held in memory and never asked about: the longest request of a read is a few KiB; EC2's limit for any request is about 1 MiB.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;

/// AWS refuses what was signed longer ago than this, so that holding it longer is of no use. (IAM guide: five minutes.)
const SIGNATURE_LASTS: Duration = Duration::from_secs(5 * 60);

/// What is kept of that for the way to AWS.
const RESERVE: Duration = Duration::from_secs(15);

/// A request body.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Too long to be held: what was read, and the rest.
    Long(Vec<Bytes>, Incoming),
    /// The client went away, or stalled.
    Broken,
}

impl Body {
    /// Reads a body, if it is short. One that comes in one piece, as nearly all do, is not copied.
    pub(super) async fn read(head: &Parts, mut body: Incoming) -> Self {
        if body.is_end_stream() {
            return Self::Whole(Bytes::new());
        }
        if announced(head).is_some_and(|length| length > LONGEST_BODY as u64) {
            return Self::Long(Vec::new(), body);
        }
        let (mut read, mut length) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Self::Broken };
            // Trailers of a request carry nothing that is signed.
            let Ok(data) = frame.into_data() else { continue };
            if read.is_empty() && body.is_end_stream() {
                return Self::Whole(data);
            }
            length += data.len();
            read.push(data);
            if length > LONGEST_BODY {
                return Self::Long(read, body);
            }
        }
        let mut whole = BytesMut::with_capacity(length);
        read.iter().for_each(|data| whole.extend_from_slice(data));
        Self::Whole(whole.freeze())
    }
}

fn announced(head: &Parts) -> Option<u64> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A request with its body.
#[derive(Debug)]
pub(super) struct Request {
    /// Where it is headed.
    pub(super) host: Arc<str>,
    /// As it came.
    pub(super) head: Parts,
    /// Its whole body.
    pub(super) body: Bytes,
    /// For fairness.
    pub(super) client: Client,
    /// When it came.
    pub(super) arrived: Timestamp,
    /// See [`Origin::trusted`].
    pub(super) trusted: bool,
}

impl Request {
    /// A request that came from there.
    pub(super) fn new(origin: &Origin, head: Parts, body: Bytes, arrived: Timestamp) -> Self {
        let client = client(origin, &head);
        Self { host: origin.host.clone(), head, body, client, arrived, trusted: origin.trusted }
    }

    /// What is sent to AWS.
    pub(super) fn outgoing(&self) -> http::Request<UpstreamBody> {
        outgoing(&self.head, UpstreamBody::from(self.body.clone()))
    }

    /// Until when it may be held, if it may be held for so long.
    pub(super) fn deadline(&self, hold: Duration) -> Timestamp {
        let signed_until = amz_date(&self.head.headers).map(|signed| after(signed, SIGNATURE_LASTS - RESERVE));
        after(self.arrived, hold).min(signed_until.unwrap_or(Timestamp::MAX))
    }
}

/// What is sent to AWS of a request whose body is passed on as it comes.
pub(super) fn outgoing_long(head: &Parts, read: Vec<Bytes>, rest: Incoming) -> http::Request<UpstreamBody> {
    outgoing(head, UpstreamBody::boxed(Passing::new(read, rest, Tally::default())))
}

/// The same method, target and header lines, but for those that end at a proxy.
pub(super) fn outgoing(head: &Parts, body: UpstreamBody) -> http::Request<UpstreamBody> {
    let mut request = http::Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    forwardable(request.headers_mut());
    request
}

/// Who is to be treated fairly: an address, and a key on it, since several programs may share a node or a loopback.
pub(super) fn client(origin: &Origin, head: &Parts) -> Client {
    let mut hasher = DefaultHasher::new();
    origin.peer.ip().hash(&mut hasher);
    if let Signature::V4 { credential } = signature(head) {
        credential.key_id.hash(&mut hasher);
    }
    Client(hasher.finish())
}

/// In which words a request expects an error, as far as its head shows.
pub(super) fn manner(catalog: &Catalog, head: &Parts, toll: Option<&Toll>) -> (Protocol, ErrorShape) {
    if let Some(toll) = toll {
        return (toll.protocol, toll.shape);
    }
    let form = |value: &http::HeaderValue| value.as_bytes().starts_with(b"application/x-www-form-urlencoded");
    let protocol = if head.headers.contains_key("x-amz-target") {
        Protocol::Json
    } else if head.headers.contains_key("smithy-protocol") {
        Protocol::Cbor
    } else if head.headers.get(CONTENT_TYPE).is_some_and(form)
        || head.uri.query().is_some_and(|query| query.contains("Action="))
    {
        Protocol::Query
    } else {
        Protocol::Rest
    };
    let of_service = match signature(head) {
        Signature::V4 { credential } => catalog.service_signed(credential.service).map(|service| service.error_shape),
        _ => None,
    };
    let usual = match protocol {
        Protocol::Query => ErrorShape::Query,
        Protocol::Json | Protocol::Cbor => ErrorShape::Json,
        Protocol::Rest => ErrorShape::RestJson,
    };
    (protocol, of_service.unwrap_or(usual))
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
