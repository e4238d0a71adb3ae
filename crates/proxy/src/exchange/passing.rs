//! A body that passes through as it comes, and what is noted when it has passed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_event_cache_answer::{Answered, Meter};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::fuse::Unseen;

/// What has come already, and the rest as it comes.
#[derive(Debug)]
pub(crate) struct Passing {
    /// Pieces that were read before it was clear that the whole is not kept; the next one last.
    read: Vec<Bytes>,
    rest: Incoming,
    tally: Tally,
}

impl Passing {
    /// `read`, in the order of coming, and then what `rest` brings.
    pub(crate) fn new(mut read: Vec<Bytes>, rest: Incoming, tally: Tally) -> Self {
        read.reverse();
        Self { read, rest, tally }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = match this.read.pop() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        };
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.tally.bytes += data.len() as u64;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.read.iter().map(|bytes| bytes.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

/// What is noted when the last byte has gone, or the client.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    meter: Option<(Arc<Meter>, Answered)>,
    bytes: u64,
    _unseen: Option<Unseen>,
}

impl Tally {
    /// Notes the answer in the books.
    pub(crate) fn of(meter: Option<Arc<Meter>>, answered: Answered) -> Self {
        Self { meter: meter.map(|meter| (meter, answered)), bytes: 0, _unseen: None }
    }

    /// Keeps a request that the core does not see in mind until it has ended.
    pub(crate) fn unseen(unseen: Unseen) -> Self {
        Self { meter: None, bytes: 0, _unseen: Some(unseen) }
    }

    /// The answer is whole: so many bytes.
    pub(crate) fn whole(mut self, bytes: usize) {
        self.bytes = bytes as u64;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if let Some((meter, answered)) = self.meter.take() {
            meter.answered(answered, self.bytes);
        }
    }
}
