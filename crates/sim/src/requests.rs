//! What the simulated Clouddriver asks: requests made from the catalogue's rows, in the protocols of AWS, so that no operation is named here. They are signed as far
//! as anybody but AWS can see: key id, session token and date are right, the signature itself is not one.

use std::fmt::Write as _;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Read, Service};
use aws_event_cache_model::{AccountId, Agent, BucketId, ErrorShape, Place, Timestamp};
use bytes::Bytes;
use http::request::{Builder, Parts};
use http::{Method, Request};

/// Role sessions last 15 minutes with Clouddriver's SDK and are renewed five minutes before their end: so often every account has another key and token.
const RENEWED_EVERY: Duration = Duration::from_secs(600);

/// A session token's length, about what AWS gives out.
const TOKEN_LENGTH: usize = 900;

/// Where services without regions are reached.
const HOME: &str = "us-east-1";

/// A listing page by page, or one answer about a single resource.
#[derive(Debug, Clone)]
pub struct Question {
    /// The row that allows it.
    pub read: Read,
    /// The resource that it names.
    pub item: Option<String>,
    /// How many pages the answer has.
    pub pages: u32,
}

/// What a run of an agent asks, `fleet` times as many calls as the catalogue estimates, and the calls that no row stands for, by bucket.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// In this order.
    pub questions: Vec<Question>,
    /// Those that nobody could answer from memory.
    pub others: Vec<(BucketId, u32)>,
}

impl Script {
    /// The calls to each bucket are shared evenly among the agent's rows that draw on it: a paged listing becomes longer, of the rest there are more resources.
    pub fn of(agent: &Agent, catalog: &Catalog, fleet: u32) -> Self {
        let mut script = Self::default();
        let rows: Vec<&Read> =
            agent.kinds.iter().filter_map(|kind| catalog.kind(kind)).flat_map(|k| &k.reads).collect();
        for (bucket, count) in &agent.calls {
            let here: Vec<&Read> = rows.iter().filter(|row| row.bucket == *bucket).copied().collect();
            let calls = count.saturating_mul(fleet);
            let share = calls / (here.len() as u32).max(1);
            let mut left = calls;
            for (n, row) in here.iter().enumerate() {
                let own = if n + 1 == here.len() { left } else { share };
                left -= own;
                left += script.ask(row, own);
            }
            if left > 0 {
                script.others.push((bucket.clone(), left));
            }
        }
        script
    }

    /// Adds so many calls of a row; returns those that it has no request for.
    fn ask(&mut self, read: &Read, calls: u32) -> u32 {
        if read.page.is_some() && calls > 0 {
            let item = needs_item(read).then(|| item(read, 1)).flatten();
            self.questions.push(Question { read: read.clone(), item, pages: calls });
            return 0;
        }
        for n in 1..=calls {
            match item(read, n) {
                Some(item) => self.questions.push(Question { read: read.clone(), item: Some(item), pages: 1 }),
                None if n == 1 && read.item.is_none() => {
                    self.questions.push(Question { read: read.clone(), item: None, pages: 1 })
                }
                None => return calls - n + 1,
            }
        }
        0
    }
}

/// A listing below a resource has the resource's name in its path or is asked for each; whole listings are asked for without.
fn needs_item(read: &Read) -> bool {
    read.item.as_ref().is_some_and(|item| item.most == 1)
}

/// The n-th resource's name, in a form that the row allows.
fn item(read: &Read, n: u32) -> Option<String> {
    let parameter = &read.item.as_ref()?.parameter;
    let forms = [format!("{}-{n:04}", read.kind), format!("{}-{n:04}:1", read.kind)];
    forms.into_iter().find(|form| read.allows(parameter, form))
}

/// Somebody who signs.
#[derive(Debug, Clone)]
pub struct Signer {
    key_id: String,
    token: String,
    session: i64,
    account: AccountId,
}

impl Signer {
    /// A role session of an account.
    pub fn new(account: &AccountId, now: Timestamp) -> Self {
        let session = now.as_second() / RENEWED_EVERY.as_secs() as i64;
        let mut token = format!("session-{session}-of-{account}-");
        token.extend(std::iter::repeat_n('x', TOKEN_LENGTH - token.len()));
        Self { key_id: key_id(account, session), token, session, account: account.clone() }
    }

    /// The session that is current.
    pub fn renew(&mut self, now: Timestamp) {
        if now.as_second() / RENEWED_EVERY.as_secs() as i64 != self.session {
            *self = Self::new(&self.account, now);
        }
    }
}

/// A key id that carries its account, as those of role sessions do: base32 of a bit that says so, the account and a serial number.
fn key_id(account: &AccountId, serial: i64) -> String {
    let number: u128 = account.as_str().parse().unwrap_or_default();
    let bits = 1_u128 << 79 | number << 39 | u128::from(serial.unsigned_abs() & 0x7f_ffff_ffff);
    let letter = |n: u32| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits >> (75 - 5 * n) & 31) as usize]);
    (0..16).fold(String::from("ASIA"), |mut id, n| {
        id.push(letter(n));
        id
    })
}

