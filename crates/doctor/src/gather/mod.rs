//! The thin async shell: asks everybody at once, each within a limit of its own, and puts what was seen into [`Facts`].
//!
//! ```text
//! first, at once:  who are we at AWS · Clouddriver · the running service · the store's file
//! then, at once:   lock store · rules and recorders of each place · topics · queues · the probes
//! ```

pub(crate) mod aws;
mod clocks;
mod clouddriver;
mod kinds;
mod locks;
mod probes;
mod queues;
mod recorders;
mod rules;
mod service;
mod store;
mod topics;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::merge;
use aws_event_cache_model::{AccountId, Accounts, Place};
use futures::StreamExt;
use futures::stream;

use crate::facts::{Facts, Identity, PlaceFacts, QueueFacts, Seen, TopicFacts, Unseen};
use crate::settings::Patient;
use aws::Aws;
use service::Service;

/// The longest that one thing at AWS, with all its pages, is waited for. With the first round of questions and the wait for the test message the walk ends within a minute.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many accounts and regions are looked at at a time: few enough that even the smallest of AWS's rate limits is not felt.
const AT_A_TIME: usize = 8;

/// Sees everything.
pub(crate) async fn gather(patient: &Patient, clock: &Clock) -> Facts {
    let aws = Aws::new(patient).await;
    let service = Service::new(patient);
    let (identity, (mut clouddriver, discovered), service_facts) =
        futures::join!(aws.identity(), clouddriver::clouddriver(patient), service.look(),);
    let (accounts, problems) = merge(&patient.declared, &discovered, &patient.environments);
    clouddriver.problems.extend(problems);
    let usable = if matches!(identity, Identity::Known { .. }) { Some(&aws) } else { None };
    let places = places_of(&accounts, &identity);
    let feeds = patient.feeds();
    let answers = service_facts.status.is_ok();
    let (locks, places, topics, queues, (endpoint, end_to_end), clocks) = futures::join!(
        locks::locks(patient, &accounts, clouddriver.accounts.as_ref(), clock),
        look_at_places(usable, places, patient, &accounts, &feeds),
        look_at_topics(usable, patient),
        look_at_queues(usable, patient),
        probes::probes(usable, patient, &service, answers, clock),
        clocks::clocks(usable, patient, &service_facts, clock),
    );
    let store = store::store(&patient.store, answers);
    let queues = with_topics(queues, &topics);
    let topics = with_publishers(topics, &places);
    Facts {
        now: clock.now(),
        doubts: patient.doubts.clone(),
        clocks,
        identity,
        names: names(&accounts),
        feeds,
        places,
        topics,
        queues,
        endpoint,
        service: service_facts,
        store,
        locks,
        clouddriver,
        end_to_end,
    }
}

/// Accounts and regions at which our credentials can look.
fn places_of(accounts: &Accounts, identity: &Identity) -> Vec<Place> {
    let Identity::Known { account, .. } = identity else { return Vec::new() };
    accounts.places().into_iter().filter(|place| place.account == *account).collect()
}

fn names(accounts: &Accounts) -> BTreeMap<AccountId, Vec<String>> {
    let mut names: BTreeMap<AccountId, Vec<String>> = BTreeMap::new();
    for account in accounts.iter() {
        names.entry(account.account.clone()).or_default().push(account.name.clone());
    }
    names
}

async fn look_at_places(
    aws: Option<&Aws>,
    places: Vec<Place>,
    patient: &Patient,
    accounts: &Accounts,
    feeds: &[String],
) -> Vec<PlaceFacts> {
    let Some(aws) = aws else { return Vec::new() };
    let roster = patient.catalog.roster(accounts, &patient.stock);
    let look = |place: Place| {
        let kinds = kinds::announced(&patient.catalog, &roster, &place, patient.unwatched(accounts, &place));
        async move {
            let (recorder, rules) = futures::join!(
                within(recorders::recorder(aws, &place.region)),
                within(rules::rules(aws, &place, feeds)),
            );
            PlaceFacts { place, recorder, rules, kinds }
        }
    };
    stream::iter(places).map(look).buffered(AT_A_TIME).collect().await
}

async fn look_at_topics(aws: Option<&Aws>, patient: &Patient) -> Vec<TopicFacts> {
    let look = |topic: crate::settings::TopicPlace| async move {
        let (attributes, subscriptions) = match aws {
            Some(aws) => {
                futures::join!(within(topics::attributes(aws, &topic)), within(topics::subscriptions(aws, &topic)),)
            }
            None => (Err(Unseen::NoCredentials), Err(Unseen::NoCredentials)),
        };
        TopicFacts {
            account: topic.account,
            publishers: Vec::new(),
            arn: topic.arn,
            attributes,
            subscriptions,
            wanted: patient.wanted(),
        }
    };
    stream::iter(patient.topics.clone()).map(look).buffered(AT_A_TIME).collect().await
}

async fn look_at_queues(aws: Option<&Aws>, patient: &Patient) -> Vec<QueueFacts> {
    let look = |queue: crate::settings::QueuePlace| async move {
        let attributes = match aws {
            // Assuming a role makes it large.
            Some(aws) => Box::pin(within(queues::attributes(aws, &queue))).await,
            None => Err(Unseen::NoCredentials),
        };
        QueueFacts { arn: queue.arn, topics: Vec::new(), attributes }
    };
    stream::iter(patient.queues.clone()).map(look).buffered(AT_A_TIME).collect().await
}

/// The rules whose target a topic is, wherever they were seen.
fn with_publishers(mut topics: Vec<TopicFacts>, places: &[PlaceFacts]) -> Vec<TopicFacts> {
    for rules in places.iter().filter_map(|place| place.rules.as_ref().ok()) {
        for rule in rules.feeding.iter().chain(rules.hubs.iter().flat_map(|hub| &hub.feeding)) {
            let target = topics.iter_mut().find(|topic| rule.target.as_ref() == Some(&topic.arn));
            if let Some(topic) = target.filter(|topic| !topic.publishers.contains(&rule.arn)) {
                topic.publishers.push(rule.arn.clone());
            }
        }
    }
    topics
}

/// The topics that have a subscription to a queue are those that write to it.
fn with_topics(queues: Vec<QueueFacts>, topics: &[TopicFacts]) -> Vec<QueueFacts> {
    let writes = |topic: &TopicFacts, queue: &str| {
        let subscriptions = topic.subscriptions.as_ref().map(Vec::as_slice).unwrap_or_default();
        subscriptions.iter().any(|one| one.protocol == "sqs" && one.endpoint == queue)
    };
    queues
        .into_iter()
        .map(|queue| {
            let topics = topics.iter().filter(|topic| writes(topic, &queue.arn)).map(|topic| topic.arn.clone());
            QueueFacts { topics: topics.collect(), ..queue }
        })
        .collect()
}

/// One thing at AWS, within the limit.
async fn within<T>(look: impl Future<Output = Seen<T>>) -> Seen<T> {
    let in_time = tokio::time::timeout(PATIENCE, look).await;
    in_time.unwrap_or_else(|_| Err(Unseen::Failed(format!("no answer within {} s", PATIENCE.as_secs()))))
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let next = inner.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = inner.source();
    }
    text
}
