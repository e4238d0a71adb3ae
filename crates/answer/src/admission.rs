//! Admission: who may be answered from memory, and what.
//!
//! We cannot check signatures, so AWS does: a credential is answered an operation from memory only for a while after AWS itself answered it that operation with
//! success. Whatever says that AWS would now answer otherwise ends all admissions of a credential (an error about it) or of an account (a change of access).
//!
//! Invariants, tested against a model:
//! 1. Who is admitted was answered by AWS, to a read that *started* at most the admission's time ago, after the account's access last changed and after the
//!    credential was last refused. (Refusals are remembered only of who has been answered before: strangers fill nothing.)
//! 2. Memory is bounded. What there is no room for is not admitted and goes to AWS.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_event_cache_engine::Generation;
use aws_event_cache_model::Timestamp;
use parking_lot::{Mutex, RwLock};
use rapidhash::RapidHashMap;
use smol_str::SmolStr;

use crate::credential::Credential;
use crate::time::after;

/// So many credentials are admitted at once. A role's session lives some minutes, so this is a thousand processes; each further one costs pass-through only.
const CREDENTIALS: usize = 4_096;

/// So many admissions of one credential: enough for each item of a region with thousands of functions. 64 bytes each: at most 1 MB a credential.
const GRANTS: usize = 16_384;

/// So many admissions in all: 64 MB.
const ALL_GRANTS: usize = 1 << 20;

/// So many operations that are refused to a credential all the time are remembered. Beyond that, each refusal ends its admissions, as if it were news.
const DENIED: usize = 64;

/// What a credential is admitted to: an operation at a host, or one exact request. 128 bits of a keyed hash, so that no two are ever mistaken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Grant(u64, u64);

/// How AWS refused a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The credential itself is not or no longer good.
    Credential,
    /// It may not do this one thing; which may have been so all the time.
    Operation,
}

#[derive(Debug, Clone, Copy)]
struct Admitted {
    from: Timestamp,
    until: Timestamp,
    access: Generation,
}

#[derive(Debug, Default)]
struct Record {
    grants: RapidHashMap<Grant, Admitted>,
    refused: Option<Timestamp>,
    denied: Vec<SmolStr>,
    /// When it was last of use.
    last: Timestamp,
}

/// All admissions.
#[derive(Debug)]
pub(crate) struct Admissions {
    /// By hashes under secrets of ours, which nobody can choose, as are the grants: a quick hash of them will do. Replaced as a whole when a credential comes or goes, which happens a few times a minute; so a hit takes no lock that others want.
    records: ArcSwap<RapidHashMap<Credential, Arc<RwLock<Record>>>>,
    /// Who adds or removes credentials holds it.
    changing: Mutex<()>,
    /// The number of all grants, as of the last tidying and counted up since.
    all: AtomicUsize,
    lasts: Duration,
    states: [RandomState; 2],
}

impl Admissions {
    /// Admissions that last so long.
    pub(crate) fn new(lasts: Duration) -> Self {
        Self {
            records: ArcSwap::default(),
            changing: Mutex::new(()),
            all: AtomicUsize::new(0),
            lasts,
            states: [RandomState::new(), RandomState::new()],
        }
    }

    /// The grant for an operation, by the number of its row and place, at a host.
    pub(crate) fn operation(&self, row: u32, host: &str) -> Grant {
        let [a, b] = &self.states;
        Grant(a.hash_one((0_u8, row, host)), b.hash_one((0_u8, row, host)))
    }

    /// The grant for one exact request, by its key.
    pub(crate) fn exact(&self, key: &[u8]) -> Grant {
        let [a, b] = &self.states;
        Grant(a.hash_one((1_u8, key)), b.hash_one((1_u8, key)))
    }

    /// Whether a credential may be answered now, `access` being its account's generation now.
    pub(crate) fn admits(&self, who: Credential, what: Grant, access: Generation, now: Timestamp) -> bool {
        let records = self.records.load();
        let Some(record) = records.get(&who) else { return false };
        let record = record.read();
        // A clock that was set back must not make an admission last longer.
        record.grants.get(&what).is_some_and(|g| g.access == access && g.from <= now && now < g.until)
    }

    /// AWS answered a read that started at `started`, when the account's access had the generation `access`.
    pub(crate) fn admit(&self, who: Credential, what: Grant, operation: &str, access: Generation, started: Timestamp) {
        let Some(record) = self.record(who, started) else { return };
        let mut record = record.write();
        record.denied.retain(|denied| denied != operation);
        if record.refused.is_some_and(|refused| started <= refused) {
            return;
        }
        record.last = record.last.max(started);
        let new = !record.grants.contains_key(&what);
        if new && (record.grants.len() >= GRANTS || !self.has_room()) {
            return;
        }
        let until = after(started, self.lasts);
        let admitted = record.grants.entry(what).or_insert(Admitted { from: started, until, access });
        if admitted.access != access || admitted.until < until {
            *admitted = Admitted { from: started, until, access };
        }
    }

