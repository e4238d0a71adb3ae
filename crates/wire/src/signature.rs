//! How a request is signed, and with which credential. Nothing is verified here: that takes the secret, and AWS does it.

use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::caller::amz_day;

/// The credential scope of a Signature Version 4: `key/date/region/service/aws4_request`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential<'r> {
    /// The access key id.
    pub key_id: &'r str,
    /// `yyyyMMdd`; the day of `x-amz-date`, where there is one.
    pub date: &'r str,
    /// The region it is signed for.
    pub region: &'r str,
    /// The service it is signed for, as signing calls it.
    pub service: &'r str,
}

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature<'r> {
    /// Signature Version 4 in the `Authorization` header.
    V4 {
        /// Who signed, for what.
        credential: Credential<'r>,
    },
    /// In the query string: valid for whoever holds the address.
    Presigned,
    /// Signature Version 4 for several regions.
    V4a,
    /// The ways before Signature Version 4.
    V2,
    /// Not signed by any of AWS's ways.
    Unsigned,
    /// It claims to be signed by Signature Version 4 but is not as AWS describes it, or is signed more than once.
    Malformed,
}

/// How a request is signed. Strict: what deviates in the least from what signers write is [`Signature::Malformed`].
///
/// ```
/// use aws_event_cache_wire::{Signature, signature};
///
/// let (head, ()) = http::Request::post("/")
///     .header("authorization", format!(
///         "AWS4-HMAC-SHA256 Credential=ASIAY34FZKBOKMUTVV7A/20260504/eu-west-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature={}", "0".repeat(64)
///     ))
///     .body(())?
///     .into_parts();
/// let Signature::V4 { credential } = signature(&head) else { panic!("signed") };
/// assert_eq!((credential.region, credential.service), ("eu-west-1", "ec2"));
/// # Ok::<(), http::Error>(())
/// ```
pub fn signature(head: &Parts) -> Signature<'_> {
    let in_query = query_signature(head.uri.query().unwrap_or_default());
    let mut values = head.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return in_query.unwrap_or(Signature::Unsigned) };
    let Some(authorization) = std::str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none()) else {
        return Signature::Malformed;
    };
    let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
    match algorithm {
        _ if in_query.is_some() => Signature::Malformed,
        "AWS4-HMAC-SHA256" => match credential(rest, amz_day(&head.headers)) {
            Some(credential) => Signature::V4 { credential },
            None => Signature::Malformed,
        },
        "AWS4-ECDSA-P256-SHA256" => Signature::V4a,
        "AWS" | "AWS3" | "AWS3-HTTPS" => Signature::V2,
        _ if algorithm.starts_with("AWS") => Signature::Malformed,
        _ => Signature::Unsigned,
    }
}

/// A signature in the query string. Names are compared as signers write them, and unescaped: an escaped one signs nothing.
fn query_signature(query: &str) -> Option<Signature<'static>> {
    if query.is_empty() {
        return None;
    }
    let names = || query.split('&').map(|field| field.split('=').next().unwrap_or_default());
    if names().any(|name| {
        name.len() >= 6
            && name.as_bytes()[..6].eq_ignore_ascii_case(b"x-amz-")
            && ["x-amz-signature", "x-amz-credential", "x-amz-algorithm"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
    }) {
        return Some(Signature::Presigned);
    }
    names().any(|name| name == "AWSAccessKeyId").then_some(Signature::V2)
}

/// `Credential=…, SignedHeaders=…, Signature=…`: each once, in any order, nothing else.
fn credential<'r>(fields: &'r str, day: Option<&[u8]>) -> Option<Credential<'r>> {
    let (mut scope, mut signed, mut signature) = (None, None, None);
    for field in parts(fields, b',') {
        let field = trim_blanks(field);
        let (place, value) = if let Some(value) = field.strip_prefix("Credential=") {
            (&mut scope, value)
        } else if let Some(value) = field.strip_prefix("SignedHeaders=") {
            (&mut signed, value)
        } else {
            (&mut signature, field.strip_prefix("Signature=")?)
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    let (scope, signed, signature) = (scope?, signed?, signature?);
    let is_hash = signature.len() == 64 && signature.bytes().fold(true, |so_far, byte| so_far & is_small_hex(byte));
    if !is_hash || !has_host(signed) {
        return None;
    }
    scope_of(scope).filter(|credential| day.is_none_or(|day| day == credential.date.as_bytes()))
}

fn scope_of(scope: &str) -> Option<Credential<'_>> {
    let mut parts = parts(scope, b'/');
    let (key_id, date, region, service, end) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let word =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| WORD[usize::from(byte)]);
    let well_formed = end == "aws4_request"
        && parts.next().is_none()
        // IAM documents access key ids of 16 to 128 characters.
        && key_id.len() >= 16
        && word(key_id, 128)
        && date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
        // Longer than any name of a region or service, short enough to be a key of maps.
        && word(region, 64)
        && word(service, 64);
    well_formed.then_some(Credential { key_id, date, region, service })
}

/// The parts of a text between the places of an ASCII character. The library's own way, by a searcher for any character, takes many times as long.
fn parts(text: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(end) = memchr::memchr(at, text.as_bytes()) else { return Some(text) };
        rest = Some(&text[end + 1..]);
        Some(&text[..end])
    })
}

/// Whether `host` is among the names of signed headers.
fn has_host(signed: &str) -> bool {
    // Looked for as a whole, since that is all of the list that matters.
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == b';');
    let names = signed.as_bytes();
    memchr::memchr_iter(b'h', names).any(|at| {
        names[at..].starts_with(b"host") && ends(at.checked_sub(1).map(|at| &names[at])) && ends(names.get(at + 4))
    })
}

