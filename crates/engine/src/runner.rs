//! The runner: the one loop that moves values between the core, the drive arm and the journal.
//!
//! It owns its work (no channel back to itself that could fill up), sets off at most [`FLIGHTS`] refreshes at once, has at most one survey and one writer of holds
//! under way, and cancels nothing half done: at shutdown what is in flight gets a moment, and what does not end is owed to the next start.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_event_cache_model::seam::DriveError;
use aws_event_cache_model::telemetry::{Metric, count, set};
use aws_event_cache_model::{
    Accounts, AgentName, AgentSeen, DriveMode, Hold, Means, Outcome, Retry, StockPolling, Timestamp,
};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;

use crate::cadence::Reason;
use crate::core::{Changes, Core, Flight};
use crate::engine::{BATCH, Inner};
use crate::moment::after;

/// So many refreshes are under way at once. Each only waits for a lock to change, so it costs a few hundred bytes; a Clouddriver replica runs 100 agents at once
/// (SQL scheduler) or as many as are due (Redis), so with more of our own no slow agent keeps an operator's refresh from being set off.
pub const FLIGHTS: usize = 256;

/// How often every agent's lock is looked at. An agent that ran by itself must be held before its own lock ends 30 s later, and a look costs one read of the lock
/// store for all of them.
pub const SURVEY_EVERY: Duration = Duration::from_secs(5);

/// How often holds are renewed. The locks written live for two minutes at most, so five renewals may fail before an agent polls by itself.
pub const RENEW_EVERY: Duration = Duration::from_secs(20);

/// Longest time for one survey or one writing of holds: a lock store that needs longer is as good as down.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How long refreshes in flight may go on at shutdown. A forced run is seen to end within about a second.
const GRACE: Duration = Duration::from_secs(2);

/// How long letting every agent go may take at shutdown; after that their holds end by themselves.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// Something that was under way and has ended.
enum Done {
    Refreshed(Box<Flight>, Outcome),
    Surveyed(Result<Vec<AgentSeen>, DriveError>),
    Held(Result<(), DriveError>),
    Released(Result<(), DriveError>),
}

/// Drives an engine until it is told to stop.
pub struct Runner {
    inner: Arc<Inner>,
    accounts: watch::Receiver<Arc<Accounts>>,
    stock: StockPolling,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    flights: usize,
    /// A survey is under way.
    surveying: bool,
    /// Every agent known has been looked at; before that nobody knows which runs would come too early.
    surveyed: bool,
    next_survey: Timestamp,
    next_ages: Timestamp,
    /// Holds are being written, or every agent let go.
    writing_holds: bool,
    holds: Vec<Hold>,
    next_renewal: Timestamp,
}

impl Runner {
    pub(crate) fn new(inner: Arc<Inner>, accounts: watch::Receiver<Arc<Accounts>>, stock: StockPolling) -> Self {
        let now = inner.clock.now();
        Self {
            inner,
            accounts,
            stock,
            work: FuturesUnordered::new(),
            flights: 0,
            surveying: false,
            surveyed: false,
            next_survey: now,
            next_ages: now,
            writing_holds: false,
            holds: Vec::new(),
            next_renewal: now,
        }
    }

