//! A day of traffic, compressed: memory stays within its bounds, whatever clients, changes and strangers do.

use aws_event_cache_answer::{Ruling, Settings};
use aws_event_cache_model::{AnswerMode, Names};

use world::{Client, PROD, World, at, ok, scope};

#[path = "fixtures/world.rs"]
mod world;

/// A fraction of what is asked for, so that most of it is let go of again.
const CAPACITY: usize = 100 << 10;
/// Clouddriver's interval.
const ROUND: u64 = 30_000;
const ROUNDS: u64 = 2_880;
/// A role's session.
const SESSION: u64 = 20;

fn item(n: u64, round: u64) -> String {
    let text = "x".repeat(usize::try_from(n * 7_919 % 500).expect("small"));
    format!(r#"{{"Widgets":[{{"WidgetId":"w-{n}","OwnerId":"{PROD}","Round":{round},"Text":"{text}"}}]}}"#)
}

/// Polls items, of which there are more than fit, and a listing that is not always walked to its end.
fn poll(world: &World, client: &mut Client, round: u64) -> usize {
    let now = at(1_000_000 + round * ROUND);
    let mut hits = 0;
    for n in (0..4).map(|n| (round * n * 31 + n * n) % 150) {
        let body = format!(r#"{{"WidgetId":"w-{n}"}}"#);
        match world.ask(client, "DescribeWidget", &body, now) {
            Ruling::Read(reading) => drop(world.learn(&reading, &ok(&item(n, round)), now)),
            Ruling::Hit(_) => hits += 1,
            other => panic!("{other:?}"),
        }
    }
    let pages = 1 + round % 6;
    for page in 0..pages {
        let request = if page == 0 { "{}".into() } else { format!(r#"{{"NextToken":"{round}-{page}"}}"#) };
        let next = if page < 5 { format!(r#","NextToken":"{round}-{}""#, page + 1) } else { String::new() };
        let answer = ok(&format!(r#"{{"Widgets":[{{"OwnerId":"{PROD}","Text":"{}"}}]{next}}}"#, "y".repeat(200)));
        if let Ruling::Read(reading) = world.ask(client, "ListWidgets", &request, now) {
            world.learn(&reading, &answer, now);
        }
    }
    hits
}

/// Requests of accounts, regions, services and operations that do not exist; AWS refuses them all.
fn invent(world: &World, round: u64) {
    let now = at(1_000_000 + round * ROUND);
    let account = format!("{:012}", 200_000_000_000 + round);
    let mut stranger = Client::new(&account, 1);
    for operation in ["ListWidgets", "DescribeWidget", &format!("Frobnicate{round}"), &format!("Describe{round}")] {
        match world.ask(&mut stranger, operation, "{}", now) {
            Ruling::Read(reading) => drop(world.learn(&reading, &world::error(403, "InvalidClientTokenId"), now)),
            Ruling::Write(write) => world.answers.mark(&write, now),
            _ => {}
        }
    }
}

#[test]
fn a_day_of_traffic_stays_within_the_bounds() {
    let settings = Settings { capacity: CAPACITY, largest: 2 << 10, ..Settings::default() };
    let world = World::new(settings, AnswerMode::Serve);
    world.meet(at(0));
    let mut hits = 0;
    for round in 0..ROUNDS {
        let now = at(1_000_000 + round * ROUND);
        let mut client = Client::new(PROD, u8::try_from(round / SESSION % 200).unwrap());
        hits += poll(&world, &mut client, round);
        hits += poll(&world, &mut client, round);
        invent(&world, round);
        if round % 7 == 0 {
            world.ledger.invalidate(&scope(PROD, "widget"), &Names::Any, now);
        }
        let tidied = round % 3 == 0;
        if tidied {
            world.answers.tidy(now);
        }
        let report = world.answers.report(now);
        assert!(report.bytes <= CAPACITY, "{report:?}");
        assert!(report.chains_open_bytes <= CAPACITY / 8, "{report:?}");
        assert!(!tidied || report.chains_open <= 8, "half-walked listings go: {report:?}");
        assert!(!tidied || report.admissions <= 4, "ended sessions go: {report:?}");
        assert_eq!(report.places, 2, "strangers leave nothing");
    }
    let books = world.savings.snapshot(at(1_000_000 + ROUNDS * ROUND));
    assert!(books.operations.len() < 10, "strangers leave nothing in the books");
    assert!(world.ledger.len() < 10, "strangers leave nothing in the ledger");
    assert!(hits > 5_000, "{hits} hits: nothing was kept, so nothing was proved");
}
