//! Hints a second through plan and queue on one core, beside two baselines measured in the same run: copying the hint, and putting an agent's name into a hash map.
//!
//! `cargo bench -p aws-event-cache-engine` prints criterion's numbers, and at the end the rates and their ratios. The goal is more than 200,000 hints a second.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Roster};
use aws_event_cache_engine::plan::plan;
use aws_event_cache_engine::queue::{Landing, Queue, Want};
use aws_event_cache_engine::{Ledger, Profiles};
use aws_event_cache_model::{
    AccountId, Accounts, AgentName, Change, Class, Environment, Hint, KindId, Names, Origin, Place, Profile, Provider,
    Region, ResourceName, Source, SpinnakerAccount, StockPolling, Timestamp, What,
};
use criterion::{Criterion, Throughput, criterion_group};
use smol_str::format_smolstr;
use tokio::time::Instant;

#[path = "../tests/fixtures/world.rs"]
mod world;

/// As many as a storm brings within some seconds: every hint names another resource, in one of forty places.
const HINTS: usize = 10_000;
const ACCOUNTS: usize = 20;

struct World {
    catalog: Catalog,
    roster: Roster,
    accounts: Accounts,
    profiles: Profiles,
    hints: Vec<Hint>,
}

fn account(n: usize) -> AccountId {
    AccountId::new(format!("{:012}", 100_000_000_000 + n)).expect("twelve digits")
}

fn regions() -> Vec<Region> {
    ["eu-west-1", "us-east-1"].map(|region| Region::new(region).expect("a region")).to_vec()
}

impl World {
    fn new() -> Self {
        let production = Environment::new("production").expect("a name");
        let accounts = Accounts::new((0..ACCOUNTS).map(|n| SpinnakerAccount {
            name: format!("account-{n}"),
            provider: Provider::Aws,
            account: account(n),
            regions: regions(),
            environment: production.clone(),
            assume_role: None,
            lambda: false,
        }));
        let catalog = world::catalog();
        let roster = catalog.roster(&accounts, &StockPolling::default());
        let profiles =
            Profiles { by_environment: BTreeMap::from([(production.clone(), world::profile())]), fallback: production };
        assert!(accounts.named(world::PROD).is_none() && accounts.named(world::TEST).is_none());
        Self { catalog, roster, accounts, profiles, hints: (0..HINTS).map(hint).collect() }
    }
}

/// `widget` touches two other kinds, so that one hint asks for three agents; `gadget` is read by two.
fn hint(n: usize) -> Hint {
    let kind = if n.is_multiple_of(3) { "gadget" } else { "widget" };
    let now = Timestamp::UNIX_EPOCH;
    Hint {
        place: Place::new(account(n % ACCOUNTS), regions().swap_remove(n / ACCOUNTS % 2)),
        what: What::Changed {
            kind: KindId::new(kind).expect("a kind"),
            names: Names::Some(vec![ResourceName::new(format!("w-{n:017x}")).expect("a name")]),
            change: if n.is_multiple_of(5) { Change::Created } else { Change::Updated },
        },
        occurred: Some(now),
        received: now,
        origin: Origin {
            source: Source::Sns,
            id: format_smolstr!("7a3b9c1e-0000-4000-8000-{n:012}"),
            event: "test.amazonaws.com BreakWidget".into(),
        },
    }
}

/// Every hint through plan, ledger and queue; what is ready is popped and done, as the runner does.
fn through(world: &World) -> usize {
    let (mut queue, ledger) = (Queue::new(), Ledger::default());
    let mut popped = 0;
    for (n, hint) in world.hints.iter().enumerate() {
        // A storm of 10,000 hints within ten seconds.
        let now = Timestamp::from_millisecond(n as i64).expect("in range");
        let plan = plan(hint, &world.catalog, &world.roster, &world.accounts, &world.profiles, now);
        for (scope, names) in &plan.invalidations {
            ledger.invalidate(scope, names, now);
        }
        for wanted in plan.wanted {
            let want = Want {
                class: wanted.class,
                not_before: wanted.not_before,
                debounce: (wanted.class == Class::Event).then_some(plan.debounce),
                spacing: wanted.agent.interval,
                since: wanted.since,
                resources: wanted.resources,
                cause: wanted.cause,
            };
            queue.add(wanted.agent.name.clone(), want, now);
        }
        while let Some(taken) = queue.pop_ready(now) {
            queue.done(&taken.key, Landing::Done(Some(now)), now);
            popped += 1;
        }
    }
    popped
}

