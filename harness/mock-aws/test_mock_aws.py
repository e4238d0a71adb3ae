#!/usr/bin/env python3
"""Tests mock_aws.py with boto3: starts it on free loopback ports and calls it.

Run: python test_mock_aws.py        (needs requirements.txt; takes about ten seconds)
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
import unittest
import urllib.error
import urllib.request
from typing import Any

import boto3
import cbor2
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

import mock_aws
from app import MockAws

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"
ARGUMENTS = [
    *("--port", "0", "--fleet", "small", "--accounts", f"{ONE},{TWO}", "--random-seed", "1"),
    *("--regions", "us-east-1,eu-west-1", "--access-key", f"AKIAIOSFODNN7EXAMPLE={TWO}"),
]


class MockAwsTest(unittest.TestCase):
    app: MockAws
    url: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.app = mock_aws.start(mock_aws.build_parser().parse_args(ARGUMENTS))
        cls.url = cls.app.seeded["url"]

    def setUp(self) -> None:
        self.post("reset", {})
        self.post("limits", {"preset": "none"})
        self.post("faults", {"rules": [], "latency_ms": 0, "jitter_ms": 0, "failure_rate": 0})

    # Helpers

    def client(self, service: str, account: str = ONE, attempts: int = 1, **kwargs: Any) -> Any:
        arguments = {
            "region_name": "us-east-1",
            "endpoint_url": self.url,
            "aws_access_key_id": f"AKIAMOCK{account}",
            "aws_secret_access_key": "x",
            "config": Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        }
        return boto3.client(service, **(arguments | kwargs))

    def post(self, name: str, body: Any) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_mock/{name}", data, method="POST")
        return json.load(urllib.request.urlopen(request))

    def get(self, name: str) -> Any:
        return json.load(urllib.request.urlopen(f"{self.url}/_mock/{name}"))

    def count(self, **key: str) -> dict[str, Any]:
        query = "&".join(f"{k}={v}" for k, v in key.items())
        return self.get(f"calls?{query}")["totals"]

    def error(self, call: Any, **kwargs: Any) -> tuple[str, int]:
        with self.assertRaises(ClientError) as caught:
            call(**kwargs)
        response = caught.exception.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    # Seeding, accounts, counts

    def test_fleet_is_there_in_every_account_and_region(self) -> None:
        for account in (ONE, TWO):
            for region in ("us-east-1", "eu-west-1"):
                asg = self.client("autoscaling", account, region_name=region)
                groups = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
                self.assertEqual(5, len(groups))
                self.assertEqual([2] * 5, [len(g["Instances"]) for g in groups])

    def test_instances_carry_their_launch_templates_settings(self) -> None:
        reservations = self.client("ec2").describe_instances(
            Filters=[{"Name": "tag:aws:autoscaling:groupName", "Values": ["app0000-prod-v000"]}]
        )["Reservations"]
        for instance in (i for r in reservations for i in r["Instances"]):
            self.assertTrue(instance["ImageId"].startswith("ami-"))
            self.assertEqual(1, len(instance["SecurityGroups"]))

    def test_only_what_was_signed_is_served_when_signatures_are_checked(self) -> None:
        role = {"RoleArn": f"arn:aws:iam::{ONE}:role/Cache", "RoleSessionName": "test"}
        got = self.client("sts").assume_role(**role)["Credentials"]
        session = {
            "aws_access_key_id": got["AccessKeyId"],
            "aws_secret_access_key": got["SecretAccessKey"],
            "aws_session_token": got["SessionToken"],
        }
        s3 = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        known = {"aws_secret_access_key": "mock-secret"}
        self.app.behaviour.check_signatures = True
        self.addCleanup(setattr, self.app.behaviour, "check_signatures", False)
        self.client("ec2", **session).describe_vpcs()
        self.client("lambda", **session).list_functions()
        self.client("secretsmanager", **known).list_secrets()
        bucket = self.client("s3", config=s3, **known)
        bucket.create_bucket(Bucket="checked")
        bucket.put_object(Bucket="checked", Key="a b/c+d", Body=b"x" * 100_000)
        got_back = bucket.get_object(Bucket="checked", Key="a b/c+d")["Body"].read()
        self.assertEqual(100_000, len(got_back))
        for wrong in (
            {"aws_secret_access_key": "another"},
            session | {"aws_session_token": "another"},
            session | {"aws_secret_access_key": "another"},
        ):
            code = self.error(self.client("ec2", **wrong).describe_vpcs)
            self.assertEqual(("SignatureDoesNotMatch", 403), code)
        self.assertEqual(3, self.count()["forged"])

    def test_key_ids_of_sessions_carry_their_account_as_aws_writes_it(self) -> None:
        for account in (ONE, TWO, THREE):
            role = {"RoleArn": f"arn:aws:iam::{account}:role/Cache", "RoleSessionName": "test"}
            for _ in range(20):
                key = self.client("sts").assume_role(**role)["Credentials"]["AccessKeyId"]
                self.assertRegex(key, r"^ASIA[A-Z2-7]{16}$")
                bits = int.from_bytes(base64.b32decode(key[4:]))
                self.assertEqual((1, int(account)), (bits >> 79, bits >> 39 & 0xFF_FFFF_FFFF))

    def test_cloudwatch_speaks_cbor_too(self) -> None:
        scope = f"AKIAMOCK{ONE}/20260101/us-east-1/monitoring/aws4_request"
        signed = f"Credential={scope}, SignedHeaders=host, Signature=0"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {signed}",
            "Smithy-Protocol": "rpc-v2-cbor",
            "Content-Type": "application/cbor",
        }
        path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms"
        request = urllib.request.Request(self.url + path, cbor2.dumps({"MaxRecords": 1}), headers)
        with urllib.request.urlopen(request) as answer:
            self.assertEqual("rpc-v2-cbor", answer.headers["smithy-protocol"])
            page = cbor2.loads(answer.read())
        self.assertEqual(1, len(page["MetricAlarms"]))
        self.assertIsInstance(page["MetricAlarms"][0]["Threshold"], float)
        self.assertTrue(page["NextToken"])
        self.post("faults", {"rules": [{"kind": "throttle", "action": "DescribeAlarms"}]})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertEqual("ThrottlingException", cbor2.loads(caught.exception.read())["__type"])

    def test_accounts_come_from_keys_and_roles(self) -> None:
        def account(client: Any) -> str:
            return client.get_caller_identity()["Account"]

        self.assertEqual(ONE, account(self.client("sts")))
        named = self.client("sts", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
        self.assertEqual(TWO, account(named))
        role = {"RoleArn": f"arn:aws:iam::{THREE}:role/Cache", "RoleSessionName": "test"}
        got = self.client("sts").assume_role(**role)["Credentials"]
        keys = {
            "aws_access_key_id": got["AccessKeyId"],
            "aws_secret_access_key": got["SecretAccessKey"],
            "aws_session_token": got["SessionToken"],
        }
        self.assertEqual(THREE, account(self.client("sts", **keys)))
        groups = self.client("autoscaling", **keys).describe_auto_scaling_groups()
        self.assertEqual([], groups["AutoScalingGroups"])
        self.assertEqual(1, self.count(account=THREE, service="autoscaling")["calls"])

    def test_counts_by_action(self) -> None:
        ec2 = self.client("ec2", TWO)
        ec2.describe_vpcs()
        ec2.describe_vpcs()
        self.client("lambda", TWO).list_functions()
        self.client("lambda", TWO).get_function(FunctionName="app0000-function")
        self.client("elb", TWO).describe_load_balancers()
        self.client("elbv2", TWO).describe_load_balancers()
        self.client("ecs", TWO).list_clusters()
        rows = {(r["service"], r["action"]): r["calls"] for r in self.get("calls")["calls"]}
        self.assertEqual(
            {
                ("ec2", "DescribeVpcs"): 2,
                ("lambda", "ListFunctions"): 1,
                ("lambda", "GetFunction"): 1,
                ("elb", "DescribeLoadBalancers"): 1,
                ("elbv2", "DescribeLoadBalancers"): 1,
                ("ecs", "ListClusters"): 1,
            },
            rows,
        )
        by = self.get("calls?by=account,region")["calls"]
        self.assertEqual(
            [(TWO, "us-east-1", 7)], [(r["account"], r["region"], r["calls"]) for r in by]
        )

    def test_control_port_is_not_counted(self) -> None:
        control = self.client("ec2", endpoint_url=self.app.seeded["control_url"])
        self.post("limits", {"rules": [{"capacity": 1, "refill": 0}]})
        for _ in range(5):
            control.describe_vpcs()
        self.assertEqual(0, self.count()["calls"])

    # Limits

    def test_throttling_has_the_form_of_each_protocol(self) -> None:
        self.post("limits", {"rules": [{"capacity": 1, "refill": 0}]})
        calls = {
            "ec2": ("describe_vpcs", "RequestLimitExceeded", 503),
            "autoscaling": ("describe_policies", "Throttling", 400),
            "elbv2": ("describe_load_balancers", "Throttling", 400),
            "iam": ("list_roles", "Throttling", 400),
            "ecs": ("list_clusters", "ThrottlingException", 400),
            "cloudwatch": ("describe_alarms", "ThrottlingException", 400),
            "lambda": ("list_functions", "TooManyRequestsException", 429),
        }
        for service, (method, code, status) in calls.items():
            with self.subTest(service=service):
                call = getattr(self.client(service), method)
                call()
                self.assertEqual((code, status), self.error(call))
        self.assertEqual(len(calls), self.count()["throttled"])

    def test_sdk_retries_throttled_calls(self) -> None:
        self.post("limits", {"rules": [{"capacity": 1, "refill": 4}]})
        ec2 = self.client("ec2", attempts=6)
        for _ in range(3):
            ec2.describe_vpcs()
        self.assertEqual(3, self.count()["served"])
        self.assertGreater(self.count()["throttled"], 0)

    def test_buckets_are_separate_and_refill(self) -> None:
        self.post("limits", {"rules": [{"service": "ec2", "capacity": 2, "refill": 5}]})
        ec2, other = self.client("ec2"), self.client("ec2", TWO)
        ec2.describe_vpcs()
        ec2.describe_vpcs()
        self.assertEqual("RequestLimitExceeded", self.error(ec2.describe_vpcs)[0])
        ec2.describe_subnets()
        other.describe_vpcs()
        self.client("ec2", region_name="eu-west-1").describe_vpcs()
        time.sleep(0.3)
        ec2.describe_vpcs()

    def test_aws_preset(self) -> None:
        self.post("limits", {"preset": "aws", "scale": 0.1})
        ec2, elbv2 = self.client("ec2"), self.client("elbv2")
        filters = [{"Name": "instance-state-name", "Values": ["running"]}]

        def served(call: Any) -> int:
            self.post("reset", {})
            for _ in range(15):
                with contextlib.suppress(ClientError):
                    call()
            return int(self.count()["served"])

        self.assertIn(served(ec2.describe_instances), (5, 6))  # 50 tokens, unfiltered
        self.assertIn(served(lambda: ec2.describe_instances(Filters=filters)), (10, 11))
        self.assertIn(served(elbv2.describe_load_balancers), (4, 5))
        served(elbv2.describe_target_groups)  # empties the bucket that both actions share
        self.assertEqual("Throttling", self.error(elbv2.describe_load_balancers)[0])

    # Faults

    def test_faults(self) -> None:
        ec2, asg = self.client("ec2"), self.client("autoscaling")
        self.post("faults", {"rules": [
            {"service": "ec2", "action": "Describe*", "kind": "throttle", "times": 1},
            {"service": "autoscaling", "code": "AccessDenied", "status": 403, "times": 1},
            {"service": "ec2", "action": "DescribeSubnets", "kind": "close", "times": 1},
            {"service": "sts", "body_contains": TWO, "code": "AccessDenied", "status": 403},
        ]})  # fmt: skip
        self.assertEqual(("RequestLimitExceeded", 503), self.error(ec2.describe_vpcs))
        ec2.describe_vpcs()
        code = self.error(asg.describe_policies)
        self.assertEqual(("AccessDenied", 403), code)
        with self.assertRaises(ResponseParserError):  # the body ends after one byte
            ec2.describe_subnets()
        ec2.describe_subnets()
        sts = self.client("sts")
        role = {"RoleArn": f"arn:aws:iam::{TWO}:role/r", "RoleSessionName": "test"}
        self.assertEqual("AccessDenied", self.error(sts.assume_role, **role)[0])
        sts.assume_role(**role | {"RoleArn": f"arn:aws:iam::{ONE}:role/r"})
        self.assertEqual(4, self.count()["faulted"])

    def test_latency_and_failure_rate(self) -> None:
        self.post("faults", {"latency_ms": 100})
        began = time.monotonic()
        self.client("ec2").describe_vpcs()
        self.assertGreater(time.monotonic() - began, 0.1)
        self.post("faults", {"latency_ms": 0, "failure_rate": 1})
        self.assertEqual(("InternalFailure", 500), self.error(self.client("ec2").describe_vpcs))

    def test_bad_administration_is_refused(self) -> None:
        for name, body in (("faults", {"rules": [{"kind": "x"}]}), ("limits", {"preset": "x"})):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.post(name, body)
            self.assertEqual(400, caught.exception.code)

    def test_unimplemented_action_is_an_aws_error(self) -> None:
        code = self.error(self.client("ec2").describe_reserved_instances)
        self.assertEqual(("InvalidAction", 400), code)
        self.app.behaviour.empty_unimplemented = True
        try:
            answer = self.client("ec2").describe_reserved_instances()
            self.assertNotIn("Error", answer)
            unknown = {"Filters": [{"Name": "launch-time", "Values": ["2026"]}]}
            code = self.error(self.client("ec2").describe_instances, **unknown)
            self.assertEqual(("InvalidAction", 400), code)
        finally:
            self.app.behaviour.empty_unimplemented = False

    # Pages

    def test_pages(self) -> None:
        def sizes(service: str, method: str, key: str, size: int, **kwargs: Any) -> list[int]:
            pages = self.client(service).get_paginator(method)
            config = {"PageSize": size}
            return [len(p[key]) for p in pages.paginate(PaginationConfig=config, **kwargs)]

        self.assertEqual([5, 2], sizes("ec2", "describe_security_groups", "SecurityGroups", 5))
        self.assertEqual(
            [2, 2, 1], sizes("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", 2)
        )
        self.assertEqual([1, 1], sizes("autoscaling", "describe_policies", "ScalingPolicies", 1))
        self.assertEqual([1, 1], sizes("elbv2", "describe_target_groups", "TargetGroups", 1))
        self.assertEqual([1, 1], sizes("cloudwatch", "describe_alarms", "MetricAlarms", 1))
        pages = (
            self.client("ec2")
            .get_paginator("describe_instances")
            .paginate(PaginationConfig={"PageSize": 5})
        )
        instances = [[i for r in p["Reservations"] for i in r["Instances"]] for p in pages]
        self.assertEqual([4, 4, 4], [len(p) for p in instances])
        self.assertEqual(12, len({i["InstanceId"] for p in instances for i in p}))
        bad = self.error(self.client("ec2").describe_vpcs, NextToken="nonsense")
        self.assertEqual(400, bad[1])


    # Feeds

    def test_an_event_reaches_a_queue_of_a_stack_with_its_account(self) -> None:
        template = """
        Resources:
          Queue: {Type: "AWS::SQS::Queue", Properties: {QueueName: told}}
          Rule:
            Type: AWS::Events::Rule
            Properties:
              EventPattern: {source: [{prefix: "shop."}]}
              Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]
        """
        self.client("cloudformation").create_stack(StackName="told", TemplateBody=template)
        entry = {"Source": "shop.orders", "DetailType": "Placed", "Detail": '{"id": 1}'}
        self.client("events").put_events(Entries=[entry, entry | {"Source": "other"}])
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName="told")["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        self.assertEqual(len(messages), 1)
        event = json.loads(messages[0]["Body"])
        self.assertEqual((event["account"], event["region"]), (ONE, "us-east-1"))
        self.assertEqual((event["source"], event["detail"]), ("shop.orders", {"id": 1}))

    def test_a_subscription_can_be_unconfirmed_and_a_delivery_fails_without_its_topic(self) -> None:
        sns, config = self.client("sns"), self.client("config")
        topic = sns.create_topic(Name="changes")["TopicArn"]
        arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:9/x")
        arn = arn["SubscriptionArn"]

        def listed() -> list[str]:
            all_ = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
            return [one["SubscriptionArn"] for one in all_]

        self.post("subscriptions", {"account": ONE, "arn": arn, "pending": True})
        self.assertEqual(["PendingConfirmation"], listed())
        self.post("subscriptions", {"account": ONE, "arn": arn, "pending": False})
        self.assertEqual([arn], listed())

        recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ONE}:role/config"}
        config.put_configuration_recorder(ConfigurationRecorder=recorder)
        channel = {"name": "default", "s3BucketName": "items", "snsTopicARN": topic}
        config.put_delivery_channel(DeliveryChannel=channel)

        def delivered() -> str:
            status = config.describe_delivery_channel_status()["DeliveryChannelsStatus"][0]
            return status["configStreamDeliveryInfo"]["lastStatus"]

        self.assertEqual("SUCCESS", delivered())
        sns.delete_topic(TopicArn=topic)
        self.assertEqual("FAILURE", delivered())


if __name__ == "__main__":
    unittest.main()
