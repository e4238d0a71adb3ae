//! What the core says of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_event_cache_model::telemetry::{Metric, set};
use aws_event_cache_model::{Agent, AgentState, Class, DriveMode, Place, Scope, Timestamp};

use super::Core;
use crate::cadence::{Cadence, Reason};
use crate::status::{AgentCounts, AgentStatus, Counters, PlaceStatus, QueueStatus, ScopeStatus, Status};
use crate::stream::StreamHealth;

/// So many names are listed in one problem; the rest is counted.
const NAMES_IN_A_PROBLEM: usize = 5;

impl Core {
    /// Everything but the scopes, which are asked for a few at a time.
    pub(crate) fn status(&self, now: Timestamp) -> Status {
        Status {
            now,
            mode: self.mode,
            started: self.started,
            killed: self.overrides.all_killed(),
            accounts: self.view.accounts.len(),
            agents: self.agent_counts(now),
            queue: QueueStatus {
                depth: self.queue.depth(),
                owed: self.debts.len(),
                looks: self.settle.len(),
                open_refreshes: self.refreshes.open_count(),
            },
            counters: self.counters,
            places: self.view.accounts.places().iter().map(|place| self.place_status(place, now)).collect(),
            scopes: Vec::new(),
            recent: self.recent.iter().cloned().collect(),
            overrides: self.overrides(),
            problems: self.problems(now),
        }
    }

    fn place_status(&self, place: &Place, now: Timestamp) -> PlaceStatus {
        let cuts = self.limiter.cuts(now).filter(|(of, ..)| *of == place);
        PlaceStatus {
            stream: self.streams.status(place, self.profile(place), now),
            throttled: cuts.map(|(_, service, rate)| (service.clone(), rate)).collect(),
        }
    }

    fn agent_counts(&self, now: Timestamp) -> AgentCounts {
        let mut counts = AgentCounts { known: self.book.len(), ..AgentCounts::default() };
        for known in self.book.iter() {
            counts.seen += usize::from(known.started.is_some());
            counts.held += usize::from(known.held_until.is_some_and(|until| until > now));
            counts.running += usize::from(matches!(known.state, Some(AgentState::Running { .. })));
            counts.absent += usize::from(known.is_absent(now));
            counts.failing += usize::from(known.failure.is_some());
        }
        counts
    }

    /// One scope, with the agents that read it.
    pub(crate) fn scope_status(&self, scope: &Scope, agents: &[Arc<Agent>], now: Timestamp) -> ScopeStatus {
        let cadence = self.scope_cadence(scope, agents, now);
        let place = agents.first().map_or(&scope.place, |agent| &agent.place);
        let agents: Vec<AgentStatus> = agents.iter().filter_map(|agent| self.agent_status(agent, now)).collect();
        ScopeStatus {
            scope: scope.clone(),
            cadence: cadence.every,
            reason: cadence.reason,
            max_age: self.max_age(scope, now),
            uncovered_changes: self.trust.of(scope).uncovered,
            last_event: self.heat.last_change(scope),
            last_run: agents.iter().filter_map(|agent| agent.last_run).min(),
            heartbeat: self.streams.status(place, self.profile(place), now).last_heartbeat,
            backlog: agents.iter().filter(|agent| self.queue.owes(&agent.name)).count(),
            agents,
        }
    }

    fn agent_status(&self, agent: &Agent, now: Timestamp) -> Option<AgentStatus> {
        let known = self.book.get(&agent.name)?;
        Some(AgentStatus {
            name: agent.name.clone(),
            last_run: known.started,
            held_until: known.held_until.filter(|until| *until > now),
            last_refresh: known.last_refresh.clone(),
            failure: known.failure.clone(),
        })
    }

    /// The scopes that agents read, each with its agents.
    pub(crate) fn scopes(
        catalog: &aws_event_cache_catalog::Catalog,
        agents: &[Arc<Agent>],
    ) -> Vec<(Scope, Vec<Arc<Agent>>)> {
        let mut scopes: BTreeMap<Scope, Vec<Arc<Agent>>> = BTreeMap::new();
        for agent in agents {
            for kind in agent.kinds.iter().filter_map(|kind| catalog.kind(kind)) {
                scopes.entry(kind.scope_at(&agent.place)).or_default().push(agent.clone());
            }
        }
        scopes.into_iter().collect()
    }

