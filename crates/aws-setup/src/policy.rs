//! Policies by themselves, for whoever has topics, queues and keys already.

use aws_event_cache_model::AccountId;
use serde_json::{Value, json};

use crate::document::Document;
use crate::hub::Hub;
use crate::options::Key;
use crate::plan::Plan;

/// For each hub what it has of `reader.json` (the service's own role), `topic.json`, `queue.json`, `dead-letters.json`, `bus.json` and `key.json`, and once
/// `doctor.json` (what `aws-event-cache doctor` reads). With several hubs each has a folder of its own.
pub fn policies(plan: &Plan<'_>) -> Vec<Document> {
    let mut documents = Vec::new();
    for hub in &plan.hubs {
        let folder = match plan.hubs.len() {
            1 => String::new(),
            _ => format!("{}-{}/", hub.place.account, hub.place.region),
        };
        let named = of_hub(plan, hub).into_iter();
        documents.extend(named.map(|(name, policy)| document(&format!("{folder}{name}.json"), &policy)));
    }
    documents.push(document("doctor.json", &doctor(plan)));
    documents
}

fn document(path: &str, policy: &Value) -> Document {
    let text = serde_json::to_string_pretty(policy).expect("invariant: a policy can be written");
    Document::new(path, text + "\n")
}

fn of_hub(plan: &Plan<'_>, hub: &Hub) -> Vec<(&'static str, Value)> {
    let rule = hub.arn("events", &format!("rule/{0}/{0}-to-service", plan.options.prefix));
    let topic = hub.topic.as_ref().map(|name| hub.arn("sns", name));
    let queue = hub.queue.as_ref().map(|name| hub.arn("sqs", name));
    let mut policies = vec![("bus", bus(plan, hub))];
    policies.extend(topic.as_ref().map(|arn| ("topic", topic_policy(arn, &rule))));
    if let Some(queue) = &queue {
        let (service, source) = match &topic {
            Some(topic) => ("sns.amazonaws.com", topic),
            None => ("events.amazonaws.com", &rule),
        };
        let sends = sends("OnlyOurSenderSends", service, queue, source);
        policies.push(("queue", policy(&[sends, only_over_tls("sqs:*", queue)])));
        policies.push(("reader", reader(plan, hub, queue)));
    }
    let dead = hub.arn("sqs", &format!("{}-dead-letters", plan.options.prefix));
    let mut senders = vec![sends("EventBridgeSends", "events.amazonaws.com", &dead, &rule)];
    senders.extend(topic.map(|topic| sends("SnsSends", "sns.amazonaws.com", &dead, &topic)));
    senders.push(only_over_tls("sqs:*", &dead));
    policies.push(("dead-letters", policy(&senders)));
    if plan.options.key != Key::None {
        policies.push(("key", key(hub)));
    }
    policies
}

fn policy(statements: &[Value]) -> Value {
    json!({"Statement": statements, "Version": "2012-10-17"})
}

fn bus(plan: &Plan<'_>, hub: &Hub) -> Value {
    let accounts: Vec<&AccountId> = plan.accounts_of(hub).into_iter().collect();
    let arn = hub.bus_arn(&plan.options.prefix);
    let mut statements = vec![json!({
        "Action": "events:PutEvents", "Effect": "Allow", "Principal": {"AWS": accounts}, "Resource": arn, "Sid": "accounts",
    })];
    statements.extend(plan.options.organization.as_ref().map(|organization| {
        json!({
            "Action": "events:PutEvents", "Condition": {"StringEquals": {"aws:PrincipalOrgID": organization}},
            "Effect": "Allow", "Principal": "*", "Resource": arn, "Sid": "organization",
        })
    }));
    policy(&statements)
}

fn topic_policy(topic: &str, rule: &str) -> Value {
    let publish = json!({
        "Action": "sns:Publish", "Condition": {"ArnEquals": {"aws:SourceArn": rule}}, "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"}, "Resource": topic, "Sid": "EventBridgePublishes",
    });
    policy(&[publish, only_over_tls("sns:Publish", topic)])
}

