//! Reads the accounts out of Clouddriver's own configuration file (`clouddriver.yml`, `clouddriver-local.yml`, a Spring profile's file), so that they need not be listed twice.
//!
//! ```yaml
//! aws:
//!   defaultRegions: [{name: us-east-1}]
//!   defaultAssumeRole: role/spinnakerManaged
//!   accounts:
//!     - name: prod
//!       accountId: "111122223333"
//!       regions: [{name: eu-west-1}]
//!       assumeRole: role/spinnakerManaged
//!       lambdaEnabled: true
//!       environment: production
//! ecs:
//!   accounts:
//!     - {name: prod-ecs, awsAccount: prod}
//! ```
//!
//! Everything else in the file is passed over. Placeholders (`${…}`) are not filled in: an account whose name or id holds one is left out and told.

use aws_event_cache_model::{Provider, Region};
use serde::Deserialize;
use serde_json::Value;

use crate::credentials::{Declared, account_id, account_name, regions, role_name};

/// Largest file read; genuine ones are a few hundred kB at most.
pub const FILE_LIMIT: usize = 8 << 20;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct YamlAccounts {
    /// The accounts that can be used.
    pub accounts: Vec<Declared>,
    /// Accounts left out, and why.
    pub warnings: Vec<String>,
}

/// Why the file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BadYaml {
    /// It is larger than any genuine one.
    #[error("the file is larger than {FILE_LIMIT} bytes")]
    TooLarge,
    /// It is not YAML of Clouddriver's shape; the text names line and column.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
}

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    aws: Option<Aws>,
    #[serde(default)]
    ecs: Option<Ecs>,
}

#[derive(Deserialize, Default)]
struct Aws {
    #[serde(default, alias = "default-regions", rename = "defaultRegions")]
    default_regions: Option<Vec<Named>>,
    #[serde(default, alias = "default-assume-role", rename = "defaultAssumeRole")]
    default_assume_role: Option<String>,
    #[serde(default)]
    accounts: Option<Vec<AwsAccount>>,
}

#[derive(Deserialize)]
struct AwsAccount {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, alias = "account-id", rename = "accountId")]
    account_id: Option<Value>,
    #[serde(default)]
    regions: Option<Vec<Named>>,
    #[serde(default, alias = "assume-role", rename = "assumeRole")]
    assume_role: Option<String>,
    #[serde(default, alias = "lambda-enabled", rename = "lambdaEnabled")]
    lambda_enabled: Option<bool>,
    #[serde(default)]
    environment: Option<String>,
}

#[derive(Deserialize, Default)]
struct Ecs {
    #[serde(default)]
    accounts: Option<Vec<EcsAccount>>,
}

#[derive(Deserialize)]
struct EcsAccount {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, alias = "aws-account", rename = "awsAccount")]
    aws_account: Option<String>,
}

/// `{name: eu-west-1}`, or plainly `eu-west-1`.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Named {
    Entry { name: String },
    Plain(String),
}

impl Named {
    fn name(self) -> String {
        match self {
            Self::Entry { name } | Self::Plain(name) => name,
        }
    }
}

/// Reads the text of Clouddriver's file.
///
/// # Errors
/// [`BadYaml`] when it is not YAML, or its accounts have another shape.
pub fn aws_accounts_yaml(text: &str) -> Result<YamlAccounts, BadYaml> {
    if text.len() > FILE_LIMIT {
        return Err(BadYaml::TooLarge);
    }
    let file: Option<File> = serde_saphyr::from_str(text).map_err(|e| BadYaml::Unreadable(e.to_string()))?;
    let file = file.unwrap_or_default();
    let mut found = YamlAccounts::default();
    let aws = file.aws.unwrap_or_default();
    let defaults = Defaults { regions: names(aws.default_regions), role: aws.default_assume_role };
    for account in aws.accounts.unwrap_or_default() {
        let name = account.name.clone().unwrap_or_default();
        found.take(&name, aws_account(account, &defaults));
    }
    for account in file.ecs.unwrap_or_default().accounts.unwrap_or_default() {
        let name = account.name.clone().unwrap_or_default();
        let account = ecs_account(account, &found.accounts);
        found.take(&name, account);
    }
    Ok(found)
}

struct Defaults {
    regions: Vec<String>,
    role: Option<String>,
}

impl YamlAccounts {
    fn take(&mut self, name: &str, account: Result<Declared, String>) {
        match account {
            Ok(account) => self.accounts.push(account),
            Err(why) => {
                let name: String = name.chars().take(80).collect();
                self.warnings.push(format!("account {name:?} of Clouddriver's file is left out: {why}"));
            }
        }
    }
}

fn aws_account(account: AwsAccount, defaults: &Defaults) -> Result<Declared, String> {
    let id = account.account_id.ok_or("it has no accountId (Clouddriver would look it up; write it down)")?;
    let own = names(account.regions);
    let role = account.assume_role.as_deref().or(defaults.role.as_deref());
    Ok(Declared {
        name: account_name(&account.name.unwrap_or_default()).and_then(filled_in)?,
        provider: Provider::Aws,
        account: account_id(&id)?,
        regions: given(if own.is_empty() { defaults.regions.clone() } else { own })?,
        environment: account.environment,
        assume_role: role.and_then(role_name),
        lambda: Some(account.lambda_enabled.unwrap_or(false)),
    })
}