    /// AWS refused a credential an operation. What is refused all the time, such as one listing that a role may not read, ends nothing but once.
    pub(crate) fn refuse(&self, who: Credential, operation: &str, how: Refused, now: Timestamp) {
        let records = self.records.load();
        // Who was never admitted has nothing to lose; strangers cannot fill the table.
        let Some(record) = records.get(&who) else { return };
        let mut record = record.write();
        if how == Refused::Operation {
            if record.denied.iter().any(|denied| denied == operation) {
                return;
            }
            if record.denied.len() < DENIED {
                record.denied.push(SmolStr::new(operation));
            }
        }
        record.last = record.last.max(now);
        record.refused = record.refused.max(Some(now));
        record.grants.clear();
    }

    /// Lets go of what has ended.
    pub(crate) fn tidy(&self, now: Timestamp) {
        let _changing = self.changing.lock();
        let records = self.records.load_full();
        let idle = |record: &Record| record.grants.is_empty() && after(record.last, self.lasts) <= now;
        let (mut count, mut gone) = (0, false);
        for record in records.values() {
            let mut record = record.write();
            record.grants.retain(|_, admitted| now < admitted.until);
            count += record.grants.len();
            gone |= idle(&record);
        }
        self.all.store(count, Ordering::Relaxed);
        if gone {
            let kept = records.iter().filter(|(_, record)| !idle(&record.read()));
            self.records.store(Arc::new(kept.map(|(who, record)| (*who, record.clone())).collect()));
        }
    }

    /// How many admissions there are.
    pub(crate) fn len(&self) -> usize {
        self.records.load().values().map(|record| record.read().grants.len()).sum()
    }

    fn has_room(&self) -> bool {
        self.all.fetch_add(1, Ordering::Relaxed) < ALL_GRANTS
    }

