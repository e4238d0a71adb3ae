//! Joins the parts: every line here passes one part to another.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_api::{self as api, ApiState, EngineAndStore, Latch, Readiness, Tokens};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::diagnose::Problem;
use aws_event_cache_clouddriver::{AccountsFeed, Clouddriver, Moded};
use aws_event_cache_config::{Config, Loaded};
use aws_event_cache_engine::{Engine, Parts, Runner};
use aws_event_cache_intake::{FetchedCerts, HttpConfirmer, Intake};
use aws_event_cache_model::{Accounts, DriveMode, Environment};
use aws_event_cache_sqs::Consumer;
use aws_event_cache_store::Store;
use axum::Router;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ServeError;
use super::answer::{Arm, ArmParts};
use super::drive::{Drive, drive};
use super::neighbours::Sources;
use crate::settings::{self, SettingsError};

/// How long the start waits for Clouddriver's accounts. Without them every message is about nobody, so it is worth a moment; but a Clouddriver that is down must
/// not keep us from accepting messages for accounts that are configured.
const FIRST_ACCOUNTS: Duration = Duration::from_secs(5);

/// How often Clouddriver's side is looked over for what cannot be right. It reads every lock, so not too often; problems of this kind last for hours.
const DIAGNOSE_EVERY: Duration = Duration::from_secs(300);

/// How long after the start the first diagnosis is made: agents need a minute to show themselves in their locks.
const FIRST_DIAGNOSIS: Duration = Duration::from_secs(60);

/// How long the parts may take to end once told to.
const END_LIMIT: Duration = Duration::from_secs(15);

