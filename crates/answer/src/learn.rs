//! Learning: what an answer of AWS teaches, and whether it may be kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_event_cache_catalog::AgeClass;
use aws_event_cache_model::{Evidence, Scope, Timestamp};
use aws_event_cache_wire::{self as wire, Protocol, Scan};
use http::{HeaderMap, StatusCode, header};
use smol_str::SmolStr;

use crate::admission::Refused;
use crate::answers::Answers;
use crate::chain::{Chain, kept_body, kept_headers};
use crate::collecting::Leaf;
use crate::freshness::{Grade, class_age};
use crate::reading::{Case, Matter, Part, Reading};
use crate::row::Row;
use crate::ruling::{Lesson, NotStored, Page, Reply};
use crate::time::between;

/// Where some operations list what they did not find of what was named, beside a status of 200.
const FAILURES: &str = "failures";

/// A token's member that no row names is looked for under this name, to see that an answer is whole.
const ANY_TOKEN: &str = "NextToken";

impl Answers {
    /// Takes what AWS answered to a reading. Only the reading whose own request went to AWS is given here, never one that joined its flight.
    pub fn learn(&self, reading: &Reading, reply: &Reply<'_>, now: Timestamp) -> Lesson {
        let protocol = reading.toll.protocol;
        let code = wire::error_code(protocol, reply.status, reply.headers, reply.body);
        let mut lesson = Lesson { stored: Err(NotStored::Error), evidence: None, throttled: None, page: None };
        if code.as_ref().is_some_and(|code| self.is_throttle(code, reply.status)) {
            lesson.throttled = Some((reading.toll.place.clone(), reading.toll.bucket.service.clone()));
            return lesson;
        }
        match &reading.case {
            Case::NewPlace(place) => {
                if reply.status == StatusCode::OK && code.is_none() {
                    self.places.know(place);
                    lesson.stored = Err(NotStored::NewPlace);
                }
            }
            Case::Known(matter) => self.learn_known(matter, protocol, code, reply, now, &mut lesson),
        }
        lesson
    }

    /// Takes what AWS answered to anything else, writes included: errors that say that a credential is worth less than before, and successes that say that AWS
    /// knows somebody at a place.
    pub fn note_reply(&self, head: &http::request::Parts, reply: &Reply<'_>, now: Timestamp) {
        if self.switch.load().all_pass {
            return;
        }
        let Ok(caller) = self.caller(head) else { return };
        if reply.status.is_success() {
            if let Some(place) = caller.place() {
                self.places.know(&place);
            }
            return;
        }
        let Some(code) = wire::error_code(protocol_of(reply.headers), reply.status, reply.headers, reply.body) else {
            return;
        };
        if let Some(how) = refused(&code) {
            let who = self.hasher.hash(caller.key_id, wire::security_token(&head.headers));
            self.admissions.refuse(who, caller.served.name.as_str(), how, now);
        }
    }

    fn is_throttle(&self, code: &str, status: StatusCode) -> bool {
        wire::is_throttle(code, status) || self.catalog.is_throttle_code(code)
    }

    fn learn_known(
        &self,
        matter: &Matter,
        protocol: Protocol,
        code: Option<SmolStr>,
        reply: &Reply<'_>,
        now: Timestamp,
        lesson: &mut Lesson,
    ) {
        let row = &matter.row;
        let operation = row.read.operation.as_str();
        let missing = code.is_some() && code == row.read.missing && reply.status == StatusCode::NOT_FOUND;
        if let Some(code) = code.filter(|_| !missing) {
            if let Some(how) = refused(&code) {
                self.admissions.refuse(matter.who, operation, how, now);
            }
            return;
        }
        if reply.status != StatusCode::OK && !missing {
            return;
        }
        self.admissions.admit(matter.who, matter.grant, operation, matter.access, matter.started);
        let kept = self.leaf(matter, protocol, missing, reply).and_then(|leaf| {
            let page = leaf.page.clone();
            self.keep(matter, protocol, leaf, now, lesson).map(|()| page)
        });
        if let (Err(_), Part::Next(number)) = (&kept, matter.part) {
            // `Kept`: somebody else brought this page, so the listing is alive.
            if !matches!(kept, Err(NotStored::Kept)) {
                self.collecting.abandon(&matter.key, number);
            }
        }
        match kept {
            Ok(page) => (lesson.stored, lesson.page) = (Ok(()), Some(page)),
            Err(why) => lesson.stored = Err(why),
        }
    }

