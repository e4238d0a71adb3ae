//! Writes: marked, forwarded, marked again before the answer goes back, whatever becomes of the call or its client.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answered, Upstream as End, Write};
use aws_event_cache_model::Class;
use aws_event_cache_model::Timestamp;
use aws_event_cache_wire::Refusal;
use http::Response;
use http::request::Parts as Head;

use super::Shared;
use super::cache_status::{Forwarded, Fwd};
use super::passing::Tally;
use super::request::Request;
use crate::body::{AnswerBody, UpstreamBody};
use crate::budget::Client;

/// A write is held for so long at most, and then goes whatever the budget says: somebody waits for it, and AWS counts writes apart from reads anyway.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// What is said of every write.
const TOLD: Forwarded = Forwarded { fwd: Fwd::Method, status: None, stored: false, collapsed: false, detail: "write" };

/// A write that is under way. However this ends, a panic and a runtime that shuts down included, what it may change is marked once more.
struct UnderWay {
    shared: Arc<Shared>,
    write: Write,
    /// It certainly did not happen.
    harmless: bool,
}

impl UnderWay {
    fn begin(shared: Arc<Shared>, write: Write) -> Self {
        shared.core.mark(&write);
        Self { shared, write, harmless: false }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.harmless {
            self.shared.core.mark(&self.write);
            self.shared.engine.hints(self.shared.core.hints(&self.write));
        }
    }
}

/// The client of a write. When it goes away first, it will look or try again, maybe long before AWS answers; what is read from then on is read anew.
struct Awaiting {
    shared: Arc<Shared>,
    write: Option<Write>,
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        if let Some(write) = self.write.take() {
            self.shared.core.mark(&write);
        }
    }
}

impl Shared {
    /// A write.
    pub(super) async fn write(self: Arc<Self>, request: Request, write: Write) -> Response<AnswerBody> {
        let outgoing = request.outgoing();
        let Request { host, head, client, .. } = request;
        self.write_long(host, head, outgoing, write, client).await
    }

    /// A write whose body may come piece by piece.
    #[allow(
        clippy::disallowed_methods,
        reason = "a shell: a client that goes away must not take the second mark along"
    )]
    pub(super) async fn write_long(
        self: Arc<Self>,
        host: Arc<str>,
        head: Head,
        outgoing: http::Request<UpstreamBody>,
        write: Write,
        client: Client,
    ) -> Response<AnswerBody> {
        let mut awaiting = Awaiting { shared: self.clone(), write: Some(write.clone()) };
        let under_way = UnderWay::begin(self.clone(), write);
        let head = Arc::new(head);
        let call = tokio::spawn(self.clone().call_write(host, head.clone(), outgoing, under_way, client));
        let called = call.await;
        awaiting.write = None;
        match called {
            Ok(response) => response,
            // A fault of ours; the write may have happened, so that only the client can tell what to do.
            Err(_) => self.refusal(&head, None, Refusal::Unavailable, Forwarded { detail: "fault", ..TOLD }),
        }
    }

    async fn call_write(
        self: Arc<Self>,
        host: Arc<str>,
        head: Arc<Head>,
        outgoing: http::Request<UpstreamBody>,
        mut under_way: UnderWay,
        client: Client,
    ) -> Response<AnswerBody> {
        let (toll, meter) = (under_way.write.toll.clone(), under_way.write.meter.clone());
        if let Some(toll) = &toll {
            let urgent = aws_event_cache_answer::Toll { class: Class::Operator, ..toll.clone() };
            self.admit(&urgent, client, self.soon()).await;
        }
        let began = self.clock.now();
        let (answer, body) = match self.send(&host, outgoing).await {
            Ok(answer) => answer,
            Err(failure) => {
                self.note_call(meter.as_deref(), toll.as_ref(), End::Failed, self.since(began));
                self.note_answer(meter.as_ref(), Answered::Write, 0, failure.why);
                under_way.harmless = !failure.may_have_arrived;
                drop(under_way);
                return self.refusal(
                    &head,
                    toll.as_ref(),
                    Refusal::Unavailable,
                    Forwarded { detail: failure.why, ..TOLD },
                );
            }
        };
        let status = answer.status;
        let told = Forwarded { status: Some(status), ..TOLD };
        self.counts.note(Answered::Write, "write");
        let tally = Tally::of(meter.clone(), Answered::Write);
        let (response, code) =
            self.hand_back(&head, (answer, body), toll.as_ref(), meter.as_deref(), (tally, told), began).await;
        under_way.harmless = !self.core.wrote(&under_way.write, status, code.as_deref());
        // Here, before the answer goes back: whoever has it and reads must see what was written.
        drop(under_way);
        response
    }

    fn soon(&self) -> Timestamp {
        self.clock.now().saturating_add(LONGEST_HOLD).unwrap_or(Timestamp::MAX)
    }
}