    fn problems(&self, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.survey_problem.iter().map(|why| format!("agents' locks cannot be read: {why}")));
        problems.extend(self.hold_problem.iter().map(|why| format!("holds cannot be written: {why}")));
        if self.view.accounts.is_empty() {
            problems.push("no Spinnaker account is known yet, so messages are dismissed".to_owned());
        }
        if self.overrides.all_killed() {
            problems.push("a kill switch is on: Clouddriver polls as stock".to_owned());
        }
        for place in self.view.accounts.places() {
            problems.extend(self.stream_problem(&place, now));
        }
        let absent = self.book.iter().filter(|known| known.is_absent(now)).map(|known| known.agent.name.to_string());
        problems.extend(listed("agents have no lock, so Clouddriver does not seem to run them", absent.collect()));
        let failing = self.book.iter().filter_map(|known| Some((&known.agent.name, known.failure.as_ref()?)));
        let failing = failing.map(|(name, why)| format!("{name} ({why})")).collect();
        problems.extend(listed("agents could not be refreshed and are left to their own polls", failing));
        problems
    }

    fn stream_problem(&self, place: &Place, now: Timestamp) -> Option<String> {
        let what = match self.streams.health(place, self.profile(place), now) {
            StreamHealth::Healthy => return None,
            StreamHealth::Unknown => "no event has come yet",
            StreamHealth::Silent => "the event stream is silent",
            StreamHealth::Late => "heartbeats come too late",
            StreamHealth::Stopped => "the event feed was taken away",
        };
        Some(format!("{place}: {what}, so its agents poll as stock"))
    }

    /// Why these scopes are polled as they are, added up.
    pub(crate) fn count_reasons(
        &self,
        scopes: &[(Scope, Vec<Arc<Agent>>)],
        counts: &mut BTreeMap<Reason, usize>,
        now: Timestamp,
    ) {
        for (scope, agents) in scopes {
            let reason = self.scope_cadence(scope, agents, now).reason;
            *counts.entry(reason).or_default() += 1;
        }
    }

    fn scope_cadence(&self, scope: &Scope, agents: &[Arc<Agent>], now: Timestamp) -> Cadence {
        let cadences = agents.iter().map(|agent| match self.is_released(agent) {
            true => Cadence::stock(Reason::Released),
            false => self.cadence(&agent.place, &scope.kind, now),
        });
        Cadence::soonest(cadences).unwrap_or(Cadence::stock(Reason::Unwatched))
    }

    /// Sets the gauges; called once per survey.
    pub(crate) fn gauges(&self, now: Timestamp) {
        let depth = self.queue.depth();
        for class in Class::ALL {
            set(Metric::QueueDepth, depth.of(class) as f64, &[("class", class.as_str())]);
        }
        let counts = self.agent_counts(now);
        set(Metric::QueueInFlight, depth.in_flight as f64, &[]);
        set(Metric::AgentsKnown, counts.known as f64, &[]);
        set(Metric::AccountsKnown, self.view.accounts.len() as f64, &[]);
        let held = if self.mode == DriveMode::Enforce { counts.held } else { 0 };
        set(Metric::AgentsHeld, held as f64, &[]);
    }
}

fn listed(what: &str, mut names: Vec<String>) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    names.sort();
    let count = names.len();
    let more = count.saturating_sub(NAMES_IN_A_PROBLEM);
    names.truncate(NAMES_IN_A_PROBLEM);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{count} {what}: {}{rest}", names.join(", ")))
}

impl Counters {
    /// What each counter grew by, with the name it is stored under.
    pub(super) fn grown_since(&self, before: &Counters) -> Vec<(&'static str, u64)> {
        let named = |c: &Counters| {
            [
                ("hints", c.hints),
                ("hints-not-served", c.hints_not_served),
                ("hints-unknown", c.hints_unknown),
                ("wanted", c.wanted),
                ("already-fresh", c.already_fresh),
                ("forced-runs", c.forced_runs),
                ("own-runs", c.own_runs),
                ("on-demand", c.on_demand),
                ("would-force", c.would_force),
                ("polls-would-save", c.polls_would_save),
                ("polls-saved", c.polls_saved),
                ("retries", c.retries),
                ("failures", c.failures),
                ("limit-delays", c.limit_delays),
                ("throttles", c.throttles),
                ("uncovered-changes", c.uncovered_changes),
            ]
        };
        let pairs = named(self).into_iter().zip(named(before));
        pairs.map(|((name, now), (_, then))| (name, now - then)).filter(|(_, grown)| *grown > 0).collect()
    }
}
