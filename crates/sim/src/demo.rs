//! Three worlds, the same account: Clouddriver as it polls, Clouddriver driven by this service's own code, and Clouddriver whose requests pass through it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_clock::Clock;
use aws_event_cache_engine::{Engine, Profiles};
use aws_event_cache_model::{
    AccountId, Accounts, Environment, Provider, Region, SpinnakerAccount, StockPolling, Timestamp,
};
use aws_event_cache_signer::{Signer, TestRoot};
use parking_lot::Mutex;

use crate::aws::SimulatedAws;
use crate::churn::{Change, Liveliness, changes};
use crate::feed::{Delivery, Signers, deliveries};
use crate::messages::Announcer;
use crate::report::{Forgeries, Progress, Report, WorldReport, Worlds};
use crate::service::{self, Service};
use crate::world::World;

/// The simulated day begins here: any time will do, and a fixed one keeps a seed's messages the same.
const START: &str = "2026-06-01T08:00:00Z";

/// Where everything is said to happen.
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// Two AWS accounts; the first is also an ECS account.
const ACCOUNTS: [(&str, &str); 2] = [("prod", "111122223333"), ("payments", "444455556666")];

/// A run makes this many times the calls of the catalogue's estimate for a small account: some hundred server groups, load balancers and functions.
const FLEET: u32 = 8;

/// Share of AWS's rate limits that deploy tools, dashboards and scripts use besides.
const OTHERS: f64 = 0.4;

/// Before changes are counted, all worlds fill their caches and the service sees its first heartbeats.
const WARM_UP: Duration = Duration::from_secs(120);

/// SNS repeats a delivery that was refused for our fault up to three times, 20 s apart (its default delivery policy).
const SNS_RETRIES: u32 = 3;

/// What can be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long it runs, in real time.
    pub length: Duration,
    /// What happens is drawn from this.
    pub seed: u64,
    /// How many times as fast as real the time runs.
    pub factor: u32,
    /// The service's profiles.
    pub profiles: Profiles,
}

