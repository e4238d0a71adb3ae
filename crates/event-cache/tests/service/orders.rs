//! Orders: by the command line, by the API as a pipeline's stage gives them, and who may give them.

use std::fs;
use std::process::Output;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::catalog::agent;
use crate::support::service::{Service, command};
use crate::support::world::{REGION, Setup, World};
use crate::support::{eventually, now};

const SOON: Duration = Duration::from_secs(15);

/// `refresh` against a service, in a thread of its own since it waits.
async fn refresh(service: &Service, more: &[&str]) -> Output {
    let mut arguments = vec!["refresh".to_owned(), "--server".to_owned(), service.base.clone()];
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    let run = move || command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_waits_until_the_agent_has_run_and_ends_with_status_0() {
    let world = World::new(Setup::default()).await;
    let (scheduler, service) = (world.scheduler().await, world.serve().await);
    let asked = now();
    let output = refresh(&service, &["--account", "a0", "--region", REGION, "--kind", "widgets"]).await;
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("SUCCEEDED: 1 of 1 agent has run"), "{}", out(&output));
    let ran = scheduler.run_after(&agent("a0", REGION, "widget"), asked);
    assert!(ran.is_some(), "it says that the agent has run, and it has not");

    let audit = service.get("/v1/audit").await.to_string();
    assert!(audit.contains("refresh") && audit.contains("widget") && audit.contains("127.0.0.1"), "{audit}");

    let json = refresh(&service, &["--account", "a0", "--kind", "gadget", "--no-wait", "--json"]).await;
    assert_eq!(json.status.code(), Some(0));
    let answer: Value = serde_json::from_str(&out(&json)).unwrap();
    assert_eq!(answer["status"], "QUEUED");
    let path = format!("/v1/refresh/{}", answer["id"].as_str().unwrap());
    eventually("it goes on without us", SOON, async || {
        (service.get(&path).await["status"] == "SUCCEEDED").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_of_an_unknown_kind_or_account_names_the_nearest_one() {
    let world = World::new(Setup::default()).await;
    let service = world.serve().await;
    for (arguments, nearest) in [(["--kind", "wigdets"], "widgets"), (["--account", "a00"], "a0")] {
        let output = refresh(&service, &arguments).await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(out(&output), "");
        assert!(err(&output).contains(&format!("did you mean \"{nearest}\"?")), "{}", err(&output));
    }
    let answer = service.post("/v1/refresh", &json!({"knid": "widget"})).await;
    assert!(answer.0.is_client_error() && answer.1["nearest"] == "kind", "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_fails_says_why_and_ends_with_status_1() {
    let mut world = World::new(Setup { accounts: 2, ..Setup::default() }).await;
    // No scheduler: nobody runs the agent, so the refresh is still open when its account goes.
    let service = world.serve().await;
    let (output, ()) = tokio::join!(refresh(&service, &["--account", "a1", "--kind", "widget"]), async {
        eventually("the order is taken", SOON, async || {
            let orders = service.get("/v1/refresh").await;
            (orders["refreshes"][0]["status"] == "RUNNING").then_some(())
        })
        .await;
        world.setup.accounts = 1;
        world.config();
        service.signal("HUP");
    });
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("FAILED") && out(&output).contains("its account was removed"), "{}", out(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_gives_up_waiting_when_told_and_a_lock_that_somebody_wrote_by_hand_is_not_touched() {
    let world = World::new(Setup::default()).await;
    let service = world.serve().await;
    let mut redis = world.locks().await.0;
    let key = agent("a0", REGION, "widget");
    let () = redis::cmd("SET").arg(&key).arg("somebody").query_async(&mut redis).await.unwrap();
    let output = refresh(&service, &["--account", "a0", "--kind", "widget", "--timeout", "3"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    assert!(err(&output).contains("gave up waiting"), "{}", err(&output));
    assert!(err(&output).contains(&format!("{}/v1/refresh/", service.base)), "{}", err(&output));
    let value: String = redis::cmd("GET").arg(&key).query_async(&mut redis).await.unwrap();
    assert_eq!(value, "somebody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_by_a_service_that_only_watches_says_that_nothing_was_touched_and_one_that_is_off_refuses() {
    let mut world = World::new(Setup { mode: "observe", ..Setup::default() }).await;
    let (_scheduler, service) = (world.scheduler().await, world.serve().await);
    let output = refresh(&service, &["--account", "a0", "--kind", "widget"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("nothing was touched"), "{}{}", out(&output), err(&output));
    assert_eq!(service.metric("event_cache_forced_runs_total", &[]).await, 0.0);

    world.setup.mode = "off";
    world.config();
    service.signal("HUP");
    eventually("it is off", SOON, async || (service.get("/v1/status").await["mode"] == "off").then_some(())).await;
    let (status, answer) = service.post("/v1/refresh", &json!({"account": "a0", "kind": "widget"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    let output = refresh(&service, &["--account", "a0", "--kind", "widget"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("drive.mode"), "{}", err(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_as_a_pipelines_stage_gives_it_means_all_where_it_says_null() {
    let world = World::new(Setup { accounts: 2, ..Setup::default() }).await;
    let (_scheduler, service) = (world.scheduler().await, world.serve().await);
    let body = json!({
        "account": "a0", "region": "null", "kind": "widget", "name": "", "class": "null",
        "requestedBy": "alice", "application": "shop", "executionId": "01HX"
    });
    let (status, answer) = service.post("/v1/refresh", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    assert_eq!((&answer["status"], &answer["agents"]), (&json!("QUEUED"), &json!(1)), "{answer}");
    assert!(answer["progress"].is_string(), "{answer}");
    let url = answer["statusUrl"].as_str().unwrap();
    assert!(url.starts_with(&service.base), "{url} is not absolute on the host that was called");
    // The stage gives the same order again when an answer is lost.
    let (_, again) = service.post("/v1/refresh", &body).await;
    assert_eq!(again["id"], answer["id"]);
    let path = url.strip_prefix(&service.base).unwrap();
    let done = eventually("it succeeds", SOON, async || {
        let answer = service.get(path).await;
        assert!(answer["progress"].is_string(), "{answer}");
        (answer["status"] == "SUCCEEDED").then_some(answer)
    })
    .await;
    assert!(done["requestedBy"].as_str().unwrap().contains("alice"), "{done}");
    // Nothing said means everything.
    let (status, everything) = service.post("/v1/refresh", &json!({"account": "null", "kind": "*"})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(everything["agents"].as_u64().unwrap() > 6, "{everything}");
    let cancel = everything["cancelUrl"].as_str().unwrap().strip_prefix(&service.base).unwrap().to_owned();
    let (status, answer) = service.post(&cancel, &json!({})).await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("CANCELED")), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_decide_who_may_read_order_and_turn_the_log() {
    // SHA-256 of "reader" and "orca".
    let tokens = "  plaintext: true\n  tokens:\n\
                  \x20   - {name: dashboard, role: read, sha256: 3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30}\n\
                  \x20   - {name: orca, role: operate, sha256: e0c924608fdcda8536bd9cc86b0fce0ab2d54ecc1e8ed9673624c39cde7f7820}\n";
    let world = World::new(Setup { server: tokens.to_owned(), ..Setup::default() }).await;
    let mut service = world.serve().await;
    let order = json!({"account": "a0", "kind": "widget"});
    let cases = [
        (None, StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED),
        (Some("guess"), StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED),
        (Some("reader"), StatusCode::OK, StatusCode::FORBIDDEN),
        (Some("orca"), StatusCode::OK, StatusCode::ACCEPTED),
    ];
    for (token, read, write) in cases {
        service.use_token(token);
        assert_eq!(service.call(Method::GET, "/v1/status", None).await.status(), read, "{token:?}");
        assert_eq!(service.call(Method::POST, "/v1/refresh", Some(&order)).await.status(), write, "{token:?}");
    }
    let level = json!({"level": "debug"});
    assert_eq!(service.call(Method::PUT, "/v1/log-level", Some(&level)).await.status(), StatusCode::FORBIDDEN);
    // The command line takes the token from a file.
    let file = world.folder.path().join("token");
    fs::write(&file, "orca\n").unwrap();
    let with = refresh(&service, &["--kind", "gadget", "--no-wait", "--token-file", &file.display().to_string()]).await;
    assert_eq!(with.status.code(), Some(0), "{}", err(&with));
    let without = refresh(&service, &["--kind", "gadget", "--no-wait"]).await;
    assert_eq!(without.status.code(), Some(1));
    assert!(err(&without).contains("token"), "{}", err(&without));
    for secret in ["orca\n", "Bearer orca", "guess"] {
        assert!(!service.log().contains(secret), "a token is in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_others_reach_is_not_listened_on_without_tokens() {
    let world =
        World::new(Setup { listen: "0.0.0.0:0", server: "  plaintext: true\n".to_owned(), ..Setup::default() }).await;
    let config = world.config().display().to_string();
    let output = tokio::task::spawn_blocking(move || command(&["serve", "--config", &config])).await.unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", err(&output));
    assert!(err(&output).contains("server.tokens") || err(&output).contains("token"), "{}", err(&output));
}
