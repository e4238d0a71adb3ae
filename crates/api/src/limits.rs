//! What one caller can cost the others, and what every answer carries.

use std::time::Duration;

use aws_event_cache_model::telemetry::{Metric, count};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::error::{self, ApiError};
use crate::state::ApiState;

/// Longest body read, in bytes. The longest genuine one, a refresh of a hundred accounts by name, is a tenth of it.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// Longest time for one request, its body included. A slow sender holds a slot no longer than this.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Longest wait for an order to be durable before the caller is told to try again: a pipeline's stage wants its 202 within two seconds, and equal orders
/// within the engine's window are one, so that trying again is harmless.
pub(crate) const ORDER_LIMIT: Duration = Duration::from_millis(1_400);

/// Longest wait for an audit entry to be durable. It comes before every change, and together with an order it must stay below two seconds.
pub(crate) const NOTE_LIMIT: Duration = Duration::from_millis(400);

/// Calls served at a time; more are refused with 503 at once. Pipelines poll once a second for some milliseconds, so this is room for thousands of them.
pub(crate) const CONCURRENT_CALLS: usize = 64;

/// Every path, as a label of the request counter.
pub(crate) const ROUTES: &[&str] = &[
    "/health/live",
    "/health/ready",
    "/metrics",
    "/v1/agent-intervals",
    "/v1/answer",
    "/v1/audit",
    "/v1/events",
    "/v1/kill-switch",
    "/v1/kinds",
    "/v1/log-level",
    "/v1/openapi.json",
    "/v1/overrides",
    "/v1/overrides/{id}",
    "/v1/probes",
    "/v1/probes/{id}",
    "/v1/refresh",
    "/v1/refresh/{id}",
    "/v1/refresh/{id}/cancel",
    "/v1/release",
    "/v1/savings",
    "/v1/status",
    "/v1/status/scopes",
];

/// Refuses at once when too many calls are under way, so that waiting ones cannot pile up. Health and metrics are outside of it: an overload must be seen.
pub(crate) async fn take_slot(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    match state.slots().try_acquire() {
        Ok(_slot) => next.run(request).await,
        Err(_) => ApiError::Unavailable("too many calls at a time; try again".to_owned()).into_response(),
    }
}

/// Sees to it that every error is JSON, that every answer carries the security headers, and that it is counted.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let route = ROUTES.iter().find(|route| **route == path).copied().unwrap_or("other");
    let mut response = as_json(next.run(request).await);
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    count(Metric::ApiRequests, &[("route", route), ("status", class(response.status()))]);
    response
}

/// Nothing here is to be cached, shown in a frame, sniffed or run.
const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Libraries answer 404, 405, 413 and timeouts in plain text or not at all.
fn as_json(response: Response) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_error(response.status()) || is_json {
        return response;
    }
    let mut answer = error::plain(response.status());
    if let Some(allow) = response.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    answer
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_a_label_of_the_request_counter_and_no_other_text_is() {
        let documented: Vec<String> = crate::router::document().paths.paths.into_keys().collect();
        assert_eq!(documented, ROUTES);
    }
}
