//! The shipped profiles.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_model::{Environment, Profile};

use crate::scalar::read_words;

/// A shipped profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shipped {
    /// Fresh within seconds; a lost event shows after ten minutes at most; half of AWS's limits are left to others.
    Production,
    /// Fresh within seconds too, but a lost event may stay unseen for twenty minutes: half of production's polls.
    Staging,
    /// Fresh within some seconds while events come, and otherwise nearly free: hourly polls, a fifth of AWS's limits.
    Development,
}

read_words! {
    SHIPPED_NAMES for Shipped {
        "production" => Shipped::Production, "staging" => Shipped::Staging, "development" => Shipped::Development,
    }
}

impl Shipped {
    pub(crate) const ALL: [Shipped; 3] = [Self::Production, Self::Staging, Self::Development];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }

    /// The shipped profile of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shipped| shipped.name() == name)
    }

    /// Its numbers.
    pub(crate) fn profile(self) -> Profile {
        match self {
            Self::Production => production(),
            Self::Staging => staging(),
            Self::Development => development(),
        }
    }
}

/// The shipped profiles and the environment of accounts for which nothing says one: what holds without a configuration.
pub fn shipped_profiles() -> (BTreeMap<Environment, Profile>, Environment) {
    let fallback = Environment::new(Shipped::Production.name()).expect("invariant: shipped names are valid");
    (shipped(), fallback)
}

/// All of them, by name.
pub(crate) fn shipped() -> BTreeMap<Environment, Profile> {
    let name = |shipped: Shipped| Environment::new(shipped.name()).expect("invariant: shipped names are valid");
    Shipped::ALL.into_iter().map(|shipped| (name(shipped), shipped.profile())).collect()
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn production() -> Profile {
    Profile {
        // Clouddriver's own interval: never more load than stock.
        floor: secs(30),
        // One poll in twenty is left of stock's; a lost event is made good within ten minutes.
        ceiling: secs(600),
        // Counted from the last change: an instance that was launched is mostly healthy within two minutes, and each launch begins it anew.
        hot_for: secs(120),
        // Half of stock's load while somebody waits for target health, and it is still at most a minute old.
        hot_ceiling: secs(60),
        // An Auto Scaling launch sends its handful of events within a quarter of a second.
        debounce_idle: Duration::from_millis(250),
        // A steady stream of events still shows within two seconds.
        debounce_max: secs(2),
        // Deployments, and other programs in the account, keep as much as we may take.
        budget_share: 0.5,
        // Room for a manual refresh in the middle of a storm.
        operator_share: 0.2,
        // Five heartbeats of one a minute may be lost before it counts.
        silent_after: secs(300),
        // Beyond a minute polling would be as fresh as the stream.
        late_after: secs(60),
        // At most forty minutes between polls while AWS throttles.
        throttle_stretch: 4.0,
        unwatched: Vec::new(),
        kind_ceilings: BTreeMap::new(),
    }
}

fn staging() -> Profile {
    Profile {
        // A lost event may take twenty minutes to show: nobody's customers see it.
        ceiling: secs(1_200),
        hot_for: secs(120),
        // A pipeline's wait for health may take up to a minute longer than in production.
        hot_ceiling: secs(120),
        // Half a second more delay buys fewer runs when test suites create and delete in bulk.
        debounce_idle: Duration::from_millis(500),
        debounce_max: secs(3),
        // A third of the limits: test systems often share the account with the tests themselves.
        budget_share: 0.3,
        // A missed heartbeat is no reason to hurry back to full polling.
        silent_after: secs(600),
        late_after: secs(120),
        throttle_stretch: 6.0,
        ..production()
    }
}

fn development() -> Profile {
    Profile {
        // Half of stock's load even where polling is all there is.
        floor: secs(60),
        // Hourly: events carry the news, and who misses one presses refresh.
        ceiling: secs(3_600),
        hot_for: secs(60),
        hot_ceiling: secs(300),
        // A second of delay nobody notices, and scripts that create things in loops cost one run.
        debounce_idle: secs(1),
        debounce_max: secs(5),
        // Four fifths of the limits stay with the people working in the account.
        budget_share: 0.2,
        silent_after: secs(900),
        late_after: secs(300),
        throttle_stretch: 8.0,
        ..production()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_numbers_do_not_contradict_each_other() {
        for (name, p) in shipped() {
            assert!(p.floor <= p.hot_ceiling && p.hot_ceiling <= p.ceiling, "{name}");
            assert!(p.debounce_idle <= p.debounce_max && p.late_after <= p.silent_after, "{name}");
            assert!(p.budget_share > 0.0 && p.budget_share <= 1.0 && p.operator_share < 1.0, "{name}");
            assert!(p.throttle_stretch >= 1.0, "{name}");
        }
    }

    #[test]
    fn each_environment_is_thriftier_than_the_one_before() {
        let [production, staging, development] = Shipped::ALL.map(Shipped::profile);
        for (strict, lax) in [(&production, &staging), (&staging, &development)] {
            assert!(strict.ceiling < lax.ceiling && strict.hot_ceiling < lax.hot_ceiling);
            assert!(strict.budget_share > lax.budget_share && strict.debounce_idle < lax.debounce_idle);
        }
    }

    #[test]
    fn names_and_words_agree() {
        assert_eq!(Shipped::ALL.map(Shipped::name), SHIPPED_NAMES);
    }
}
