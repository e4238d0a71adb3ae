//! What simulated AWS answers: bodies in the form of each protocol, with something in them that tells which state of which kind they show.

use aws_event_cache_catalog::{Catalog, Service};
use aws_event_cache_model::{ErrorShape, KindId, Place, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::requests::Question;

/// So many resources are on a page.
const MEMBERS: usize = 10;

/// An answer's state: the last change of the kind at the place that it shows, `0` when it shows none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whose account and region.
    pub place: Place,
    /// Which kind.
    pub kind: KindId,
    /// When the change became visible.
    pub change: Timestamp,
}

impl Shown {
    /// As text that is legal in XML and JSON alike.
    fn stamp(&self) -> String {
        format!("@{}/{}/{}/{}@", self.place.account, self.place.region, self.kind, self.change.as_nanosecond())
    }

    /// Reads a body's state; `None` when it is not one of ours.
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut parts = text.split('@').nth(1)?.split('/');
        let account = parts.next()?.parse().ok()?;
        let region = parts.next()?.parse().ok()?;
        let kind = parts.next()?.parse().ok()?;
        let change = Timestamp::from_nanosecond(parts.next()?.parse().ok()?).ok()?;
        Some(Self { place: Place::new(account, region), kind, change })
    }
}

/// The answer to page `number` (from 0) of a question; the token of the next page is in it when there is one.
pub fn answer(catalog: &Catalog, question: &Question, number: u32, shown: &Shown) -> (HeaderMap, Bytes) {
    let read = &question.read;
    let shape = catalog.service(&read.service).map_or(ErrorShape::Json, |service: &Service| service.error_shape);
    let next = (number + 1 < question.pages).then(|| format!("page-{}", number + 1));
    let next = next.as_deref().zip(read.page.as_ref().map(|page| page.token_out.as_str()));
    let list = read.list().unwrap_or("items");
    let name = question.item.clone().unwrap_or_else(|| read.kind.to_string());
    let arns = (0..MEMBERS).map(|n| {
        let stamp = if n == 0 { shown.stamp() } else { String::new() };
        let Place { account, region } = &shown.place;
        format!("arn:aws:{}:{region}:{account}:{name}/{number}-{n}{stamp}", read.service)
    });
    let (kind, body) = match shape {
        ErrorShape::Ec2 => ("text/xml;charset=UTF-8", ec2(&read.operation, list, arns, next)),
        ErrorShape::Query => ("text/xml", query(&read.operation, list, arns, next)),
        ErrorShape::Json => ("application/x-amz-json-1.1", in_json(list, arns, next)),
        ErrorShape::RestJson => ("application/json", in_json(list, arns, next)),
    };
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
    (headers, body.into())
}

type Next<'n> = Option<(&'n str, &'n str)>;

fn token(next: Next<'_>) -> String {
    next.map(|(token, field)| format!("<{field}>{token}</{field}>")).unwrap_or_default()
}

fn ec2(operation: &str, list: &str, arns: impl Iterator<Item = String>, next: Next<'_>) -> String {
    let members: String = arns.map(|arn| format!("<item><arn>{arn}</arn></item>")).collect();
    format!(
        "<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>00000000-0000-4000-8000-000000000000</requestId><{list}>{members}</{list}>{}</{operation}Response>",
        token(next)
    )
}

fn query(operation: &str, list: &str, arns: impl Iterator<Item = String>, next: Next<'_>) -> String {
    let members: String = arns.map(|arn| format!("<member><Arn>{arn}</Arn></member>")).collect();
    format!(
        "<{operation}Response><{operation}Result><{list}>{members}</{list}>{}</{operation}Result><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></{operation}Response>",
        token(next)
    )
}

fn in_json(list: &str, arns: impl Iterator<Item = String>, next: Next<'_>) -> String {
    let members: Vec<_> = arns.map(|arn| json!({ "arn": arn })).collect();
    let mut body = json!({ list: members });
    if let Some((token, field)) = next {
        body[field] = token.into();
    }
    body.to_string()
}
