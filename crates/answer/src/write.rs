//! Writes: what they may change, and telling everybody in time.
//!
//! A write marks what it may change before it is forwarded, so that no answer read beside it is kept for long, and again when it has ended, so that none is kept
//! that was read before its end. When it certainly did not happen the second mark is left out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_event_cache_catalog::{FoundKind, Kind, Reach};
use aws_event_cache_model::{
    AccountId, Class, Hint, Names, Origin, Place, Region, ServiceName, Source, Timestamp, What,
};
use aws_event_cache_wire::{self as wire, Call, Protocol};
use http::StatusCode;
use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use crate::answers::Answers;
use crate::caller::Caller;
use crate::meter::Meter;
use crate::ruling::Toll;

/// A write on its way to AWS, with what it may change.
#[derive(Debug, Clone)]
pub struct Write {
    /// What it draws on; `None` when its account is not known.
    pub toll: Option<Toll>,
    /// Its line in the books; `None` for strangers.
    pub meter: Option<Arc<Meter>>,
    account: Option<AccountId>,
    region: Region,
    service: ServiceName,
    operation: SmolStr,
    found: Arc<[FoundKind]>,
    access: bool,
}

impl Answers {
    /// A write of somebody; of everything of its service if the call is not understood.
    pub(crate) fn write(&self, caller: &Caller<'_, '_>, call: Option<&Call>) -> Write {
        let served = caller.served;
        let operation = call.map_or("", |call| call.operation.as_str());
        let (version, parameters) = match call {
            Some(call) => (call.api_version.as_deref(), call.parameters.to_cloudtrail()),
            None => (None, Value::Null),
        };
        let found = self.catalog.of_write(&served.name, version, operation, &parameters);
        let place = caller.place();
        let toll = place.clone().zip(self.bucket(caller, operation).cloned()).map(|(place, bucket)| Toll {
            place,
            bucket,
            class: Class::Operator,
            shape: served.shape,
            protocol: call.map_or(Protocol::Rest, |call| call.protocol),
        });
        Write {
            toll,
            meter: place.as_ref().and_then(|place| self.meter(place, caller, operation)),
            account: caller.account.clone(),
            region: caller.region.clone(),
            service: served.name.clone(),
            operation: SmolStr::new(operation),
            access: served.access || found.iter().any(|kind| kind.access.is_some()),
            found: found.into(),
        }
    }

    /// Marks what a write may change. Before it is forwarded, and again when its answer has come or can no longer come.
    pub fn mark(&self, write: &Write, now: Timestamp) {
        // Of a key that does not tell its account: any account that we know here.
        let places = match &write.account {
            Some(account) => vec![Place::new(account.clone(), write.region.clone())],
            None => self.places.of_region(&write.region),
        };
        for place in places.iter().filter(|place| self.places.knows_account(&place.account)) {
            for found in write.found.iter() {
                let Some(kind) = self.catalog.kind(&found.kind) else { continue };
                self.mark_kind(place, kind, &self.catalog.ledger_names(&kind.id, &found.names), now);
            }
            if write.access {
                self.ledger.revoke(&place.account);
            }
        }
    }

    /// Nothing is kept of a place that AWS has not answered for, so there is nothing to mark there; strangers' inventions leave no trace in the ledger.
    fn mark_kind(&self, place: &Place, kind: &Kind, names: &Names, now: Timestamp) {
        if kind.reach == Reach::Account || self.places.get(place).is_some() {
            self.ledger.invalidate(&kind.scope_at(place), names, now);
        }
    }

    /// Whether a write may have happened, by its answer. When none came, it may. One that AWS did makes its place known, so that the mark that follows opens
    /// settle windows there also if nothing was read before.
    pub fn wrote(&self, write: &Write, status: StatusCode, code: Option<&str>) -> bool {
        if status.is_success()
            && let Some(account) = &write.account
        {
            self.places.know(&Place::new(account.clone(), write.region.clone()));
        }
        let throttled = || {
            status == StatusCode::TOO_MANY_REQUESTS
                || code.is_some_and(|code| wire::is_throttle(code, status) || self.catalog.is_throttle_code(code))
        };
        !status.is_client_error() || throttled()
    }

    /// What a write tells the engine. Once, after its answer.
    pub fn hints(&self, write: &Write, now: Timestamp) -> Vec<Hint> {
        let Some(account) = &write.account else { return Vec::new() };
        let place = Place::new(account.clone(), write.region.clone());
        let number = self.hints.fetch_add(1, Ordering::Relaxed);
        let origin = Origin {
            source: Source::Proxy,
            id: format_smolstr!("write-{number}"),
            // An operation's name is the client's text: as long as it is, and no control characters in a log.
            event: printable(&format!("{} {}", write.service, write.operation)),
        };
        let hint = |what| Hint { place: place.clone(), what, occurred: None, received: now, origin: origin.clone() };
        let mut hints = Vec::new();
        for FoundKind { kind, names, change, access } in write.found.iter() {
            hints.push(hint(What::Changed { kind: kind.clone(), names: names.clone(), change: *change }));
            hints.extend(access.clone().map(|role| hint(What::AccessChanged { role })));
        }
        hints
    }
}

fn printable(text: &str) -> SmolStr {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

impl Write {
    /// The operation's name, as the client wrote it; empty if the request was not understood.
    pub fn operation(&self) -> &str {
        &self.operation
    }
}
