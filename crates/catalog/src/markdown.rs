//! The list of kinds as a document for operators, out of the same data that the service runs on.

use std::time::Duration;

use smol_str::SmolStr;

use crate::catalog::Catalog;
use crate::kind::{Coverage, Effect, Kind, OnDemand, Reach, Rule};
use crate::service::Service;

const HEAD: &str = "\
# Kinds

What AWS Event Cache knows about each kind of resource, printed from its catalogue. Do not edit: `cargo run -p aws-event-cache-catalog --example kinds_md`
writes it anew, and a test fails when it is out of date.

- **Coverage** says how much of what happens to a kind AWS announces. `full`: every change that matters. `partial`: some things move unannounced. `none`: only
  polling shows a change.
- **Ceiling** is the longest time between two polls while the event stream is healthy; profiles and overrides may shorten it.
- **Settle** is how long after a change AWS may still answer with the old state: the agents run again after it. A **second look** follows creations and deletions.
- A CloudTrail name that ends in `*` stands for every name that starts so.
- A write that no line lists still counts for a kind if it carries the parameter listed under *any other call*; a write that carries none is of no interest, since
  most writes of a service concern things that Clouddriver does not read.

- **Also stale** are kinds that one message touches beside its own.

";

/// Files as an operator would write them, which a test reads.
const EXAMPLE: [(&str, &str); 3] = [
    ("services/test.yaml", include_str!("../examples/catalogue/services/test.yaml")),
    ("agents/widgets.yaml", include_str!("../examples/catalogue/agents/widgets.yaml")),
    ("kinds/widget.yaml", include_str!("../examples/catalogue/kinds/widget.yaml")),
];

/// How to add to the catalogue.
const ADDING: &str = "
## Adding a kind

A Clouddriver plugin may bring agents of its own. Put their kinds, agents and services into the catalogue folder of the configuration, one file each; a file of the
same name replaces the shipped one. All mistakes are reported at once, and nothing is taken over in part.

A name is found by a path and filters: `req.items[].id | after(widget/)`. `req` and `resp` are CloudTrail's `requestParameters` and `responseElements`; `[]` is every
item of a list. Of several paths the first that finds a text wins. Filters: `starts(text)`, `has(text)` and `lacks(text)` keep or drop a text; `after(text)` and
`before(text)` cut it; `last-segment` is what follows the last `/`; `load-balancer-arn`, `listener-arn` and `function-name` know the forms of those names.
";

/// The document.
pub fn kinds_markdown(catalog: &Catalog) -> String {
    let mut text = String::from(HEAD);
    text.push_str("## Overview\n\n| kind | title | coverage | ceiling | settle | AWS Config | agents |\n|---|---|---|---|---|---|---|\n");
    catalog.kinds().for_each(|kind| text.push_str(&overview(kind)));
    catalog.kinds().for_each(|kind| text.push_str(&section(catalog, kind)));
    text.push_str(ADDING);
    for (path, file) in EXAMPLE {
        text.push_str(&format!("\n`{path}`:\n\n```yaml\n{file}```\n"));
    }
    text.push_str("\n## Throttle buckets\n\nPer account and region. *Assumed* where AWS does not publish the numbers.\n\n| bucket | capacity | refill per second | |\n|---|---|---|---|\n");
    catalog.services().for_each(|service| text.push_str(&buckets(service)));
    text
}

fn overview(kind: &Kind) -> String {
    let config = join(kind.config.iter().map(|config| config.resource_type.as_str()), "<br>");
    let (id, title, coverage) = (&kind.id, &kind.title, coverage(kind.coverage));
    let (ceiling, settle, agents) = (span(kind.ceiling), span(kind.settle), join(&kind.agents, ", "));
    let config = if config.is_empty() { "-".to_owned() } else { config };
    format!("| [{id}](#{id}) | {title} | {coverage} | {ceiling} | {settle} | {config} | {agents} |\n")
}

fn section(catalog: &Catalog, kind: &Kind) -> String {
    let mut text = format!("\n## {}\n\n{}, named by {}.\n\n", kind.id, kind.title, kind.named_by);
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("- {label}: {value}\n"));
        }
    };
    line("also called", join(&kind.aliases, ", "));
    line("cadence", cadence(kind));
    line("read by", agents(catalog, kind));
    line("every change also touches", join(kind.touches.iter().map(|touched| touched.as_str()), ", "));
    line("on-demand call", kind.on_demand.as_ref().map(on_demand).unwrap_or_default());
    line(
        "reads",
        join(kind.reads.iter().map(|read| format!("`{}.{}` ({})", read.service, read.operation, read.bucket)), ", "),
    );
    text.push_str(&sources(kind));
    text
}

