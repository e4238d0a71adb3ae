//! Answers from memory. The body is shared with the cache, never copied.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answered, Hit, Meter, Page};
use http::Response;

use super::Shared;
use super::cache_status::{self, age, sign};
use crate::body::AnswerBody;

impl Shared {
    /// A fresh answer.
    pub(super) fn hit(&self, hit: &Hit) -> Response<AnswerBody> {
        self.counts.hit();
        hit.meter.answered(Answered::Hit, hit.page.body.len() as u64);
        let status = cache_status::hit(Some(hit.ttl.as_secs()), "clean");
        self.remembered(&hit.page, hit.age, status)
    }

    /// An answer past its age, given since AWS throttles or fails.
    pub(super) fn stale_hit(&self, page: &Arc<Page>, meter: &Meter, detail: &'static str) -> Response<AnswerBody> {
        self.counts.note(Answered::StaleHit, detail);
        meter.answered(Answered::StaleHit, page.body.len() as u64);
        let age = Duration::try_from(self.clock.now().duration_since(page.started)).unwrap_or(Duration::ZERO);
        self.remembered(page, age, cache_status::hit(None, detail))
    }

    fn remembered(&self, page: &Page, since: Duration, status: http::HeaderValue) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::from(page.body.clone()));
        *response.status_mut() = page.status;
        let headers = response.headers_mut();
        // Room for what we add, so that the map is not moved while it grows. `Date` comes from the server: now, since clients set their clocks by it.
        headers.reserve(page.headers.len() + 5);
        for (name, value) in &page.headers {
            headers.append(name, value.clone());
        }
        age(headers, since.as_secs());
        sign(headers, status, self.ids.next());
        response
    }
}
