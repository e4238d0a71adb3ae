//! Changes in AWS, as `harness/churn.yaml` lists them: picked from a seed, made through the mock's control endpoint.
//!
//! The same seed picks the same changes in every world as far as the caches hold the same resources, and always equally many. No resource has two changes on
//! their way at once: the second could hide the first, which then would never be seen.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use aws_event_cache_testkit::{CallError, MockAccount};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::world::{World, WorldError};
use crate::paths;

/// One kind of change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    change: String,
    weight: u32,
    pool: String,
    #[serde(default)]
    only: String,
    unless: Option<String>,
    account: String,
    #[serde(default)]
    take: BTreeMap<String, String>,
    call: Call,
    with: BTreeMap<String, String>,
    #[serde(default)]
    answer: BTreeMap<String, String>,
    seen: Seen,
    agent: String,
    event: Option<Event>,
}

/// What CloudTrail says of a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    request: Value,
    #[serde(default)]
    response: Value,
}

/// An action of AWS's query protocol.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    service: String,
    version: String,
    action: String,
}

/// Where and how a change shows in the cache.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The cache's key.
    pub(super) at: String,
    is: State,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Present,
    Absent,
    Contains(String),
    Equals { pointer: String, value: String },
}

impl Seen {
    /// The namespace of the key: its second part.
    pub(super) fn namespace(&self) -> &str {
        self.at.split(':').nth(1).unwrap_or_default()
    }

    /// Whether the cache, which holds `entry` under the key, has caught up.
    pub(super) fn by(&self, entry: Option<&Value>) -> bool {
        match (&self.is, entry) {
            (State::Absent, entry) => entry.is_none(),
            (_, None) => false,
            (State::Present, Some(_)) => true,
            (State::Contains(text), Some(entry)) => entry.to_string().contains(text.as_str()),
            (State::Equals { pointer, value }, Some(entry)) => {
                entry.pointer(pointer).is_some_and(|at| plain(at) == *value)
            }
        }
    }

    fn filled(&self, words: &Words) -> Self {
        let is = match &self.is {
            State::Present => State::Present,
            State::Absent => State::Absent,
            State::Contains(text) => State::Contains(words.fill(text)),
            State::Equals { pointer, value } => State::Equals { pointer: pointer.clone(), value: words.fill(value) },
        };
        Self { at: words.fill(&self.at), is }
    }
}

/// A change that was made.
#[derive(Debug)]
pub(super) struct Change {
    /// Its number, which no other change of this world has.
    pub(super) serial: u32,
    /// What it is, in the list's words.
    pub(super) what: String,
    /// The cache's key of the resource that it was made to.
    pub(super) resource: String,
    /// Where it shows.
    pub(super) seen: Seen,
    /// The agent whose run brings it there.
    pub(super) agent: String,
    /// What AWS says of it; `None` if nothing.
    pub(super) event: Option<CallEvent>,
}

/// A call that CloudTrail has recorded.
#[derive(Debug, Clone)]
pub(super) struct CallEvent {
    /// The AWS account.
    pub(super) account: String,
    /// The region.
    pub(super) region: String,
    /// The service's name for signing.
    pub(super) service: String,
    /// The API's version.
    pub(super) version: String,
    /// The action.
    pub(super) action: String,
    /// Its parameters.
    pub(super) request: Value,
    /// The answer, or null.
    pub(super) response: Value,
}

