//! Lock stores that are not what they should be: not there, silent, or something else.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::lock_store::{LockStore, LockStoreError, LockStoreSettings, Written, open};
use aws_event_cache_model::AgentName;
use aws_event_cache_testkit::Redis;

use crate::support::world::World;

fn store(url: &str) -> std::sync::Arc<dyn LockStore> {
    let settings = LockStoreSettings { url: url.to_owned(), instance: "us".to_owned(), ..LockStoreSettings::default() };
    open(&settings, Clock::wall()).unwrap()
}

fn agent() -> AgentName {
    AgentName::new("a0/eu-west-1/WidgetCachingAgent").unwrap()
}

async fn failure(url: &str) -> LockStoreError {
    let store = store(url);
    let agents = [agent()];
    let answer = tokio::time::timeout(Duration::from_secs(20), store.read(&agents)).await;
    answer.unwrap_or_else(|_| panic!("{url}: no answer, and no end")).unwrap_err()
}

#[tokio::test]
async fn a_store_that_is_not_there_is_an_error_that_names_it_without_its_password() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for scheme in ["redis", "rediss", "mysql", "postgresql"] {
        let error = failure(&format!("{scheme}://user:secret@127.0.0.1:{port}/1")).await.to_string();
        assert!(error.contains(&port.to_string()) && !error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_takes_connections_and_says_nothing_is_given_up_in_seconds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = tokio::spawn(async move {
        let mut taken = Vec::new();
        loop {
            taken.push(listener.accept().await.unwrap());
        }
    });
    let urls = ["redis", "mysql", "postgresql"].map(|scheme| format!("{scheme}://127.0.0.1:{port}/1"));
    futures::future::join_all(urls.iter().map(|url| failure(url))).await;
    silent.abort();
}

/// Holding works as without it: idle agents are held, and one that has no lock is left alone. Said once, in words that tell what to do.
#[tokio::test]
async fn without_the_right_to_insert_nothing_is_claimed_and_that_is_said_once() {
    for world in [World::mariadb().await, World::postgres().await] {
        world.revoke_insert().await;
        let (store, [agent, idle]) = (world.store("us"), [0, 1].map(|n| world.agents[n].name.clone()));
        world.put(&idle, "10.0.0.1:1@a", Duration::ZERO, Duration::from_secs(3)).await;
        let until = world.clock.now().saturating_add(Duration::from_secs(100)).unwrap();
        let before = world.everything().await;
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(log.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(writer);
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        for _ in 0..3 {
            assert_eq!(store.claim(&agent, until).await.unwrap(), Written::Conflict);
        }
        assert_eq!(world.everything().await, before);
        let said = std::fs::read_to_string(log.path()).unwrap();
        assert_eq!(said.matches("grant INSERT").count(), 1, "{said}");
        let seen = store.read(std::slice::from_ref(&idle)).await.unwrap().remove(0).unwrap();
        assert_eq!(store.hold_if(&idle, &seen, until).await.unwrap(), Written::Done);
    }
}

#[tokio::test]
async fn tls_to_a_store_without_tls_is_an_error() {
    let redis = Redis::start().unwrap();
    failure(&redis.url().replace("redis://", "rediss://")).await;
}

#[tokio::test]
async fn a_redis_that_was_restarted_and_forgot_our_scripts_is_used_on() {
    let world = World::redis().await;
    let store = world.store("us");
    let agents = [world.agents[0].name.clone()];
    assert_eq!(store.read(&agents).await.unwrap(), [None]);
    world.redis_command(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(store.read(&agents).await.unwrap(), [None]);
    world.redis_command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    let mut answer = store.read(&agents).await;
    if answer.is_err() {
        // The call that finds the connection broken may fail; the next one connects.
        answer = store.read(&agents).await;
    }
    assert_eq!(answer.unwrap(), [None]);
}

#[tokio::test]
async fn more_agents_than_one_batch_holds_are_read_in_order() {
    for world in [World::redis().await, World::mariadb().await, World::postgres().await] {
        let names: Vec<AgentName> =
            (0..1_200).map(|n| AgentName::new(format!("a{n}/eu-west-1/WidgetCachingAgent")).unwrap()).collect();
        for n in [0, 255, 256, 600, 1_199] {
            world.put(&names[n], &format!("owner-{n}"), Duration::ZERO, Duration::from_secs(100)).await;
        }
        let locks = world.store("us").read(&names).await.unwrap();
        let found: Vec<(usize, String)> =
            locks.iter().enumerate().filter_map(|(n, lock)| Some((n, lock.as_ref()?.owner.to_string()))).collect();
        assert_eq!(found, [0, 255, 256, 600, 1_199].map(|n| (n, format!("owner-{n}"))));
    }
}
