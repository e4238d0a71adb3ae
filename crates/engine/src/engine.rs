//! The handle: what intake, the API and the binary call. It plans outside the lock, applies inside it, and answers when what must be durable is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use aws_event_cache_catalog::{Catalog, UnknownKind};
use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::{Drive, DriveError, HintSink, Journal, NotAccepted, Ticket};
use aws_event_cache_model::{
    Accounts, DriveMode, Evidence, Hint, Override, OverrideId, Recovered, RefreshId, RefreshOrder, RefreshRecord,
    Scope, StockPolling,
};
use futures::FutureExt;
use futures::future::Shared;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};

use crate::core::{Changes, Core, Start};
use crate::debts::Commit;
use crate::ledger::Ledger;
use crate::plan::plan;
use crate::profiles::Profiles;
use crate::runner::Runner;
use crate::status::Status;

/// Scopes and agents are looked at so many at a time, so that the lock is held for microseconds however many there are.
pub(crate) const BATCH: usize = 64;

/// Above so many open commits those that have ended without anybody waiting are swept out.
const COMMITS_KEPT: usize = 64;

/// What the engine is made of.
pub struct Parts {
    /// What is known of kinds and agents.
    pub catalog: Arc<Catalog>,
    /// Which accounts are served, now and later; may start out empty.
    pub accounts: watch::Receiver<Arc<Accounts>>,
    /// The environments' numbers.
    pub profiles: Profiles,
    /// How Clouddriver polls when left alone.
    pub stock: StockPolling,
    /// What may be done to Clouddriver.
    pub mode: DriveMode,
    /// The drive arm.
    pub drive: Arc<dyn Drive>,
    /// Where records are kept.
    pub journal: Arc<dyn Journal>,
    /// What was found there.
    pub recovered: Recovered,
    /// The time.
    pub clock: Clock,
}

/// The engine: cheap to clone, all clones are one.
///
/// Promises. A hint that was accepted leads to a run of every agent that reads what changed, started after the change by at least a second, or to a visible
/// failure with a cause; also across restarts. No agent is run by us more often than its stock interval allows, operators' orders excepted. What is not held
/// polls as stock. It does not promise that a run shows the change: AWS may answer with an older state, which second looks only narrow.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    state: Mutex<State>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) drive: Arc<dyn Drive>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Clock,
    /// Something happened that the runner should look at.
    pub(crate) wake: Notify,
    pub(crate) stopping: AtomicBool,
}

/// Core and what belongs to the order of its commits: records are handed over under the same lock under which they came about.
struct State {
    core: Core,
    commits: BTreeMap<Commit, Shared<Ticket>>,
    releases: Vec<oneshot::Sender<Result<(), DriveError>>>,
}

/// Why an order was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No account is called that.
    #[error("no Spinnaker or AWS account is called {name:?}{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownAccount {
        /// The word given.
        name: String,
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// No kind is called that.
    #[error(transparent)]
    UnknownKind(#[from] UnknownKind),
    /// The accounts, regions and kinds are known, but no agent reads such a combination.
    #[error("no agent reads these kinds in these accounts and regions")]
    NothingMatches,
    /// The drive arm is off.
    #[error("the drive arm is off (drive.mode), so nothing can be refreshed")]
    Off,
    /// It could not be made durable, or we are shutting down.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
}

impl Engine {
    /// Makes an engine, and the runner that drives it. Hints may be accepted before the runner runs.
    pub fn start(parts: Parts) -> (Engine, Runner) {
        let Parts { catalog, accounts, profiles, stock, mode, drive, journal, recovered, clock } = parts;
        let core = Core::new(Start { catalog, profiles, stock, mode, recovered }, clock.now());
        let inner = Arc::new(Inner {
            ledger: core.ledger.clone(),
            state: Mutex::new(State { core, commits: BTreeMap::new(), releases: Vec::new() }),
            drive,
            journal,
            clock,
            wake: Notify::new(),
            stopping: AtomicBool::new(false),
        });
        (Engine { inner: inner.clone() }, Runner::new(inner, accounts, stock))
    }

