//! Requests that the proxy itself refuses: why, with which status, and in which words.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, PROXY_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::head::Malformed;

/// The name under which the password is asked for.
const CHALLENGE: &str = "Basic realm=\"event-cache\"";

/// Why a request, or a connection, is refused by the proxy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Its head or body cannot be taken.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The password is missing or wrong.
    #[error("this proxy needs a user and a password")]
    ProxyAuth,
    /// The host is neither AWS's nor listed.
    #[error("this proxy forwards to AWS endpoints only; see answer.hosts")]
    Host,
    /// An absolute-form target with a scheme, port or user that is not AWS's.
    #[error("the target must be http or https on ports 80 or 443, without a user")]
    Target,
    /// `Host` and the target, or SNI and the CONNECT, name different hosts.
    #[error("the Host header and the target name different hosts")]
    Mismatch,
    /// A request for an AWS host without saying so in its target.
    #[error("send requests for AWS in absolute-form, or through CONNECT")]
    Misdirected,
    /// Nothing of ours is there.
    #[error("there is nothing here; this is a forward proxy for AWS")]
    NotFound,
    /// A tunnel would end where none may.
    #[error("the host's addresses are not public")]
    Address,
    /// A tunnel's host cannot be reached.
    #[error("the host cannot be reached")]
    Unreachable,
    /// TLS inside CONNECT needs a certificate authority.
    #[error(
        "this proxy has no certificate authority and stands before a stand-in of AWS; use http, or run `aws-event-cache ca init`"
    )]
    NoAuthority,
}

impl Refusal {
    /// As in labels.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.as_str(),
            Self::ProxyAuth => "proxy-auth",
            Self::Host => "host",
            Self::Target => "target",
            Self::Mismatch => "mismatch",
            Self::Misdirected => "misdirected",
            Self::NotFound => "not-found",
            Self::Address => "address",
            Self::Unreachable => "unreachable",
            Self::NoAuthority => "no-authority",
        }
    }

    /// The status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Malformed(Malformed::TooLong | Malformed::TooManyLines) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Malformed(Malformed::Late) => StatusCode::REQUEST_TIMEOUT,
            Self::Malformed(_) | Self::Target | Self::Mismatch => StatusCode::BAD_REQUEST,
            Self::ProxyAuth => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Self::Host | Self::Address | Self::NoAuthority => StatusCode::FORBIDDEN,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unreachable => StatusCode::BAD_GATEWAY,
        }
    }

    /// May the connection go on? After a 407 it must: Java's SDK sends the password on the same one. After anything odd it must not.
    pub(crate) fn keeps_connection(self) -> bool {
        matches!(self, Self::ProxyAuth | Self::NotFound)
    }

    /// As an answer of the HTTP library.
    pub(crate) fn response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.text()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self == Self::ProxyAuth {
            headers.insert(PROXY_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if !self.keeps_connection() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// As bytes, for an answer to CONNECT.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let response = self.response();
        let mut bytes =
            format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", response.status(), response.body().len()).into_bytes();
        for (name, value) in response.headers() {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(response.body());
        bytes
    }

    fn text(self) -> String {
        format!("event-cache: {self}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_keeps_the_connection_and_says_how_long_it_is() {
        let text = String::from_utf8(Refusal::ProxyAuth.bytes()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 407 Proxy Authentication Required\r\n"), "{head}");
        assert!(head.contains("proxy-authenticate: Basic realm=\"event-cache\""), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert!(!head.contains("close"), "{head}");
    }

    #[test]
    fn whatever_is_odd_closes_the_connection() {
        for refusal in
            [Refusal::Malformed(Malformed::TwoLengths), Refusal::Mismatch, Refusal::Host, Refusal::Misdirected]
        {
            assert_eq!(refusal.response().headers()[CONNECTION], "close");
        }
    }
}
