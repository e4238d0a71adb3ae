//! Smithy's RPC v2 with CBOR: the operation in the path, the parameters in the body.

use http::Method;
use http::request::Parts;

use super::leaves::Leaves;
use super::{Call, NotACall, Protocol, operation, query};
use crate::structure::cbor;

/// `…/service/<Service>/operation/<Operation>`
pub(super) fn call(head: &Parts, body: &[u8]) -> Result<Call, NotACall> {
    let mut parts = head.uri.path().rsplit('/');
    let (name, literal, service, first) = (parts.next(), parts.next(), parts.next(), parts.next());
    let is_call = literal == Some("operation")
        && first == Some("service")
        && service.is_some_and(|service| !service.is_empty())
        && head.method == Method::POST;
    if !is_call {
        return Err(NotACall::NoOperation);
    }
    let operation = operation(name.unwrap_or_default().as_bytes())?;
    let mut leaves = Leaves::new(body.len());
    // An operation without input has no body.
    if !body.is_empty() {
        cbor::walk(body, &mut leaves)?;
    }
    let mut parameters = leaves.finish()?;
    query::add_query_string(head, &mut parameters)?;
    Ok(Call { protocol: Protocol::Cbor, api_version: None, operation, parameters })
}