    /// Runs until `shutdown` resolves; then lets every agent go.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        self.take_accounts();
        let mut feed = true;
        loop {
            let now = self.inner.clock.now();
            self.begin(now);
            let wake = self.next_wakeup(now);
            let inner = self.inner.clone();
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(done) = self.work.next(), if !self.work.is_empty() => self.end(done),
                changed = self.accounts.changed(), if feed => match changed {
                    Ok(()) => self.take_accounts(),
                    // Nobody feeds accounts any more; those that we know stay.
                    Err(_) => feed = false,
                },
                () = inner.wake.notified() => {}
                () = inner.clock.sleep_until(wake) => {}
            }
        }
        self.stop().await;
    }

    fn take_accounts(&mut self) {
        let accounts = self.accounts.borrow_and_update().clone();
        // Joining is done outside the lock: it is the one long computation.
        let catalog = self.inner.with_core(|core| core.view.catalog.clone());
        let roster = catalog.roster(&accounts, &self.stock);
        let now = self.inner.clock.now();
        tracing::info!(accounts = accounts.len(), agents = roster.agents().len(), "accounts taken");
        self.inner.change(|core| ((), core.set_accounts(accounts, roster, now)));
        self.surveyed = false;
        self.next_survey = now;
    }

    /// Begins what is due.
    fn begin(&mut self, now: Timestamp) {
        self.write_ages(now);
        self.begin_survey(now);
        self.begin_holds(now);
        if !self.surveyed {
            return;
        }
        self.inner.change(|core| ((), core.tick(now)));
        while self.flights < FLIGHTS {
            let (flight, touch) = self.inner.change(|core| {
                let mut changes = Changes::default();
                let flight = core.next(now, &mut changes);
                ((flight, core.may_touch()), changes)
            });
            let Some(flight) = flight else { break };
            self.flights += 1;
            self.work.push(fly(self.inner.clone(), flight, touch));
        }
    }

    /// Says how old answers may get. By a time of its own: a lock store that hangs must not keep ages up that a silent stream has cut.
    fn write_ages(&mut self, now: Timestamp) {
        let due = self.inner.with_core(|core| std::mem::take(&mut core.ages_due));
        if !due && now < self.next_ages {
            return;
        }
        self.next_ages = after(now, SURVEY_EVERY);
        for batch in self.inner.ledger.scopes().chunks(BATCH) {
            self.inner.with_core(|core| {
                batch.iter().for_each(|(scope, entry)| entry.set_max_age(core.max_age(scope, now)));
            });
        }
    }

    fn begin_survey(&mut self, now: Timestamp) {
        if self.surveying || now < self.next_survey {
            return;
        }
        self.next_survey = after(now, SURVEY_EVERY);
        let (mode, view) = self.inner.with_core(|core| (core.mode, core.view.clone()));
        let names: Vec<AgentName> = view.roster.agents().iter().map(|agent| agent.name.clone()).collect();
        self.flush();
        if mode == DriveMode::Off || names.is_empty() {
            self.surveyed = true;
            return;
        }
        self.surveying = true;
        let inner = self.inner.clone();
        let look = async move { Done::Surveyed(limited(&inner, inner.drive.survey(&names)).await) };
        self.work.push(look.boxed());
    }

    /// Writes holds when they changed, and renews them from time to time; lets every agent go when that was asked for.
    fn begin_holds(&mut self, now: Timestamp) {
        if self.writing_holds {
            return;
        }
        if self.inner.with_core(|core| std::mem::take(&mut core.release_due)) {
            self.writing_holds = true;
            self.holds.clear();
            let inner = self.inner.clone();
            let release = async move { Done::Released(limited(&inner, inner.drive.release_all()).await) };
            self.work.push(release.boxed());
            return;
        }
        let due = self.inner.with_core(|core| std::mem::take(&mut core.holds_due));
        if !due && now < self.next_renewal {
            return;
        }
        let (holds, touch) = self.decide_holds(now);
        let renew = now >= self.next_renewal && !holds.is_empty();
        if now >= self.next_renewal {
            self.next_renewal = after(now, RENEW_EVERY);
            self.gauge_scopes(now);
        }
        if !touch || !(renew || holds != self.holds) {
            return;
        }
        self.next_renewal = after(now, RENEW_EVERY);
        self.holds.clone_from(&holds);
        self.writing_holds = true;
        let inner = self.inner.clone();
        let write = async move { Done::Held(limited(&inner, inner.drive.hold(&holds)).await) };
        self.work.push(write.boxed());
    }

    fn decide_holds(&self, now: Timestamp) -> (Vec<Hold>, bool) {
        let (view, touch) = self.inner.with_core(|core| (core.view.clone(), core.may_touch()));
        let batches = view.roster.agents().chunks(BATCH);
        let holds = batches.flat_map(|batch| self.inner.with_core(|core| core.holds(batch, now))).collect();
        (holds, touch)
    }

    /// How many scopes are polled as they are for which reason.
    fn gauge_scopes(&self, now: Timestamp) {
        let view = self.inner.with_core(|core| core.view.clone());
        let mut counts: BTreeMap<Reason, usize> = Reason::ALL.iter().map(|reason| (*reason, 0)).collect();
        for batch in Core::scopes(&view.catalog, view.roster.agents()).chunks(BATCH) {
            self.inner.with_core(|core| core.count_reasons(batch, &mut counts, now));
        }
        for (reason, scopes) in counts {
            set(Metric::ScopesByState, scopes as f64, &[("reason", reason.as_str())]);
        }
    }

    /// Takes what has ended.
    fn end(&mut self, done: Done) {
        let now = self.inner.clock.now();
        match done {
            Done::Refreshed(flight, outcome) => {
                self.flights -= 1;
                self.inner.change(|core| ((), core.outcome(*flight, outcome, now)));
            }
            Done::Surveyed(result) => {
                self.surveying = false;
                self.surveyed = true;
                self.take_survey(result, now);
            }
            Done::Held(result) => {
                self.writing_holds = false;
                if result.is_err() {
                    count(Metric::LockStoreErrors, &[("call", "hold")]);
                    // What was written is not known: write again with the next survey.
                    self.holds.clear();
                }
                self.inner.with_core(|core| core.hold_problem = problem(&result));
            }
            Done::Released(result) => {
                self.writing_holds = false;
                if let Err(error) = &result {
                    tracing::warn!(%error, "agents could not be let go; their holds end by themselves");
                }
                self.inner.released(&result);
                self.inner.with_core(|core| core.holds_due = true);
            }
        }
    }

    fn take_survey(&mut self, result: Result<Vec<AgentSeen>, DriveError>, now: Timestamp) {
        let why = problem(&result);
        if let Ok(seen) = result {
            for batch in seen.chunks(BATCH) {
                self.inner.change(|core| ((), core.seen(batch, now)));
            }
        } else {
            count(Metric::LockStoreErrors, &[("call", "survey")]);
        }
        self.inner.with_core(|core| {
            if core.survey_problem != why {
                tracing::warn!(problem = why.as_deref().unwrap_or("none"), "agents' locks");
            }
            core.survey_problem = why;
            core.tidy(now);
            core.gauges(now);
            core.holds_due = true;
        });
    }

    /// Hands over what need not be durable at once.
    fn flush(&self) {
        let records = self.inner.with_core(|core| core.flush());
        if !records.is_empty() {
            // Nobody waits for these: the list of recent events and counters may lose their last seconds.
            drop(self.inner.journal.append(records));
        }
    }

    fn next_wakeup(&self, now: Timestamp) -> Timestamp {
        let survey = if self.surveying { Timestamp::MAX } else { self.next_survey };
        let holds = if self.writing_holds { Timestamp::MAX } else { self.next_renewal };
        let free = self.surveyed && self.flights < FLIGHTS;
        let core = if free { self.inner.with_core(|core| core.next_wakeup(now)) } else { None };
        core.unwrap_or(Timestamp::MAX).min(survey).min(holds).min(self.next_ages)
    }

    async fn stop(mut self) {
        self.inner.stopping.store(true, Ordering::Release);
        let clock = self.inner.clock.clone();
        let grace = tokio::time::sleep(GRACE);
        tokio::pin!(grace);
        while !self.work.is_empty() {
            tokio::select! {
                Some(done) = self.work.next() => self.end(done),
                () = &mut grace => break,
            }
        }
        let inner = self.inner.clone();
        if inner.with_core(|core| core.may_touch()) {
            let result = tokio::time::timeout(RELEASE_LIMIT, inner.drive.release_all()).await;
            match result {
                Ok(Ok(())) => tracing::info!(at = %clock.now(), "every agent let go"),
                Ok(Err(error)) => tracing::warn!(%error, "agents could not be let go; their holds end by themselves"),
                Err(_) => tracing::warn!("letting agents go took too long; their holds end by themselves"),
            }
        }
        inner.released(&Ok(()));
        self.flush();
    }
}

