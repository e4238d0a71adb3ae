//! The templates deployed to the mock AWS: what a member's account tells arrives in the hub's queue, in a form that the intake decodes.
//!
//! The mock (moto) knows event buses, rules, queues, topics and roles; it makes no policies of buses, topics and queues, knows no AWS Config, and publishes nothing
//! to SNS from a rule. So the queue's way is tried, and the topic's only as far as the stack can be made.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aws_event_cache_aws_setup::{Key, Options, Recorder, cloudformation};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_intake::decode::{Context, Standing, Trust, decode};
use aws_event_cache_model::Source;
use aws_event_cache_testkit::{MockAccount, MockAws, eventually};
use serde_json::{Value, json};
use support::{json_at, of_intake, plan, repository, text};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

/// Makes a stack and gives what it says when it is done.
fn deploy(account: &MockAccount, name: &str, template: &str) -> String {
    let parameters = [("StackName", name), ("TemplateBody", template), ("Capabilities.member.1", "CAPABILITY_IAM")];
    account.call("cloudformation", "2010-05-15", "CreateStack", &parameters).unwrap();
    let described = account.call("cloudformation", "2010-05-15", "DescribeStacks", &[("StackName", name)]).unwrap();
    assert!(described.contains("CREATE_COMPLETE"), "{described}");
    described
}

/// A call of EventBridge's API, which speaks JSON.
fn bridge(aws: &MockAws, action: &str, body: &Value) {
    let scope = format!("AKIAMOCK{ACCOUNT}/20260101/{REGION}/events/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let answer = ureq::post(format!("{}/", aws.control_url()))
        .header("Authorization", &authorization)
        .header("X-Amz-Target", format!("AWSEvents.{action}"))
        .header("Content-Type", "application/x-amz-json-1.1")
        .send(body.to_string().as_bytes())
        .unwrap();
    assert_eq!(answer.status(), 200);
}

/// What only AWS's services do: an event on the account's own bus.
fn tell(aws: &MockAws, event: &Value) {
    let entry = json!({
        "Source": event["source"], "DetailType": event["detail-type"], "Detail": event["detail"].to_string(),
        "Resources": event["resources"],
    });
    bridge(aws, "PutEvents", &json!({"Entries": [entry]}));
}

fn received(account: &MockAccount, queue: &str) -> Option<String> {
    let parameters = [("QueueUrl", queue), ("MaxNumberOfMessages", "1"), ("WaitTimeSeconds", "0")];
    let answer = account.call("sqs", "2012-11-05", "ReceiveMessage", &parameters).unwrap();
    let (_, body) = answer.split_once("<Body>")?;
    let (body, _) = body.split_once("</Body>")?;
    Some(body.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// The mock cannot make a key with tags.
fn key() -> Key {
    Key::Existing(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/0a0b0c0d"))
}

/// The catalogue's events and calls, mixed. The mock forgets an event's `resources` between two buses, so they go without.
fn events() -> Vec<Value> {
    let folders = fs::read_dir(repository().join("crates/catalog/fixtures")).unwrap();
    let files =
        folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()).map(|file| file.unwrap().path());
    let mut paths: Vec<PathBuf> = files.collect();
    paths.sort();
    let event = |path: &PathBuf| match path.file_name().unwrap().to_str().unwrap().split(['-', '.']).next().unwrap() {
        "event" => {
            let mut event = json_at(path);
            event["resources"] = json!([]);
            Some(event)
        }
        "call" => Some(json!({
            "source": "aws.test", "detail-type": "AWS API Call via CloudTrail", "detail": json_at(path),
            "account": ACCOUNT, "region": REGION, "resources": [],
        })),
        _ => None,
    };
    paths.iter().filter_map(event).collect()
}

#[test]
fn what_a_member_is_told_arrives_in_the_hubs_queue_and_is_understood() {
    let (aws, catalog) = (MockAws::start(&[]).unwrap(), Catalog::shipped());
    let account = aws.account(ACCOUNT, REGION);
    let config = of_intake("{sqs: {queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/changes}]}}");
    let plan = plan(&config, &catalog, Options { recorder: Recorder::None, key: key(), ..Options::default() });
    let documents = cloudformation(&plan);
    let hub = deploy(&account, "hub", text(&documents, "hub.yaml"));
    assert!(hub.contains(&plan.hubs[0].place.region.to_string()));
    deploy(&account, "member", text(&documents, "member.yaml"));
    // The mock takes a rule without a pattern, which the heartbeat is, for one that forwards everything.
    bridge(&aws, "RemoveTargets", &json!({"Rule": "aws-event-cache-heartbeat", "Ids": ["hub"]}));

    let queue = format!("{}/{ACCOUNT}/changes", aws.control_url());
    let context =
        Context { source: Source::Sqs, id: "1".into(), region: None, origin: "queue".into(), trust: Trust::Queue };
    let relevant = |event: &Value| {
        decode(&event.to_string(), &context, &catalog, jiff::Timestamp::UNIX_EPOCH).standing == Standing::Relevant
    };
    let forwarded = |event: &Value| plan.rules.iter().any(|rule| support::matching::matches(&rule.pattern, event));
    let mut understood = 0;
    for event in events().into_iter().filter(|event| relevant(event) && forwarded(event)).take(12) {
        tell(&aws, &event);
        let message = eventually(Duration::from_secs(10), || received(&account, &queue));
        let message = message.unwrap_or_else(|| panic!("{event} did not arrive"));
        let arrived: Value = serde_json::from_str(&message).unwrap();
        assert_eq!((&arrived["detail"], &arrived["source"]), (&event["detail"], &event["source"]));
        let decoded = decode(&message, &context, &catalog, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(decoded.standing, Standing::Relevant, "{message}");
        assert_eq!(decoded.heard.unwrap().to_string(), format!("{ACCOUNT}/{REGION}"), "{message}");
        understood += 1;
    }
    assert_eq!(understood, 12, "the fixtures were not found");

    tell(&aws, &json!({"source": "shop.orders", "detail-type": "Order Placed", "detail": {"id": 1}, "resources": []}));
    assert_eq!(received(&account, &queue), None, "what is not AWS's own stays where it is");
}

#[test]
fn a_hub_with_topic_and_queue_can_be_made() {
    let (aws, catalog) = (MockAws::start(&[]).unwrap(), Catalog::shipped());
    let account = aws.account(ACCOUNT, REGION);
    let config = of_intake(
        "{sns: {topics: [arn:aws:sns:eu-west-1:111122223333:changes]}, sqs: {queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/changes}]}}",
    );
    let endpoint = Some("https://gate.example.com/webhooks/aws-event-cache".to_owned());
    let plan = plan(&config, &catalog, Options { endpoint, key: key(), ..Options::default() });
    let described = deploy(&account, "hub", text(&cloudformation(&plan), "hub.yaml"));
    for said in ["arn:aws:sns:eu-west-1:111122223333:changes", "event-bus/", "dead-letters"] {
        assert!(described.contains(said), "{said}: {described}");
    }
}
