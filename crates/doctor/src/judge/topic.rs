//! Topics: whether they are there, and whether EventBridge may publish to them.

use super::aws::{can_look, unseen, without_credentials};
use crate::codes;
use crate::facts::{Facts, TopicAttributes, TopicFacts, Unseen};
use crate::finding::{Finding, Hop};
use crate::policy::{Ask, admits};
use crate::tri::Tri;

/// AWS's own key for SNS. Its policy cannot be changed and admits no other service, so what EventBridge publishes is lost.
const AWS_KEY: &str = "alias/aws/sns";

pub(super) fn topics(facts: &Facts) -> Vec<Finding> {
    let hop = Hop::Topic;
    if !can_look(facts) {
        return vec![without_credentials(hop)];
    }
    if facts.topics.is_empty() {
        return vec![Finding::skipped(hop, codes::NOT_LOOKED_AT, "no topic is listed in intake.sns.topics")];
    }
    facts.topics.iter().flat_map(of_topic).collect()
}

fn of_topic(topic: &TopicFacts) -> Vec<Finding> {
    let hop = Hop::Topic;
    let findings = match &topic.attributes {
        Err(Unseen::Missing) => {
            let todo = "create it as docs/aws-setup.md shows, or correct intake.sns.topics";
            vec![Finding::broken(hop, codes::TOPIC_MISSING, "there is no such topic", todo)]
        }
        Err(why) => unseen(hop, why).into_iter().collect(),
        Ok(attributes) => of_attributes(topic, attributes),
    };
    findings.into_iter().map(|finding| finding.of(topic.arn.as_str())).collect()
}

fn of_attributes(topic: &TopicFacts, attributes: &TopicAttributes) -> Vec<Finding> {
    let hop = Hop::Topic;
    let mut findings = Vec::new();
    findings.extend(of_policy(topic, attributes));
    if attributes.key.as_deref().is_some_and(|key| key == AWS_KEY || key.ends_with(&format!(":{AWS_KEY}"))) {
        let saw = format!("it is encrypted with {AWS_KEY}, with which EventBridge may not publish");
        let todo =
            "use a key of your own whose policy lets events.amazonaws.com use kms:GenerateDataKey* and kms:Decrypt";
        findings.push(Finding::broken(hop, codes::TOPIC_KEY_REFUSES, saw, todo));
    }
    let version = attributes.signature_version.as_deref().unwrap_or("1");
    if topic.wanted.signature_v2 && version != "2" {
        let saw = "it signs with SHA-1 (SignatureVersion 1), which intake.sns.requireSignatureV2 refuses";
        let todo = format!(
            "aws sns set-topic-attributes --topic-arn {} --attribute-name SignatureVersion --attribute-value 2",
            topic.arn
        );
        findings.push(Finding::broken(hop, codes::TOPIC_SIGNATURE, saw, todo));
    }
    if findings.is_empty() {
        let saw = format!("EventBridge may publish to it; signature version {version}");
        findings.push(Finding::good(hop, codes::TOPIC_SOUND, saw));
    }
    findings
}

/// Rules are asked for one by one, since a policy may admit a single one; where none could be seen, what depends on the rule is left open.
fn of_policy(topic: &TopicFacts, attributes: &TopicAttributes) -> Option<Finding> {
    let hop = Hop::Topic;
    let judge = |rule: Option<&str>| {
        let ask = Ask {
            service: "events.amazonaws.com",
            action: "sns:Publish",
            resource: &topic.arn,
            source_account: topic.account.as_str(),
            source_arn: rule,
        };
        attributes.policy.as_ref().map_or(Tri::No, |policy| admits(policy, &ask))
    };
    let (mut refused, mut unclear) = (Vec::new(), Vec::new());
    for rule in &topic.publishers {
        match judge(Some(rule)) {
            Tri::Yes => {}
            Tri::No => refused.push(rule.as_str()),
            Tri::Unsure => unclear.push(rule.as_str()),
        }
    }
    if topic.publishers.is_empty() && judge(None) == Tri::No {
        refused.push("any rule");
    }
    if !refused.is_empty() {
        let saw = format!("its policy does not let EventBridge publish for: {}", refused.join(", "));
        let todo = "let events.amazonaws.com do sns:Publish in the topic's policy, as docs/aws-setup.md shows";
        return Some(Finding::broken(hop, codes::TOPIC_POLICY_REFUSES, saw, todo));
    }
    (!unclear.is_empty()).then(|| {
        let saw = format!("its policy uses conditions that doctor does not judge, for: {}", unclear.join(", "));
        let todo = "nothing, if heartbeats come; else look at the conditions of the topic's policy";
        Finding::warning(hop, codes::TOPIC_POLICY_UNCLEAR, saw, todo)
    })
}
