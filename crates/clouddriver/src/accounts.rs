//! Which accounts there are, and whose profile applies to them. Pure.
//!
//! Merge rule. Accounts come from Clouddriver, from configuration (ours, or Clouddriver's own file), or from both; they are the same if they have the same name.
//!
//! | what | who is believed |
//! |---|---|
//! | environment | configuration first: a rule by name, id or pattern, then the environment given with the account; then Clouddriver's `environment` if there is a profile of that name; else the default |
//! | AWS account id, provider, regions, role, Lambda | Clouddriver, since it runs the agents; configuration where Clouddriver leaves it open |
//! | existence | either: an account that only the configuration knows is kept, since Clouddriver may not have loaded it yet |

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use aws_event_cache_model::{Accounts, Environment, SpinnakerAccount};

use crate::credentials::Declared;

/// "Accounts like this belong to that environment."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRule {
    /// Which accounts.
    pub accounts: AccountPattern,
    /// Which environment.
    pub environment: Environment,
}

/// Accounts by Spinnaker's name, by AWS account id, or by a pattern of either in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPattern(Vec<String>);

/// A pattern that can match nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account pattern must be 1 to 200 characters, such as prod-*, payments or 111122223333")]
pub struct BadPattern;

impl FromStr for AccountPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let fits = !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.split('*').map(str::to_owned).collect())) } else { Err(BadPattern) }
    }
}

impl AccountPattern {
    /// Whether an account of this name or id is meant.
    pub fn matches(&self, account: &Declared) -> bool {
        self.fits(&account.name) || self.fits(account.account.as_str())
    }

    fn fits(&self, text: &str) -> bool {
        let (first, rest) = self.0.split_first().expect("invariant: split gives at least one part");
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
        for part in middle {
            let Some(at) = text.find(part.as_str()) else { return false };
            text = &text[at + part.len()..];
        }
        text.ends_with(last.as_str())
    }
}

/// How accounts come to their environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environments {
    /// The first that matches decides.
    pub rules: Vec<EnvironmentRule>,
    /// Environments that there are profiles for.
    pub known: BTreeSet<Environment>,
    /// For everybody else.
    pub fallback: Environment,
}

impl Environments {
    /// The environment of an account: `configured` is what our configuration says of it, `discovered` what Clouddriver says.
    fn of(&self, account: &Declared, configured: Option<&str>, discovered: Option<&str>) -> Environment {
        if let Some(rule) = self.rules.iter().find(|rule| rule.accounts.matches(account)) {
            return rule.environment.clone();
        }
        let known = |name: &str| self.known.iter().find(|known| known.as_str().eq_ignore_ascii_case(name)).cloned();
        configured.and_then(known).or_else(|| discovered.and_then(known)).unwrap_or_else(|| self.fallback.clone())
    }
}

/// Joins what is configured with what Clouddriver says, by the rule above. Contradictions come back as text for the status page.
pub fn merge(configured: &[Declared], discovered: &[Declared], environments: &Environments) -> (Accounts, Vec<String>) {
    let configured: BTreeMap<&str, &Declared> = configured.iter().map(|a| (a.name.as_str(), a)).collect();
    let discovered: BTreeMap<&str, &Declared> = discovered.iter().map(|a| (a.name.as_str(), a)).collect();
    let names: BTreeSet<&str> = configured.keys().chain(discovered.keys()).copied().collect();
    let mut problems = Vec::new();
    let accounts = names.into_iter().filter_map(|name| {
        let (ours, theirs) = (configured.get(name).copied(), discovered.get(name).copied());
        joined(ours, theirs, environments, &mut problems)
    });
    (Accounts::new(accounts.collect::<Vec<_>>()), problems)
}