/// A request on its way: head, body and the host it is sent to.
#[derive(Debug)]
pub struct Sent {
    /// Its head.
    pub head: Parts,
    /// Its body.
    pub body: Bytes,
    /// Its host.
    pub host: String,
}

/// The request for a page of a question; `None` when its service has no way to be asked that.
pub fn page(
    question: &Question,
    token: Option<&str>,
    place: &Place,
    catalog: &Catalog,
    signer: &Signer,
    now: Timestamp,
) -> Option<Sent> {
    let read = &question.read;
    let mut parameters: Vec<(String, String)> = Vec::new();
    parameters.extend(read.with.iter().filter(|with| with.needed).map(|with| {
        (with.path.to_string(), with.value.as_ref().map_or_else(|| "true".to_owned(), ToString::to_string))
    }));
    if let (Some(item), Some(name)) = (&read.item, &question.item) {
        let numbered = format!("{}.1", item.parameter);
        let path = if item.most > 1 { numbered } else { item.parameter.to_string() };
        parameters.push((path, name.clone()));
    }
    if let (Some(page), Some(token)) = (&read.page, token) {
        parameters.push((page.token_in.to_string(), token.to_owned()));
    }
    let service = catalog.service(&read.service)?;
    call(service, read.api.as_deref(), &read.operation, &parameters, place, signer, now)
}

/// Any call; `None` when its service has no route for it.
pub fn call(
    service: &Service,
    api: Option<&str>,
    operation: &str,
    parameters: &[(String, String)],
    place: &Place,
    signer: &Signer,
    now: Timestamp,
) -> Option<Sent> {
    let global = service.global_region.is_some() || place.region.as_str() == "global";
    let region = if global { HOME } else { place.region.as_str() };
    let host = format!("{}.{region}.amazonaws.com", service.signing_name);
    let (request, body) = match service.error_shape {
        ErrorShape::Ec2 | ErrorShape::Query => query(service, api, operation, parameters),
        ErrorShape::Json => json(operation, parameters),
        ErrorShape::RestJson => rest(service, operation, parameters)?,
    };
    let date = now.strftime("%Y%m%d").to_string();
    let credential = format!("{}/{date}/{region}/{}/aws4_request", signer.key_id, service.signing_name);
    let signed = "host;x-amz-date;x-amz-security-token";
    let request = request
        .header("host", &host)
        .header("x-amz-date", now.strftime("%Y%m%dT%H%M%SZ").to_string())
        .header("x-amz-security-token", &signer.token)
        .header("user-agent", "aws-sdk-java/1.12.261 Linux")
        .header("amz-sdk-retry", "0/0/500")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={:064x}", 0),
        );
    let (head, ()) = request.body(()).ok()?.into_parts();
    Some(Sent { head, body: body.into(), host })
}

fn query(service: &Service, api: Option<&str>, operation: &str, parameters: &[(String, String)]) -> (Builder, String) {
    let of_api = api.and_then(|name| service.apis.iter().find(|known| known.name == name));
    let version = of_api.map_or("2016-11-15", |api| api.version.as_str());
    let mut body = format!("Action={operation}&Version={version}");
    for (path, value) in parameters {
        // What the catalogue's forms and our own tokens are made of needs no encoding, but for colons and slashes.
        let value = value.replace(':', "%3A").replace('/', "%2F");
        write!(body, "&{path}={value}").expect("invariant: text can be written to");
    }
    let request = Request::builder()
        .method(Method::POST)
        .uri("/")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    (request, body)
}

fn json(operation: &str, parameters: &[(String, String)]) -> (Builder, String) {
    let mut fields = serde_json::Map::new();
    for (path, value) in parameters {
        match path.strip_suffix(".1") {
            Some(list) => fields.insert(list.to_owned(), serde_json::json!([value])),
            None => fields.insert(path.clone(), value.as_str().into()),
        };
    }
    let request = Request::builder()
        .method(Method::POST)
        .uri("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("Demonstration.{operation}"));
    (request, serde_json::Value::Object(fields).to_string())
}

fn rest(service: &Service, operation: &str, parameters: &[(String, String)]) -> Option<(Builder, String)> {
    let (_, route) = service.routes.iter().find(|(name, _)| name == operation)?;
    let (method, template) = route.split_once(' ')?;
    let mut path = template.to_owned();
    let mut rest = Vec::new();
    for (name, value) in parameters {
        let slot = format!("{{{name}}}");
        if path.contains(&slot) {
            path = path.replace(&slot, value);
        } else {
            rest.push(format!("{name}={value}"));
        }
    }
    // A write whose resource the rule does not name.
    while let Some((before, after)) = path.split_once('{') {
        path = format!("{before}some{}", after.split_once('}').map_or("", |(_, after)| after));
    }
    if !rest.is_empty() {
        path = format!("{path}?{}", rest.join("&"));
    }
    let body = if method == "GET" { String::new() } else { "{}".to_owned() };
    Some((Request::builder().method(method).uri(path).header("content-type", "application/json"), body))
}