fn problem<T>(result: &Result<T, DriveError>) -> Option<String> {
    result.as_ref().err().map(ToString::to_string)
}

/// Gives a call to the lock store a limit in real time.
async fn limited<T>(inner: &Inner, call: impl Future<Output = Result<T, DriveError>>) -> Result<T, DriveError> {
    let late = || DriveError::LockStore(format!("no answer within {} s", CALL_LIMIT.as_secs()));
    tokio::time::timeout(inner.clock.real(CALL_LIMIT).max(GRACE), call).await.unwrap_or_else(|_| Err(late()))
}

/// Carries a refresh out. A drive arm that panics or never answers costs this refresh an attempt, and nobody else anything.
fn fly(inner: Arc<Inner>, flight: Flight, touch: bool) -> BoxFuture<'static, Done> {
    async move {
        let outcome = if touch {
            let agent = &flight.request.agent;
            // A run of its own may have to end first; then comes ours.
            let limit = agent.timeout.saturating_mul(2).saturating_add(agent.interval);
            let call = AssertUnwindSafe(inner.drive.refresh(&flight.request)).catch_unwind();
            match tokio::time::timeout(inner.clock.real(limit).max(GRACE), call).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => failed("the drive arm panicked; its log says why".to_owned()),
                Err(_) => failed(format!("no run was seen within {} s", limit.as_secs())),
            }
        } else {
            let now = inner.clock.now();
            Outcome::Refreshed { started: now, ended: now, means: Means::WouldForce }
        };
        Done::Refreshed(Box::new(flight), outcome)
    }
    .boxed()
}

fn failed(why: String) -> Outcome {
    Outcome::Failed { why, retry: Retry::Backoff }
}

#[cfg(test)]
mod tests;
