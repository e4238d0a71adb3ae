//! The probes: messages that only the running service recognises, since it chose their random ids itself a moment ago and forgets them after two minutes.
//!
//! The one for the endpoint looks like a message of SNS without a signature. The service refuses it, as it must, and notes that it came; that note, asked for through the
//! control API, proves that the public URL leads to this service and to no other. The one for the topic is really published, signed by SNS, and taken.

use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::Timestamp;
use reqwest::Client;
use serde_json::json;

use super::aws::{Aws, unseen};
use super::service::Service;
use super::{chain, within};
use crate::facts::{EndpointFacts, ProbeFacts, ProbeOutcome, Seen};
use crate::settings::{Patient, TopicPlace};

/// The longest that the public URL is waited for: SNS itself gives up after 15 s.
const POST: Duration = Duration::from_secs(15);

/// How long a test message may be under way. SNS delivers within a second or two; the first retry comes after 20 s, and a message that needs it is late anyway.
const UNDER_WAY: Duration = Duration::from_secs(20);

/// How often the service is asked whether it has come.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// How often the service is asked for the endpoint's probe, which it has noted before it answered.
const ASKED: usize = 4;

pub(super) async fn probes(
    aws: Option<&Aws>,
    patient: &Patient,
    service: &Service,
    service_answers: bool,
    clock: &Clock,
) -> (EndpointFacts, Vec<ProbeFacts>) {
    let topics = patient.topics.iter().map(|topic| end_to_end(aws, patient, service, service_answers, topic, clock));
    futures::join!(endpoint(patient, service, service_answers, clock), futures::future::join_all(topics))
}

async fn endpoint(patient: &Patient, service: &Service, service_answers: bool, clock: &Clock) -> EndpointFacts {
    let facts =
        EndpointFacts { used: patient.takes_http(), url: patient.public_url.clone(), ..EndpointFacts::default() };
    let Some(url) = facts.url.clone().filter(|_| facts.used && service_answers) else { return facts };
    let Some(id) = service.open_probe().await else { return facts };
    let topic = patient.topics.first();
    let posted = post(&url, &message(&id, topic, clock.now()), &id, topic).await;
    let mut seen = false;
    for _ in 0..ASKED {
        seen = service.sightings(&id).await.is_some_and(|seen| seen.refused);
        if seen || posted.is_err() {
            break;
        }
        clock.sleep(ASK_EVERY).await;
    }
    EndpointFacts { posted: Some(posted), seen, ..facts }
}

/// Like a message of SNS, but for the signature.
fn message(id: &str, topic: Option<&TopicPlace>, now: Timestamp) -> String {
    let arn = topic.map_or("arn:aws:sns:us-east-1:000000000000:probe", |topic| topic.arn.as_str());
    json!({
        "Type": "Notification", "MessageId": id, "TopicArn": arn, "Message": "aws-event-cache doctor", "Timestamp": format!("{now:.3}"),
        "SignatureVersion": "2", "Signature": "bm90IHNpZ25lZA==", "SigningCertURL": "https://sns.us-east-1.amazonaws.com/probe.pem"
    })
    .to_string()
}

async fn post(url: &str, body: &str, id: &str, topic: Option<&TopicPlace>) -> Result<u16, String> {
    let http =
        Client::builder().timeout(POST).redirect(reqwest::redirect::Policy::none()).user_agent("aws-event-cache");
    let http = http.build().map_err(|error| chain(&error))?;
    let mut request = http
        .post(url)
        .header("content-type", "text/plain; charset=UTF-8")
        .header("x-amz-sns-message-type", "Notification")
        .header("x-amz-sns-message-id", id);
    if let Some(topic) = topic {
        request = request.header("x-amz-sns-topic-arn", topic.arn.as_str());
    }
    let answer = request.body(body.to_owned()).send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| chain(&error.without_url()))
}

async fn end_to_end(
    aws: Option<&Aws>,
    patient: &Patient,
    service: &Service,
    service_answers: bool,
    topic: &TopicPlace,
    clock: &Clock,
) -> ProbeFacts {
    let outcome = match aws {
        _ if !patient.publish => Ok(ProbeOutcome::NotSent("no test message is wanted (--no-publish)")),
        _ if !service_answers => {
            Ok(ProbeOutcome::NotSent("the service cannot be asked whether it sees a test message"))
        }
        None => Ok(ProbeOutcome::NotSent("no usable AWS credentials")),
        Some(aws) => published(aws, service, topic, clock).await,
    };
    ProbeFacts { topic: topic.arn.clone(), outcome }
}

async fn published(aws: &Aws, service: &Service, topic: &TopicPlace, clock: &Clock) -> Seen<ProbeOutcome> {
    let Some(id) = service.open_probe().await else {
        return Ok(ProbeOutcome::NotSent("the running service gives no probe: it is older than this program"));
    };
    let text = json!({"awsEventCacheProbe": id, "note": "a test message of aws-event-cache doctor; it means nothing"})
        .to_string();
    within(async {
        let sent = aws.sns(&topic.region).publish().topic_arn(&topic.arn).message(text).send().await;
        sent.map(drop).map_err(|e| unseen(&e, "sns:Publish"))
    })
    .await?;
    Ok(arrived(service, &id, clock).await)
}

async fn arrived(service: &Service, id: &str, clock: &Clock) -> ProbeOutcome {
    let sent = clock.now();
    loop {
        let seen = service.sightings(id).await.unwrap_or_default();
        let after = since(sent, clock.now());
        if !seen.taken_by.is_empty() {
            return ProbeOutcome::Arrived { by: seen.taken_by, after };
        }
        if after >= UNDER_WAY {
            return if seen.refused { ProbeOutcome::Refused } else { ProbeOutcome::Lost { waited: UNDER_WAY } };
        }
        clock.sleep(ASK_EVERY).await;
    }
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}
