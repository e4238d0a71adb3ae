//! Reads what a kind's file says of operations: those that read it, and those that change it.

use aws_event_cache_model::ServiceName;
use smol_str::SmolStr;

use super::fields::{Fields, Reader, Spot};
use super::kind::{Context, service_and_api};
use crate::kind::WriteRule;
use crate::name_form::NameForm;
use crate::operation::{Admit, AgeClass, Item, Page, Read, With};
use crate::tree::Tree;

const AGES: [(&str, AgeClass); 6] = [
    ("event", AgeClass::Event),
    ("short", AgeClass::Short),
    ("health", AgeClass::Health),
    ("slow", AgeClass::Slow),
    ("catalogue", AgeClass::Catalogue),
    ("immutable", AgeClass::Immutable),
];

/// The most resources that one request may name and still be answered from memory: what AWS allows at most where it allows several.
const MOST: usize = 100;

pub(super) fn read(cx: &Context<'_>, spot: Spot<'_>) -> Option<Read> {
    let reader = cx.reader;
    let mut fields = Fields::open(reader, spot);
    let (service, api) = service_and_api(cx, &mut fields);
    let operation = fields.need("operation").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let item = fields.get("item").and_then(|spot| item(reader, spot));
    let mut with = reader.list(fields.get("with"), |spot| parameter(reader, spot, false));
    with.extend(reader.list(fields.get("needs"), |spot| parameter(reader, spot, true)));
    let page = fields.get("page").and_then(|spot| page(reader, spot));
    let list = fields.get("list").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let age = fields.need("age").and_then(|spot| reader.word(spot, &AGES));
    let cap = fields.get("cap").and_then(|spot| reader.duration(spot));
    if let (Some(page), Some(_)) = (&page, &list) {
        let problem = format!("the answer's list is named twice: it is {} as said at page", page.list);
        reader.wrong(spot.node.line, spot.field, problem, None);
    }
    let bucket = fields.need("bucket").and_then(|spot| reader.bucket(spot));
    let volatile = reader.texts(fields.get("volatile"));
    let transitional = reader.texts(fields.get("transitional"));
    let missing = fields.get("missing").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    fields.end();
    Some(Read {
        kind: cx.kind.clone(),
        service: service?,
        api,
        operation: operation?,
        item,
        with,
        page,
        list,
        age: age?,
        cap,
        bucket: bucket?,
        volatile,
        transitional,
        missing,
        // The service's file says more; it is read apart.
        admit: Admit::Exact,
        // The kind's own list, which holds for all its reads.
        beneath: Vec::new(),
    })
}

/// As a text it only notes which parameter names a resource: requests that do are not answered from memory.
fn item(reader: &Reader<'_>, spot: Spot<'_>) -> Option<Item> {
    if let Tree::Text(_) = spot.node.value {
        return None;
    }
    let mut fields = Fields::open(reader, spot);
    let parameter = fields.need("parameter").and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let most = fields.get("most").map_or(Some(1), |spot| {
        let number = |text: &str| text.parse().ok().filter(|most| (1..=MOST).contains(most));
        reader.parsed(spot, "a number from 1 to 100", number)
    });
    let only = form(reader, fields.get("only"));
    let name = form(reader, fields.get("name"));
    fields.end();
    Some(Item { parameter: parameter?, most: most?, only, name })
}

fn form(reader: &Reader<'_>, spot: Option<Spot<'_>>) -> Option<NameForm> {
    let spot = spot?;
    let chains = reader.list(Some(spot), |spot| reader.spoken(spot, NameForm::chain));
    if reader.items(spot).is_empty() {
        let problem = "needs a filter, such as lacks(:): without one every name would mean any".to_owned();
        reader.wrong(spot.node.line, spot.field, problem, None);
    }
    Some(NameForm::new(chains))
}

/// `cluster`, or `Filter.1.Name=is-public`.
fn parameter(reader: &Reader<'_>, spot: Spot<'_>, needed: bool) -> Option<With> {
    reader.parsed(spot, "a parameter such as cluster or Filter.1.Name=is-public", |text| {
        let (path, value) = text.split_once('=').map_or((text, None), |(path, value)| (path, Some(value)));
        let plain = path.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        plain.then(|| With { path: SmolStr::new(path), value: value.map(SmolStr::new), needed })
    })
}

fn page(reader: &Reader<'_>, spot: Spot<'_>) -> Option<Page> {
    let mut fields = Fields::open(reader, spot);
    let word = |spot: Option<Spot<'_>>| spot.and_then(|spot| reader.text(spot)).map(SmolStr::new);
    let token_in = word(fields.need("in"));
    let token_out = word(fields.need("out"));
    let list = word(fields.need("list"));
    let size = word(fields.get("size"));
    fields.end();
    Some(Page { token_in: token_in?, token_out: token_out?, list: list?, size })
}

pub(super) fn write(cx: &Context<'_>, spot: Spot<'_>) -> Option<WriteRule> {
    let reader = cx.reader;
    let mut fields = Fields::open(reader, spot);
    let (service, api): (Option<ServiceName>, _) = service_and_api(cx, &mut fields);
    let operations = reader.list(fields.need("operations"), |spot| {
        reader.parsed(spot, "an operation", |text| {
            text.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| SmolStr::new(text))
        })
    });
    fields.end();
    Some(WriteRule { service: service?, api, operations })
}
