//! Handing refreshes out, and taking back what came of them.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::telemetry::{Metric, count, observe};
use aws_event_cache_model::{
    Agent, AgentName, Class, DriveMode, Means, Outcome, Record, RefreshRequest, Retry, Timestamp,
};

use super::{Changes, Core, RECENT};
use crate::agents::LastRefresh;
use crate::moment::{after, between};
use crate::queue::{Landing, Left, Taken, Want};
use crate::refreshes::Step;
use crate::status::Recent;

/// After so many attempts, with the queue's backoff nearly nine minutes, a failure becomes visible and the agent is left to its own polls: by then its hold has
/// long ended, and a run of its own serves better than another attempt.
const ATTEMPTS: u32 = 10;

/// What is owed to an agent that is not known is kept this long: at start the accounts come after the debts, from a Clouddriver that may be starting too.
const UNKNOWN_KEPT: Duration = Duration::from_secs(600);

/// How often it is asked whether an unknown agent has become known, or a released one may be run.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A refresh that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) request: RefreshRequest,
    taken: Taken<AgentName>,
}

impl Core {
    /// Moves second looks and overrides on whose time has come.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Changes {
        for (name, look) in self.settle.due(now) {
            let Some(known) = self.book.get(&name) else { continue };
            let want = Want {
                class: Class::Settle,
                not_before: now,
                debounce: None,
                spacing: known.agent.interval,
                since: look.since,
                resources: look.resources,
                cause: look.cause,
            };
            count(Metric::QueueAdds, &[("class", Class::Settle.as_str())]);
            self.queue.add(name, want, now);
        }
        self.expire_overrides(now)
    }

    /// The next refresh to set off, if there is one that budget and operators allow.
    pub(crate) fn next(&mut self, now: Timestamp, changes: &mut Changes) -> Option<Flight> {
        while let Some(taken) = self.queue.pop_ready(now) {
            let Some(agent) = self.view.roster.named(&taken.key).cloned() else {
                self.unknown(taken, now, changes);
                continue;
            };
            // An agent that is let go polls by itself, and that poll pays the debt.
            if self.is_released(&agent) {
                self.queue.defer(taken, after(now, LOOK_AGAIN), now);
                continue;
            }
            let rates = self.rates(&agent.place);
            if let Err(at) = self.limiter.take(&agent.place, &agent.calls, taken.class, rates, now) {
                self.counters.limit_delays += 1;
                count(Metric::LimitDelays, &[]);
                self.queue.defer(taken, at, now);
                continue;
            }
            observe(Metric::QueueWait, between(taken.added, now), &[("class", taken.class.as_str())]);
            let begun = self.refreshes.step(&taken.key, Step::Begun, now);
            changes.records.extend(begun.into_iter().map(Record::Refresh));
            return Some(Flight { request: request(agent, &taken), taken });
        }
        None
    }

    fn unknown(&mut self, taken: Taken<AgentName>, now: Timestamp, changes: &mut Changes) {
        if between(taken.added, now) < UNKNOWN_KEPT {
            self.queue.defer(taken, after(now, LOOK_AGAIN), now);
            return;
        }
        self.counters.failures += 1;
        self.queue.done(&taken.key, Landing::GivenUp, now);
        self.queue.remove(&taken.key);
        changes.records.extend(self.debts.settle(&taken.key));
        let failed = self.refreshes.step(&taken.key, Step::Failed("no account has this agent"), now);
        changes.records.extend(failed.into_iter().map(Record::Refresh));
    }

    /// Takes what came of a flight.
    pub(crate) fn outcome(&mut self, flight: Flight, outcome: Outcome, now: Timestamp) -> Changes {
        let Flight { request, taken } = flight;
        match outcome {
            Outcome::Refreshed { started, means, .. } => self.refreshed(&request, &taken, started, means, now),
            Outcome::Failed { why, retry: Retry::Never } => self.failed(&request, &taken, &why, now),
            Outcome::Failed { why, .. } if taken.attempt + 1 >= ATTEMPTS => self.failed(&request, &taken, &why, now),
            Outcome::Failed { retry, .. } => {
                let pause = if let Retry::After(pause) = retry { Some(pause) } else { None };
                self.counters.retries += 1;
                count(Metric::QueueRetries, &[]);
                let key = taken.key.clone();
                self.queue.done(&key, Landing::Again(Box::new(taken), pause), now);
                Changes::default()
            }
        }
    }

    fn refreshed(
        &mut self,
        request: &RefreshRequest,
        taken: &Taken<AgentName>,
        started: Timestamp,
        means: Means,
        now: Timestamp,
    ) -> Changes {
        // The drive arm judges by the lock store's clock; what it calls done has started late enough.
        let started = started.max(taken.since);
        let counter = match means {
            Means::ForcedRun => &mut self.counters.forced_runs,
            Means::OwnRun => &mut self.counters.own_runs,
            Means::OnDemand => &mut self.counters.on_demand,
            Means::WouldForce => &mut self.counters.would_force,
        };
        *counter += 1;
        count(Metric::Refreshes, &[("means", word(means)), ("result", "done")]);
        // An on-demand call reads one resource; it is no run of the agent.
        let run = (means != Means::OnDemand).then_some(started);
        if let Some(known) = self.book.get_mut(&taken.key) {
            known.last_refresh = Some(LastRefresh { started, means, class: taken.class });
        }
        let mut changes = Changes::default();
        if let Some(started) = run {
            self.note_run(&taken.key, started);
        }
        let ran = self.refreshes.step(&taken.key, Step::Ran(started), now);
        changes.records.extend(ran.into_iter().map(Record::Refresh));
        let left = self.queue.done(&taken.key, Landing::Done(run), now);
        self.pay(&taken.key, left, &mut changes);
        let latency = between(request.cause.occurred.unwrap_or(request.cause.received), started);
        if request.class == Class::Event {
            observe(Metric::RefreshLatency, latency, &[]);
        }
        self.remember(Recent {
            means: Some(means),
            started: Some(started),
            latency: Some(latency),
            ..recent(request, now)
        });
        changes
    }

    fn failed(&mut self, request: &RefreshRequest, taken: &Taken<AgentName>, why: &str, now: Timestamp) -> Changes {
        self.counters.failures += 1;
        count(Metric::Refreshes, &[("means", "none"), ("result", "failed")]);
        let mut changes = Changes::default();
        if let Some(known) = self.book.get_mut(&taken.key) {
            known.failure = Some(why.to_owned());
            known.trusted_from = known.trusted_from.max(taken.since);
        }
        self.holds_due = true;
        let failed = self.refreshes.step(&taken.key, Step::Failed(why), now);
        changes.records.extend(failed.into_iter().map(Record::Refresh));
        let left = self.queue.done(&taken.key, Landing::GivenUp, now);
        self.pay(&taken.key, left, &mut changes);
        self.remember(Recent { failure: Some(why.to_owned()), ..recent(request, now) });
        changes
    }

    /// The debt is paid when nothing more is wanted of the agent.
    pub(super) fn pay(&mut self, key: &AgentName, left: Left, changes: &mut Changes) {
        if left == Left::Nothing {
            changes.records.extend(self.debts.settle(key));
        }
    }

    /// A run that started then has ended: the agent's copy is as new as that.
    pub(super) fn note_run(&mut self, key: &AgentName, started: Timestamp) {
        self.settle.ran(key, started);
        let Some(known) = self.book.get_mut(key) else { return };
        if let Some(before) = known.started {
            let polls = between(before, started).as_secs_f64() / known.agent.interval.as_secs_f64().max(1.0);
            // A poll that came a little late was still one poll.
            let saved = (polls - 0.5).floor().max(0.0);
            if self.mode == DriveMode::Enforce {
                self.counters.polls_saved += saved as u64;
            }
        }
        known.ran(started);
    }

    fn remember(&mut self, recent: Recent) {
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(recent);
    }
}

fn request(agent: Arc<Agent>, taken: &Taken<AgentName>) -> RefreshRequest {
    RefreshRequest {
        agent,
        class: taken.class,
        since: taken.since,
        resources: taken.resources.clone(),
        cause: taken.cause.clone(),
        causes: taken.causes,
        attempt: taken.attempt,
    }
}

fn recent(request: &RefreshRequest, now: Timestamp) -> Recent {
    Recent {
        at: now,
        agent: request.agent.name.clone(),
        place: request.agent.place.clone(),
        class: request.class,
        cause: request.cause.event.clone(),
        causes: request.causes,
        means: None,
        started: None,
        latency: None,
        failure: None,
    }
}

fn word(means: Means) -> &'static str {
    match means {
        Means::ForcedRun => "forced-run",
        Means::OwnRun => "own-run",
        Means::OnDemand => "on-demand",
        Means::WouldForce => "would-force",
    }
}
