//! What stands between a connection and the HTTP library: only inspected bytes get through, and nobody is waited for without end.
//!
//! A refused head never reaches the library. In its place the gate puts a request of its own ([`REFUSED`]), with a method that no inspected head can have, so
//! that the answer comes in its turn, after those to the requests before it. Nothing is read after that.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::framing::{Inspector, Next, Place};
use crate::head::{HeadLimits, Malformed};
use crate::settings::Limits;

/// The method of the request that stands for a refused one. Lower case: the inspection lets only upper case through.
pub(crate) const REFUSED: &str = "refused";

const STAND_IN: &[u8] = b"refused / HTTP/1.1\r\nhost: refused\r\ncontent-length: 0\r\n\r\n";

/// How much is read at once while a head is incomplete.
const PIECE: usize = 4 * 1024;

/// What the gate and those who serve the connection tell each other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// A request is being answered: the connection is not idle although nothing moves.
    busy: AtomicBool,
    /// Why the last request was refused.
    refused: Mutex<Option<Malformed>>,
}

impl Watch {
    /// Why the request that [`REFUSED`] stands for was refused.
    pub(crate) fn refused(&self) -> Option<Malformed> {
        *self.refused.lock()
    }
}

/// Held while a request is answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Watch>);

impl Busy {
    /// From now on.
    pub(crate) fn new(watch: &Arc<Watch>) -> Self {
        watch.busy.store(true, Ordering::Relaxed);
        Self(watch.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

/// The gate.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    inner: S,
    inspector: Inspector,
    /// Bytes that were read: first those that may pass, then the start of a head.
    held: Vec<u8>,
    /// So many of them may pass.
    ready: usize,
    /// Of the stand-in, once a request was refused: what the library has not had yet.
    stand_in: Option<&'static [u8]>,
    /// A body that has begun to pass cannot be followed: the connection ends.
    broken: bool,
    reading: Patience,
    writing: Patience,
    limits: Times,
    watch: Arc<Watch>,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    head: Duration,
    idle: Duration,
    stall: Duration,
}

/// One timer, set when waiting begins. It keeps its place in the wheel, so that setting it again costs next to nothing.
#[derive(Debug, Default)]
struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
    waiting_for: Option<Place>,
}

impl Patience {
    /// Waiting for `what`, for so long from when that began.
    fn poll(&mut self, what: Place, length: Duration, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(length)));
        if self.waiting_for != Some(what) {
            timer.as_mut().reset(Instant::now() + length);
            self.waiting_for = Some(what);
        }
        timer.as_mut().poll(context)
    }

    fn over(&mut self) {
        self.waiting_for = None;
    }
}

impl<S> Gate<S> {
    /// A gate before `inner`, of which `read` was read already.
    pub(crate) fn new(inner: S, read: Vec<u8>, limits: &Limits, watch: Arc<Watch>) -> Self {
        let head = HeadLimits { bytes: limits.head_bytes, lines: limits.head_lines };
        let mut gate = Self {
            inner,
            inspector: Inspector::new(head),
            held: read,
            ready: 0,
            stand_in: None,
            broken: false,
            reading: Patience::default(),
            writing: Patience::default(),
            limits: Times { head: limits.head_time, idle: limits.idle, stall: limits.stall },
            watch,
        };
        gate.inspect_held();
        gate
    }

    /// What is held begins where the inspector is.
    fn inspect_held(&mut self) {
        let (passed, next) = self.inspector.pass(&self.held);
        self.ready = passed;
        if let Next::Refused(malformed) = next {
            self.refuse(malformed);
        }
    }

    fn refuse(&mut self, malformed: Malformed) {
        *self.watch.refused.lock() = Some(malformed);
        self.held.truncate(self.ready);
        if malformed == Malformed::Chunk {
            self.broken = true;
        } else {
            self.stand_in = Some(STAND_IN);
        }
    }

