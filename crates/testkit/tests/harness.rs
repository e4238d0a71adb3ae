//! The mock AWS and Clouddriver's real agents work together.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::time::Duration;

use aws_event_cache_testkit::{CallError, Clouddriver, MockAws, Redis, Release};
use serde_json::json;

const PROD: &str = "123456789012";
const STAGING: &str = "222222222222";

#[test]
fn changes_through_the_control_endpoint_are_neither_counted_nor_limited() {
    let aws = MockAws::start(&[]).unwrap();
    aws.administer("limits", &json!({"rules": [{"capacity": 1, "refill": 0}]})).unwrap();
    let account = aws.account(PROD, "us-west-2");
    for _ in 0..3 {
        account.call("ec2", "2016-11-15", "DescribeVpcs", &[]).unwrap();
    }
    assert_eq!(aws.calls("action").unwrap()["totals"]["calls"], 0);
}

#[test]
fn what_aws_would_refuse_is_an_error_with_its_own_words() {
    let aws = MockAws::start(&[]).unwrap();
    let parameters = [("InstanceId.1", "i-0123456789abcdef0")];
    let error = aws.account(PROD, "us-west-2").call("ec2", "2016-11-15", "DescribeInstances", &parameters).unwrap_err();
    assert!(
        matches!(&error, CallError::Refused { status: 400, body, .. } if body.contains("InvalidInstanceID.NotFound")),
        "{error}"
    );
}

#[test]
fn every_agent_of_clouddriver_1_36_runs_against_the_mock() {
    let aws =
        MockAws::start(&["--fleet", "small", "--accounts", &format!("{PROD},{STAGING}"), "--empty-unimplemented"])
            .unwrap();
    let redis = Redis::start().unwrap();
    let clouddriver = Clouddriver::start(Release::Spinnaker136, &aws, &redis).unwrap();
    let idle = clouddriver.wait_for_agents(Duration::from_secs(120)).unwrap();
    assert!(idle.is_empty(), "never ran: {idle:?}\n{}\n{}", clouddriver.proxy_log(), clouddriver.log());

    let groups = clouddriver.keys("serverGroups").unwrap();
    assert_eq!(groups.len(), 10, "five in each account: {groups:?}");
    let group = clouddriver.cached("serverGroups", &groups[0]).unwrap().unwrap();
    assert_eq!(group["attributes"]["asg"]["desiredCapacity"], 2, "{group}");
    let throttled = &aws.calls("service").unwrap()["totals"]["throttled"];
    assert_eq!(throttled, 0);
}
