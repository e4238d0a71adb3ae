//! Answers of our own, in the request's protocol: SDKs retry what they can parse, and some give up at once on what they cannot.

use bytes::Bytes;
use ciborium_ll::{Encoder, Header};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::{ErrorShape, Protocol};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
static ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
static QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
static SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");

/// Why we answer instead of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The budget of calls is spent: SDKs back off and retry.
    Throttled,
    /// AWS cannot be reached: SDKs retry soon.
    Unavailable,
}

impl Refusal {
    fn message(self) -> &'static str {
        match self {
            Self::Throttled => "Rate exceeded",
            Self::Unavailable => "Service unavailable: AWS Event Cache could not reach it",
        }
    }

    fn is_throttled(self) -> bool {
        self == Self::Throttled
    }
}

/// The refusal as the service itself would word it: status, headers and body. The protocol decides how it is written, the shape which code the service has for it.
/// `request_id` should tell that it is ours; characters that no request id has are left out of it.
pub fn refuse(protocol: Protocol, shape: ErrorShape, why: Refusal, request_id: &str) -> Response<Bytes> {
    let request_id: String = request_id
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-')
        .take(128)
        .collect();
    let mut response = match (protocol, shape) {
        (Protocol::Query, ErrorShape::Ec2) => ec2(why, &request_id),
        (Protocol::Query, _) => query(why, &request_id),
        (Protocol::Json, _) => json(shape, why),
        (Protocol::Cbor, _) => cbor(shape, why),
        (Protocol::Rest, _) => rest(why),
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    response
}

fn response(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn ec2(why: Refusal, request_id: &str) -> Response<Bytes> {
    let code = if why.is_throttled() { "RequestLimitExceeded" } else { "Unavailable" };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>",
        why.message()
    );
    response(StatusCode::SERVICE_UNAVAILABLE, "text/xml;charset=UTF-8", body)
}

fn query(why: Refusal, request_id: &str) -> Response<Bytes> {
    let (status, fault, code) = if why.is_throttled() {
        (StatusCode::BAD_REQUEST, "Sender", "Throttling")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Receiver", "ServiceUnavailable")
    };
    let body = format!(
        "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        why.message()
    );
    response(status, "text/xml", body)
}

/// Status and code of services that speak JSON or CBOR.
fn modelled(why: Refusal) -> (StatusCode, &'static str) {
    if why.is_throttled() {
        (StatusCode::BAD_REQUEST, "ThrottlingException")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException")
    }
}

/// Services that once spoke the query protocol say its code besides; SDKs prefer it.
fn add_query_error(response: &mut Response<Bytes>, shape: ErrorShape, why: Refusal) {
    if matches!(shape, ErrorShape::Query | ErrorShape::Ec2) {
        let code = if why.is_throttled() { "Throttling;Sender" } else { "ServiceUnavailable;Receiver" };
        response.headers_mut().insert(QUERY_ERROR.clone(), HeaderValue::from_static(code));
    }
}

fn json(shape: ErrorShape, why: Refusal) -> Response<Bytes> {
    let (status, code) = modelled(why);
    let body = format!("{{\"__type\":\"{code}\",\"message\":\"{}\"}}", why.message());
    let mut response = response(status, "application/x-amz-json-1.1", body);
    response.headers_mut().insert(ERROR_TYPE.clone(), HeaderValue::from_static(code));
    add_query_error(&mut response, shape, why);
    response
}

fn cbor(shape: ErrorShape, why: Refusal) -> Response<Bytes> {
    let (status, code) = modelled(why);
    let mut body = Vec::new();
    let mut encoder = Encoder::from(&mut body);
    let written = encoder.push(Header::Map(Some(2)));
    let written = [("__type", code), ("message", why.message())].into_iter().fold(written, |written, (name, text)| {
        written.and_then(|()| encoder.text(name, None)).and_then(|()| encoder.text(text, None))
    });
    debug_assert!(written.is_ok(), "memory takes everything");
    let mut response = response(status, "application/cbor", body);
    response.headers_mut().insert(SMITHY_PROTOCOL.clone(), HeaderValue::from_static("rpc-v2-cbor"));
    add_query_error(&mut response, shape, why);
    response
}

fn rest(why: Refusal) -> Response<Bytes> {
    let (status, code, body) = if why.is_throttled() {
        (
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsException",
            format!("{{\"Reason\":\"CallerRateLimitExceeded\",\"Type\":\"User\",\"message\":\"{}\"}}", why.message()),
        )
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableException",
            format!("{{\"Type\":\"Service\",\"message\":\"{}\"}}", why.message()),
        )
    };
    let mut response = response(status, "application/json", body);
    response.headers_mut().insert(ERROR_TYPE.clone(), HeaderValue::from_static(code));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error_code, is_throttle};

    const PROTOCOLS: [Protocol; 4] = [Protocol::Query, Protocol::Json, Protocol::Cbor, Protocol::Rest];
    const SHAPES: [ErrorShape; 4] = [ErrorShape::Ec2, ErrorShape::Query, ErrorShape::Json, ErrorShape::RestJson];

    #[test]
    fn every_refusal_is_read_back_as_what_it_says() {
        for protocol in PROTOCOLS {
            for shape in SHAPES {
                for why in [Refusal::Throttled, Refusal::Unavailable] {
                    let refused = refuse(protocol, shape, why, "evc-1");
                    let code = error_code(protocol, refused.status(), refused.headers(), refused.body()).unwrap();
                    assert_eq!(is_throttle(&code, refused.status()), why == Refusal::Throttled, "{code}");
                    assert!(why == Refusal::Throttled || refused.status() == StatusCode::SERVICE_UNAVAILABLE);
                    assert_eq!(refused.headers()["x-amzn-requestid"], "evc-1");
                }
            }
        }
    }

    #[test]
    fn throttling_is_worded_as_each_service_words_it() {
        let of = |protocol, shape| {
            let refused = refuse(protocol, shape, Refusal::Throttled, "evc-1");
            let code = error_code(protocol, refused.status(), refused.headers(), refused.body()).unwrap();
            (refused.status().as_u16(), code.to_string())
        };
        assert_eq!(of(Protocol::Query, ErrorShape::Ec2), (503, "RequestLimitExceeded".into()));
        assert_eq!(of(Protocol::Query, ErrorShape::Query), (400, "Throttling".into()));
        assert_eq!(of(Protocol::Json, ErrorShape::Json), (400, "ThrottlingException".into()));
        assert_eq!(of(Protocol::Json, ErrorShape::Query), (400, "Throttling".into()));
        assert_eq!(of(Protocol::Rest, ErrorShape::RestJson), (429, "TooManyRequestsException".into()));
        assert_eq!(of(Protocol::Cbor, ErrorShape::Query), (400, "Throttling".into()));
    }

    #[test]
    fn cbor_says_its_protocol_and_its_type() {
        let refused = refuse(Protocol::Cbor, ErrorShape::Json, Refusal::Throttled, "evc-1");
        assert_eq!(refused.headers()["smithy-protocol"], "rpc-v2-cbor");
        assert_eq!(refused.headers()[CONTENT_TYPE], "application/cbor");
        let body: serde_json::Value = ciborium::from_reader(refused.body().as_ref()).unwrap();
        assert_eq!(body, serde_json::json!({"__type": "ThrottlingException", "message": "Rate exceeded"}));
    }

    #[test]
    fn a_strange_request_id_breaks_neither_head_nor_body() {
        let refused = refuse(Protocol::Query, ErrorShape::Query, Refusal::Throttled, "a<b>\r\nc&");
        assert_eq!(refused.headers()["x-amzn-requestid"], "abc");
        assert!(refused.body().windows(28).any(|window| window == b"<RequestId>abc</RequestId></"));
    }
}
