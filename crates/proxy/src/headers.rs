//! Header lines that end at a proxy.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, EXPECT, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("proxy-authentication-info");

/// Never passed on, in either direction. RFC 9110 7.6.1, and what the proxy's own authentication takes.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_AUTHENTICATION_INFO,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes off a request what ends here: hop-by-hop lines and those that `Connection` names, `Expect` (we answer it ourselves) and `Accept-Encoding` (we ask AWS
/// for one encoding only). SDKs do not sign them, but for `Accept-Encoding` towards S3 (ran: Go v2); what is signed stays. Everything else stays as it came.
pub(crate) fn forwardable(headers: &mut HeaderMap) {
    hop_free(headers);
    headers.remove(EXPECT);
    if !is_signed(headers, &ACCEPT_ENCODING) {
        headers.remove(ACCEPT_ENCODING);
    }
}

/// Whether a request's signature covers a header.
fn is_signed(headers: &HeaderMap, name: &HeaderName) -> bool {
    let signed = |value: &HeaderValue| {
        let names = value.to_str().ok()?.split_once("SignedHeaders=")?.1.split([',', ' ']).next()?;
        Some(names.split(';').any(|signed| signed.eq_ignore_ascii_case(name.as_str())))
    };
    headers.get_all(AUTHORIZATION).iter().any(|value| signed(value) == Some(true))
}

/// Takes off an answer, or a request, what belongs to the one connection that it came by.
pub(crate) fn hop_free(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The lines that `Connection` declares hop-by-hop, but for those without which the message would be another one: a client that names them is mistaken, or tries us.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).filter_map(|name| HeaderName::try_from(name.trim()).ok());
    names.filter(|name| headers.contains_key(name) && !is_of_the_message(name)).collect()
}

fn is_of_the_message(name: &HeaderName) -> bool {
    use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
    [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST].contains(name) || name.as_str().starts_with("x-amz")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_signed_accept_encoding_goes_on() {
        let signed = "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=accept-encoding;host, Signature=0";
        let mut headers = map(&[("accept-encoding", "identity"), ("authorization", signed)]);
        forwardable(&mut headers);
        assert_eq!(headers["accept-encoding"], "identity");
    }

    #[test]
    fn what_no_signer_signs_ends_here_and_nothing_else() {
        let mut headers = map(&[
            ("host", "ec2.eu-west-1.amazonaws.com"),
            ("connection", "keep-alive, x-private"),
            ("x-private", "1"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("accept-encoding", "gzip"),
            ("transfer-encoding", "chunked"),
            ("user-agent", "aws-sdk-java/1.12"),
            ("amz-sdk-request", "attempt=1;max=4"),
            ("accept", "application/cbor"),
            ("authorization", "AWS4-HMAC-SHA256 Credential=x"),
            ("x-amzn-trace-id", "Root=1"),
        ]);
        forwardable(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "amz-sdk-request", "authorization", "host", "user-agent", "x-amzn-trace-id"]);
    }

    #[test]
    fn a_connection_line_cannot_take_the_message_apart() {
        let mut headers = map(&[
            ("connection", "authorization, host, content-length, x-amz-date"),
            ("host", "h"),
            ("authorization", "a"),
            ("content-length", "0"),
            ("x-amz-date", "d"),
        ]);
        forwardable(&mut headers);
        assert_eq!(headers.len(), 4);
    }
}
