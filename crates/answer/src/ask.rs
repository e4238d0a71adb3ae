//! Asking: whether a request may be answered from memory.
//!
//! The order of the questions is the order of their cost and of their weight: what cannot be ours passes first, then what an operation may act on, then who asks;
//! only what is left is looked up.

use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_event_cache_catalog::{Admit, Read};
use aws_event_cache_engine::Generation;
use aws_event_cache_model::{AnswerMode, BucketId, Class, Names, Place, Timestamp};
use aws_event_cache_wire::{self as wire, Call, NotACall, Protocol};
use http::request::Parts;

use crate::admission::Grant;
use crate::answers::{Answers, Switch};
use crate::caller::Caller;
use crate::chain::Chain;
use crate::collecting::Known;
use crate::credential::Credential;
use crate::following::page_of;
use crate::freshness::{Freshness, judge};
use crate::marks::Marks;
use crate::memo::Recognized;
use crate::reading::{Case, FlightKey, Matter, Part, Reading};
use crate::row::Row;
use crate::ruling::{Asked, Bypass, Forward, Hit, Miss, Page, Ruling, Toll};

/// Longest key. The longest genuine request names a hundred ARNs, a fifth of this.
const KEY: usize = 64 << 10;

/// Room for keys that is kept per thread; longer ones are rare and given back.
const KEY_KEPT: usize = 4 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A read that may be answered from memory, and who asks it.
struct Question<'a> {
    row: Arc<Row>,
    key: &'a [u8],
    token: Option<&'a str>,
    items: Vec<&'a str>,
    toll: Toll,
    who: Credential,
    grant: Grant,
    access: Generation,
    admitted: bool,
    observe: bool,
    now: Timestamp,
}

impl Answers {
    /// What to do with a request.
    pub fn ask(&self, mut asked: Asked<'_>, now: Timestamp) -> Ruling {
        let switch = self.switch.load();
        if switch.all_pass {
            return pass(Bypass::Mode);
        }
        switch.resume(now);
        let caller = match self.caller(asked.head) {
            Ok(caller) => caller,
            Err(why) => return self.ask_unknown(&asked, why),
        };
        if let Some(hit) = self.again(&mut asked, &caller, &switch, now) {
            return Ruling::Hit(hit);
        }
        match wire::call(asked.head, asked.body, caller.served.routes.as_ref()) {
            Ok(call) => self.ask_call(asked, &caller, &call, &switch, now),
            Err(NotACall::Unrouted { safe: true }) => self.forward(&caller, None, None, Bypass::Operation),
            Err(_) => Ruling::Write(self.write(&caller, None)),
        }
    }

    /// What to do with a request whose body is too long to be looked at. It is never answered from memory, and unless its method promises to change nothing, it
    /// is a write of anything of its service.
    pub fn ask_unread(&self, head: &Parts, now: Timestamp) -> Ruling {
        let switch = self.switch.load();
        if switch.all_pass {
            return pass(Bypass::Mode);
        }
        switch.resume(now);
        match self.caller(head) {
            Ok(caller) if may_write(head) => Ruling::Write(self.write(&caller, None)),
            Ok(caller) => self.forward(&caller, None, None, Bypass::TooLarge),
            Err(why) => match self.presigned(head).filter(|_| may_write(head)) {
                Some(caller) => Ruling::Write(self.write(&caller, None)),
                None => pass(why),
            },
        }
    }

    /// A request whose signature is none that is answered from memory: it passes, but what it writes is marked as far as it says for what it is signed.
    fn ask_unknown(&self, asked: &Asked<'_>, why: Bypass) -> Ruling {
        let Some(caller) = self.presigned(asked.head).filter(|_| may_write(asked.head)) else { return pass(why) };
        match wire::call(asked.head, asked.body, caller.served.routes.as_ref()) {
            Ok(call) if self.catalog.is_read_only(&caller.served.name, &call.operation) => pass(why),
            Ok(call) => Ruling::Write(self.write(&caller, Some(&call))),
            Err(_) => Ruling::Write(self.write(&caller, None)),
        }
    }

