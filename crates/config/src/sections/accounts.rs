//! `accounts`: which Spinnaker accounts there are, and to which environment each belongs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_event_cache_model::{AccountId, Environment, Profile, Provider, Region, ResourceName, SpinnakerAccount};

use crate::scalar::{self, Bad, Scalar};
use crate::schema::{Default, Effect::Reload, Form, Key};
use crate::section::Section;
use crate::sections::answer::is_alone;
use crate::sections::environments::known;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "accounts",
        form: Form::Section,
        default: Default::None("all accounts are discovered"),
        what: "Which Spinnaker accounts there are. Discovered, listed and read from Clouddriver's file may be mixed; what is listed here goes before what is in the file, and that before what is discovered.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "accounts.discover",
        form: Form::Flag,
        default: Default::Is("true"),
        what: "Ask Clouddriver for its accounts (`/credentials`), every 30 s, so that new and removed ones are noticed within a minute.",
        when: "Clouddriver hides accounts from us, or the list is to be fixed.",
        effect: Reload,
    },
    Key {
        path: "accounts.file",
        form: Form::Text("the path of Clouddriver's own YAML file"),
        default: Default::None("no file is read"),
        what: "Clouddriver's own configuration, of which `aws.accounts`, `ecs.accounts` and the defaults beside them are read.",
        when: "Accounts cannot be discovered, and you do not want to list them twice.",
        effect: Reload,
    },
    Key {
        path: "accounts.list",
        form: Form::List("accounts"),
        default: Default::None("none is listed"),
        what: "Accounts by hand.",
        when: "Accounts cannot be discovered, or single ones need another environment.",
        effect: Reload,
    },
    Key {
        path: "accounts.list[]",
        form: Form::Section,
        default: Default::None(""),
        what: "One Spinnaker account.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "accounts.list[].name",
        form: Form::Text("Spinnaker's name of the account"),
        default: Default::Required,
        what: "Spinnaker's name of the account: the first part of its agents' names.",
        when: "Always.",
        effect: Reload,
    },
    Key {
        path: "accounts.list[].accountId",
        form: Form::Text("an AWS account id: 12 digits in quotes"),
        default: Default::Required,
        what: "The AWS account. In quotes: without them a leading zero gets lost in many tools.",
        when: "Always.",
        effect: Reload,
    },
    Key {
        path: "accounts.list[].regions",
        form: Form::Values("AWS regions such as us-west-2"),
        default: Default::Required,
        what: "The regions in which Clouddriver reads.",
        when: "Always.",
        effect: Reload,
    },
    Key {
        path: "accounts.list[].environment",
        form: Form::Text("the name of an environment"),
        default: Default::None("by `accounts.environments`, else `environment`"),
        what: "Whose profile applies.",
        when: "The account is not in the environment that the rules give it.",
        effect: Reload,
    },
    Key {
        path: "accounts.list[].provider",
        form: Form::Words(scalar::PROVIDERS),
        default: Default::Is("aws"),
        what: "Clouddriver's provider of the account.",
        when: "It is an ECS account, which wraps an AWS account of the same id.",
        effect: Reload,
    },
    Key {
        path: "accounts.list[].assumeRole",
        form: Form::Text("the name of a role, `role/NAME` or its ARN"),
        default: Default::None("changes of its role are not noticed"),
        what: "The role that Clouddriver assumes in the account, so that a change of the role itself is acted on.",
        when: "Always, when the account is listed.",
        effect: Reload,
    },
    Key {
        path: "accounts.list[].lambda",
        form: Form::Flag,
        default: Default::Is("false"),
        what: "Whether Clouddriver's Lambda agents are on for the account (`lambdaEnabled` there).",
        when: "They are.",
        effect: Reload,
    },
    Key {
        path: "accounts.environments",
        form: Form::List("rules"),
        default: Default::None("no rules"),
        what: "Which environment accounts belong to, by their names. The first rule that fits wins. An account that neither its entry in `list` nor a rule places takes the `environment` that Clouddriver has for it, if there is a profile of that name, else the default.",
        when: "Your account names tell the environment.",
        effect: Reload,
    },
    Key {
        path: "accounts.environments[]",
        form: Form::Section,
        default: Default::None(""),
        what: "One rule.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "accounts.environments[].match",
        form: Form::Text("1 to 200 characters, in which * stands for any text, such as prod-* or an account id"),
        default: Default::Required,
        what: "Spinnaker's account name, or the AWS account id.",
        when: "Always.",
        effect: Reload,
    },
    Key {
        path: "accounts.environments[].environment",
        form: Form::Text("the name of an environment"),
        default: Default::Required,
        what: "Whose profile applies.",
        when: "Always.",
        effect: Reload,
    },
];

/// Which accounts there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    /// Whether Clouddriver is asked.
    pub discover: bool,
    /// Clouddriver's own YAML file.
    pub file: Option<PathBuf>,
    /// Accounts by hand, environments resolved.
    pub list: Vec<SpinnakerAccount>,
    /// Which environment accounts belong to; the first that fits. Listed accounts that say their environment come first, each with a rule of its own.
    pub rules: Vec<EnvironmentRule>,
}

/// "Accounts with names like this belong to that environment."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRule {
    /// A Spinnaker account's name or an AWS account id, in which `*` stands for any text.
    pub pattern: String,
    /// The environment.
    pub environment: Environment,
}

impl EnvironmentRule {
    /// Whether the rule is about an account.
    pub fn fits(&self, name: &str, account: &AccountId) -> bool {
        fits(&self.pattern, name) || fits(&self.pattern, account.as_str())
    }
}

