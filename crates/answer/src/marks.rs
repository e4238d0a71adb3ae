//! What an answer depends on, as it stood before the question was sent.

use std::time::Duration;

use aws_event_cache_engine::{Mark, ScopeLedger};
use aws_event_cache_model::{ResourceName, Timestamp};

use crate::time::after;

/// The marks of what an answer depends on: its scope's listings, or the resources that the request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks(Box<[(Option<ResourceName>, Mark)]>);

impl Marks {
    /// Reads the marks now: of the named resources, or with `None` of the scope's listings.
    pub(crate) fn read(ledger: &ScopeLedger, names: Option<Vec<ResourceName>>) -> Self {
        let mark = |name: Option<ResourceName>| {
            let mark = ledger.mark(name.as_ref());
            (name, mark)
        };
        match names {
            None => Self(Box::new([mark(None)])),
            Some(names) => Self(names.into_iter().map(|name| mark(Some(name))).collect()),
        }
    }

    /// Whether nothing of it was invalidated since.
    pub(crate) fn stand(&self, ledger: &ScopeLedger) -> bool {
        self.0.iter().all(|(name, mark)| ledger.generation(name.as_ref()) == mark.generation)
    }

    /// Whether nothing of it was invalidated between these and others.
    pub(crate) fn agree(&self, other: &Self) -> bool {
        let generations = |marks: &Self| marks.0.iter().map(|(_, mark)| mark.generation).collect::<Vec<_>>();
        generations(self) == generations(other)
    }

    /// Whether a read that started then was late enough after the last change to show it.
    pub(crate) fn settled(&self, started: Timestamp, settle: Duration) -> bool {
        self.0.iter().filter_map(|(_, mark)| mark.at).all(|at| started >= after(at, settle))
    }

    /// When a read that started then has to be made once more, since AWS sometimes takes longer to show a change: `look` after the change.
    pub(crate) fn second_look(&self, started: Timestamp, look: Duration) -> Option<Timestamp> {
        let looks = self.0.iter().filter_map(|(_, mark)| mark.at).map(|at| after(at, look));
        looks.filter(|due| started < *due).min()
    }

    /// Appends the generations, by which calls that may be shared are told apart.
    pub(crate) fn write_generations(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|(_, mark)| out.extend_from_slice(&mark.generation.0.to_le_bytes()));
    }

    /// Bytes that it takes.
    pub(crate) fn weight(&self) -> usize {
        let name = |(name, _): &(Option<ResourceName>, Mark)| name.as_ref().map_or(0, |name| name.as_str().len());
        self.0.len() * size_of::<(Option<ResourceName>, Mark)>() + self.0.iter().map(name).sum::<usize>()
    }
}
