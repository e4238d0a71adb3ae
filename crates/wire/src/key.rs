//! The canonical bytes that equal requests share.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

use crate::call::media_type;
use crate::structure::Kind;
use crate::{Call, Protocol};

/// Begins every key; another layout gets another one.
const LAYOUT: u8 = 1;

/// Appends the canonical key of a call to `out`: method, host, protocol, path, version, operation, media type, every header that is not known to make no difference, and the
/// parameters but the one at the path `token`.
///
/// Form fields in another order, JSON in another layout or order, escapes written otherwise, and whatever varies from call to call (date, signature, session token, attempt, user
/// agent, connection) give the same key. Every part is preceded by its length, so that two different calls never do. Keys of a chain's pages are equal if `token` names the page token.
pub fn write_key(out: &mut Vec<u8>, head: &Parts, host: &str, call: &Call, token: Option<&str>) {
    out.reserve(128 + call.parameters.text_len() + call.parameters.len() * 9);
    out.push(LAYOUT);
    out.push(match call.protocol {
        Protocol::Query => b'q',
        Protocol::Json => b'j',
        Protocol::Cbor => b'c',
        Protocol::Rest => b'r',
    });
    part(out, head.method.as_str().as_bytes());
    let at = out.len();
    part(out, host.as_bytes());
    out[at + 4..].make_ascii_lowercase();
    // REST's path is told by the operation and its labels, whether a slash ends it or not.
    let path = if call.protocol == Protocol::Rest { "" } else { head.uri.path() };
    part(out, path.as_bytes());
    part(out, call.api_version.as_deref().unwrap_or_default().as_bytes());
    part(out, call.operation.as_bytes());
    write_headers(out, head);
    for (kind, exact, flat, value) in call.parameters.exact() {
        if token != Some(flat) {
            out.push(mark(kind));
            part(out, exact.as_bytes());
            part(out, value.as_bytes());
        }
    }
}

/// Appends to `out` all of a request that bears on which [`call`](crate::call) it makes and on its [key](write_key), as it came: quicker than either, for recognizing a request that
/// was looked at before. Two that are equal here are equal there; the reverse does not hold.
pub fn write_raw(out: &mut Vec<u8>, head: &Parts, host: &str, body: &[u8]) {
    out.reserve(256 + body.len());
    part(out, head.method.as_str().as_bytes());
    part(out, host.as_bytes());
    part(out, head.uri.path_and_query().map_or("", |target| target.as_str()).as_bytes());
    for (name, value) in &head.headers {
        if *name == CONTENT_TYPE || !makes_no_difference(name) {
            out.push(b'h');
            part(out, name.as_str().as_bytes());
            part(out, value.as_bytes());
        }
    }
    out.push(b'b');
    part(out, body);
}

/// Length and bytes.
fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("invariant: heads and bodies are bounded far below four gigabytes");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

fn mark(kind: Kind) -> u8 {
    match kind {
        Kind::Text => b't',
        Kind::Number => b'n',
        Kind::Inexact => b'i',
        Kind::Bool => b'b',
        Kind::Null => b'0',
        Kind::Bytes => b'x',
        Kind::Time => b'd',
        Kind::EmptyList => b'l',
        Kind::EmptyMap => b'm',
        Kind::Label => b'p',
        Kind::Query => b'q',
    }
}

/// Media type and unknown headers, each after its mark, ended by a mark of its own.
fn write_headers(out: &mut Vec<u8>, head: &Parts) {
    // Without a body it describes nothing.
    if head.method != Method::GET && head.method != Method::HEAD {
        let medium = media_type(&head.headers);
        let all = medium.is_none().then(|| head.headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes));
        for medium in medium.into_iter().chain(all.into_iter().flatten()) {
            out.push(b'c');
            let at = out.len();
            part(out, medium);
            out[at + 4..].make_ascii_lowercase();
        }
    }
    let mut unknown: Vec<(&str, &[u8])> = Vec::new();
    for (name, value) in &head.headers {
        let says_nothing = *name == ACCEPT && value.as_bytes() == b"*/*";
        if !says_nothing && !makes_no_difference(name) {
            unknown.push((name.as_str(), value.as_bytes()));
        }
    }
    // Stable: values of one name stay in their order, which may mean something.
    unknown.sort_by_key(|(name, _)| *name);
    for (name, value) in unknown {
        out.push(b'h');
        part(out, name.as_bytes());
        part(out, value);
    }
    out.push(0);
}

/// Headers that vary from call to call, or between SDKs, without a change of the answer's meaning; and those that this key holds in another form.
fn makes_no_difference(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(
        name,
        // Who and when: judged apart from the key.
        "authorization" | "x-amz-date" | "x-amz-security-token" | "x-amz-content-sha256"
        // SDKs about themselves and their attempts.
        | "user-agent" | "x-amz-user-agent" | "amz-sdk-invocation-id" | "amz-sdk-request" | "amz-sdk-retry"
        // Held in another form.
        | "host" | "content-type" | "content-length"
        // One encoding is kept and converted.
        | "accept-encoding"
        // Connections, hop by hop.
        | "connection" | "keep-alive" | "proxy-connection" | "proxy-authorization" | "te" | "trailer"
        | "transfer-encoding" | "upgrade" | "expect"
        // Tracing, and what meshes and proxies add on the way.
        | "x-amzn-trace-id" | "traceparent" | "tracestate" | "baggage" | "b3" | "via" | "forwarded" | "x-request-id"
        | "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" | "x-forwarded-port" | "x-real-ip"
    ) || name.starts_with("x-b3-")
        || name.starts_with("x-envoy-")
}
