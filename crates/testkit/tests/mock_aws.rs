//! The mock AWS as a test drives it.

use aws_event_cache_testkit::{CallError, MockAws};
use serde_json::json;

const PROD: &str = "123456789012";

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
