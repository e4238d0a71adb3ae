//! The query protocol and EC2's dialect of it: a form with `Action` and `Version`, in the body or in the query string.

use std::ops::Range;

use http::Method;
use http::request::Parts;
use smol_str::SmolStr;

use super::{Call, DEEPEST_PATH, MOST_LEAVES, NotACall, Protocol, media_type, operation};
use crate::Parameters;
use crate::structure::Kind;

/// Whether a request is one of this protocol. A form is, but for a REST service below `/`, as is a query string with an action at `/`.
pub(super) fn is_query(head: &Parts, has_routes: bool) -> bool {
    let at_root = head.uri.path() == "/" || head.uri.path().is_empty();
    if head.method == Method::POST {
        return match media_type(&head.headers) {
            Some(media) => media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") && (at_root || !has_routes),
            None => at_root && !has_routes && !head.headers.contains_key(http::header::CONTENT_TYPE),
        };
    }
    head.method == Method::GET
        && at_root
        && head.uri.query().is_some_and(|query| query.split('&').any(|field| field.starts_with("Action=")))
}

pub(super) fn call(head: &Parts, body: &[u8]) -> Result<Call, NotACall> {
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let mut form = Form {
        // `&` and `=` go, `.member` may come twice.
        parameters: Parameters::with_capacity(8 + body.len() / 32, body.len() + query.len()),
        action: None,
        version: None,
    };
    if head.method == Method::GET && !body.is_empty() {
        return Err(NotACall::Malformed);
    }
    fields(query, |name, value| form.field(name, value))?;
    fields(body, |name, value| form.field(name, value))?;
    let Form { mut parameters, action, version } = form;
    let operation = action.ok_or(NotACall::NoOperation)?;
    parameters.sort();
    if parameters.repeats() {
        return Err(NotACall::Repeated);
    }
    Ok(Call { protocol: Protocol::Query, api_version: version, operation, parameters })
}

struct Form {
    parameters: Parameters,
    action: Option<SmolStr>,
    version: Option<SmolStr>,
}

impl Form {
    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), NotACall> {
        match name {
            b"Action" => set(&mut self.action, operation(value)?),
            b"Version" => set(&mut self.version, version(value)?),
            _ => {
                if self.parameters.len() >= MOST_LEAVES {
                    return Err(NotACall::TooMany);
                }
                let path = decode(name, self.parameters.text())?;
                let value = decode(value, self.parameters.text())?;
                let exact = &self.parameters.text()[path.clone()];
                if exact == "Action" || exact == "Version" {
                    return Err(NotACall::Malformed);
                }
                let mut dots = 0;
                let mut has_member = false;
                for at in memchr::memchr_iter(b'.', exact.as_bytes()) {
                    dots += 1;
                    has_member |= exact.as_bytes()[at + 1..].starts_with(b"member.");
                }
                if dots >= DEEPEST_PATH {
                    return Err(NotACall::TooDeep);
                }
                let flat = if has_member { without_member(exact) } else { None };
                self.parameters.push_appended(Kind::Text, path, flat.as_deref(), value);
                Ok(())
            }
        }
    }
}

fn set(place: &mut Option<SmolStr>, value: SmolStr) -> Result<(), NotACall> {
    if place.replace(value).is_some() { Err(NotACall::Repeated) } else { Ok(()) }
}

/// `2016-11-15`
fn version(text: &[u8]) -> Result<SmolStr, NotACall> {
    let is_version =
        (1..=32).contains(&text.len()) && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    match std::str::from_utf8(text) {
        Ok(text) if is_version => Ok(SmolStr::new(text)),
        _ => Err(NotACall::Malformed),
    }
}

/// `Foo.member.1.Bar` is `Foo.1.Bar`; none if nothing is left out. A field that is called `member` itself stays.
fn without_member(path: &str) -> Option<String> {
    let mut flat = String::with_capacity(path.len());
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let before_item =
            parts.peek().is_some_and(|next| !next.is_empty() && next.bytes().all(|byte| byte.is_ascii_digit()));
        if part == "member" && before_item && !flat.is_empty() {
            continue;
        }
        if !flat.is_empty() {
            flat.push('.');
        }
        flat.push_str(part);
    }
    (flat != path).then_some(flat)
}

/// Every field of a form, as it is written.
fn fields<'f>(
    form: &'f [u8],
    mut each: impl FnMut(&'f [u8], &'f [u8]) -> Result<(), NotACall>,
) -> Result<(), NotACall> {
    let mut from = 0;
    for end in memchr::memchr_iter(b'&', form).chain([form.len()]) {
        let field = &form[from..end];
        from = end + 1;
        if !field.is_empty() {
            let equals = memchr::memchr(b'=', field).unwrap_or(field.len());
            each(&field[..equals], field.get(equals + 1..).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// The query string of a request whose parameters are elsewhere.
pub(super) fn add_query_string(head: &Parts, parameters: &mut Parameters) -> Result<(), NotACall> {
    let Some(query) = head.uri.query().filter(|query| !query.is_empty()) else { return Ok(()) };
    fields(query.as_bytes(), |name, value| {
        if parameters.len() >= MOST_LEAVES {
            return Err(NotACall::TooMany);
        }
        let path = decode(name, parameters.text())?;
        let value = decode(value, parameters.text())?;
        parameters.push_appended(Kind::Query, path, None, value);
        Ok(())
    })?;
    parameters.sort();
    Ok(())
}

/// Appends the decoded text and says where it stands. Strict: a `%` that begins no escape is refused instead of guessed.
fn decode(encoded: &[u8], to: &mut String) -> Result<Range<usize>, NotACall> {
    let start = to.len();
    if memchr::memchr2(b'%', b'+', encoded).is_none() {
        to.push_str(std::str::from_utf8(encoded).map_err(|_| NotACall::NotText)?);
    } else {
        let mut decoded = Vec::with_capacity(encoded.len());
        let mut bytes = encoded.iter();
        while let Some(byte) = bytes.next() {
            decoded.push(match byte {
                b'+' => b' ',
                b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
                byte => *byte,
            });
        }
        to.push_str(std::str::from_utf8(&decoded).map_err(|_| NotACall::NotText)?);
    }
    Ok(start..to.len())
}

fn hex(digit: Option<&u8>) -> Result<u8, NotACall> {
    match digit {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(NotACall::Malformed),
    }
}

/// A part of a path, decoded: there a `+` is a plus.
pub(super) fn decode_path(encoded: &str) -> Result<String, NotACall> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.as_bytes().iter();
    while let Some(byte) = bytes.next() {
        decoded.push(if *byte == b'%' { hex(bytes.next())? << 4 | hex(bytes.next())? } else { *byte });
    }
    String::from_utf8(decoded).map_err(|_| NotACall::NotText)
}
