//! Clouddriver: whether it answers, and whether its accounts are those that we think of.

use std::collections::BTreeMap;

use aws_event_cache_model::AccountId;

use crate::codes;
use crate::facts::ClouddriverFacts;
use crate::finding::{Finding, Hop};

pub(super) fn clouddriver(clouddriver: &ClouddriverFacts) -> Vec<Finding> {
    let hop = Hop::Clouddriver;
    let Some(url) = &clouddriver.url else {
        return vec![Finding::skipped(hop, codes::NOT_LOOKED_AT, "clouddriver.url is not set")];
    };
    let accounts = match &clouddriver.accounts {
        Some(Ok(accounts)) => accounts,
        Some(Err(why)) => {
            let todo = "start Clouddriver, or correct clouddriver.url; with Fiat, set clouddriver.user to one who may read all accounts";
            return vec![Finding::broken(hop, codes::CLOUDDRIVER_UNREACHABLE, why.as_str(), todo)];
        }
        None => return vec![Finding::skipped(hop, codes::NOT_LOOKED_AT, "it was not asked")],
    };
    let mut findings = of_accounts(accounts, &clouddriver.listed);
    findings.extend(clouddriver.problems.iter().map(|problem| {
        let todo = "correct the account in Clouddriver, or in accounts.list";
        Finding::warning(hop, codes::CLOUDDRIVER_ACCOUNT_PROBLEM, problem.as_str(), todo)
    }));
    if let Some(Err(why)) = &clouddriver.runs {
        let saw = format!("its introspection cannot be read: {why}");
        let todo = "nothing, if the lock store is well; introspection only helps to tell why agents do not run";
        findings.push(Finding::warning(hop, codes::CLOUDDRIVER_INTROSPECTION, saw, todo));
    }
    if findings.is_empty() {
        let version = clouddriver.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
        let saw = format!("{url} answers{version}; {} AWS accounts", accounts.len());
        findings.push(Finding::good(hop, codes::CLOUDDRIVER_ANSWERS, saw));
    }
    findings
}

fn of_accounts(accounts: &BTreeMap<String, AccountId>, listed: &BTreeMap<String, AccountId>) -> Vec<Finding> {
    let hop = Hop::Clouddriver;
    if accounts.is_empty() {
        let todo = "configure aws accounts in Clouddriver; with Fiat, set clouddriver.user to one who may read them";
        return vec![Finding::broken(hop, codes::CLOUDDRIVER_NO_ACCOUNTS, "it has no AWS or ECS account", todo)];
    }
    let of_listed = |(name, id): (&String, &AccountId)| {
        let (saw, todo) = match accounts.get(name) {
            Some(theirs) if theirs == id => return None,
            Some(theirs) => (
                format!("its account {name} is {theirs}, and {id} in the configuration here"),
                "correct accountId in accounts.list",
            ),
            None => {
                let has: Vec<&str> = accounts.keys().take(5).map(String::as_str).collect();
                let saw = format!("it has no account {name}, which the configuration lists; it has {}", has.join(", "));
                (saw, "correct the name in accounts.list (or accounts.file), or remove it")
            }
        };
        Some(Finding::broken(hop, codes::CLOUDDRIVER_ACCOUNT_UNKNOWN, saw, todo))
    };
    listed.iter().filter_map(of_listed).collect()
}
