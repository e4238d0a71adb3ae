//! Accounts as others declare them: Clouddriver's `/credentials?expand=true`, its configuration file, or ours.

use aws_event_cache_model::{AccountId, Provider, Region, ResourceName};
use serde::Deserialize;
use serde_json::Value;

/// An account before its environment is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Spinnaker's name of it.
    pub name: String,
    /// AWS or ECS.
    pub provider: Provider,
    /// The AWS account.
    pub account: AccountId,
    /// The regions read; empty where the declaration leaves them open.
    pub regions: Vec<Region>,
    /// Clouddriver's `environment`, or the environment that our configuration gives it.
    pub environment: Option<String>,
    /// The role that Clouddriver assumes.
    pub assume_role: Option<ResourceName>,
    /// Whether the Lambda agents exist; `None` where the declaration leaves it open.
    pub lambda: Option<bool>,
}

/// One entry of `/credentials?expand=true`; unknown fields are ignored. ECS accounts carry the id and regions of the AWS account that they wrap.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    cloud_provider: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    account_id: Option<Value>,
    environment: Option<String>,
    #[serde(default)]
    regions: Vec<RegionEntry>,
    assume_role: Option<String>,
    lambda_enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RegionEntry {
    Named { name: String },
    Plain(String),
}

/// Reads the entries; those of other providers are passed over, those of ours that cannot be used are told.
pub(crate) fn read(entries: &[Value]) -> super::client::Credentials {
    let mut found = super::client::Credentials::default();
    for entry in entries {
        let text = |field: &str| entry.get(field).and_then(Value::as_str);
        let provider = match text("cloudProvider").or(text("type")) {
            Some("aws") => Provider::Aws,
            Some("ecs") => Provider::Ecs,
            _ => continue,
        };
        match declared(entry, provider) {
            Ok(account) => found.accounts.push(account),
            Err(why) => found.skipped.push(format!(
                "account {:?} of Clouddriver is left out: {why}",
                text("name").unwrap_or("without name").chars().take(80).collect::<String>()
            )),
        }
    }
    found
}

fn declared(entry: &Value, provider: Provider) -> Result<Declared, String> {
    let entry = Entry::deserialize(entry).map_err(|e| e.to_string())?;
    debug_assert!(entry.cloud_provider.is_some() || entry.kind.is_some());
    let id = entry.account_id.ok_or("it has no accountId")?;
    let names = entry.regions.into_iter().map(|region| match region {
        RegionEntry::Named { name } | RegionEntry::Plain(name) => name,
    });
    Ok(Declared {
        name: account_name(&entry.name.unwrap_or_default())?,
        provider,
        account: account_id(&id)?,
        regions: regions(names)?,
        environment: entry.environment,
        assume_role: entry.assume_role.as_deref().and_then(role_name),
        lambda: Some(entry.lambda_enabled.unwrap_or(false)),
    })
}

/// Names become parts of agents' names, of metrics and of logs.
pub(crate) fn account_name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.len() <= 200 && !text.chars().any(|c| c.is_control() || c == '/');
    if plain { Ok(text.to_owned()) } else { Err("its name is empty, too long or holds a slash".to_owned()) }
}

/// An id may have lost its quotes, and with them its leading zeros.
pub(crate) fn account_id(value: &Value) -> Result<AccountId, String> {
    let text = match value {
        Value::Number(number) => number.as_u64().map(|n| format!("{n:012}")).unwrap_or_default(),
        Value::String(text) => text.trim().to_owned(),
        _ => String::new(),
    };
    AccountId::new(text).map_err(|e| e.to_string())
}

pub(crate) fn regions(names: impl IntoIterator<Item = String>) -> Result<Vec<Region>, String> {
    let mut regions = names.into_iter().map(Region::new).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    regions.sort();
    regions.dedup();
    Ok(regions)
}

/// `role/Name`, `role/path/Name` or an ARN: the name is what CloudTrail and IAM call the role by.
pub(crate) fn role_name(text: &str) -> Option<ResourceName> {
    let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
    ResourceName::new(name).ok().filter(|_| !name.contains(':'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn aws_and_ecs_accounts_are_read_and_others_passed_over() {
        let found = read(&[
            json!({"name": "prod", "cloudProvider": "aws", "type": "aws", "accountId": "012345678901", "environment": "production", "lambdaEnabled": true,
                   "assumeRole": "role/spinnakerManaged", "regions": [{"name": "us-west-2", "availabilityZones": ["us-west-2a"]}, {"name": "eu-west-1"}],
                   "permissions": {}, "edda": null}),
            json!({"name": "prod-ecs", "cloudProvider": "ecs", "accountId": "012345678901", "regions": [{"name": "eu-west-1"}]}),
            json!({"name": "k8s", "cloudProvider": "kubernetes", "accountId": "whatever"}),
        ]);
        assert_eq!(found.skipped, Vec::<String>::new());
        let [prod, ecs] = &found.accounts[..] else { panic!("{found:?}") };
        assert_eq!((prod.name.as_str(), prod.provider, prod.lambda), ("prod", Provider::Aws, Some(true)));
        assert_eq!(prod.assume_role.as_ref().unwrap().as_str(), "spinnakerManaged");
        assert_eq!(prod.regions.iter().map(Region::as_str).collect::<Vec<_>>(), ["eu-west-1", "us-west-2"]);
        assert_eq!((ecs.provider, ecs.account.as_str(), ecs.lambda), (Provider::Ecs, "012345678901", Some(false)));
    }

    #[test]
    fn accounts_that_cannot_be_used_are_left_out_and_told() {
        let found = read(&[
            json!({"name": "odd", "cloudProvider": "aws", "accountId": "12"}),
            json!({"name": "none", "cloudProvider": "aws"}),
            json!({"name": "bad/name", "cloudProvider": "aws", "accountId": "012345678901"}),
            json!({"name": "region", "cloudProvider": "aws", "accountId": "012345678901", "regions": [{"name": "nowhere"}]}),
            json!("nonsense"),
        ]);
        assert_eq!(found.accounts, Vec::new());
        assert_eq!(found.skipped.len(), 4);
        assert!(found.skipped[0].contains("\"odd\"") && found.skipped[0].contains("12 digits"));
    }

    #[test]
    fn role_names_are_taken_from_every_form() {
        for text in ["role/Spin", "role/team/Spin", "arn:aws:iam::012345678901:role/Spin", "Spin"] {
            assert_eq!(role_name(text).unwrap().as_str(), "Spin", "{text}");
        }
        assert_eq!(role_name("role/"), None);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_an_entry_is_read_or_told_but_never_panics(name in ".{0,20}", id in ".{0,14}", number: u64) {
            let entries = [json!({"name": name, "cloudProvider": "aws", "accountId": id}), json!({"name": name, "type": "ecs", "accountId": number})];
            let found = read(&entries);
            prop_assert_eq!(found.accounts.len() + found.skipped.len(), 2);
        }
    }
}
