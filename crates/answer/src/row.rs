//! A catalogue row at a place: everything about a read that does not change from request to request.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::{Kind, Read};
use aws_event_cache_engine::{Ledger, ScopeLedger};
use aws_event_cache_model::{Class, ErrorShape, Place, Scope};
use aws_event_cache_wire::Protocol;
use memchr::memmem::Finder;
use smol_str::SmolStr;

use crate::meter::Meter;
use crate::observation::Observation;
use crate::ruling::Toll;

/// A catalogue row at a place.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its own number: admissions go by it.
    pub(crate) number: u32,
    /// Where.
    pub(crate) place: Place,
    /// What.
    pub(crate) read: Read,
    /// What its answers depend on.
    pub(crate) scope: Scope,
    /// That scope's generations and age.
    pub(crate) ledger: Arc<ScopeLedger>,
    /// How long after a change AWS may still tell the state before it.
    pub(crate) settle: Duration,
    /// When to look once more after a change.
    pub(crate) second_look: Option<Duration>,
    /// What two equal answers may differ in.
    pub(crate) volatile: Vec<SmolStr>,
    /// What a body contains while something in it is in transition.
    pub(crate) transitional: Vec<Finder<'static>>,
    /// How its service words errors.
    pub(crate) shape: ErrorShape,
    /// Its line in the books.
    pub(crate) meter: Arc<Meter>,
    /// What observing it has shown.
    pub(crate) observation: Observation,
}

impl Row {
    pub(crate) fn new(
        number: u32,
        place: &Place,
        kind: &Kind,
        read: &Read,
        shape: ErrorShape,
        ledger: &Ledger,
        meter: Arc<Meter>,
    ) -> Self {
        let scope = kind.scope_at(place);
        // A page's token is new with every read.
        let token = read.page.as_ref().map(|page| page.token_out.clone());
        let finder = |bytes: &SmolStr| Finder::new(bytes.as_bytes()).into_owned();
        Self {
            number,
            place: place.clone(),
            ledger: ledger.scope(&scope),
            scope,
            settle: kind.settle,
            second_look: kind.second_look,
            volatile: read.volatile.iter().cloned().chain(token).collect(),
            transitional: read.transitional.iter().map(finder).collect(),
            read: read.clone(),
            shape,
            meter,
            observation: Observation::default(),
        }
    }

    /// What a call of it draws on; `named` if it names a resource.
    pub(crate) fn toll(&self, protocol: Protocol, named: bool) -> Toll {
        Toll {
            place: self.place.clone(),
            bucket: self.read.bucket.clone(),
            class: if named { Class::Operator } else { Class::Sweep },
            shape: self.shape,
            protocol,
        }
    }
}
