//! A small invented world for tests: one service, a few kinds, and Spinnaker accounts.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_model::{
    AccountId, Accounts, Agent, Change, Environment, Hint, KindId, Names, Origin, Override, OverrideId, OverrideScope,
    Place, Profile, Provider, Region, ResourceName, Setting, Source, SpinnakerAccount, StockPolling, Timestamp, What,
};

use crate::moment::after;
use crate::profiles::Profiles;

pub(crate) use world::{PROD, TEST};

#[path = "../tests/fixtures/world.rs"]
mod world;

/// So many seconds after the beginning of time.
pub(crate) fn at(seconds: u64) -> Timestamp {
    after(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

/// Parsed once: property tests ask for it thousands of times.
pub(crate) fn catalog() -> Arc<Catalog> {
    static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(world::catalog()));
    CATALOG.clone()
}

pub(crate) fn kind(id: &str) -> KindId {
    KindId::new(id).unwrap()
}

pub(crate) fn name(text: &str) -> ResourceName {
    ResourceName::new(text).unwrap()
}

pub(crate) fn place() -> Place {
    Place::new(AccountId::new(PROD).unwrap(), Region::new("eu-west-1").unwrap())
}

pub(crate) fn accounts() -> Accounts {
    Accounts::new([account("prod", PROD), account("test", TEST)])
}

pub(crate) fn profiles() -> Profiles {
    let production = Environment::new("production").unwrap();
    Profiles { by_environment: BTreeMap::from([(production.clone(), profile())]), fallback: production }
}

pub(crate) fn roster() -> Roster {
    catalog().roster(&accounts(), &StockPolling::default())
}

/// The widgets' agent of an account that need not exist.
pub(crate) fn agent(account_name: &str) -> Arc<Agent> {
    let accounts = Accounts::new([account(account_name, PROD)]);
    let roster = catalog().roster(&accounts, &StockPolling::default());
    roster.reading(&place(), &kind("widget"))[0].clone()
}

pub(crate) fn changed(id: &str, resource: &str, change: Change) -> What {
    What::Changed { kind: kind(id), names: Names::Some(vec![name(resource)]), change }
}

/// A hint from SNS that says when it happened and arrives two seconds later.
pub(crate) fn hint(what: What, occurred: u64) -> Hint {
    Hint {
        place: place(),
        what,
        occurred: Some(at(occurred)),
        received: at(occurred + 2),
        origin: Origin { source: Source::Sns, id: "message-1".into(), event: "test.amazonaws.com BreakWidget".into() },
    }
}

pub(crate) fn override_of(id: &str, scope: OverrideScope, setting: Setting, expires: Timestamp) -> Override {
    Override {
        id: OverrideId(id.into()),
        scope,
        setting,
        expires,
        set_by: "me".to_owned(),
        set: at(0),
        reason: "a test".to_owned(),
    }
}

fn account(name: &str, id: &str) -> SpinnakerAccount {
    SpinnakerAccount {
        name: name.to_owned(),
        provider: Provider::Aws,
        account: AccountId::new(id).unwrap(),
        regions: vec![Region::new("eu-west-1").unwrap(), Region::new("us-east-1").unwrap()],
        environment: Environment::new("production").unwrap(),
        assume_role: Some(ResourceName::new("spinnaker-managed").unwrap()),
        lambda: false,
    }
}

/// Production's numbers, so that tests do not change with the shipped profiles.
pub(crate) fn profile() -> Profile {
    world::profile()
}
