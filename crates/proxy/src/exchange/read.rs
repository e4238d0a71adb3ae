//! Reads that may be learned: shared while they are under way, held by the budget, collected, learned.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{
    Answered, Asked, ConnectionMemory, FlightKey, Miss, Reading, Reply as Raw, Ruling, Upstream as End,
};
use aws_event_cache_model::Class;
use aws_event_cache_wire::Refusal;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::error::Elapsed;

use super::Shared;
use super::cache_status::{Forwarded, Fwd};
use super::call::{Came, Failure, code, collect, end};
use super::core::LEARN_ASIDE;
use super::passing::Tally;
use super::request::Request;
use crate::body::AnswerBody;
use crate::budget::{Draw, Leave};
use crate::flights::{Lead, PATIENCE, Seat};
use crate::fuse::Epoch;

/// Answers are collected up to this size; a longer one is passed on as it comes and not learned. (AWS's largest answer to a read of ours was about 20 MB.)
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// Longest time until AWS's answer begins. After 60 s without a byte the last SDK has given up.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long equal reads go alone after one whose answer could not be shared. Short: the reason may be the one caller's own.
const APART: Duration = Duration::from_secs(5);

/// The same for an answer that was too long to be kept: it will be so again.
const APART_LONG: Duration = Duration::from_secs(60);

/// A read under way.
pub(super) struct Asking {
    request: Request,
    reading: Reading,
    epoch: Epoch,
}

/// A whole answer of AWS.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    stored: bool,
    end: End,
}

impl Reply {
    /// Whether it says something about what was asked for, and not about who asked or how AWS feels.
    fn concerns_all(&self) -> bool {
        self.status.is_success() || self.stored
    }
}

/// What those who follow are told.
#[derive(Debug, Clone)]
pub(super) enum Landing {
    /// What AWS answered.
    Reply(Arc<Reply>),
    /// The budget gave no leave.
    Refused,
    /// AWS failed.
    Failed,
    /// Nothing that could be shared.
    Apart,
}

/// What came of a call.
enum Called {
    Reply(Arc<Reply>),
    Long(Parts, Vec<Bytes>, Incoming),
    Failed(Failure),
    Refused,
}

impl Called {
    fn landing(&self) -> Landing {
        match self {
            Self::Reply(reply) if reply.concerns_all() || reply.end == End::Throttled => Landing::Reply(reply.clone()),
            Self::Refused => Landing::Refused,
            Self::Failed(_) => Landing::Failed,
            Self::Reply(reply) if reply.end == End::Failed => Landing::Failed,
            Self::Reply(_) | Self::Long(..) => Landing::Apart,
        }
    }

    /// How long the next who ask for the same had better go alone.
    fn apart(&self) -> Option<Duration> {
        match self {
            Self::Long(..) => Some(APART_LONG),
            Self::Reply(reply) if !reply.concerns_all() && reply.end != End::Throttled => Some(APART),
            Self::Failed(_) => Some(APART),
            Self::Reply(_) | Self::Refused => None,
        }
    }
}

impl Shared {
    /// A read.
    pub(super) async fn read(
        self: Arc<Self>,
        request: Request,
        reading: Reading,
        epoch: Epoch,
    ) -> Response<AnswerBody> {
        let asking = Arc::new(Asking { request, reading, epoch });
        match asking.reading.flight.as_ref().map(|key| self.flights.join(key, self.clock.now())) {
            Some(Seat::Lead(lead)) => self.lead(&asking, lead).await,
            Some(Seat::Follow(follow)) => {
                let landing = tokio::time::timeout(self.clock.real(PATIENCE), follow.landed()).await;
                self.follow(&asking, landing).await
            }
            Some(Seat::Alone) | None => self.alone(&asking).await,
        }
    }

