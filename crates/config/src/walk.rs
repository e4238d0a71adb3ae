//! The walk over the tree: every key must be known and every value of the right shape (single value, list, section).

use crate::mistake::{Mistake, nearest, plain};
use crate::schema::{self, Form};
use crate::section::{Reading, join};
use crate::tree::{Key, Node, Value};

/// Names that people know from Clouddriver, from Spring or from the first sketch of a file, and what they are called here. Case, `-` and `_` do not count.
const ELSEWHERE: &[(&str, &str)] = &[
    ("sql.connectionPools.default.jdbcUrl", "clouddriver.lockStore.sql"),
    ("sql.connectionPools.default.user", "clouddriver.lockStore.username"),
    ("sql.connectionPools.default.password", "clouddriver.lockStore.password"),
    ("sql.baseUrl", "clouddriver.lockStore.sql"),
    ("sql.tableNamespace", "clouddriver.lockStore.tableNamespace"),
    ("sql.agent.poll.intervalSeconds", "clouddriver.stockInterval"),
    ("sql.agent.poll.timeoutSeconds", "clouddriver.stockTimeout"),
    ("sql.cache.enabled", "clouddriver.cacheStore"),
    ("redis.connection", "clouddriver.lockStore.redis"),
    ("redis.poll.intervalSeconds", "clouddriver.stockInterval"),
    ("redis.poll.timeoutSeconds", "clouddriver.stockTimeout"),
    ("redis", "clouddriver.lockStore.redis"),
    ("services.clouddriver.baseUrl", "clouddriver.url"),
    ("clouddriver.baseUrl", "clouddriver.url"),
    ("clouddriver.redis", "clouddriver.lockStore.redis"),
    ("clouddriver.sql", "clouddriver.lockStore.sql"),
    ("clouddriver.tableNamespace", "clouddriver.lockStore.tableNamespace"),
    ("clouddriver.interval", "clouddriver.stockInterval"),
    ("clouddriver.timeout", "clouddriver.stockTimeout"),
    ("clouddriver.lockStore.jdbcUrl", "clouddriver.lockStore.sql"),
    ("clouddriver.lockStore.user", "clouddriver.lockStore.username"),
    ("aws.accounts", "accounts.list"),
    ("server.port", "server.listen"),
    ("server.address", "server.listen"),
    ("server.ssl", "server.tls"),
    ("interval", "environments.<environment>.cadence.floor"),
    ("pollInterval", "environments.<environment>.cadence.floor"),
    ("cadence", "environments.<environment>.cadence"),
    ("debounce", "environments.<environment>.debounce"),
    ("budget", "environments.<environment>.budget"),
    ("profiles", "environments"),
    ("mode", "drive.mode"),
    ("proxy", "answer"),
    ("cache", "answer"),
    ("answer.port", "answer.listen"),
    ("answer.enabled", "answer.mode"),
    ("answer.cacheSize", "answer.memory"),
    ("answer.tls", "answer.ca"),
    ("topics", "intake.sns.topics"),
    ("sns", "intake.sns"),
    ("sqs", "intake.sqs"),
    ("queues", "intake.sqs.queues"),
    ("tokens", "server.tokens"),
    ("tls", "server.tls"),
    ("logging", "log"),
    ("logging.level", "log.level"),
    ("logging.level.root", "log.level"),
];

