//! Refreshes through Clouddriver's on-demand calls: what is left where no lock store can be used.
//!
//! Clouddriver answers such a call without an error whatever happens, and for most kinds it changes nothing that anybody sees. So a call is made only for kinds for which
//! the catalogue says that it brings what exists up to date in the cache store that Clouddriver uses, and it counts only if Clouddriver says that it stored something.

use aws_event_cache_catalog::{Catalog, Effect, Kind, OnDemand};
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{KindId, Means, Outcome, RefreshRequest, ResourceName, Retry};
use serde_json::Value;

use crate::client::{Clouddriver, OnDemandAnswer};
use crate::lock_store::chain;

/// Where Clouddriver keeps its cache; on-demand calls work differently there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheStore {
    /// `sql.cache.enabled: true`.
    Sql,
    /// Otherwise.
    Redis,
    /// Not said: only calls that work in both are made.
    #[default]
    Unknown,
}

/// A call to be made.
#[derive(Debug, PartialEq)]
struct Call<'a> {
    kind: &'a str,
    provider: aws_event_cache_model::Provider,
    body: Value,
}

/// Makes the calls that a request comes to, one after another.
pub(crate) async fn refresh(
    request: &RefreshRequest,
    catalog: &Catalog,
    store: CacheStore,
    clouddriver: Option<&Clouddriver>,
    clock: &Clock,
) -> Outcome {
    let Some(clouddriver) = clouddriver else {
        return never("neither a lock store nor Clouddriver's URL is configured: set clouddriver.lockStore");
    };
    let (calls, obstacle) = calls(request, catalog, store);
    let started = clock.now();
    for call in calls {
        match clouddriver.on_demand(call.provider, call.kind, &call.body).await {
            Ok(OnDemandAnswer::Stored) => {}
            Ok(OnDemandAnswer::NothingStored) => {
                return never(&format!(
                    "Clouddriver's on-demand call {} stored nothing: the resource is gone, or its handler failed (see Clouddriver's log); the agent's own next poll shows the change",
                    call.kind
                ));
            }
            Err(error) => return Outcome::Failed { why: chain(&error), retry: Retry::Backoff },
        }
    }
    match obstacle {
        Some(why) => never(&why),
        None => Outcome::Refreshed { started, ended: clock.now(), means: Means::OnDemand },
    }
}

fn never(why: &str) -> Outcome {
    Outcome::Failed { why: why.to_owned(), retry: Retry::Never }
}

/// The calls that can be made for what the request is about, and why they are not all that would be needed, if so.
fn calls<'a>(request: &RefreshRequest, catalog: &'a Catalog, store: CacheStore) -> (Vec<Call<'a>>, Option<String>) {
    if request.agent.account_name.is_empty() {
        return (Vec::new(), Some(no_call("this agent reads for all accounts")));
    }
    let mut calls: Vec<Call<'a>> = Vec::new();
    let mut obstacle = None;
    let named = request.resources.named().map(|(kind, name)| (kind, Some(name)));
    for (kind, name) in named.chain(request.resources.whole().map(|kind| (kind, None))) {
        match call(request, catalog, store, kind, name) {
            // Some calls read everything of the kind whatever name is given.
            Ok(call) if calls.contains(&call) => {}
            Ok(call) => calls.push(call),
            Err(why) => obstacle = obstacle.or(Some(why)),
        }
    }
    if calls.is_empty() && obstacle.is_none() {
        obstacle = Some(no_call("the request names nothing"));
    }
    (calls, obstacle)
}

fn call<'a>(
    request: &RefreshRequest,
    catalog: &'a Catalog,
    store: CacheStore,
    kind: &KindId,
    name: Option<&ResourceName>,
) -> Result<Call<'a>, String> {
    let known: Option<&Kind> = catalog.kind(kind);
    let on_demand =
        known.and_then(|kind| kind.on_demand.as_ref()).ok_or_else(|| no_call(&format!("there is none for {kind}")))?;
    if !helps(on_demand, store) {
        return Err(no_call(&format!("the one for {kind} does not bring the cache up to date")));
    }
    let body = on_demand.body(&request.agent.account_name, request.agent.region(), name);
    let body = body.ok_or_else(|| {
        no_call(&format!("the one for {kind} needs to know which resource, or does not serve this one"))
    })?;
    Ok(Call { kind: &on_demand.kind, provider: on_demand.provider, body })
}

fn no_call(why: &str) -> String {
    format!(
        "without a lock store agents cannot be run, and no on-demand call does instead: {why}; set clouddriver.lockStore, or wait for the agent's own next poll"
    )
}

fn helps(call: &OnDemand, store: CacheStore) -> bool {
    let good = |effect| matches!(effect, Effect::Full | Effect::UpdatesOnly);
    match store {
        CacheStore::Sql => good(call.effect_sql),
        CacheStore::Redis => good(call.effect_redis),
        CacheStore::Unknown => good(call.effect_sql) && good(call.effect_redis),
    }
}