/// Why there are no changes.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChurnError {
    /// The list cannot be read.
    #[error("cannot read harness/churn.yaml")]
    Read(#[source] std::io::Error),
    /// The list makes no sense.
    #[error("harness/churn.yaml is not a list of changes")]
    Parse(#[source] Box<serde_saphyr::Error>),
    /// The world does not answer.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A resource's account is none of Clouddriver's: the list takes the wrong part of the key.
    #[error("change \"{what}\" is for account {account}, which Clouddriver does not know")]
    Account {
        /// Which change.
        what: String,
        /// The account that the list names.
        account: String,
    },
    /// AWS refuses a change.
    #[error("change \"{what}\" of {resource} was refused")]
    Refused {
        /// Which change.
        what: String,
        /// The cache's key of the resource.
        resource: String,
        /// What AWS said.
        source: CallError,
    },
}

/// How many kinds of change are tried when nothing of a kind can be changed now. With fewer, a burst would find nothing to do.
const PICKS: u32 = 20;

/// Makes changes.
pub(super) struct Churn {
    entries: Vec<Entry>,
    seed: u64,
    serial: u32,
    /// How often each resource was changed.
    uses: HashMap<String, u32>,
}

impl Churn {
    /// Reads the list.
    pub(super) fn load(seed: u64) -> Result<Self, ChurnError> {
        let text = fs::read_to_string(paths::churn()).map_err(ChurnError::Read)?;
        Self::parse(&text, seed)
    }

    fn parse(text: &str, seed: u64) -> Result<Self, ChurnError> {
        let entries = serde_saphyr::from_str(text).map_err(|error| ChurnError::Parse(Box::new(error)))?;
        Ok(Self { entries, seed, serial: 0, uses: HashMap::new() })
    }

    /// Makes a change to a resource that is not `busy`; `None` if nothing can be changed now.
    pub(super) fn make(&mut self, world: &World, busy: &[&str]) -> Result<Option<Change>, ChurnError> {
        self.serial += 1;
        // Of its own for each change, so that worlds which differ in one change go on alike.
        let mut random = StdRng::seed_from_u64(self.seed.wrapping_add(u64::from(self.serial)));
        for _ in 0..PICKS {
            let picked = pick(&self.entries, &mut random);
            let position: u32 = random.random();
            if let Some((key, resource)) = self.entries[picked].resource(world, busy, position)? {
                return self.change(picked, world, key, &resource).map(Some);
            }
        }
        Ok(None)
    }

    fn change(&mut self, picked: usize, world: &World, key: String, resource: &Value) -> Result<Change, ChurnError> {
        let entry = &self.entries[picked];
        let uses = self.uses.entry(key.clone()).or_default();
        let mut words = Words::of(&key, self.serial, *uses);
        *uses += 1;
        for (name, pointer) in &entry.take {
            words.add(name, resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        }
        let name = words.fill(&entry.account);
        let Some(account) = world.accounts.get(&name) else {
            return Err(ChurnError::Account { what: entry.change.clone(), account: name });
        };
        words.add("account", &name);
        words.add("region", account.region());
        let with: Vec<(&str, String)> =
            entry.with.iter().map(|(name, text)| (name.as_str(), words.fill(text))).collect();
        let with: Vec<(&str, &str)> = with.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let Call { service, version, action } = &entry.call;
        let answer = account.call(service, version, action, &with).map_err(|source| ChurnError::Refused {
            what: entry.change.clone(),
            resource: key.clone(),
            source,
        })?;
        for (name, element) in &entry.answer {
            words.add(name, element_text(&answer, element));
        }
        Ok(Change {
            serial: self.serial,
            what: entry.change.clone(),
            resource: key,
            seen: entry.seen.filled(&words),
            agent: words.fill(&entry.agent),
            event: entry.event.as_ref().map(|event| entry.call.told(event, account, &words)),
        })
    }
}

impl Call {
    fn told(&self, event: &Event, account: &MockAccount, words: &Words) -> CallEvent {
        CallEvent {
            account: account.account().to_owned(),
            region: account.region().to_owned(),
            service: self.service.clone(),
            version: self.version.clone(),
            action: self.action.clone(),
            request: words.fill_all(&event.request),
            response: words.fill_all(&event.response),
        }
    }
}

impl Entry {
    /// A resource of the pool, from `position` on, that may be changed: its key, and what the cache holds under it.
    fn resource(&self, world: &World, busy: &[&str], position: u32) -> Result<Option<(String, Value)>, WorldError> {
        let mut keys = world.clouddriver.keys(&self.pool)?;
        keys.retain(|key| key.contains(&self.only) && !busy.contains(&key.as_str()));
        let middle = position as usize % keys.len().max(1);
        keys.rotate_left(middle);
        for key in keys {
            let Some(found) = world.clouddriver.cached(&self.pool, &key)? else { continue };
            if !self.unless.as_ref().is_some_and(|text| found.to_string().contains(text)) {
                return Ok(Some((key, found)));
            }
        }
        Ok(None)
    }
}

/// Picks an entry by weight.
fn pick(entries: &[Entry], random: &mut StdRng) -> usize {
    let all: u32 = entries.iter().map(|entry| entry.weight).sum();
    let mut at = random.random_range(0..all.max(1));
    let hit = entries.iter().position(|entry| {
        let hit = at < entry.weight;
        at = at.saturating_sub(entry.weight);
        hit
    });
    hit.unwrap_or_default()
}

/// What texts of the list may use, each in braces.
struct Words(Vec<(String, String)>);

impl Words {
    fn of(key: &str, serial: u32, uses: u32) -> Self {
        let mut words = Self(Vec::new());
        for (index, part) in key.split(':').enumerate() {
            words.add(&index.to_string(), part);
        }
        words.add("serial", &serial.to_string());
        // Above what the fleet uses, below what the system gives out.
        words.add("port", &(20_000 + serial).to_string());
        words.add("size", &(1 + (uses + 2) % 3).to_string());
        words.add("key", key);
        words
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push((format!("{{{name}}}"), value.to_owned()));
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name.as_str(), value))
    }

    /// Every text within a value.
    fn fill_all(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_all(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, field)| (name.clone(), self.fill_all(field))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }
}

