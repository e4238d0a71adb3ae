#!/usr/bin/env python3
"""The script of ../README.md with boto3."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = os.environ["AWS_REGION"]
HOSTS = {
    "cloudwatch": f"monitoring.{REGION}.amazonaws.com",
    "elbv2": f"elasticloadbalancing.{REGION}.amazonaws.com",
}


def client(service: str) -> Any:
    """A client that reaches AWS the way that the environment names."""
    settings: dict[str, Any] = {
        "retries": {"mode": "standard", "max_attempts": 3},
        "s3": {"addressing_style": "path"},
    }
    arguments: dict[str, Any] = {"region_name": REGION}
    if "CALLS_ENDPOINT" in os.environ:
        arguments["endpoint_url"] = os.environ["CALLS_ENDPOINT"]
        return boto3.client(service, config=Config(**settings), **arguments)
    arguments["verify"] = os.environ["CALLS_CA"]
    proxy = os.environ["CALLS_PROXY"]
    match os.environ["CALLS_VIA"]:
        case "http":
            host = HOSTS.get(service, f"{service}.{REGION}.amazonaws.com")
            arguments["endpoint_url"] = f"http://{host}"
            settings["proxies"] = {"http": proxy}
        case "connect":
            settings["proxies"] = {"https": proxy}
        case "sni":
            redirect(proxy)
    return boto3.client(service, config=Config(**settings), **arguments)


def redirect(proxy: str) -> None:
    """Every name leads to the proxy, as DNS would make it: no CONNECT, TLS by SNI."""
    host, _, port = proxy.removeprefix("http://").partition(":")
    socket.getaddrinfo = lambda *_a, **_k: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, int(port)))
    ]


def say(call: str, answer: Any) -> None:
    print(json.dumps({"call": call, "answer": answer}, sort_keys=True, default=str), flush=True)


def pages(service: str, operation: str, field: str, size: dict[str, int]) -> list[Any]:
    paginator = client(service).get_paginator(operation)
    return [item for page in paginator.paginate(PaginationConfig=size) for item in page[field]]


def main() -> None:
    two = {"PageSize": 2}
    groups = pages("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", two)
    say("groups", groups)
    security = client("ec2").describe_security_groups()["SecurityGroups"]
    say("security groups", security)
    balancers = pages("elbv2", "describe_load_balancers", "LoadBalancers", {})
    say("load balancers", balancers)
    elb = client("elbv2")
    for balancer in balancers:
        arn = balancer["LoadBalancerArn"]
        attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        say("attributes", attributes)
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    say("alarms", [alarm["AlarmName"] for alarm in alarms if "sdk-" not in alarm["AlarmName"]])
    secrets = pages("secretsmanager", "list_secrets", "SecretList", {})
    say("secrets", [secret["Name"] for secret in secrets])
    functions = client("lambda").list_functions()["Functions"]
    say("functions", [function["FunctionName"] for function in functions])
    try:
        client("ec2").describe_instances(InstanceIds=["i-00000000000000000"])
    except ClientError as error:
        say("no such instance", error.response["Error"]["Code"])
    # The mock throttles the first attempt.
    say("retried", len(client("ec2").describe_vpcs(VpcIds=[security[0]["VpcId"]])["Vpcs"]))
    write_and_read_back()
    big_bodies()


def write_and_read_back() -> None:
    cloudwatch = client("cloudwatch")
    name = f"sdk-{os.environ['CALLS_RUN']}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    say("own write seen", any(alarm["AlarmName"] == name for alarm in alarms))


def big_bodies() -> None:
    s3 = client("s3")
    body = bytes(range(256)) * 12_288  # 3 MiB
    bucket = "sdk-calls"
    location = {"LocationConstraint": REGION}
    try:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    s3.put_object(Bucket=bucket, Key="a b/c+d", Body=body)
    got = s3.get_object(Bucket=bucket, Key="a b/c+d")["Body"].read()
    say("object", hashlib.sha256(got).hexdigest() == hashlib.sha256(body).hexdigest())


if __name__ == "__main__":
    main()