fn ecs_account(account: EcsAccount, aws: &[Declared]) -> Result<Declared, String> {
    let wraps = account.aws_account.ok_or("it has no awsAccount")?;
    let base = aws.iter().find(|aws| aws.name == wraps && aws.provider == Provider::Aws);
    let base = base.ok_or_else(|| format!("its awsAccount {wraps:?} is not among aws.accounts"))?;
    let name = account_name(&account.name.unwrap_or_default()).and_then(filled_in)?;
    Ok(Declared { name, provider: Provider::Ecs, lambda: Some(false), ..base.clone() })
}

fn filled_in(text: String) -> Result<String, String> {
    if text.contains("${") {
        Err("its name is a placeholder, which only Clouddriver can fill in".to_owned())
    } else {
        Ok(text)
    }
}

fn names(entries: Option<Vec<Named>>) -> Vec<String> {
    entries.unwrap_or_default().into_iter().map(Named::name).collect()
}

/// Clouddriver reads four regions where nothing is configured (us-east-1, us-west-1, us-west-2, eu-west-1, as its credentials loader has it).
fn given(list: Vec<String>) -> Result<Vec<Region>, String> {
    if list.is_empty() {
        return regions(["us-east-1", "us-west-1", "us-west-2", "eu-west-1"].map(str::to_owned));
    }
    regions(list)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accounts_are_read_from_clouddrivers_own_file() {
        let file = aws_accounts_yaml(
            r#"
server: {port: 7002}
aws:
  enabled: true
  defaultKeyPairTemplate: '{{name}}-keypair'
  default-regions: [{name: us-east-1}, {name: eu-west-1}]
  defaultAssumeRole: role/spinnakerManaged
  accounts:
    - name: prod
      accountId: "012345678901"
      regions: [{name: us-west-2, availabilityZones: [us-west-2a]}]
      assumeRole: arn:aws:iam::012345678901:role/team/Prod
      lambdaEnabled: true
      environment: production
      permissions: {}
    - {name: test, accountId: 12345678902}
ecs:
  enabled: true
  accounts:
    - {name: prod-ecs, awsAccount: prod}
redis: {connection: "redis://redis:6379"}
"#,
        )
        .unwrap();
        assert_eq!(file.warnings, Vec::<String>::new());
        let [prod, test, ecs] = &file.accounts[..] else { panic!("{file:?}") };
        assert_eq!(
            (prod.account.as_str(), prod.lambda, prod.environment.as_deref()),
            ("012345678901", Some(true), Some("production"))
        );
        assert_eq!(prod.assume_role.as_ref().unwrap().as_str(), "Prod");
        assert_eq!(
            (test.account.as_str(), test.regions.len()),
            ("012345678902", 2),
            "an id that lost its quotes gets its zeros back"
        );
        assert_eq!(test.assume_role.as_ref().unwrap().as_str(), "spinnakerManaged");
        assert_eq!(
            (ecs.provider, ecs.account.as_str(), ecs.regions[0].as_str()),
            (Provider::Ecs, "012345678901", "us-west-2")
        );
    }

    #[test]
    fn accounts_that_cannot_be_used_are_left_out_and_told() {
        let file = aws_accounts_yaml(
            "aws:\n  accounts:\n    - {name: a}\n    - {name: '${ACCOUNT}', accountId: '111122223333'}\n    - {name: b, accountId: '111122223333', regions: [{name: nowhere}]}\n\
             ecs: {accounts: [{name: c, awsAccount: z}]}\n",
        )
        .unwrap();
        assert_eq!(file.accounts, Vec::new());
        for (warning, word) in file.warnings.iter().zip(["accountId", "placeholder", "nowhere", "\"z\""]) {
            assert!(warning.contains(word), "{warning}");
        }
        assert_eq!(file.warnings.len(), 4);
    }

    #[test]
    fn a_file_without_accounts_has_none() {
        for text in ["", "aws:\n", "aws: {enabled: false}", "aws: {accounts: []}", "# nothing\n"] {
            assert_eq!(aws_accounts_yaml(text).unwrap(), YamlAccounts::default(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        let error = aws_accounts_yaml("aws:\n  accounts: {name: x").unwrap_err().to_string();
        assert!(error.contains("line"), "{error}");
        assert!(matches!(aws_accounts_yaml(&" ".repeat(FILE_LIMIT + 1)), Err(BadYaml::TooLarge)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_but_never_panics(text in "(aws:\n  accounts:\n    - )?[ -~\n]{0,80}") {
            let read = aws_accounts_yaml(&text);
            prop_assert!(read.is_ok() || read.is_err_and(|e| !e.to_string().is_empty()));
        }
    }
}