    /// The answer as it may be kept.
    fn leaf(&self, matter: &Matter, protocol: Protocol, missing: bool, reply: &Reply<'_>) -> Result<Leaf, NotStored> {
        let row = &matter.row;
        if !reply.complete {
            return Err(NotStored::Incomplete);
        }
        if reply.body.len() > self.settings.largest {
            return Err(NotStored::TooLarge);
        }
        if !is_of(protocol, reply.headers) {
            return Err(NotStored::ContentType);
        }
        let next = if missing { None } else { next_token(row, protocol, reply.body)? };
        if matter.named > 0 && !missing {
            found_all(row, protocol, reply.body)?;
        }
        self.check_owner(row, protocol, reply.body)?;
        let page = Page {
            status: reply.status,
            headers: kept_headers(reply.headers).ok_or(NotStored::TooLarge)?,
            body: kept_body(reply.body),
            started: matter.started,
        };
        Ok(Leaf {
            fingerprint: wire::fingerprint(protocol, &page.body, &row.volatile),
            transitional: row.transitional.iter().any(|finder| finder.find(&page.body).is_some()),
            page: Arc::new(page),
            next,
        })
    }

    /// That the key's account is the answer's: if keys were read wrongly, answers would be kept under somebody else's events. Once an account has shown that its
    /// keys are read rightly, an answer may also speak of what others share with it.
    fn check_owner(&self, row: &Row, protocol: Protocol, body: &[u8]) -> Result<(), NotStored> {
        let account = &row.place.account;
        if self.places.is_confirmed(account) {
            return Ok(());
        }
        match wire::shows_owner(protocol, body, account) {
            Some(true) => self.places.confirm(account),
            // What AWS itself lists belongs to nobody's account.
            Some(false) if !matches!(row.read.age, AgeClass::Catalogue | AgeClass::Slow) => {
                let operation = &row.read.operation;
                tracing::warn!(%account, %operation, "an answer shows nothing of the account that its key names: not stored");
                return Err(NotStored::OtherOwner);
            }
            _ => {}
        }
        Ok(())
    }

    fn keep(
        &self,
        matter: &Matter,
        protocol: Protocol,
        leaf: Leaf,
        now: Timestamp,
        lesson: &mut Lesson,
    ) -> Result<(), NotStored> {
        let row = &matter.row;
        if let Some(would) = &matter.would {
            lesson.evidence = self.compare(matter, would, protocol, &leaf, now);
            return Err(NotStored::Kept);
        }
        if matter.part == Part::Loose {
            return Err(NotStored::Chain);
        }
        if matter.epoch != self.epoch.load(Ordering::Acquire) {
            return Err(NotStored::Purged);
        }
        if !matter.marks.stand(&row.ledger) {
            return Err(NotStored::Overtaken);
        }
        let grade = self.grade(matter, leaf.transitional);
        let chain = match matter.part {
            Part::Loose => return Err(NotStored::Chain),
            Part::First if leaf.next.is_some() => {
                return self.collecting.begin(&matter.key, leaf, matter.marks.clone(), grade);
            }
            Part::First => {
                let tokens = std::collections::HashMap::new();
                Chain::new(&matter.key, vec![leaf.page], tokens, matter.marks.clone(), grade, leaf.fingerprint)
            }
            Part::Next(number) => {
                let token = matter.token.as_deref().ok_or(NotStored::Chain)?;
                match self.collecting.extend(&matter.key, number, token, leaf)? {
                    Some(chain) => chain,
                    None => return Ok(()),
                }
            }
        };
        lesson.evidence = self.evidence(matter, &chain);
        if chain.weight > self.cache.largest() {
            return Err(NotStored::TooLarge);
        }
        let stored = self.cache.store(&matter.key, chain, now);
        // A purge that came between is not undone.
        if matter.epoch != self.epoch.load(Ordering::Acquire) {
            self.cache.clear();
            return Err(NotStored::Purged);
        }
        if stored { Ok(()) } else { Err(NotStored::Kept) }
    }

    fn grade(&self, matter: &Matter, transitional: bool) -> Grade {
        let Matter { row, marks, started, .. } = matter;
        let settled = marks.settled(*started, row.settle) && !self.switch.load().is_resuming(*started);
        Grade {
            settling: !settled,
            until: row.second_look.and_then(|look| marks.second_look(*started, look)),
            transitional,
        }
    }