    /// Hands out what may pass; whether there was any.
    fn hand_out(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.ready.min(buffer.remaining());
        if count > 0 {
            buffer.put_slice(&self.held[..count]);
            self.held.drain(..count);
            self.ready -= count;
            return true;
        }
        match &mut self.stand_in {
            Some(rest) if !rest.is_empty() => {
                let count = rest.len().min(buffer.remaining());
                let (now, later) = rest.split_at(count);
                buffer.put_slice(now);
                *rest = later;
                true
            }
            _ => false,
        }
    }

    /// What becomes of having waited too long.
    fn out_of_patience(&mut self, place: Place) -> Option<io::Result<()>> {
        match place {
            Place::Between if self.watch.busy.load(Ordering::Relaxed) => None,
            // As if the client had closed: nothing is under way.
            Place::Between => Some(Ok(())),
            Place::Head => {
                self.ready = 0;
                self.refuse(Malformed::Late);
                None
            }
            Place::Body => Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the request's body does not go on"))),
        }
    }
}

impl<S: AsyncRead + Unpin> Gate<S> {
    /// Reads straight into the library's buffer, and takes back what may not pass yet. `None`: nothing passed, go on.
    fn read_through(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Option<io::Result<()>>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) => {}
        }
        let new = &buffer.filled()[before..];
        if new.is_empty() {
            return Poll::Ready(Some(Ok(())));
        }
        let (passed, next) = self.inspector.pass(new);
        if next == Next::Incomplete {
            self.held.extend_from_slice(&new[passed..]);
        }
        buffer.set_filled(before + passed);
        if let Next::Refused(malformed) = next {
            self.refuse(malformed);
        }
        Poll::Ready(if passed > 0 { Some(Ok(())) } else { None })
    }

    /// Reads on while a head is incomplete.
    fn read_on(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<()>>> {
        let mut piece = [0; PIECE];
        let mut piece = ReadBuf::new(&mut piece);
        match Pin::new(&mut self.inner).poll_read(context, &mut piece) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) => {}
        }
        if piece.filled().is_empty() {
            return Poll::Ready(Some(Ok(())));
        }
        self.held.extend_from_slice(piece.filled());
        self.inspect_held();
        Poll::Ready(None)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        loop {
            if gate.hand_out(buffer) {
                gate.reading.over();
                return Poll::Ready(Ok(()));
            }
            if gate.broken {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Malformed::Chunk)));
            }
            if gate.stand_in.is_some() {
                return Poll::Pending;
            }
            let step = if gate.held.is_empty() { gate.read_through(context, buffer) } else { gate.read_on(context) };
            let place = gate.inspector.place();
            match step {
                Poll::Ready(Some(result)) => {
                    gate.reading.over();
                    return Poll::Ready(result);
                }
                Poll::Ready(None) => {}
                Poll::Pending => {
                    let length = match place {
                        Place::Between => gate.limits.idle,
                        Place::Head => gate.limits.head,
                        Place::Body => gate.limits.stall,
                    };
                    if gate.reading.poll(place, length, context).is_pending() {
                        return Poll::Pending;
                    }
                    gate.reading.over();
                    if let Some(result) = gate.out_of_patience(place) {
                        return Poll::Ready(result);
                    }
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Gate<S> {
    /// The connection was used: its idle time begins anew. Flushing does not count, since the library flushes whenever it is woken.
    fn used(&mut self) {
        if self.reading.waiting_for == Some(Place::Between) {
            self.reading.over();
        }
    }

    fn written<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.writing.over();
            return outcome;
        }
        match self.writing.poll(Place::Body, self.limits.stall, context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.used();
        self.written(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.used();
        self.written(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(context);
        self.written(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(context);
        self.written(outcome, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    const GOOD: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";

    fn gate(read: &[u8]) -> (Gate<DuplexStream>, DuplexStream, Arc<Watch>) {
        let (client, ours) = tokio::io::duplex(64);
        let watch = Arc::new(Watch::default());
        (Gate::new(ours, read.to_vec(), &Limits::default(), watch.clone()), client, watch)
    }

    async fn read(gate: &mut Gate<DuplexStream>, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        gate.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn what_is_good_gets_through_unchanged_however_it_comes() {
        let (mut gate, mut client, _) = gate(&GOOD[..20]);
        let rest = &GOOD[20..];
        let ((), got) = tokio::join!(
            async {
                for piece in rest.chunks(3) {
                    client.write_all(piece).await.unwrap();
                }
                client.write_all(GOOD).await.unwrap();
            },
            read(&mut gate, GOOD.len() * 2)
        );
        assert_eq!(got, GOOD.repeat(2));
    }

    #[tokio::test]
    async fn a_refused_head_is_replaced_and_nothing_follows() {
        let (mut gate, mut client, watch) = gate(&[GOOD, b"GET / HTTP/1.1\nHost: h\r\n\r\n", GOOD].concat());
        assert_eq!(read(&mut gate, GOOD.len() + STAND_IN.len()).await, [GOOD, STAND_IN].concat());
        assert_eq!(watch.refused(), Some(Malformed::LineEnd));
        client.write_all(b"more").await.unwrap();
        let mut byte = [0];
        assert!(tokio::time::timeout(Duration::from_millis(20), gate.read(&mut byte)).await.is_err());
    }

    #[tokio::test]
    async fn no_byte_of_an_incomplete_head_gets_through() {
        let (mut gate, mut client, _) = gate(b"");
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n").await.unwrap();
        let mut byte = [0];
        assert!(tokio::time::timeout(Duration::from_millis(20), gate.read(&mut byte)).await.is_err());
        drop(client);
        assert_eq!(gate.read(&mut byte).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_ten_seconds_whatever_trickles_in() {
        let (mut gate, mut client, watch) = gate(b"");
        let begun = Instant::now();
        let trickle = async {
            loop {
                client.write_all(b"A").await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let got = tokio::select! {
            () = trickle => unreachable!(),
            got = read(&mut gate, STAND_IN.len()) => got,
        };
        assert_eq!((got.as_slice(), watch.refused()), (STAND_IN, Some(Malformed::Late)));
        assert_eq!((Instant::now() - begun).as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_ends_but_not_while_its_request_is_answered() {
        let (mut gate, _client, watch) = gate(GOOD);
        read(&mut gate, GOOD.len()).await;
        let busy = Busy::new(&watch);
        let mut byte = [0];
        assert!(tokio::time::timeout(Duration::from_secs(3_600), gate.read(&mut byte)).await.is_err());
        drop(busy);
        gate.write_all(b"answer").await.unwrap();
        let begun = Instant::now();
        let flushed_all_the_while = std::future::poll_fn(|context| {
            let mut buffer = [0];
            let read = Pin::new(&mut gate).poll_read(context, &mut ReadBuf::new(&mut buffer));
            assert!(Pin::new(&mut gate).poll_flush(context).is_ready());
            read
        });
        flushed_all_the_while.await.unwrap();
        assert_eq!((Instant::now() - begun).as_secs(), 120);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_or_a_reader_that_stands_still_ends_the_connection() {
        let (mut gate, mut client, _) = gate(&GOOD[..GOOD.len() - 1]);
        read(&mut gate, GOOD.len() - 1).await;
        let mut byte = [0];
        assert_eq!(gate.read(&mut byte).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(gate.write_all(&[0; 100]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let mut taken = [0; 64];
        client.read_exact(&mut taken).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_cannot_be_followed_is_an_error() {
        let head = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello";
        let (mut gate, mut client, _) = gate(head);
        read(&mut gate, head.len()).await;
        client.write_all(b"X").await.unwrap();
        let mut byte = [0];
        assert_eq!(gate.read(&mut byte).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(gate.read(&mut byte).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
