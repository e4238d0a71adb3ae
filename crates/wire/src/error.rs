//! Error codes, wherever a protocol puts them.

use http::{HeaderMap, HeaderName, StatusCode};
use smol_str::SmolStr;

use crate::Protocol;
use crate::caller::only;
use crate::structure::{Kind, Step, Stop, Visit, walk};

static ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
static QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The error code of an answer, without namespace and address: `Throttling`. None if it is no error, or one that says no code.
///
/// Looked for where SDKs look, in their order: `x-amzn-query-error` (services that once spoke the query protocol), `x-amzn-ErrorType`, then the body: XML's `Code`, or `__type` and `code`.
pub fn error_code(protocol: Protocol, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<SmolStr> {
    let failed = status.is_client_error() || status.is_server_error();
    if protocol != Protocol::Query && failed {
        let of_header = |name| only(headers, name).and_then(|value| std::str::from_utf8(value).ok());
        let query_error = of_header(&QUERY_ERROR).and_then(|value| value.split(';').next());
        if let Some(code) = query_error.or_else(|| of_header(&ERROR_TYPE)).and_then(bare) {
            return Some(code);
        }
    }
    let mut look = Look { failed, xml: None, depth: 0, path: [Place::Other; 3], code: None };
    match walk(protocol, body, &mut look) {
        Ok(()) | Err(Stop::Enough) => look.code,
        Err(_) => None,
    }
}

/// The code out of `ns#Code:http://…`.
fn bare(text: &str) -> Option<SmolStr> {
    let text = text.split(':').next().unwrap_or_default();
    let code = text.rsplit('#').next().unwrap_or_default().trim();
    let is_code = (1..=128).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    is_code.then(|| SmolStr::new(code))
}

/// Elements and members on the way to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Errors,
    Error,
    Code,
    /// `__type`
    Type,
    /// JSON's `code`, which a good answer may have as well.
    SmallCode,
    Other,
}

struct Look {
    failed: bool,
    /// For XML: whether the outermost element says that it is an error.
    xml: Option<bool>,
    depth: usize,
    path: [Place; 3],
    code: Option<SmolStr>,
}

impl Visit for Look {
    fn root(&mut self, name: &str) -> Result<(), Stop> {
        self.xml = Some(matches!(name, "ErrorResponse" | "Response" | "Error"));
        // A good answer need not be read on.
        if self.xml == Some(true) { Ok(()) } else { Err(Stop::Enough) }
    }

    fn enter(&mut self, step: Step<'_>) -> Result<(), Stop> {
        self.depth += 1;
        if let Some(place) = self.path.get_mut(self.depth - 1) {
            *place = match step {
                Step::Member("Errors") => Place::Errors,
                Step::Member("Error") => Place::Error,
                Step::Member("Code") => Place::Code,
                Step::Member("__type") => Place::Type,
                Step::Member("code") => Place::SmallCode,
                _ => Place::Other,
            };
        }
        Ok(())
    }

