//! A topic and its subscriptions.

use aws_sdk_sns::types::Subscription;
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use url::Url;

use super::aws::{Aws, PAGES, unseen};
use crate::facts::{Seen, SubscriptionFacts, TopicAttributes};
use crate::settings::TopicPlace;

/// What SNS shows instead of the ARN of a subscription that nobody has confirmed.
const PENDING: &str = "PendingConfirmation";

/// How many subscriptions are looked at one by one.
const SUBSCRIPTIONS: usize = 20;

pub(super) async fn attributes(aws: &Aws, topic: &TopicPlace) -> Seen<TopicAttributes> {
    let answer = aws.sns(&topic.region).get_topic_attributes().topic_arn(&topic.arn).send().await;
    let all = answer.map_err(|e| unseen(&e, "sns:GetTopicAttributes"))?.attributes.unwrap_or_default();
    let text = |name: &str| all.get(name).filter(|text| !text.is_empty()).cloned();
    Ok(TopicAttributes {
        policy: text("Policy").and_then(|text| serde_json::from_str(&text).ok()),
        signature_version: text("SignatureVersion"),
        key: text("KmsMasterKeyId"),
    })
}

pub(super) async fn subscriptions(aws: &Aws, topic: &TopicPlace) -> Seen<Vec<SubscriptionFacts>> {
    let client = aws.sns(&topic.region);
    let (mut all, mut token): (Vec<Subscription>, _) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = client.list_subscriptions_by_topic().topic_arn(&topic.arn).set_next_token(token).send().await;
        let page = page.map_err(|e| unseen(&e, "sns:ListSubscriptionsByTopic"))?;
        all.extend(page.subscriptions.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let ways = ["http", "https", "sqs"];
    let relevant = all.into_iter().filter(|one| one.protocol().is_some_and(|p| ways.contains(&p))).take(SUBSCRIPTIONS);
    Ok(stream::iter(relevant).map(|one| described(&client, one)).buffered(4).collect().await)
}

/// What the list does not tell is asked for; without the permission it is taken to be as usual.
async fn described(client: &aws_sdk_sns::Client, one: Subscription) -> SubscriptionFacts {
    let arn = one.subscription_arn().unwrap_or(PENDING);
    let endpoint = shown(one.endpoint().unwrap_or_default());
    let mut facts = SubscriptionFacts {
        protocol: one.protocol().unwrap_or_default().to_owned(),
        endpoint,
        ..SubscriptionFacts::default()
    };
    if !arn.starts_with("arn:") {
        return SubscriptionFacts { pending: true, ..facts };
    }
    let Ok(answer) = client.get_subscription_attributes().subscription_arn(arn).send().await else { return facts };
    let all = answer.attributes.unwrap_or_default();
    let is = |name: &str| all.get(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    facts.pending = is(PENDING);
    facts.raw = is("RawMessageDelivery");
    facts.filtered = all.get("FilterPolicy").is_some_and(|text| !matches!(text.trim(), "" | "{}"));
    let policy = ["DeliveryPolicy", "EffectiveDeliveryPolicy"].into_iter().filter_map(|name| all.get(name));
    facts.retries = policy.filter_map(|text| retries(text)).next();
    facts
}

/// The number of retries in a delivery policy, of a subscription or of a topic.
fn retries(policy: &str) -> Option<u64> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let ways = ["/healthyRetryPolicy/numRetries", "/http/defaultHealthyRetryPolicy/numRetries"];
    ways.into_iter().find_map(|way| policy.pointer(way)).and_then(Value::as_u64)
}

/// An endpoint for people: a URL may hold a user and a password.
fn shown(endpoint: &str) -> String {
    match Url::parse(endpoint) {
        Ok(url) if url.has_host() => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        _ => endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_without_user_password_and_query() {
        assert_eq!(
            shown("https://u:hunter2@gate.example.com/webhooks/x?token=hunter2"),
            "https://gate.example.com/webhooks/x"
        );
        assert_eq!(shown("arn:aws:sqs:eu-west-1:111122223333:q"), "arn:aws:sqs:eu-west-1:111122223333:q");
    }

    #[test]
    fn retries_are_read_from_both_forms_of_a_policy() {
        assert_eq!(retries(r#"{"healthyRetryPolicy":{"numRetries":1}}"#), Some(1));
        assert_eq!(retries(r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":3}}}"#), Some(3));
        assert_eq!(retries("nonsense"), None);
    }
}
