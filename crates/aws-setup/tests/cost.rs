//! The estimate adds up, says every number that it rests on, and follows the ones that the operator replaces.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use aws_event_cache_aws_setup::cost::{Estimate, Figures, Line, estimate};
use aws_event_cache_aws_setup::{Key, Options, Plan, Recorder};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_config::{Config, KnownKinds, Outside};
use support::{accounts, example, of_intake};

/// Two agents: widgets in every region, with two calls a run, and gadgets once for an account, which have an interval of their own.
fn invented() -> Catalog {
    Catalog::parse([
        ("services/test.yaml", "title: Test\nevent_sources: [test.amazonaws.com]\nbuckets: {read: {capacity: 100, refill: 20}}"),
        ("agents/widgets.yaml", "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 2}]"),
        ("agents/gadgets.yaml", "name: '{account}/GadgetCachingAgent'\nprovider: aws\nper: account\ninterval: 5m\ncalls: [{bucket: 'test:read', count: 1}]"),
        ("kinds/widget.yaml", "title: Widget\nnamed_by: id\ncoverage: full\ncadence: {floor: 30s, ceiling: 10m}\nsettle: 10s\nagents: [widgets]\n\
            calls:\n  - {service: test, events: [MakeWidget], name: req.widgetId}\nreads:\n  - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}\n"),
        ("kinds/gadget.yaml", "title: Gadget\nnamed_by: id\ncoverage: none\ncadence: {floor: 30s, ceiling: 2m}\nsettle: 10s\nagents: [gadgets]\n\
            reads:\n  - {service: test, operation: DescribeGadgets, age: event, bucket: 'test:read'}\n"),
    ])
    .unwrap()
}

fn estimated(config: &Config, catalog: &Catalog, options: Options, figures: Figures) -> Estimate {
    let accounts = accounts(config);
    let plan = Plan::new(config, catalog, &accounts, config.accounts.discover, options).unwrap();
    estimate(config, &plan, &accounts, figures)
}

fn with(assumptions: &[&str], prices: &[&str]) -> Figures {
    let mut figures = Figures::default();
    assumptions.iter().for_each(|text| figures.set_assumption(text).unwrap());
    prices.iter().for_each(|text| figures.set_price(text).unwrap());
    figures
}

fn line<'e>(estimate: &'e Estimate, what: &str) -> &'e Line {
    let found = estimate.lines.iter().find(|line| line.what == what);
    found.unwrap_or_else(|| panic!("no {what} in {:?}", estimate.lines))
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs().max(1.0)
}

#[test]
fn every_line_is_quantity_times_price_and_the_bill_is_their_sum() {
    let estimate = estimated(&example(), &Catalog::shipped(), Options::default(), Figures::default());
    for line in &estimate.lines {
        let price = line.price.map(|id| estimate.figures.prices.iter().find(|price| price.id == id).unwrap());
        let expected = price.map_or(0.0, |price| line.quantity / price.per * price.usd);
        assert!(near(line.usd, expected), "{line:?}");
        assert!(!line.formula.is_empty());
    }
    assert!(near(estimate.usd, estimate.lines.iter().map(|line| line.usd).sum()));
    assert!(estimate.usd > 1.0 && estimate.usd < 100.0, "{}", estimate.usd);
}

#[test]
fn events_are_counted_by_the_formula_that_is_shown() {
    let assumptions = [
        "days=30",
        "deployments=10",
        "instances=4",
        "events-per-instance=8",
        "writes-per-deployment=20",
        "other-writes=100",
    ];
    let options = Options { recorder: Recorder::None, key: Key::None, ..Options::default() };
    let config = of_intake("{sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}}");
    let estimate = estimated(&config, &Catalog::shipped(), options, with(&assumptions, &[]));
    // Two places: its own, and the one where IAM tells of its calls.
    let expected = 2.0 * 30.0 * (10.0 * (4.0 * 8.0 + 20.0) + 100.0 + 1440.0);
    assert!(near(line(&estimate, "Events to the hub").quantity, expected));
    assert!(near(line(&estimate, "Delivered over HTTPS").quantity, expected));
    assert!(line(&estimate, "Events to the hub").formula.contains("1,440 / 1 heartbeats"));
}

