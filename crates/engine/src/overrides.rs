//! What operators changed at run time: the most particular override that applies wins, among equals the latest.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{
    Accounts, Agent, Environment, KindId, Override, OverrideId, OverrideScope, Place, Setting, Timestamp,
};

/// The overrides in force.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    list: Vec<Override>,
}

impl Overrides {
    /// Sets one; another of the same id is replaced.
    pub fn set(&mut self, new: Override) {
        self.list.retain(|known| known.id != new.id);
        self.list.push(new);
    }

    /// Takes one back.
    pub fn remove(&mut self, id: &OverrideId) -> Option<Override> {
        let at = self.list.iter().position(|known| known.id == *id)?;
        Some(self.list.remove(at))
    }

    /// Takes back those whose time is over.
    pub fn expire(&mut self, now: Timestamp) -> Vec<OverrideId> {
        let over: Vec<OverrideId> = self.list.iter().filter(|o| o.expires <= now).map(|o| o.id.clone()).collect();
        self.list.retain(|o| o.expires > now);
        over
    }

    /// All, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.list.iter()
    }

    /// When the next one ends.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.list.iter().map(|o| o.expires).min()
    }

    /// Whether a kill switch covers everything.
    pub fn all_killed(&self) -> bool {
        self.list.iter().any(|o| o.setting == Setting::KillSwitch && o.scope == OverrideScope::default())
    }

    /// Whether a kill switch covers this agent.
    pub fn killed(&self, agent: &Agent) -> bool {
        self.list.iter().any(|o| {
            o.setting == Setting::KillSwitch
                && reaches(&o.scope, &agent.place)
                && o.scope.kind.as_ref().is_none_or(|kind| agent.kinds.contains(kind))
        })
    }

    /// Whether a kill switch covers this kind at this place.
    pub fn killed_kind(&self, place: &Place, kind: &KindId) -> bool {
        self.list.iter().any(|o| {
            o.setting == Setting::KillSwitch
                && reaches(&o.scope, place)
                && o.scope.kind.as_ref().is_none_or(|killed| killed == kind)
        })
    }

    /// How often a kind is to be polled.
    pub fn cadence(&self, place: &Place, kind: &KindId) -> Option<Duration> {
        self.find(place, Some(kind), |setting| match setting {
            Setting::Cadence(every) => Some(*every),
            _ => None,
        })
    }

    /// Whose profile is to be used.
    pub fn profile(&self, place: &Place, kind: &KindId) -> Option<&Environment> {
        self.find(place, Some(kind), |setting| match setting {
            Setting::Profile(environment) => Some(environment),
            _ => None,
        })
    }

    /// Which share of the throttle buckets is to be used.
    pub fn budget(&self, place: &Place) -> Option<f64> {
        self.find(place, None, |setting| match setting {
            Setting::Budget(share) => Some(share.clamp(0.0, 1.0)),
            _ => None,
        })
    }

    /// The accounts with the environments that overrides of whole accounts give them. Overrides of a region or a kind change its cadence only: which events are
    /// acted on, and how long they wait for company, belongs to an account.
    pub fn apply(&self, accounts: &Arc<Accounts>) -> Arc<Accounts> {
        let whole = |o: &&Override| o.scope.region.is_none() && o.scope.kind.is_none();
        let moved: Vec<(&OverrideScope, &Environment)> = self
            .list
            .iter()
            .filter(whole)
            .filter_map(|o| match &o.setting {
                Setting::Profile(environment) => Some((&o.scope, environment)),
                _ => None,
            })
            .collect();
        if moved.is_empty() {
            return accounts.clone();
        }
        let changed = accounts.iter().cloned().map(|mut account| {
            let covers = |scope: &OverrideScope| scope.account.as_ref().is_none_or(|id| *id == account.account);
            let last = moved.iter().enumerate().filter(|(_, (scope, _))| covers(scope));
            if let Some((_, (_, environment))) = last.max_by_key(|(at, (scope, _))| (scope.account.is_some(), *at)) {
                account.environment = (*environment).clone();
            }
            account
        });
        Arc::new(Accounts::new(changed))
    }

    fn find<'a, T>(
        &'a self,
        place: &Place,
        kind: Option<&KindId>,
        pick: impl Fn(&'a Setting) -> Option<T>,
    ) -> Option<T> {
        let applies =
            |o: &&Override| reaches(&o.scope, place) && o.scope.kind.as_ref().is_none_or(|wanted| kind == Some(wanted));
        let particular =
            |scope: &OverrideScope| (scope.kind.is_some(), scope.region.is_some(), scope.account.is_some());
        let candidates = self.list.iter().filter(applies).enumerate();
        candidates
            .filter_map(|(at, o)| pick(&o.setting).map(|value| ((particular(&o.scope), at), value)))
            .max_by_key(|(rank, _)| *rank)
            .map(|(_, value)| value)
    }
}

fn reaches(scope: &OverrideScope, place: &Place) -> bool {
    scope.account.as_ref().is_none_or(|account| *account == place.account)
        && scope.region.as_ref().is_none_or(|region| *region == place.region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, at};

    fn over(id: &str, scope: OverrideScope, setting: Setting) -> Override {
        testing::override_of(id, scope, setting, at(3_600))
    }

    #[test]
    fn the_most_particular_wins_and_among_equals_the_latest() {
        let place = testing::place();
        let kind = testing::kind("widget");
        let mut overrides = Overrides::default();
        let seconds = |n| Setting::Cadence(Duration::from_secs(n));
        let of_kind = OverrideScope { kind: Some(kind.clone()), ..OverrideScope::default() };
        overrides.set(over("a", of_kind.clone(), seconds(10)));
        overrides.set(over("b", OverrideScope::default(), seconds(20)));
        assert_eq!(overrides.cadence(&place, &kind), Some(Duration::from_secs(10)));
        assert_eq!(overrides.cadence(&place, &testing::kind("gadget")), Some(Duration::from_secs(20)));
        overrides.set(over("c", of_kind, seconds(30)));
        assert_eq!(overrides.cadence(&place, &kind), Some(Duration::from_secs(30)));
    }

    #[test]
    fn every_override_ends_by_itself() {
        let mut overrides = Overrides::default();
        overrides.set(over("a", OverrideScope::default(), Setting::Budget(0.1)));
        overrides.set(over("a", OverrideScope::default(), Setting::KillSwitch));
        assert_eq!(overrides.iter().count(), 1, "one of the same name is replaced");
        assert!(overrides.all_killed() && overrides.expire(at(3_599)).is_empty());
        assert_eq!(overrides.expire(at(3_600)).len(), 1);
        assert!(!overrides.all_killed());
    }

    #[test]
    fn a_profile_of_a_whole_account_moves_the_account() {
        let accounts = Arc::new(testing::accounts());
        let mut overrides = Overrides::default();
        assert!(Arc::ptr_eq(&accounts, &overrides.apply(&accounts)));
        let other = Environment::new("other").unwrap();
        let scope = OverrideScope { account: Some(testing::place().account), ..OverrideScope::default() };
        overrides.set(over("a", scope, Setting::Profile(other.clone())));
        assert_eq!(overrides.apply(&accounts).environment_of(&testing::place().account), Some(&other));
    }
}
