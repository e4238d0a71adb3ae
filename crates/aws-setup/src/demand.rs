//! Kinds in use: those of which somebody wants to hear.

use std::collections::BTreeSet;

use aws_event_cache_catalog::{Catalog, Kind, Rule, Service};
use aws_event_cache_config::Config;
use aws_event_cache_model::{AnswerMode, KindId, SpinnakerAccount};

/// The kinds in use, and with them what of the catalogue matters.
#[derive(Debug)]
pub struct Demand<'c> {
    catalog: &'c Catalog,
    kinds: BTreeSet<KindId>,
}

impl<'c> Demand<'c> {
    /// A kind is in use if some account has an agent that reads it and its profile watches it, or if the answer arm answers it.
    ///
    /// `complete` says that `accounts` are all there are. Else Clouddriver tells of more while running, and those may be of any sort and environment.
    pub fn of(config: &Config, catalog: &'c Catalog, accounts: &[SpinnakerAccount], complete: bool) -> Self {
        let used = |kind: &&Kind| {
            let driven = accounts.iter().any(|account| is_driven(config, catalog, account, kind));
            let answered = accounts.iter().any(|account| is_answered(config, account, kind));
            driven || answered || (!complete && is_watched_anywhere(config, kind))
        };
        let kinds = catalog.kinds().filter(used).map(|kind| kind.id.clone()).collect();
        Self { catalog, kinds }
    }

    /// Every kind of the catalogue.
    pub fn everything(catalog: &'c Catalog) -> Self {
        Self { catalog, kinds: catalog.kinds().map(|kind| kind.id.clone()).collect() }
    }

    /// The catalogue.
    pub fn catalog(&self) -> &'c Catalog {
        self.catalog
    }

    /// Whether a kind is in use.
    pub fn has(&self, kind: &KindId) -> bool {
        self.kinds.contains(kind)
    }

    /// The kinds in use.
    pub fn kinds(&self) -> impl Iterator<Item = &'c Kind> {
        self.catalog.kinds().filter(|kind| self.kinds.contains(&kind.id))
    }

    /// Whether a message that this rule decodes makes something stale that is in use. One about a kind that nobody uses may do so, by what it touches; and one
    /// that changes what a role may do matters to whoever assumes it.
    pub(crate) fn wants(&self, rule: &Rule) -> bool {
        let touched = self.catalog.kind(&rule.kind).into_iter().flat_map(|kind| &kind.touches).chain(&rule.touches);
        self.has(&rule.kind) || rule.access || touched.into_iter().any(|kind| self.has(kind))
    }

    /// Services of which something in use is read: their throttling matters.
    pub(crate) fn services(&self) -> impl Iterator<Item = &'c Service> {
        self.catalog
            .services()
            .filter(|service| self.kinds().any(|kind| kind.reads.iter().any(|read| read.service == service.name)))
    }
}

fn is_driven(config: &Config, catalog: &Catalog, account: &SpinnakerAccount, kind: &Kind) -> bool {
    let watched = config.profiles.get(&account.environment).is_none_or(|profile| !profile.unwatched.contains(&kind.id));
    let mut agents = catalog.agents().filter(|agent| kind.agents.contains(&agent.id));
    watched && agents.any(|agent| agent.provider == account.provider && (account.lambda || !agent.lambda_only))
}

/// What is answered from memory has to be made stale, whoever reads it.
fn is_answered(config: &Config, account: &SpinnakerAccount, kind: &Kind) -> bool {
    let names = std::slice::from_ref(&account.name);
    config.answer.mode_of(&account.account, names, &kind.id).is_some_and(|mode| mode != AnswerMode::Pass)
}

fn is_watched_anywhere(config: &Config, kind: &Kind) -> bool {
    config.profiles.values().any(|profile| !profile.unwatched.contains(&kind.id))
}