fn cadence(kind: &Kind) -> String {
    let mut text = format!(
        "coverage {}, {} to {}, settles in {}",
        coverage(kind.coverage),
        span(kind.floor),
        span(kind.ceiling),
        span(kind.settle)
    );
    if let Some(second_look) = kind.second_look {
        text.push_str(&format!(", second look after {}", span(second_look)));
    }
    if kind.reach == Reach::Account {
        text.push_str("; belongs to the account, so a message from any region counts for all");
    }
    text
}

fn agents(catalog: &Catalog, kind: &Kind) -> String {
    let specs = kind.agents.iter().filter_map(|id| catalog.agents().find(|spec| spec.id == *id));
    let names = specs.map(|spec| match &spec.setting {
        Some(setting) => format!("`{}` (with `{setting}`)", spec.name.as_str()),
        None => format!("`{}`", spec.name.as_str()),
    });
    join(names, ", ")
}

fn on_demand(call: &OnDemand) -> String {
    let (provider, kind) = (call.provider.as_str(), &call.kind);
    format!("`{provider}/{kind}`; SQL cache: {}; Redis cache: {}", effect(call.effect_sql), effect(call.effect_redis))
}

/// What each source of messages says, as a table.
fn sources(kind: &Kind) -> String {
    let mut rows = Vec::new();
    for config in &kind.config {
        rows.push(row("AWS Config", &config.resource_type, &config.rule));
    }
    for event in &kind.events {
        rows.push(row(&format!("EventBridge `{}`", event.source), &join(&event.detail_types, BREAK), &event.rule));
    }
    for call in &kind.calls {
        let api = call.api.as_ref().map(|api| format!(" {api}")).unwrap_or_default();
        rows.push(row(&format!("CloudTrail `{}`{api}", call.service), &join(&call.events, BREAK), &call.rule));
    }
    for any in &kind.any_calls {
        rows.push(row(&format!("CloudTrail `{}`", any.service), "*any other call*", &any.rule));
    }
    for notification in &kind.notifications {
        rows.push(row("Auto Scaling", &join(&notification.events, BREAK), &notification.rule));
    }
    if rows.is_empty() {
        return "\nNo message of AWS speaks of it.\n".to_owned();
    }
    format!("\n| source | what | name | also stale |\n|---|---|---|---|\n{}", rows.concat())
}

/// Between the words of one cell.
const BREAK: &str = " <br>";

fn row(source: &str, what: &str, rule: &Rule) -> String {
    let names = join(rule.names.iter().map(|rule| format!("`{}`", rule.to_string().replace('|', "\\|"))), BREAK);
    let names = if names.is_empty() { "any of the kind".to_owned() } else { names };
    let when = rule.when.iter().map(|when| format!(" where `{}` is {}", when.path, join(&when.values, ", ")));
    let touched = join(rule.touches.iter().map(|kind| kind.as_str()), ", ");
    let access = if rule.access { " (may change what a role may do)" } else { "" };
    format!("| {source} | {what}{}{access} | {names} | {touched} |\n", when.collect::<String>())
}

fn buckets(service: &Service) -> String {
    let line = |bucket: &crate::service::Bucket| {
        let assumed = if bucket.assumed { "assumed" } else { "" };
        format!("| `{}` | {} | {} | {assumed} |\n", bucket.id, bucket.capacity, bucket.refill)
    };
    service.buckets.iter().map(line).collect()
}

fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Full => "full",
        Coverage::Partial => "partial",
        Coverage::None => "none",
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Full => "brings everything up to date",
        Effect::UpdatesOnly => "updates what exists, keeps what is gone",
        Effect::Parks => "removes what is gone; the rest waits for the agent's next run",
        Effect::DeletesOnly => "removes what is gone, and no more",
        Effect::Nothing => "nothing",
        Effect::HidesOthers => "updates it, and hides the one asked for before until the agent's next run",
    }
}

/// `90 s`, `10 min`, `24 h`: the largest unit that leaves a whole number.
fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn join<T: AsRef<str>>(words: impl IntoIterator<Item = T>, between: &str) -> String {
    let words: Vec<SmolStr> = words.into_iter().map(|word| SmolStr::new(word)).collect();
    words.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_printed_in_the_largest_whole_unit() {
        let printed = |seconds: u64| span(Duration::from_secs(seconds));
        assert_eq!([printed(0), printed(90), printed(600), printed(86_400)], ["0 s", "90 s", "10 min", "24 h"]);
    }
}
