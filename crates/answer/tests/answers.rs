//! What the door promises, one sentence at a time.

use aws_event_cache_answer::{Bypass, Miss, Modes, NotStored, Ruling, Settings};
use aws_event_cache_model::{AnswerMode, Evidence, Names, ResourceName};
use http::StatusCode;

use world::{Client, PROD, TEST, World, answer, at, error, ok, place, scope};

#[path = "fixtures/world.rs"]
mod world;

/// A time at which the world's beginning has settled.
const LATER: u64 = 1_000_000;

fn gadgets(n: u32) -> world::Answer {
    ok(&format!(r#"{{"Gadgets":[{{"GadgetId":"g-{n}"}}]}}"#))
}

fn why_passed(ruling: &Ruling) -> Option<Bypass> {
    match ruling {
        Ruling::Forward(forward) => Some(forward.why),
        _ => None,
    }
}

fn why_missed(ruling: &Ruling) -> Option<Miss> {
    match ruling {
        Ruling::Read(reading) => Some(reading.why),
        _ => None,
    }
}

/// A world in which `client` was answered its listing of gadgets at `LATER`.
fn with_gadgets(client: &mut Client) -> World {
    let world = World::serving();
    world.read(client, "ListGadgets", "{}", &gadgets(1), at(LATER));
    world
}

#[test]
fn what_aws_answered_is_answered_again_with_its_age() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let Ruling::Hit(hit) = world.ask(&mut client, "ListGadgets", "{ }", at(LATER + 5_000)) else { panic!("no hit") };
    assert_eq!(hit.page.body, gadgets(1).body);
    assert_eq!(hit.age.as_secs(), 5);
    assert!((21..=25).contains(&hit.ttl.as_secs()), "30 s of a scope of which nothing is known, at most a tenth less");
    assert_eq!(hit.page.headers.get("x-amzn-requestid").unwrap(), "r-1");
    assert!(hit.page.headers.get("date").is_none());
}

#[test]
fn the_age_is_what_the_engine_says_at_the_moment_of_the_answer() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let ledger = world.ledger.scope(&scope(PROD, "gadget"));
    let mut asked =
        |seconds: u64| why_missed(&world.ask(&mut client, "ListGadgets", "{}", at(LATER + seconds * 1_000)));
    assert_eq!(asked(60), Some(Miss::Stale));
    ledger.set_max_age(std::time::Duration::from_secs(600));
    assert_eq!(asked(60), None);
    assert_eq!(asked(121), Some(Miss::Stale), "the row's own cap is two minutes");
    ledger.set_max_age(std::time::Duration::from_secs(30));
    assert_eq!(asked(60), Some(Miss::Stale));
}

#[test]
fn nobody_is_answered_whom_aws_has_not_answered() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let mut other_session = Client::new(PROD, 2);
    assert_eq!(why_missed(&world.ask(&mut other_session, "ListGadgets", "{}", now)), Some(Miss::NotAdmitted));
    let mut thief = Client { token: Some("guessed".into()), ..Client::new(PROD, 1) };
    assert_eq!(why_missed(&world.ask(&mut thief, "ListGadgets", "{}", now)), Some(Miss::NotAdmitted));
    let mut other_account = Client::new(TEST, 1);
    assert_eq!(why_missed(&world.ask(&mut other_account, "ListGadgets", "{}", now)), Some(Miss::NotAdmitted));
    assert!(matches!(world.ask(&mut client, "ListGadgets", "{}", now), Ruling::Hit(_)));
}

