//! Queues that the service reads: whether they are there, who may write to them, and what lies in them.

use super::aws::{can_look, unseen, without_credentials};
use crate::codes;
use crate::facts::{Facts, QueueAttributes, QueueFacts, Unseen};
use crate::finding::{Finding, Hop};
use crate::policy::{Ask, admits};
use crate::tri::Tri;

/// More messages waiting than this, and changes are seen late: the service works off some hundreds a second.
const BACKLOG: u64 = 1_000;

pub(super) fn queues(facts: &Facts) -> Vec<Finding> {
    let hop = Hop::Queue;
    if facts.queues.is_empty() {
        return vec![Finding::skipped(hop, codes::QUEUE_NOT_USED, "no queue is listed in intake.sqs.queues")];
    }
    if !can_look(facts) {
        return vec![without_credentials(hop)];
    }
    facts.queues.iter().flat_map(of_queue).collect()
}

fn of_queue(queue: &QueueFacts) -> Vec<Finding> {
    let hop = Hop::Queue;
    let findings = match &queue.attributes {
        Err(Unseen::Missing) => {
            let todo = "create it as docs/aws-setup.md shows, or correct intake.sqs.queues";
            vec![Finding::broken(hop, codes::QUEUE_MISSING, "there is no such queue", todo)]
        }
        Err(why) => unseen(hop, why).into_iter().collect(),
        Ok(attributes) => of_attributes(queue, attributes),
    };
    findings.into_iter().map(|finding| finding.of(queue.arn.as_str())).collect()
}

fn of_attributes(queue: &QueueFacts, attributes: &QueueAttributes) -> Vec<Finding> {
    let hop = Hop::Queue;
    let mut findings: Vec<Finding> =
        queue.topics.iter().filter_map(|topic| of_policy(queue, attributes, topic)).collect();
    if attributes.waiting > BACKLOG {
        let saw = format!("{} messages wait in it", attributes.waiting);
        let todo = "look whether the service reads it (status, queues); if it does, raise intake.sqs.queues[].batches";
        findings.push(Finding::warning(hop, codes::QUEUE_BACKLOG, saw, todo));
    }
    if let Some((dead, Some(count @ 1..))) = &attributes.dead_letters {
        let saw = format!("{count} messages lie in its dead-letter queue {dead}");
        let todo = "look at one: messages get there that the service could not take; then move them back or purge them";
        findings.push(Finding::warning(hop, codes::QUEUE_DEAD_LETTERS, saw, todo));
    }
    if findings.is_empty() {
        let dead = match &attributes.dead_letters {
            None => "no dead-letter queue",
            Some((_, None)) => "a dead-letter queue that could not be looked into",
            Some((_, Some(_))) => "no dead letters",
        };
        findings.push(Finding::good(hop, codes::QUEUE_SOUND, format!("{} messages wait, {dead}", attributes.waiting)));
    }
    findings
}

fn of_policy(queue: &QueueFacts, attributes: &QueueAttributes, topic: &str) -> Option<Finding> {
    let ask = Ask {
        service: "sns.amazonaws.com",
        action: "sqs:SendMessage",
        resource: &queue.arn,
        source_account: topic.split(':').nth(4).unwrap_or_default(),
        source_arn: Some(topic),
    };
    let hop = Hop::Queue;
    match attributes.policy.as_ref().map_or(Tri::No, |policy| admits(policy, &ask)) {
        Tri::Yes => None,
        Tri::No => Some(Finding::broken(
            hop,
            codes::QUEUE_POLICY_REFUSES,
            format!("its policy does not let {topic} write to it"),
            "let sns.amazonaws.com do sqs:SendMessage with aws:SourceArn of the topic in the queue's policy",
        )),
        Tri::Unsure => Some(Finding::warning(
            hop,
            codes::QUEUE_POLICY_UNCLEAR,
            format!("its policy uses conditions that doctor does not judge, for {topic}"),
            "nothing, if heartbeats come; else look at the conditions of the queue's policy",
        )),
    }
}