    fn record(&self, who: Credential, now: Timestamp) -> Option<Arc<RwLock<Record>>> {
        if let Some(record) = self.records.load().get(&who) {
            return Some(record.clone());
        }
        let _changing = self.changing.lock();
        let records = self.records.load_full();
        if let Some(record) = records.get(&who) {
            return Some(record.clone());
        }
        if records.len() >= CREDENTIALS {
            return None;
        }
        let record = Arc::new(RwLock::new(Record { last: now, ..Record::default() }));
        let mut next = RapidHashMap::clone(&records);
        next.insert(who, record.clone());
        self.records.store(Arc::new(next));
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::credential::Hasher;

    const LASTS: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn who(n: u8) -> Credential {
        Hasher::new(&[1; 32]).hash("ASIA", Some(&[n]))
    }

    #[derive(Debug, Clone)]
    enum Step {
        Answered { who: u8, what: u32, took: u64 },
        Refused { who: u8, what: u32, how: Refused },
        Revoked,
        Waited(u64),
        Tidied,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let how = prop_oneof![Just(Refused::Credential), Just(Refused::Operation)];
        let step = prop_oneof![
            6 => (0..3_u8, 0..3_u32, 0..60_u64).prop_map(|(who, what, took)| Step::Answered { who, what, took }),
            1 => (0..3_u8, 0..3_u32, how).prop_map(|(who, what, how)| Step::Refused { who, what, how }),
            1 => Just(Step::Revoked),
            4 => (1..120_u64).prop_map(Step::Waited),
            1 => Just(Step::Tidied),
        ];
        prop::collection::vec(step, 0..60)
    }

    /// All that AWS ever said, never forgotten.
    #[derive(Default)]
    struct Model {
        answered: Vec<(u8, u32, Timestamp)>,
        lost: Vec<(u8, Timestamp)>,
        revoked: Vec<Timestamp>,
        /// Whom we remember: everybody answered or refused within the admission's time, as of the last tidying.
        known: HashMap<u8, Timestamp>,
    }

    impl Model {
        fn know(&mut self, who: u8, at: Timestamp) {
            let last = self.known.entry(who).or_insert(at);
            *last = at.max(*last);
        }

        fn may(&self, who: u8, what: u32, now: Timestamp) -> bool {
            let stands = |started: Timestamp| {
                self.lost.iter().all(|(of, at)| *of != who || *at < started)
                    && self.revoked.iter().all(|at| *at <= started)
            };
            self.answered
                .iter()
                .any(|(w, o, started)| (*w, *o) == (who, what) && now < after(*started, LASTS) && stands(*started))
        }
    }

    proptest! {
        #[test]
        fn nobody_is_admitted_whom_aws_has_not_answered_lately_and_everybody_else_is(steps in steps()) {
            let admissions = Admissions::new(LASTS);
            let grants: Vec<Grant> = (0..3).map(|n| admissions.operation(n, "host")).collect();
            let (mut model, mut now, mut access) = (Model::default(), at(1_000), Generation(0));
            // A read takes its access generation when it starts; here a read that began before a revocation has the old one.
            let mut accesses = vec![(at(0), access)];
            for step in steps {
                match step {
                    Step::Answered { who: w, what, took } => {
                        let started = Timestamp::from_second(now.as_second() - took as i64).unwrap();
                        let then = accesses.iter().rev().find(|(from, _)| *from <= started).map_or(Generation(0), |(_, a)| *a);
                        admissions.admit(who(w), grants[what as usize], &what.to_string(), then, started);
                        model.answered.push((w, what, started));
                        model.know(w, started);
                    }
                    Step::Refused { who: w, what, how } => {
                        admissions.refuse(who(w), &what.to_string(), how, now);
                        let is_known = model.known.contains_key(&w);
                        if is_known && (how == Refused::Credential || model.may(w, what, now)) {
                            model.lost.push((w, now));
                            model.know(w, now);
                        }
                    }
                    Step::Revoked => {
                        access = Generation(access.0 + 1);
                        accesses.push((now, access));
                        model.revoked.push(now);
                    }
                    Step::Waited(seconds) => now = after(now, Duration::from_secs(seconds)),
                    Step::Tidied => {
                        admissions.tidy(now);
                        model.known.retain(|_, last| now < after(*last, LASTS));
                    }
                }
                for w in 0..3 {
                    for what in 0..3 {
                        let admitted = admissions.admits(who(w), grants[what as usize], access, now);
                        prop_assert!(!admitted || model.may(w, what, now), "{w} {what} at {now}");
                    }
                }
            }
        }
    }

    fn admitted(admissions: &Admissions, what: &Grant, now: Timestamp) -> bool {
        admissions.admits(who(0), *what, Generation(0), now)
    }

    #[test]
    fn an_answer_admits_until_its_time_has_passed_since_the_read_started() {
        let admissions = Admissions::new(LASTS);
        let what = admissions.exact(b"key");
        admissions.admit(who(0), what, "op", Generation(0), at(100));
        assert!(admitted(&admissions, &what, at(100)) && admitted(&admissions, &what, at(399)));
        assert!(!admitted(&admissions, &what, at(400)), "ended");
        assert!(!admitted(&admissions, &what, at(99)), "the clock was set back");
        assert!(!admitted(&admissions, &admissions.exact(b"other"), at(101)));
        assert!(!admissions.admits(who(1), what, Generation(0), at(101)));
        assert!(!admissions.admits(who(0), what, Generation(1), at(101)), "access changed");
    }

    #[test]
    fn an_operation_at_one_host_is_not_the_operation_at_another() {
        let admissions = Admissions::new(LASTS);
        admissions.admit(who(0), admissions.operation(1, "a.example"), "op", Generation(0), at(100));
        assert!(!admitted(&admissions, &admissions.operation(1, "b.example"), at(101)));
        assert!(!admitted(&admissions, &admissions.operation(2, "a.example"), at(101)));
    }

    #[test]
    fn a_refusal_ends_all_but_one_that_is_refused_all_the_time_ends_nothing() {
        let admissions = Admissions::new(LASTS);
        let what = admissions.exact(b"key");
        let mut now = 100;
        let mut cycle = |how| {
            admissions.admit(who(0), what, "listed", Generation(0), at(now));
            admissions.refuse(who(0), "forbidden", how, at(now + 1));
            now += 10;
            admitted(&admissions, &what, at(now - 8))
        };
        assert!(!cycle(Refused::Operation), "news");
        assert!(cycle(Refused::Operation), "known");
        assert!(!cycle(Refused::Credential), "always news");
    }

    #[test]
    fn an_answer_that_began_before_a_refusal_admits_nobody() {
        let admissions = Admissions::new(LASTS);
        let what = admissions.exact(b"key");
        admissions.admit(who(0), what, "op", Generation(0), at(100));
        admissions.refuse(who(0), "op", Refused::Operation, at(105));
        admissions.admit(who(0), what, "op", Generation(0), at(104));
        assert!(!admitted(&admissions, &what, at(106)));
        admissions.admit(who(0), what, "op", Generation(0), at(106));
        assert!(admitted(&admissions, &what, at(107)));
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let admissions = Admissions::new(LASTS);
        for n in 0..GRANTS as u64 + 10 {
            admissions.admit(who(0), admissions.exact(&n.to_le_bytes()), "op", Generation(0), at(100));
        }
        assert_eq!(admissions.len(), GRANTS);
        for n in 0..CREDENTIALS as u64 + 10 {
            let stranger = Hasher::new(&[2; 32]).hash("ASIA", Some(&n.to_le_bytes()));
            admissions.admit(stranger, admissions.exact(b"key"), "op", Generation(0), at(100));
        }
        assert_eq!(admissions.records.load().len(), CREDENTIALS);
        admissions.tidy(at(400));
        assert_eq!((admissions.len(), admissions.records.load().len()), (0, 0));
    }
}