#[test]
fn an_admission_is_for_the_operation_or_where_policies_name_resources_for_the_request() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let widget = |id: &str| ok(&format!(r#"{{"Widgets":[{{"WidgetId":"{id}","OwnerId":"{PROD}"}}]}}"#));
    for id in ["w-1", "w-2"] {
        let mut first = Client::new(PROD, 7);
        world.read(&mut first, "DescribeWidget", &format!(r#"{{"WidgetId":"{id}"}}"#), &widget(id), at(LATER));
    }
    world.read(&mut client, "DescribeWidget", r#"{"WidgetId":"w-1"}"#, &widget("w-1"), at(LATER));
    assert!(matches!(world.ask(&mut client, "DescribeWidget", r#"{"WidgetId":"w-2"}"#, at(LATER + 1)), Ruling::Hit(_)));

    let pass = ok(r#"{"Pass":{"PassName":"one"}}"#);
    let ask = |client: &mut Client, name: &str| {
        let body = format!(r#"{{"PassName":"{name}"}}"#);
        let ruling = world.ask_service(client, "guard", "GetPass", &body, at(LATER + 1));
        if let Ruling::Read(reading) = &ruling {
            world.learn(reading, &pass, at(LATER + 1));
        }
        why_missed(&ruling)
    };
    let mut other = Client::new(PROD, 2);
    assert_eq!(ask(&mut other, "two"), Some(Miss::NotAdmitted));
    assert_eq!(ask(&mut client, "one"), Some(Miss::NotAdmitted));
    assert_eq!(ask(&mut client, "two"), Some(Miss::NotAdmitted), "allowed one, not two");
    assert_eq!(ask(&mut client, "one"), None);
}

#[test]
fn an_error_about_the_credential_or_a_change_of_access_ends_its_admissions() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let (head, _) = client.request("test", "BreakWidget", "{}", now).into_parts();
    let denied = error(400, "ExpiredTokenException");
    let reply = aws_event_cache_answer::Reply {
        status: denied.status,
        headers: &denied.headers,
        body: &denied.body,
        complete: true,
    };
    world.answers.note_reply(&head, &reply, now);
    let ruling = world.ask(&mut client, "ListGadgets", "{}", now);
    assert_eq!(why_missed(&ruling), Some(Miss::NotAdmitted));
    let Ruling::Read(reading) = ruling else { panic!("a read") };
    world.learn(&reading, &gadgets(1), now);
    assert_eq!(
        why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)),
        Some(Miss::NotAdmitted),
        "asked no later"
    );

    let now = at(LATER + 2_000);
    world.read(&mut client, "ListGadgets", "{}", &gadgets(1), now);
    assert_eq!(why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)), None);
    world.ledger.revoke(&place(PROD).account);
    assert_eq!(why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)), Some(Miss::NotAdmitted));
}

#[test]
fn a_read_that_names_its_resource_or_acts_for_an_operation_is_never_answered() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let mut passed = |body: &str| why_passed(&world.ask(&mut client, "ListGadgets", body, now));
    assert_eq!(passed("{}"), None);
    assert_eq!(passed(r#"{"GadgetIds":["g-1"]}"#), Some(Bypass::NamesResource));
    assert_eq!(passed(r#"{"Filters":[{"Name":"tag","Values":["x"]}]}"#), Some(Bypass::NamesResource));
    assert_eq!(passed(r#"{"DryRun":true}"#), Some(Bypass::TimeBound));
    assert_eq!(passed(r#"{"StartTime":1}"#), Some(Bypass::TimeBound));
    let four = r#"{"WidgetId":["w-1","w-2","w-3","w-4"]}"#;
    assert_eq!(why_passed(&world.ask(&mut client, "DescribeWidget", four, now)), Some(Bypass::NamesResource));
    client.agent = "sdk/1 spinnaker-user/anna spinnaker-executionId/01H".into();
    assert_eq!(why_passed(&world.ask(&mut client, "ListGadgets", "{}", now)), Some(Bypass::ActsForOperation));
}

#[test]
fn who_cannot_be_told_or_did_not_sign_just_now_passes() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let old = client.request("test", "ListGadgets", "{}", at(LATER - 301_000));
    let (head, body) = old.into_parts();
    let ask = |head: &http::request::Parts, client: &mut Client| {
        let memory = &mut client.memory;
        let asked = aws_event_cache_answer::Asked { head, body: &body, host: world::HOST, trusted: false, memory };
        why_passed(&world.answers.ask(asked, now))
    };
    assert_eq!(ask(&head, &mut client), Some(Bypass::DateWindow));
    let (mut head, _) = client.request("test", "ListGadgets", "{}", now).into_parts();
    assert_eq!(ask(&head, &mut client), None);
    head.headers.remove("authorization");
    assert_eq!(ask(&head, &mut client), Some(Bypass::Unsigned));
    let mut static_key = Client { token: None, key_id: world::key_id("AKIA", PROD, 3), ..Client::new(PROD, 3) };
    assert_eq!(why_passed(&world.ask(&mut static_key, "ListGadgets", "{}", now)), Some(Bypass::StaticKey));
    static_key.trusted = true;
    world.read(&mut static_key, "ListGadgets", "{}", &gadgets(1), now);
    assert!(matches!(world.ask(&mut static_key, "ListGadgets", "{}", now), Ruling::Hit(_)));
    let mut nobody = Client { key_id: "AKIAIOSFODNN7EXAMPLE".into(), ..Client::new(PROD, 3) };
    assert_eq!(why_passed(&world.ask(&mut nobody, "ListGadgets", "{}", now)), Some(Bypass::NoAccount));
    let ruling = world.ask_service(&mut client, "unheard", "ListGadgets", "{}", now);
    assert_eq!(why_passed(&ruling), Some(Bypass::UnknownService));
}

#[test]
fn nothing_is_kept_for_a_place_that_aws_has_not_answered_for() {
    let world = World::new(Settings::default(), AnswerMode::Serve);
    let mut client = Client::new(PROD, 1);
    for answer in [error(400, "ExpiredTokenException"), ok("{}")] {
        let Ruling::Read(reading) = world.ask(&mut client, "ListGadgets", "{}", at(0)) else { panic!("a read") };
        assert_eq!((reading.why, &reading.flight), (Miss::NotAdmitted, &None));
        assert!(world.ledger.is_empty());
        world.learn(&reading, &answer, at(0));
    }
    world.ask(&mut client, "ListGadgets", "{}", at(0));
    assert_eq!(world.ledger.len(), 1);
    assert_eq!(world.answers.report(at(0)).places, 1);
}

#[test]
fn a_write_marks_what_it_may_change_and_a_read_that_overlaps_it_is_not_kept() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let Ruling::Write(write) = world.ask(&mut client, "MakeGadget", r#"{"GadgetId":"g-9"}"#, now) else {
        panic!("a write")
    };
    assert_eq!(why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)), None, "not marked yet");
    world.answers.mark(&write, now);
    let ruling = world.ask(&mut client, "ListGadgets", "{}", now);
    assert_eq!(why_missed(&ruling), Some(Miss::Dirty));
    let Ruling::Read(reading) = ruling else { panic!("a read") };
    world.answers.mark(&write, at(LATER + 2_000));
    let lesson = world.learn(&reading, &gadgets(1), at(LATER + 2_001));
    assert_eq!(lesson.stored, Err(NotStored::Overtaken));
    let hints = world.answers.hints(&write, at(LATER + 2_001));
    assert_eq!(hints.len(), 1);
    assert_eq!(hints[0].origin.event, "test MakeGadget");
}

#[test]
fn a_write_may_have_happened_unless_aws_says_that_it_did_not() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let Ruling::Write(write) = world.ask(&mut client, "MakeGadget", "{}", at(LATER)) else { panic!("a write") };
    let wrote = |status: u16, code| world.answers.wrote(&write, StatusCode::from_u16(status).unwrap(), code);
    assert!(wrote(200, None) && wrote(500, Some("InternalError")) && wrote(503, None));
    assert!(wrote(400, Some("ThrottlingException")) && wrote(429, None));
    assert!(!wrote(400, Some("ValidationError")) && !wrote(403, Some("AccessDenied")) && !wrote(404, None));
}

#[test]
fn the_first_that_is_heard_of_a_place_may_be_a_write_and_reads_after_it_are_not_believed_for_long() {
    let mut client = Client::new(PROD, 1);
    let world = World::new(Settings::default(), AnswerMode::Serve);
    let now = at(LATER);
    let Ruling::Write(write) = world.ask(&mut client, "MakeGadget", r#"{"GadgetId":"g-9"}"#, now) else {
        panic!("a write")
    };
    world.answers.mark(&write, now);
    assert!(world.ledger.is_empty(), "AWS has not said yet that it knows the client");
    assert!(world.answers.wrote(&write, StatusCode::OK, None));
    world.answers.mark(&write, now);
    world.read(&mut client, "ListGadgets", "{}", &gadgets(1), at(LATER + 1_000));
    assert_eq!(why_missed(&world.ask(&mut client, "ListGadgets", "{}", at(LATER + 1_500))), None);
    let ruling = world.ask(&mut client, "ListGadgets", "{}", at(LATER + 4_000));
    assert_eq!(why_missed(&ruling), Some(Miss::Settling), "what AWS said may have been the state before the write");
}

#[test]
fn an_unknown_write_dirties_all_of_its_service_and_an_ignored_one_nothing() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let mut dirty_after = |operation: &str| {
        world.read(&mut client, "ListGadgets", "{}", &gadgets(1), now);
        let Ruling::Write(write) = world.ask(&mut client, operation, "{}", now) else { panic!("{operation}") };
        world.answers.mark(&write, now);
        why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)) == Some(Miss::Dirty)
    };
    assert!(!dirty_after("PingWidget"));
    assert!(dirty_after("FrobnicateEverything"));
    let ruling = world.ask(&mut client, "DescribeUnlisted", "{}", now);
    assert_eq!(why_passed(&ruling), Some(Bypass::Operation), "a read by its name, but not on the list");
}

#[test]
fn a_write_whose_key_tells_no_account_dirties_every_account_of_the_region() {
    let (mut one, mut other) = (Client::new(PROD, 1), Client::new(TEST, 1));
    let world = with_gadgets(&mut one);
    world.read(&mut other, "ListGadgets", "{}", &gadgets(2), at(LATER));
    let mut nobody = Client { key_id: "AKIAIOSFODNN7EXAMPLE".into(), ..Client::new(PROD, 3) };
    let Ruling::Write(write) = world.ask(&mut nobody, "MakeGadget", "{}", at(LATER)) else { panic!("a write") };
    world.answers.mark(&write, at(LATER));
    for client in [&mut one, &mut other] {
        assert_eq!(why_missed(&world.ask(client, "ListGadgets", "{}", at(LATER))), Some(Miss::Dirty));
    }
}

#[test]
fn a_write_that_changes_access_revokes_the_accounts_admissions() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let ruling = world.ask_service(&mut client, "guard", "ChangePass", r#"{"PassName":"one"}"#, now);
    let Ruling::Write(write) = ruling else { panic!("a write") };
    world.answers.mark(&write, now);
    assert_eq!(why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)), Some(Miss::NotAdmitted));
}

