//! What was given for every key, to tell what a reload changes.

use std::collections::BTreeMap;

use crate::schema::Effect;
use crate::secret::Secret;

/// A value as it was read: the file's text or the default's, with secrets resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) value: Secret,
    pub(crate) secret: bool,
    pub(crate) effect: Effect,
    /// The key's path in the schema.
    #[cfg_attr(not(test), allow(dead_code, reason = "tests see by it that every key is read"))]
    pub(crate) pattern: &'static str,
}

/// A key whose value differs between two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The key; for lists the list itself.
    pub key: String,
    /// The old value; `None` when it had none, was a list or is secret.
    pub old: Option<String>,
    /// The new value, likewise.
    pub new: Option<String>,
    /// Whether it takes effect at once or at the next start.
    pub effect: Effect,
}

/// What differs, by key, each key once.
pub(crate) fn difference(old: &BTreeMap<String, Given>, new: &BTreeMap<String, Given>) -> Vec<Changed> {
    let mut changed: BTreeMap<String, Changed> = BTreeMap::new();
    for path in old.keys().chain(new.keys()) {
        let (before, after) = (old.get(path), new.get(path));
        let Some(either) = after.or(before).filter(|_| before.map(|g| &g.value) != after.map(|g| &g.value)) else {
            continue;
        };
        // Items have no lasting names: one inserted shifts all that follow, so the list is what changed.
        let key = path.split('[').next().unwrap_or(path).to_owned();
        let is_item = key.len() < path.len();
        let show = |given: Option<&Given>| given.filter(|g| !g.secret && !is_item).map(|g| g.value.expose().to_owned());
        let entry = Changed { key: key.clone(), old: show(before), new: show(after), effect: either.effect };
        // Of a list, one item's key that needs a restart makes the list need it.
        let known = changed.entry(key).or_insert_with(|| entry.clone());
        if entry.effect == Effect::Restart {
            known.effect = Effect::Restart;
        }
    }
    changed.into_values().collect()
}