    /// Takes an operator's order. Durable when this returns; an equal order within ten seconds gets the same record.
    ///
    /// # Errors
    /// [`OrderError`]: a name is not known, nothing matches, the drive arm is off, or the order could not be made durable.
    pub async fn order(&self, order: RefreshOrder, by: &str) -> Result<RefreshRecord, OrderError> {
        self.inner.refuse_when_stopping()?;
        let now = self.inner.clock.now();
        let (record, waits) = {
            let mut state = self.inner.state.lock();
            let ordered = state.core.order(order, by, now)?;
            (ordered.record, self.inner.commit(&mut state, ordered.changes))
        };
        self.inner.wake.notify_one();
        self.inner.durable(waits).await?;
        Ok(record)
    }

    /// One refresh.
    pub fn refresh(&self, id: &RefreshId) -> Option<RefreshRecord> {
        self.inner.with_core(|core| core.refresh(id))
    }

    /// The newest refreshes, newest first.
    pub fn refreshes(&self, limit: usize) -> Vec<RefreshRecord> {
        self.inner.with_core(|core| core.refreshes(limit))
    }

    /// Takes a refresh back. Runs under way, and runs that others wait for too, go on. A final refresh stays as it is; `None`: there is none of that id.
    pub fn cancel(&self, id: &RefreshId) -> Option<RefreshRecord> {
        let now = self.inner.clock.now();
        self.inner.change(|core| core.cancel(id, now).map_or((None, Changes::default()), |(r, c)| (Some(r), c)))
    }

    /// The overrides in force.
    pub fn overrides(&self) -> Vec<Override> {
        self.inner.with_core(|core| core.overrides())
    }

    /// Sets an override; it is in force at once and durable when this returns. A kill switch for everything lets every agent go at once.
    ///
    /// # Errors
    /// [`NotAccepted`] when it could not be made durable; it is in force all the same, until a restart.
    pub async fn set_override(&self, new: Override) -> Result<(), NotAccepted> {
        let now = self.inner.clock.now();
        let waits = {
            let mut state = self.inner.state.lock();
            let changes = state.core.set_override(new, now);
            self.inner.commit(&mut state, changes)
        };
        self.inner.wake.notify_one();
        self.inner.durable(waits).await
    }

    /// Takes an override back. Returns whether there was one.
    ///
    /// # Errors
    /// [`NotAccepted`] when that could not be made durable; it is in force all the same, until a restart.
    pub async fn remove_override(&self, id: &OverrideId) -> Result<bool, NotAccepted> {
        let waits = {
            let mut state = self.inner.state.lock();
            let Some(changes) = state.core.remove_override(id) else { return Ok(false) };
            self.inner.commit(&mut state, changes)
        };
        self.inner.wake.notify_one();
        self.inner.durable(waits).await.map(|()| true)
    }

    /// What the engine says of itself.
    pub fn status(&self) -> Status {
        let now = self.inner.clock.now();
        let (mut status, view) = self.inner.with_core(|core| (core.status(now), core.view.clone()));
        let scopes = Core::scopes(&view.catalog, view.roster.agents());
        for batch in scopes.chunks(BATCH) {
            let part = self.inner.with_core(|core| {
                batch.iter().map(|(scope, agents)| core.scope_status(scope, agents, now)).collect::<Vec<_>>()
            });
            status.scopes.extend(part);
        }
        status
    }

    /// What the drive arm may do from now on. Leaving `enforce` lets every agent go.
    pub fn set_mode(&self, mode: DriveMode) {
        let now = self.inner.clock.now();
        self.inner.with_core(|core| core.set_mode(mode, now));
        self.inner.wake.notify_one();
    }

    /// Other numbers for the environments, from a reload.
    pub fn set_profiles(&self, profiles: Profiles) {
        self.inner.with_core(|core| core.set_profiles(profiles));
        self.inner.wake.notify_one();
    }

    /// Lets every agent go, and returns when that is done. Each is held again after its next run; a kill switch keeps them free.
    ///
    /// # Errors
    /// [`DriveError`] when the lock store cannot be written; holds then end by themselves within two minutes.
    pub async fn release_all(&self) -> Result<(), DriveError> {
        let now = self.inner.clock.now();
        let done = {
            let mut state = self.inner.state.lock();
            state.core.release_all(now);
            if !state.core.release_due {
                return Ok(());
            }
            let (tell, done) = oneshot::channel();
            state.releases.push(tell);
            done
        };
        self.inner.wake.notify_one();
        // The runner is gone when nobody answers; it has let every agent go before it went.
        done.await.unwrap_or(Ok(()))
    }