/// Why the demonstration could not be given.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Nothing could be listened on, or the store's folder could not be made.
    #[error("the demonstration could not be set up")]
    Io(#[from] std::io::Error),
    /// No key or certificate could be made.
    #[error("messages could not be signed")]
    Signer(#[from] aws_event_cache_signer::SignerError),
    /// The embedded store could not be opened.
    #[error("the store could not be opened")]
    Store(#[from] aws_event_cache_store::StoreError),
    /// The signing certificate's root was refused.
    #[error("the certificate checker could not be set up")]
    Certs(#[from] aws_event_cache_intake::CertsError),
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    Http(#[from] reqwest::Error),
    /// The confirmation client could not be made.
    #[error("the confirmation client could not be made")]
    Confirmer(#[from] aws_event_cache_intake::FetchError),
}

/// Everything that the worlds share.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) start: Timestamp,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) changes: Vec<Change>,
    pub(crate) stock: Arc<Mutex<World>>,
    pub(crate) drive: Arc<Mutex<World>>,
    pub(crate) answer: Arc<Mutex<World>>,
}

/// Runs until the time is over or `stop` resolves, telling `progress` about once a second.
///
/// # Errors
/// [`DemoError`] when it could not be set up.
pub async fn run(
    options: Options,
    mut progress: impl FnMut(&Progress),
    stop: impl Future<Output = ()>,
) -> Result<Report, DemoError> {
    let root = TestRoot::new(start())?;
    let stranger = TestRoot::new(start())?;
    let certificate = Signer::new(&root)?;
    let base = service::publish(&certificate).await?;
    let (genuine, stranger) = (certificate.at(&base), Signer::new(&stranger)?.at(&base));
    let topic = format!("arn:aws:sns:{}:{}:spinnaker-changes", REGIONS[0], ACCOUNTS[0].1);

    // Signing takes a moment and must not eat into the compressed time, so the clock starts last.
    let length = options.length * options.factor;
    let (catalog, accounts) = (Arc::new(Catalog::shipped()), Arc::new(accounts(&options.profiles.fallback)));
    let roster = Arc::new(catalog.roster(&accounts, &StockPolling::default()));
    let announcer = Announcer::new(&catalog, &roster);
    let begin = after(start(), WARM_UP);
    let drawn = changes(
        options.seed,
        &accounts.places(),
        &announcer.kinds(&catalog, &roster),
        Liveliness::default(),
        begin,
        length,
    );
    let signers = Signers { genuine: &genuine, stranger: &stranger, topic: &topic };
    let feed = deliveries(&drawn, &accounts.places(), &announcer, &signers, start(), WARM_UP + length)?;

    let clock = Clock::starting_at(start(), options.factor);
    let world = || World::new(catalog.clone(), roster.clone(), SimulatedAws::new(OTHERS), FLEET, start());
    let [stock, drive, answer] = [world(), world(), world()].map(|world| Arc::new(Mutex::new(world)));
    let stage = Stage { clock, start: start(), catalog, accounts, roster, changes: drawn, stock, drive, answer };
    let service = Service::start(&stage, options.profiles, &root, &base, &topic).await?;
    service.stand_before(&stage.answer, FLEET, &stage);
    let forgeries = Arc::new(Mutex::new(Forgeries::default()));
    let end = after(stage.start, WARM_UP + length);

    {
        let live = live(&stage, &service, &forgeries, end, &mut progress);
        let posting = post(&stage.clock, feed, service.address, forgeries.clone());
        tokio::pin!(live, posting, stop);
        tokio::select! {
            () = &mut live => {}
            () = &mut stop => {}
            // The last message may be posted before the time is over; then only the worlds go on.
            result = &mut posting => { result?; tokio::select! { () = &mut live => {}, () = &mut stop => {} } }
        }
    }
    let report = report(&stage, &service, *forgeries.lock());
    service.end().await;
    Ok(report)
}

fn start() -> Timestamp {
    START.parse().expect("invariant: the start is a timestamp")
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn accounts(environment: &Environment) -> Accounts {
    let regions = || REGIONS.iter().map(|r| Region::new(r).expect("invariant: regions are well formed")).collect();
    let account = |name: &str, id: &str, provider| SpinnakerAccount {
        name: name.into(),
        provider,
        account: AccountId::new(id).expect("invariant: account ids are well formed"),
        regions: regions(),
        environment: environment.clone(),
        assume_role: None,
        lambda: provider == Provider::Aws,
    };
    let ecs = account("prod-ecs", ACCOUNTS[0].1, Provider::Ecs);
    Accounts::new(ACCOUNTS.iter().map(|(name, id)| account(name, id, Provider::Aws)).chain([ecs]))
}

/// Ticks all worlds once a simulated second, changes AWS at its times, and reports about once a real second.
async fn live(
    stage: &Stage,
    service: &Service,
    forgeries: &Mutex<Forgeries>,
    end: Timestamp,
    progress: &mut impl FnMut(&Progress),
) {
    let tick = Duration::from_secs(1);
    let mut next = stage.start;
    let mut told = stage.start;
    let mut done = 0;
    while stage.clock.now() < end {
        let now = stage.clock.now();
        while let Some(change) = stage.changes.get(done).filter(|change| change.at <= now) {
            for world in [&stage.stock, &stage.drive, &stage.answer] {
                world.lock().change(change);
            }
            if change.own {
                let seen = stage.answer.lock().arm().map(|arm| arm.write(change, now)).unwrap_or_default();
                service.tell(seen).await;
            }
            done += 1;
        }
        for world in [&stage.stock, &stage.drive, &stage.answer] {
            world.lock().tick(now);
        }
        let shown = stage.answer.lock().arm().map(|arm| arm.tidy(now)).unwrap_or_default();
        shown.iter().for_each(|(scope, evidence)| service.answering.evidence(scope, *evidence));
        if now >= told {
            progress(&so_far(stage, &service.engine, *forgeries.lock(), done, now));
            told = after(now, tick * stage.clock.factor());
        }
        next = after(next, tick).max(now);
        stage.clock.sleep_until(next).await;
    }
}

fn so_far(stage: &Stage, engine: &Engine, forgeries: Forgeries, changes: usize, now: Timestamp) -> Progress {
    let of = |world: &Mutex<World>| {
        let world = world.lock();
        (world.totals().calls, world.totals().throttled, world.staleness().overall().p95)
    };
    Progress {
        simulated_seconds: now.duration_since(stage.start).as_secs().unsigned_abs(),
        changes: changes as u64,
        stock: of(&stage.stock),
        drive: of(&stage.drive),
        answer: of(&stage.answer),
        held: engine.status().agents.held as u64,
        forgeries,
    }
}

/// Posts what SNS delivers, at its time, repeating what was refused for our fault.
async fn post(
    clock: &Clock,
    feed: Vec<Delivery>,
    to: SocketAddr,
    forgeries: Arc<Mutex<Forgeries>>,
) -> Result<(), reqwest::Error> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{to}/v1/sns");
    let mut waiting: VecDeque<(Delivery, u32)> = feed.into_iter().map(|delivery| (delivery, 0)).collect();
    while let Some((delivery, tries)) = waiting.pop_front() {
        clock.sleep_until(delivery.at).await;
        let sent = http.post(&url).header("content-type", "text/plain; charset=UTF-8").body(delivery.body.clone());
        let status = sent.send().await?.status();
        if delivery.forged {
            let mut forgeries = forgeries.lock();
            forgeries.sent += 1;
            forgeries.rejected += u64::from(status.is_client_error());
        } else if status.is_server_error() && tries < SNS_RETRIES {
            let later = after(clock.now(), Duration::from_secs(20));
            let place = waiting.partition_point(|(other, _)| other.at <= later);
            waiting.insert(place, (Delivery { at: later, ..delivery }, tries + 1));
        }
    }
    Ok(())
}

fn report(stage: &Stage, service: &Service, forgeries: Forgeries) -> Report {
    let now = stage.clock.now();
    let world = |world: &Mutex<World>| {
        let mut world = world.lock();
        let staleness = world.final_staleness(now);
        let counts = world.arm().map(|arm| arm.counts()).unwrap_or_default();
        WorldReport {
            answered_from_memory: counts.from_memory,
            mixed_up: counts.mixed_up,
            aws_calls: world.totals().calls,
            throttled_calls: world.totals().throttled,
            staleness_ms: staleness.overall(),
            by_kind: staleness.by_kind(),
            runs: world.totals().runs,
        }
    };
    let status = service.engine.status();
    let counters = status.counters;
    let own_changes = stage.answer.lock().arm().map(|arm| arm.counts().writes).unwrap_or_default();
    Report {
        simulated: true,
        time_factor: stage.clock.factor(),
        worlds: Worlds { stock: world(&stage.stock), drive: world(&stage.drive), answer: world(&stage.answer) },
        forgeries,
        forced_runs: counters.forced_runs,
        polls_saved: counters.polls_saved,
        held: status.agents.held as u64,
        agents: stage.roster.agents().len() as u64,
        changes: stage.changes.iter().filter(|change| change.at <= now).count() as u64,
        own_changes,
        uncovered_changes: service.answering.status().counters.uncovered_changes,
        simulated_seconds: now.duration_since(stage.start).as_secs().unsigned_abs(),
    }
}
