//! Which accounts Clouddriver serves: several Spinnaker accounts may stand for one AWS account.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::agent::Provider;
use crate::ids::{AccountId, BadId, Place, Region, ResourceName, text_id};

text_id! {
    /// The name of an environment (and of the profile that belongs to it), such as `production`.
    Environment, "an environment (1 to 64 letters, digits, - or _)",
    |t| !t.is_empty() && t.len() <= 64 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// One Spinnaker account, as Clouddriver or the configuration file names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpinnakerAccount {
    /// Spinnaker's name of the account: the first part of its agents' names.
    pub name: String,
    /// `aws` or `ecs`; an ECS account wraps an AWS account of the same id.
    pub provider: Provider,
    /// The AWS account.
    pub account: AccountId,
    /// The regions in which Clouddriver reads.
    pub regions: Vec<Region>,
    /// Whose profile applies.
    pub environment: Environment,
    /// Name of the role that Clouddriver assumes for this account, without path; `None` when unknown or when it assumes none.
    pub assume_role: Option<ResourceName>,
    /// Whether the Lambda agents exist for this account.
    pub lambda: bool,
}

impl SpinnakerAccount {
    /// The places of this account.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.regions.iter().map(|region| Place::new(self.account.clone(), region.clone()))
    }
}

/// Every account served, looked up by Spinnaker's name and by AWS account id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    by_name: BTreeMap<String, SpinnakerAccount>,
    /// Names by AWS account: every hint asks for them, and there may be hundreds of accounts.
    names: BTreeMap<AccountId, Vec<String>>,
}

impl Accounts {
    /// Takes the accounts; of two with one name the later wins.
    pub fn new(accounts: impl IntoIterator<Item = SpinnakerAccount>) -> Self {
        let by_name: BTreeMap<String, SpinnakerAccount> = accounts.into_iter().map(|a| (a.name.clone(), a)).collect();
        let mut names: BTreeMap<AccountId, Vec<String>> = BTreeMap::new();
        for account in by_name.values() {
            names.entry(account.account.clone()).or_default().push(account.name.clone());
        }
        Self { by_name, names }
    }

    /// All accounts, by name.
    pub fn iter(&self) -> impl Iterator<Item = &SpinnakerAccount> {
        self.by_name.values()
    }

    /// The account that Spinnaker calls `name`.
    pub fn named(&self, name: &str) -> Option<&SpinnakerAccount> {
        self.by_name.get(name)
    }

    /// The Spinnaker accounts that stand for an AWS account.
    pub fn of<'a>(&'a self, account: &AccountId) -> impl Iterator<Item = &'a SpinnakerAccount> + use<'a> {
        self.names.get(account).into_iter().flatten().filter_map(|name| self.by_name.get(name))
    }

    /// Whether an AWS account is served at all; messages about others are counted and dismissed.
    pub fn serves(&self, account: &AccountId) -> bool {
        self.of(account).next().is_some()
    }

    /// Every place, each once.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.iter().flat_map(SpinnakerAccount::places).collect();
        places.sort();
        places.dedup();
        places
    }

    /// The environment of an AWS account: that of the first Spinnaker account that stands for it.
    pub fn environment_of(&self, account: &AccountId) -> Option<&Environment> {
        self.of(account).next().map(|a| &a.environment)
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}