/// A value as the list writes it: strings without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The text of the first element of this name in an answer of AWS. Such elements hold ids: no markup, no escapes.
fn element_text<'a>(xml: &'a str, element: &str) -> &'a str {
    let after = xml.split_once(&format!("<{element}>")).map_or("", |(_, after)| after);
    after.split_once('<').map_or("", |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn picks(seed: u64, count: u32) -> Vec<usize> {
        let churn = Churn::load(seed).unwrap();
        let mut random = StdRng::seed_from_u64(seed);
        (0..count).map(|_| pick(&churn.entries, &mut random)).collect()
    }

    #[test]
    fn the_list_of_changes_parses_and_every_kind_of_change_is_picked_in_time() {
        let kinds = Churn::load(1).unwrap().entries.len();
        let picked: std::collections::BTreeSet<usize> = picks(1, 1_000).into_iter().collect();
        assert_eq!(picked.len(), kinds);
    }

    #[test]
    fn equal_seeds_pick_equal_changes() {
        assert_eq!(picks(7, 50), picks(7, 50));
        assert_ne!(picks(7, 50), picks(8, 50));
    }

    #[test]
    fn texts_are_filled_from_the_key_and_the_change() {
        let words = Words::of("aws:widgets:prod:us-west-2:w-1", 7, 0);
        assert_eq!(
            words.fill("{key}|{2}|{4}|churn{serial}|{port}|{size}|{other}"),
            "aws:widgets:prod:us-west-2:w-1|prod|w-1|churn7|20007|3|{other}"
        );
    }

    #[test]
    fn every_text_of_an_event_is_filled_and_nothing_else_changes() {
        let words = Words::of("aws:widgets:w-1", 7, 0);
        let event = json!({"request": {"items": [{"id": "{2}"}], "count": 2}, "ok": true});
        assert_eq!(words.fill_all(&event), json!({"request": {"items": [{"id": "w-1"}], "count": 2}, "ok": true}));
    }

    #[test]
    fn the_list_has_changes_that_events_announce_and_changes_that_only_polling_shows() {
        let entries = Churn::load(1).unwrap().entries;
        let announced = entries.iter().filter(|entry| entry.event.is_some()).count();
        assert!(announced > 10 && announced < entries.len(), "{announced} of {}", entries.len());
    }

    #[test]
    fn a_size_is_never_the_one_before() {
        let sizes: Vec<String> = (0..7).map(|uses| Words::of("k", 1, uses).fill("{size}")).collect();
        assert_eq!(sizes[0], "3", "the fleet starts with 2");
        assert!(sizes.windows(2).all(|pair| pair[0] != pair[1]), "{sizes:?}");
    }

    #[test]
    fn a_change_is_seen_when_the_entry_says_so() {
        let seen = |is| Seen { at: "aws:widgets:w".to_owned(), is };
        let entry = json!({"attributes": {"size": 3, "path": "/x"}});
        let equals =
            |pointer: &str, value: &str| seen(State::Equals { pointer: pointer.to_owned(), value: value.to_owned() });
        assert!(equals("/attributes/size", "3").by(Some(&entry)));
        assert!(equals("/attributes/path", "/x").by(Some(&entry)));
        assert!(!equals("/attributes/size", "4").by(Some(&entry)));
        assert!(!equals("/attributes/none", "4").by(Some(&entry)));
        assert!(seen(State::Contains("\"size\":3".to_owned())).by(Some(&entry)));
        assert!(seen(State::Present).by(Some(&entry)) && !seen(State::Present).by(None));
        assert!(seen(State::Absent).by(None) && !seen(State::Absent).by(Some(&entry)));
        assert_eq!(seen(State::Absent).namespace(), "widgets");
    }

    #[test]
    fn ids_are_read_from_an_answer() {
        assert_eq!(element_text("<a><imageId>ami-1</imageId></a>", "imageId"), "ami-1");
        assert_eq!(element_text("<a/>", "imageId"), "");
    }
}
