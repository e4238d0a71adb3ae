//! Reads a file of `agents/`.

use aws_event_cache_model::Provider;
use smol_str::SmolStr;

use super::fields::{Fields, Reader, Spot};
use crate::agent_spec::{AgentSpec, Per};
use crate::template::{SLOTS, Slot, Template};
use crate::tree::Node;

/// Clouddriver's providers by name.
pub(super) const PROVIDERS: [(&str, Provider); 2] = [("aws", Provider::Aws), ("ecs", Provider::Ecs)];

pub(super) fn read(reader: &Reader<'_>, stem: &str, node: &Node) -> Option<AgentSpec> {
    let mut fields = Fields::open(reader, Spot { node, field: "" });
    let provider = fields.need("provider").and_then(|spot| reader.word(spot, &PROVIDERS));
    let per_words = [("account-region", Per::AccountRegion), ("account", Per::Account), ("region", Per::Region)];
    let per = fields.need("per").and_then(|spot| reader.word(spot, &per_words));
    let name = fields.need("name").and_then(|spot| {
        // Accounts of two providers never share a name, so their agents may share a pattern.
        reader.claim(format!("the agent name {} of {provider:?}", reader.text(spot)?), spot);
        let name = reader.spoken(spot, Template::parse)?;
        check_slots(reader, spot, &name, per?);
        Some(name)
    });
    let interval = fields.get("interval").and_then(|spot| reader.duration(spot));
    let timeout = fields.get("timeout").and_then(|spot| reader.duration(spot));
    let lambda_only = fields.get("when").is_some_and(|spot| reader.word(spot, &[("lambda", true)]).unwrap_or(false));
    let setting = fields.get("setting").and_then(|spot| reader.text(spot)).map(str::to_owned);
    let calls =
        fields.need("calls").map(|spot| reader.list(Some(spot), |spot| calls(reader, spot))).unwrap_or_default();
    fields.end();
    let (id, file) = (SmolStr::new(stem), reader.file().to_owned());
    Some(AgentSpec {
        id,
        name: name?,
        provider: provider?,
        per: per?,
        interval,
        timeout,
        lambda_only,
        setting,
        calls,
        file,
    })
}

fn calls(reader: &Reader<'_>, spot: Spot<'_>) -> Option<(aws_event_cache_model::BucketId, u32)> {
    let mut fields = Fields::open(reader, spot);
    let bucket = fields.need("bucket").and_then(|spot| reader.bucket(spot));
    let count = fields.need("count").and_then(|spot| reader.parsed(spot, "a whole number", |t| t.parse().ok()));
    fields.end();
    Some((bucket?, count?))
}

/// A name has the slots that tell its agents apart, and no others, which nothing could fill.
fn check_slots(reader: &Reader<'_>, spot: Spot<'_>, name: &Template, per: Per) {
    let wanted: &[Slot] = match per {
        Per::AccountRegion => &[Slot::Account, Slot::Region],
        Per::Account => &[Slot::Account],
        Per::Region => &[Slot::Region],
    };
    for (word, slot) in SLOTS {
        let problem = match (wanted.contains(&slot), name.has(slot)) {
            (true, false) => format!("lacks {{{word}}}, which tells its agents apart"),
            (false, true) => format!("{{{word}}} stands for nothing in an agent's name of this sort"),
            _ => continue,
        };
        reader.wrong(spot.node.line, spot.field, problem, None);
    }
}
