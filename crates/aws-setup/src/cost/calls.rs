//! The AWS calls that Clouddriver's agents make, polling as stock and driven by events.

use std::collections::{BTreeMap, BTreeSet};

use aws_event_cache_catalog::{AgentSpec, Catalog, Per};
use aws_event_cache_config::{Config, Effective, EffectivePlace, KnownKinds};
use aws_event_cache_model::{Accounts, SpinnakerAccount};
use serde::Serialize;

use super::figures::Figures;

/// Calls of a month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calls {
    /// Polling as stock.
    pub stock: f64,
    /// Driven by events, between two changes: a poll at each ceiling.
    pub polls: f64,
    /// Runs that changes lead to.
    pub by_changes: f64,
    /// By sort of agent, the most calls first.
    pub agents: Vec<AgentCalls>,
    /// In words.
    pub formulas: [&'static str; 3],
}

/// Calls of one sort of agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentCalls {
    /// Which.
    pub agent: String,
    /// How many there are.
    pub agents: f64,
    /// Calls of a run, for a small fleet: the catalogue's number.
    pub calls: f64,
    /// Runs a month of one, as stock.
    pub stock_runs: f64,
    /// Runs a month of one, by cadence while the stream is healthy.
    pub polls: f64,
}

impl Calls {
    /// What is not called any more; negative if changes are so many that driving costs more than stock's polls would (it never does: see the formulas).
    pub fn saved(&self) -> f64 {
        self.stock - self.polls - self.by_changes
    }
}

const FORMULAS: [&str; 3] = [
    "stock = sum over agents of days x 86,400 / interval x calls of a run",
    "polls = the same with the longest time that the configuration lets pass between two polls",
    "by changes = places x days x (deployments x runs-per-deployment + other-changes x runs-per-change) x mean calls of a run, at most stock - polls",
];

/// Works it out; `scale` is how many places stand behind each that is given.
pub(crate) fn calls(
    config: &Config,
    catalog: &Catalog,
    accounts: &[SpinnakerAccount],
    figures: &Figures,
    scale: f64,
) -> Calls {
    let known = Accounts::new(accounts.iter().cloned());
    let effective = Effective::of(config, &KnownKinds::of(catalog), &known);
    let seconds = figures.assumed("days") * 86_400.0;
    let stock_interval = config.clouddriver.stock.interval.as_secs_f64();
    let mut agents: Vec<AgentCalls> = Vec::new();
    for agent in catalog.agents() {
        let interval = agent.interval.map_or(stock_interval, |interval| interval.as_secs_f64());
        // Of the same sort, each may have another ceiling: production's and development's.
        let mut by_ceiling: BTreeMap<u64, f64> = BTreeMap::new();
        for ceiling in ceilings(agent, catalog, accounts, &effective.places) {
            *by_ceiling.entry(ceiling.unwrap_or_default()).or_default() += scale;
        }
        for (ceiling, count) in by_ceiling {
            let period = interval.max(ceiling as f64);
            agents.push(AgentCalls {
                agent: agent.id.to_string(),
                agents: count,
                calls: agent.calls.iter().map(|(_, count)| f64::from(*count)).sum(),
                stock_runs: seconds / interval,
                polls: seconds / period,
            });
        }
    }
    summed(agents, figures, known.places().len() as f64 * scale)
}

fn summed(mut agents: Vec<AgentCalls>, figures: &Figures, places: f64) -> Calls {
    let total = |of: &dyn Fn(&AgentCalls) -> f64| agents.iter().map(of).sum::<f64>();
    let stock = total(&|a| a.agents * a.stock_runs * a.calls);
    let polls = total(&|a| a.agents * a.polls * a.calls);
    let count = total(&|a| a.agents);
    let mean = if count > 0.0 { total(&|a| a.agents * a.calls) / count } else { 0.0 };
    let of = |id| figures.assumed(id);
    let runs = of("deployments") * of("runs-per-deployment") + of("other-changes") * of("runs-per-change");
    // No agent is forced more often than stock would have run it.
    let by_changes = (places * of("days") * runs * mean).min(stock - polls);
    agents.sort_by(|a, b| (b.agents * b.stock_runs * b.calls).total_cmp(&(a.agents * a.stock_runs * a.calls)));
    Calls { stock, polls, by_changes, agents, formulas: FORMULAS }
}

/// For each agent of a sort the longest time in seconds between two of its polls; `None` if it is left to stock.
fn ceilings(
    agent: &AgentSpec,
    catalog: &Catalog,
    accounts: &[SpinnakerAccount],
    places: &[EffectivePlace],
) -> Vec<Option<u64>> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for account in accounts.iter().filter(|a| a.provider == agent.provider && (a.lambda || !agent.lambda_only)) {
        for place in places.iter().filter(|place| place.names.contains(&account.name)) {
            let once_for = match agent.per {
                Per::AccountRegion => (Some(&account.name), Some(&place.region)),
                Per::Account => (Some(&account.name), None),
                Per::Region => (None, Some(&place.region)),
            };
            if seen.insert(once_for) {
                found.push(ceiling(agent, catalog, place));
            }
        }
    }
    found
}

/// An agent that reads several kinds polls as often as the one that needs it most.
fn ceiling(agent: &AgentSpec, catalog: &Catalog, place: &EffectivePlace) -> Option<u64> {
    let reads =
        |kind: &aws_event_cache_model::KindId| catalog.kind(kind).is_some_and(|kind| kind.agents.contains(&agent.id));
    let kinds = place.kinds.iter().filter(|kind| reads(&kind.kind));
    let watched: Vec<_> = kinds.filter(|kind| kind.watched).collect();
    watched.iter().map(|kind| kind.ceiling.as_secs()).min()
}
