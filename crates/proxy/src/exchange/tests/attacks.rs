//! Requests that AWS has not vouched for are never answered from memory.

use std::time::Duration;

use super::world::{Ask, World, ask};

async fn never_answered_from_memory(world: &World, ask: Ask) {
    for _ in 0..5 {
        let calls = world.aws.calls();
        let got = world.get(ask.clone()).await;
        assert!(!got.is_hit(), "{ask:?}");
        assert_eq!(world.aws.calls(), calls + 1, "{ask:?}");
    }
}

#[tokio::test]
async fn who_knows_only_the_key_id_is_not_answered() {
    let world = World::quiet(1).await;
    world.aws.act(|seen| {
        let known = seen.headers.get("x-amz-security-token").is_some_and(|token| token == "a-session-token")
            && seen.headers["authorization"].to_str().unwrap().contains("ASIATESTTESTTESTTEST/");
        let refused = super::stand_in::Act::Answer(403, super::world::error("InvalidClientTokenId"));
        if known { super::stand_in::Act::Answer(200, super::world::widgets("w-1")) } else { refused }
    });
    world.warm("DescribeWidgets", "").await;
    let asked = ask("DescribeWidgets", "");
    never_answered_from_memory(&world, Ask { token: None, ..asked.clone() }).await;
    never_answered_from_memory(&world, Ask { token: Some("another-token"), ..asked.clone() }).await;
    never_answered_from_memory(&world, Ask { key: "ASIATESTTESTTESTOTHE", ..asked.clone() }).await;
    world.warm("DescribeWidgets", "").await;
}

#[tokio::test]
async fn what_was_signed_too_long_ago_or_not_yet_is_not_answered() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    for off in [Duration::from_secs(301), Duration::from_secs(3_600)] {
        let now = world.clock.now();
        for signed in [now.checked_sub(off).unwrap(), now.checked_add(off + Duration::from_secs(10)).unwrap()] {
            never_answered_from_memory(&world, Ask { signed: Some(signed), ..ask("DescribeWidgets", "") }).await;
        }
    }
}

#[tokio::test]
async fn a_key_without_session_token_is_not_answered_to_a_peer_that_is_not_trusted() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    never_answered_from_memory(&world, Ask { key: "AKIATESTTESTTESTTEST", token: None, ..ask("DescribeWidgets", "") })
        .await;
}

#[tokio::test]
async fn who_acts_for_an_operation_is_not_answered() {
    let world = World::quiet(1).await;
    world.warm("DescribeWidgets", "").await;
    let agent = "aws-sdk-java/1.12.261 spinnaker-user/jane spinnaker-executionId/01ABC".to_owned();
    never_answered_from_memory(&world, Ask { extra: vec![("user-agent", agent)], ..ask("DescribeWidgets", "") }).await;
}
