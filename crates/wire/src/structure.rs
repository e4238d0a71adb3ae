//! Walking through the three notations that AWS writes bodies in, without building a copy of them. What is looked for is written once, as a [`Visit`], for all of them.

pub(crate) mod cbor;
pub(crate) mod json;
pub(crate) mod xml;

use crate::Protocol;

/// No model of AWS nests half as deep (the deepest, of WAF and of pipelines, stay below thirty); more is an attack on the stack.
pub(crate) const DEEPEST: usize = 64;

/// A step down from a value to one inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// To a member of a structure, by its name.
    Member(&'a str),
    /// To an item of a list, counted from 1.
    Item(usize),
}

/// What a leaf is. Texts that look alike are different values if their kinds differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Text,
    Number,
    /// A number that was too long to be kept exactly.
    Inexact,
    Bool,
    Null,
    Bytes,
    /// Seconds since 1970 that are marked as a time.
    Time,
    EmptyList,
    EmptyMap,
    /// A label of a REST path.
    Label,
    /// A field of a REST query string.
    Query,
}

/// Why a walk ended before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The visitor knows what it wanted to know.
    Enough,
    TooDeep,
    NotText,
    TooMany,
    Malformed,
}

/// Sees a body's values in the order in which they are written. `enter` and `leave` are balanced; between them comes one `value`, or more `enter`s.
pub(crate) trait Visit {
    fn enter(&mut self, step: Step<'_>) -> Result<(), Stop>;
    fn value(&mut self, kind: Kind, text: &str) -> Result<(), Stop>;
    fn leave(&mut self) -> Result<(), Stop>;
    /// The name of the outermost element, where the notation has one.
    fn root(&mut self, _name: &str) -> Result<(), Stop> {
        Ok(())
    }
}

/// The notation of a protocol's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    Xml,
    Json,
    Cbor,
}

/// REST answers come in JSON or XML, as the service likes; the first character tells.
pub(crate) fn notation(protocol: Protocol, body: &[u8]) -> Notation {
    match protocol {
        Protocol::Query => Notation::Xml,
        Protocol::Json => Notation::Json,
        Protocol::Cbor => Notation::Cbor,
        Protocol::Rest => match body.trim_ascii_start().first() {
            Some(b'<') => Notation::Xml,
            _ => Notation::Json,
        },
    }
}

/// Walks through an answer. XML's outer elements, which only repeat the operation's name, are left out, so that the answer's own members are at the top in every notation.
pub(crate) fn walk(protocol: Protocol, body: &[u8], visit: &mut impl Visit) -> Result<(), Stop> {
    match notation(protocol, body) {
        Notation::Xml => xml::walk(body, visit),
        Notation::Json => json::walk(body, visit),
        Notation::Cbor => cbor::walk(body, visit),
    }
}

/// Whether a member is called `name`. The case of the first letter does not count: EC2 writes small what its own documents, and all models, write large.
pub(crate) fn is_called(member: &str, name: &str) -> bool {
    member.len() == name.len()
        && member.as_bytes().first().map(u8::to_ascii_lowercase) == name.as_bytes().first().map(u8::to_ascii_lowercase)
        && member.as_bytes().get(1..) == name.as_bytes().get(1..)
}
