//! Profiles by environment.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_event_cache_model::{AccountId, Accounts, Environment, Profile};

/// The profiles of all environments.
///
/// `fallback` names the environment whose profile serves accounts of environments without one; if that does not exist either, polling is left
/// to stock.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    /// By environment.
    pub by_environment: BTreeMap<Environment, Profile>,
    /// Whose profile serves accounts of environments that have none.
    pub fallback: Environment,
}

impl Profiles {
    /// The profile of an environment, or the fallback.
    pub fn of(&self, environment: &Environment) -> &Profile {
        self.by_environment.get(environment).unwrap_or_else(|| self.fallback_profile())
    }

    /// The profile of an AWS account.
    pub fn of_account(&self, accounts: &Accounts, account: &AccountId) -> &Profile {
        accounts.environment_of(account).map_or_else(|| self.fallback_profile(), |environment| self.of(environment))
    }

    /// The profile of accounts whose environment has none.
    pub fn fallback_profile(&self) -> &Profile {
        self.by_environment.get(&self.fallback).unwrap_or(&STOCK)
    }
}

/// What serves when there is no profile at all: events are acted on, and nothing is held, so that an empty configuration never makes a copy older than stock.
static STOCK: LazyLock<Profile> = LazyLock::new(|| Profile {
    floor: Duration::from_secs(30),
    ceiling: Duration::from_secs(30),
    hot_for: Duration::ZERO,
    hot_ceiling: Duration::from_secs(30),
    debounce_idle: Duration::from_secs(1),
    debounce_max: Duration::from_secs(3),
    budget_share: 0.5,
    operator_share: 0.2,
    silent_after: Duration::from_secs(180),
    late_after: Duration::from_secs(60),
    throttle_stretch: 1.0,
    unwatched: Vec::new(),
    kind_ceilings: BTreeMap::new(),
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_environment_without_profile_gets_the_fallback_and_without_that_stock() {
        let mut profiles = testing::profiles();
        let other = Environment::new("other").unwrap();
        assert_eq!(profiles.of(&other), &testing::profile());
        profiles.by_environment.clear();
        assert_eq!(profiles.of(&other).ceiling, Duration::from_secs(30));
    }
}