/// The service, running.
pub(crate) struct Service {
    config: RwLock<Arc<Config>>,
    pub(crate) engine: Engine,
    pub(crate) feed: Arc<AccountsFeed>,
    pub(crate) client: Option<Arc<Clouddriver>>,
    pub(crate) mode: watch::Sender<DriveMode>,
    pub(crate) environments: watch::Sender<Vec<Environment>>,
    pub(crate) arm: Option<Arc<Arm>>,
    pub(crate) state: ApiState,
    pub(crate) log: api::log_level::Handle,
    intake: Arc<Intake>,
    store: Arc<Store>,
    readiness: Readiness,
    listening: Mutex<Vec<Latch>>,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Service {
    /// Starts everything but the listeners.
    pub(crate) async fn start(
        loaded: Loaded,
        log: api::log_level::Handle,
        metrics: api::prometheus::Metrics,
    ) -> Result<Self, ServeError> {
        let Loaded { config, catalog, .. } = loaded;
        let (clock, catalog) = (Clock::wall(), Arc::new(catalog));
        let readiness = Readiness::default();
        let mut listening = vec![readiness.latch("the listeners are open")];
        let known = readiness.latch("the accounts are known");
        let drive = drive(&config, &catalog, &clock)?;
        let heart = Heart::start(&config, &catalog, &drive, &clock)?;
        let Heart { engine, store, intake, .. } = &heart;
        let arm = Arm::build(&config.answer, arm_parts(&heart, &drive, &catalog, &clock)).await?;
        listening.extend(arm.iter().map(|_| readiness.latch("the proxy is open")));
        let diagnosis = Arc::default();
        let sources = Sources {
            feed: drive.feed.clone(),
            intake: intake.clone(),
            queues: heart.queues.as_ref().map(Consumer::stats),
            arm: arm.clone(),
            driver: drive.driver.clone(),
            diagnosis: Arc::clone(&diagnosis),
            clock: clock.clone(),
        };
        let (environments, watched) = watch::channel(config.profiles.keys().cloned().collect());
        let state = ApiState::new(api::Parts {
            control: Arc::new(EngineAndStore::new(engine.clone(), store.clone()).with(move || sources.say())),
            answer: arm.as_ref().map(Arm::api),
            intervals: drive.intervals(heart.mode.subscribe()),
            catalog,
            accounts: drive.accounts.clone(),
            environments: watched,
            clock: clock.clone(),
            tokens: settings::tokens(&config)?,
            settings: settings::api(&config),
            readiness: readiness.clone(),
            metrics: metrics.clone(),
            log_level: log.clone(),
        });
        let state = state.with_probing(super::probing::probing(intake));
        let stop = watch::Sender::new(false);
        let mut tasks = Tasks { set: JoinSet::new(), stop: stop.clone() };
        tasks.run(heart.runner, heart.queues);
        tasks.watch(&drive, diagnosis, &clock, metrics);
        tasks.keep(arm.as_ref());
        // Tells the accounts before the first message is taken, if Clouddriver answers in time.
        drop(tokio::time::timeout(FIRST_ACCOUNTS, drive.feed.ask()).await);
        tasks.wait_for_accounts(drive.accounts, known, settings::expects_accounts(&config));
        Ok(Self {
            config: RwLock::new(Arc::new(config)),
            engine: heart.engine,
            feed: drive.feed,
            client: drive.client,
            mode: heart.mode,
            environments,
            arm,
            state,
            log,
            intake: heart.intake,
            store: heart.store,
            readiness,
            listening: Mutex::new(listening),
            stop,
            tasks: Mutex::new(tasks.set),
        })
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.read().clone()
    }

    /// Takes another configuration; what it changes has been passed on.
    pub(crate) fn set_config(&self, config: Config) {
        *self.config.write() = Arc::new(config);
    }

    pub(crate) fn tokens(&self) -> Result<Tokens, SettingsError> {
        settings::tokens(&self.config())
    }

    pub(crate) fn api(&self) -> Router {
        api::router(self.state.clone())
    }

    pub(crate) fn intake_router(&self) -> Router {
        aws_event_cache_intake::router(self.intake.clone())
    }

    /// The listeners are open.
    pub(crate) fn ready(&self) {
        self.listening.lock().drain(..).for_each(Latch::release);
    }

    /// Opens the proxy, if there is one.
    pub(crate) async fn open_proxy(&self) -> Result<(), ServeError> {
        match &self.arm {
            Some(arm) => arm.open(self.api()).await,
            None => Ok(()),
        }
    }

    /// Lets the calls that pass through the proxy end, and closes it.
    pub(crate) async fn close_proxy(&self) {
        if let Some(arm) = &self.arm {
            arm.close().await;
        }
    }

    /// From now on messages are told to come again, and load balancers to look elsewhere.
    pub(crate) fn stop_taking(&self) {
        self.readiness.stop();
        self.intake.stop();
    }

    /// Ends every part: the queues give back what was not accepted, every agent is let go, the store is closed.
    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        let mut tasks = self.tasks.into_inner();
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(END_LIMIT, all).await.is_err() {
            tracing::warn!("some parts did not end in time; holds end by themselves within two minutes");
        }
        if let Some(arm) = &self.arm {
            arm.write_books().await;
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(error = &error as &dyn std::error::Error, "the store could not be closed in order");
        }
    }
}

/// From a message to a refresh: what must work together before anything listens.
struct Heart {
    store: Arc<Store>,
    engine: Engine,
    runner: Runner,
    intake: Arc<Intake>,
    queues: Option<Consumer>,
    mode: watch::Sender<DriveMode>,
}

impl Heart {
    fn start(config: &Config, catalog: &Arc<Catalog>, drive: &Drive, clock: &Clock) -> Result<Self, ServeError> {
        let (store, recovered) = Store::open(&config.store, clock.clone())?;
        let store = Arc::new(store);
        let (mode, watched) = watch::channel(config.mode);
        let (engine, runner) = Engine::start(Parts {
            catalog: catalog.clone(),
            accounts: drive.accounts.clone(),
            profiles: settings::profiles(config),
            stock: settings::stock(config),
            mode: config.mode,
            drive: Arc::new(Moded::new(drive.driver.clone(), watched, clock.clone())),
            journal: store.clone(),
            recovered,
            clock: clock.clone(),
        });
        let intake = intake(config, catalog, &engine, clock)?;
        let queues = consumer(config, &intake, clock)?;
        Ok(Self { store, engine, runner, intake, queues, mode })
    }
}

