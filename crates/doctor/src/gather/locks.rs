//! Clouddriver's lock store: what it shows, and whether it lets us write.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::lock::Lock;
use aws_event_cache_clouddriver::lock_store::{self, LockStore};
use aws_event_cache_model::{AccountId, Accounts, AgentName};

use super::chain;
use crate::facts::LockFacts;
use crate::settings::Patient;

/// The name of an agent that Clouddriver does not have: conditional writes to its lock find nothing to change, and are refused where we have no right to make them.
const NOBODY: &str = "aws-event-cache/doctor";

/// The longest that the store is waited for. Its own limits are shorter.
const PATIENCE: Duration = Duration::from_secs(20);

type Theirs<'a> = Option<&'a Result<BTreeMap<String, AccountId>, String>>;

pub(super) async fn locks(patient: &Patient, accounts: &Accounts, theirs: Theirs<'_>, clock: &Clock) -> LockFacts {
    let Some(configured) = &patient.lock_store else { return LockFacts::default() };
    let mut facts = LockFacts { configured: Some(configured.kind), ..LockFacts::default() };
    let Some(settings) = &configured.settings else { return facts };
    let store = match lock_store::open(settings, clock.clone()) {
        Ok(store) => store,
        Err(error) => {
            facts.seen = Some(Err(chain(&error)));
            return facts;
        }
    };
    let agents = agents(patient, accounts, theirs);
    let looked = tokio::time::timeout(PATIENCE, store.probe(&agents)).await;
    facts.seen = Some(match looked {
        Ok(seen) => seen.map_err(|error| chain(&error)),
        Err(_) => Err(format!("{} did not answer within {} s", store.describe(), PATIENCE.as_secs())),
    });
    if matches!(facts.seen, Some(Ok(_))) {
        facts.denied = tokio::time::timeout(PATIENCE, denied(&*store, clock)).await.unwrap_or_default();
    }
    facts
}

/// The agents of accounts that Clouddriver has: those of others have no locks, which is told where the accounts are.
fn agents(patient: &Patient, accounts: &Accounts, theirs: Theirs<'_>) -> Vec<AgentName> {
    let known = accounts.iter().filter(|account| match theirs {
        Some(Ok(theirs)) => theirs.get(&account.name) == Some(&account.account),
        _ => true,
    });
    let roster = patient.catalog.roster(&Accounts::new(known.cloned()), &patient.stock);
    roster.agents().iter().map(|agent| agent.name.clone()).collect()
}

/// Tries the writes by which agents are run and held, on a lock that nobody has.
async fn denied(store: &dyn LockStore, clock: &Clock) -> Vec<String> {
    let nobody = AgentName::new(NOBODY).expect("invariant: a name of an agent");
    let lock = Lock { owner: NOBODY.into(), acquired: None, expires: clock.now() };
    let released = store.release_if(&nobody, &lock).await;
    let held = store.hold_if(&nobody, &lock, clock.now()).await;
    let tried = [("run an agent now", released), ("hold an agent back", held)];
    let refused = |(what, tried): (&str, Result<_, _>)| {
        tried.err().map(|error: lock_store::LockStoreError| format!("to {what}: {}", chain(&error)))
    };
    tried.into_iter().filter_map(refused).collect()
}