    /// Takes what reading again showed about a scope in which no event and no write had announced a change. A change that nothing announced cuts the age of the
    /// scope's answers, and the time between its polls, to stock at once; see [`trust`](crate::trust).
    pub fn evidence(&self, scope: &Scope, evidence: Evidence) {
        let now = self.inner.clock.now();
        self.inner.with_core(|core| core.evidence(scope, evidence, now));
        if evidence == Evidence::Differs {
            // Agents that are held too long now are let go.
            self.inner.wake.notify_one();
        }
    }

    /// The ledger of generations, for those that keep answers.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.inner.ledger.clone()
    }
}

#[async_trait]
impl HintSink for Engine {
    async fn accept(&self, hints: Vec<Hint>) -> Result<(), NotAccepted> {
        self.inner.refuse_when_stopping()?;
        let now = self.inner.clock.now();
        let view = self.inner.with_core(|core| core.view.clone());
        let plans: Vec<_> = hints
            .into_iter()
            .map(|hint| {
                let plan = plan(&hint, &view.catalog, &view.roster, &view.accounts, &view.profiles, now);
                (hint, plan)
            })
            .collect();
        let waits = {
            let mut state = self.inner.state.lock();
            let mut changes = Changes::default();
            for (hint, plan) in plans {
                state.core.accept(hint, plan, now, &mut changes);
            }
            self.inner.commit(&mut state, changes)
        };
        self.inner.wake.notify_one();
        self.inner.durable(waits).await
    }
}

impl Inner {
    /// Looks at, or changes, the core; nothing of it needs to be written.
    pub(crate) fn with_core<T>(&self, what: impl FnOnce(&mut Core) -> T) -> T {
        what(&mut self.state.lock().core)
    }

    /// Changes the core and hands its records over, without waiting for them.
    pub(crate) fn change<T>(&self, what: impl FnOnce(&mut Core) -> (T, Changes)) -> T {
        let mut state = self.state.lock();
        let (value, changes) = what(&mut state.core);
        self.commit(&mut state, changes);
        value
    }

    /// Tells those who asked that every agent was let go.
    pub(crate) fn released(&self, result: &Result<(), DriveError>) {
        let waiting = std::mem::take(&mut self.state.lock().releases);
        for tell in waiting {
            // Who asked may have gone; then nobody needs the answer.
            tell.send(result.clone()).ok();
        }
    }

    fn refuse_when_stopping(&self) -> Result<(), NotAccepted> {
        if self.stopping.load(Ordering::Acquire) { Err(NotAccepted::ShuttingDown) } else { Ok(()) }
    }

    /// Hands records over, in the order in which they came about. Returns what the caller has to wait for.
    fn commit(&self, state: &mut State, changes: Changes) -> Vec<(Commit, Shared<Ticket>)> {
        if !changes.records.is_empty() {
            let ticket = self.journal.append(changes.records).shared();
            let commit = state.core.debts.seal();
            if changes.waits.contains(&commit) {
                state.commits.insert(commit, ticket);
            }
        }
        if state.commits.len() > COMMITS_KEPT {
            state.commits.retain(|_, ticket| ticket.clone().now_or_never() != Some(Ok(())));
        }
        changes.waits.iter().filter_map(|commit| Some((*commit, state.commits.get(commit)?.clone()))).collect()
    }

    /// Waits until these commits are durable. What was in one that failed is not owed durably, and is written again when it is next asked for.
    async fn durable(&self, waits: Vec<(Commit, Shared<Ticket>)>) -> Result<(), NotAccepted> {
        let mut result = Ok(());
        for (commit, ticket) in waits {
            let ended = ticket.await;
            let mut state = self.state.lock();
            state.commits.remove(&commit);
            if ended.is_err() {
                state.core.commit_failed(commit);
                result = ended;
            }
        }
        result
    }
}
