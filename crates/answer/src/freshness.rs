//! How long an answer may be given.
//!
//! | what | how old it may get |
//! |---|---|
//! | of a kind that events cover | as the scope's cadence says at that moment ([`ScopeLedger::max_age`](aws_event_cache_engine::ScopeLedger::max_age)) |
//! | in transition, by its row or by what is in it | [`SHORT`] |
//! | health | [`HEALTH`] |
//! | changes by purchase | [`SLOW`] |
//! | changes by AWS | [`CATALOGUE`] |
//! | cannot change | for ever |
//! | read inside the settle window after a change | [`SETTLING`] |
//! | read after it, but before the kind's second look | until that |
//!
//! and never longer than the row's own cap. Age counts from the *start* of the read, and of a listing from the start of its first page's read.

use std::time::Duration;

use aws_event_cache_catalog::AgeClass;
use aws_event_cache_model::Timestamp;

use crate::chain::Chain;
use crate::row::Row;
use crate::time::between;

/// States in transition last minutes; half of Clouddriver's interval keeps a deploy's view ahead of stock.
pub(crate) const SHORT: Duration = Duration::from_secs(15);

/// No event tells of health; half of Clouddriver's interval, so that agents that read the same within one round share a call and nobody sees older health than
/// with stock polling.
pub(crate) const HEALTH: Duration = Duration::from_secs(15);

/// Purchases happen a few times a year, and nothing is deployed onto them within the hour.
pub(crate) const SLOW: Duration = Duration::from_secs(3_600);

/// AWS adds regions and instance types a few times a month.
pub(crate) const CATALOGUE: Duration = Duration::from_secs(24 * 3_600);

/// While AWS may still tell the old state, each key is asked at most about once a second, and an old state is believed no longer than this.
pub(crate) const SETTLING: Duration = Duration::from_secs(2);

/// What of an answer bears on its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Grade {
    /// It was read inside a settle window.
    pub(crate) settling: bool,
    /// It is to be read once more then.
    pub(crate) until: Option<Timestamp>,
    /// Something in it is in transition.
    pub(crate) transitional: bool,
}

/// Whether an answer may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Yes, and for so long.
    Fresh {
        /// Its age.
        age: Duration,
        /// How long it stays so if nothing happens.
        ttl: Duration,
    },
    /// It is too old. `excusable` by so much; `None` if it may not be given even while AWS throttles or fails.
    Stale {
        /// How long ago its age passed.
        since: Option<Duration>,
    },
    /// It was read before a change.
    Dirty,
    /// It was read so soon after a change that it may show the state before it.
    Settling,
}

/// Judges a stored chain.
pub(crate) fn judge(row: &Row, chain: &Chain, now: Timestamp) -> Freshness {
    if !chain.marks.stand(&row.ledger) {
        return Freshness::Dirty;
    }
    let grade = chain.grade;
    // A clock that was set back says nothing about ages any more.
    if now < chain.started {
        return Freshness::Stale { since: None };
    }
    let (age, most) = (between(chain.started, now), most(row, chain));
    if age >= most {
        return if grade.settling { Freshness::Settling } else { Freshness::Stale { since: Some(age - most) } };
    }
    let ttl = most - age;
    match grade.until {
        Some(until) if until <= now => Freshness::Settling,
        Some(until) => Freshness::Fresh { age, ttl: ttl.min(between(now, until)) },
        None => Freshness::Fresh { age, ttl },
    }
}

/// How old a chain may get.
fn most(row: &Row, chain: &Chain) -> Duration {
    let most = class_age(row);
    let most = if chain.grade.transitional { most.min(SHORT) } else { most };
    let most = if chain.grade.settling { most.min(SETTLING) } else { most };
    // Only ever shorter: so that what was read together is not read again together.
    most.checked_mul(u32::from(chain.jitter)).map_or(most, |permille| permille / 1_000)
}

/// How old an answer of a row may get now, without what is in it.
pub(crate) fn class_age(row: &Row) -> Duration {
    let class = match row.read.age {
        AgeClass::Event => row.ledger.max_age(),
        AgeClass::Short => SHORT,
        AgeClass::Health => HEALTH,
        AgeClass::Slow => SLOW,
        AgeClass::Catalogue => CATALOGUE,
        AgeClass::Immutable => Duration::MAX,
    };
    row.read.cap.map_or(class, |cap| class.min(cap))
}
