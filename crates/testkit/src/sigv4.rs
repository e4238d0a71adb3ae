//! AWS Signature Version 4 from the raw bytes of a request, independent of any SDK: tests see by it whether a request would still be genuine for AWS after its way through a proxy.
//!
//! ```
//! use aws_event_cache_testkit::sigv4::{Signer, verify};
//!
//! let signer = Signer { key_id: "ASIAY34FZKBOKMUTVV7A", secret: "secret", token: Some("token"), region: "eu-west-1", service: "ec2" };
//! let at = "2026-05-04T09:15:00Z".parse()?;
//! let request = signer.request("POST", "ec2.eu-west-1.amazonaws.com", "/", &[], b"Action=X&Version=1", at);
//! let signed = verify(&request, "secret")?;
//! assert_eq!((signed.key_id.as_str(), signed.service.as_str()), ("ASIAY34FZKBOKMUTVV7A", "ec2"));
//! assert!(verify(&[&request[..], b"more"].concat(), "secret").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a genuine request is signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The access key id.
    pub key_id: String,
    /// The region.
    pub region: String,
    /// The service, as signing calls it.
    pub service: String,
    /// Names of the headers that are signed, in small letters, sorted.
    pub headers: Vec<String>,
}

/// Why a request is not genuine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// The bytes are no HTTP/1 request.
    #[error("no HTTP/1 request: {0}")]
    Unreadable(&'static str),
    /// It has no such signature.
    #[error("no Signature Version 4 in `authorization`: {0}")]
    Unsigned(&'static str),
    /// A signed header is gone.
    #[error("the signed header `{0}` is missing")]
    HeaderMissing(String),
    /// The body is not the one whose hash is signed.
    #[error("the body's hash differs from x-amz-content-sha256")]
    BodyDiffers,
    /// Something that is signed has changed. The canonical request tells what AWS would have seen.
    #[error("the signature differs; canonical request:\n{0}")]
    SignatureDiffers(String),
}

/// Recomputes a request's signature. `raw` is head and body as they are on the wire (absolute-form or origin-form, body not chunked).
///
/// # Errors
/// What would make AWS answer `SignatureDoesNotMatch`.
pub fn verify(raw: &[u8], secret: &str) -> Result<Signed, NotGenuine> {
    let request = Request::parse(raw)?;
    let authorization = request.header("authorization").ok_or(NotGenuine::Unsigned("no such header"))?;
    let fields = authorization.strip_prefix(ALGORITHM).ok_or(NotGenuine::Unsigned("another algorithm"))?;
    let fields: BTreeMap<&str, &str> = fields.split(',').filter_map(|field| field.trim().split_once('=')).collect();
    let field = |name| fields.get(name).copied().ok_or(NotGenuine::Unsigned("a part is missing"));
    let scope: Vec<&str> = field("Credential")?.splitn(2, '/').collect();
    let [key_id, scope] = scope[..] else { return Err(NotGenuine::Unsigned("the credential has no scope")) };
    let parts: Vec<&str> = scope.split('/').collect();
    let [_, region, service, "aws4_request"] = parts[..] else {
        return Err(NotGenuine::Unsigned("the credential's scope has not four parts"));
    };
    let names: Vec<&str> = field("SignedHeaders")?.split(';').collect();
    let canonical = request.canonical(&names, service)?;
    let date = request.header("x-amz-date").or_else(|| request.header("date")).unwrap_or_default();
    if sign(secret, &date, scope, &canonical) != field("Signature")? {
        return Err(NotGenuine::SignatureDiffers(canonical));
    }
    Ok(Signed {
        key_id: key_id.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        headers: names.into_iter().map(str::to_owned).collect(),
    })
}

/// Who signs, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'s> {
    /// The access key id.
    pub key_id: &'s str,
    /// Its secret.
    pub secret: &'s str,
    /// The session token of temporary credentials.
    pub token: Option<&'s str>,
    /// The region.
    pub region: &'s str,
    /// The service, as signing calls it.
    pub service: &'s str,
}

