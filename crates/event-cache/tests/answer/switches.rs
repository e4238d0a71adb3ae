//! Every way to turn it down and up again.

use std::fs;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::service::command;
use crate::support::{eventually, service};
use crate::world::{ACCOUNT, SOON, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pass_file_passes_everything_while_it_is_there() {
    let world = World::new("mode: serve").await;
    let running = world.serve().await;
    let client = running.client();
    client.warm("DescribeWidgets").await;
    fs::write(world.path("pass"), "").unwrap();
    running.says_mode("pass").await;
    for _ in 0..2 {
        let seen = client.call("DescribeWidgets", &[]).await;
        assert!(!seen.is_hit() && seen.status == StatusCode::OK, "{seen:?}");
    }
    let status = running.service.get("/v1/status").await;
    let problems = status["problems"].to_string();
    assert!(problems.contains("passes everything") && problems.contains("pass is there"), "{problems}");
    fs::remove_file(world.path("pass")).unwrap();
    running.says_mode("serve").await;
    client.warm("DescribeWidgets").await;
    drop(running);
    // One that lies there from before is obeyed from the first request on.
    fs::write(world.path("pass"), "").unwrap();
    let running = world.serve().await;
    let client = running.client();
    for _ in 0..3 {
        assert!(!client.call("DescribeWidgets", &[]).await.is_hit());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_passes_everything_or_one_kind_and_is_audited() {
    let world = World::new("mode: serve").await;
    let running = world.serve().await;
    let client = running.client();
    client.warm("DescribeWidgets").await;
    client.warm("DescribeGadgets").await;
    let order = json!({"answer": "pass", "kind": "widgets", "for": "1h", "reason": "a doubt"});
    let (status, set) = running.service.post("/v1/overrides", &order).await;
    assert_eq!(status, StatusCode::CREATED, "{set}");
    eventually("widgets pass", SOON, async || (!client.call("DescribeWidgets", &[]).await.is_hit()).then_some(()))
        .await;
    let passed = client.call("DescribeWidgets", &[]).await;
    assert!(!passed.is_hit() && passed.cache.contains("mode"), "{passed:?}");
    assert!(client.call("DescribeGadgets", &[]).await.is_hit(), "another kind is served as before");
    let id = set["id"].as_str().unwrap();
    assert_eq!(running.service.delete(&format!("/v1/overrides/{id}")).await.0, StatusCode::OK);
    eventually("widgets are served again", SOON, async || {
        client.call("DescribeWidgets", &[]).await.is_hit().then_some(())
    })
    .await;
    assert_eq!(
        running.service.post("/v1/overrides", &json!({"answer": "pass", "for": "1h"})).await.0,
        StatusCode::CREATED
    );
    running.says_mode("pass").await;
    assert!(!client.call("DescribeGadgets", &[]).await.is_hit());
    let audit = running.service.get("/v1/audit").await.to_string();
    assert!(audit.contains("answer pass for account all") && audit.contains("a doubt"), "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_modes_over_at_once_and_says_what_waits_for_the_next_start() {
    let mut world = World::new("mode: observe").await;
    let running = world.serve().await;
    let client = running.client();
    for _ in 0..3 {
        assert!(!client.call("DescribeWidgets", &[]).await.is_hit());
    }
    world.answer = "mode: pass\naccounts: {prod: serve}\nmemory: 64MiB\nbudget: {share: 0.5}".to_owned();
    world.config();
    running.service.signal("HUP");
    eventually("the account is served", SOON, async || {
        client.call("DescribeWidgets", &[]).await.is_hit().then_some(())
    })
    .await;
    let log = running.service.log();
    assert!(log.contains("answer.memory") && log.contains("at the next start"), "{log}");
    assert!(log.contains("answer.accounts.prod") && log.contains("answer.budget.share"), "{log}");
    // Off while running is pass: clients have no other way to AWS until they are told of one.
    world.answer = "mode: off".to_owned();
    world.config();
    running.service.signal("HUP");
    eventually("it passes", SOON, async || (!client.call("DescribeWidgets", &[]).await.is_hit()).then_some(())).await;
    assert_eq!(client.call("DescribeWidgets", &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn off_means_no_listener_and_nothing_to_show() {
    let world = World::new("mode: off").await;
    let service = service::Service::start(&world.config()).await;
    service.ready().await;
    assert!(!service.log().contains("the proxy listens"));
    assert!(service.get("/v1/status").await["parts"].get("answer").is_none());
    let books = tokio::task::spawn_blocking({
        let base = service.base.clone();
        move || command(&["savings", "--server", &base])
    });
    let books = books.await.unwrap();
    assert_eq!(books.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&books.stderr).contains("answer.mode"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_it_needs_no_account_and_no_clouddriver() {
    let world = World::new("mode: serve").await;
    let file = world.config();
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("accounts:"));
    fs::write(&file, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let service = service::Service::start(&file).await;
    service.ready().await;
    let log = eventually("the proxy listens", SOON, async || {
        let log = service.log();
        log.contains("the proxy listens").then_some(log)
    })
    .await;
    let line = log.lines().find(|line| line.contains("the proxy listens")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let client = crate::client::Client::plain(&format!("http://{}", line["address"].as_str().unwrap()));
    client.warm("DescribeWidgets").await;
    let order = json!({"answer": "pass", "account": ACCOUNT, "for": "1h"});
    assert_eq!(service.post("/v1/overrides", &order).await.0, StatusCode::CREATED);
    eventually("its account passes", SOON, async || {
        (!client.call("DescribeWidgets", &[]).await.is_hit()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_closes_the_proxy_and_is_quick_when_nothing_is_under_way() {
    let world = World::new("mode: serve").await;
    let mut running = world.serve().await;
    running.client().warm("DescribeWidgets").await;
    running.service.signal("TERM");
    let ended = running.service.ended(Duration::from_secs(8)).await;
    assert!(ended.success(), "{}", running.service.log());
}
