//! The kinds that the catalogue knows, as far as the configuration needs them.

use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Coverage, Kind};
use aws_event_cache_model::KindId;

use crate::mistake::nearest;

/// One kind.
#[derive(Debug, Clone)]
pub struct KnownKind {
    /// Its id.
    pub id: KindId,
    /// Other words for it.
    pub aliases: Vec<String>,
    /// How far AWS announces its changes.
    pub coverage: Coverage,
    /// Shortest time between two polls by cadence that the kind's file allows.
    pub floor: Duration,
    /// Longest time between two polls that the kind's file allows, however calm everything is.
    pub ceiling: Duration,
}

/// Every kind.
#[derive(Debug, Clone, Default)]
pub struct KnownKinds(pub Vec<KnownKind>);

impl KnownKinds {
    /// The kinds of a catalogue.
    pub fn of(catalog: &Catalog) -> Self {
        let known = |kind: &Kind| KnownKind {
            id: kind.id.clone(),
            aliases: kind.aliases.iter().map(ToString::to_string).collect(),
            coverage: kind.coverage,
            floor: kind.floor,
            ceiling: kind.ceiling,
        };
        Self(catalog.kinds().map(known).collect())
    }

    /// The kind with this id or alias, whatever its case.
    ///
    /// # Errors
    /// The nearest word, if any is near, when there is none.
    pub(crate) fn find(&self, word: &str) -> Result<&KnownKind, Option<String>> {
        let is = |kind: &&KnownKind| {
            kind.id.as_str().eq_ignore_ascii_case(word)
                || kind.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(word))
        };
        let words = || {
            self.0
                .iter()
                .flat_map(|kind| std::iter::once(kind.id.as_str()).chain(kind.aliases.iter().map(String::as_str)))
        };
        self.0.iter().find(is).ok_or_else(|| nearest(word, words()))
    }
}
