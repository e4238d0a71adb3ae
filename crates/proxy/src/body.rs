//! Bodies on their way through: bytes that are known, or a stream that is passed on frame by frame. Neither is ever copied.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// Why a body broke off.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that is carried from one side to the other.
#[derive(Debug)]
pub(crate) enum Carried {
    /// Known to its end; `None` once it was handed over, or when there is none.
    Bytes(Option<Bytes>),
    /// As it comes in.
    Incoming(Incoming),
    /// Anything else: the own API's answers, streams with something to do at their end.
    Boxed(UnsyncBoxBody<Bytes, BodyError>),
}

/// The body of a request on its way to AWS.
pub(crate) type UpstreamBody = Carried;

/// The body of an answer on its way to the client.
pub(crate) type AnswerBody = Carried;

impl Carried {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Bytes(None)
    }

    /// Any other body.
    pub(crate) fn boxed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self::Boxed(body.map_err(Into::into).boxed_unsync())
    }
}

impl From<Bytes> for Carried {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl From<Incoming> for Carried {
    fn from(body: Incoming) -> Self {
        Self::Incoming(body)
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Incoming(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Self::Boxed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_none(),
            Self::Incoming(body) => body.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Incoming(body) => body.size_hint(),
            Self::Boxed(body) => body.size_hint(),
        }
    }
}
