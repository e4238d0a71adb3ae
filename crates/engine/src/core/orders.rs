//! Operators' orders.

use std::collections::HashSet;
use std::sync::Arc;

use aws_event_cache_model::{
    AccountId, Accounts, Agent, Cause, DriveMode, KindId, Names, Record, RefreshId, RefreshOrder, RefreshRecord,
    Region, Resources, Scope, Source, SpinnakerAccount, Timestamp, Wanted,
};

use super::{Changes, Core};
use crate::debts::Commit;
use crate::engine::OrderError;
use crate::queue::{Debounce, Left};

/// An order that was taken.
pub(crate) struct Ordered {
    pub(crate) record: RefreshRecord,
    pub(crate) changes: Changes,
}

impl Core {
    pub(crate) fn order(&mut self, order: RefreshOrder, by: &str, now: Timestamp) -> Result<Ordered, OrderError> {
        if self.mode == DriveMode::Off {
            return Err(OrderError::Off);
        }
        if let Some((record, commit)) = self.refreshes.same(&order, now) {
            let waits = commit.into_iter().collect();
            return Ok(Ordered { record: record.clone(), changes: Changes { waits, ..Changes::default() } });
        }
        let agents = self.ordered_agents(&order)?;
        if agents.is_empty() {
            return Err(OrderError::NothingMatches);
        }
        let pending = agents.iter().map(|agent| agent.name.clone()).collect();
        let record = self.refreshes.open(order, by, pending, self.mode == DriveMode::Observe, now);
        let commit = self.debts.upcoming();
        self.refreshes.writing(&record.id, commit);
        let mut changes = Changes { records: vec![Record::Refresh(record.clone())], waits: vec![commit] };
        let cause = Cause {
            source: Source::Operator,
            id: record.id.0.clone(),
            event: smol_str::format_smolstr!("refresh by {}", by.chars().take(80).collect::<String>()),
            received: now,
            occurred: None,
        };
        // Before any run is asked for: whoever wants the truth gets it from AWS, however fresh an answer we have.
        self.invalidate_ordered(&record.order, &agents, now);
        for agent in agents {
            let resources = ordered_resources(&record.order, &agent);
            let (class, cause) = (record.order.class, cause.clone());
            let wanted = Wanted { agent, class, not_before: now, since: now, resources, cause };
            self.want(wanted, &[], Debounce::default(), now, &mut changes);
        }
        Ok(Ordered { record, changes })
    }

    /// What an order names is stale, wherever its agents read it.
    fn invalidate_ordered(&self, order: &RefreshOrder, agents: &[Arc<Agent>], now: Timestamp) {
        let mut stale: HashSet<Scope> = HashSet::new();
        for agent in agents {
            // An agent without an account reads for all accounts of its region.
            let shared = agent.account_name.is_empty();
            let places = self.view.accounts.places().into_iter().filter(|p| shared && p.region == agent.place.region);
            for place in places.chain([agent.place.clone()]) {
                let kinds = ordered_kinds(order, agent).filter_map(|kind| self.view.catalog.kind(kind));
                stale.extend(kinds.map(|kind| kind.scope_at(&place)));
            }
        }
        let names = order.name.as_ref().map_or(Names::Any, |name| Names::Some(vec![name.clone()]));
        for scope in stale {
            self.ledger.invalidate(&scope, &self.view.catalog.ledger_names(&scope.kind, &names), now);
        }
    }

    /// A commit failed: what was in it is not owed durably, and who orders the same again gets a new refresh.
    pub(crate) fn commit_failed(&mut self, commit: Commit) {
        self.debts.failed(commit);
        self.refreshes.failed(commit);
    }

    /// The agents that an order is about.
    fn ordered_agents(&self, order: &RefreshOrder) -> Result<Vec<Arc<Agent>>, OrderError> {
        for kind in order.kinds.iter().flatten() {
            self.view.catalog.find_kind(kind.as_str())?;
        }
        let accounts = &self.view.accounts;
        for name in order.accounts.iter().flatten() {
            if accounts_matching(accounts, name).is_empty() {
                let nearest = accounts
                    .iter()
                    .map(|a| &a.name)
                    .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
                return Err(OrderError::UnknownAccount { name: name.clone(), nearest: nearest.cloned() });
            }
        }
        let wanted: Option<Vec<_>> =
            order.accounts.as_ref().map(|names| names.iter().flat_map(|n| accounts_matching(accounts, n)).collect());
        let of_account = |agent: &Agent| {
            wanted.as_ref().is_none_or(|accounts| {
                accounts.iter().any(|a| {
                    a.name == agent.account_name || (agent.account_name.is_empty() && a.account == agent.place.account)
                })
            })
        };
        // What an account has without a region is meant when its kind is named.
        let in_region = |region: &Region| {
            order.regions.as_ref().is_none_or(|regions| {
                regions.contains(region) || (region.as_str() == "global" && order.kinds.is_some())
            })
        };
        let of_kind =
            |kinds: &[KindId]| order.kinds.as_ref().is_none_or(|wanted| wanted.iter().any(|k| kinds.contains(k)));
        let agents = self.view.roster.agents().iter();
        let agents = agents.filter(|a| of_account(a) && in_region(&a.place.region) && of_kind(&a.kinds));
        Ok(agents.cloned().collect())
    }

    pub(crate) fn refresh(&self, id: &RefreshId) -> Option<RefreshRecord> {
        self.refreshes.get(id).cloned()
    }

    pub(crate) fn refreshes(&self, limit: usize) -> Vec<RefreshRecord> {
        self.refreshes.iter().take(limit).cloned().collect()
    }

    /// Takes a refresh back. Runs that only it asked for are not made; those that others wait for too, or that are under way, are.
    pub(crate) fn cancel(&mut self, id: &RefreshId, now: Timestamp) -> Option<(RefreshRecord, Changes)> {
        let (record, pending) = self.refreshes.cancel(id, now)?;
        let mut changes = Changes::default();
        if !pending.is_empty() {
            changes.records.push(Record::Refresh(record.clone()));
        }
        for agent in pending {
            if self.queue.sole_cause(&agent).is_some_and(|cause| cause.id == id.0) {
                self.queue.drop_waiting(&agent);
                let left = if self.queue.owes(&agent) { Left::More } else { Left::Nothing };
                self.pay(&agent, left, &mut changes);
            }
        }
        Some((record, changes))
    }
}

/// What an order is about, as far as one agent reads it.
fn ordered_resources(order: &RefreshOrder, agent: &Agent) -> Resources {
    let mut resources = Resources::default();
    for kind in ordered_kinds(order, agent) {
        match &order.name {
            Some(name) => resources.add(kind.clone(), name.clone()),
            None => resources.add_whole(kind.clone()),
        }
    }
    resources
}

/// The kinds that an order is about, as far as one agent reads them.
fn ordered_kinds<'a>(order: &'a RefreshOrder, agent: &'a Agent) -> impl Iterator<Item = &'a KindId> {
    agent.kinds.iter().filter(|kind| order.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind)))
}

/// The accounts that an order means by a word: Spinnaker's name of one, or the AWS id of several.
fn accounts_matching<'a>(accounts: &'a Accounts, word: &str) -> Vec<&'a SpinnakerAccount> {
    match accounts.named(word) {
        Some(account) => vec![account],
        None => AccountId::new(word).map_or_else(|_| Vec::new(), |id| accounts.of(&id).collect()),
    }
}
