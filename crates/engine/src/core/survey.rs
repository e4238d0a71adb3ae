//! What agents' locks show, and which agents are to wait.

use std::sync::Arc;

use aws_event_cache_model::{Agent, AgentName, AgentSeen, AgentState, DriveMode, Hold, Record, Timestamp};

use super::{Changes, Core};
use crate::queue::Left;
use crate::refreshes::Step;

impl Core {
    /// Takes one look at some agents.
    pub(crate) fn seen(&mut self, agents: &[AgentSeen], now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        for seen in agents {
            let Some(known) = self.book.get_mut(&seen.agent) else { continue };
            let held_until = known.held_until;
            let run = known.see(seen.state, now);
            let left_over = matches!(seen.state, AgentState::Held { .. }) && known.started.is_none() && run.is_none();
            if left_over {
                // Held by a life of ours that has ended: its own poll is not near.
                self.queue.hasten(&seen.agent, now);
            }
            if let Some(started) = run {
                self.own_run(&seen.agent, started, held_until, &mut changes, now);
            }
        }
        changes
    }

    fn own_run(
        &mut self,
        name: &AgentName,
        started: Timestamp,
        held_until: Option<Timestamp>,
        changes: &mut Changes,
        now: Timestamp,
    ) {
        // In watch mode Clouddriver polls on as ever; what counts is the poll that would have taken place.
        if self.mode == DriveMode::Observe && held_until.is_some_and(|until| until > started) {
            self.counters.polls_would_save += 1;
            return;
        }
        let in_flight = self.queue.in_flight(name);
        self.note_run(name, started);
        if self.queue.ran(name, started) && !in_flight {
            self.counters.own_runs += 1;
        }
        let left = if self.queue.owes(name) { Left::More } else { Left::Nothing };
        self.pay(name, left, changes);
        let ran = self.refreshes.step(name, Step::Ran(started), now);
        changes.records.extend(ran.into_iter().map(Record::Refresh));
    }

    /// Which of these agents are to wait, and until when; those that run now, after that. An agent whose refresh is under way is not among them: it must be let go.
    pub(crate) fn holds(&mut self, agents: &[Arc<Agent>], now: Timestamp) -> Vec<Hold> {
        // In watch mode the run under way is one that would not have taken place.
        let ended_only = self.mode == DriveMode::Observe;
        let mut holds = Vec::new();
        for agent in agents {
            let cadence = self.agent_cadence(agent, now);
            let healthy = self.streams.healthy_since(&agent.place, self.profile(&agent.place), now);
            let in_flight = self.queue.in_flight(&agent.name);
            let Some(known) = self.book.get_mut(&agent.name) else { continue };
            let until = known.hold_until(cadence, healthy, ended_only, now).filter(|_| !in_flight);
            known.held_until = until;
            let every = cadence.every.map_or(agent.interval, |every| known.spread(every));
            holds.extend(until.map(|until| Hold { agent: agent.name.clone(), until, every }));
        }
        holds
    }

    /// Housekeeping, once per survey.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        self.forget(|_| true, now);
    }

    /// Whether Clouddriver is to be touched.
    pub(crate) fn may_touch(&self) -> bool {
        self.mode == DriveMode::Enforce
    }
}