    fn value(&mut self, kind: Kind, text: &str) -> Result<(), Stop> {
        let path = self.path.get(..self.depth).unwrap_or_default();
        let is_code = match self.xml {
            Some(_) => {
                matches!(path, [Place::Code] | [Place::Error, Place::Code] | [Place::Errors, Place::Error, Place::Code])
            }
            None => match path {
                [Place::Type] => true,
                [Place::SmallCode | Place::Code] => self.failed && self.code.is_none(),
                _ => false,
            },
        };
        if is_code
            && kind == Kind::Text
            && let Some(code) = bare(text)
        {
            self.code = Some(code);
            // `__type` counts more than `code`, whichever comes first.
            if self.xml.is_some() || path == [Place::Type] {
                return Err(Stop::Enough);
            }
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Stop> {
        self.depth -= 1;
        Ok(())
    }
}

/// Whether a code says that the credentials are not, or no longer, good for what was asked.
pub fn is_auth_error(code: &str) -> bool {
    matches!(
        plain(code),
        "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "Blocked"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "ForbiddenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "NotAuthorized"
            | "NotAuthorizedException"
            | "OptInRequired"
            | "PendingVerification"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "TokenRefreshRequired"
            | "UnauthorizedAccess"
            | "UnauthorizedOperation"
            | "UnrecognizedClient"
            | "UnrecognizedClientException"
    )
}

/// Whether an answer says that the caller asks too often. The codes are those that all SDKs take for it; `LimitExceededException` is not among them, as for most services it speaks of a quota.
pub fn is_throttle(code: &str, status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || matches!(
            plain(code),
            "BandwidthLimitExceeded"
                | "EC2ThrottledException"
                | "PriorRequestNotComplete"
                | "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "RequestThrottled"
                | "RequestThrottledException"
                | "SlowDown"
                | "ThrottledException"
                | "Throttling"
                | "ThrottlingException"
                | "TooManyRequests"
                | "TooManyRequestsException"
        )
}

/// EC2's older interfaces write `Client.` and `Server.` before a code.
fn plain(code: &str) -> &str {
    code.strip_prefix("Client.").or_else(|| code.strip_prefix("Server.")).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn code(protocol: Protocol, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Option<String> {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        error_code(protocol, StatusCode::from_u16(status).unwrap(), &headers.collect(), body.as_bytes())
            .map(String::from)
    }

    #[test]
    fn every_protocol_says_its_code_in_its_own_place() {
        let ec2 = "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors><RequestID>1</RequestID></Response>";
        assert_eq!(code(Protocol::Query, 503, &[], ec2).as_deref(), Some("RequestLimitExceeded"));
        let query = "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>";
        assert_eq!(code(Protocol::Query, 400, &[], query).as_deref(), Some("Throttling"));
        let json = r#"{"message":"Rate exceeded","__type":"com.amazon.coral.availability#ThrottlingException"}"#;
        assert_eq!(code(Protocol::Json, 400, &[], json).as_deref(), Some("ThrottlingException"));
        let header = [(
            "x-amzn-errortype",
            "ResourceNotFoundException:http://internal.amazon.com/coral/com.amazon.coral.service/",
        )];
        assert_eq!(code(Protocol::Rest, 404, &header, "{}").as_deref(), Some("ResourceNotFoundException"));
        assert_eq!(
            code(Protocol::Rest, 429, &[("x-amzn-errortype", "TooManyRequestsException:")], "").as_deref(),
            Some("TooManyRequestsException")
        );
        assert_eq!(
            code(Protocol::Rest, 403, &[], "<Error><Code>AccessDenied</Code></Error>").as_deref(),
            Some("AccessDenied")
        );
        let query_error = [("x-amzn-query-error", "Throttling;Sender"), ("x-amzn-errortype", "ns#ThrottlingException")];
        assert_eq!(code(Protocol::Json, 400, &query_error, "{}").as_deref(), Some("Throttling"));
        assert_eq!(code(Protocol::Json, 400, &[], r#"{"code":"A","__type":"B"}"#).as_deref(), Some("B"));
        assert_eq!(code(Protocol::Rest, 400, &[], r#"{"code":"A"}"#).as_deref(), Some("A"));
        let mut cbor = Vec::new();
        ciborium::into_writer(&serde_json::json!({"message": "m", "__type": "ns#Throttling"}), &mut cbor).unwrap();
        let cbor = error_code(Protocol::Cbor, StatusCode::BAD_REQUEST, &HeaderMap::new(), &cbor);
        assert_eq!(cbor.as_deref(), Some("Throttling"));
    }

    #[test]
    fn an_error_in_an_answer_of_status_200_is_still_one() {
        assert_eq!(
            code(Protocol::Query, 200, &[], "<Response><Errors><Error><Code>X</Code></Error></Errors></Response>")
                .as_deref(),
            Some("X")
        );
        assert_eq!(code(Protocol::Json, 200, &[], r#"{"__type":"X"}"#).as_deref(), Some("X"));
    }

    #[test]
    fn a_good_answer_with_a_code_of_its_own_is_no_error() {
        assert_eq!(code(Protocol::Rest, 200, &[], r#"{"code":"x","Code":{"Location":"https://…"}}"#), None);
        assert_eq!(code(Protocol::Query, 200, &[], "<AResponse><Error><Code>X</Code></Error></AResponse>"), None);
        assert_eq!(code(Protocol::Json, 200, &[], r#"{"list":[{"__type":"X"}]}"#), None);
    }

    #[test]
    fn what_is_no_code_is_none() {
        for body in [
            "",
            "proxy says wait",
            "{\"__type\":1}",
            "{\"__type\":\"\"}",
            "{\"__type\":\"a b\"}",
            "{\"__type\":{\"__type\":\"X\"}}",
        ] {
            assert_eq!(code(Protocol::Json, 500, &[], body), None, "{body}");
        }
        assert_eq!(code(Protocol::Query, 502, &[], "Bad Gateway"), None);
    }

    #[test]
    fn codes_are_told_apart() {
        let ok = StatusCode::BAD_REQUEST;
        assert!(
            is_auth_error("UnauthorizedOperation")
                && is_auth_error("Client.AuthFailure")
                && !is_auth_error("Throttling")
        );
        assert!(is_throttle("Throttling", ok) && is_throttle("Client.RequestLimitExceeded", ok));
        assert!(is_throttle("", StatusCode::TOO_MANY_REQUESTS));
        assert!(!is_throttle("LimitExceededException", ok) && !is_throttle("", StatusCode::SERVICE_UNAVAILABLE));
    }
}