fn arm_parts(heart: &Heart, drive: &Drive, catalog: &Arc<Catalog>, clock: &Clock) -> ArmParts {
    ArmParts {
        catalog: catalog.clone(),
        engine: heart.engine.clone(),
        store: heart.store.clone(),
        accounts: drive.accounts.clone(),
        clock: clock.clone(),
    }
}

fn intake(config: &Config, catalog: &Arc<Catalog>, engine: &Engine, clock: &Clock) -> Result<Arc<Intake>, ServeError> {
    let certificates = settings::certificates(config)?;
    let confirmer = HttpConfirmer::new(&certificates)
        .map_err(|error| ServeError::Setup("client that confirms subscriptions", error.into()))?;
    let certs = FetchedCerts::new(certificates)
        .map_err(|error| ServeError::Setup("check of signing certificates", error.into()))?;
    let settings = settings::intake(config)?;
    Ok(Intake::new(
        settings,
        catalog.clone(),
        Arc::new(engine.clone()),
        Arc::new(certs),
        Arc::new(confirmer),
        clock.clone(),
    ))
}

fn consumer(config: &Config, intake: &Arc<Intake>, clock: &Clock) -> Result<Option<Consumer>, ServeError> {
    let queues = settings::queues(config);
    if queues.is_empty() {
        return Ok(None);
    }
    let consumer = Consumer::new(queues, intake.clone(), clock.clone());
    consumer.map(Some).map_err(|errors| {
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        ServeError::Setup("queue consumer", text.join("; ").into())
    })
}

/// The tasks of the service, each of which ends when told to.
struct Tasks {
    set: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.subscribe();
        async move { drop(stop.wait_for(|stop| *stop).await) }
    }

    /// Runs something until the service ends.
    fn until_stopped(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        self.set.spawn(async move {
            tokio::select! {
                () = task => {}
                () = stopped => {}
            }
        });
    }

    /// The two parts that have an end of their own to look after.
    fn run(&mut self, runner: Runner, queues: Option<Consumer>) {
        let stopped = self.stopped();
        self.set.spawn(async move { runner.run(stopped).await });
        if let Some(queues) = queues {
            let stopped = self.stopped();
            self.set.spawn(async move { queues.run(stopped).await });
        }
    }

    fn watch(
        &mut self,
        drive: &Drive,
        diagnosis: Arc<Mutex<Vec<Problem>>>,
        clock: &Clock,
        metrics: api::prometheus::Metrics,
    ) {
        self.until_stopped(drive.feed.clone().run());
        self.until_stopped(metrics.keep_up());
        let (driver, clock) = (drive.driver.clone(), clock.clone());
        self.until_stopped(async move {
            clock.sleep(FIRST_DIAGNOSIS).await;
            loop {
                let found = driver.diagnose().await;
                *diagnosis.lock() = found;
                clock.sleep(DIAGNOSE_EVERY).await;
            }
        });
    }

    /// What the answer arm does beside answering.
    fn keep(&mut self, arm: Option<&Arc<Arm>>) {
        if let Some(arm) = arm {
            self.until_stopped(arm.clone().keep_modes());
            self.until_stopped(arm.clone().keep_books());
        }
    }

    fn wait_for_accounts(&mut self, mut accounts: watch::Receiver<Arc<Accounts>>, known: Latch, expected: bool) {
        if !expected {
            return known.release();
        }
        self.until_stopped(async move {
            if accounts.wait_for(|accounts| !accounts.is_empty()).await.is_ok() {
                known.release();
            }
        });
    }
}
