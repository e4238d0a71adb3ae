//! REST: the operation in method and path, the parameters in path, query string and body.

use std::cmp::Ordering;

use http::Method;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use super::leaves::Leaves;
use super::query::{add_query_string, decode_path};
use super::{Call, NotACall, Protocol, is_safe, media_type};
use crate::Parameters;
use crate::structure::cbor::hex;
use crate::structure::{Kind, json};

/// A REST service's operations by method and path.
#[derive(Debug, Clone, Default)]
pub struct Routes(Vec<Route>);

#[derive(Debug, Clone)]
struct Route {
    operation: SmolStr,
    method: Method,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(SmolStr),
    /// One part of the path.
    Label(SmolStr),
    /// All that is left of it, at least one part.
    Rest(SmolStr),
}

/// A route that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route `{route}` of {operation}: {why}")]
pub struct BadRoute {
    /// The operation.
    pub operation: String,
    /// The route as it was given.
    pub route: String,
    /// What is wrong with it, and how it should be.
    pub why: &'static str,
}

impl Routes {
    /// Reads routes: pairs of an operation and `METHOD /path/{Label}/more`, with `{Rest+}` for all that is left of a path. A slash at the end makes no difference, neither here nor in a request.
    /// Where several fit, the one with a literal where the others have a label is taken.
    ///
    /// # Errors
    /// The first route that is not of this form, or that no request could tell from another.
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadRoute> {
        let mut read: Vec<Route> = Vec::new();
        for (operation, route) in routes {
            let bad = |why| BadRoute { operation: operation.to_owned(), route: route.to_owned(), why };
            let parsed = Route::parse(operation, route).map_err(bad)?;
            if read.iter().any(|other| other.method == parsed.method && other.order(&parsed) == Ordering::Equal) {
                return Err(bad("another operation has the same method and path"));
            }
            read.push(parsed);
        }
        read.sort_by(Route::order);
        Ok(Self(read))
    }

    fn find<'r, 'p>(&'r self, method: &Method, path: &[&'p str]) -> Option<(&'r Route, Vec<(&'r str, &'p str)>)> {
        self.0.iter().filter(|route| route.method == *method).find_map(|route| Some((route, route.labels(path)?)))
    }
}

impl Route {
    fn parse(operation: &str, route: &str) -> Result<Self, &'static str> {
        let (method, path) = route.split_once(' ').ok_or("write method and path, as in `GET /things/{Name}`")?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| "the method is none of HTTP's")?;
        if method.as_str().bytes().any(|byte| !byte.is_ascii_uppercase()) {
            return Err("write the method in capitals");
        }
        let path = path.strip_prefix('/').ok_or("the path begins with a slash")?;
        if path.contains(['?', '#', '%', ' ']) {
            return Err("the path holds no query string and no escapes");
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let parts = path.split('/').map(Part::parse).collect::<Result<Vec<_>, _>>()?;
        let rest_inside = parts.iter().rev().skip(1).any(|part| matches!(part, Part::Rest(_)));
        if rest_inside {
            return Err("`{Name+}` stands at the end only");
        }
        Ok(Self { operation: SmolStr::new(operation), method, parts })
    }

    /// Routes with literals come before those with labels in the same place.
    fn order(&self, other: &Self) -> Ordering {
        let rank = |part: &Part| match part {
            Part::Literal(_) => 0,
            Part::Label(_) => 1,
            Part::Rest(_) => 2,
        };
        let parts = |route: &Self| -> Vec<(u8, SmolStr)> {
            let text = |part: &Part| if let Part::Literal(text) = part { text.clone() } else { SmolStr::default() };
            route.parts.iter().map(|part| (rank(part), text(part))).collect()
        };
        parts(self).cmp(&parts(other))
    }

    /// The labels with what stands for them, if the path fits.
    fn labels<'r, 'p>(&'r self, path: &[&'p str]) -> Option<Vec<(&'r str, &'p str)>> {
        let has_rest = matches!(self.parts.last(), Some(Part::Rest(_)));
        if self.parts.len() != path.len() && !(has_rest && path.len() > self.parts.len()) {
            return None;
        }
        let mut labels = Vec::new();
        for (place, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(text) if text == path[place] => {}
                Part::Label(name) if !path[place].is_empty() => labels.push((name.as_str(), path[place])),
                Part::Rest(name) => labels.extend(path[place..].iter().map(|part| (name.as_str(), *part))),
                _ => return None,
            }
        }
        Some(labels)
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(label) = text.strip_prefix('{') else {
            return if text.contains(['{', '}']) {
                Err("a label is a whole part of the path, as in `/things/{Name}`")
            } else {
                Ok(Self::Literal(SmolStr::new(text)))
            };
        };
        let label = label.strip_suffix('}').ok_or("a label ends with a brace, as in `{Name}`")?;
        let (name, rest) = label.strip_suffix('+').map_or((label, false), |name| (name, true));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err("a label's name has letters, digits, `-` and `_`");
        }
        Ok(if rest { Self::Rest(SmolStr::new(name)) } else { Self::Label(SmolStr::new(name)) })
    }
}

pub(super) fn call(head: &Parts, body: &[u8], routes: &Routes) -> Result<Call, NotACall> {
    let path = head.uri.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let path: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let (route, labels) = routes.find(&head.method, &path).ok_or(NotACall::Unrouted { safe: is_safe(&head.method) })?;
    let mut parameters = Parameters::with_capacity(labels.len() + 4, path.len() + 256);
    for (name, value) in labels {
        let value = decode_path(value)?;
        if value == "." || value == ".." {
            // Servers may take it for a step within the path.
            return Err(NotACall::Malformed);
        }
        parameters.push(Kind::Label, name, None, &value);
    }
    add_query_string(head, &mut parameters)?;
    add_body(head, body, &mut parameters);
    parameters.sort();
    Ok(Call { protocol: Protocol::Rest, api_version: None, operation: route.operation.clone(), parameters })
}

/// A body of JSON that we understand, by its leaves; any other by its hash, as a leaf without a path, which nobody expects.
fn add_body(head: &Parts, body: &[u8], parameters: &mut Parameters) {
    if body.is_empty() {
        return;
    }
    let is_json = media_type(&head.headers)
        .is_none_or(|media| media.eq_ignore_ascii_case(b"application/json") || media.ends_with(b"+json"));
    let mut leaves = Leaves::new(body.len());
    let read = if is_json && json::walk(body, &mut leaves).is_ok() { leaves.finish().ok() } else { None };
    match read {
        // An empty object is a body all the same.
        Some(leaves) if !leaves.is_empty() => parameters.extend(&leaves),
        _ => parameters.push(Kind::Bytes, "", None, &hex(&Sha256::digest(body))),
    }
}
