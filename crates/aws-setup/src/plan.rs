//! What is to be made where.

use std::collections::{BTreeMap, BTreeSet};

use aws_event_cache_catalog::{Catalog, Reach};
use aws_event_cache_config::Config;
use aws_event_cache_model::{AccountId, Place, Region, SpinnakerAccount};

use crate::demand::Demand;
use crate::hub::Hub;
use crate::options::{BadOption, Options};
use crate::place::{global_region, partition};
use crate::rules::{ForwardRule, RuleTooLong, forward_rules};

/// Why nothing can be generated.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The configuration says of no topic and no queue.
    #[error(
        "the configuration names no topic (intake.sns.topics) and no queue (intake.sqs.queues): name the one that is to be made"
    )]
    NoHub,
    /// Nobody would hear of anything.
    #[error("no kind is in use: every one is listed under unwatched, or no account has agents that read any")]
    NoKind,
    /// Hubs in several partitions.
    #[error(
        "the places {0} and {1} lie in different partitions of AWS, which share no events: make one configuration for each"
    )]
    Partitions(String, String),
    /// An option.
    #[error(transparent)]
    Option(#[from] BadOption),
    /// A name in the operator's catalogue.
    #[error(transparent)]
    Rule(#[from] RuleTooLong),
}

/// Hubs, members and rules of one configuration.
#[derive(Debug)]
pub struct Plan<'c> {
    /// The kinds in use.
    pub demand: Demand<'c>,
    /// Where events come together; the first takes what comes from regions without a hub.
    pub hubs: Vec<Hub>,
    /// Where events come from, in order.
    pub members: BTreeSet<Place>,
    /// Places that only stand here since IAM and its like tell of their calls there, and Clouddriver does not read there.
    pub only_global: BTreeSet<Place>,
    /// Whether Clouddriver tells of more accounts while running.
    pub discovers: bool,
    /// What members forward.
    pub rules: Vec<ForwardRule>,
    /// How often members send a heartbeat, in minutes.
    pub heartbeat_minutes: u64,
    /// What the operator decided.
    pub options: Options,
}

impl<'c> Plan<'c> {
    /// Works it out. `discovers` says that Clouddriver tells of more accounts than those given.
    ///
    /// # Errors
    /// [`PlanError`], when there is nothing to make or no way to make it.
    pub fn new(
        config: &Config,
        catalog: &'c Catalog,
        accounts: &[SpinnakerAccount],
        discovers: bool,
        options: Options,
    ) -> Result<Self, PlanError> {
        options.check()?;
        let demand = Demand::of(config, catalog, accounts, !discovers);
        if demand.kinds().next().is_none() {
            return Err(PlanError::NoKind);
        }
        let hubs = Hub::all(&config.intake);
        let hub = hubs.first().ok_or(PlanError::NoHub)?;
        let read: BTreeSet<Place> = match accounts {
            [] => hubs.iter().map(|hub| hub.place.clone()).collect(),
            _ => accounts.iter().flat_map(SpinnakerAccount::places).collect(),
        };
        one_partition(hub, hubs.iter().map(|hub| &hub.place).chain(&read))?;
        let only_global = if tells_globally(&demand) { global_places(&read) } else { BTreeSet::new() };
        let members = read.union(&only_global).cloned().collect();
        let china = partition(hub.place.region.as_str()) == "aws-cn";
        let rules = forward_rules(&demand, options.writes, china)?;
        // EventBridge's shortest rate is one minute.
        let heartbeat_minutes = config.intake.heartbeat_every.as_secs().div_ceil(60).max(1);
        Ok(Self { demand, hubs, members, only_global, discovers, rules, heartbeat_minutes, options })
    }

    /// The hub of a place: that of its own region, so that events do not travel, else the first.
    pub fn hub_of(&self, place: &Place) -> &Hub {
        let near = self.hubs.iter().find(|hub| hub.place == *place);
        let near = near.or_else(|| self.hubs.iter().find(|hub| hub.place.region == place.region));
        near.or(self.hubs.first()).expect("invariant: a plan has a hub")
    }

    /// The AWS accounts that send to a hub, in order.
    pub fn accounts_of(&self, hub: &Hub) -> BTreeSet<&AccountId> {
        self.members.iter().filter(|place| self.hub_of(place) == hub).map(|place| &place.account).collect()
    }

    /// A hub's members as CloudFormation's StackSets take them: accounts that share their regions together.
    pub(crate) fn groups_of(&self, hub: &Hub) -> Vec<(Vec<&AccountId>, Vec<&Region>)> {
        let mut regions: BTreeMap<&AccountId, Vec<&Region>> = BTreeMap::new();
        for place in self.members.iter().filter(|place| self.hub_of(place) == hub) {
            regions.entry(&place.account).or_default().push(&place.region);
        }
        let mut groups: BTreeMap<Vec<&Region>, Vec<&AccountId>> = BTreeMap::new();
        for (account, regions) in regions {
            groups.entry(regions).or_default().push(account);
        }
        groups.into_iter().map(|(regions, accounts)| (accounts, regions)).collect()
    }

    /// The AWS Config types that matter: of kinds that live in regions, and of those that belong to whole accounts.
    pub(crate) fn config_types(&self) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let (mut regional, mut global) = (BTreeSet::new(), BTreeSet::new());
        for kind in self.demand.catalog().kinds() {
            let to = if kind.reach == Reach::Account { &mut global } else { &mut regional };
            let wanted = kind.config.iter().filter(|config| self.demand.wants(&config.rule));
            to.extend(wanted.map(|config| config.resource_type.as_str()));
        }
        (regional, global)
    }
}

fn one_partition<'p>(hub: &Hub, places: impl Iterator<Item = &'p Place>) -> Result<(), PlanError> {
    let own = partition(hub.place.region.as_str());
    for place in places {
        if partition(place.region.as_str()) != own {
            return Err(PlanError::Partitions(hub.place.to_string(), place.to_string()));
        }
    }
    Ok(())
}

/// Whether calls of a service without regions matter: EventBridge has them in one region only.
fn tells_globally(demand: &Demand<'_>) -> bool {
    let catalog = demand.catalog();
    let calls = catalog.kinds().flat_map(|kind| &kind.calls).filter(|call| demand.wants(&call.rule));
    let mut services = calls.filter_map(|call| catalog.service(&call.service));
    services.any(|service| service.global_region.is_some())
}

fn global_places(read: &BTreeSet<Place>) -> BTreeSet<Place> {
    let global = |place: &Place| {
        let region = global_region(partition(place.region.as_str()));
        let region = Region::new(region).expect("invariant: they are regions");
        Place::new(place.account.clone(), region)
    };
    read.iter().map(global).filter(|place| !read.contains(place)).collect()
}
