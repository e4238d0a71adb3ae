//! How far the answer arm may go, where.

use std::collections::HashMap;

use aws_event_cache_model::{AccountId, AnswerMode, KindId, OverrideScope, Place};

/// Every setting that bears on the mode.
///
/// An account's or a kind's own setting stands instead of the default; where both are set, and for every override that covers the place and kind, the most
/// cautious wins.
#[derive(Debug, Clone)]
pub struct Modes {
    /// Where nothing else is said.
    pub default: AnswerMode,
    /// By AWS account.
    pub accounts: HashMap<AccountId, AnswerMode>,
    /// By kind.
    pub kinds: HashMap<KindId, AnswerMode>,
    /// The operator's overrides at run time.
    pub overrides: Vec<(OverrideScope, AnswerMode)>,
    /// Everything passes: the kill switch by file.
    pub killed: bool,
}

impl Default for Modes {
    /// Everything passes until somebody says otherwise.
    fn default() -> Self {
        Self {
            default: AnswerMode::Pass,
            accounts: HashMap::new(),
            kinds: HashMap::new(),
            overrides: Vec::new(),
            killed: false,
        }
    }
}

impl Modes {
    /// The mode for reads of a kind at a place.
    pub fn at(&self, place: &Place, kind: &KindId) -> AnswerMode {
        if self.killed {
            return AnswerMode::Pass;
        }
        let own = [self.accounts.get(&place.account), self.kinds.get(kind)];
        let set = own.into_iter().flatten().copied().min().unwrap_or(self.default);
        let covering = self.overrides.iter().filter(|(scope, _)| covers(scope, place, kind)).map(|(_, mode)| *mode);
        covering.fold(set, AnswerMode::min)
    }

    /// Whether nothing can be answered or compared anywhere, so that requests need not even be looked at.
    pub fn all_pass(&self) -> bool {
        let everywhere = |scope: &OverrideScope| *scope == OverrideScope::default();
        let passes = |mode: &AnswerMode| *mode == AnswerMode::Pass;
        self.killed
            || self.overrides.iter().any(|(scope, mode)| everywhere(scope) && passes(mode))
            || (passes(&self.default) && self.accounts.values().all(passes) && self.kinds.values().all(passes))
    }
}

fn covers(scope: &OverrideScope, place: &Place, kind: &KindId) -> bool {
    scope.account.as_ref().is_none_or(|account| *account == place.account)
        && scope.region.as_ref().is_none_or(|region| *region == place.region)
        && scope.kind.as_ref().is_none_or(|of| of == kind)
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::Region;

    use super::*;

    fn place(account: &str) -> Place {
        Place::new(AccountId::new(account).unwrap(), Region::new("eu-west-1").unwrap())
    }

    fn kind(id: &str) -> KindId {
        KindId::new(id).unwrap()
    }

    const ONE: &str = "111122223333";
    const TWO: &str = "444455556666";

    fn modes() -> Modes {
        Modes {
            default: AnswerMode::Observe,
            accounts: HashMap::from([(AccountId::new(ONE).unwrap(), AnswerMode::Serve)]),
            kinds: HashMap::from([(kind("gadget"), AnswerMode::Pass)]),
            ..Modes::default()
        }
    }

    #[test]
    fn an_account_or_a_kind_may_go_further_than_the_default_and_the_more_cautious_of_both_wins() {
        let modes = modes();
        assert_eq!(modes.at(&place(ONE), &kind("widget")), AnswerMode::Serve);
        assert_eq!(modes.at(&place(ONE), &kind("gadget")), AnswerMode::Pass);
        assert_eq!(modes.at(&place(TWO), &kind("widget")), AnswerMode::Observe);
        assert!(!modes.all_pass());
    }

    #[test]
    fn an_override_only_ever_makes_more_cautious() {
        let region = OverrideScope { region: Some(Region::new("eu-west-1").unwrap()), ..OverrideScope::default() };
        let with = |mode| Modes { overrides: vec![(region.clone(), mode)], ..modes() };
        assert_eq!(with(AnswerMode::Observe).at(&place(ONE), &kind("widget")), AnswerMode::Observe);
        assert_eq!(with(AnswerMode::Serve).at(&place(TWO), &kind("widget")), AnswerMode::Observe);
    }

    #[test]
    fn either_kill_switch_passes_everything() {
        let killed = Modes { killed: true, ..modes() };
        let overridden = Modes { overrides: vec![(OverrideScope::default(), AnswerMode::Pass)], ..modes() };
        for modes in [killed, overridden] {
            assert!(modes.all_pass());
            assert_eq!(modes.at(&place(ONE), &kind("widget")), AnswerMode::Pass);
        }
    }
}
