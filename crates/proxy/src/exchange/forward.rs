//! Requests that only pass: held if the budget says so, streamed both ways.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answered, Bypass, Forward, Reply, Ruling, Toll};
use aws_event_cache_model::telemetry::{Metric, count, observe};
use aws_event_cache_model::{Class, Timestamp};
use aws_event_cache_wire::Refusal;
use bytes::Bytes;
use http::Response;
use http::request::Parts as Head;
use http::response::Parts;
use hyper::body::Incoming;

use super::Shared;
use super::cache_status::{Forwarded, Fwd};
use super::call::{Came, Failure, LONGEST_ERROR, code, collect, end};
use super::passing::Tally;
use super::request::{Request, client, outgoing, outgoing_long};
use crate::body::{AnswerBody, UpstreamBody};
use crate::budget::{Client, Draw, Leave};
use crate::fuse::Unseen;
use crate::origin::Origin;

/// A request as far as it concerns forwarding.
pub(super) struct Onward<'r> {
    /// Where to.
    pub(super) host: &'r str,
    /// As it came.
    pub(super) head: &'r Head,
    /// What is sent.
    pub(super) outgoing: http::Request<UpstreamBody>,
}

impl Shared {
    /// A request that is neither answered from memory nor a write.
    pub(super) async fn forward(&self, request: Request, forward: Forward) -> Response<AnswerBody> {
        let told = told(forward.why);
        if let Some(toll) = &forward.toll {
            let leave = self.admit(toll, request.client, request.deadline(self.budget.hold())).await;
            // Somebody waits for what names its resource, and we would rather have AWS refuse that than refuse it ourselves.
            if leave == Leave::Refused && toll.class != Class::Operator {
                self.note_answer(forward.meter.as_ref(), Answered::Refused, 0, "budget");
                return self.refusal(
                    &request.head,
                    Some(toll),
                    Refusal::Throttled,
                    Forwarded { detail: "budget", ..told },
                );
            }
        }
        let onward = Onward { host: &request.host, head: &request.head, outgoing: request.outgoing() };
        self.pass_on(onward, forward, told).await
    }

    /// A request whose body is too long to be looked at.
    pub(super) async fn long(
        self: &Arc<Self>,
        origin: &Origin,
        head: Head,
        read: Vec<Bytes>,
        rest: Incoming,
    ) -> Response<AnswerBody> {
        let outgoing = outgoing_long(&head, read, rest);
        match self.core.ask_unread(&head) {
            Some(Ruling::Write(write)) => {
                let client = client(origin, &head);
                self.clone().write_long(origin.host.clone(), head, outgoing, write, client).await
            }
            Some(Ruling::Forward(forward)) => {
                let told = told(forward.why);
                self.pass_on(Onward { host: &origin.host, head: &head, outgoing }, forward, told).await
            }
            // Nothing else is said of what was not read; and if the core failed, nothing is known.
            Some(Ruling::Hit(_) | Ruling::Read(_)) | None => {
                let unseen = self.core.unseen(&head);
                self.forward_unseen(&origin.host, &head, outgoing, unseen, "fuse").await
            }
        }
    }

    /// A request that the core is not asked about.
    pub(super) async fn pass(
        &self,
        origin: &Origin,
        head: Head,
        body: Incoming,
        why: &'static str,
    ) -> Response<AnswerBody> {
        let unseen = self.core.unseen(&head);
        let outgoing = outgoing(&head, UpstreamBody::from(body));
        self.forward_unseen(&origin.host, &head, outgoing, unseen, why).await
    }

    /// Forwards, knowing nothing.
    pub(super) async fn forward_unseen(
        &self,
        host: &str,
        head: &Head,
        outgoing: http::Request<UpstreamBody>,
        unseen: Option<Unseen>,
        why: &'static str,
    ) -> Response<AnswerBody> {
        let told = Forwarded { fwd: Fwd::Bypass, status: None, stored: false, collapsed: false, detail: why };
        self.counts.note(Answered::Bypass, why);
        match self.send(host, outgoing).await {
            Ok((answer, body)) => {
                let told = Forwarded { status: Some(answer.status), ..told };
                self.streamed(answer, Vec::new(), body, unseen.map(Tally::unseen).unwrap_or_default(), told)
            }
            Err(failure) => self.refusal(head, None, Refusal::Unavailable, Forwarded { detail: failure.why, ..told }),
        }
    }