impl Signer<'_> {
    /// The headers that make a request genuine: `host`, `x-amz-date`, `x-amz-security-token` and `authorization`. `headers` are signed as well.
    pub fn headers(
        &self,
        method: &str,
        host: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        at: Timestamp,
    ) -> Vec<(String, String)> {
        let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut added = vec![("host".to_owned(), host.to_owned()), ("x-amz-date".to_owned(), date.clone())];
        added.extend(self.token.map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
        let all = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(added.clone());
        let request = Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: all.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            body: body.to_vec(),
        };
        let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let scope = format!("{}/{}/{}/aws4_request", &date[..8], self.region, self.service);
        let canonical = request.canonical(&names, self.service).expect("invariant: all signed headers are there");
        let signature = sign(self.secret, &date, &scope, &canonical);
        let names = names.join(";");
        let authorization =
            format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.key_id);
        added.push(("authorization".to_owned(), authorization));
        added
    }

    /// A whole request as it goes over the wire, with its `content-length`; `target` is in origin-form.
    pub fn request(
        &self,
        method: &str,
        host: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        at: Timestamp,
    ) -> Vec<u8> {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        let signed = self.headers(method, host, target, headers, body, at);
        let given = headers.iter().map(|(name, value)| (*name, *value));
        for (name, value) in signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(given) {
            let _infallible = write!(head, "{name}: {value}\r\n");
        }
        let _infallible = write!(head, "content-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }
}

struct Request {
    method: String,
    target: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn parse(raw: &[u8]) -> Result<Self, NotGenuine> {
        let end =
            raw.windows(4).position(|window| window == b"\r\n\r\n").ok_or(NotGenuine::Unreadable("no end of head"))?;
        let head = std::str::from_utf8(&raw[..end]).map_err(|_| NotGenuine::Unreadable("the head is no text"))?;
        let mut lines = head.split("\r\n");
        let line: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, target, _] = line[..] else { return Err(NotGenuine::Unreadable("no request line")) };
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').ok_or(NotGenuine::Unreadable("a header without a colon"))?;
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        });
        Ok(Self {
            method: method.to_owned(),
            target: origin_form(target),
            headers: headers.collect::<Result<_, _>>()?,
            body: raw[end + 4..].to_vec(),
        })
    }

    /// All values of a header, blanks folded, joined as they are signed.
    fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(known, _)| known == name);
        let folded: Vec<String> =
            values.map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect();
        (!folded.is_empty()).then(|| folded.join(","))
    }

    fn canonical(&self, names: &[&str], service: &str) -> Result<String, NotGenuine> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        // All but S3 sign the path that they send escaped once more.
        let path = if service.starts_with("s3") { path.to_owned() } else { escape(path) };
        let mut fields: Vec<(&str, &str)> = query
            .split('&')
            .filter(|field| !field.is_empty())
            .map(|field| field.split_once('=').unwrap_or((field, "")))
            .collect();
        fields.sort_unstable();
        let query: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = String::new();
        for name in names {
            let value = self.header(name).ok_or_else(|| NotGenuine::HeaderMissing((*name).to_owned()))?;
            let _infallible = writeln!(headers, "{name}:{value}");
        }
        let hash = hex(digest::digest(&digest::SHA256, &self.body).as_ref());
        let payload = self.header("x-amz-content-sha256").unwrap_or_else(|| hash.clone());
        if payload.len() == 64 && payload != hash {
            return Err(NotGenuine::BodyDiffers);
        }
        Ok(format!("{}\n{path}\n{}\n{headers}\n{}\n{payload}", self.method, query.join("&"), names.join(";")))
    }
}

fn origin_form(target: &str) -> String {
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return target.to_owned();
    };
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn escape(path: &str) -> String {
    let mut escaped = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _infallible = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

fn sign(secret: &str, date: &str, scope: &str, canonical: &str) -> String {
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{hash}");
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec()
    });
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// Requests and signatures of AWS's published test suite for Signature Version 4.
    fn suite(request_line: &str, headers: &[&str], signed: &str, signature: &str, body: &str) -> Vec<u8> {
        format!(
            "{request_line} HTTP/1.1\r\nHost:example.amazonaws.com\r\n{}X-Amz-Date:20150830T123600Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}\r\n\r\n{body}",
            headers.iter().map(|header| format!("{header}\r\n")).collect::<String>()
        )
        .into_bytes()
    }

    #[test]
    fn requests_of_awss_own_suite_are_genuine() {
        for request in [
            suite(
                "GET /",
                &[],
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
                "",
            ),
            suite(
                "GET /?Param2=value2&Param1=value1",
                &[],
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
                "",
            ),
            suite(
                "POST /",
                &["Content-Type:application/x-www-form-urlencoded"],
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
                "Param1=value1",
            ),
        ] {
            verify(&request, SECRET).unwrap();
        }
    }

    fn signed(target: &str, service: &'static str) -> Vec<u8> {
        let signer =
            Signer { key_id: "ASIAY34FZKBOKMUTVV7A", secret: "s", token: Some("t"), region: "eu-west-1", service };
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("amz-sdk-request", "attempt=1;  max=3")];
        signer.request(
            "POST",
            "a.amazonaws.com",
            target,
            &headers,
            b"Action=X",
            "2026-05-04T09:15:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn what_it_signs_is_genuine_whatever_the_target_and_only_with_the_secret() {
        for target in ["/", "/functions/", "/functions/arn%3Aaws%3Alambda?b=1&a=%2F&c"] {
            for service in ["lambda", "s3"] {
                let request = signed(target, service);
                assert_eq!(verify(&request, "s").map(|signed| signed.service), Ok(service.to_owned()));
                assert!(matches!(verify(&request, "other"), Err(NotGenuine::SignatureDiffers(_))));
            }
        }
    }

    #[test]
    fn what_a_proxy_may_touch_stays_genuine_and_what_it_may_not_does_not() {
        let request = String::from_utf8(signed("/functions/arn%3Aaws", "lambda")).unwrap();
        for (from, to) in [
            ("POST /", "POST http://a.amazonaws.com/"),
            ("host:", "Via: 1.1 x\r\nHost:"),
            ("host: a", "host:   a"),
            ("content-length: 8\r\n", ""),
        ] {
            assert!(request.contains(from), "{from}");
            assert_eq!(verify(request.replacen(from, to, 1).as_bytes(), "s").map(|_| ()), Ok(()), "{from} -> {to}");
        }
        for (from, to) in [
            ("%3A", ":"),
            ("/functions", "/functions/"),
            ("host: a", "host: b"),
            ("amz-sdk-request: attempt=1;  max=3\r\n", ""),
            ("Action=X", "Action=Y"),
            ("x-amz-security-token: t", "x-amz-security-token: u"),
        ] {
            assert!(request.contains(from), "{from}");
            assert!(verify(request.replacen(from, to, 1).as_bytes(), "s").is_err(), "{from} -> {to}");
        }
    }
}
