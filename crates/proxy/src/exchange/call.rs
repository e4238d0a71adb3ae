//! One call of AWS, and what came of it.

use std::time::Duration;

use aws_event_cache_answer::{Meter, Toll, Upstream as End};
use aws_event_cache_model::telemetry::{Metric, count, observe};
use aws_event_cache_wire::{Protocol, error_code, is_throttle};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use smol_str::SmolStr;

use super::Shared;
use super::room::Taken;
use crate::body::UpstreamBody;
use crate::headers::hop_free;
use crate::upstream::UpstreamError;

/// Errors up to this size are read before they are passed on, to learn their code. AWS's are a few hundred bytes.
pub(super) const LONGEST_ERROR: usize = 64 * 1024;

/// Between two pieces of an answer that is being collected. The strictest SDK gives up after 30 s without a byte.
const STALL: Duration = Duration::from_secs(30);

/// Why AWS gave no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    /// As in `Cache-Status` and labels.
    pub(super) why: &'static str,
    /// AWS may have done what was asked.
    pub(super) may_have_arrived: bool,
}

impl Failure {
    /// The answer broke off.
    pub(super) const BROKEN: Self = Self { why: "broken", may_have_arrived: true };
    /// The answer did not come in time.
    pub(super) const SILENT: Self = Self { why: "silent", may_have_arrived: true };
}

impl From<&UpstreamError> for Failure {
    fn from(error: &UpstreamError) -> Self {
        Self { why: error.as_str(), may_have_arrived: error.may_have_arrived() }
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Came {
    /// All of it, in memory of exactly its size.
    Whole(Bytes),
    /// Longer than was to be kept, or than there is room for: what was read, and the rest.
    Long(Vec<Bytes>, Incoming),
}

/// Reads a body of at most `limit` bytes, as long as there is room.
///
/// # Errors
/// It broke off or stalled.
pub(super) async fn collect(head: &Parts, mut body: Incoming, limit: usize, mut room: Taken) -> Result<Came, Failure> {
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) && !body.is_end_stream() {
        return Ok(Came::Long(Vec::new(), body));
    }
    let (mut read, mut length) = (Vec::new(), 0);
    loop {
        let frame = tokio::time::timeout(STALL, body.frame()).await.map_err(|_| Failure::SILENT)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Failure::BROKEN)?.into_data() else { continue };
        length += data.len();
        read.push(data);
        if length > limit || !room.more(read.last().map_or(0, Bytes::len)) {
            return Ok(Came::Long(read, body));
        }
    }
    // Copied once, also when it came in one piece: a piece is a view of the connection's read buffer and would keep all of that in memory.
    let mut whole = BytesMut::with_capacity(length);
    read.iter().for_each(|data| whole.extend_from_slice(data));
    Ok(Came::Whole(whole.freeze()))
}

/// The error that an answer is, if it is one.
pub(super) fn code(protocol: Protocol, head: &Parts, body: &Bytes) -> Option<SmolStr> {
    if head.status.is_success() { None } else { error_code(protocol, head.status, &head.headers, body) }
}

/// How a call ended, for the books.
pub(super) fn end(head: &Parts, code: Option<&str>) -> End {
    if head.status.as_u16() < 400 {
        End::Ok
    } else if is_throttle(code.unwrap_or_default(), head.status) {
        End::Throttled
    } else if head.status.is_server_error() {
        End::Failed
    } else {
        End::Ok
    }
}

fn label(end: End) -> &'static str {
    match end {
        End::Ok => "ok",
        End::Throttled => "throttled",
        End::Failed => "failed",
    }
}

impl Shared {
    /// Sends a request and waits for the head of the answer, rid of what belongs to the connection.
    pub(super) async fn send(
        &self,
        host: &str,
        request: http::Request<UpstreamBody>,
    ) -> Result<(Parts, Incoming), Failure> {
        match self.upstream.send(host, request).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                hop_free(&mut head.headers);
                Ok((head, body))
            }
            Err(error) => {
                let failure = Failure::from(&error);
                count(Metric::UpstreamFailures, &[("reason", failure.why)]);
                tracing::warn!(host, error = &error as &dyn std::error::Error, "AWS could not be reached");
                Err(failure)
            }
        }
    }

    /// Notes a call in the books, and a throttled one in the budget; the engine hears of that, too.
    pub(super) fn note_call(&self, meter: Option<&Meter>, toll: Option<&Toll>, end: End, took: Duration) {
        if let Some(meter) = meter {
            meter.upstream(end, took);
        }
        observe(Metric::UpstreamLatency, took, &[("result", label(end))]);
        if let Some(toll) = toll.filter(|_| end == End::Throttled) {
            self.throttled(&toll.place, &toll.bucket.service);
        }
    }
}
