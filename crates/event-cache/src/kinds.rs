//! `kinds`: prints the catalogue.

use std::process::ExitCode;

use aws_event_cache_catalog::{Catalog, Coverage, Kind};
use serde_json::{Value, json};

use crate::cli::{KindsArgs, exit};
use crate::output::{error, line, table};

pub(crate) fn run(args: &KindsArgs) -> ExitCode {
    let catalog = match args.folder.as_deref().map_or_else(|| Ok(Catalog::shipped()), Catalog::with_folder) {
        Ok(catalog) => catalog,
        Err(mistakes) => {
            error(&mistakes);
            return exit::bad_config();
        }
    };
    match &args.kind {
        Some(word) => match catalog.find_kind(word) {
            Ok(kind) => one(kind, args.json),
            Err(unknown) => {
                error(&unknown);
                return exit::failed();
            }
        },
        None => all(&catalog, args.json),
    }
    exit::OK
}

fn all(catalog: &Catalog, as_json: bool) {
    if as_json {
        line(&Value::Array(catalog.kinds().map(describe).collect()).to_string());
        return;
    }
    let mut rows = table(&["KIND", "EVENTS", "CEILING", "SETTLE", "AGENTS", "ANNOUNCED BY"]);
    for kind in catalog.kinds() {
        rows.add_row([
            kind.id.to_string(),
            coverage(kind).into(),
            format!("{:?}", kind.ceiling),
            format!("{:?}", kind.settle),
            kind.agents.join(", "),
            announced_by(kind).join(", "),
        ]);
    }
    line(&rows.trim_fmt());
}

fn one(kind: &Kind, as_json: bool) {
    let described = describe(kind);
    if as_json {
        line(&described.to_string());
        return;
    }
    let mut rows = table(&["FIELD", "VALUE"]);
    for (field, value) in described.as_object().into_iter().flatten() {
        let shown = match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            Value::Array(items) if items.is_empty() => "-".to_owned(),
            Value::Array(items) => items.iter().map(|i| i.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        rows.add_row([field.clone(), shown]);
    }
    line(&rows.trim_fmt());
}

fn coverage(kind: &Kind) -> &'static str {
    match kind.coverage {
        Coverage::Full => "full",
        Coverage::Partial => "partial",
        Coverage::None => "none",
    }
}

fn announced_by(kind: &Kind) -> Vec<&'static str> {
    let mut by = Vec::new();
    let mut say = |is: bool, word| {
        if is {
            by.push(word);
        }
    };
    say(!kind.events.is_empty(), "EventBridge");
    say(!kind.calls.is_empty(), "CloudTrail");
    say(!kind.config.is_empty(), "AWS Config");
    say(!kind.notifications.is_empty(), "Auto Scaling");
    by
}

fn describe(kind: &Kind) -> Value {
    let calls: Vec<String> = kind
        .calls
        .iter()
        .flat_map(|call| call.events.iter().map(move |event| format!("{}:{event}", call.service)))
        .collect();
    let events: Vec<String> = kind
        .events
        .iter()
        .flat_map(|event| event.detail_types.iter().map(move |detail| format!("{} / {detail}", event.source)))
        .collect();
    json!({
        "kind": kind.id, "title": kind.title, "aliases": kind.aliases, "namedBy": kind.named_by, "events": coverage(kind),
        "floorSeconds": kind.floor.as_secs(), "ceilingSeconds": kind.ceiling.as_secs(), "settleSeconds": kind.settle.as_secs(),
        "agents": kind.agents, "touches": kind.touches,
        "buckets": kind.buckets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "onDemand": kind.on_demand.as_ref().map(|call| format!("{}/{}", call.provider.as_str(), call.kind)),
        "configTypes": kind.config.iter().map(|rule| rule.resource_type.to_string()).collect::<Vec<_>>(),
        "serviceEvents": events, "calls": calls,
        "reads": kind.reads.iter().map(|read| format!("{}:{}", read.service, read.operation)).collect::<Vec<_>>(),
        "file": kind.file,
    })
}
