//! The plugin's shell: looks, runs, hands out intervals, and lets agents go whose intervals are no longer wanted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, count, set};
use aws_event_cache_model::{Agent, AgentName, AgentSeen, AgentState, Hold, RefreshRequest, Timestamp};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::fleet::{ReplicaState, Sight};
use super::intervals::{Intervals, Resting};
use super::replica::called;
use super::replicas::Replicas;
use super::story::Story;
use super::text::RunAnswer;
use crate::lock::{Lock, earlier, later, span};
use crate::lock_store::{LockStoreError, Written, chain};
use crate::memory::Memory;
use crate::run::Input;
use crate::watcher::Watcher;
use crate::way::Way;

/// Time between two looks while refreshes are under way. Each brings the whole list of agents, so it is longer than for a lock store; the start and the end of a run are
/// seen this much later at worst.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often it is seen to that agents are let go. With [`super::intervals::OVERDUE`] it is how much later than as stock an agent may poll that is no longer held.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// Intervals that nobody has fetched for this long do nothing: the plugin fetches them every five seconds.
const FETCH_PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Plugin {
    replicas: Arc<Replicas>,
    watcher: Arc<Watcher<Replicas>>,
    intervals: Mutex<Intervals>,
    memory: Arc<Memory>,
    started: Timestamp,
    clock: Clock,
}

/// A plugin's shell and its loops, which end with this.
pub(crate) struct Kept {
    pub(crate) plugin: Arc<Plugin>,
    _loops: [AbortOnDropHandle<()>; 2],
}

impl Plugin {
    #[allow(clippy::disallowed_methods, reason = "the two loops of this shell; they end with it")]
    pub(crate) fn start(replicas: Arc<Replicas>, memory: Arc<Memory>, clock: Clock) -> Kept {
        let watcher = Watcher::new(Arc::clone(&replicas), LOOK_EVERY, clock.clone());
        let (intervals, started) = (Mutex::default(), clock.now());
        let plugin = Arc::new(Self { replicas, watcher: Arc::clone(&watcher), intervals, memory, started, clock });
        let loops = [
            AbortOnDropHandle::new(tokio::spawn(watcher.run())),
            AbortOnDropHandle::new(tokio::spawn(Arc::clone(&plugin).keep())),
        ];
        Kept { plugin, _loops: loops }
    }

    pub(crate) fn describe(&self) -> String {
        self.replicas.describe()
    }

    pub(crate) fn states(&self) -> Vec<ReplicaState> {
        self.replicas.states()
    }

    pub(crate) fn stock(&self, agent: &AgentName) -> Option<Duration> {
        self.replicas.stock(agent)
    }

    pub(crate) async fn look(&self) {
        self.replicas.look(self.clock.now()).await;
    }

    /// When the plugin fetched the intervals last, and how many agents are held.
    pub(crate) fn held(&self) -> (Option<Timestamp>, usize) {
        let intervals = self.intervals.lock();
        (intervals.fetched(), intervals.held())
    }

    /// Looks at agents. Of one that cannot be looked at for certain, what was seen last is told: it keeps its hold.
    pub(crate) async fn survey(&self, agents: &[AgentName]) -> Result<Vec<AgentSeen>, LockStoreError> {
        self.look().await;
        let states = self.replicas.states();
        if !states.iter().any(|replica| replica.failure.is_none()) {
            let why = states.iter().find_map(|replica| replica.failure.clone());
            return Err(self.useless(why.unwrap_or_else(|| "nothing: its address leads nowhere".to_owned())));
        }
        Ok(agents.iter().map(|agent| AgentSeen { agent: agent.clone(), state: self.state(agent) }).collect())
    }

    fn state(&self, agent: &AgentName) -> AgentState {
        match self.replicas.sight(agent) {
            Sight::Unknown | Sight::Released { .. } => AgentState::Absent,
            Sight::Running { since } => AgentState::Running { since },
            Sight::Waiting(waiting) => waiting.started.map_or(AgentState::Absent, |started| self.idle(agent, started)),
            Sight::Uncertain { started, .. } => started.map_or(AgentState::Absent, |started| self.idle(agent, started)),
        }
    }

    fn idle(&self, agent: &AgentName, started: Timestamp) -> AgentState {
        let stock = self.replicas.stock(agent).unwrap_or_default();
        let interval = self.intervals.lock().interval(agent, stock).unwrap_or(stock);
        AgentState::Idle { started, until: later(started, interval) }
    }