    async fn pass_on(&self, onward: Onward<'_>, forward: Forward, told: Forwarded) -> Response<AnswerBody> {
        let Onward { host, head, outgoing } = onward;
        let began = self.clock.now();
        let (answer, body) = match self.send(host, outgoing).await {
            Ok(answer) => answer,
            Err(failure) => {
                self.note_call(
                    forward.meter.as_deref(),
                    forward.toll.as_ref(),
                    aws_event_cache_answer::Upstream::Failed,
                    self.since(began),
                );
                self.note_answer(forward.meter.as_ref(), Answered::Bypass, 0, failure.why);
                return self.refusal(
                    head,
                    forward.toll.as_ref(),
                    Refusal::Unavailable,
                    Forwarded { detail: failure.why, ..told },
                );
            }
        };
        let told = Forwarded { status: Some(answer.status), ..told };
        self.counts.note(Answered::Bypass, forward.why.as_str());
        let tally = Tally::of(forward.meter.clone(), Answered::Bypass);
        self.hand_back(head, (answer, body), forward.toll.as_ref(), forward.meter.as_deref(), (tally, told), began)
            .await
            .0
    }

    /// Hands an answer back as it comes; an error is read first, since it may say that we ask too often or that a credential is worth no more. Returns its code, too.
    pub(super) async fn hand_back(
        &self,
        head: &Head,
        (answer, body): (Parts, Incoming),
        toll: Option<&Toll>,
        meter: Option<&aws_event_cache_answer::Meter>,
        (tally, told): (Tally, Forwarded),
        began: Timestamp,
    ) -> (Response<AnswerBody>, Option<smol_str::SmolStr>) {
        let error = answer.status.is_client_error() || answer.status.is_server_error();
        if !error || (toll.is_none() && meter.is_none()) {
            self.note_call(meter, toll, end(&answer, None), self.since(began));
            return (self.streamed(answer, Vec::new(), body, tally, told), None);
        }
        let (protocol, _) = super::request::manner(&self.catalog, head, toll);
        match collect(&answer, body, LONGEST_ERROR, self.room.enter()).await {
            Ok(Came::Whole(body)) => {
                let code = code(protocol, &answer, &body);
                self.note_call(meter, toll, end(&answer, code.as_deref()), self.since(began));
                let reply = Reply { status: answer.status, headers: &answer.headers, body: &body, complete: true };
                self.core.note_reply(head, &reply);
                tally.whole(body.len());
                (self.whole(answer.status, answer.headers, body, told), code)
            }
            Ok(Came::Long(read, rest)) => {
                self.note_call(meter, toll, end(&answer, None), self.since(began));
                (self.streamed(answer, read, rest, tally, told), None)
            }
            Err(Failure { why, .. }) => {
                self.note_call(meter, toll, aws_event_cache_answer::Upstream::Failed, self.since(began));
                (self.refusal(head, toll, Refusal::Unavailable, Forwarded { detail: why, ..told }), None)
            }
        }
    }

    /// Waits for leave, and notes that it had to.
    pub(super) async fn admit(&self, toll: &Toll, client: Client, deadline: Timestamp) -> Leave {
        let began = self.clock.now();
        let leave = self.budget.admit(&Draw::from(toll), toll.class, client, deadline).await;
        if leave != Leave::Free {
            let result = if leave == Leave::Held { "let-go" } else { "refused" };
            count(Metric::AnswersHeld, &[("result", result)]);
            observe(Metric::AnswerHeldTime, self.since(began), &[]);
        }
        leave
    }

    /// How long it is since then.
    pub(super) fn since(&self, began: Timestamp) -> Duration {
        Duration::try_from(self.clock.now().duration_since(began)).unwrap_or(Duration::ZERO)
    }
}

impl From<&Toll> for Draw {
    fn from(toll: &Toll) -> Self {
        Self { place: toll.place.clone(), bucket: toll.bucket.clone() }
    }
}

fn told(why: Bypass) -> Forwarded {
    let fwd = if why == Bypass::ActsForOperation { Fwd::Request } else { Fwd::Bypass };
    Forwarded { fwd, status: None, stored: false, collapsed: false, detail: why.as_str() }
}
