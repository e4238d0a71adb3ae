//! Requests as the SDKs write them, one file each in `requests/`: what they call, who signs them, and which of them share a key.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use std::path::Path;

use aws_event_cache_wire::{
    Call, Protocol, Routes, Signature, account_of, acts_for_operation, amz_date, attempt, call, security_token,
    signature, write_key,
};
use http::Request;
use http::request::Parts;

fn request(name: &str) -> (Parts, Vec<u8>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requests").join(name).with_extension("http");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    parse(text.as_bytes()).unwrap_or_else(|| panic!("{name} is no request"))
}

/// Head and body of a request whose lines end with `\n`.
fn parse(raw: &[u8]) -> Option<(Parts, Vec<u8>)> {
    let end = raw.windows(2).position(|window| window == b"\n\n")?;
    let mut lines = raw[..end].split(|byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let mut words = line.split(' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    Some((request.body(()).ok()?.into_parts().0, raw[end + 2..].to_vec()))
}

fn routes() -> Routes {
    Routes::new([
        ("ListFunctions", "GET /2015-03-31/functions/"),
        ("GetFunction", "GET /2015-03-31/functions/{FunctionName}"),
        ("CreateFunction", "POST /2015-03-31/functions"),
        ("ListAliases", "GET /2015-03-31/functions/{FunctionName}/aliases"),
    ])
    .unwrap()
}

fn called(name: &str) -> Call {
    let (head, body) = request(name);
    call(&head, &body, name.starts_with("lambda").then(routes).as_ref())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn key(name: &str, token: Option<&str>) -> Vec<u8> {
    let (head, _) = request(name);
    let host = head.headers["host"].to_str().unwrap().to_owned();
    let mut key = Vec::new();
    write_key(&mut key, &head, &host, &called(name), token);
    key
}

const EC2: [&str; 7] = ["ec2-java-v1", "ec2-java-v2", "ec2-boto3", "ec2-cli", "ec2-go", "ec2-javascript", "ec2-rust"];

#[test]
fn every_sdk_is_understood() {
    for name in EC2 {
        let call = called(name);
        assert_eq!((call.protocol, call.operation.as_str()), (Protocol::Query, "DescribeWidgets"), "{name}");
        assert_eq!(call.api_version.as_deref(), Some("2016-11-15"), "{name}");
        assert_eq!(call.parameters.iter().collect::<Vec<_>>(), [("MaxResults", "500")], "{name}");
    }
    for (name, protocol, operation, parameters) in [
        (
            "ecs-java-v1",
            Protocol::Json,
            "DescribeWidgets",
            &[("cluster", "arn:aws:ecs:eu-west-1:609629065308:cluster/prod"), ("widgets.1", "a"), ("widgets.2", "b")][..],
        ),
        (
            "cloudwatch-java-v2",
            Protocol::Query,
            "DescribeAlarms",
            &[("AlarmTypes.1", "MetricAlarm"), ("MaxRecords", "100")],
        ),
        (
            "cloudwatch-boto3",
            Protocol::Json,
            "DescribeAlarms",
            &[("AlarmTypes.1", "MetricAlarm"), ("MaxRecords", "100")],
        ),
        ("lambda-list-java-v1", Protocol::Rest, "ListFunctions", &[("MaxItems", "50")]),
        ("lambda-list-boto3", Protocol::Rest, "ListFunctions", &[("MaxItems", "50")]),
        (
            "lambda-get-go",
            Protocol::Rest,
            "GetFunction",
            &[("FunctionName", "arn:aws:lambda:eu-west-1:609629065308:function:hello"), ("Qualifier", "live")],
        ),
        ("iam-boto3-static-key", Protocol::Query, "ListWidgets", &[("Marker", "AAHy+/=="), ("MaxItems", "100")]),
    ] {
        let call = called(name);
        assert_eq!((call.protocol, call.operation.as_str()), (protocol, operation), "{name}");
        assert_eq!(call.parameters.iter().collect::<Vec<_>>(), parameters, "{name}");
    }
}

#[test]
fn every_sdk_is_signed_as_it_is_read() {
    for name in
        EC2.into_iter().chain(["ecs-java-v1", "ecs-boto3", "cloudwatch-boto3", "lambda-get-go", "lambda-list-java-v1"])
    {
        let (head, _) = request(name);
        let Signature::V4 { credential } = signature(&head) else { panic!("{name}: {:?}", signature(&head)) };
        assert_eq!(account_of(credential.key_id).unwrap().as_str(), "609629065308", "{name}");
        assert_eq!(credential.region, "eu-west-1", "{name}");
        assert!(amz_date(&head.headers).is_some() && security_token(&head.headers).is_some(), "{name}");
        assert!(!acts_for_operation(&head.headers), "{name}");
        assert!(matches!(attempt(&head.headers), Some(1) | None), "{name}");
    }
    let (head, _) = request("iam-boto3-static-key");
    assert!(
        matches!(signature(&head), Signature::V4 { credential } if credential.service == "iam" && credential.region == "us-east-1")
    );
    assert_eq!(security_token(&head.headers), None);
    assert_eq!(signature(&request("sts-presigned").0), Signature::Presigned);
}

#[test]
fn an_operation_of_spinnaker_is_told_from_its_agents() {
    assert!(acts_for_operation(&request("ec2-java-v1-operation").0.headers));
    assert_eq!(
        key("ec2-java-v1-operation", None),
        key("ec2-java-v1", None),
        "yet what it reads refreshes the agents' entry"
    );
}

#[test]
fn all_sdks_share_a_key_when_they_ask_for_the_same() {
    for name in EC2 {
        assert_eq!(key(name, Some("NextToken")), key("ec2-java-v1", Some("NextToken")), "{name}");
    }
    assert_eq!(key("ecs-java-v1", None), key("ecs-boto3", None), "layout and order of JSON");
    assert_eq!(
        key("lambda-list-java-v1", Some("Marker")),
        key("lambda-list-boto3", Some("Marker")),
        "slash at the end"
    );
}

#[test]
fn protocols_of_one_operation_do_not_share_a_key() {
    assert_ne!(key("cloudwatch-java-v2", None), key("cloudwatch-boto3", None));
}

#[test]
fn a_page_shares_the_key_of_its_chain_and_only_without_its_token() {
    let (mut head, body) = request("iam-boto3-static-key");
    let first = String::from_utf8(body.clone()).unwrap().replace("&Marker=AAHy%2B%2F%3D%3D", "");
    let write = |head: &Parts, body: &[u8], token| {
        let mut key = Vec::new();
        write_key(&mut key, head, "iam.amazonaws.com", &call(head, body, None).unwrap(), token);
        key
    };
    assert_eq!(write(&head, &body, Some("Marker")), write(&head, first.as_bytes(), Some("Marker")));
    assert_ne!(write(&head, &body, None), write(&head, first.as_bytes(), None));
    head.headers.insert("x-amz-new-thing", "1".parse().unwrap());
    assert_ne!(
        write(&head, &body, None),
        write(&request("iam-boto3-static-key").0, &body, None),
        "an unknown header counts"
    );
}
