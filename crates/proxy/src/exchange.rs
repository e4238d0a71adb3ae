//! One request's way: asked about, answered from memory or sent to AWS, and what came back learned.
//!
//! ```text
//! body (≤ 1 MiB) ─> fuse ─> ask ┬ hit ────────────────────────────────────────> answer
//!                               ├ forward ─> budget ─> AWS, streamed ─────────> answer
//!                               ├ write ───> mark ─> AWS ─> mark ─> hints ────> answer
//!                               └ read ────> flight ─> budget ─> AWS ─> learn ─> answer
//! ```
//!
//! # What it promises
//! - It always answers. What fails on our side ends in "forwarded"; what fails on AWS's side ends in an answer past its age that nothing has overtaken, or in the
//!   service's own words for "unavailable".
//! - A write is marked before it is forwarded and again before its answer goes back, also when it times out or its client goes away. It is held for a second at most and
//!   never refused.
//! - An answer of AWS is passed on as it came, but for hop-by-hop lines and what we say of it (`Cache-Status`, `Via`, `x-event-cache-request-id`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Asked, ConnectionMemory, Ruling};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{Hint, Origin as HintOrigin, Place, ServiceName, Source, What};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use tokio_util::task::AbortOnDropHandle;

use crate::body::AnswerBody;
use crate::budget::{Budget, BudgetSettings};
use crate::flights::Flights;
use crate::fuse::{Epoch, WATCH_EVERY};
use crate::origin::Origin;
use crate::proxy::Parts;
use crate::upstream::Upstream;

mod answers;
mod cache_status;
mod call;
mod core;
mod counts;
mod forward;
mod hit;
mod passing;
mod read;
mod request;
mod room;
mod tell;
mod write;

#[cfg(test)]
mod tests;

use cache_status::RequestIds;
use core::Core;
use counts::Counts;
use read::Landing;
use request::{Body, Request};
use room::Room;
use tell::Engine;

/// How often what has ended is let go of, and counts are handed to the metrics.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    _keepers: Arc<[AbortOnDropHandle<()>; 2]>,
}

/// What every request needs.
pub(in crate::exchange) struct Shared {
    core: Core,
    catalog: Arc<Catalog>,
    upstream: Upstream,
    budget: Arc<Budget>,
    flights: Arc<Flights<aws_event_cache_answer::FlightKey, Landing>>,
    engine: Engine,
    ids: RequestIds,
    counts: Counts,
    room: Arc<Room>,
    clock: Clock,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("core", &self.core).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Starts what runs beside the requests, on the current runtime.
    #[allow(clippy::disallowed_methods, reason = "a shell: both keepers end with the exchange")]
    pub(crate) fn new(parts: &Parts, upstream: Upstream) -> Self {
        let clock = parts.clock.clone();
        let shared = Arc::new(Shared {
            core: Core::new(parts.answers.clone(), clock.clone()),
            catalog: parts.catalog.clone(),
            upstream,
            budget: Arc::new(Budget::new(parts.settings.budget, parts.catalog.clone(), clock.clone())),
            flights: Arc::new(Flights::new()),
            engine: Engine::new(parts.hints.clone(), parts.evidence.clone()),
            ids: RequestIds::new(),
            counts: Counts::default(),
            room: Room::new(room::TOGETHER),
            clock,
        });
        let watch = AbortOnDropHandle::new(tokio::spawn(watch(shared.clone())));
        let tidy = AbortOnDropHandle::new(tokio::spawn(tidy(shared.clone())));
        Self { shared, _keepers: Arc::new([watch, tidy]) }
    }

    /// From now on the budget is this.
    pub(crate) fn set_budget(&self, settings: BudgetSettings) {
        self.shared.budget.set(settings);
    }

    /// Answers a request to an AWS host. It never fails.
    pub(crate) async fn handle(
        &self,
        origin: &Origin,
        memory: &mut ConnectionMemory,
        request: http::Request<Incoming>,
    ) -> Response<AnswerBody> {
        let shared = &self.shared;
        let (head, body) = request.into_parts();
        let epoch = match shared.core.enter() {
            Ok(epoch) => epoch,
            Err(why) => return Box::pin(shared.pass(origin, head, body, why)).await,
        };
        let body = match Body::read(&head, body).await {
            Body::Whole(body) => body,
            Body::Long(read, rest) => return Box::pin(shared.long(origin, head, read, rest)).await,
            Body::Broken => return broken(),
        };
        let asked = Asked { head: &head, body: &body, host: &origin.host, trusted: origin.trusted, memory };
        let ruling = shared.core.ask(asked);
        if let Some(Ruling::Hit(hit)) = &ruling {
            return shared.hit(hit);
        }
        if ruling.is_none() {
            *memory = ConnectionMemory::default();
        }
        let request = Request::new(origin, head, body, shared.clock.now());
        Box::pin(shared.clone().onward(request, ruling, epoch)).await
    }
}

impl Shared {
    /// Whatever is not answered from memory.
    async fn onward(self: Arc<Self>, request: Request, ruling: Option<Ruling>, epoch: Epoch) -> Response<AnswerBody> {
        match ruling {
            Some(Ruling::Hit(hit)) => self.hit(&hit),
            Some(Ruling::Read(reading)) => self.read(request, reading, epoch).await,
            Some(Ruling::Write(write)) => self.write(request, write).await,
            Some(Ruling::Forward(forward)) => self.forward(request, forward).await,
            None => {
                let unseen = self.core.unseen(&request.head);
                self.forward_unseen(&request.host, &request.head, request.outgoing(), unseen, "fuse").await
            }
        }
    }

    /// AWS throttled a service: the budget is cut, and the engine hears of it once per burst.
    fn throttled(&self, place: &Place, service: &ServiceName) {
        if self.budget.throttled(place, service) {
            let now = self.clock.now();
            let id = self.ids.next().to_str().unwrap_or_default().into();
            let origin =
                HintOrigin { source: Source::Proxy, id, event: "AWS throttled a call that passed through".into() };
            let what = What::Throttled { service: service.clone() };
            self.engine.hints(vec![Hint { place: place.clone(), what, occurred: Some(now), received: now, origin }]);
        }
    }
}

/// The client went away, or stalled, in the middle of its request: nobody reads this.
fn broken() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    response.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn watch(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(WATCH_EVERY).await;
        shared.core.fuse().watch();
    }
}

async fn tidy(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.clock.real(TIDY_EVERY)).await;
        shared.budget.tidy();
        for (scope, evidence) in shared.core.tidy() {
            shared.engine.evidence(scope, evidence);
        }
        shared.counts.hand_over(shared.core.fuse().is_closed(), shared.budget.waiting());
    }
}
