//! The engine's state, joined: everything that is decided is decided here, by plain methods that take `now`.
//!
//! One lock around it, held for microseconds; the runner and the handle move values between it, the drive arm and the journal.

mod accept;
mod ages;
mod dispatch;
mod orders;
mod report;
mod survey;

use std::collections::VecDeque;
use std::sync::Arc;

use aws_event_cache_catalog::{Catalog, Kind, Roster};
use aws_event_cache_model::{
    Accounts, Agent, AgentName, Cause, Class, DriveMode, EventRecord, KindId, Override, OverrideId, Place, Profile,
    Record, Recovered, Resources, Scope, StockPolling, Timestamp,
};
use smol_str::SmolStr;

use crate::agents::Book;
use crate::cadence::{Cadence, Conditions, Heat, Reason};
use crate::debts::{Commit, Debts};
use crate::ledger::Ledger;
use crate::limit::{Limiter, Rate};
use crate::moment::{after, between};
use crate::overrides::Overrides;
use crate::profiles::Profiles;
use crate::queue::{Queue, Want};
use crate::refreshes::{Refreshes, Step};
use crate::settle::Settle;
use crate::status::{Counters, Recent};
use crate::stream::Streams;
use crate::trust::Trust;

pub(crate) use dispatch::Flight;

#[cfg(test)]
mod tests;

/// So many ended refreshes are kept for the console.
const RECENT: usize = 200;

/// So many messages wait for the next flush to the store; a storm loses the oldest of them from the list of recent events, never a refresh.
const EVENTS_WAITING: usize = 1_000;

/// A restart that took less than this, after an orderly end, has missed nothing that AWS and its queues will not send again: no sweep is needed.
const SHORT_GAP: std::time::Duration = std::time::Duration::from_secs(60);

/// An agent polls by itself within its interval when nobody holds it, and a little later when Clouddriver is busy. A sweep waits this much longer for it before it
/// forces a run.
const OWN_POLL_GRACE: std::time::Duration = std::time::Duration::from_secs(15);

/// What planning needs; replaced as a whole, so that plans are made outside the lock.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) roster: Arc<Roster>,
    /// With overrides of whole accounts' profiles applied.
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) profiles: Arc<Profiles>,
}

/// What follows from a step for the store and the shell.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// To be written, in this order.
    pub(crate) records: Vec<Record>,
    /// Commits that must be durable before the caller may be answered.
    pub(crate) waits: Vec<Commit>,
}

pub(crate) struct Core {
    pub(crate) view: Arc<View>,
    pub(crate) mode: DriveMode,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) debts: Debts,
    given_accounts: Arc<Accounts>,
    stock: StockPolling,
    overrides: Overrides,
    book: Book,
    queue: Queue<AgentName>,
    settle: Settle<AgentName>,
    limiter: Limiter,
    streams: Streams,
    heat: Heat,
    trust: Trust,
    refreshes: Refreshes,
    counters: Counters,
    flushed: Counters,
    recent: VecDeque<Recent>,
    events: VecDeque<EventRecord>,
    started: Timestamp,
    /// Whether agents that are new now may hide a change: false only for the first ones after a short, orderly restart.
    gap: bool,
    /// Holds are to be written at once.
    pub(crate) holds_due: bool,
    /// The ages of answers are to be written at once.
    pub(crate) ages_due: bool,
    /// Every agent is to be let go at once.
    pub(crate) release_due: bool,
    pub(crate) survey_problem: Option<String>,
    pub(crate) hold_problem: Option<String>,
}

/// What a core is made of.
pub(crate) struct Start {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) profiles: Profiles,
    pub(crate) stock: StockPolling,
    pub(crate) mode: DriveMode,
    pub(crate) recovered: Recovered,
}

impl Core {
    pub(crate) fn new(start: Start, now: Timestamp) -> Self {
        let recovered = start.recovered;
        let gap = !recovered.clean || recovered.last_alive.is_none_or(|last| between(last, now) > SHORT_GAP);
        let mut core = Self {
            view: Arc::new(View {
                catalog: start.catalog,
                roster: Arc::new(Roster::default()),
                accounts: Arc::default(),
                profiles: Arc::new(start.profiles),
            }),
            mode: start.mode,
            ledger: Arc::default(),
            debts: Debts::default(),
            given_accounts: Arc::default(),
            stock: start.stock,
            overrides: Overrides::default(),
            book: Book::default(),
            queue: Queue::new(),
            settle: Settle::default(),
            limiter: Limiter::default(),
            streams: Streams::default(),
            heat: Heat::default(),
            trust: Trust::default(),
            refreshes: Refreshes::recover(recovered.refreshes),
            counters: Counters::default(),
            flushed: Counters::default(),
            recent: VecDeque::new(),
            events: VecDeque::new(),
            started: now,
            gap,
            holds_due: false,
            ages_due: false,
            release_due: false,
            survey_problem: None,
            hold_problem: None,
        };
        recovered.overrides.into_iter().for_each(|o| core.overrides.set(o));
        core.owe_again(recovered.owed, now);
        core
    }

