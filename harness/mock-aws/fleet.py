#!/usr/bin/env python3
"""Creates a fleet of AWS resources, shaped as Spinnaker deploys them, through boto3.

Used by mock_aws.py for its --fleet options. Also runs alone against any endpoint:
``fleet.py --endpoint http://127.0.0.1:5000 --fleet small``.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from typing import Any

import boto3
from botocore.config import Config

#: Option -> (help, count for --fleet small, medium, large). Counts are per account and
#: region, except those of IAM roles, which are per account.
COUNTS: dict[str, tuple[str, int, int, int]] = {
    "asgs": ("Auto Scaling groups, each with a launch template", 5, 100, 1000),
    "instances_per_asg": ("instances of each Auto Scaling group", 2, 5, 10),
    "instances": ("instances outside Auto Scaling groups", 2, 20, 100),
    "launch_configs": ("launch configurations (unused by the groups)", 2, 10, 50),
    "images": ("machine images owned by the account", 5, 100, 1000),
    "security_groups": ("security groups with an ingress rule each", 5, 100, 500),
    "key_pairs": ("key pairs", 1, 5, 20),
    "addresses": ("Elastic IP addresses", 1, 10, 50),
    "classic_elbs": ("Classic Load Balancers", 1, 20, 100),
    "albs": ("Application Load Balancers, each with a target group and listener", 2, 30, 200),
    "scaling_policies": ("groups with a scaling policy and a CloudWatch alarm", 2, 50, 500),
    "scheduled_actions": ("groups with a scheduled action", 1, 10, 100),
    "ecs_services": ("ECS services, in one cluster", 1, 10, 50),
    "lambdas": ("Lambda functions", 1, 20, 100),
    "iam_roles": ("IAM roles", 2, 50, 300),
}
PRESETS = ("none", "small", "medium", "large")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "fleet", "Counts are per account and region; --fleet gives defaults."
    )
    group.add_argument("--fleet", choices=PRESETS, default="none")
    group.add_argument("--accounts", default="123456789012", help="comma-separated ids")
    group.add_argument("--regions", default="us-west-2", help="comma-separated names")
    for name, (text, small, medium, large) in COUNTS.items():
        flag = "--" + name.replace("_", "-")
        sizes = f"{text} (small {small}, medium {medium}, large {large})"
        group.add_argument(flag, type=int, metavar="N", default=None, help=sizes)


def counts(options: argparse.Namespace) -> dict[str, int]:
    preset = PRESETS.index(options.fleet)
    chosen = {}
    for name, spec in COUNTS.items():
        given = getattr(options, name)
        chosen[name] = given if given is not None else (spec[preset] if preset else 0)
    if chosen["asgs"] and options.instances_per_asg is None and not preset:
        chosen["instances_per_asg"] = 1
    return chosen  # type: ignore[return-value]


class Clients:
    """boto3 clients of one account and region."""

    _session = boto3.session.Session()

    def __init__(self, endpoint: str, account: str, region: str) -> None:
        self._args = {
            "endpoint_url": endpoint,
            "region_name": region,
            "aws_access_key_id": f"AKIAMOCK{account}",
            "aws_secret_access_key": "mock",
            "config": Config(retries={"total_max_attempts": 1}, read_timeout=300),
        }
        self._made: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        return self.client(service)

    def client(self, service: str) -> Any:
        """The client of a service, also of one whose name is a word of Python (``lambda``)."""
        if service not in self._made:
            self._made[service] = self._session.client(service, **self._args)
        return self._made[service]


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def seed(endpoint: str, options: argparse.Namespace) -> dict[str, Any]:
    """Creates the fleet and returns what it made, per account and region."""
    number = counts(options)
    accounts, regions = options.accounts.split(","), options.regions.split(",")
    if any(number.values()):
        for account in accounts:
            seed_roles(Clients(endpoint, account, regions[0]), number["iam_roles"])
            for region in regions:
                seed_region(Clients(endpoint, account, region), account, region, number)
    return {"accounts": accounts, "regions": regions, "per_account_and_region": number}


def seed_roles(aws: Clients, number: int) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    for i in range(number):
        name = "BaseIAMRole" if i == 0 else f"app{i:04}-role"
        aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))


def seed_region(aws: Clients, account: str, region: str, number: dict[str, int]) -> None:
    vpc, subnets = seed_network(aws, region)
    groups = seed_security_groups(aws, vpc, max(1, number["security_groups"]))
    for i in range(number["key_pairs"]):
        aws.ec2.create_key_pair(KeyName=f"nf-{account}-{i}")
    for _ in range(number["addresses"]):
        aws.ec2.allocate_address(Domain="vpc")
    images = seed_images(aws, max(1, number["images"]))
    for i in range(number["classic_elbs"]):
        aws.elb.create_load_balancer(
            LoadBalancerName=f"app{i:04}-classic",
            Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 7001}],
            Subnets=subnets,
            SecurityGroups=[groups[i % len(groups)]],
            Scheme="internal",
        )
    target_groups = [
        seed_alb(aws, i, vpc, subnets, groups[i % len(groups)]) for i in range(number["albs"])
    ]
    for i in range(number["launch_configs"]):
        aws.autoscaling.create_launch_configuration(
            LaunchConfigurationName=f"old{i:04}-v000-01010101",
            ImageId=images[i % len(images)],
            InstanceType="m5.large",
            SecurityGroups=[groups[i % len(groups)]],
        )
    for i in range(number["instances"]):
        aws.ec2.run_instances(
            MinCount=1,
            MaxCount=1,
            ImageId=images[i % len(images)],
            InstanceType="t3.medium",
            SubnetId=subnets[i % len(subnets)],
            SecurityGroupIds=[groups[i % len(groups)]],
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": tags(Name=f"standalone-{i:04}")}
            ],
        )
    for i in range(number["asgs"]):
        seed_server_group(
            aws,
            index=i,
            size=number["instances_per_asg"],
            image=images[i % len(images)],
            security_group=groups[i % len(groups)],
            subnets=subnets[i % len(subnets) :] + subnets[: i % len(subnets)],
            target_groups=target_groups[i % len(target_groups) :][:1] if target_groups else [],
            scale=i < number["scaling_policies"],
            schedule=i < number["scheduled_actions"],
        )
    if number["ecs_services"]:
        seed_ecs(aws, number["ecs_services"])
    if number["lambdas"]:
        seed_lambdas(aws, account, number["lambdas"])


def seed_network(aws: Clients, region: str) -> tuple[str, list[str]]:
    vpc = aws.ec2.create_vpc(
        CidrBlock="10.0.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": tags(Name="main")}],
    )["Vpc"]["VpcId"]
    zones = aws.ec2.describe_availability_zones()["AvailabilityZones"][:3]
    metadata = json.dumps({"purpose": "internal", "target": "ec2"})
    subnets = [
        aws.ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.0.{i * 64}.0/18",
            AvailabilityZone=zone["ZoneName"],
            TagSpecifications=[
                {
                    "ResourceType": "subnet",
                    "Tags": tags(
                        Name=f"main.internal.{zone['ZoneName']}", immutable_metadata=metadata
                    ),
                }
            ],
        )["Subnet"]["SubnetId"]
        for i, zone in enumerate(zones)
    ]
    return vpc, subnets


def seed_security_groups(aws: Clients, vpc: str, number: int) -> list[str]:
    made: list[str] = []
    for i in range(number):
        group = aws.ec2.create_security_group(
            GroupName=f"app{i:04}", Description=f"app{i:04}", VpcId=vpc
        )["GroupId"]
        source: dict[str, Any] = {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        if made and i % 2:
            source = {"UserIdGroupPairs": [{"GroupId": made[-1]}]}
        aws.ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 7001, "ToPort": 7002} | source],
        )
        made.append(group)
    return made


def seed_images(aws: Clients, number: int) -> list[str]:
    return [
        aws.ec2.register_image(
            Name=f"app{i:04}-1.0.{i}-h{i}.abcdef-x86_64-20260101-ubuntu-hvm-ebs",
            Architecture="x86_64",
            RootDeviceName="/dev/sda1",
            VirtualizationType="hvm",
            TagSpecifications=[
                {
                    "ResourceType": "image",
                    "Tags": tags(appversion=f"app{i:04}-1.0.{i}-h{i}.abcdef/build/{i}"),
                }
            ],
        )["ImageId"]
        for i in range(number)
    ]


def seed_alb(aws: Clients, i: int, vpc: str, subnets: list[str], group: str) -> str:
    balancer = aws.elbv2.create_load_balancer(
        Name=f"app{i:04}-alb", Subnets=subnets, SecurityGroups=[group], Scheme="internal"
    )["LoadBalancers"][0]["LoadBalancerArn"]
    target_group: str = aws.elbv2.create_target_group(
        Name=f"app{i:04}-tg", Protocol="HTTP", Port=7001, VpcId=vpc, TargetType="instance"
    )["TargetGroups"][0]["TargetGroupArn"]
    listener = aws.elbv2.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )["Listeners"][0]["ListenerArn"]
    aws.elbv2.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )
    return target_group


def seed_server_group(
    aws: Clients,
    *,
    index: int,
    size: int,
    image: str,
    security_group: str,
    subnets: list[str],
    target_groups: list[str],
    scale: bool,
    schedule: bool,
) -> None:
    """A launch template and an Auto Scaling group; two groups make one cluster."""
    application = f"app{index // 2:04}"
    name = f"{application}-prod-v{index % 2:03}"
    template = aws.ec2.create_launch_template(
        LaunchTemplateName=f"{name}-0101",
        LaunchTemplateData={
            "ImageId": image,
            "InstanceType": "m5.large",
            "SecurityGroupIds": [security_group],
            "MetadataOptions": {"HttpTokens": "required"},
        },
    )["LaunchTemplate"]["LaunchTemplateId"]
    aws.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
        MinSize=0,
        MaxSize=size * 2,
        DesiredCapacity=size,
        VPCZoneIdentifier=",".join(subnets),
        TargetGroupARNs=target_groups,
        Tags=[
            {"Key": key, "Value": value, "PropagateAtLaunch": True}
            for key, value in (
                ("spinnaker:application", application),
                ("spinnaker:stack", "prod"),
                ("owner", "team@example.com"),
            )
        ],
    )
    if scale:
        aws.autoscaling.put_scaling_policy(
            AutoScalingGroupName=name,
            PolicyName=f"{name}-policy",
            PolicyType="StepScaling",
            AdjustmentType="ChangeInCapacity",
            StepAdjustments=[{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        )
        # moto 5.2.5 leaves PolicyARN out of PutScalingPolicy's answer.
        policy = aws.autoscaling.describe_policies(AutoScalingGroupName=name)["ScalingPolicies"][0][
            "PolicyARN"
        ]
        aws.cloudwatch.put_metric_alarm(
            AlarmName=f"{name}-alarm",
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "AutoScalingGroupName", "Value": name}],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=2,
            Threshold=80,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[policy],
        )
    if schedule:
        aws.autoscaling.put_scheduled_update_group_action(
            AutoScalingGroupName=name,
            ScheduledActionName=f"{name}-nightly",
            Recurrence="0 5 * * *",
            MinSize=0,
            MaxSize=size * 2,
            DesiredCapacity=size,
        )


def seed_ecs(aws: Clients, number: int) -> None:
    aws.ecs.create_cluster(clusterName="main")
    for i in range(number):
        family = f"app{i:04}-prod"
        aws.ecs.register_task_definition(
            family=family,
            containerDefinitions=[{"name": "app", "image": f"app{i:04}:1", "memory": 128}],
        )
        aws.ecs.create_service(
            cluster="main",
            serviceName=f"{family}-v000",
            taskDefinition=family,
            desiredCount=1,
            launchType="EC2",
        )


def seed_lambdas(aws: Clients, account: str, number: int) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("main.py", "def handler(event, context): return event\n")
    for i in range(number):
        aws.client("lambda").create_function(
            FunctionName=f"app{i:04}-function",
            Runtime="python3.12",
            Role=f"arn:aws:iam::{account}:role/BaseIAMRole",
            Handler="main.handler",
            Code={"ZipFile": archive.getvalue()},
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", default="http://127.0.0.1:5000")
    add_arguments(parser)
    options = parser.parse_args()
    print(json.dumps(seed(options.endpoint, options), indent=1))


if __name__ == "__main__":
    main()