fn sends(sid: &str, service: &str, queue: &str, source: &str) -> Value {
    json!({
        "Action": "sqs:SendMessage", "Condition": {"ArnEquals": {"aws:SourceArn": source}}, "Effect": "Allow",
        "Principal": {"Service": service}, "Resource": queue, "Sid": sid,
    })
}

fn only_over_tls(action: &str, resource: &str) -> Value {
    json!({
        "Action": action, "Condition": {"Bool": {"aws:SecureTransport": "false"}}, "Effect": "Deny", "Principal": "*",
        "Resource": resource, "Sid": "OnlyOverTls",
    })
}

/// What the service's role needs, and nothing else. A key that CloudFormation or Terraform makes has an id that nobody knows yet: it may decrypt by any key of
/// the hub's account that SQS uses for this queue.
fn reader(plan: &Plan<'_>, hub: &Hub, queue: &str) -> Value {
    let receive = json!({
        "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"],
        "Effect": "Allow", "Resource": queue, "Sid": "Receive",
    });
    let via = format!("sqs.{}.amazonaws.com", hub.place.region);
    let decrypt = match &plan.options.key {
        Key::None => None,
        Key::Existing(arn) => {
            Some(json!({"Action": "kms:Decrypt", "Effect": "Allow", "Resource": arn, "Sid": "Decrypt"}))
        }
        Key::Create => Some(json!({
            "Action": "kms:Decrypt", "Condition": {"StringEquals": {"kms:ViaService": via}}, "Effect": "Allow",
            "Resource": hub.arn("kms", "key/*"), "Sid": "Decrypt",
        })),
    };
    let statements: Vec<Value> = std::iter::once(receive).chain(decrypt).collect();
    policy(&statements)
}

fn key(hub: &Hub) -> Value {
    let root = format!("arn:{}:iam::{}:root", crate::place::partition(hub.place.region.as_str()), hub.place.account);
    policy(&[
        json!({"Action": "kms:*", "Effect": "Allow", "Principal": {"AWS": root}, "Resource": "*", "Sid": "AccountAdministers"}),
        json!({
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com", "config.amazonaws.com"]},
            "Resource": "*", "Sid": "PublishersEncrypt",
        }),
    ])
}

/// Reads of the plumbing, and the one message by which the way from end to end is tried. What AWS lets nobody narrow to a resource has `*`.
fn doctor(plan: &Plan<'_>) -> Value {
    let of_hubs = |arn: &dyn Fn(&Hub) -> Option<String>| plan.hubs.iter().filter_map(arn).collect::<Vec<_>>();
    let topics = of_hubs(&|hub| Some(hub.arn("sns", hub.topic.as_ref()?)));
    let mut queues = of_hubs(&|hub| Some(hub.arn("sqs", hub.queue.as_ref()?)));
    queues.extend(of_hubs(&|hub| Some(hub.arn("sqs", &format!("{}-dead-letters", plan.options.prefix)))));
    let mut statements = vec![json!({
        "Action": [
            "config:DescribeConfigurationRecorderStatus",
            "config:DescribeConfigurationRecorders",
            "config:DescribeDeliveryChannelStatus",
            "config:DescribeDeliveryChannels",
            "events:DescribeRule",
            "events:ListRuleNamesByTarget",
            "events:ListRules",
            "events:ListTargetsByRule",
            "sts:GetCallerIdentity",
        ],
        "Effect": "Allow", "Resource": "*", "Sid": "Look",
    })];
    statements.push(json!({
        "Action": ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], "Effect": "Allow", "Resource": queues, "Sid": "LookAtQueues",
    }));
    if !topics.is_empty() {
        statements.push(json!({
            "Action": ["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Publish"],
            "Effect": "Allow", "Resource": topics, "Sid": "LookAtTopicsAndTry",
        }));
    }
    policy(&statements)
}