    /// What was owed when we stopped is owed still, by a run that starts from now on: what the stored cause was merged with is not known.
    fn owe_again(&mut self, owed: Vec<(AgentName, Class, Resources, Cause)>, now: Timestamp) {
        for (agent, class, resources, cause) in owed {
            self.debts.recover(agent.clone(), class);
            let want = Want {
                class,
                not_before: now,
                debounce: None,
                spacing: self.stock.interval,
                since: now,
                resources,
                cause,
            };
            self.queue.add(agent, want, now);
        }
        let owed = &self.queue;
        // Agents of open refreshes that are not owed any more ran before we stopped; only changes of state are stored.
        let ran: Vec<AgentName> = self
            .refreshes
            .iter()
            .filter(|r| !r.state.is_final())
            .flat_map(|r| r.pending.iter().filter(|agent| !owed.owes(agent)).cloned())
            .collect();
        for agent in ran {
            self.refreshes.step(&agent, Step::Ran(now), now);
        }
    }

    /// The accounts changed: agents come and go. `roster` is the catalogue's for them.
    pub(crate) fn set_accounts(&mut self, accounts: Arc<Accounts>, roster: Roster, now: Timestamp) -> Changes {
        self.given_accounts = accounts;
        let before = self.view.clone();
        let (new, gone) = self.book.renew(roster.agents(), now);
        self.view = Arc::new(View { roster: Arc::new(roster), ..(*self.view).clone() });
        self.refresh_view();
        self.doubt_newly_served(&before, now);
        let mut changes = Changes::default();
        for agent in gone {
            self.queue.remove(&agent);
            self.settle.remove(&agent);
            changes.records.extend(self.debts.settle(&agent));
            let failed = self.refreshes.step(&agent, Step::Failed("its account was removed"), now);
            changes.records.extend(failed.into_iter().map(Record::Refresh));
        }
        if self.gap && self.mode != DriveMode::Off {
            self.sweep(&new, "new, or changes may have been missed", now);
        }
        if !new.is_empty() {
            // Agents that come later are new for certain.
            self.gap = true;
        }
        let served = self.given_accounts.clone();
        self.forget(|place| served.serves(&place.account), now);
        self.cadences_changed();
        changes
    }

    /// Asks for a run of each agent that its own poll may satisfy first. Nothing of it is stored: after a restart there is a sweep again.
    fn sweep(&mut self, agents: &[Arc<Agent>], why: &str, now: Timestamp) {
        for agent in agents {
            let want = Want {
                class: Class::Sweep,
                not_before: after(now, agent.interval + OWN_POLL_GRACE),
                debounce: None,
                spacing: agent.interval,
                since: now,
                resources: agent.kinds.iter().fold(Resources::default(), |mut all, kind| {
                    all.add_whole(kind.clone());
                    all
                }),
                cause: Cause::own(why, now),
            };
            self.queue.add(agent.name.clone(), want, now);
        }
    }

    pub(crate) fn set_profiles(&mut self, profiles: Profiles) {
        self.view = Arc::new(View { profiles: Arc::new(profiles), ..(*self.view).clone() });
        self.cadences_changed();
    }

    pub(crate) fn set_mode(&mut self, mode: DriveMode, now: Timestamp) {
        let before = std::mem::replace(&mut self.mode, mode);
        if before == mode {
            return;
        }
        // What a shadow of a run, or nobody, has seen meanwhile proves nothing.
        self.book.distrust_all(now);
        self.release_due |= before == DriveMode::Enforce;
        if before == DriveMode::Off {
            let agents = self.view.roster.agents().to_vec();
            self.sweep(&agents, "switched on", now);
        }
        self.holds_due = true;
    }

    /// Lets every agent go; each is held again only after a new run of it was seen.
    pub(crate) fn release_all(&mut self, now: Timestamp) {
        self.book.distrust_all(now);
        self.release_due |= self.may_touch();
    }

    pub(crate) fn overrides(&self) -> Vec<Override> {
        self.overrides.iter().cloned().collect()
    }

    pub(crate) fn set_override(&mut self, new: Override, now: Timestamp) -> Changes {
        self.overrides.set(new.clone());
        self.release_due |= self.overrides.all_killed() && self.may_touch();
        self.refresh_view();
        let mut changes = self.expire_overrides(now);
        changes.records.insert(0, Record::Override(new));
        changes.waits.push(self.debts.upcoming());
        changes
    }

    pub(crate) fn remove_override(&mut self, id: &OverrideId) -> Option<Changes> {
        self.overrides.remove(id)?;
        self.refresh_view();
        Some(Changes { records: vec![Record::OverrideRemoved(id.clone())], waits: vec![self.debts.upcoming()] })
    }

    pub(crate) fn expire_overrides(&mut self, now: Timestamp) -> Changes {
        let over = self.overrides.expire(now);
        if !over.is_empty() {
            self.refresh_view();
        }
        Changes { records: over.into_iter().map(Record::OverrideRemoved).collect(), ..Changes::default() }
    }

