//! The reference page of all keys, as Markdown: `docs/configuration.md` is exactly this.

use aws_event_cache_model::Profile;

use crate::duration::show;
use crate::profiles;
use crate::schema::{self, Default, Effect, Form, Key};

const HEAD: &str = "\
# Configuration

<!-- Written from the types: UPDATE_DOCS=1 cargo test -p aws-event-cache-config the_reference_page_is_fresh -->

One YAML file. `config/aws-event-cache.yaml` is an example with every key; `aws-event-cache check-config --config FILE` checks a file and prints what follows
from it for each account, region and kind. All mistakes are reported at once, each with line, column and the nearest valid key or word.

- **Times** carry their unit: `250ms`, `30s`, `5m`, `2h`, `1h30m`.
- **Secrets** are `{file: PATH}` (a trailing line break is cut) or `{env: NAME}`. A secret written into the file itself works, and gives a warning. Secrets are never logged.
- **Account ids** stand in quotes. Without them a leading zero gets lost in many tools.
- *When* says when one would change the key. *Reload* and *restart* say when a change takes effect.
- A key with nothing after it, or `null`, is the same as no key. Anchors, aliases and `<<` work.
- **SIGHUP** reads the file again. If it has mistakes nothing changes. Of what differs, the keys marked *reload* take effect at once; the others are named in the log and wait for
  the next start.
- Environment variables are read only where the file says `{env: NAME}`. The command line's own are `AWS_EVENT_CACHE_CONFIG`, `AWS_EVENT_CACHE_SERVER` and
  `AWS_EVENT_CACHE_TOKEN_FILE`; see `aws-event-cache help`.

## Shipped profiles

`production` is for accounts whose state people and pipelines wait for. `staging` polls about half as often and shows a lost event after twenty minutes instead of ten.
`development` is as quick while events come and nearly free otherwise: hourly polls, and four fifths of AWS's limits stay with the people who work there.

";

/// The page.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    profile_table(&mut page);
    let mut section = "";
    for key in schema::keys() {
        let top = key.path.split(['.', '[']).next().unwrap_or(key.path);
        if top != section {
            section = top;
            page.push_str(&format!("\n## {top}\n"));
        }
        page.push_str(&entry(key, key.path == top));
    }
    page
}

/// What the page says of one key.
fn entry(key: &Key, is_top: bool) -> String {
    let path = key.path.replace(".*", ".<name>");
    if matches!(key.form, Form::Section) {
        let head = if is_top { String::new() } else { format!("\n### `{path}`\n") };
        let absent = match key.default {
            Default::None(meaning) if !meaning.is_empty() => format!(" Without it: {meaning}."),
            _ => String::new(),
        };
        return format!("{head}\n{}{absent}\n", key.what);
    }
    let effect = match key.effect {
        Effect::Reload => "reload",
        Effect::Restart => "restart",
    };
    let (form, default) = (key.form.describe(), default(key.default));
    format!("\n**`{path}`** · {form} · {default} · {effect}\n\n{} *When:* {}\n", key.what, key.when)
}

fn default(default: Default) -> String {
    match default {
        Default::Is(text) => format!("default `{text}`"),
        Default::Required => "required".to_owned(),
        Default::None(meaning) => format!("without it: {meaning}"),
        Default::OfProfile => "default by profile".to_owned(),
    }
}

/// A key of the profile and how its value reads.
type Row = (&'static str, fn(&Profile) -> String);

const ROWS: &[Row] = &[
    ("cadence.floor", |p| show(p.floor)),
    ("cadence.ceiling", |p| show(p.ceiling)),
    ("cadence.hotFor", |p| show(p.hot_for)),
    ("cadence.hotCeiling", |p| show(p.hot_ceiling)),
    ("debounce.idle", |p| show(p.debounce_idle)),
    ("debounce.max", |p| show(p.debounce_max)),
    ("budget.share", |p| p.budget_share.to_string()),
    ("budget.operatorShare", |p| p.operator_share.to_string()),
    ("heartbeat.silentAfter", |p| show(p.silent_after)),
    ("heartbeat.lateAfter", |p| show(p.late_after)),
    ("throttleStretch", |p| p.throttle_stretch.to_string()),
];

fn profile_table(page: &mut String) {
    let shipped = profiles::shipped();
    let columns: Vec<&Profile> = profiles::Shipped::ALL
        .iter()
        .filter_map(|s| shipped.iter().find(|(n, _)| n.as_str() == s.name()))
        .map(|(_, p)| p)
        .collect();
    page.push_str(&format!("| key | {} |\n", profiles::SHIPPED_NAMES.join(" | ")));
    page.push_str(&format!("|---|{}\n", "---|".repeat(columns.len())));
    for (key, value) in ROWS {
        let cells: Vec<String> = columns.iter().map(|profile| value(profile)).collect();
        page.push_str(&format!("| `{key}` | {} |\n", cells.join(" | ")));
    }
    page.push_str("| `unwatched`, `kinds` | none | none | none |\n");
}
