//! Clouddriver: accounts, introspection, version.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_clouddriver::{Clouddriver, Declared};
use serde_json::Value;

use super::chain;
use crate::facts::ClouddriverFacts;
use crate::settings::Patient;

/// The longest that it is waited for in all, so that the walk keeps its promise.
const PATIENCE: Duration = Duration::from_secs(25);

/// The longest that its version is waited for, which most Clouddrivers do not tell.
const VERSION: Duration = Duration::from_secs(3);

/// Asks it; gives also its accounts as it declares them.
pub(super) async fn clouddriver(patient: &Patient) -> (ClouddriverFacts, Vec<Declared>) {
    let listed = patient.declared.iter().map(|account| (account.name.clone(), account.account.clone())).collect();
    let facts = ClouddriverFacts { listed, ..ClouddriverFacts::default() };
    match tokio::time::timeout(PATIENCE, ask(patient, facts.clone())).await {
        Ok(told) => told,
        Err(_) => {
            let why = format!("it did not answer within {} s", PATIENCE.as_secs());
            let url = patient.clouddriver.as_ref().map(|settings| settings.url.clone());
            (ClouddriverFacts { url, accounts: Some(Err(why)), ..facts }, Vec::new())
        }
    }
}

async fn ask(patient: &Patient, mut facts: ClouddriverFacts) -> (ClouddriverFacts, Vec<Declared>) {
    let Some(settings) = &patient.clouddriver else { return (facts, Vec::new()) };
    facts.url = Some(settings.url.clone());
    let client = match Clouddriver::new(settings) {
        Ok(client) => client,
        Err(error) => {
            facts.accounts = Some(Err(chain(&error)));
            return (facts, Vec::new());
        }
    };
    let credentials = match client.credentials().await {
        Ok(credentials) => credentials,
        Err(error) => {
            facts.accounts = Some(Err(chain(&error)));
            return (facts, Vec::new());
        }
    };
    let (runs, version) = futures::join!(client.introspection(), version(&settings.url));
    let names: BTreeMap<_, _> = credentials.accounts.iter().map(|a| (a.name.clone(), a.account.clone())).collect();
    facts.accounts = Some(Ok(names));
    facts.problems = credentials.skipped;
    facts.runs = Some(runs.map_err(|error| chain(&error)));
    facts.version = version;
    (facts, credentials.accounts)
}

/// Spring Boot's `/info`, where it is exposed and holds a version.
async fn version(url: &str) -> Option<String> {
    let http = reqwest::Client::builder().timeout(VERSION).redirect(reqwest::redirect::Policy::none()).build().ok()?;
    let answer = http.get(format!("{}/info", url.trim_end_matches('/'))).send().await.ok()?;
    let info: Value = if answer.status().is_success() { answer.json().await.ok()? } else { return None };
    let version = ["/build/version", "/app/version", "/version"].iter().find_map(|at| info.pointer(at)?.as_str());
    version.map(|text| text.chars().filter(|c| c.is_ascii_graphic()).take(40).collect())
}