/// Wildcards, without recursion: at a mismatch it goes back to the last `*` only, so the time is at most the product of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// A role as Clouddriver's `assumeRole` may write it: name, `role/NAME` or ARN, with or without path.
struct RoleName(ResourceName);

impl Scalar for RoleName {
    fn read(text: &str, plain: bool, form: &Form) -> Result<Self, Bad> {
        let name = text.rsplit('/').next().unwrap_or(text);
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if name.is_empty()
            || name.len() > 64
            || !name.bytes().all(allowed)
            || (text.contains(':') && !text.contains(":role/"))
        {
            return Err(Bad::new(format!("is not {}", form.describe())));
        }
        ResourceName::read(name, plain, form).map(Self)
    }
}

/// Reads the section.
pub(crate) fn read(
    root: &Section<'_>,
    profiles: &BTreeMap<Environment, Profile>,
    fallback: Option<&Environment>,
) -> Option<AccountSettings> {
    let section = root.section("accounts");
    let discover = section.value("discover");
    let file = section.value::<PathBuf>("file");
    let rules = rules(&section, profiles);
    let (list, mut own) = list(&section, profiles, &rules, fallback);
    own.extend(rules);
    if discover == Some(false) && file.is_none() && !section.has("list") && !is_alone(root) {
        section.wrong("discover", "nothing says which accounts there are: set discover, list or file");
    }
    Some(AccountSettings { discover: discover?, file, list, rules: own })
}

/// Longest pattern: Spinnaker's account names are much shorter.
const PATTERN_LIMIT: usize = 200;

fn rules(section: &Section<'_>, profiles: &BTreeMap<Environment, Profile>) -> Vec<EnvironmentRule> {
    let rule = |item: Section<'_>| {
        let pattern = item.value::<String>("match");
        if pattern.as_ref().is_some_and(|pattern| pattern.chars().count() > PATTERN_LIMIT) {
            item.wrong("match", "is longer than 200 characters");
        }
        let environment = known(&item, "environment", item.value("environment"), profiles);
        Some(EnvironmentRule { pattern: pattern?, environment: environment? })
    };
    section.items("environments").into_iter().filter_map(rule).collect()
}

fn list(
    section: &Section<'_>,
    profiles: &BTreeMap<Environment, Profile>,
    rules: &[EnvironmentRule],
    fallback: Option<&Environment>,
) -> (Vec<SpinnakerAccount>, Vec<EnvironmentRule>) {
    let mut own = Vec::new();
    let mut lines = BTreeMap::new();
    let mut list = Vec::new();
    for item in section.items("list") {
        let name = item.value::<String>("name");
        if let Some(name) = &name
            && let Some(line) = lines.insert(name.clone(), item.place().map_or(0, |place| place.line))
        {
            let mistake = item.about("name", format!("is listed twice; first in line {line}")).value(name);
            section.reading().mistake(mistake);
        }
        if let Some(account) = account(&item, name, profiles, rules, fallback) {
            if item.has("environment") {
                own.push(EnvironmentRule { pattern: account.name.clone(), environment: account.environment.clone() });
            }
            list.push(account);
        }
    }
    (list, own)
}

fn account(
    item: &Section<'_>,
    name: Option<String>,
    profiles: &BTreeMap<Environment, Profile>,
    rules: &[EnvironmentRule],
    fallback: Option<&Environment>,
) -> Option<SpinnakerAccount> {
    let account = item.value::<AccountId>("accountId");
    let regions: Vec<Region> = item.values("regions").into_iter().map(|(region, _)| region).collect();
    let given = item.given("environment");
    let said = given.is_some();
    let environment = known(item, "environment", given, profiles);
    let provider = item.value::<Provider>("provider");
    let assume_role = item.value::<RoleName>("assumeRole").map(|role| role.0);
    let lambda = item.value("lambda");
    if item.is_empty_list("regions") {
        item.wrong("regions", "holds no region, so the account would never be refreshed");
    }
    let (name, account) = (name?, account?);
    let by_rule =
        || rules.iter().find(|rule| rule.fits(&name, &account)).map(|rule| &rule.environment).or(fallback).cloned();
    let environment = if said { environment } else { by_rule() };
    Some(SpinnakerAccount {
        environment: environment?,
        provider: provider?,
        lambda: lambda?,
        name,
        account,
        regions,
        assume_role,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_fit_as_people_expect() {
        for (pattern, name, fit) in [
            ("prod-*", "prod-eu", true),
            ("prod-*", "preprod-eu", false),
            ("*prod*", "preprod-eu", true),
            ("11112222*", "111122223333", true),
            ("prod", "prod", true),
            ("*", "", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_fits_itself_and_itself_with_any_part_replaced_by_a_star(name in "[a-z0-9-]{1,20}", at in 0usize..20, len in 0usize..20) {
            let at = at.min(name.len());
            let end = (at + len).min(name.len());
            let replaced = format!("{}*{}", &name[..at], &name[end..]);
            prop_assert!(fits(&name, &name) && fits(&replaced, &name));
        }
    }

    #[test]
    fn roles_are_taken_in_each_way_that_clouddriver_takes_them() {
        let form = Form::Text("a role");
        for text in
            ["SpinnakerManaged", "role/SpinnakerManaged", "arn:aws:iam::111122223333:role/team/SpinnakerManaged"]
        {
            assert_eq!(RoleName::read(text, true, &form).ok().unwrap().0.as_str(), "SpinnakerManaged", "{text}");
        }
        for text in ["", "role/", "arn:aws:iam::111122223333:user/x", "a b"] {
            assert!(RoleName::read(text, true, &form).is_err(), "{text}");
        }
    }
}