    /// Makes the call in a task of its own, so that a client that goes away harms nobody who follows.
    #[allow(clippy::disallowed_methods, reason = "a shell: the task ends with the call, whose time is limited")]
    async fn lead(self: &Arc<Self>, asking: &Arc<Asking>, lead: Lead<FlightKey, Landing>) -> Response<AnswerBody> {
        let (shared, asked) = (self.clone(), asking.clone());
        let mut task = tokio::spawn(async move {
            shared.core.fault("lead");
            let called = shared.call(&asked).await;
            match called.apart() {
                Some(length) => lead.land_apart(called.landing(), shared.clock.now(), length),
                None => lead.land(called.landing()),
            }
            called
        });
        if asking.reading.stale.is_some() {
            // Something can be given while AWS does not answer: no client need wait for as long as AWS may take.
            match tokio::time::timeout(self.clock.real(PATIENCE), &mut task).await {
                Ok(Ok(called)) => return self.conclude(asking, called),
                Ok(Err(_)) => return self.alone(asking).await,
                Err(_) => {
                    if let Some(response) = self.instead(asking, "upstream-slow") {
                        return response;
                    }
                }
            }
        }
        match task.await {
            Ok(called) => self.conclude(asking, called),
            // It panicked: a fault of ours, which is not the client's.
            Err(_) => self.alone(asking).await,
        }
    }

    async fn follow(
        self: &Arc<Self>,
        asking: &Arc<Asking>,
        landing: Result<Option<Landing>, Elapsed>,
    ) -> Response<AnswerBody> {
        match landing {
            Ok(Some(Landing::Reply(reply))) if reply.end == End::Throttled => {
                self.instead(asking, "throttled").unwrap_or_else(|| self.reply(asking, &reply, true))
            }
            Ok(Some(Landing::Reply(reply))) => self.reply(asking, &reply, true),
            Ok(Some(Landing::Refused)) => self.refused(asking),
            Ok(Some(Landing::Failed)) => self.instead_or_alone(asking, "upstream-error").await,
            Err(_) => self.instead_or_alone(asking, "upstream-slow").await,
            // What the leader got may be about the leader: what it may do, how much it was given. Or there is none: a fault of ours.
            Ok(Some(Landing::Apart) | None) => self.alone(asking).await,
        }
    }

    async fn instead_or_alone(self: &Arc<Self>, asking: &Arc<Asking>, detail: &'static str) -> Response<AnswerBody> {
        match self.instead(asking, detail) {
            Some(response) => response,
            None => self.alone(asking).await,
        }
    }

    async fn alone(self: &Arc<Self>, asking: &Arc<Asking>) -> Response<AnswerBody> {
        let called = self.call(asking).await;
        self.conclude(asking, called)
    }

    fn conclude(&self, asking: &Asking, called: Called) -> Response<AnswerBody> {
        match called {
            Called::Reply(reply) => {
                let instead = match reply.end {
                    End::Ok => None,
                    End::Throttled => self.instead(asking, "throttled"),
                    End::Failed => self.instead(asking, "upstream-error"),
                };
                instead.unwrap_or_else(|| self.reply(asking, &reply, false))
            }
            Called::Long(head, read, rest) => {
                self.counts.note(Answered::Miss, "too-large");
                let told = Forwarded { status: Some(head.status), detail: "too-large", ..told(asking.reading.why) };
                let tally = Tally::of(Some(asking.reading.meter.clone()), Answered::Miss);
                self.streamed(head, read, rest, tally, told)
            }
            Called::Failed(failure) => self.instead(asking, "upstream-error").unwrap_or_else(|| {
                self.note_answer(Some(&asking.reading.meter), Answered::Miss, 0, failure.why);
                let told = Forwarded { detail: failure.why, ..told(asking.reading.why) };
                self.refusal(&asking.request.head, Some(&asking.reading.toll), Refusal::Unavailable, told)
            }),
            Called::Refused => self.refused(asking),
        }
    }

    fn reply(&self, asking: &Asking, reply: &Reply, collapsed: bool) -> Response<AnswerBody> {
        let answered = if collapsed { Answered::Collapsed } else { Answered::Miss };
        let why = asking.reading.why;
        self.note_answer(Some(&asking.reading.meter), answered, reply.body.len(), why.as_str());
        let told = Forwarded { status: Some(reply.status), stored: reply.stored, collapsed, ..told(why) };
        self.whole(reply.status, reply.headers.clone(), reply.body.clone(), told)
    }

    fn refused(&self, asking: &Asking) -> Response<AnswerBody> {
        self.instead(asking, "budget").unwrap_or_else(|| {
            self.note_answer(Some(&asking.reading.meter), Answered::Refused, 0, "budget");
            let told = Forwarded { detail: "budget", ..told(asking.reading.why) };
            self.refusal(&asking.request.head, Some(&asking.reading.toll), Refusal::Throttled, told)
        })
    }