fn joined(
    ours: Option<&Declared>,
    theirs: Option<&Declared>,
    environments: &Environments,
    problems: &mut Vec<String>,
) -> Option<SpinnakerAccount> {
    let base = theirs.or(ours)?;
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && (&ours.account, ours.provider) != (&theirs.account, theirs.provider)
    {
        problems.push(format!(
            "account {:?} is {} account {} in Clouddriver, but {} account {} in the configuration; Clouddriver is believed",
            base.name,
            theirs.provider.as_str(),
            theirs.account,
            ours.provider.as_str(),
            ours.account
        ));
    }
    let regions =
        if base.regions.is_empty() { ours.map_or(&base.regions, |ours| &ours.regions) } else { &base.regions };
    if regions.is_empty() {
        problems.push(format!("account {:?} has no regions, so nothing of it is read", base.name));
    }
    let environment = |account: Option<&Declared>| account.and_then(|account| account.environment.clone());
    Some(SpinnakerAccount {
        name: base.name.clone(),
        provider: base.provider,
        account: base.account.clone(),
        regions: regions.clone(),
        environment: environments.of(base, environment(ours).as_deref(), environment(theirs).as_deref()),
        assume_role: base.assume_role.clone().or_else(|| ours.and_then(|ours| ours.assume_role.clone())),
        lambda: base.lambda.or_else(|| ours.and_then(|ours| ours.lambda)).unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::{AccountId, Provider, Region, ResourceName};
    use proptest::prelude::*;

    use super::*;

    fn declared(name: &str, id: &str, environment: Option<&str>) -> Declared {
        Declared {
            name: name.to_owned(),
            provider: Provider::Aws,
            account: AccountId::new(id).unwrap(),
            regions: vec![Region::new("eu-west-1").unwrap()],
            environment: environment.map(str::to_owned),
            assume_role: None,
            lambda: Some(false),
        }
    }

    fn environments(rules: &[(&str, &str)]) -> Environments {
        let environment = |text: &str| Environment::new(text).unwrap();
        Environments {
            rules: rules
                .iter()
                .map(|(p, e)| EnvironmentRule { accounts: p.parse().unwrap(), environment: environment(e) })
                .collect(),
            known: ["production", "staging", "development"].map(environment).into(),
            fallback: environment("development"),
        }
    }

    fn environment_of(accounts: &Accounts, name: &str) -> String {
        accounts.named(name).unwrap().environment.to_string()
    }

    #[test]
    fn the_configured_environment_wins_over_clouddrivers_and_a_rule_over_both() {
        let configured = [declared("a", "111111111111", Some("staging"))];
        let discovered = [
            declared("a", "111111111111", Some("production")),
            declared("b", "222222222222", Some("Production")),
            declared("c", "333333333333", Some("test")),
            declared("prod-d", "444444444444", Some("staging")),
        ];
        let (accounts, problems) = merge(&configured, &discovered, &environments(&[("prod-*", "production")]));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(environment_of(&accounts, "a"), "staging");
        assert_eq!(environment_of(&accounts, "b"), "production");
        assert_eq!(environment_of(&accounts, "c"), "development", "there is no profile of Clouddriver's name for it");
        assert_eq!(environment_of(&accounts, "prod-d"), "production");
    }

    #[test]
    fn several_spinnaker_accounts_may_stand_for_one_aws_account() {
        let mut ecs = declared("a-ecs", "111111111111", None);
        ecs.provider = Provider::Ecs;
        let (accounts, _) = merge(&[], &[declared("a", "111111111111", None), ecs], &environments(&[]));
        assert_eq!(accounts.of(&AccountId::new("111111111111").unwrap()).count(), 2);
    }

    #[test]
    fn clouddriver_is_believed_about_ids_and_regions_and_configuration_fills_the_gaps() {
        let mut ours = declared("a", "111111111111", None);
        ours.assume_role = Some(ResourceName::new("Spin").unwrap());
        let mut theirs = declared("a", "222222222222", None);
        theirs.regions = vec![Region::new("us-east-1").unwrap()];
        let (accounts, problems) = merge(&[ours.clone()], &[theirs.clone()], &environments(&[]));
        let a = accounts.named("a").unwrap();
        assert_eq!((a.account.as_str(), a.regions[0].as_str()), ("222222222222", "us-east-1"));
        assert_eq!(a.assume_role.as_ref().unwrap().as_str(), "Spin");
        assert!(problems[0].contains("Clouddriver is believed"));
        theirs.regions.clear();
        assert_eq!(
            merge(&[ours], &[theirs], &environments(&[])).0.named("a").unwrap().regions[0].as_str(),
            "eu-west-1"
        );
    }

    #[test]
    fn an_account_that_only_one_side_knows_is_kept() {
        let (accounts, _) = merge(
            &[declared("ours", "111111111111", None)],
            &[declared("theirs", "222222222222", None)],
            &environments(&[]),
        );
        assert_eq!(accounts.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["ours", "theirs"]);
    }

    #[test]
    fn patterns_match_names_and_ids() {
        let account = declared("prod-payments-eu", "012345678901", None);
        for pattern in ["prod-payments-eu", "prod-*", "*-eu", "*payments*", "prod*pay*eu", "*", "012345678901", "0123*"]
        {
            assert!(pattern.parse::<AccountPattern>().unwrap().matches(&account), "{pattern}");
        }
        for pattern in ["prod", "*-us", "prod-*-eu-*", "12345678901", "PROD-*", "prod-payments-eu-*eu"] {
            assert!(!pattern.parse::<AccountPattern>().unwrap().matches(&account), "{pattern}");
        }
        assert_eq!("".parse::<AccountPattern>(), Err(BadPattern));
    }

    proptest! {
        #[test]
        fn a_pattern_made_from_a_name_by_leaving_parts_out_matches_it(parts in proptest::collection::vec("[a-z-]{0,4}", 1..6), keep in proptest::collection::vec(any::<bool>(), 6)) {
            let name = parts.concat();
            prop_assume!(!name.is_empty());
            let pattern: String = parts.iter().zip(&keep).map(|(part, keep)| if *keep { part.as_str() } else { "*" }).collect();
            prop_assume!(!pattern.is_empty());
            prop_assert!(pattern.parse::<AccountPattern>().unwrap().fits(&name), "{} {}", pattern, name);
        }
    }
}
