//! The list of kinds as a document for operators, out of the same data that the service runs on.

use std::time::Duration;

use smol_str::SmolStr;

use crate::catalog::Catalog;
use crate::kind::{Coverage, Effect, Kind, OnDemand, Reach, Rule, WriteRule};
use crate::operation::{Admit, AgeClass, Read};
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

- **Reads** are the AWS operations that read a kind, and the requests of them that the answer arm may answer: those with no parameter but the ones listed (and
  those of paging). Any other request of the operation passes to AWS. An answer *depends on the listing* if any change of the kind makes it stale; one that
  depends on single resources becomes stale when those are named. **Age** says how old an answer may get: *event* as long as the scope's events can be trusted;
  *short* 15 s; *health* 10 to 20 s; *slow* 1 h; *catalogue* 24 h; *immutable* until something names it.
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
`before(text)` cut it; `last-segment` is what follows the last `/`; `load-balancer-arn`, `listener-arn` and `function-name` know the forms of those names;
`revision` keeps what ends in `:` and a number.

A read is answered from memory only as far as its row says. `with` lists parameters that a request may have, `needs` those that it must have, each by its flat path
over the wire (`Filter.1.Name`), with `=value` if only that value is meant. `item` is the parameter that names single resources; its `name` is a chain of filters
(or several, of which the first that keeps the text counts) that makes the same word of the request's value and of the names in messages. Without `name` the answer
depends on the whole listing. `page` and `list` name fields of the answer as they stand in it.
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
    text.push_str(SERVICES);
    catalog.services().for_each(|of| text.push_str(&service(of)));
    text.push_str("\n## Throttle buckets\n\nPer account and region. *Assumed* where AWS does not publish the numbers.\n\n| bucket | capacity | refill per second | |\n|---|---|---|---|\n");
    catalog.services().for_each(|service| text.push_str(&buckets(service)));
    text
}

fn overview(kind: &Kind) -> String {
    let config = join(kind.config.iter().map(|config| config.resource_type.as_str()), "<br>");
    let (id, title, coverage) = (&kind.id, &kind.title, coverage(kind.coverage));
    let (ceiling, settle, agents) = (span(kind.ceiling), span(kind.settle), join(&kind.agents, ", "));
    let agents = if agents.is_empty() { "-".to_owned() } else { agents };
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
    line("writes that change it, beside those below", join(kind.writes.iter().map(written), ", "));
    let mut also = kind.reads.first().map(|read| read.beneath.clone()).unwrap_or_default();
    also.retain(|of| *of != kind.id);
    line("whoever asks AWS for one of these wants the truth of", join(also.iter().map(|kind| kind.as_str()), ", "));
    text.push_str(&reads_table(kind));
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

fn written(rule: &WriteRule) -> String {
    let api = rule.api.as_ref().map(|api| format!(" {api}")).unwrap_or_default();
    join(rule.operations.iter().map(|operation| format!("`{}`{api} {operation}", rule.service)), ", ")
}

/// Which requests are answered from memory, and how.
fn reads_table(kind: &Kind) -> String {
    const HEAD: &str = "\n| read | may have | depends on | age | bucket | notes |\n|---|---|---|---|---|---|\n";
    let mut text = HEAD.to_owned();
    for read in &kind.reads {
        let api = read.api.as_ref().map(|api| format!(" {api}")).unwrap_or_default();
        let (parameters, depends, notes) = (parameters(read), depends(read), join(notes(read), BREAK));
        let cap = read.cap.map(|cap| format!(", at most {}", span(cap))).unwrap_or_default();
        text.push_str(&format!(
            "| `{}`{api} {} | {parameters} | {depends} | {}{cap} | `{}` | {notes} |\n",
            read.service,
            read.operation,
            age(read.age),
            read.bucket,
        ));
    }
    text
}

fn parameters(read: &Read) -> String {
    let item = read.item.as_ref().map(|item| {
        let most = if item.most > 1 { format!(" (up to {})", item.most) } else { String::new() };
        let only = item.only.as_ref().map(|only| format!(", only `{}`", cell(only))).unwrap_or_default();
        format!("`{}`{most}{only}", item.parameter)
    });
    let with = read.with.iter().map(|with| {
        let value = with.value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
        format!("{}`{}{value}`", if with.needed { "must: " } else { "" }, with.path)
    });
    let words = join(item.into_iter().chain(with), BREAK);
    if words.is_empty() { "-".to_owned() } else { words }
}

fn depends(read: &Read) -> String {
    let form = read.item.as_ref().and_then(|item| item.name.as_ref());
    form.map_or("the listing".to_owned(), |form| format!("those named, as `{}`", cell(form)))
}

fn notes(read: &Read) -> Vec<String> {
    let code = |words: &[SmolStr]| join(words.iter().map(|word| format!("`{word}`")), ", ");
    let mut notes = Vec::new();
    if !read.volatile.is_empty() {
        notes.push(format!("moves by itself: {}", code(&read.volatile)));
    }
    if !read.transitional.is_empty() {
        notes.push(format!("short while it contains {}", code(&read.transitional)));
    }
    notes.extend(read.missing.as_ref().map(|missing| format!("`{missing}` is an answer as well")));
    notes
}

fn age(age: AgeClass) -> &'static str {
    match age {
        AgeClass::Event => "event",
        AgeClass::Short => "short",
        AgeClass::Health => "health",
        AgeClass::Slow => "slow",
        AgeClass::Catalogue => "catalogue",
        AgeClass::Immutable => "immutable",
    }
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

/// As it stands in a table's cell.
fn cell(words: &impl ToString) -> String {
    words.to_string().replace('|', "\\|")
}

/// Between the words of one cell.
const BREAK: &str = " <br>";

fn row(source: &str, what: &str, rule: &Rule) -> String {
    let names = join(rule.names.iter().map(|rule| format!("`{}`", cell(rule))), BREAK);
    let names = if names.is_empty() { "any of the kind".to_owned() } else { names };
    let when = rule.when.iter().map(|when| format!(" where `{}` is {}", when.path, join(&when.values, ", ")));
    let touched = join(rule.touches.iter().map(|kind| kind.as_str()), ", ");
    let access = if rule.access { " (may change what a role may do)" } else { "" };
    format!("| {source} | {what}{}{access} | {names} | {touched} |\n", when.collect::<String>())
}

/// Before the rows of services.
const SERVICES: &str = "
## Services

A client may be answered from memory once AWS itself has allowed it the same *operation*, or *exactly* the same request where policies may name resources. Operations
that begin with one of the verbs, or are named here, change nothing; every other one is a write, and one that no kind knows makes everything of its service stale
unless it is ignored.

| service | admitted by | change nothing | ignored writes |
|---|---|---|---|
";

fn service(service: &Service) -> String {
    let admit = match service.admit {
        Admit::Operation => "operation",
        Admit::Exact => "exactly the request",
    };
    let verbs = service.read_verbs.iter().map(|verb| format!("{verb}…"));
    let reads = join(verbs.chain(service.reads_passed.iter().map(ToString::to_string)), ", ");
    format!("| `{}` | {admit} | {reads} | {} |\n", service.name, join(&service.ignored_calls, ", "))
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
