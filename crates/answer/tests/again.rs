//! A request that is known again is asked everything that may have changed since.

use aws_event_cache_answer::{Asked, Bypass, Miss, Modes, Ruling};
use aws_event_cache_model::{AnswerMode, Names, Timestamp};
use bytes::Bytes;
use http::request::Parts;

use world::{Client, HOST, PROD, TEST, World, at, key_id, ok, scope};

#[path = "fixtures/world.rs"]
mod world;

/// A time at which the world's beginning has settled.
const LATER: u64 = 1_000_000;

/// How a request was answered.
#[derive(Debug, PartialEq)]
enum Told {
    Page(Bytes),
    Passed(Bypass),
    Missed(Miss),
    Written,
}

fn told(ruling: Ruling) -> Told {
    match ruling {
        Ruling::Hit(hit) => Told::Page(hit.page.body.clone()),
        Ruling::Forward(forward) => Told::Passed(forward.why),
        Ruling::Read(reading) => Told::Missed(reading.why),
        Ruling::Write(_) => Told::Written,
    }
}

fn page(n: u32) -> world::Answer {
    ok(&format!(r#"{{"Gadgets":[{{"GadgetId":"g-{n}"}}]}}"#))
}

/// A world in which `client` was answered its listing from memory, twice.
fn polled(client: &mut Client) -> World {
    let world = World::serving();
    world.read(client, "ListGadgets", "{}", &page(1), at(LATER));
    for after in [1_000, 2_000] {
        assert_eq!(poll(&world, client, at(LATER + after)), Told::Page(page(1).body));
    }
    world
}

fn poll(world: &World, client: &mut Client, now: Timestamp) -> Told {
    told(world.ask(client, "ListGadgets", "{}", now))
}

fn ask(world: &World, client: &mut Client, head: &Parts, body: &Bytes, host: &str, now: Timestamp) -> Told {
    told(world.answers.ask(Asked { head, body, host, trusted: client.trusted, memory: &mut client.memory }, now))
}

#[test]
fn who_asks_for_whom_and_when_it_was_signed_is_asked_each_time() {
    let mut client = Client::new(PROD, 1);
    let world = polled(&mut client);
    let now = at(LATER + 3_000);
    let plain = std::mem::replace(&mut client.agent, "sdk/1 spinnaker-user/anna spinnaker-executionId/01H".into());
    assert_eq!(poll(&world, &mut client, now), Told::Passed(Bypass::ActsForOperation));
    client.agent = plain;
    let token = client.token.replace("another".into());
    assert_eq!(poll(&world, &mut client, now), Told::Missed(Miss::NotAdmitted));
    client.token = None;
    assert_eq!(poll(&world, &mut client, now), Told::Passed(Bypass::StaticKey));
    client.token = token;
    let own = std::mem::replace(&mut client.key_id, key_id("ASIA", PROD, 9));
    assert_eq!(poll(&world, &mut client, now), Told::Missed(Miss::NotAdmitted));
    client.key_id = key_id("ASIA", TEST, 1);
    assert_ne!(poll(&world, &mut client, now), Told::Page(page(1).body), "another account's listing");
    client.key_id = own;
    let (head, body) = client.request("test", "ListGadgets", "{}", at(LATER - 301_000)).into_parts();
    assert_eq!(ask(&world, &mut client, &head, &body, HOST, now), Told::Passed(Bypass::DateWindow));
    assert_eq!(poll(&world, &mut client, now), Told::Page(page(1).body));
}

#[test]
fn how_far_the_answer_arm_may_go_and_what_changed_is_asked_each_time() {
    let mut client = Client::new(PROD, 1);
    let world = polled(&mut client);
    let now = at(LATER + 3_000);
    for (mode, expected) in
        [(AnswerMode::Observe, Told::Missed(Miss::Observed)), (AnswerMode::Serve, Told::Page(page(1).body))]
    {
        world.answers.set_modes(Modes { default: mode, ..Modes::default() });
        assert_eq!(poll(&world, &mut client, now), expected, "{mode:?}");
    }
    assert_eq!(poll(&world, &mut client, at(LATER + 31_000)), Told::Missed(Miss::Stale));
    world.ledger.invalidate(&scope(PROD, "gadget"), &Names::Any, now);
    assert_eq!(poll(&world, &mut client, now), Told::Missed(Miss::Dirty));
    world.ledger.revoke(&world::account(PROD));
    assert_eq!(poll(&world, &mut client, now), Told::Missed(Miss::NotAdmitted));
}

#[test]
fn what_differs_in_anything_that_may_matter_is_another_request() {
    let mut client = Client::new(PROD, 1);
    let now = at(LATER + 3_000);
    let known = client.request("test", "ListGadgets", "{}", now);
    let changes: [fn(&mut Parts, &mut Bytes); 4] = [
        |_, body| *body = Bytes::from_static(br#"{"GadgetIds":["g-1"]}"#),
        |head, _| *head.headers.get_mut("x-amz-target").unwrap() = "Test_20260504.DeleteGadget".parse().unwrap(),
        |head, _| assert!(!head.headers.append("x-amz-expected-owner", "1".parse().unwrap())),
        |head, _| head.uri = "/?GadgetId=g-1".parse().unwrap(),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let world = polled(&mut client);
        let (mut head, mut body) = known.clone().into_parts();
        assert_eq!(ask(&world, &mut client, &head, &body, HOST, now), Told::Page(page(1).body), "{n}");
        change(&mut head, &mut body);
        assert!(!matches!(ask(&world, &mut client, &head, &body, HOST, now), Told::Page(_)), "{n}");
    }
    let world = polled(&mut client);
    let (head, body) = known.into_parts();
    let elsewhere = ask(&world, &mut client, &head, &body, "test.eu-north-1.amazonaws.com", now);
    assert_eq!(elsewhere, Told::Missed(Miss::NotAdmitted));
}