fn plans(world: &World) -> usize {
    let plans = world.hints.iter().map(|hint| {
        plan(hint, &world.catalog, &world.roster, &world.accounts, &world.profiles, hint.received).wanted.len()
    });
    plans.sum()
}

fn copies(world: &World) -> usize {
    world.hints.iter().map(|hint| black_box(hint.clone()).received.as_second() as usize).sum()
}

fn inserts(world: &World, names: &[AgentName]) -> usize {
    let mut map: HashMap<AgentName, u32> = HashMap::new();
    for n in 0..world.hints.len() {
        *map.entry(names[n % names.len()].clone()).or_default() += 1;
    }
    map.len()
}

/// What every answer from memory asks of the ledger, beside the load that it cannot do without.
fn ledger_reads(criterion: &mut Criterion) {
    let ledger = Ledger::default();
    let scope = Place::new(account(0), regions().swap_remove(0)).scope(KindId::new("widget").expect("a kind"));
    let name = |n: usize| ResourceName::new(format!("w-{n:017x}")).expect("a name");
    // As many names as a scope remembers.
    for n in 0..4_096 {
        ledger.invalidate(&scope, &Names::Some(vec![name(n)]), Timestamp::UNIX_EPOCH);
    }
    let (entry, one) = (ledger.scope(&scope), name(17));
    let mut group = criterion.benchmark_group("ledger");
    group.bench_function("baseline/nothing", |b| b.iter(|| black_box(&entry)));
    group.bench_function("generation/listing", |b| b.iter(|| black_box(&entry).generation(None)));
    group.bench_function("generation/resource", |b| b.iter(|| black_box(&entry).generation(Some(&one))));
    group.bench_function("mark/listing", |b| b.iter(|| black_box(&entry).mark(None)));
    group.bench_function("mark/resource", |b| b.iter(|| black_box(&entry).mark(Some(&one))));
    group.bench_function("max-age", |b| b.iter(|| black_box(&entry).max_age()));
    group.bench_function("scope-by-name", |b| b.iter(|| black_box(&ledger).scope(&scope)));
    group.finish();
}

fn names(world: &World) -> Vec<AgentName> {
    world.roster.agents().iter().map(|agent| agent.name.clone()).collect()
}

fn measure(criterion: &mut Criterion) {
    let world = World::new();
    let names = names(&world);
    let mut group = criterion.benchmark_group("hints");
    group.throughput(Throughput::Elements(HINTS as u64));
    group.bench_function("baseline/copy-the-hint", |b| b.iter(|| copies(black_box(&world))));
    group.bench_function("baseline/insert-an-agent", |b| b.iter(|| inserts(black_box(&world), &names)));
    group.bench_function("plan", |b| b.iter(|| plans(black_box(&world))));
    group.bench_function("plan-ledger-queue", |b| b.iter(|| through(black_box(&world))));
    group.finish();
}

/// The best of some rounds, in hints a second: what the machine can do when nothing else disturbs it.
fn rate(mut round: impl FnMut() -> usize) -> f64 {
    let rounds = (0..15).map(|_| {
        let begun = Instant::now();
        black_box(round());
        Instant::now().duration_since(begun).as_secs_f64()
    });
    HINTS as f64 / rounds.fold(f64::INFINITY, f64::min)
}

#[allow(clippy::print_stdout, reason = "the result of a benchmark")]
fn ratios() {
    let world = World::new();
    let names = names(&world);
    let copy = rate(|| copies(&world));
    let insert = rate(|| inserts(&world, &names));
    println!("one core, best of 15 rounds of {HINTS} hints ({ACCOUNTS} accounts, {} agents)", names.len());
    println!("baseline: copying the hint         {copy:>12.0} hints/s");
    println!("baseline: inserting an agent       {insert:>12.0} hints/s");
    for (what, rate) in [("plan", rate(|| plans(&world))), ("plan, ledger and queue", rate(|| through(&world)))] {
        println!("{what:<34} {rate:>12.0} hints/s = 1/{:.1} copies, 1/{:.1} inserts", copy / rate, insert / rate);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = measure, ledger_reads
}

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    ratios();
}
