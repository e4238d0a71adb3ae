//! What the parts of the drive arm know together: the agents that should exist, and what their locks showed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_model::{Accounts, AgentName, AgentState, StockPolling, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::book::{LockBook, Seen};
use crate::holds::is_urgent;
use crate::lock::{Lock, Timing};

pub(crate) struct Memory {
    catalog: Arc<Catalog>,
    stock: StockPolling,
    inner: Mutex<Inner>,
}

struct Inner {
    accounts: watch::Receiver<Arc<Accounts>>,
    roster: Arc<Roster>,
    book: LockBook,
    /// Everybody that was ever asked about: agents that are not in the roster any more may still have a hold of ours.
    asked: BTreeSet<AgentName>,
}

impl Memory {
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        accounts: watch::Receiver<Arc<Accounts>>,
        stock: StockPolling,
    ) -> Arc<Self> {
        let roster = Arc::new(catalog.roster(&accounts.borrow(), &stock));
        let inner = Mutex::new(Inner { accounts, roster, book: LockBook::default(), asked: BTreeSet::new() });
        Arc::new(Self { catalog, stock, inner })
    }

    /// The agents that the accounts of the moment give.
    pub(crate) fn roster(&self) -> Arc<Roster> {
        let mut inner = self.inner.lock();
        self.follow(&mut inner);
        Arc::clone(&inner.roster)
    }

    /// Joins anew when the accounts have changed.
    fn follow(&self, inner: &mut Inner) {
        // An ended feed keeps its last accounts.
        if inner.accounts.has_changed().unwrap_or(false) {
            let accounts = Arc::clone(&inner.accounts.borrow_and_update());
            inner.roster = Arc::new(self.catalog.roster(&accounts, &self.stock));
            let names: HashSet<AgentName> = inner.roster.agents().iter().map(|agent| agent.name.clone()).collect();
            inner.book.keep_only(&names);
        }
    }

    /// Reads a lock and remembers it. Agents that the catalogue does not know are read as if they polled as stock.
    pub(crate) fn note(&self, agent: &AgentName, lock: Option<&Lock>, now: Timestamp) -> Seen {
        let mut inner = self.inner.lock();
        self.follow(&mut inner);
        let timing = self.timing(&inner, agent);
        let state = Self::noted(&mut inner, agent, lock, timing, now);
        Seen { state, ..inner.book.seen(agent, now) }
    }

    fn timing(&self, inner: &Inner, agent: &AgentName) -> Timing {
        let stock = Timing { interval: self.stock.interval, timeout: self.stock.timeout };
        inner.roster.named(agent).map_or(stock, |agent| Timing::from(&**agent))
    }

    /// Those of some agents whose locks may soon be free for a moment only, by the last look at each; `next_pass` is when all are looked at again.
    pub(crate) fn urgent<'a>(
        &self,
        agents: impl Iterator<Item = &'a AgentName>,
        next_pass: Timestamp,
        now: Timestamp,
    ) -> Vec<AgentName> {
        let inner = self.inner.lock();
        agents
            .filter(|agent| is_urgent(inner.book.seen(agent, now), self.timing(&inner, agent), next_pass))
            .cloned()
            .collect()
    }

    /// The same for an agent whose timing is at hand.
    pub(crate) fn note_timed(
        &self,
        agent: &AgentName,
        lock: Option<&Lock>,
        timing: Timing,
        now: Timestamp,
    ) -> (AgentState, Option<Timestamp>) {
        let mut inner = self.inner.lock();
        let state = Self::noted(&mut inner, agent, lock, timing, now);
        (state, inner.book.last_run(agent))
    }

    fn noted(inner: &mut Inner, agent: &AgentName, lock: Option<&Lock>, timing: Timing, now: Timestamp) -> AgentState {
        if !inner.asked.contains(agent) {
            inner.asked.insert(agent.clone());
        }
        inner.book.note(agent, lock, timing, now)
    }

    /// Every agent there is or was.
    pub(crate) fn agents(&self) -> BTreeSet<AgentName> {
        let roster = self.roster();
        let mut agents = self.inner.lock().asked.clone();
        agents.extend(roster.agents().iter().map(|agent| agent.name.clone()));
        agents
    }

    /// The interval that an agent's locks showed, where they did.
    pub(crate) fn interval(&self, agent: &AgentName) -> Option<Duration> {
        self.inner.lock().book.interval(agent)
    }
}

/// How many agents have which interval, in seconds, and were expected with which.
pub(crate) fn odd_intervals(
    roster: &Roster,
    interval: impl Fn(&AgentName) -> Option<Duration>,
) -> BTreeMap<(u64, u64), usize> {
    let mut odd = BTreeMap::new();
    for agent in roster.agents() {
        if let Some(seen) = interval(&agent.name) {
            let (expected, seen) = (agent.interval.as_secs(), (seen + Duration::from_millis(500)).as_secs());
            if expected.abs_diff(seen) > 1 {
                *odd.entry((expected, seen)).or_default() += 1;
            }
        }
    }
    odd
}
