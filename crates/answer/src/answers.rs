//! The answer arm's one door.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_engine::Ledger;
use aws_event_cache_model::{Evidence, Scope, Timestamp};
use parking_lot::Mutex;

use crate::admission::Admissions;
use crate::cache::Cache;
use crate::collecting::Collecting;
use crate::credential::Hasher;
use crate::doubts::Doubts;
use crate::memo::Memo;
use crate::modes::Modes;
use crate::places::Places;
use crate::savings::Savings;
use crate::services::Services;
use crate::settings::{Parts, Settings};

/// After a time in which everything passed unseen, also before the start, reads that start within so long are believed for
/// [`SETTLING`](crate::freshness::SETTLING) only: a write that passed unseen may still be on its way, or its settle window may last. Writes are answered within a
/// second or two, and most settle windows are 10 to 15 s.
const RESUMING: Duration = Duration::from_secs(20);

/// Of the capacity, listings that are being collected may take one part in this many, besides.
const COLLECTING: usize = 8;

/// Everything that the answer arm knows. Share it in an `Arc`; every method takes `&self`, none waits, and none but [`tidy`](Self::tidy) and
/// [`report`](Self::report) takes longer than the answer is long.
pub struct Answers {
    pub(crate) settings: Settings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) savings: Arc<Savings>,
    pub(crate) services: Services,
    pub(crate) hasher: Hasher,
    pub(crate) admissions: Admissions,
    pub(crate) places: Places,
    pub(crate) cache: Cache,
    pub(crate) collecting: Collecting,
    pub(crate) memo: Memo,
    pub(crate) doubts: Mutex<Doubts>,
    pub(crate) switch: ArcSwap<Switch>,
    /// Counts purges: what was asked before one is not stored after it.
    pub(crate) epoch: AtomicU64,
    /// Numbers the hints.
    pub(crate) hints: AtomicU64,
}

/// The modes, and what follows from them.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) modes: Modes,
    pub(crate) all_pass: bool,
    /// When the first request came after a time in which everything passed unseen.
    resumed: OnceLock<Timestamp>,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Answers {
    /// Empty, and passing everything until [`set_modes`](Self::set_modes).
    pub fn new(parts: Parts) -> Self {
        let Parts { settings, catalog, ledger, savings, secret } = parts;
        let cache = Cache::new(settings.capacity, settings.largest);
        let collecting = Collecting::new(settings.capacity / COLLECTING, cache.largest());
        Self {
            services: Services::new(&catalog),
            hasher: Hasher::new(&secret),
            admissions: Admissions::new(settings.admission.clamp(Duration::from_secs(60), Duration::from_secs(900))),
            places: Places::default(),
            cache,
            collecting,
            memo: Memo::new(),
            doubts: Mutex::default(),
            switch: ArcSwap::from_pointee(Switch::new(Modes::default())),
            epoch: AtomicU64::new(0),
            hints: AtomicU64::new(0),
            settings,
            catalog,
            ledger,
            savings,
        }
    }

    /// Sets how far it may go. After a time in which everything passed unseen it begins empty, for writes have passed unseen as well.
    pub fn set_modes(&self, modes: Modes) {
        let next = Switch::new(modes);
        let before = self.switch.load_full();
        if next.all_pass != before.all_pass {
            self.purge();
        } else if let Some(resumed) = before.resumed.get() {
            next.resumed.get_or_init(|| *resumed);
        }
        self.switch.store(Arc::new(next));
    }

    /// Whether nothing may be answered or compared anywhere: then nobody need ask. One atomic load.
    pub fn all_pass(&self) -> bool {
        self.switch.load().all_pass
    }

    /// The modes as they are set.
    pub fn modes(&self) -> Modes {
        self.switch.load().modes.clone()
    }

    /// Lets go of what has ended: call it every few seconds. Returns what was found out meanwhile about changes that nothing announced.
    pub fn tidy(&self, now: Timestamp) -> Vec<(Scope, Evidence)> {
        self.admissions.tidy(now);
        self.collecting.tidy(now);
        self.cache.tidy(now);
        self.doubts.lock().resolve(now)
    }

    /// Forgets every answer, and begins as after a time in which everything passed unseen: a write may have, and its settle window may last.
    pub fn begin_anew(&self) {
        self.switch.rcu(|switch| Switch::new(switch.modes.clone()));
        self.purge();
    }

    /// Forgets every answer. Who is admitted stays so.
    pub fn purge(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache.clear();
        self.collecting.clear();
        self.doubts.lock().clear();
    }
}

impl Switch {
    fn new(modes: Modes) -> Self {
        Self { all_pass: modes.all_pass(), modes, resumed: OnceLock::new() }
    }

    /// Notes that requests are looked at from now on.
    pub(crate) fn resume(&self, now: Timestamp) {
        self.resumed.get_or_init(|| now);
    }

    /// Whether a write that passed unseen may have overlapped a read that started then.
    pub(crate) fn is_resuming(&self, started: Timestamp) -> bool {
        self.resumed.get().is_none_or(|resumed| crate::time::between(*resumed, started) < RESUMING)
    }
}