fn trim_blanks(text: &str) -> &str {
    let text = text.trim_start_matches(' ');
    if text.ends_with(' ') { text.trim_end_matches(' ') } else { text }
}

/// A digit of a signature. Without a branch, so that many are looked at at a time.
fn is_small_hex(byte: u8) -> bool {
    (byte.wrapping_sub(b'0') < 10) | (byte.wrapping_sub(b'a') < 6)
}

/// Characters of key ids, regions and services.
const WORD: [bool; 256] = set(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

const fn set(of: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut at = 0;
    while at < of.len() {
        set[of[at] as usize] = true;
        at += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    const SCOPE: &str = "ASIAY34FZKBOKMUTVV7A/20260504/eu-west-1/ec2/aws4_request";
    const SIGNATURE: &str = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024";

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn of(authorization: &str) -> &'static str {
        named(signature(&head("/", &[("authorization", authorization), ("x-amz-date", "20260504T091500Z")])))
    }

    fn named(signature: Signature<'_>) -> &'static str {
        match signature {
            Signature::V4 { .. } => "v4",
            Signature::Presigned => "presigned",
            Signature::V4a => "v4a",
            Signature::V2 => "v2",
            Signature::Unsigned => "unsigned",
            Signature::Malformed => "malformed",
        }
    }

    #[test]
    fn the_spellings_of_all_signers_are_read() {
        for text in [
            // Java, botocore, Go, JavaScript, Rust
            format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"),
            // without blanks
            format!("AWS4-HMAC-SHA256 Credential={SCOPE},SignedHeaders=host;x-amz-date,Signature={SIGNATURE}"),
        ] {
            let head = head("/", &[("authorization", &text)]);
            let expected =
                Credential { key_id: "ASIAY34FZKBOKMUTVV7A", date: "20260504", region: "eu-west-1", service: "ec2" };
            assert_eq!(signature(&head), Signature::V4 { credential: expected });
        }
    }

    #[test]
    fn every_deviation_is_malformed() {
        let good = format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}");
        assert_eq!(of(&good), "v4");
        for (from, to) in [
            ("ASIAY34FZKBOKMUTVV7A/", ""),
            ("ASIAY34FZKBOKMUTVV7A/", "ASIAY34FZKBOKMUTVV7A//"),
            ("ASIAY34FZKBOKMUTVV7A/", "SHORT/"),
            ("ASIAY34FZKBOKMUTVV7A/", "ASIA/Y34FZKBOKMUTVV7A/"),
            ("20260504", "2026050a"),
            ("20260504", "20260505"),
            ("eu-west-1", ""),
            ("eu-west-1", "eu west 1"),
            ("aws4_request", "aws4_request/"),
            ("aws4_request", "aws5_request"),
            ("SignedHeaders=host;x-amz-date, ", ""),
            ("SignedHeaders=host;", "SignedHeaders="),
            ("Signature=", "Signature=0"),
            ("Signature=f", "Signature=F"),
            ("Signature=", "Other=1, Signature="),
            ("Signature=", "Credential=x, Signature="),
            ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"),
            ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA512 "),
        ] {
            assert_eq!(of(&good.replacen(from, to, 1)), "malformed", "{from} -> {to}");
        }
    }

    #[test]
    fn other_ways_are_told_apart() {
        assert_eq!(of("AWS4-ECDSA-P256-SHA256 Credential=x"), "v4a");
        assert_eq!(of("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="), "v2");
        assert_eq!(of("AWS3-HTTPS AWSAccessKeyId=x"), "v2");
        assert_eq!(of("Bearer token"), "unsigned");
        assert_eq!(named(signature(&head("/", &[]))), "unsigned");
        assert_eq!(named(signature(&head("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", &[]))), "presigned");
        assert_eq!(named(signature(&head("/?a=1&x-amz-credential=x", &[]))), "presigned");
        assert_eq!(named(signature(&head("/?Action=X&AWSAccessKeyId=x&Signature=y", &[]))), "v2");
        assert_eq!(named(signature(&head("/?Note=X-Amz-Signature", &[]))), "unsigned");
    }

    #[test]
    fn signed_twice_is_malformed() {
        let good = format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}");
        let twice = head("/", &[("authorization", &good), ("authorization", &good)]);
        assert_eq!(signature(&twice), Signature::Malformed);
        let also_presigned = head("/?X-Amz-Signature=0", &[("authorization", &good)]);
        assert_eq!(signature(&also_presigned), Signature::Malformed);
    }

    proptest! {
        #[test]
        fn no_header_and_no_query_make_it_panic(text in "[ -~]{0,120}", query in "[a-zA-Z0-9&=%-]{0,60}") {
            let _ = signature(&head(&format!("/?{query}"), &[("authorization", &text)]));
            let _ = signature(&head("/", &[("authorization", &format!("AWS4-HMAC-SHA256 {text}"))]));
        }

        #[test]
        fn what_is_read_as_a_credential_stands_so_in_the_header(
            parts in proptest::collection::vec("[A-Za-z0-9/=,; -]{0,24}", 1..8)
        ) {
            let text = format!("AWS4-HMAC-SHA256 Credential={}, SignedHeaders=host, Signature={SIGNATURE}", parts.join("/"));
            if let Signature::V4 { credential: c } = signature(&head("/", &[("authorization", &text)])) {
                let scope = format!("{}/{}/{}/{}/aws4_request", c.key_id, c.date, c.region, c.service);
                prop_assert!(text.contains(&scope));
            }
        }
    }
}
