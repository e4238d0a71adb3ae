//! The answer arm: joined to the engine, told its modes every second, its books written down every minute.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{self as answer, Answers, Savings};
use aws_event_cache_api::AnswerArm;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_config::AnswerSettings;
use aws_event_cache_engine::Engine;
use aws_event_cache_model::{Accounts, Record, Timestamp};
use aws_event_cache_proxy::{self as proxy, Proxy, ca};
use aws_event_cache_store::{Journal, Store};
use axum::Router;
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use smol_str::SmolStr;
use tokio::sync::watch;

use super::ServeError;
use super::answer_modes::{Said, Switches, said};
use super::answer_report;
use crate::settings::answer as settings;

/// How often the modes are worked out anew: the longest time from a switch (the pass file, an override) to its effect.
const MODES_EVERY: Duration = Duration::from_secs(1);

/// How often the days' counts are written down: what a crash loses of them at most.
const BOOKS_EVERY: Duration = Duration::from_secs(60);

/// Longest look at the pass file. A file system that hangs must not keep an override from being heeded.
const LOOK_LIMIT: Duration = Duration::from_millis(500);

/// What the names of our counters in the store begin with.
const COUNTERS: &str = "answer.";

/// The answer arm, running or about to.
pub(crate) struct Arm {
    pub(super) settings: RwLock<Arc<AnswerSettings>>,
    answers: Arc<Answers>,
    savings: Arc<Savings>,
    pub(super) said: RwLock<Said>,
    proxy: Mutex<Option<Proxy>>,
    catalog: Arc<Catalog>,
    engine: Engine,
    store: Arc<Store>,
    accounts: watch::Receiver<Arc<Accounts>>,
    clock: Clock,
    pub(super) started: Timestamp,
    /// When the certificate authority ends.
    authority_ends: RwLock<Option<Timestamp>>,
    /// Since when requests have been looked at; `None` while everything passes unseen, and uncounted.
    looking_since: RwLock<Option<Timestamp>>,
}

/// What the arm is joined to.
pub(crate) struct ArmParts {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Store>,
    pub(crate) accounts: watch::Receiver<Arc<Accounts>>,
    pub(crate) clock: Clock,
}

impl Arm {
    /// Builds it, without a listener yet. `None` when it is off: then nothing of it exists.
    pub(crate) async fn build(config: &AnswerSettings, parts: ArmParts) -> Result<Option<Arc<Self>>, ServeError> {
        if config.mode.is_none() {
            return Ok(None);
        }
        let ArmParts { catalog, engine, store, accounts, clock } = parts;
        let now = clock.now();
        let savings = Arc::new(Savings::new(now));
        let kept = store.counters()?.into_iter().filter(|(name, _)| name.starts_with(COUNTERS));
        savings.restore(&kept.map(|(name, count)| (SmolStr::from(name), count)).collect::<Vec<_>>());
        let answers = Arc::new(Answers::new(answer::Parts {
            settings: settings::answers(config),
            catalog: catalog.clone(),
            ledger: engine.ledger(),
            savings: savings.clone(),
            secret: rand::random(),
        }));
        let arm = Arc::new(Self {
            settings: RwLock::new(Arc::new(config.clone())),
            answers,
            savings,
            said: RwLock::default(),
            proxy: Mutex::new(None),
            catalog,
            engine,
            store,
            accounts,
            clock,
            started: now,
            authority_ends: RwLock::default(),
            looking_since: RwLock::default(),
        });
        // Before the first request, so that a pass file that lies there from before is obeyed from the start.
        arm.tell_modes().await;
        Ok(Some(arm))
    }

    /// Opens the proxy. `own` is served to requests that are meant for ourselves.
    pub(crate) async fn open(&self, own: Router) -> Result<(), ServeError> {
        let config = self.settings();
        let engine = self.engine.clone();
        let proxy = Proxy::open(proxy::Parts {
            settings: settings::proxy(&config)?,
            answers: self.answers.clone(),
            catalog: self.catalog.clone(),
            hints: Some(Arc::new(self.engine.clone())),
            evidence: Some(Arc::new(move |scope, evidence| engine.evidence(scope, evidence))),
            own: Some(own),
            clock: self.clock.clone(),
        })
        .await?;
        tracing::info!(address = %proxy.address(), mode = self.said.read().mode.as_str(), "the proxy listens");
        if let Some(folder) = &config.ca {
            *self.authority_ends.write() = ca::show(folder, self.now()).ok().map(|shown| shown.current.not_after);
        }
        *self.proxy.lock() = Some(proxy);
        Ok(())
    }