    /// Replaces who is to be held. The plugin sees it with its next fetch.
    pub(crate) fn hold(&self, holds: &[Hold]) -> Result<(), LockStoreError> {
        let now = self.clock.now();
        let mut intervals = self.intervals.lock();
        intervals.want(holds, |agent| self.watcher.is_watched(agent), now);
        gauge(intervals.held());
        let heard = intervals.fetched().unwrap_or(self.started);
        if !holds.is_empty() && span(heard, now) > FETCH_PATIENCE {
            return Err(self.useless(format!(
                "nothing: no Clouddriver has fetched its agents' intervals from here for {} s; are aws-event-cache.base-url and aws-event-cache.secret right there, and is the secret a token of role read here (server.tokens)?",
                span(heard, now).as_secs()
            )));
        }
        Ok(())
    }

    /// What the plugin is to use instead of its own intervals, for [`super::intervals::VALID_FOR`].
    pub(crate) fn hand_out(&self) -> BTreeMap<AgentName, Duration> {
        let mut intervals = self.intervals.lock();
        let given = intervals.hand_out(|agent| self.replicas.stock(agent), self.clock.now());
        gauge(intervals.held());
        given
    }

    /// Ends every hold: nothing is handed out any more, and who should have run by its own interval runs now. The others are let go when that has passed.
    pub(crate) async fn release_all(&self) -> Result<(), LockStoreError> {
        self.intervals.lock().stop(self.memory.agents(), self.clock.now());
        gauge(0);
        self.look().await;
        self.let_go().await
    }

    async fn keep(self: Arc<Self>) {
        loop {
            self.clock.sleep(KEEP_EVERY).await;
            let now = self.clock.now();
            if self.intervals.lock().stretched(now).is_empty() {
                continue;
            }
            self.replicas.look(earlier(now, KEEP_EVERY)).await;
            if let Err(error) = self.let_go().await {
                tracing::warn!(
                    error = chain(&error),
                    "agents could not be let go; they poll by themselves within two minutes"
                );
            }
        }
    }

    /// Runs agents that should have run by now, as many at once as the plugin takes.
    async fn let_go(&self) -> Result<(), LockStoreError> {
        let mut result = Ok(());
        for (replica, agents) in self.overdue() {
            if let Err(error) = self.replicas.run(&replica, &agents).await {
                count(Metric::LockStoreErrors, &[]);
                result = Err(error);
            }
        }
        result
    }

    /// By the replica that has each one's lock. Whoever is being refreshed is about to run anyway.
    fn overdue(&self) -> BTreeMap<String, Vec<AgentName>> {
        let now = self.clock.now();
        let intervals = self.intervals.lock();
        let mut overdue: BTreeMap<String, Vec<AgentName>> = BTreeMap::new();
        for agent in intervals.stretched(now) {
            let Sight::Waiting(waiting) = self.replicas.sight(&agent) else { continue };
            let Some(started) = waiting.started.filter(|_| !self.watcher.is_watched(&agent)) else { continue };
            let resting = Resting { started, stock: waiting.stock, failed: waiting.failed };
            if intervals.is_overdue(&agent, resting, now) {
                overdue.entry(waiting.replica.to_string()).or_default().push(agent);
            }
        }
        overdue
    }

    fn useless(&self, said: String) -> LockStoreError {
        LockStoreError::Unexpected { store: self.describe(), said }
    }
}

#[async_trait]
impl Way for Plugin {
    type Source = Replicas;
    type Story = Story;

    fn watcher(&self) -> &Arc<Watcher<Replicas>> {
        &self.watcher
    }

    fn input(&self, agent: &Agent, sight: Sight, asked: Timestamp, story: &mut Story) -> Input {
        story.read(sight, agent.timeout, asked)
    }

    /// Asks the replica that has its lock, which the lock that was seen names.
    async fn release(&self, request: &RefreshRequest, seen: &Lock, story: &mut Story) -> Input {
        let agent = std::slice::from_ref(&request.agent.name);
        let answer = self.replicas.run(&seen.owner, agent).await;
        tracing::debug!(agent = %request.agent.name, replica = %seen.owner, ?answer, "asked the plugin to run an agent");
        match answer {
            Ok(answers) => match answers[..] {
                [RunAnswer::Started] => {
                    count(Metric::ForcedRuns, &[("class", request.class.as_str())]);
                    story.told(seen);
                    Input::Released(Written::Done)
                }
                [RunAnswer::Running] => Input::Released(Written::Conflict),
                [RunAnswer::Disabled] => {
                    Input::Refused(format!("{} says that it is disabled there", called(&seen.owner)))
                }
                _ => Input::Refused(format!("{} does not know it", called(&seen.owner))),
            },
            Err(error) => {
                count(Metric::LockStoreErrors, &[]);
                Input::Unreadable(chain(&error))
            }
        }
    }
}

fn gauge(held: usize) {
    set(Metric::AgentsHeld, u32::try_from(held).unwrap_or(u32::MAX).into(), &[]);
}
