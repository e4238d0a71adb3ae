//! One refresh of one agent: from the wish to the end of a run that counts. A pure state machine over looks at the agent's lock.
//!
//! ```text
//!            idle or held: take the lock away            lock of a run            lock idle again, or gone
//!   Look ───────────────────────────────> AwaitStart ────────────────> AwaitEnd ───────────────────────────> done
//!    │ ^  running since before the wish: wait for its end                 ^
//!    │ └──────────────<──────────────┐                                    │
//!    └── running since the wish ─────────────────────────────────────────┘
//! ```
//!
//! A run counts if it started after the wish (`since`). There are two proofs of it:
//!
//! - *We saw the agent wait.* After `since` its lock was absent, idle or held; whatever run shows later began later. No clocks are compared.
//! - *The lock says so.* The first look finds a run that by its lock began after `since`, by at least [`Lock::slack`], since the replica's clock is not ours.
//!
//! Invariants, tested below against a model of an agent: success is only reported when a run that started at or after `since` has ended; a lock is only taken away
//! while the model's agent does not run.

use std::time::Duration;

use aws_event_cache_model::{AgentState, Means, Outcome, Retry, Timestamp};

use crate::lock::{Lock, SAME, SAME_KEY, Timing, later, span};
use crate::lock_store::Written;

/// A released agent must start within this time. Schedulers tick once a second, and a released agent was seen to start within 1.02 s; a replica whose slots are all
/// busy takes longer. Beyond this something is wrong that a person should hear of.
pub const START_PATIENCE: Duration = Duration::from_secs(30);

/// Time that a run may take beyond the life of its lock until we stop watching: a tick and a look.
pub const END_PATIENCE: Duration = Duration::from_secs(10);

/// How long the lock store may be unreadable in the middle of a refresh: long enough for a failover of Redis or of a managed database's primary.
pub const STORE_PATIENCE: Duration = Duration::from_secs(60);

/// How many times a replica may be faster than we before the refresh is handed back to the queue: each time means that the lock was just written.
pub const CONFLICTS: u32 = 10;

/// A look at one agent's lock.
#[derive(Debug, Clone)]
pub struct Look {
    /// The lock, if there is one.
    pub lock: Option<Lock>,
    /// What it means.
    pub state: AgentState,
    /// When the lock store was asked: the lock is at least this new.
    pub asked: Timestamp,
    /// When the last run that is known to have ended started.
    pub last_run: Option<Timestamp>,
}

/// What the state machine is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// A look at the lock. Only looks that were begun after the last release was answered.
    Seen(Look),
    /// The answer to [`Action::Release`].
    Released(Written),
    /// The lock store did not answer, and why.
    Unreadable(String),
    /// The agent will not be run, and why; another answer to [`Action::Release`].
    Refused(String),
    /// Clouddriver's introspection shows a run that started then and has ended.
    Confirmed {
        /// When it started, by the replica's clock.
        started: Timestamp,
    },
}

/// What the state machine wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The next look.
    Watch,
    /// Take this lock away if it still is what was seen, and tell what came of it.
    Release(Lock),
    /// It is over.
    End(Outcome),
}

/// Where a refresh stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Nothing is known of the agent yet, or a replica was faster and it is looked at again.
    Look,
    /// A run that began too early is under way: another one must follow it.
    AwaitFree {
        /// Since when we wait.
        from: Timestamp,
    },
    /// The lock is being taken away.
    Releasing,
    /// No lock: a scheduler's next tick starts the agent.
    AwaitStart {
        /// Since when; whatever run shows now began later.
        from: Timestamp,
        /// Whether we made it so.
        means: Means,
    },
    /// A run that counts is under way.
    AwaitEnd {
        /// When it began, by its lock.
        by_lock: Timestamp,
        /// When it began, as reported: never before we saw the agent wait.
        started: Timestamp,
        /// Whether we made it so.
        means: Means,
    },
}

/// One refresh under way.
#[derive(Debug, Clone)]
pub struct Run {
    since: Timestamp,
    timing: Timing,
    stage: Stage,
    conflicts: u32,
    unreadable_from: Option<Timestamp>,
}

impl Run {
    /// A refresh of an agent so timed; a run must start at or after `since` to count.
    pub fn new(since: Timestamp, timing: Timing) -> Self {
        Self { since, timing, stage: Stage::Look, conflicts: 0, unreadable_from: None }
    }

    /// Where it stands.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Whether introspection could tell what the lock cannot: that a run has ended of an agent whose idle lock looks like a running one.
    pub fn wants_confirmation(&self) -> bool {
        self.timing.is_unclear() && matches!(self.stage, Stage::AwaitEnd { .. })
    }

    /// Takes what is new and says what to do.
    pub fn step(&mut self, input: Input, now: Timestamp) -> Action {
        if !matches!(input, Input::Unreadable(_)) {
            self.unreadable_from = None;
        }
        match input {
            Input::Seen(look) => self.seen(&look, now),
            Input::Released(Written::Done) => self.wait(Stage::AwaitStart { from: now, means: Means::ForcedRun }),
            Input::Released(Written::Conflict) => self.conflict(),
            Input::Unreadable(why) => self.unreadable(&why, now),
            Input::Refused(why) => failed(&format!("it was not run: {why}")),
            Input::Confirmed { started } => self.confirmed(started, now),
        }
    }

