//! JSON 1.0 and 1.1: the operation in `X-Amz-Target`, the parameters in the body.

use http::request::Parts;

use super::leaves::Leaves;
use super::{Call, NotACall, Protocol, TARGET, operation, query};
use crate::caller::only;
use crate::structure::json;

pub(super) fn call(head: &Parts, body: &[u8]) -> Result<Call, NotACall> {
    let target = only(&head.headers, &TARGET).ok_or(NotACall::Malformed)?;
    let (_, name) = split_last(target, b'.').ok_or(NotACall::Malformed)?;
    let operation = operation(name)?;
    let mut leaves = Leaves::new(body.len());
    // SDKs send `{}` when there are no parameters; AWS takes nothing for the same.
    if !body.is_empty() {
        json::walk(body, &mut leaves)?;
    }
    let mut parameters = leaves.finish()?;
    query::add_query_string(head, &mut parameters)?;
    Ok(Call { protocol: Protocol::Json, api_version: None, operation, parameters })
}

/// What stands before and after the last `separator`.
pub(super) fn split_last(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memrchr(separator, text)?;
    Some((&text[..at], &text[at + 1..]))
}
