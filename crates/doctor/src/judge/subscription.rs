//! Subscriptions: whether one leads to the service, confirmed, as envelopes, whole, and with retries.

use super::aws::{can_look, unseen, without_credentials};
use crate::codes;
use crate::facts::{Facts, SubscriptionFacts, TopicFacts, Unseen, Wanted};
use crate::finding::{Finding, Hop};

/// Fewer retries than SNS's own default of three, and a restart of the service loses messages.
const FEW_RETRIES: u64 = 3;

pub(super) fn subscriptions(facts: &Facts) -> Vec<Finding> {
    let hop = Hop::Subscription;
    if !can_look(facts) {
        return vec![without_credentials(hop)];
    }
    if facts.topics.is_empty() {
        return vec![Finding::skipped(hop, codes::NOT_LOOKED_AT, "no topic is listed in intake.sns.topics")];
    }
    facts.topics.iter().flat_map(of_topic).collect()
}

fn of_topic(topic: &TopicFacts) -> Vec<Finding> {
    let hop = Hop::Subscription;
    let findings = match &topic.subscriptions {
        Err(Unseen::Missing) => vec![Finding::skipped(hop, codes::FOLLOWS, "the topic is not there")],
        Err(why) => unseen(hop, why).into_iter().collect(),
        Ok(all) => {
            let ours: Vec<&SubscriptionFacts> = all.iter().filter(|one| leads_to_us(one, &topic.wanted)).collect();
            if ours.is_empty() {
                vec![missing(topic, all)]
            } else {
                ours.into_iter().flat_map(|one| of_one(one, topic)).collect()
            }
        }
    };
    findings.into_iter().map(|finding| finding.of(topic.arn.as_str())).collect()
}

fn leads_to_us(subscription: &SubscriptionFacts, wanted: &Wanted) -> bool {
    let endpoint = subscription.endpoint.as_str();
    match subscription.protocol.as_str() {
        "sqs" => wanted.queues.iter().any(|queue| queue == endpoint),
        "http" | "https" => match &wanted.url {
            Some(url) => url.trim_end_matches('/') == endpoint.trim_end_matches('/'),
            None => wanted.paths.iter().any(|path| endpoint.trim_end_matches('/').ends_with(path.as_str())),
        },
        _ => false,
    }
}

fn missing(topic: &TopicFacts, all: &[SubscriptionFacts]) -> Finding {
    let there: Vec<String> = all.iter().take(5).map(|one| format!("{} {}", one.protocol, one.endpoint)).collect();
    let there = if there.is_empty() { "it has none".to_owned() } else { format!("it has: {}", there.join(", ")) };
    let wanted = &topic.wanted;
    let ours: Vec<&str> = wanted.url.iter().chain(&wanted.queues).map(String::as_str).collect();
    let ours = if ours.is_empty() { "the service".to_owned() } else { ours.join(" or ") };
    let todo = match (&wanted.url, wanted.queues.first()) {
        (Some(url), _) => {
            let protocol = url.split(':').next().unwrap_or("https");
            format!("aws sns subscribe --topic-arn {} --protocol {protocol} --notification-endpoint {url}", topic.arn)
        }
        (None, Some(queue)) => {
            format!("aws sns subscribe --topic-arn {} --protocol sqs --notification-endpoint {queue}", topic.arn)
        }
        (None, None) => "subscribe the service's URL as docs/aws-setup.md shows".to_owned(),
    };
    Finding::broken(
        Hop::Subscription,
        codes::SUBSCRIPTION_MISSING,
        format!("no subscription leads to {ours}; {there}"),
        todo,
    )
}

fn of_one(subscription: &SubscriptionFacts, topic: &TopicFacts) -> Vec<Finding> {
    let (hop, endpoint) = (Hop::Subscription, &subscription.endpoint);
    if subscription.pending {
        let saw = format!("the subscription of {endpoint} is not confirmed");
        let todo = "the service confirms it when SNS reaches it and the topic is in intake.sns.topics: see to that, then subscribe again";
        return vec![Finding::broken(hop, codes::SUBSCRIPTION_PENDING, saw, todo)];
    }
    let over_http = subscription.protocol != "sqs";
    let mut findings = Vec::new();
    if over_http && subscription.raw && !topic.wanted.raw_taken {
        let saw =
            format!("raw delivery is on for {endpoint}: messages come without signature, and the service refuses them");
        let todo = "aws sns set-subscription-attributes --subscription-arn ARN --attribute-name RawMessageDelivery --attribute-value false";
        findings.push(Finding::broken(hop, codes::SUBSCRIPTION_RAW, saw, todo));
    }
    if subscription.filtered {
        let saw = format!("the subscription of {endpoint} has a filter policy: what it filters out is never heard of");
        findings.push(Finding::warning(
            hop,
            codes::SUBSCRIPTION_FILTERED,
            saw,
            "remove the filter policy, or make sure that all events and heartbeats pass",
        ));
    }
    if let Some(retries) = subscription.retries.filter(|retries| over_http && *retries < FEW_RETRIES) {
        let saw = format!(
            "a delivery to {endpoint} is tried again {retries} times only: what comes while the service restarts is lost"
        );
        findings.push(Finding::warning(
            hop,
            codes::SUBSCRIPTION_FEW_RETRIES,
            saw,
            "set numRetries to 3 or more in the delivery policy",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::good(
            hop,
            codes::SUBSCRIBED,
            format!("{} {endpoint}, confirmed", subscription.protocol),
        ));
    }
    findings
}