    fn seen(&mut self, look: &Look, now: Timestamp) -> Action {
        if look.lock.as_ref().is_some_and(Lock::is_endless) {
            return failed(
                "the agent's lock has no expiry, so Clouddriver will never run it again; somebody wrote it by hand: delete that key",
            );
        }
        match self.stage.clone() {
            Stage::Look | Stage::Releasing => self.first(look, now, now),
            Stage::AwaitFree { from } => self.first(look, from, now),
            Stage::AwaitStart { from, means } => self.awaiting_start(look, from, means, now),
            Stage::AwaitEnd { by_lock, started, means } => self.awaiting_end(look, by_lock, started, means, now),
        }
    }

    /// Before we have done anything: does a run count already, must one be waited for, or can the agent be run?
    fn first(&mut self, look: &Look, from: Timestamp, now: Timestamp) -> Action {
        match (look.state, &look.lock) {
            (AgentState::Running { since }, Some(lock)) if self.counts(since, lock) => {
                self.wait(Stage::AwaitEnd { by_lock: since, started: since, means: Means::OwnRun })
            }
            (AgentState::Running { .. }, _) if span(from, now) > self.timing.timeout + END_PATIENCE => failed(
                "a run that began before the change has not ended for longer than its timeout; is the timeout configured here the one that Clouddriver uses?",
            ),
            (AgentState::Running { .. }, _) => self.wait(Stage::AwaitFree { from }),
            (AgentState::Idle { started, .. }, Some(lock)) if self.counts(started, lock) => own_run(started, now),
            (AgentState::Held { .. }, Some(lock)) if look.last_run.is_some_and(|run| self.counts(run, lock)) => {
                own_run(look.last_run.unwrap_or(now), now)
            }
            (AgentState::Idle { .. } | AgentState::Held { .. }, Some(lock)) if look.asked >= self.since => {
                self.stage = Stage::Releasing;
                Action::Release(lock.clone())
            }
            (AgentState::Absent, _) if look.asked >= self.since => {
                self.wait(Stage::AwaitStart { from: now, means: Means::OwnRun })
            }
            _ => Action::Watch,
        }
    }

    fn awaiting_start(&mut self, look: &Look, from: Timestamp, means: Means, now: Timestamp) -> Action {
        match look.state {
            AgentState::Running { since } => {
                self.wait(Stage::AwaitEnd { by_lock: since, started: since.max(from), means })
            }
            // The run was too short to be seen.
            AgentState::Idle { started, .. } => refreshed(started.max(from), now, means),
            // Another instance of ours put its hand on it.
            AgentState::Held { .. } => self.first(look, now, now),
            AgentState::Absent if span(from, now) > START_PATIENCE => failed(match means {
                Means::ForcedRun => {
                    "its lock was released but no replica started it; is the agent disabled or unknown in Clouddriver, or are the caching replicas down or at their limit of concurrent agents?"
                }
                _ => {
                    "it has no lock and no replica starts it; is the agent disabled or unknown in Clouddriver, are the caching replicas down, or is this not Clouddriver's lock store?"
                }
            }),
            AgentState::Absent => Action::Watch,
        }
    }

    fn awaiting_end(
        &mut self,
        look: &Look,
        by_lock: Timestamp,
        started: Timestamp,
        means: Means,
        now: Timestamp,
    ) -> Action {
        match look.state {
            // A key's start seems to move a little from look to look.
            AgentState::Running { since } if since <= later(by_lock, SAME_KEY) => {
                if span(started, now) > self.timing.timeout + END_PATIENCE {
                    failed("its run did not end within the agent's timeout")
                } else {
                    Action::Watch
                }
            }
            // Idle again, its key deleted because the next poll is due, or already in the run after it.
            _ => refreshed(started, now, means),
        }
    }

    fn conflict(&mut self) -> Action {
        self.conflicts += 1;
        self.stage = Stage::Look;
        if self.conflicts > CONFLICTS {
            return failed(
                "its lock changed at every attempt to release it; does something else write to the lock store?",
            );
        }
        Action::Watch
    }

    fn unreadable(&mut self, why: &str, now: Timestamp) -> Action {
        // It is unknown whether a lock was taken away: look again.
        if self.stage == Stage::Releasing {
            self.stage = Stage::Look;
        }
        let from = *self.unreadable_from.get_or_insert(now);
        if span(from, now) > STORE_PATIENCE {
            failed(&format!("the lock store cannot be used: {why}"))
        } else {
            Action::Watch
        }
    }

    fn confirmed(&mut self, run: Timestamp, now: Timestamp) -> Action {
        match self.stage {
            Stage::AwaitEnd { by_lock, started, means } if later(run, SAME) >= by_lock => {
                refreshed(started, now, means)
            }
            _ => Action::Watch,
        }
    }

    fn counts(&self, started: Timestamp, lock: &Lock) -> bool {
        started >= later(self.since, lock.slack())
    }

    fn wait(&mut self, stage: Stage) -> Action {
        self.stage = stage;
        Action::Watch
    }
}

fn own_run(started: Timestamp, now: Timestamp) -> Action {
    refreshed(started, now, Means::OwnRun)
}

fn refreshed(started: Timestamp, ended: Timestamp, means: Means) -> Action {
    Action::End(Outcome::Refreshed { started, ended, means })
}

fn failed(why: &str) -> Action {
    Action::End(Outcome::Failed { why: why.to_owned(), retry: Retry::Backoff })
}

#[cfg(test)]
mod tests;
