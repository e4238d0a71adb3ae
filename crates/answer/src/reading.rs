//! A read on its way to AWS.

use std::sync::Arc;

use crate::meter::Meter;
use crate::ruling::{Miss, Page, Toll};

/// Requests whose keys are equal may share one upstream call. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlightKey(Arc<[u8]>);

/// A read on its way to AWS, with what was known when it was asked.
///
/// Only the reading whose own request went to AWS is given to [`learn`](crate::Answers::learn): one that joined another's flight began later than the read.
#[derive(Debug)]
pub struct Reading {
    /// What it draws on.
    pub toll: Toll,
    /// Whose call it may share. `None`: it must have its own.
    pub flight: Option<FlightKey>,
    /// Why it was not answered from memory.
    pub why: Miss,
    /// What may be given while AWS throttles or fails.
    pub stale: Option<Arc<Page>>,
    /// Its line in the books.
    pub meter: Arc<Meter>,
}