    /// Takes no more connections, and lets calls under way end.
    pub(crate) async fn close(&self) {
        let proxy = self.proxy.lock().take();
        if let Some(proxy) = proxy {
            proxy.close(self.settings().drain).await;
        }
    }

    /// Another configuration. What cannot change while running is left as it is.
    pub(crate) async fn set(&self, config: &AnswerSettings) {
        let old = self.settings();
        // Turned off while running it passes everything: the listener is clients' way to AWS until the next start.
        let off = config.mode.is_none();
        let mode = config.mode.or(Some(aws_event_cache_model::AnswerMode::Pass));
        let accounts = if off { Vec::new() } else { config.accounts.clone() };
        let kinds = if off { Default::default() } else { config.kinds.clone() };
        *self.settings.write() = Arc::new(AnswerSettings {
            mode,
            accounts,
            kinds,
            pass_file: config.pass_file.clone(),
            budget: config.budget,
            drain: config.drain,
            ..(*old).clone()
        });
        if let Some(proxy) = self.proxy.lock().as_ref() {
            proxy.set_budget(settings::budget(config));
        }
        self.tell_modes().await;
    }

    /// Tells the modes anew for as long as it is polled.
    pub(crate) async fn keep_modes(self: Arc<Self>) {
        loop {
            self.clock.sleep(MODES_EVERY).await;
            self.tell_modes().await;
        }
    }

    /// Writes the books down for as long as it is polled.
    pub(crate) async fn keep_books(self: Arc<Self>) {
        loop {
            self.clock.sleep(BOOKS_EVERY).await;
            self.write_books().await;
        }
    }

    /// Writes down what the days' counts grew by.
    pub(crate) async fn write_books(&self) {
        let grown = self.savings.drain_day_counts(self.clock.now());
        if grown.is_empty() {
            return;
        }
        let counts = grown.into_iter().map(|(name, add)| Record::Count { name, add }).collect();
        let written = async {
            self.store.append(counts).await?;
            self.store.flush().await
        };
        if let Err(error) = written.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the answer arm's counts of this minute are lost");
        }
    }

    async fn tell_modes(&self) {
        let (settings, accounts) = (self.settings(), self.accounts.borrow().clone());
        let switches = Switches {
            pass_file: match &settings.pass_file {
                Some(file) => is_there(file).await,
                None => false,
            },
            overrides: self.engine.overrides(),
        };
        let (said, modes) = said(&settings, &accounts, &switches, self.clock.now());
        let before = std::mem::replace(&mut *self.said.write(), said.clone());
        if before.passes != said.passes || before.mode != said.mode {
            let why = said.passes.as_deref().unwrap_or("as configured");
            tracing::info!(mode = said.mode.as_str(), why, "the answer arm's mode");
        }
        let since = self.clock.now();
        let mut looking = self.looking_since.write();
        *looking = (!modes.all_pass()).then(|| looking.unwrap_or(since));
        drop(looking);
        self.answers.set_modes(modes);
    }

    pub(super) fn settings(&self) -> Arc<AnswerSettings> {
        self.settings.read().clone()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn looking_since(&self) -> Option<Timestamp> {
        *self.looking_since.read()
    }

    /// Where it listens, once it does.
    pub(super) fn address(&self) -> Option<std::net::SocketAddr> {
        self.proxy.lock().as_ref().map(Proxy::address)
    }

    pub(super) fn books(&self) -> answer::SavingsReport {
        self.savings.snapshot(self.now())
    }

    pub(super) fn report(&self) -> answer::AnswerReport {
        self.answers.report(self.now())
    }

    /// Whether clients that speak TLS are seen.
    pub(super) fn has_authority(&self) -> bool {
        self.settings().ca.is_some()
    }

    /// How long the certificate authority lasts, in days; `None` without one.
    pub(super) fn authority_days(&self) -> Option<i64> {
        let ends = (*self.authority_ends.read())?;
        Some((ends.as_second() - self.now().as_second()).div_euclid(86_400))
    }

    /// What the API shows of it.
    pub(crate) fn api(self: &Arc<Self>) -> AnswerArm {
        let (books, report) = (self.clone(), self.clone());
        AnswerArm {
            savings: Arc::new(move || serde_json::to_value(books.books()).unwrap_or(Value::Null)),
            report: Arc::new(move || answer_report::whole(&report)),
        }
    }
}

/// Whether the pass file is there. Whatever keeps us from knowing counts as there: passing is the safe side.
async fn is_there(file: &Path) -> bool {
    let looked = tokio::time::timeout(LOOK_LIMIT, tokio::fs::try_exists(file)).await;
    !matches!(looked, Ok(Ok(false)))
}