/// Checks a value against the schema at `pattern`; `path` is the same in the file's own words.
pub(crate) fn walk(reading: &Reading<'_>, node: &Node, path: &str, pattern: &str) {
    let form = schema::find(pattern).map_or(Form::Section, |key| key.form);
    match (form, &node.value) {
        (_, Value::Null) => {} // As if it were not there: all keys of a section may be commented out.
        (Form::Section, Value::Map(entries)) => {
            entries.iter().for_each(|(key, node)| entry(reading, key, node, path, pattern))
        }
        (Form::Named(_), Value::Map(entries)) => {
            for (key, node) in entries {
                walk(reading, node, &join(path, &key.text), &join(pattern, "*"));
            }
        }
        (Form::List(_), Value::List(items)) => {
            for (n, node) in items.iter().enumerate() {
                walk(reading, node, &format!("{path}[{n}]"), &format!("{pattern}[]"));
            }
        }
        (Form::Values(what), Value::List(items)) => {
            for (n, node) in items.iter().enumerate().filter(|(_, node)| !matches!(node.value, Value::Scalar { .. })) {
                wrong(
                    reading,
                    node,
                    &format!("{path}[{n}]"),
                    &format!("must be a single value: the list holds {what}"),
                );
            }
        }
        (Form::Values(_) | Form::List(_), Value::Scalar { text, .. }) => {
            let problem = format!(
                "must be {}, not a single value; write [{}]",
                form.describe(),
                text.chars().take(80).collect::<String>()
            );
            wrong(reading, node, path, &problem);
        }
        (Form::Secret(_), _) => {}
        (Form::Section | Form::Named(_) | Form::List(_) | Form::Values(_), _) | (_, Value::List(_) | Value::Map(_)) => {
            wrong(reading, node, path, &format!("must be {}, not {}", form.describe(), node.noun()));
        }
        (_, Value::Scalar { .. }) => {}
    }
}

fn wrong(reading: &Reading<'_>, node: &Node, path: &str, problem: &str) {
    reading.mistake(Mistake::new(reading.file, Some(node.place), path, problem));
}

fn entry(reading: &Reading<'_>, key: &Key, node: &Node, path: &str, pattern: &str) {
    let path = join(path, &key.text);
    let names = schema::names_under(pattern);
    if names.contains(&key.text.as_str()) {
        return walk(reading, node, &path, &join(pattern, &key.text));
    }
    let mut found = Vec::new();
    elsewhere(&path, key, node, &mut found, 0);
    if found.is_empty() {
        reading.mistake(unknown(reading, key, &path, &names));
    }
    for (place, path, name) in found {
        reading.mistake(Mistake::new(reading.file, Some(place), &path, format!("is called `{name}` here")));
    }
}

/// Deepest level below an unknown key at which names of other programs are looked for; Clouddriver's deepest of interest is four.
const ELSEWHERE_DEPTH: usize = 4;

/// Looks for known foreign names at a key and below it.
fn elsewhere(
    path: &str,
    key: &Key,
    node: &Node,
    found: &mut Vec<(crate::tree::Place, String, &'static str)>,
    depth: usize,
) {
    let before = found.len();
    if let Value::Map(entries) = &node.value
        && depth < ELSEWHERE_DEPTH
    {
        for (key, node) in entries {
            elsewhere(&join(path, &key.text), key, node, found, depth + 1);
        }
    }
    if found.len() == before
        && let Some((_, name)) = ELSEWHERE.iter().find(|(known, _)| plain(known) == plain(path))
    {
        found.push((key.place, path.to_owned(), name));
    }
}

fn unknown(reading: &Reading<'_>, key: &Key, path: &str, names: &[&str]) -> Mistake {
    let mistake = Mistake::new(reading.file, Some(key.place), path, "is not a known key");
    if schema::find(path).is_some()
        && let Some((section, rest)) = key.text.split_once('.')
    {
        return mistake.help(format!("keys are nested here: `{section}: {{{}: …}}`", rest.replace('.', ": {")));
    }
    if let Some(word) = nearest(&key.text, names.iter().copied()) {
        return mistake.nearest(Some(word));
    }
    let at_home: Vec<&str> =
        schema::keys().map(|k| k.path).filter(|p| p.rsplit('.').next() == Some(&key.text)).collect();
    match at_home.as_slice() {
        [only] => mistake.help(format!("it belongs elsewhere: `{only}`")),
        [one, other] => mistake.help(format!("it belongs elsewhere: `{one}` or `{other}`")),
        _ => mistake.help(format!("known here are {}", names.join(", "))),
    }
}
