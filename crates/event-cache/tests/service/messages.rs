//! What becomes of messages: genuine ones lead to runs, forged ones to nothing, and subscriptions are confirmed at SNS.

use std::time::Duration;

use aws_event_cache_signer::{Message, Version};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::catalog::agent;
use crate::support::sns::{TOPIC, made};
use crate::support::world::{REGION, Setup, World};
use crate::support::{eventually, later, now, until};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_notification_has_the_held_agent_run_within_a_tick_and_the_status_tells_of_it() {
    let world = World::new(Setup::default()).await;
    let (scheduler, locks, service) = (world.scheduler().await, world.locks().await, world.serve().await);
    let agents = world.agents();
    world.heartbeats(&service).await;
    eventually("every agent is held", SOON, async || (locks.held(&agents).await == agents).then_some(())).await;
    for agent in &agents {
        let (_, left) = locks.lock(agent).await.unwrap();
        assert!(left > 0 && left <= 110_000, "{agent} is held for {left} ms");
    }
    // Held over its own poll; and an agent is not forced more often than that.
    let widgets = agent("a0", REGION, "widget");
    let last = *scheduler.runs(&widgets).last().unwrap();
    until(later(last, world.setup.times.interval + Duration::from_secs(1))).await;
    assert_eq!(scheduler.runs(&widgets).last(), Some(&last), "a held agent polled");

    let posted = now();
    world.sns.publish(&service.base, &made("widget", "w-1", &world.accounts()[0].1, REGION)).await;
    let ran = scheduler.wait_for_run(&widgets, posted, Duration::from_secs(5)).await;
    println!("from POST to the agent's start: {} ms", ran.duration_since(posted).as_millis());
    assert_eq!(scheduler.run_after(&agent("a0", REGION, "gadget"), posted), None, "another agent ran as well");

    let recent = eventually("the refresh is in the status", SOON, async || {
        let status = service.get("/v1/status").await;
        status["recent"].as_array().unwrap().iter().find(|recent| recent["agent"] == widgets.as_str()).cloned()
    })
    .await;
    assert_eq!((&recent["means"], &recent["class"]), (&Value::from("forced-run"), &Value::from("event")), "{recent}");
    assert!(recent["cause"].as_str().unwrap().contains("MakeWidget"), "{recent}");
    assert_eq!(service.metric("event_cache_forced_runs_total", &[]).await, 1.0);
    eventually("it is among the recent events", SOON, async || {
        service.get("/v1/events").await.to_string().contains("MakeWidget").then_some(())
    })
    .await;
    eventually("it is held again after its run", SOON, async || (locks.held(&agents).await == agents).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_messages_are_refused_counted_by_reason_and_lead_to_nothing() {
    let world = World::new(Setup::default()).await;
    let service = world.serve().await;
    let account = &world.accounts()[0].1;
    let mut changed = world.sns.signed(&made("widget", "w-2", account, REGION));
    changed.fields.insert("Message".into(), made("widget", "w-3", account, REGION).into());
    let text = made("widget", "w-4", account, REGION);
    let foreign = Message::notification("arn:aws:sns:eu-west-1:999900001111:theirs", &text, now());
    let foreign = world.sns.signer.sign(&foreign, Version::V2).unwrap();
    let mut elsewhere = world.sns.signed(&made("widget", "w-5", account, REGION));
    elsewhere.fields.insert("SigningCertURL".into(), "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem".into());
    for forged in [&changed, &foreign, &elsewhere] {
        let status = world.sns.deliver(&service.base, forged).await.unwrap();
        assert!(status.is_client_error(), "{status}");
    }
    assert_eq!(service.metric("event_cache_messages_refused_total", &["sns"]).await, 3.0);
    assert_eq!(service.metric("event_cache_messages_refused_total", &["signature"]).await, 1.0);
    assert_eq!(service.metric("event_cache_hints_accepted_total", &[]).await, 0.0);
    assert_eq!(service.get("/v1/status").await["counters"]["hints"], 0);
    // The next one is none the worse for it.
    world.sns.publish(&service.base, &text).await;
    assert_eq!(service.get("/v1/status").await["counters"]["hints"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_again_is_answered_200_and_planned_once() {
    let world = World::new(Setup::default()).await;
    let service = world.serve().await;
    let message = world.sns.signed(&made("widget", "w-6", &world.accounts()[0].1, REGION));
    for _ in 0..5 {
        assert_eq!(world.sns.deliver(&service.base, &message).await, Some(StatusCode::OK));
    }
    assert_eq!(service.metric("event_cache_messages_received_total", &["sns"]).await, 5.0);
    assert_eq!(service.metric("event_cache_messages_duplicate_total", &["sns"]).await, 4.0);
    assert_eq!(service.get("/v1/status").await["counters"]["hints"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_confirmed_at_the_configured_endpoint_by_an_address_of_our_own_making() {
    let world = World::new(Setup::default()).await;
    let service = world.serve().await;
    let token = "2336412f37fb687f5d51e6e2425e90ca";
    let asked = Message::subscription_confirmation(TOPIC, token, now());
    let asked = world.sns.signer.sign(&asked, Version::V2).unwrap();
    // One whose link leads elsewhere is not followed, however well it is signed.
    let mut astray = asked.clone();
    astray.fields.insert("SubscribeURL".into(), format!("{}/steal", world.sns.base).into());
    world.sns.signer.sign_again(&mut astray, Version::V2).unwrap();
    assert!(world.sns.deliver(&service.base, &astray).await.unwrap().is_client_error());
    assert_eq!(world.sns.deliver(&service.base, &asked).await, Some(StatusCode::OK));
    let confirmed = eventually("the subscription is confirmed", SOON, async || world.sns.asked().pop()).await;
    let topic = TOPIC.replace(':', "%3A");
    let plain = confirmed.replace(&topic, TOPIC);
    assert!(plain.starts_with(&format!("/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}")), "{confirmed}");
    // Of a topic that is not allowed it is not.
    let foreign = Message::subscription_confirmation("arn:aws:sns:eu-west-1:999900001111:theirs", token, now());
    let foreign = world.sns.signer.sign(&foreign, Version::V2).unwrap();
    assert!(world.sns.deliver(&service.base, &foreign).await.unwrap().is_client_error());
    assert_eq!(world.sns.asked().len(), 1);
}