    fn ask_call(
        &self,
        asked: Asked<'_>,
        caller: &Caller<'_, '_>,
        call: &Call,
        switch: &Switch,
        now: Timestamp,
    ) -> Ruling {
        let reads = self.catalog.reads_of(&caller.served.name, call.api_version.as_deref(), &call.operation);
        if reads.is_empty() {
            return match self.catalog.is_read_only(&caller.served.name, &call.operation) {
                true => self.forward(caller, Some(call), None, Bypass::Operation),
                false => Ruling::Write(self.write(caller, Some(call))),
            };
        }
        let (read, place) = match self.servable(&asked, caller, call, reads, switch, now) {
            Ok(found) => found,
            Err(why) => {
                if let (Bypass::NamesResource, Some(read)) = (why, reads.first()) {
                    self.doubt_beneath(caller, read, switch, now);
                }
                return self.forward(caller, Some(call), reads.first(), why);
            }
        };
        let Some(rows) = self.places.get(&place) else { return self.new_place(caller, call, read, place) };
        let row = rows.get(ptr::from_ref(read) as usize, |number| self.row(number, caller, read, &place));
        self.question(asked, caller, call, row, switch, now)
    }

    /// Who reads a resource by its name wants to know how it is now, and goes on to what belongs to it: a load balancer's listeners, rules and targets. Those are
    /// read item by item, in the very shape in which agents poll them; so what is kept of them is taken for out of date.
    fn doubt_beneath(&self, caller: &Caller<'_, '_>, read: &Read, switch: &Switch, now: Timestamp) {
        let Some(place) = caller.place().filter(|place| self.places.get(place).is_some()) else { return };
        for kind in read.beneath.iter().filter_map(|id| self.catalog.kind(id)) {
            if switch.modes.at(&place, &kind.id) == AnswerMode::Serve {
                self.ledger.invalidate(&kind.scope_at(&place), &Names::Any, now);
            }
        }
    }

