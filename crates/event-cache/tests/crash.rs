//! Killed at any moment, however often: every message that was answered 200 leads to a run of its agent that started after the change it tells of, or to a visible failure.
//!
//! Each message is about another agent, and no agent polls by itself, so that no poll of Clouddriver's own stands in for the run that is owed. What is seen is the
//! model of Clouddriver's scheduler. Only one thing the service is asked for: whether a run after the last start came from the message, since after a crash it also looks
//! at every agent that was held, which must not hide that it had forgotten the message.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and print as tests do")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::Value;
use support::catalog::{KINDS, agent};
use support::scheduler::{Scheduler, Times};
use support::service::Service;
use support::sns::made;
use support::world::{REGION, Setup, World};
use support::{eventually, later, now};
use tokio::task::JoinSet;

const ROUNDS: usize = 12;

/// New messages of each round, each for an agent of its own; they go on being sent until they are answered, as SNS does.
const MESSAGES: usize = 12;

/// How long the service lives in each round, in milliseconds: mostly for about as long as it takes messages and writes them down; now and then long enough to look at the
/// locks, release some and see runs begin and end. A start after a crash runs every agent that was held, so runs for messages come one interval later: one life is longer.
const LIVES: [std::ops::Range<u64>; ROUNDS] =
    [20..200, 500..2_500, 0..60, 20..200, 0..60, 20..200, 5_500..7_000, 0..60, 20..200, 500..2_500, 20..200, 0..60];

/// A run comes at once, or one stock interval after the one before.
const PATIENCE: Duration = Duration::from_secs(30);

/// A lock that was released just before the service was killed leads to a run within this time.
const ONE_TICK: Duration = Duration::from_millis(300);

#[derive(Debug, Clone)]
struct Message {
    agent: String,
    /// When the change was that it tells of. A run that began after it has read the change, also where the message came later.
    changed: Timestamp,
    text: String,
}

fn message(kind: &str, account: &str, id: &str) -> Message {
    let changed = now();
    Message {
        agent: agent(account, REGION, kind),
        changed,
        text: made(kind, &format!("{kind}-of-{account}"), id, REGION),
    }
}

fn seed() -> u64 {
    let given = std::env::var("AEC_CRASH_SEED").ok().map(|text| text.parse().unwrap());
    given.unwrap_or_else(|| u64::try_from(now().as_microsecond()).unwrap())
}

/// One life of the service, under messages all the while: each is sent with its delay. Gives back which of them were answered 200, and when the change was that they tell of.
async fn live(world: &World, waiting: Vec<(Message, Duration)>, life: Duration) -> BTreeMap<String, Timestamp> {
    let mut service = Service::start(&world.config()).await;
    let mut posts = JoinSet::new();
    for (message, delay) in waiting {
        let (sns, base) = (Arc::clone(&world.sns), service.base.clone());
        posts.spawn(async move {
            tokio::time::sleep(delay).await;
            let envelope = sns.signed(&message.text);
            (sns.deliver(&base, &envelope).await == Some(StatusCode::OK)).then_some((message.agent, message.changed))
        });
    }
    tokio::time::sleep(life).await;
    service.kill();
    posts.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_that_was_answered_200_leads_to_a_run_however_often_the_service_is_killed() {
    let seed = seed();
    println!("AEC_CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let accounts = (ROUNDS * MESSAGES).div_ceil(KINDS.len());
    // The shortest interval that can be configured.
    let times = Times { interval: Duration::from_secs(5), ..Times::default() };
    let world = World::new(Setup { accounts, times, ..Setup::default() }).await;
    let scheduler = Scheduler::start_holding(&world.redis.url(), world.agents(), world.setup.times).await;
    let locks = world.locks().await;
    eventually("every agent is held", Duration::from_secs(5), async || {
        (locks.held(&world.agents()).await == world.agents()).then_some(())
    })
    .await;

    let accounts = world.accounts();
    let mut of = accounts.iter().flat_map(|(name, id)| KINDS.map(|kind| (kind, name, id)));
    let mut all: Vec<Message> = Vec::new();
    let mut answered: BTreeMap<String, Timestamp> = BTreeMap::new();
    for (round, range) in LIVES.into_iter().enumerate() {
        let life = random.random_range(range);
        all.extend(of.by_ref().take(MESSAGES).map(|(kind, name, id)| message(kind, name, id)));
        // SNS repeats what was not answered. Some come too late.
        let sent = all.iter().filter(|message| !answered.contains_key(&message.agent));
        let waiting: Vec<(Message, Duration)> =
            sent.map(|message| (message.clone(), Duration::from_millis(random.random_range(0..life + 20)))).collect();
        let count = waiting.len();
        let taken = live(&world, waiting, Duration::from_millis(life)).await;
        println!("life {}: {life} ms, {} of {count} messages answered 200", round + 1, taken.len());
        answered.extend(taken);
    }
    assert!(answered.len() > MESSAGES, "hardly a message was answered: the test shows nothing");
    let unpaid = |agent: &str, sent: &Timestamp| scheduler.run_after(agent, *sent).is_none();
    let left = answered.iter().filter(|(agent, sent)| unpaid(agent, sent)).count();
    println!("{} answered, of which {left} have not led to a run before the last start", answered.len());

    let service = Service::start(&world.config()).await;
    // What the service says of its first refresh of each agent.
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    eventually("every answered message leads to a run or a visible failure", PATIENCE, async || {
        let status = service.get("/v1/status").await;
        for refresh in status["recent"].as_array().unwrap().iter().rev() {
            told.entry(refresh["agent"].as_str().unwrap().to_owned()).or_insert_with(|| refresh.clone());
        }
        let failed = |agent: &str| told.get(agent).is_some_and(|refresh| !refresh["failure"].is_null());
        let missing = answered.iter().filter(|(agent, sent)| unpaid(agent, sent) && !failed(agent)).count();
        (missing == 0 && status["queue"]["owed"] == 0).then_some(())
    })
    .await;
    let mut waits = Vec::new();
    for (agent, sent) in &answered {
        let ran = scheduler.run_after(agent, *sent).filter(|ran| *ran > later(service.started, ONE_TICK));
        let (Some(ran), Some(told)) = (ran, told.get(agent)) else { continue };
        assert_eq!(told["class"], "event", "the message was forgotten, and the agent ran for another reason: {told}");
        waits.push(ran.duration_since(service.started).as_millis());
    }
    println!(
        "{} runs were owed at the last start; they began {:?} to {:?} ms after it",
        waits.len(),
        waits.iter().min(),
        waits.iter().max()
    );
    // An agent may also have been let go, since nothing is heard of its stream; but not most of them before what was owed.
    assert!(waits.len() * 4 >= left, "of {left} messages only {} were remembered", waits.len());
}
