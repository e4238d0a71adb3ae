//! Operations that read: which requests of them may be answered from memory, and what their answers depend on.

use std::time::Duration;

use aws_event_cache_model::{BucketId, KindId, ResourceName, ServiceName};
use smol_str::SmolStr;

use crate::name_form::NameForm;

/// An AWS operation that reads a kind, and the requests of it that may be answered from memory: those without parameters but the ones said here.
///
/// Parameters are written as they come over the wire, flat: `Filter.1.Value.2`; list items are numbered from 1. Fields of answers are written as they come as
/// well: EC2 writes `nextToken` in its answers and `NextToken` in requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The kind it reads.
    pub kind: KindId,
    /// The service.
    pub service: ServiceName,
    /// Which of its interfaces, where several share operation names.
    pub api: Option<SmolStr>,
    /// The operation.
    pub operation: SmolStr,
    /// The parameter that names single resources, where it may be answered for single ones.
    pub item: Option<Item>,
    /// Further parameters that a request may have.
    pub with: Vec<With>,
    /// How its answer is paged.
    pub page: Option<Page>,
    /// The answer's list, where it is not paged.
    pub list: Option<SmolStr>,
    /// How old an answer may get.
    pub age: AgeClass,
    /// A limit of the age beside the class's.
    pub cap: Option<Duration>,
    /// The bucket it draws on.
    pub bucket: BucketId,
    /// Fields of the answer that change by themselves: two answers that differ in them only say the same.
    pub volatile: Vec<SmolStr>,
    /// What the answer contains, byte for byte, while something in it is in a transition whose end nothing announces.
    pub transitional: Vec<SmolStr>,
    /// The error code that is a normal answer: there is none.
    pub missing: Option<SmolStr>,
    /// How much AWS must have allowed a client before it may be answered from memory.
    pub admit: Admit,
    /// Kinds whose single resources are read next by whoever has asked AWS itself about one of these, since its request named one: that client wants the truth of
    /// what lies beneath as well. The kind itself is among them if it has such reads.
    pub beneath: Vec<KindId>,
}

/// The parameter of a request that names single resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The parameter: itself, or with a number for each resource.
    pub parameter: SmolStr,
    /// So many resources at most.
    pub most: usize,
    /// Which values are meant; `None` for any.
    pub only: Option<NameForm>,
    /// How the value is written as a ledger's name; `None` where the answer depends on the whole listing.
    pub name: Option<NameForm>,
}

/// A parameter that a request may or must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct With {
    /// Its flat path.
    pub path: SmolStr,
    /// Its value; `None` for any.
    pub value: Option<SmolStr>,
    /// Whether a request without it is another one.
    pub needed: bool,
}

/// How a listing is paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The parameter that carries the token.
    pub token_in: SmolStr,
    /// The answer's field that carries the next one.
    pub token_out: SmolStr,
    /// The answer's list.
    pub list: SmolStr,
    /// The parameter that sets the page's size.
    pub size: Option<SmolStr>,
}

/// How old an answer may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeClass {
    /// Covered by events: as old as the scope's cadence.
    Event,
    /// In transition: 15 s.
    Short,
    /// Health, which no event announces: 10 to 20 s.
    Health,
    /// Changes by purchase: 1 h.
    Slow,
    /// Changes by AWS: 24 h.
    Catalogue,
    /// Cannot change.
    Immutable,
}

/// How much AWS must have allowed a client before it may be answered from memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// The operation, whatever its parameters: the service knows no permissions for single resources.
    Operation,
    /// Exactly this request: a policy may name resources.
    Exact,
}

impl Read {
    /// Whether a request of this operation may have this parameter with this value and still be answered from memory.
    pub fn allows(&self, path: &str, value: &str) -> bool {
        let paging = self.page.as_ref().is_some_and(|page| page.token_in == path || page.size.as_deref() == Some(path));
        paging
            || self.item.as_ref().is_some_and(|item| item.allows(path, value))
            || self.with.iter().any(|with| with.path == path && with.value.as_deref().is_none_or(|only| only == value))
    }

    /// Whether a request with these parameters may be answered from memory: each is allowed, and none that is needed is missing.
    pub fn fits<'p>(&self, parameters: impl Iterator<Item = (&'p str, &'p str)> + Clone) -> bool {
        let has = |with: &With| parameters.clone().any(|(path, _)| with.path == path);
        parameters.clone().all(|(path, value)| self.allows(path, value))
            && self.with.iter().filter(|with| with.needed).all(has)
    }

    /// What the answer depends on, in the ledger's words, when the request names these resources. `None`: on the whole listing.
    pub fn item_names(&self, values: &[&str]) -> Option<Vec<ResourceName>> {
        let form = self.item.as_ref()?.name.as_ref()?;
        values.iter().map(|value| form.apply(value)).collect()
    }

    /// The answer's list, paged or not.
    pub fn list(&self) -> Option<&str> {
        self.page.as_ref().map(|page| &page.list).or(self.list.as_ref()).map(SmolStr::as_str)
    }
}

impl Item {
    fn allows(&self, path: &str, value: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.parameter.as_str()) else { return false };
        let numbered = |number: &str| number.parse::<usize>().is_ok_and(|n| (1..=self.most).contains(&n));
        (rest.is_empty() || rest.strip_prefix('.').is_some_and(numbered))
            && !value.is_empty()
            && self.only.as_ref().is_none_or(|only| only.keeps(value))
    }
}
