//! Clouddriver's side: the client, the accounts, and by what agents are run and held.

use std::sync::Arc;

use aws_event_cache_api::AgentIntervals;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::plugin::{Replicas, intervals};
use aws_event_cache_clouddriver::{AccountsFeed, Clouddriver, Control, Driver, DriverParts, lock_store};
use aws_event_cache_config::Config;
use aws_event_cache_model::{Accounts, DriveMode};
use tokio::sync::watch;

use super::ServeError;
use crate::settings;

/// What Clouddriver's side consists of.
pub(super) struct Drive {
    pub(super) client: Option<Arc<Clouddriver>>,
    pub(super) feed: Arc<AccountsFeed>,
    pub(super) accounts: watch::Receiver<Arc<Accounts>>,
    pub(super) driver: Arc<Driver>,
}

impl Drive {
    /// What the bridge plugin is handed: nothing from the moment on at which the mode says that Clouddriver is not to be touched.
    pub(super) fn intervals(&self, mode: watch::Receiver<DriveMode>) -> AgentIntervals {
        let driver = Arc::clone(&self.driver);
        let hand_out = move || {
            // Also then: it is how we know that the plugin asks.
            let given = driver.hand_out_intervals();
            if *mode.borrow() == DriveMode::Enforce { given } else { Default::default() }
        };
        AgentIntervals { valid_for: intervals::VALID_FOR, hand_out: Arc::new(hand_out) }
    }
}

pub(super) fn drive(config: &Config, catalog: &Arc<Catalog>, clock: &Clock) -> Result<Drive, ServeError> {
    let client = settings::client(config).map(|settings| Clouddriver::new(&settings)).transpose();
    let client = client.map_err(|error| ServeError::Setup("Clouddriver client", error.into()))?.map(Arc::new);
    let (feed, accounts) = AccountsFeed::new(settings::accounts(config, client.clone())?, clock.clone());
    let driver = Arc::new(Driver::start(DriverParts {
        control: control(config, clock)?,
        other_locks: Vec::new(),
        clouddriver: client.clone(),
        catalog: catalog.clone(),
        accounts: accounts.clone(),
        stock: settings::stock(config),
        cache_store: settings::cache_store(config),
        confirm: false,
        clock: clock.clone(),
    }));
    Ok(Drive { client, feed, accounts, driver })
}

fn control(config: &Config, clock: &Clock) -> Result<Control, ServeError> {
    if let Some(plugin) = settings::plugin(config) {
        let replicas = Replicas::new(&plugin, settings::stock(config).timeout, clock.clone());
        let replicas = replicas.map_err(|error| ServeError::Setup("bridge plugin's client", error.into()))?;
        return Ok(Control::Plugin(Arc::new(replicas)));
    }
    let Some(locks) = settings::locks(config, &instance())? else { return Ok(Control::None) };
    let store = lock_store::open(&locks, clock.clone());
    Ok(Control::Locks(store.map_err(|error| ServeError::Setup("lock store", error.into()))?))
}

/// Names this process in the locks that it writes, so that a person who looks at them knows whose they are.
fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), std::process::id())
}