    /// What a chain says, compared with the one it takes the place of, about changes that nothing announced. Only where both can be trusted to show AWS's state
    /// and nothing was heard between them.
    fn evidence(&self, matter: &Matter, chain: &Chain) -> Option<(Scope, Evidence)> {
        let row = &matter.row;
        let entry = self.cache.get(&matter.key)?;
        let before = &entry.current;
        let plain = |chain: &Chain| !chain.grade.settling && !chain.grade.transitional;
        let comparable =
            before.marks.agree(&chain.marks) && plain(before) && plain(chain) && before.started < chain.started;
        if row.read.age != AgeClass::Event || !comparable {
            return None;
        }
        let evidence = if before.fingerprint == chain.fingerprint {
            tested(row, before, chain.started)?;
            row.observation.same();
            Evidence::Same
        } else {
            row.observation.uncovered();
            Evidence::Differs
        };
        Some((row.scope.clone(), evidence))
    }

    /// What AWS says, compared with what would have been answered from memory.
    fn compare(
        &self,
        matter: &Matter,
        would: &Arc<Chain>,
        protocol: Protocol,
        leaf: &Leaf,
        now: Timestamp,
    ) -> Option<(Scope, Evidence)> {
        let row = &matter.row;
        let first = would.first()?;
        if wire::fingerprint(protocol, &first.body, &row.volatile) != leaf.fingerprint {
            row.observation.stale(between(would.confirmed(), matter.started));
            would.refute();
            // What is in transition changes by itself and is read again soon.
            let told = row.read.age == AgeClass::Event && !would.grade.transitional && !would.grade.settling;
            if told && would.marks.stand(&row.ledger) {
                self.doubts.lock().add(row, &would.marks, now);
            }
            return None;
        }
        row.observation.hit();
        would.confirm(matter.started);
        if row.read.age != AgeClass::Event || would.grade.settling || !would.marks.agree(&matter.marks) {
            return None;
        }
        tested(row, would, matter.started)?;
        row.observation.same();
        Some((row.scope.clone(), Evidence::Same))
    }
}

/// Whether a second read came late enough to test the age that answers get now: the same after a second proves nothing.
fn tested(row: &Row, before: &Chain, started: Timestamp) -> Option<()> {
    (between(before.started, started) >= class_age(row).mul_f64(0.8)).then_some(())
}

/// How an error concerns its caller; `None`: not at all.
fn refused(code: &str) -> Option<Refused> {
    if !wire::is_auth_error(code) {
        return None;
    }
    // AWS's words for "this caller may not do this": the caller itself is good.
    let lasting = ["AccessDenied", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError"];
    Some(if lasting.iter().any(|word| code.contains(word)) { Refused::Operation } else { Refused::Credential })
}

fn next_token(row: &Row, protocol: Protocol, body: &[u8]) -> Result<Option<String>, NotStored> {
    let field = row.read.page.as_ref().map(|page| page.token_out.as_str());
    match (wire::next_token(protocol, body, field.unwrap_or(ANY_TOKEN)), field) {
        (Scan::None, _) => Ok(None),
        (Scan::Token(token), Some(_)) => Ok(Some(token)),
        (Scan::Token(_), None) | (Scan::Malformed, _) => Err(NotStored::Malformed),
    }
}

/// A read that names what it reads is kept only if it found all of it: an operation that has just created something asks until it finds it.
fn found_all(row: &Row, protocol: Protocol, body: &[u8]) -> Result<(), NotStored> {
    if row.read.list().is_some_and(|list| wire::has_members(protocol, body, list) != Some(true)) {
        return Err(NotStored::Empty);
    }
    if wire::has_members(protocol, body, FAILURES) == Some(true) { Err(NotStored::Empty) } else { Ok(()) }
}

/// Whether an answer's content is of its request's protocol, and not packed: one form is kept, the plain one.
fn is_of(protocol: Protocol, headers: &HeaderMap) -> bool {
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return false;
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let (json, xml) = (kind.contains("json"), kind.contains("xml"));
    match protocol {
        Protocol::Query => xml,
        Protocol::Json => json,
        Protocol::Cbor => kind.contains("cbor"),
        Protocol::Rest => json || xml,
    }
}

/// The protocol of an answer whose request was not looked at.
fn protocol_of(headers: &HeaderMap) -> Protocol {
    [Protocol::Json, Protocol::Cbor].into_iter().find(|protocol| is_of(*protocol, headers)).unwrap_or(Protocol::Query)
}
