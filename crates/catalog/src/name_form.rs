//! How a resource's name in a request is written in the ledger.
//!
//! A request names a resource by a word of its own: a listener's rules are asked for by the listener's ARN, a function by its name or ARN. Messages name what
//! changed: the rule's ARN, the function's name. A form brings both to one word: what it makes of the request's value and of a message's name is equal where the
//! message is about something that the answer shows. So the ledger is marked under what a form makes of the names, and an answer depends on what it makes of
//! the request's values. Where it makes nothing of a text, the answer depends on the whole listing, and the message means any of the kind.

use std::borrow::Cow;
use std::fmt;

use aws_event_cache_model::{KindId, Names, ResourceName};

use crate::catalog::Catalog;
use crate::filter::Filter;

/// A way to write a resource's name: of several chains of filters, the first that keeps the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameForm(Vec<Vec<Filter>>);

impl NameForm {
    /// From chains that are in order of preference.
    pub(crate) fn new(chains: Vec<Vec<Filter>>) -> Self {
        Self(chains)
    }

    /// Reads one chain: filters with ` | ` between them.
    ///
    /// # Errors
    /// What is wrong, and the nearest filter.
    pub(crate) fn chain(text: &str) -> Result<Vec<Filter>, (String, Option<String>)> {
        text.split(" | ").map(|part| Filter::parse(part.trim())).collect()
    }

    /// What it makes of a text; `None` where it keeps nothing that could be a name.
    pub fn apply(&self, text: &str) -> Option<ResourceName> {
        let through = |chain: &Vec<Filter>| {
            chain
                .iter()
                .try_fold(Cow::Borrowed(text), |text, filter| filter.apply(text))
                .filter(|text| !text.is_empty())
        };
        self.0.iter().find_map(through).and_then(|name| ResourceName::new(&name).ok())
    }

    /// Whether it keeps anything of a text.
    pub(crate) fn keeps(&self, text: &str) -> bool {
        self.apply(text).is_some()
    }
}

impl fmt::Display for NameForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, chain) in self.0.iter().enumerate() {
            f.write_str(if n > 0 { ", else " } else { "" })?;
            for (m, filter) in chain.iter().enumerate() {
                write!(f, "{}{filter}", if m > 0 { " | " } else { "" })?;
            }
        }
        Ok(())
    }
}

impl Catalog {
    /// The names under which the ledger is to be marked when these resources of a kind changed: they themselves, and what the answers that show them depend on,
    /// such as a rule's listener. Any of the kind if one of them cannot be told.
    pub fn ledger_names(&self, kind: &KindId, names: &Names) -> Names {
        let (Some(kind), Names::Some(given)) = (self.kind(kind), names) else { return names.clone() };
        let mut all = given.clone();
        for form in &kind.forms {
            for name in given {
                let Some(name) = form.apply(name.as_str()) else { return Names::Any };
                if !all.contains(&name) {
                    all.push(name);
                }
            }
        }
        Names::Some(all)
    }
}
