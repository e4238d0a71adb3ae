# What is forwarded, from the catalogue. Each pattern is at most 2,048 characters long, as EventBridge takes them from every account.

locals {
  event_rules = {
    "events" = {
      description = "What services tell by themselves about the kinds in use."
      pattern = jsonencode({
        "detail-type" = [
          "EC2 Auto Scaling Instance Refresh Cancelled",
          "EC2 Auto Scaling Instance Refresh Checkpoint Reached",
          "EC2 Auto Scaling Instance Refresh Failed",
          "EC2 Auto Scaling Instance Refresh Started",
          "EC2 Auto Scaling Instance Refresh Succeeded",
          "EC2 Instance Launch Successful",
          "EC2 Instance Launch Unsuccessful",
          "EC2 Instance Terminate Successful",
          "EC2 Instance Terminate Unsuccessful",
          "EC2 Instance-launch Lifecycle Action",
          "EC2 Instance-terminate Lifecycle Action",
          "CloudFormation Stack Status Change",
          "CloudWatch Alarm Configuration Change",
          "CloudWatch Alarm State Change",
          "EC2 AMI State Change",
          "EC2 Instance State-change Notification",
          "EC2 Spot Instance Interruption Warning",
          "ECS Container Instance State Change",
          "ECS Deployment State Change",
          "ECS Service Action",
          "ECS Task State Change",
          "Tag Change on Resource",
        ]
        "source" = [
          "aws.autoscaling",
          "aws.cloudformation",
          "aws.cloudwatch",
          "aws.ec2",
          "aws.ecs",
          "aws.tag",
        ]
      })
    }
    "writes-application-autoscaling" = {
      description = "Application Auto Scaling: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventSource" = [
            "application-autoscaling.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-autoscaling" = {
      description = "Amazon EC2 Auto Scaling: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["RecordLifecycleActionHeartbeat", "PutNotificationConfiguration", "DeleteNotificationConfiguration"] } },
          ]
          "eventSource" = [
            "autoscaling.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-cloudformation" = {
      description = "AWS CloudFormation: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["SignalResource", "RecordHandlerProgress", "ValidateTemplate"] } },
          ]
          "eventSource" = [
            "cloudformation.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-ec2" = {
      description = "Amazon EC2: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["CreateNetworkInterface*", "DeleteNetworkInterface*", "CreateFlowLogs", "CreateVolume", "DeleteVolume", "ModifyVolume", "CreateSnapshot", "CreateSnapshots", "CreateVpcEndpoint*", "CreateRoute*", "AssociateRouteTable", "CreateNetworkAcl*", "AttachInternetGateway", "DetachInternetGateway", "AttachVpnGateway", "DetachVpnGateway", "SendDiagnosticInterrupt", "ReportInstanceStatus"] } },
          ]
          "eventSource" = [
            "ec2.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-ecs" = {
      description = "Amazon ECS: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["Submit*", "DiscoverPollEndpoint", "Poll", "StartTelemetrySession", "PutAccountSetting*", "ExecuteCommand"] } },
          ]
          "eventSource" = [
            "ecs.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-elasticloadbalancing" = {
      description = "Elastic Load Balancing: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventSource" = [
            "elasticloadbalancing.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-iam" = {
      description = "AWS Identity and Access Management: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["GenerateCredentialReport", "GenerateServiceLastAccessedDetails", "GenerateOrganizationsAccessReport"] } },
          ]
          "eventSource" = [
            "iam.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-lambda" = {
      description = "AWS Lambda: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["Invoke*", "PublishLayerVersion20*", "DeleteLayerVersion20*", "AddLayerVersionPermission20*", "RemoveLayerVersionPermission20*"] } },
          ]
          "eventSource" = [
            "lambda.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-monitoring" = {
      description = "Amazon CloudWatch: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["PutMetricData", "PutDashboard", "DeleteDashboards", "PutMetricStream", "PutInsightRule", "PutAnomalyDetector"] } },
          ]
          "eventSource" = [
            "monitoring.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-secretsmanager" = {
      description = "AWS Secrets Manager: every write but those that change nothing of ours."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            { "anything-but" = { "wildcard" = ["PutSecretValue", "RotateSecret", "CancelRotateSecret", "UpdateSecretVersionStage", "GetRandomPassword"] } },
          ]
          "eventSource" = [
            "secretsmanager.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "writes-servicediscovery" = {
      description = "AWS Cloud Map: the writes that the catalogue lists."
      pattern = jsonencode({
        "detail" = {
          "errorCode" = [
            { "exists" = false },
            "BandwidthLimitExceeded",
            "Client.RequestLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
          ]
          "eventName" = [
            "CreateService",
            "DeleteService",
            "UpdateService",
          ]
          "eventSource" = [
            "servicediscovery.amazonaws.com",
          ]
        }
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          { "prefix" = "aws." },
        ]
      })
    }
    "quotas" = {
      description = "Raised quotas: limits learned from throttling are forgotten."
      pattern = jsonencode({
        "detail-type" = [
          "AWS API Call via CloudTrail",
          "AWS Service Event via CloudTrail",
        ]
        "source" = [
          "aws.servicequotas",
        ]
      })
    }
  }

  # Without AWS Config they are left out.
  config_rules = {
    "config-items" = {
      description = "AWS Config's items of the types in use."
      pattern = jsonencode({
        "detail" = {
          "configurationItem" = {
            "resourceType" = [
              "AWS::ApplicationAutoScaling::ScalableTarget",
              "AWS::AutoScaling::AutoScalingGroup",
              "AWS::AutoScaling::LaunchConfiguration",
              "AWS::AutoScaling::ScalingPolicy",
              "AWS::AutoScaling::ScheduledAction",
              "AWS::AutoScaling::WarmPool",
              "AWS::CloudFormation::Stack",
              "AWS::CloudWatch::Alarm",
              "AWS::EC2::EIP",
              "AWS::EC2::Instance",
              "AWS::EC2::LaunchTemplate",
              "AWS::EC2::SecurityGroup",
              "AWS::EC2::Subnet",
              "AWS::EC2::VPC",
              "AWS::ECS::Cluster",
              "AWS::ECS::Service",
              "AWS::ECS::TaskDefinition",
              "AWS::ECS::TaskSet",
              "AWS::ElasticLoadBalancing::LoadBalancer",
              "AWS::ElasticLoadBalancingV2::Listener",
              "AWS::ElasticLoadBalancingV2::LoadBalancer",
              "AWS::ElasticLoadBalancingV2::TargetGroup",
              "AWS::IAM::Policy",
              "AWS::IAM::Role",
              "AWS::IAM::ServerCertificate",
              "AWS::Lambda::Function",
              "AWS::SecretsManager::Secret",
              "AWS::ServiceDiscovery::Service",
            ]
          }
        }
        "detail-type" = [
          "Config Configuration Item Change",
        ]
        "source" = [
          "aws.config",
        ]
      })
    }
    "config-oversized" = {
      description = "AWS Config's items that are too large to be sent whole."
      pattern = jsonencode({
        "detail" = {
          "configurationItemSummary" = {
            "resourceType" = [
              "AWS::ApplicationAutoScaling::ScalableTarget",
              "AWS::AutoScaling::AutoScalingGroup",
              "AWS::AutoScaling::LaunchConfiguration",
              "AWS::AutoScaling::ScalingPolicy",
              "AWS::AutoScaling::ScheduledAction",
              "AWS::AutoScaling::WarmPool",
              "AWS::CloudFormation::Stack",
              "AWS::CloudWatch::Alarm",
              "AWS::EC2::EIP",
              "AWS::EC2::Instance",
              "AWS::EC2::LaunchTemplate",
              "AWS::EC2::SecurityGroup",
              "AWS::EC2::Subnet",
              "AWS::EC2::VPC",
              "AWS::ECS::Cluster",
              "AWS::ECS::Service",
              "AWS::ECS::TaskDefinition",
              "AWS::ECS::TaskSet",
              "AWS::ElasticLoadBalancing::LoadBalancer",
              "AWS::ElasticLoadBalancingV2::Listener",
              "AWS::ElasticLoadBalancingV2::LoadBalancer",
              "AWS::ElasticLoadBalancingV2::TargetGroup",
              "AWS::IAM::Policy",
              "AWS::IAM::Role",
              "AWS::IAM::ServerCertificate",
              "AWS::Lambda::Function",
              "AWS::SecretsManager::Secret",
              "AWS::ServiceDiscovery::Service",
            ]
          }
        }
        "detail-type" = [
          "Config Configuration Item Change",
        ]
        "source" = [
          "aws.config",
        ]
      })
    }
  }

  # What AWS Config is to record, if it is made here.
  regional_types = [
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::AutoScaling::ScheduledAction",
    "AWS::AutoScaling::WarmPool",
    "AWS::CloudFormation::Stack",
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::EIP",
    "AWS::EC2::Instance",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::ECS::Cluster",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ECS::TaskSet",
    "AWS::ElasticLoadBalancing::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Lambda::Function",
    "AWS::SecretsManager::Secret",
    "AWS::ServiceDiscovery::Service",
  ]

  # Of services without regions.
  global_types = [
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::ServerCertificate",
  ]
}