    /// What may be given instead of AWS's answer. It is asked for anew: what was there when the request came may have been overtaken while it waited.
    fn instead(&self, asking: &Asking, detail: &'static str) -> Option<Response<AnswerBody>> {
        if asking.reading.why == Miss::Observed || self.core.enter() != Ok(asking.epoch) {
            return None;
        }
        let Request { head, body, host, trusted, .. } = &asking.request;
        let memory = &mut ConnectionMemory::default();
        match self.core.ask(Asked { head, body, host, trusted: *trusted, memory })? {
            Ruling::Hit(hit) => Some(self.hit(&hit)),
            Ruling::Read(reading) => reading.stale.as_ref().map(|page| self.stale_hit(page, &reading.meter, detail)),
            Ruling::Forward(_) | Ruling::Write(_) => None,
        }
    }

    /// One call: leave, AWS, learning.
    async fn call(self: &Arc<Self>, asking: &Arc<Asking>) -> Called {
        let (request, reading) = (&asking.request, &asking.reading);
        if reading.why == Miss::Observed {
            // Whoever only observes is never in the way.
            self.budget.note(&Draw::from(&reading.toll), reading.toll.class);
        } else {
            let leave = self.admit(&reading.toll, request.client, request.deadline(self.budget.hold())).await;
            if leave == Leave::Refused && reading.toll.class != Class::Operator {
                return Called::Refused;
            }
        }
        let began = self.clock.now();
        let called =
            match tokio::time::timeout(self.clock.real(LONGEST_WAIT), self.send(&request.host, request.outgoing()))
                .await
            {
                Ok(Ok((head, body))) => match collect(&head, body, LONGEST_ANSWER, self.room.enter()).await {
                    Ok(Came::Whole(body)) => return self.take(asking, head, body, began).await,
                    Ok(Came::Long(read, rest)) => Called::Long(head, read, rest),
                    Err(failure) => Called::Failed(failure),
                },
                Ok(Err(failure)) => Called::Failed(failure),
                Err(_) => Called::Failed(Failure::SILENT),
            };
        let end = if matches!(called, Called::Failed(_)) { End::Failed } else { End::Ok };
        self.note_call(Some(&reading.meter), Some(&reading.toll), end, self.since(began));
        called
    }

    /// Learns a whole answer.
    async fn take(
        self: &Arc<Self>,
        asking: &Arc<Asking>,
        head: Parts,
        body: Bytes,
        began: aws_event_cache_model::Timestamp,
    ) -> Called {
        let reading = &asking.reading;
        let code = code(reading.toll.protocol, &head, &body);
        let end = end(&head, code.as_deref());
        self.note_call(Some(&reading.meter), Some(&reading.toll), end, self.since(began));
        let mut reply = Reply { status: head.status, headers: head.headers, body, stored: false, end };
        reply.stored = if reply.body.len() > LEARN_ASIDE {
            let (shared, asking) = (self.clone(), asking.clone());
            let aside = tokio::task::spawn_blocking(move || {
                let stored = shared.learn(&asking, &reply);
                (reply, stored)
            });
            match aside.await {
                Ok((taken, stored)) => {
                    reply = taken;
                    stored
                }
                // Only a runtime that shuts down gives nothing back.
                Err(_) => return Called::Failed(Failure::BROKEN),
            }
        } else {
            self.learn(asking, &reply)
        };
        Called::Reply(Arc::new(reply))
    }

    fn learn(&self, asking: &Asking, reply: &Reply) -> bool {
        let raw = Raw { status: reply.status, headers: &reply.headers, body: &reply.body, complete: true };
        let Some(lesson) = self.core.learn(asking.epoch, &asking.reading, &raw) else { return false };
        if let Some((scope, evidence)) = lesson.evidence {
            self.engine.evidence(scope, evidence);
        }
        lesson.stored.is_ok()
    }
}

fn told(why: Miss) -> Forwarded {
    let fwd = match why {
        Miss::Absent | Miss::Chain | Miss::Retired => Fwd::UriMiss,
        Miss::Stale | Miss::Dirty | Miss::Settling => Fwd::Stale,
        Miss::NotAdmitted => Fwd::Request,
        Miss::Observed => Fwd::Bypass,
    };
    Forwarded { fwd, status: None, stored: false, collapsed: false, detail: why.as_str() }
}