#[test]
fn aws_config_costs_where_a_recorder_is_made_and_nothing_where_there_is_one() {
    let options = |recorder| Options { recorder, ..Options::default() };
    let (config, catalog) = (example(), Catalog::shipped());
    let made = estimated(&config, &catalog, options(Recorder::Create), Figures::default());
    let there = estimated(&config, &catalog, options(Recorder::Existing), Figures::default());
    assert!(line(&made, "AWS Config items").usd > 10.0);
    assert_eq!(line(&there, "AWS Config items").usd, 0.0);
    let cheaper = estimated(&config, &catalog, options(Recorder::Create), with(&[], &["config-item=0.0015"]));
    assert!(near(line(&cheaper, "AWS Config items").usd, line(&made, "AWS Config items").usd / 2.0));
}

#[test]
fn a_queue_is_paid_for_by_its_requests_and_a_topic_by_its_deliveries() {
    let catalog = Catalog::shipped();
    let queue = of_intake("{sqs: {queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/q}]}}");
    let estimate = estimated(&queue, &catalog, Options::default(), with(&["days=30", "pollers=2"], &[]));
    let events = line(&estimate, "Events to the hub").quantity;
    assert!(near(line(&estimate, "Requests to the queue").quantity, 3.0 * events + 30.0 * 4320.0 * 2.0));
    assert!(estimate.lines.iter().all(|line| line.what != "Delivered over HTTPS"));
}

#[test]
fn calls_are_those_of_the_agents_that_there_are_at_their_intervals() {
    let catalog = invented();
    let outside = Outside::new(|_| None, |_| Err("nothing".to_owned()));
    let text = "accounts: {discover: false, list: [{name: prod, accountId: \"111122223333\", regions: [eu-west-1, us-west-2]}]}\n\
        clouddriver: {url: http://clouddriver, lockStore: {redis: redis://redis}}\nintake: {sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}}\n";
    let config = Config::parse("x", text, &outside, &KnownKinds::of(&catalog)).unwrap().0;
    let figures = with(&["days=10", "deployments=0", "other-changes=5", "runs-per-change=2"], &[]);
    let estimate = estimated(&config, &catalog, Options::default(), figures);
    let seconds = 864_000.0;
    // Widgets: two regions, every 30 s, two calls. Gadgets: once, every five minutes of their own.
    assert!(near(estimate.calls.stock, 2.0 * seconds / 30.0 * 2.0 + seconds / 300.0));
    // Driven: every ten minutes; and gadgets, which nothing announces, no more often than stock.
    assert!(near(estimate.calls.polls, 2.0 * seconds / 600.0 * 2.0 + seconds / 300.0));
    // Two places, five changes a day, two runs each, of (2 + 2 + 1) / 3 calls.
    assert!(near(estimate.calls.by_changes, 2.0 * 10.0 * 5.0 * 2.0 * 5.0 / 3.0));
    assert!(near(estimate.calls_saved, estimate.calls.stock - estimate.calls.polls - estimate.calls.by_changes));
    assert_eq!(estimate.usd_saved, 0.0);
}

#[test]
fn however_much_changes_driving_never_calls_more_than_stock() {
    let estimate = estimated(&example(), &Catalog::shipped(), Options::default(), with(&["deployments=1000000"], &[]));
    assert!(estimate.calls_saved >= -1e-6, "{}", estimate.calls_saved);
}

#[test]
fn further_copies_of_cloudtrail_hold_the_saved_calls_no_more() {
    let estimate = estimated(&example(), &Catalog::shipped(), Options::default(), with(&["paid-trails=1"], &[]));
    assert!(near(estimate.usd_saved, estimate.calls_saved * 2.0 / 100_000.0));
}

#[test]
fn without_accounts_the_number_of_places_is_assumed_and_said() {
    let text = "clouddriver: {url: http://clouddriver, lockStore: {redis: redis://redis}}\nintake: {sns: {topics: [arn:aws:sns:eu-west-1:111122223333:t]}}\n";
    let (config, catalog) = (support::config(text), Catalog::shipped());
    let one = estimated(&config, &catalog, Options::default(), Figures::default());
    let ten = estimated(&config, &catalog, Options::default(), with(&["places=10"], &[]));
    assert!(one.notes.iter().any(|note| note.contains("--assume places=")));
    assert!(near(ten.calls.stock, 10.0 * one.calls.stock));
    assert!(near(line(&ten, "Events to the hub").quantity, 10.0 * line(&one, "Events to the hub").quantity));
}