#[test]
fn items_are_dirtied_by_name() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let now = at(LATER);
    let widget = |id: &str| ok(&format!(r#"{{"Widgets":[{{"WidgetId":"{id}"}}]}}"#));
    for id in ["w-1", "w-2"] {
        world.read(&mut client, "DescribeWidget", &format!(r#"{{"WidgetId":"{id}"}}"#), &widget(id), now);
    }
    let Ruling::Write(write) = world.ask(&mut client, "BreakWidget", r#"{"WidgetId":"w-1"}"#, now) else {
        panic!("a write")
    };
    world.answers.mark(&write, now);
    let mut asked =
        |id: &str| why_missed(&world.ask(&mut client, "DescribeWidget", &format!(r#"{{"WidgetId":"{id}"}}"#), now));
    assert_eq!(asked("w-1"), Some(Miss::Dirty));
    assert_eq!(asked("w-2"), None);
}

#[test]
fn who_asks_for_one_resource_by_name_finds_nothing_old_beneath_it() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let now = at(LATER);
    let item = r#"{"WidgetId":"w-1"}"#;
    world.read(&mut client, "DescribeWidget", item, &ok(r#"{"Widgets":[{"WidgetId":"w-1"}]}"#), now);
    assert_eq!(why_missed(&world.ask(&mut client, "DescribeWidget", item, now)), None);
    let ruling = world.ask(&mut client, "ListWidgets", r#"{"Names":["w-1"]}"#, now);
    assert_eq!(why_passed(&ruling), Some(Bypass::NamesResource));
    assert_eq!(why_missed(&world.ask(&mut client, "DescribeWidget", item, now)), Some(Miss::Dirty));
}

#[test]
fn nothing_is_kept_of_a_named_read_that_did_not_find_all() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let now = at(LATER);
    let mut stored = |answer: &world::Answer| {
        let ruling = world.ask(&mut client, "DescribeWidget", r#"{"WidgetId":["w-1","w-2"]}"#, now);
        let Ruling::Read(reading) = ruling else { panic!("a read") };
        world.learn(&reading, answer, now).stored
    };
    assert_eq!(stored(&ok(r#"{"Widgets":[]}"#)), Err(NotStored::Empty));
    assert_eq!(stored(&ok("{}")), Err(NotStored::Empty));
    assert_eq!(stored(&error(400, "WidgetNotFoundException")), Err(NotStored::Error));
    let partial = r#"{"Widgets":[{"WidgetId":"w-1"}],"failures":[{"arn":"w-2","reason":"MISSING"}]}"#;
    assert_eq!(stored(&ok(partial)), Err(NotStored::Empty));
    assert_eq!(stored(&ok(r#"{"Widgets":[{"WidgetId":"w-1"},{"WidgetId":"w-2"}],"failures":[]}"#)), Ok(()));
}

#[test]
fn only_the_error_that_is_an_answer_of_its_operation_is_kept() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let now = at(LATER);
    let mut ask = || world.ask_service(&mut client, "guard", "GetPass", r#"{"PassName":"one"}"#, now);
    let Ruling::Read(reading) = ask() else { panic!("a read") };
    assert_eq!(world.learn(&reading, &error(404, "OtherError"), now).stored, Err(NotStored::Error));
    assert_eq!(world.learn(&reading, &error(404, "NoSuchPass"), now).stored, Ok(()));
    let Ruling::Hit(hit) = ask() else { panic!("a hit") };
    assert_eq!(hit.page.status, StatusCode::NOT_FOUND);
}

#[test]
fn what_is_broken_foreign_or_of_another_protocol_is_not_kept() {
    let mut client = Client::new(PROD, 1);
    let world = World::new(Settings { largest: 1_000, ..Settings::default() }, AnswerMode::Serve);
    let now = at(LATER);
    world.read(&mut client, "ListGadgets", "{}", &ok("{}"), at(0));
    let mut stored = |answer: &world::Answer, complete: bool| {
        let Ruling::Read(reading) = world.ask(&mut client, "ListGadgets", "{}", now) else { panic!("a read") };
        let reply = aws_event_cache_answer::Reply {
            status: answer.status,
            headers: &answer.headers,
            body: &answer.body,
            complete,
        };
        world.answers.learn(&reading, &reply, now).stored
    };
    assert_eq!(stored(&ok("{}"), false), Err(NotStored::Incomplete));
    assert_eq!(stored(&ok(r#"{"Gadgets":["#), true), Err(NotStored::Malformed));
    assert_eq!(stored(&ok(&format!(r#"{{"Gadgets":["{}"]}}"#, "x".repeat(1_000))), true), Err(NotStored::TooLarge));
    let mut text = ok("{}");
    text.headers.insert("content-type", "text/html".parse().unwrap());
    assert_eq!(stored(&text, true), Err(NotStored::ContentType));
    let mut packed = ok("{}");
    packed.headers.insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(stored(&packed, true), Err(NotStored::ContentType));
    assert_eq!(stored(&ok(&format!(r#"{{"Gadgets":[{{"OwnerId":"{TEST}"}}]}}"#)), true), Err(NotStored::OtherOwner));
    assert_eq!(stored(&answer(StatusCode::ACCEPTED, "{}"), true), Err(NotStored::Error));
    assert_eq!(stored(&ok(&format!(r#"{{"Gadgets":[{{"OwnerId":"{PROD}"}}]}}"#)), true), Ok(()));
}

#[test]
fn an_answer_read_inside_the_settle_window_lives_two_seconds_and_one_before_the_second_look_until_that() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    world.ledger.scope(&scope(PROD, "gadget")).set_max_age(std::time::Duration::from_secs(600));
    let change = LATER + 1_000;
    world.ledger.invalidate(&scope(PROD, "gadget"), &Names::Any, at(change));
    let mut read = |after: u64| {
        let now = at(change + after);
        let ruling = world.ask(&mut client, "ListGadgets", "{}", now);
        if let Ruling::Read(reading) = &ruling {
            world.learn(reading, &gadgets(1), now);
        }
        why_missed(&ruling)
    };
    assert_eq!(read(1_000), Some(Miss::Dirty));
    assert_eq!(read(2_000), None, "one call a second or two");
    assert_eq!(read(3_001), Some(Miss::Settling));
    assert_eq!(read(10_000), Some(Miss::Settling));
    assert_eq!(read(50_000), None, "settled");
    assert_eq!(read(60_000), Some(Miss::Settling), "the second look");
    assert_eq!(read(160_000), None);
}

#[test]
fn health_and_what_is_in_transition_live_short() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    world.ledger.scope(&scope(PROD, "widget")).set_max_age(std::time::Duration::from_secs(600));
    let mut lives = |operation: &str, body: &str, answer: &world::Answer, from: u64| {
        world.read(&mut client, operation, body, answer, at(from));
        let hit = |after: u64, client: &mut Client| {
            matches!(world.ask(client, operation, body, at(from + after)), Ruling::Hit(_))
        };
        (hit(13_000, &mut client), hit(16_000, &mut client), hit(500_000, &mut client))
    };
    let health = ok(r#"{"State":"healthy"}"#);
    assert_eq!(lives("DescribeGadgetHealth", r#"{"GadgetId":"g-1"}"#, &health, LATER), (true, false, false));
    let moving = ok(r#"{"Widgets":[{"State":"PENDING"}]}"#);
    assert_eq!(lives("ListWidgets", "{}", &moving, LATER), (true, false, false));
    let still = ok(r#"{"Widgets":[{"State":"READY"}]}"#);
    assert_eq!(lives("ListWidgets", "{}", &still, LATER + 1_000_000), (true, true, true));
}

#[test]
fn what_is_too_old_may_be_given_while_aws_fails_but_not_after_a_change() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let mut stale = |after: u64| match world.ask(&mut client, "ListGadgets", "{}", at(LATER + after)) {
        Ruling::Read(reading) => reading.stale.is_some(),
        _ => panic!("a read"),
    };
    assert!(stale(31_000) && stale(320_000));
    assert!(!stale(331_000), "more than five minutes past its age");
    world.ledger.invalidate(&scope(PROD, "gadget"), &Names::Any, at(LATER + 31_000));
    assert!(!stale(31_000));
}

fn page(n: u32, next: Option<&str>) -> world::Answer {
    let next = next.map(|token| format!(r#","NextToken":"{token}""#)).unwrap_or_default();
    ok(&format!(r#"{{"Widgets":[{{"WidgetId":"w-{n}"}}]{next}}}"#))
}

fn token(token: &str) -> String {
    format!(r#"{{"NextToken":"{token}"}}"#)
}

#[test]
fn a_listing_is_given_only_when_all_its_pages_are_there_and_ends_as_it_began() {
    let (mut one, mut other) = (Client::new(PROD, 1), Client::new(PROD, 2));
    let world = World::serving();
    let first = |client: &mut Client, now| world.ask(client, "ListWidgets", "{}", now);
    world.read(&mut one, "ListWidgets", "{}", &page(1, Some("a2")), at(LATER));
    assert_eq!(why_missed(&first(&mut one, at(LATER))), Some(Miss::Absent), "a part is nothing");
    world.read(&mut one, "ListWidgets", &token("a2"), &page(2, Some("a3")), at(LATER + 100));
    world.read(&mut other, "ListWidgets", "{}", &page(1, Some("b2")), at(LATER + 150));
    // The other continues what the first has begun.
    world.read(&mut other, "ListWidgets", &token("a3"), &page(3, None), at(LATER + 200));
    let Ruling::Hit(hit) = first(&mut one, at(LATER + 1_000)) else { panic!("the whole chain is there") };
    assert_eq!((hit.page.body.clone(), hit.age.as_millis()), (page(1, Some("a2")).body, 1_000));

    world.ledger.invalidate(&scope(PROD, "widget"), &Names::Any, at(LATER + 2_000));
    assert_eq!(why_missed(&first(&mut one, at(LATER + 2_000))), Some(Miss::Dirty));
    for (asked, n, next) in [("a2", 2, Some("a3")), ("a3", 3, None)] {
        let Ruling::Hit(hit) = world.ask(&mut one, "ListWidgets", &token(asked), at(LATER + 3_000)) else {
            panic!("{asked}")
        };
        assert_eq!((hit.page.body.clone(), hit.ttl.as_secs()), (page(n, next).body, 0));
    }
    let late = world.ask(&mut one, "ListWidgets", &token("a2"), at(LATER + 122_000));
    let Ruling::Read(reading) = late else { panic!("two minutes are over") };
    assert_eq!((reading.why, &reading.flight), (Miss::Retired, &None));
    assert_eq!(world.learn(&reading, &page(2, None), at(LATER + 122_000)).stored, Err(NotStored::Chain));
}

#[test]
fn an_overtaken_listing_is_still_walked_to_its_end_beside_the_new_one() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let read = |client: &mut Client, body: &str, answer: &world::Answer, now| {
        world.read(client, "ListWidgets", body, answer, at(now))
    };
    read(&mut client, "{}", &page(1, Some("a2")), LATER);
    read(&mut client, &token("a2"), &page(2, None), LATER);
    world.ledger.invalidate(&scope(PROD, "widget"), &Names::Any, at(LATER + 1_000));
    read(&mut client, "{}", &page(3, Some("b2")), LATER + 2_000);
    read(&mut client, &token("b2"), &page(4, None), LATER + 2_000);
    let nothing = error(400, "NeverAsked");
    assert_eq!(read(&mut client, &token("a2"), &nothing, LATER + 3_000), page(2, None).body);
    assert_eq!(read(&mut client, &token("b2"), &nothing, LATER + 3_000), page(4, None).body);
}

#[test]
fn a_token_that_two_listings_share_is_asked_of_aws() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let read = |client: &mut Client, body: &str, answer: &world::Answer, now| {
        world.read(client, "ListWidgets", body, answer, at(now))
    };
    read(&mut client, "{}", &page(1, Some("2")), LATER);
    read(&mut client, &token("2"), &page(2, None), LATER);
    world.ledger.invalidate(&scope(PROD, "widget"), &Names::Any, at(LATER + 1_000));
    read(&mut client, "{}", &page(3, Some("2")), LATER + 2_000);
    read(&mut client, &token("2"), &page(4, None), LATER + 2_000);
    let ruling = world.ask(&mut client, "ListWidgets", &token("2"), at(LATER + 3_000));
    let Ruling::Read(reading) = ruling else { panic!("nobody but AWS can tell") };
    assert_eq!((reading.why, &reading.flight), (Miss::Chain, &None));
}

#[test]
fn a_change_while_a_listing_is_collected_makes_it_unfit() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    world.read(&mut client, "ListWidgets", "{}", &page(1, Some("a2")), at(LATER));
    world.ledger.invalidate(&scope(PROD, "widget"), &Names::Any, at(LATER + 10));
    let Ruling::Read(reading) = world.ask(&mut client, "ListWidgets", &token("a2"), at(LATER + 20)) else {
        panic!("a read")
    };
    assert_eq!(world.learn(&reading, &page(2, None), at(LATER + 20)).stored, Err(NotStored::Chain));
    assert_eq!(why_missed(&world.ask(&mut client, "ListWidgets", "{}", at(LATER + 30))), Some(Miss::Absent));
}

#[test]
fn equal_reads_share_a_call_only_at_equal_generations_and_only_if_admitted() {
    let (mut one, mut other) = (Client::new(PROD, 1), Client::new(PROD, 2));
    let world = with_gadgets(&mut one);
    world.read(&mut other, "ListGadgets", "{}", &gadgets(1), at(LATER));
    let flight = |client: &mut Client, millis| match world.ask(client, "ListGadgets", "{}", at(millis)) {
        Ruling::Read(reading) => reading.flight,
        _ => panic!("a read"),
    };
    let late = LATER + 40_000;
    let before = flight(&mut one, late).expect("admitted");
    assert_eq!(flight(&mut other, late + 5), Some(before.clone()));
    assert_eq!(flight(&mut Client::new(PROD, 3), late), None, "not admitted");
    world.ledger.invalidate(
        &scope(PROD, "gadget"),
        &Names::Some(vec![ResourceName::new("g-1").unwrap()]),
        at(late + 6),
    );
    assert_ne!(flight(&mut one, late + 7), Some(before));
}

#[test]
fn reading_again_after_a_full_age_proves_or_disproves_that_events_tell_all() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let mut evidence = |millis: u64, n: u32| {
        let now = at(LATER + millis);
        let Ruling::Read(reading) = world.ask(&mut client, "ListGadgets", "{}", now) else { panic!("a read") };
        world.learn(&reading, &gadgets(n), now).evidence.map(|(_, evidence)| evidence)
    };
    assert_eq!(evidence(31_000, 1), Some(Evidence::Same));
    assert_eq!(evidence(62_000, 2), Some(Evidence::Differs));
    world.ledger.invalidate(&scope(PROD, "gadget"), &Names::Any, at(LATER + 63_000));
    assert_eq!(evidence(64_000, 3), None, "announced");
    assert_eq!(evidence(74_000, 3), None, "the one before was not settled");
}

#[test]
fn observing_forwards_everything_and_compares() {
    let mut client = Client::new(PROD, 1);
    let world = World::new(Settings::default(), AnswerMode::Observe);
    world.meet(at(0));
    let mut observe = |millis: u64, n: u32| {
        let Ruling::Read(reading) = world.ask(&mut client, "ListGadgets", "{}", at(millis)) else { panic!("a read") };
        assert_eq!((reading.why, &reading.flight, &reading.stale.is_some()), (Miss::Observed, &None, &false));
        world.learn(&reading, &gadgets(n), at(millis)).stored
    };
    assert_eq!(observe(LATER, 1), Ok(()));
    assert_eq!(observe(LATER + 10_000, 1), Err(NotStored::Kept));
    assert_eq!(observe(LATER + 20_000, 2), Err(NotStored::Kept), "memory is left as it would be");
    assert_eq!(observe(LATER + 25_000, 2), Err(NotStored::Kept));
    let report = world.answers.report(at(LATER + 25_000));
    let gadget = report.kinds.iter().find(|kind| kind.kind.as_str() == "gadget").unwrap();
    assert_eq!((gadget.would_be_hits, gadget.stale_would_be_hits, gadget.uncovered_changes), (3, 2, 0));
    assert_eq!((gadget.stale_mean_ms, gadget.stale_most_ms), (12_500, 15_000));
    assert!(world.answers.tidy(at(LATER + 100_000)).is_empty(), "an event may still come");
    let missed = world.answers.tidy(at(LATER + 140_000));
    assert_eq!(missed, [(scope(PROD, "gadget"), Evidence::Differs)]);
    assert!(world.answers.tidy(at(LATER + 900_000)).is_empty());
}

#[test]
fn what_observing_has_shown_to_be_wrong_is_not_answered_when_serving_begins() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 5_000);
    world.answers.set_modes(Modes { default: AnswerMode::Observe, ..Modes::default() });
    assert_eq!(world.read(&mut client, "ListGadgets", "{}", &gadgets(2), now), gadgets(2).body);
    world.answers.set_modes(Modes { default: AnswerMode::Serve, ..Modes::default() });
    assert_eq!(why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)), Some(Miss::Stale));
    world.read(&mut client, "ListGadgets", "{}", &gadgets(2), now);
    assert_eq!(world.read(&mut client, "ListGadgets", "{}", &gadgets(3), now), gadgets(2).body, "from memory again");
}

#[test]
fn observing_a_change_that_is_announced_late_does_not_count_as_missed() {
    let mut client = Client::new(PROD, 1);
    let world = World::new(Settings::default(), AnswerMode::Observe);
    world.meet(at(0));
    for (millis, n) in [(LATER, 1), (LATER + 10_000, 2)] {
        let Ruling::Read(reading) = world.ask(&mut client, "ListGadgets", "{}", at(millis)) else { panic!("a read") };
        world.learn(&reading, &gadgets(n), at(millis)).stored.ok();
    }
    world.ledger.invalidate(&scope(PROD, "gadget"), &Names::Any, at(LATER + 20_000));
    assert!(world.answers.tidy(at(LATER + 900_000)).is_empty());
}

#[test]
fn the_kill_switch_passes_everything_and_what_was_known_before_it_is_forgotten() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let serve = Modes { default: AnswerMode::Serve, ..Modes::default() };
    let now = at(LATER + 1_000);
    world.answers.set_modes(Modes { killed: true, ..serve.clone() });
    assert_eq!(why_passed(&world.ask(&mut client, "ListGadgets", "{}", now)), Some(Bypass::Mode));
    assert_eq!(why_passed(&world.ask(&mut client, "MakeGadget", "{}", now)), Some(Bypass::Mode));
    world.answers.set_modes(serve);
    let ruling = world.ask(&mut client, "ListGadgets", "{}", now);
    assert_eq!(why_missed(&ruling), Some(Miss::Absent));
    let Ruling::Read(reading) = ruling else { panic!("a read") };
    assert_eq!(world.learn(&reading, &gadgets(1), now).stored, Ok(()));
    let soon = world.ask(&mut client, "ListGadgets", "{}", at(LATER + 4_000));
    assert_eq!(why_missed(&soon), Some(Miss::Settling), "a write that passed unseen may be on its way");
}

#[test]
fn what_was_asked_before_a_purge_is_not_kept_after_it() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let Ruling::Read(reading) = world.ask(&mut client, "ListGadgets", "{}", at(LATER + 40_000)) else {
        panic!("a read")
    };
    world.answers.purge();
    assert_eq!(world.learn(&reading, &gadgets(1), at(LATER + 40_001)).stored, Err(NotStored::Purged));
    assert_eq!(world.answers.report(at(LATER)).entries, 0);
}

#[test]
fn a_body_too_long_to_look_at_is_a_write_of_anything_unless_its_method_promises_otherwise() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let (mut head, _) = client.request("test", "ListGadgets", "", now).into_parts();
    let Ruling::Write(write) = world.answers.ask_unread(&head, now) else { panic!("a write") };
    world.answers.mark(&write, now);
    assert_eq!(why_missed(&world.ask(&mut client, "ListGadgets", "{}", now)), Some(Miss::Dirty));
    head.method = http::Method::GET;
    assert_eq!(why_passed(&world.answers.ask_unread(&head, now)), Some(Bypass::TooLarge));
}

#[test]
fn a_presigned_write_marks_what_it_may_change_and_a_presigned_read_nothing() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = at(LATER + 1_000);
    let credential = format!("{}%2F20260504%2Feu-west-1%2Ftest%2Faws4_request", client.key_id);
    let presigned = |operation: &str| {
        let uri = format!("/?Action={operation}&X-Amz-Credential={credential}&X-Amz-Signature=00");
        http::Request::get(uri).header("host", world::HOST).body(()).unwrap().into_parts().0
    };
    let mut ask = |head: &http::request::Parts| {
        let memory = &mut client.memory;
        let body = &bytes::Bytes::new();
        world.answers.ask(aws_event_cache_answer::Asked { head, body, host: world::HOST, trusted: false, memory }, now)
    };
    assert_eq!(why_passed(&ask(&presigned("ListGadgets"))), Some(Bypass::Signature));
    for head in [presigned("MakeGadget"), presigned("NeverHeardOf")] {
        let Ruling::Write(write) = ask(&head) else { panic!("a write") };
        let before = world.ledger.generation(&scope(PROD, "gadget"), None);
        world.answers.mark(&write, now);
        assert_ne!(world.ledger.generation(&scope(PROD, "gadget"), None), before);
    }
}

#[test]
fn what_is_read_right_after_beginning_anew_is_believed_for_two_seconds_only() {
    let mut client = Client::new(PROD, 1);
    let world = with_gadgets(&mut client);
    let now = LATER + 1_000;
    world.answers.begin_anew();
    world.read(&mut client, "ListGadgets", "{}", &gadgets(2), at(now));
    assert_eq!(world.read(&mut client, "ListGadgets", "{}", &gadgets(3), at(now + 1_000)), gadgets(2).body);
    assert_eq!(world.read(&mut client, "ListGadgets", "{}", &gadgets(3), at(now + 2_000)), gadgets(3).body);
    world.read(&mut client, "ListGadgets", "{}", &gadgets(4), at(now + 21_000));
    assert_eq!(world.read(&mut client, "ListGadgets", "{}", &gadgets(5), at(now + 30_000)), gadgets(4).body);
}

#[test]
fn throttling_is_told_and_nothing_is_kept_of_it() {
    let mut client = Client::new(PROD, 1);
    let world = World::serving();
    let Ruling::Read(reading) = world.ask(&mut client, "ListGadgets", "{}", at(LATER)) else { panic!("a read") };
    let lesson = world.learn(&reading, &error(400, "ThrottlingException"), at(LATER));
    assert_eq!(
        lesson.throttled.map(|(place, service)| (place, service.to_string())),
        Some((place(PROD), "test".into()))
    );
    assert_eq!(lesson.stored, Err(NotStored::Error));
    assert!(world.savings.snapshot(at(LATER)).operations.iter().any(|line| line.operation == "ListGadgets"));
}