    fn refresh_view(&mut self) {
        let accounts = self.overrides.apply(&self.given_accounts);
        if !Arc::ptr_eq(&accounts, &self.view.accounts) {
            self.view = Arc::new(View { accounts, ..(*self.view).clone() });
        }
        self.cadences_changed();
    }

    /// Holds and ages of answers follow the cadence.
    fn cadences_changed(&mut self) {
        self.holds_due = true;
        self.ages_due = true;
    }

    /// What is remembered of places and changes that do not matter any more.
    fn forget(&mut self, keep: impl Fn(&Place) -> bool, now: Timestamp) {
        let longest = self.view.profiles.by_environment.values().map(|p| p.hot_for).max().unwrap_or_default();
        self.heat.retain(&keep, longest.max(std::time::Duration::from_secs(86_400)), now);
        self.streams.retain(&keep);
        self.trust.retain(&keep);
        self.limiter.retain(&keep, now);
    }

    /// The profile of an account; overrides of whole accounts count.
    fn profile(&self, place: &Place) -> &Profile {
        self.view.profiles.of_account(&self.view.accounts, &place.account)
    }

    /// The profile of a kind at a place; overrides of regions and kinds count as well.
    fn profile_of(&self, place: &Place, kind: &KindId) -> &Profile {
        let own = self.overrides.profile(place, kind).map(|environment| self.view.profiles.of(environment));
        own.unwrap_or_else(|| self.profile(place))
    }

    /// How often a kind may be polled at an agent's place, and why.
    pub(crate) fn cadence(&self, place: &Place, kind: &KindId, now: Timestamp) -> Cadence {
        let Some(kind) = self.view.catalog.kind(kind) else { return Cadence::stock(Reason::Unwatched) };
        let scope = kind.scope_at(place);
        self.trust.of(&scope).limited(self.cadence_of(place, kind, &scope, now))
    }

    /// The same, whatever reading again has shown.
    fn cadence_of(&self, place: &Place, kind: &Kind, scope: &Scope, now: Timestamp) -> Cadence {
        let profile = self.profile_of(place, &kind.id);
        let rates = kind.buckets.iter().map(|bucket| self.limiter.factor(place, &bucket.service, now));
        Cadence::decide(&Conditions {
            profile,
            coverage: kind.coverage,
            kind_floor: kind.floor,
            kind_ceiling: kind_ceiling(profile, kind),
            unwatched: profile.unwatched.contains(&kind.id),
            stream: self.streams.health(place, profile, now),
            hot: self.heat.is_hot(scope, profile.hot_for, now),
            rate: rates.fold(1.0, f64::min),
            fixed: self.overrides.cadence(place, &kind.id),
        })
    }

    /// How often an agent may poll, and why: the kind that can wait least decides.
    pub(crate) fn agent_cadence(&self, agent: &Agent, now: Timestamp) -> Cadence {
        if self.is_released(agent) {
            return Cadence::stock(Reason::Released);
        }
        let kinds = agent.kinds.iter().map(|kind| self.cadence(&agent.place, kind, now));
        Cadence::soonest(kinds).unwrap_or(Cadence::stock(Reason::Unwatched))
    }

    /// Whether an agent is neither to be run nor to be held.
    fn is_released(&self, agent: &Agent) -> bool {
        self.mode == DriveMode::Off || self.overrides.killed(agent)
    }

    /// What refreshes may use of a bucket of a place.
    fn rates(&self, place: &Place) -> impl Fn(&aws_event_cache_model::BucketId) -> Option<Rate> + use<> {
        let profile = self.profile(place);
        let share = self.overrides.budget(place).unwrap_or(profile.budget_share);
        let operator_share = profile.operator_share;
        let catalog = self.view.catalog.clone();
        move |bucket| {
            let bucket = catalog.bucket(bucket)?;
            Some(Rate { capacity: bucket.capacity * share, refill: bucket.refill * share, operator_share })
        }
    }

    /// When something is due, if nothing else happens before.
    pub(crate) fn next_wakeup(&self, now: Timestamp) -> Option<Timestamp> {
        [self.queue.next_wakeup(now), self.settle.next_wakeup(), self.overrides.next_expiry()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What waits for the next flush: the events heard, and what the counters grew by. Counters go on over restarts.
    pub(crate) fn flush(&mut self) -> Vec<Record> {
        let grown = self.counters.grown_since(&self.flushed);
        self.flushed = self.counters;
        let counts = grown.into_iter().map(|(name, add)| Record::Count { name: SmolStr::new_static(name), add });
        self.events.drain(..).map(Record::Event).chain(counts).collect()
    }
}

/// How seldom a kind may be read: as its file says, or the profile.
fn kind_ceiling(profile: &Profile, kind: &Kind) -> std::time::Duration {
    profile.kind_ceilings.get(&kind.id).copied().unwrap_or(kind.ceiling)
}
