//! The roster: every agent that Clouddriver runs for the accounts it serves.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_event_cache_model::{
    AccountId, Accounts, Agent, AgentName, KindId, Place, Region, SpinnakerAccount, StockPolling,
};
use smol_str::SmolStr;

use crate::agent_spec::{AgentSpec, Per};
use crate::catalog::Catalog;
use crate::kind::Reach;
use crate::template::Filling;

type ByKind = HashMap<KindId, Vec<Arc<Agent>>>;

/// Every agent, joined with the accounts.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    agents: Vec<Arc<Agent>>,
    by_name: HashMap<AgentName, Arc<Agent>>,
    by_place: HashMap<Place, ByKind>,
    /// For kinds that reach over an account, and for places of an account in which nothing is read.
    by_account: HashMap<AccountId, ByKind>,
    account_wide: Vec<KindId>,
}

impl Roster {
    /// Every agent, by name.
    pub fn agents(&self) -> &[Arc<Agent>] {
        &self.agents
    }

    /// The agents that read a kind at a place, those that read for the whole account or for all accounts of the region included. For kinds that belong to an
    /// account rather than a region, the agents of all its regions, wherever the message came from.
    pub fn reading(&self, place: &Place, kind: &KindId) -> &[Arc<Agent>] {
        let by_account = || self.by_account.get(&place.account).and_then(|kinds| kinds.get(kind));
        let found = if self.account_wide.contains(kind) {
            by_account()
        } else {
            self.by_place.get(place).and_then(|kinds| kinds.get(kind))
        };
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// The agent of this name.
    pub fn named(&self, name: &AgentName) -> Option<&Arc<Agent>> {
        self.by_name.get(name)
    }
}

/// An agent, and the places that it reads for.
struct Placed {
    agent: Arc<Agent>,
    places: Vec<Place>,
}

impl Catalog {
    /// Joins the agents' files with the accounts.
    pub fn roster(&self, accounts: &Accounts, stock: &StockPolling) -> Roster {
        let mut roster = Roster {
            account_wide: self.kinds().filter(|k| k.reach == Reach::Account).map(|k| k.id.clone()).collect(),
            ..Roster::default()
        };
        let mut placed: BTreeMap<AgentName, Placed> = BTreeMap::new();
        for spec in self.agents() {
            let kinds = self.kinds_read_by(&spec.id);
            for one in spread(spec, &kinds, accounts, stock) {
                placed.entry(one.agent.name.clone()).or_insert(one);
            }
        }
        for (name, Placed { agent, places }) in placed {
            roster.enter(&agent, &places);
            roster.by_name.insert(name, Arc::clone(&agent));
            roster.agents.push(agent);
        }
        roster
    }

    fn kinds_read_by(&self, agent: &SmolStr) -> Vec<KindId> {
        self.kinds().filter(|kind| kind.agents.contains(agent)).map(|kind| kind.id.clone()).collect()
    }
}

impl Roster {
    fn enter(&mut self, agent: &Arc<Agent>, places: &[Place]) {
        for kind in &agent.kinds {
            for place in places {
                self.by_place
                    .entry(place.clone())
                    .or_default()
                    .entry(kind.clone())
                    .or_default()
                    .push(Arc::clone(agent));
            }
            let mut ids: Vec<&AccountId> = places.iter().map(|place| &place.account).collect();
            ids.sort();
            ids.dedup();
            for id in ids {
                self.by_account.entry(id.clone()).or_default().entry(kind.clone()).or_default().push(Arc::clone(agent));
            }
        }
    }
}

/// The agents of one sort.
fn spread(spec: &AgentSpec, kinds: &[KindId], accounts: &Accounts, stock: &StockPolling) -> Vec<Placed> {
    let ours: Vec<&SpinnakerAccount> = accounts.iter().filter(|account| has(account, spec)).collect();
    match spec.per {
        Per::AccountRegion => {
            let each = ours.iter().flat_map(|account| account.places().map(move |place| (*account, place)));
            each.filter_map(|(account, place)| {
                let agent = agent(spec, kinds, &account.name, place.clone(), stock)?;
                Some(Placed { agent, places: vec![place] })
            })
            .collect()
        }
        Per::Account => ours.iter().filter_map(|account| account_agent(spec, kinds, account, stock)).collect(),
        Per::Region => region_agents(spec, kinds, &ours, stock),
    }
}

fn has(account: &SpinnakerAccount, spec: &AgentSpec) -> bool {
    account.provider == spec.provider && (account.lambda || !spec.lambda_only)
}

/// An agent that exists once per account reads for every region of it, and for `global`, where AWS Config places what has no region.
fn account_agent(
    spec: &AgentSpec,
    kinds: &[KindId],
    account: &SpinnakerAccount,
    stock: &StockPolling,
) -> Option<Placed> {
    let global = Place::new(account.account.clone(), Region::new("global").ok()?);
    let agent = agent(spec, kinds, &account.name, global.clone(), stock)?;
    Some(Placed { agent, places: account.places().chain([global]).collect() })
}

/// An agent that exists once per region reads with the credentials of one of the accounts; ours is the first, which only says whose budget it draws on.
fn region_agents(
    spec: &AgentSpec,
    kinds: &[KindId],
    accounts: &[&SpinnakerAccount],
    stock: &StockPolling,
) -> Vec<Placed> {
    let mut by_region: BTreeMap<Region, Vec<Place>> = BTreeMap::new();
    for place in accounts.iter().flat_map(|account| account.places()) {
        by_region.entry(place.region.clone()).or_default().push(place);
    }
    let placed = by_region.into_values().filter_map(|mut places| {
        places.sort();
        places.dedup();
        let agent = agent(spec, kinds, "", places.first()?.clone(), stock)?;
        Some(Placed { agent, places })
    });
    placed.collect()
}

/// `None` when a hostile account name makes no valid agent name: Clouddriver could not have registered it either.
fn agent(spec: &AgentSpec, kinds: &[KindId], account: &str, place: Place, stock: &StockPolling) -> Option<Arc<Agent>> {
    let name = spec.name.fill(Filling { account, region: place.region.as_str(), name: None })?;
    Some(Arc::new(Agent {
        name: AgentName::new(name).ok()?,
        provider: spec.provider,
        account_name: SmolStr::new(account),
        place,
        kinds: kinds.to_vec(),
        interval: spec.interval.unwrap_or(stock.interval),
        timeout: spec.timeout.unwrap_or(stock.timeout),
        calls: spec.calls.clone(),
    }))
}
