//! The service, as `serve` wires it, but with a simulated lock store and accounts that are given. One intake hears the messages; two engines act on them, since the
//! world that is driven must not learn from what only passes through the answer arm.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws_event_cache_answer::{Answers, Modes, Parts as AnswerParts, Savings, Settings as AnswerSettings};
use aws_event_cache_clouddriver::lock_store::LockStore;
use aws_event_cache_clouddriver::{CacheStore, Control, Driver, DriverParts};
use aws_event_cache_engine::{Engine, Parts, Profiles};
use aws_event_cache_intake::{
    AllowedTopic, CertsSettings, FetchedCerts, HttpConfirmer, Intake, Roots, Settings, Topic, router,
};
use aws_event_cache_model::seam::{HintSink, NotAccepted};
use aws_event_cache_model::{Accounts, AnswerMode, DriveMode, Hint, StockPolling};
use aws_event_cache_signer::{Signer, TestRoot};
use aws_event_cache_store::Store;
use axum::Router;
use axum::routing::get;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::answer_arm::AnswerArm;
use crate::demo::{DemoError, Stage};
use crate::locks::SimulatedLocks;
use crate::world::World;

/// Where SNS's certificate is published, as the start of its URL.
pub(crate) async fn publish(certificate: &Signer) -> Result<String, std::io::Error> {
    Ok(format!("http://{}", serve(certificates(certificate)).await?))
}

/// The host from which SNS's certificate is fetched.
fn certificates(signer: &Signer) -> Router {
    let pem = signer.certificate_pem().to_owned();
    Router::new().route(&signer.certificate_path(), get(move || async move { pem }))
}

#[allow(clippy::disallowed_methods, reason = "a shell: the demonstration's servers live as long as its runtime")]
async fn serve(app: Router) -> Result<SocketAddr, std::io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// Everybody who acts on messages.
struct Audience(Vec<Engine>);

#[async_trait]
impl HintSink for Audience {
    async fn accept(&self, hints: Vec<Hint>) -> Result<(), NotAccepted> {
        for engine in &self.0 {
            engine.accept(hints.clone()).await?;
        }
        Ok(())
    }
}

/// An engine with its store and its runner.
struct Running {
    engine: Engine,
    store: Arc<Store>,
    runner: tokio::task::JoinHandle<()>,
}

pub(crate) struct Service {
    /// Drives the world that is driven.
    pub(crate) engine: Engine,
    /// Keeps the ledger of the world whose requests are answered.
    pub(crate) answering: Engine,
    pub(crate) address: SocketAddr,
    running: [Running; 2],
    stop: watch::Sender<bool>,
    _accounts: watch::Sender<Arc<Accounts>>,
    _folder: tempfile::TempDir,
}

impl Service {
    pub(crate) async fn start(
        stage: &Stage,
        profiles: Profiles,
        root: &TestRoot,
        base: &str,
        topic: &str,
    ) -> Result<Self, DemoError> {
        let folder = tempfile::tempdir()?;
        let (accounts, watched) = watch::channel(stage.accounts.clone());
        let (stop, stopped) = watch::channel(false);
        let locks = Arc::new(SimulatedLocks::new(stage.drive.clone(), stage.clock.clone()));
        let feeds = (watched, stopped);
        let driving = run(stage, &profiles, Some(locks), &folder.path().join("drive.redb"), &feeds)?;
        let answering = run(stage, &profiles, None, &folder.path().join("answer.redb"), &feeds)?;
        let engines = [driving.engine.clone(), answering.engine.clone()];
        let address = serve(router(intake(stage, Audience(engines.to_vec()), root, base, topic)?)).await?;
        let [engine, answers] = engines;
        Ok(Self {
            engine,
            answering: answers,
            address,
            running: [driving, answering],
            stop,
            _accounts: accounts,
            _folder: folder,
        })
    }

    /// Puts the answer arm, as `serve` makes it in the mode `serve`, between a world and its AWS.
    pub(crate) fn stand_before(&self, world: &Mutex<World>, fleet: u32, stage: &Stage) {
        let answers = Answers::new(AnswerParts {
            settings: AnswerSettings::default(),
            catalog: stage.catalog.clone(),
            ledger: self.answering.ledger(),
            savings: Arc::new(Savings::new(stage.start)),
            // Nobody's credentials are real here.
            secret: [7; 32],
        });
        answers.set_modes(Modes { default: AnswerMode::Serve, ..Modes::default() });
        let arm = AnswerArm::new(Arc::new(answers), stage.catalog.clone(), &stage.roster, fleet);
        world.lock().stand_behind(arm);
    }

    /// What a write that passed by tells.
    pub(crate) async fn tell(&self, hints: Vec<Hint>) {
        if !hints.is_empty() {
            // Refused only at shutdown, or when the store fails, which its log says.
            self.answering.accept(hints).await.ok();
        }
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        for Running { runner, store, .. } in self.running {
            drop(runner.await);
            drop(store.close().await);
        }
    }
}

type Feeds = (watch::Receiver<Arc<Accounts>>, watch::Receiver<bool>);

/// Runs an engine; without locks to work on, one that only listens.
#[allow(clippy::disallowed_methods, reason = "a shell: the runner is ended by Service::end")]
fn run(
    stage: &Stage,
    profiles: &Profiles,
    locks: Option<Arc<dyn LockStore>>,
    file: &Path,
    (accounts, stop): &Feeds,
) -> Result<Running, DemoError> {
    let (store, recovered) = Store::open(file, stage.clock.clone())?;
    let store = Arc::new(store);
    let mode = if locks.is_some() { DriveMode::Enforce } else { DriveMode::Off };
    let driver = Driver::start(DriverParts {
        control: locks.map_or(Control::None, Control::Locks),
        other_locks: Vec::new(),
        clouddriver: None,
        catalog: stage.catalog.clone(),
        accounts: accounts.clone(),
        stock: StockPolling::default(),
        cache_store: CacheStore::Redis,
        confirm: false,
        clock: stage.clock.clone(),
    });
    let (engine, runner) = Engine::start(Parts {
        catalog: stage.catalog.clone(),
        accounts: accounts.clone(),
        profiles: profiles.clone(),
        stock: StockPolling::default(),
        mode,
        drive: Arc::new(driver),
        journal: store.clone(),
        recovered,
        clock: stage.clock.clone(),
    });
    let mut stopped = stop.clone();
    let runner = tokio::spawn(runner.run(async move { drop(stopped.wait_for(|stop| *stop).await) }));
    Ok(Running { engine, store, runner })
}

fn intake(
    stage: &Stage,
    audience: Audience,
    root: &TestRoot,
    base: &str,
    topic: &str,
) -> Result<Arc<Intake>, DemoError> {
    let certs = CertsSettings {
        roots: Roots::Given(vec![root.root_pem()]),
        endpoint_base: Some(base.to_owned()),
        ..CertsSettings::default()
    };
    let confirmer = HttpConfirmer::new(&certs)?;
    let topic: Topic = topic.parse().expect("invariant: the topic's ARN is well formed");
    let settings = Settings {
        topics: vec![AllowedTopic { topic, require_v2: true }],
        endpoint_base: Some(base.to_owned()),
        ..Settings::default()
    };
    Ok(Intake::new(
        settings,
        stage.catalog.clone(),
        Arc::new(audience),
        Arc::new(FetchedCerts::new(certs)?),
        Arc::new(confirmer),
        stage.clock.clone(),
    ))
}
