//! A read on its way to AWS.

use std::sync::Arc;

use aws_event_cache_engine::Generation;
use aws_event_cache_model::{Place, Timestamp};

use crate::admission::Grant;
use crate::chain::Chain;
use crate::credential::Credential;
use crate::marks::Marks;
use crate::meter::Meter;
use crate::row::Row;
use crate::ruling::{Miss, Page, Toll};

/// Requests whose keys are equal may share one upstream call: the same request, at the same generations. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlightKey(Arc<[u8]>);

impl FlightKey {
    /// Lengths go before texts, so that no key and token read together are those of another request.
    pub(crate) fn of(key: &[u8], token: Option<&str>, marks: &Marks, epoch: u64) -> Self {
        let mut bytes = Vec::with_capacity(key.len() + 64);
        bytes.extend_from_slice(&(key.len() as u64).to_le_bytes());
        bytes.extend_from_slice(key);
        bytes.push(u8::from(token.is_some()));
        let token = token.unwrap_or_default();
        bytes.extend_from_slice(&(token.len() as u64).to_le_bytes());
        bytes.extend_from_slice(token.as_bytes());
        bytes.extend_from_slice(&epoch.to_le_bytes());
        marks.write_generations(&mut bytes);
        Self(bytes.into())
    }
}

/// A read on its way to AWS, with what was known when it was asked.
///
/// Only the reading whose own request went to AWS is given to [`learn`](crate::Answers::learn): one that joined another's flight began later than the read, and
/// would make its answer look younger than it is.
#[derive(Debug)]
pub struct Reading {
    /// What it draws on.
    pub toll: Toll,
    /// Whose call it may share. `None`: it must have its own.
    pub flight: Option<FlightKey>,
    /// Why it was not answered from memory.
    pub why: Miss,
    /// What may be given while AWS throttles or fails: within `stale-if-error`, and nothing it depends on was invalidated. Ask anew
    /// ([`ask`](crate::Answers::ask)) right before giving it.
    pub stale: Option<Arc<Page>>,
    /// Its line in the books.
    pub meter: Arc<Meter>,
    pub(crate) case: Case,
}

/// What a reading is about.
#[derive(Debug)]
pub(crate) enum Case {
    /// Of a place that AWS has not answered for yet: nothing is kept of it but the place.
    NewPlace(Place),
    /// Of a row.
    Known(Box<Matter>),
}

/// All that was known of a read when it was asked.
#[derive(Debug)]
pub(crate) struct Matter {
    pub(crate) row: Arc<Row>,
    pub(crate) key: Arc<[u8]>,
    /// The page asked for; `None`: the first, or the only one.
    pub(crate) token: Option<Box<str>>,
    pub(crate) part: Part,
    pub(crate) who: Credential,
    pub(crate) grant: Grant,
    /// The account's access when it was asked.
    pub(crate) access: Generation,
    pub(crate) started: Timestamp,
    pub(crate) marks: Marks,
    pub(crate) epoch: u64,
    /// How many items the request names; 0: it lists.
    pub(crate) named: usize,
    /// What would have been answered from memory.
    pub(crate) would: Option<Arc<Chain>>,
}

/// Where an answer belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It begins a chain, or is one.
    First,
    /// It is the next page of the chain of this number.
    Next(u64),
    /// It is a page of a chain that is not ours: only handed on.
    Loose,
}
