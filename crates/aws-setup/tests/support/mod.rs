//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod matching;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use aws_event_cache_aws_setup::{Document, Options, Plan};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_config::{Config, KnownKinds, Outside};
use aws_event_cache_model::SpinnakerAccount;
use serde_json::Value;

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What `cargo xtask setup` has built.
pub(crate) fn built(path: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    let path = target.join("harness").join(path);
    assert!(path.is_file(), "{} is missing: cargo xtask setup", path.display());
    path
}

/// The configuration of `deploy/aws`.
pub(crate) fn example() -> Config {
    config(&fs::read_to_string(repository().join("deploy/aws/example.yaml")).unwrap())
}

pub(crate) fn config(text: &str) -> Config {
    let outside = Outside::new(|_| None, |path| Err(format!("{} is not read", path.display())));
    let kinds = KnownKinds::of(&Catalog::shipped());
    Config::parse("example.yaml", text, &outside, &kinds).unwrap_or_else(|errors| panic!("{errors}")).0
}

/// A configuration with this topic or queue and these accounts.
pub(crate) fn of_intake(intake: &str) -> Config {
    config(&format!(
        "accounts: {{discover: false, list: [{{name: prod, accountId: \"111122223333\", regions: [eu-west-1]}}]}}\n\
         clouddriver: {{url: http://clouddriver, lockStore: {{redis: redis://redis}}}}\nintake: {intake}\n"
    ))
}

pub(crate) fn accounts(config: &Config) -> Vec<SpinnakerAccount> {
    config.accounts.list.clone()
}

pub(crate) fn plan<'c>(config: &Config, catalog: &'c Catalog, options: Options) -> Plan<'c> {
    Plan::new(config, catalog, &accounts(config), config.accounts.discover, options)
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn text<'d>(documents: &'d [Document], path: &str) -> &'d str {
    let found = documents.iter().find(|document| document.path == path);
    &found.unwrap_or_else(|| panic!("{path} is not among them")).text
}

pub(crate) fn json_at(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