    /// The row of a read that may be answered from memory: who signed it can be told, nothing in it names what an operation could be about, and it was signed
    /// just now.
    fn servable<'c>(
        &self,
        asked: &Asked<'_>,
        caller: &Caller<'_, '_>,
        call: &Call,
        reads: &'c [Read],
        switch: &Switch,
        now: Timestamp,
    ) -> Result<(&'c Read, Place), Bypass> {
        let place = caller.place().ok_or(Bypass::NoAccount)?;
        let read = reads.iter().find(|read| read.fits(call.parameters.iter())).ok_or_else(|| why_not(call))?;
        // An empty token is the first page to some services and a mistake to others.
        if token_of(read, call) == Some("") {
            return Err(Bypass::NamesResource);
        }
        if wire::acts_for_operation(&asked.head.headers) {
            return Err(Bypass::ActsForOperation);
        }
        if switch.modes.at(&place, &read.kind) == AnswerMode::Pass {
            return Err(Bypass::Mode);
        }
        if wire::security_token(&asked.head.headers).is_none() && !asked.trusted {
            return Err(Bypass::StaticKey);
        }
        if !caller.is_timely(asked.head, now) {
            return Err(Bypass::DateWindow);
        }
        Ok((read, place))
    }

    fn question(
        &self,
        asked: Asked<'_>,
        caller: &Caller<'_, '_>,
        call: &Call,
        row: Arc<Row>,
        switch: &Switch,
        now: Timestamp,
    ) -> Ruling {
        let Asked { head, body, host, memory, .. } = asked;
        let token = token_of(&row.read, call);
        let items = row.read.item.as_ref().map(|item| call.parameters.items(&item.parameter)).unwrap_or_default();
        let who = self.hasher.recall(memory, caller.key_id, wire::security_token(&head.headers));
        SCRATCH.with_borrow_mut(|key| {
            key.clear();
            key.extend_from_slice(&row.number.to_le_bytes());
            let token_in = row.read.page.as_ref().map(|page| page.token_in.as_str());
            wire::write_key(key, head, host, call, token_in);
            if key.len() > KEY {
                *key = Vec::with_capacity(KEY_KEPT);
                return self.forward(caller, Some(call), Some(&row.read), Bypass::TooLarge);
            }
            let grant = match row.read.admit {
                Admit::Operation => self.admissions.operation(row.number, host),
                Admit::Exact => self.admissions.exact(key),
            };
            let access = self.ledger.access(&row.place.account);
            let question = Question {
                toll: row.toll(call.protocol, !items.is_empty()),
                observe: switch.modes.at(&row.place, &row.read.kind) == AnswerMode::Observe,
                admitted: self.admissions.admits(who, grant, access, now),
                key,
                token,
                items,
                who,
                grant,
                access,
                now,
                row,
            };
            match token {
                None => {
                    let row = question.row.clone();
                    let ruling = self.first(question);
                    if matches!(ruling, Ruling::Hit(_)) {
                        let known = Recognized { row, key: key.as_slice().into(), grant };
                        self.remember(head, host, body, caller, known);
                    }
                    ruling
                }
                Some(token) => self.following(question, token),
            }
        })
    }

    /// A listing's first page, or a single answer.
    fn first(&self, question: Question<'_>) -> Ruling {
        let Question { row, now, .. } = &question;
        let entry = self.cache.get(question.key);
        let chain = entry.as_ref().map(|entry| &entry.current);
        let found = chain.map(|chain| (chain, judge(row, chain, *now)));
        if question.observe {
            let would =
                found.and_then(|(chain, fresh)| matches!(fresh, Freshness::Fresh { .. }).then(|| chain.clone()));
            return self.read(question, Miss::Observed, Part::First, None, would);
        }
        if !question.admitted {
            return self.read(question, Miss::NotAdmitted, Part::First, None, None);
        }
        let (why, stale) = match found {
            None => (Miss::Absent, None),
            // Seen while it was only observed: serving does not begin with what is known to be wrong.
            Some((chain, _)) if chain.is_refuted() => (Miss::Stale, None),
            Some((chain, Freshness::Fresh { age, ttl })) => {
                if let Some(page) = chain.first() {
                    chain.walk(*now);
                    return Ruling::Hit(Hit { page: page.clone(), age, ttl, meter: row.meter.clone() });
                }
                (Miss::Absent, None)
            }
            Some((chain, Freshness::Stale { since })) => {
                let excused = since.is_some_and(|since| since <= self.settings.stale_if_error);
                (Miss::Stale, chain.first().filter(|_| excused).cloned().inspect(|_| chain.walk(*now)))
            }
            Some((_, Freshness::Dirty)) => (Miss::Dirty, None),
            Some((_, Freshness::Settling)) => (Miss::Settling, None),
        };
        self.read(question, why, Part::First, stale, None)
    }

    /// A listing's further page: from the chain that its token belongs to, or from AWS.
    fn following(&self, question: Question<'_>, token: &str) -> Ruling {
        let Question { row, now, .. } = &question;
        let collected = self.collecting.find(question.key, token);
        // What AWS's next page is about is certain; it makes the chain that is being collected longer, whoever asks.
        if let Some(Known::Next(number, marks)) = &collected
            && marks.stand(&row.ledger)
        {
            let why = if question.observe { Miss::Observed } else { Miss::Chain };
            return self.read(question, why, Part::Next(*number), None, None);
        }
        if question.observe {
            return self.read(question, Miss::Observed, Part::Loose, None, None);
        }
        if !question.admitted {
            return self.read(question, Miss::NotAdmitted, Part::Loose, None, None);
        }
        let entry = self.cache.get(question.key);
        let collected = match collected {
            Some(Known::Page(page, marks)) if marks.stand(&row.ledger) => Some(page),
            _ => None,
        };
        match page_of(row, entry.as_deref(), collected, token, *now) {
            Ok(hit) => Ruling::Hit(hit),
            Err(why) => self.read(question, why, Part::Loose, None, None),
        }
    }

    fn read(
        &self,
        question: Question<'_>,
        why: Miss,
        part: Part,
        stale: Option<Arc<Page>>,
        would: Option<Arc<Chain>>,
    ) -> Ruling {
        let Question { row, key, token, items, toll, who, grant, access, admitted, observe, now } = question;
        // Before anything else of AWS is asked: what changes from here on makes the answer unfit to be stored.
        let named = items.len();
        let marks = Marks::read(&row.ledger, if named > 0 { row.read.item_names(&items) } else { None });
        let epoch = self.epoch.load(Ordering::Acquire);
        let shared = admitted && !observe && part != Part::Loose;
        let flight = shared.then(|| FlightKey::of(key, token, &marks, epoch));
        let meter = row.meter.clone();
        let (key, token) = (Arc::from(key), token.map(Box::from));
        let matter = Matter { row, key, token, part, who, grant, access, started: now, marks, epoch, named, would };
        Ruling::Read(Reading { toll, flight, why, stale, meter, case: Case::Known(Box::new(matter)) })
    }

    fn new_place(&self, caller: &Caller<'_, '_>, call: &Call, read: &Read, place: Place) -> Ruling {
        let toll = Toll {
            place: place.clone(),
            bucket: read.bucket.clone(),
            class: Class::Sweep,
            shape: caller.served.shape,
            protocol: call.protocol,
        };
        let (meter, case) = (self.savings.other(), Case::NewPlace(place));
        Ruling::Read(Reading { toll, flight: None, why: Miss::NotAdmitted, stale: None, meter, case })
    }

    fn row(&self, number: u32, caller: &Caller<'_, '_>, read: &Read, place: &Place) -> Row {
        let meter = self.savings.meter(&place.account, &place.region, &read.service, &read.operation);
        let kind = self.catalog.kind(&read.kind).expect("invariant: the catalogue's reads are of its kinds");
        Row::new(number, place, kind, read, caller.served.shape, &self.ledger, meter)
    }

    fn forward(&self, caller: &Caller<'_, '_>, call: Option<&Call>, read: Option<&Read>, why: Bypass) -> Ruling {
        let place = caller.place();
        let operation = call.map_or("", |call| call.operation.as_str());
        let meter = place.as_ref().and_then(|place| self.meter(place, caller, operation));
        let bucket = read.map(|read| &read.bucket).or_else(|| self.bucket(caller, operation));
        let toll = place.zip(bucket.cloned()).map(|(place, bucket)| Toll {
            place,
            bucket,
            class: Class::Operator,
            shape: caller.served.shape,
            protocol: call.map_or(Protocol::Rest, |call| call.protocol),
        });
        Ruling::Forward(Forward { why, toll, meter })
    }

    /// The line of an operation at a place that is known; strangers' inventions get none.
    pub(crate) fn meter(
        &self,
        place: &Place,
        caller: &Caller<'_, '_>,
        operation: &str,
    ) -> Option<Arc<crate::meter::Meter>> {
        self.places.get(place)?;
        Some(self.savings.meter(&place.account, &place.region, &caller.served.name, operation))
    }

    /// What an operation draws on, where that is known.
    pub(crate) fn bucket(&self, caller: &Caller<'_, '_>, operation: &str) -> Option<&BucketId> {
        self.catalog.bucket_of(&caller.served.name, operation)
    }
}

/// Whether a request may change anything, as far as its head shows: the query protocol writes by GET as well.
fn may_write(head: &Parts) -> bool {
    !head.method.is_safe() || head.uri.query().is_some_and(|query| query.contains("Action="))
}

fn pass(why: Bypass) -> Ruling {
    Ruling::Forward(Forward { why, toll: None, meter: None })
}

/// Why no row allows a request: in words for `Cache-Status`.
fn why_not(call: &Call) -> Bypass {
    let timed = |path: &str| ["StartTime", "EndTime", "DryRun"].iter().any(|word| path.eq_ignore_ascii_case(word));
    if call.parameters.iter().any(|(path, _)| timed(path)) { Bypass::TimeBound } else { Bypass::NamesResource }
}

fn token_of<'c>(read: &Read, call: &'c Call) -> Option<&'c str> {
    read.page.as_ref().and_then(|page| call.parameters.get(&page.token_in))
}
