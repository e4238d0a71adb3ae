//! The SNS endpoint: reads a bounded body in a bounded time and answers with a status and nothing else, since SNS does not read more and an attacker does.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_event_cache_model::Source;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::intake::{Accepted, Intake, SnsHeaders};
use crate::refusal::Refusal;
use crate::settings::{RawDelivery, Settings};

/// Carries the secret of a relay.
const SECRET_HEADER: &str = "x-aws-event-cache-secret";

/// The endpoint's own state.
struct Endpoint {
    intake: Arc<Intake>,
    settings: Settings,
    slots: Semaphore,
}

/// A router for the configured paths, each of which begins with a slash. Any `Content-Type` will do: SNS sends JSON as `text/plain` unless told otherwise.
pub fn router(intake: Arc<Intake>) -> Router {
    let settings = intake.settings();
    let endpoint =
        Arc::new(Endpoint { intake, slots: Semaphore::new(settings.in_flight.max(1)), settings: settings.clone() });
    let mut router = Router::new();
    // Each once: of two equal routes axum makes a panic.
    for path in settings.paths.iter().collect::<BTreeSet<_>>() {
        router = router.route(path, post(receive));
    }
    if let Some(raw) = &settings.raw {
        router = router.route(&format!("{}/{{secret}}", raw.path.trim_end_matches('/')), post(receive_raw));
    }
    router.with_state(endpoint)
}

async fn receive(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    // Before a place among the requests in work is given away: strangers must not be able to fill them.
    if let Err(refusal) = endpoint.check_relay(request.headers()) {
        return endpoint.refuse(refusal);
    }
    endpoint.bounded(endpoint.take(request)).await
}

async fn receive_raw(State(endpoint): State<Arc<Endpoint>>, Path(secret): Path<String>, request: Request) -> Response {
    let Some(raw) = endpoint.settings.raw.as_ref().filter(|raw| equal(&raw.secret, &secret)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    endpoint.bounded(endpoint.take_raw(request, raw)).await
}

impl Endpoint {
    fn check_relay(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(wanted) = &self.settings.relay_secret else { return Ok(()) };
        let mut given = headers.get_all(SECRET_HEADER).iter();
        match (given.next(), given.next()) {
            (Some(given), None) if equal_bytes(given.as_bytes(), wanted.0.as_bytes()) => Ok(()),
            _ => Err(Refusal::RelaySecret),
        }
    }

    /// Within the limits of number and time.
    async fn bounded(&self, work: impl Future<Output = Result<Accepted, Refusal>>) -> Response {
        let Ok(_slot) = self.slots.try_acquire() else { return self.refuse(Refusal::Busy) };
        match tokio::time::timeout(self.settings.request_timeout, work).await {
            Ok(Ok(_)) => StatusCode::OK.into_response(),
            // Counted where it was decided.
            Ok(Err(refusal)) => response(refusal),
            Err(_) => self.refuse(Refusal::TimedOut),
        }
    }

    async fn take(&self, request: Request) -> Result<Accepted, Refusal> {
        let (parts, body) = request.into_parts();
        let headers = self.note(read_headers(&parts.headers))?;
        if headers.raw {
            return self.note(Err(Refusal::RawDelivery));
        }
        let body = self.note(self.read(&parts.headers, body).await)?;
        let text = self.note(std::str::from_utf8(&body).map_err(|_| Refusal::NotUtf8))?;
        self.intake.accept_sns(text, headers.sns).await
    }

    async fn take_raw(&self, request: Request, raw: &RawDelivery) -> Result<Accepted, Refusal> {
        let (parts, body) = request.into_parts();
        self.note(check_credentials(&parts.headers, raw))?;
        let headers = self.note(read_headers(&parts.headers))?;
        let body = self.note(self.read(&parts.headers, body).await)?;
        let text = self.note(std::str::from_utf8(&body).map_err(|_| Refusal::NotUtf8))?;
        if headers.raw {
            self.intake.accept_raw(text, headers.sns).await
        } else {
            // Confirmations come as envelopes to raw subscriptions too.
            self.intake.accept_sns(text, headers.sns).await
        }
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > self.settings.body_limit as u64) {
            return Err(Refusal::BodyTooLarge);
        }
        match Limited::new(body, self.settings.body_limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge),
            Err(_) => Err(Refusal::BodyUnreadable),
        }
    }

    /// Counts what is refused before the intake sees it.
    fn note<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        result.inspect_err(|refusal| self.intake.refused(Source::Sns, *refusal))
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        self.intake.refused(Source::Sns, refusal);
        response(refusal)
    }
}

fn response(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = status.into_response();
    if refusal == Refusal::Credentials {
        let realm = HeaderValue::from_static("Basic realm=\"sns\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    }
    response
}

struct Headers<'a> {
    sns: SnsHeaders<'a>,
    raw: bool,
}

fn read_headers(headers: &HeaderMap) -> Result<Headers<'_>, Refusal> {
    let sns = SnsHeaders {
        message_type: only(headers, "x-amz-sns-message-type")?,
        message_id: only(headers, "x-amz-sns-message-id")?,
        topic_arn: only(headers, "x-amz-sns-topic-arn")?,
    };
    let raw = match only(headers, "x-amz-sns-rawdelivery")? {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("true") => true,
        Some(_) => return Err(Refusal::HeaderMismatch),
    };
    Ok(Headers { sns, raw })
}

/// A header at most once: two would let two readers see two messages.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refusal::HeaderMismatch),
        (Some(_), Some(_)) => Err(Refusal::HeaderMismatch),
    }
}

fn check_credentials(headers: &HeaderMap, raw: &RawDelivery) -> Result<(), Refusal> {
    let given = only(headers, "authorization").map_err(|_| Refusal::Credentials)?;
    let given = given.and_then(|value| value.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text.trim()).ok());
    let given = given.ok_or(Refusal::Credentials)?;
    let wanted = format!("{}:{}", raw.user, raw.password);
    if equal_bytes(&given, wanted.as_bytes()) { Ok(()) } else { Err(Refusal::Credentials) }
}

fn equal(a: &str, b: &str) -> bool {
    equal_bytes(a.as_bytes(), b.as_bytes())
}

/// Compares digests, so that neither content nor length shows in the time it takes.
fn equal_bytes(a: &[u8], b: &[u8]) -> bool {
    Sha256::digest(a).ct_eq(&Sha256::digest(b)).into()
}
