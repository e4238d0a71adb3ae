//! Keeps the accounts up to date while we run.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, set};
use aws_event_cache_model::{Accounts, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::accounts::{Environments, merge};
use crate::client::Clouddriver;
use crate::credentials::Declared;
use crate::lock_store::chain;

/// How often Clouddriver is asked for its accounts: new and removed ones are seen within a minute, with one failed attempt in between.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// What the accounts come from.
pub struct AccountsSettings {
    /// Accounts from configuration: listed there, or read from Clouddriver's file.
    pub configured: Vec<Declared>,
    /// Whose environment is which.
    pub environments: Environments,
    /// Clouddriver, when its accounts are to be used.
    pub clouddriver: Option<Arc<Clouddriver>>,
}

/// How the feed is doing, for status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedState {
    /// When Clouddriver last told its accounts; `None` when it never did or is not asked.
    pub answered: Option<Timestamp>,
    /// Why it could not be asked the last time; `None` when it could.
    pub failure: Option<String>,
    /// Accounts left out and contradictions, in plain words.
    pub problems: Vec<String>,
}

/// Publishes the accounts. While Clouddriver does not answer, its last answer stands.
pub struct AccountsFeed {
    settings: Mutex<AccountsSettings>,
    discovered: Mutex<Vec<Declared>>,
    /// How many answers in a row named no account although there were some before.
    empty_answers: Mutex<u32>,
    /// What the last answer left out.
    skipped: Mutex<Vec<String>>,
    state: Mutex<FeedState>,
    accounts: watch::Sender<Arc<Accounts>>,
    clock: Clock,
}

impl AccountsFeed {
    /// A feed that starts with what is configured.
    pub fn new(settings: AccountsSettings, clock: Clock) -> (Arc<Self>, watch::Receiver<Arc<Accounts>>) {
        let accounts = watch::Sender::new(Arc::new(Accounts::default()));
        let receiver = accounts.subscribe();
        let feed = Self {
            settings: Mutex::new(settings),
            discovered: Mutex::default(),
            empty_answers: Mutex::default(),
            skipped: Mutex::default(),
            state: Mutex::default(),
            accounts,
            clock,
        };
        feed.publish();
        (Arc::new(feed), receiver)
    }

    /// Takes other settings, as after a reload; what was discovered stands if Clouddriver is still asked.
    pub fn set(&self, settings: AccountsSettings) {
        if settings.clouddriver.is_none() {
            self.discovered.lock().clear();
        }
        *self.settings.lock() = settings;
        self.publish();
    }

    /// How it is doing.
    pub fn state(&self) -> FeedState {
        self.state.lock().clone()
    }

    /// Asks Clouddriver once and publishes if anything changed. At start it is worth waiting for, since without accounts every message is about nobody.
    pub async fn ask(&self) {
        let clouddriver = self.settings.lock().clouddriver.clone();
        let Some(clouddriver) = clouddriver else { return };
        match clouddriver.credentials().await {
            Ok(credentials) if self.is_doubtful(&credentials.accounts) => return,
            Ok(credentials) => {
                *self.discovered.lock() = credentials.accounts;
                *self.skipped.lock() = credentials.skipped;
                let mut state = self.state.lock();
                state.answered = Some(self.clock.now());
                if state.failure.take().is_some() {
                    tracing::info!("Clouddriver tells its accounts again");
                }
            }
            Err(error) => {
                let why = chain(&error);
                let mut state = self.state.lock();
                // Once per outage, not every 30 s.
                if state.failure.is_none() {
                    tracing::warn!(error = why, "Clouddriver's accounts cannot be read; the last known ones stay");
                }
                state.failure = Some(why);
                return;
            }
        }
        self.publish();
    }

    /// Asks for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.clock.sleep(ASK_EVERY).await;
            self.ask().await;
        }
    }

    /// A Clouddriver that is just starting answers before it has loaded its accounts. Losing all of them at once is believed only the second time in a row.
    fn is_doubtful(&self, accounts: &[Declared]) -> bool {
        let mut empty = self.empty_answers.lock();
        *empty = if accounts.is_empty() && !self.discovered.lock().is_empty() { *empty + 1 } else { 0 };
        *empty == 1
    }

    fn publish(&self) {
        let (accounts, mut problems) = {
            let settings = self.settings.lock();
            merge(&settings.configured, &self.discovered.lock(), &settings.environments)
        };
        problems.extend(self.skipped.lock().iter().cloned());
        self.state.lock().problems = problems;
        set(Metric::AccountsKnown, u32::try_from(accounts.len()).unwrap_or(u32::MAX).into(), &[]);
        self.accounts.send_if_modified(|known| {
            let changed = **known != accounts;
            if changed {
                tracing::info!(accounts = accounts.len(), before = known.len(), "accounts changed");
                *known = Arc::new(accounts);
            }
            changed
        });
    }
}
