# AWS Event Cache: a member. One for each account and region that the service is to hear of, the hub's included.
# Written by `aws-event-cache aws-setup terraform`; write it anew when the configuration, the catalogue or the version changes.
#
# Calls are heard of through CloudTrail: the account needs a trail that logs management events of every region (read-only calls are not forwarded).

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  tags           = merge({ application = "aws-event-cache" }, var.tags)
  region         = data.aws_region.here.name
  own_rules      = "arn:${data.aws_partition.here.partition}:events:${local.region}:${data.aws_caller_identity.here.account_id}:rule/${var.prefix}-*"
  makes_recorder = var.recorder == "create"
  makes_bucket   = local.makes_recorder && var.config_bucket == ""
  config_bucket  = local.makes_bucket ? aws_s3_bucket.config[0].id : var.config_bucket
  # Services without regions are recorded once for the account.
  records_global = contains(["us-east-1", "us-gov-west-1", "cn-north-1"], local.region)
  recorded       = local.records_global ? concat(local.regional_types, local.global_types) : local.regional_types
  rules          = var.recorder == "none" ? local.event_rules : merge(local.event_rules, local.config_rules)
}

data "aws_iam_policy_document" "forward_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.own_rules]
    }
  }
}

data "aws_iam_policy_document" "forward" {
  statement {
    actions   = ["events:PutEvents"]
    resources = [var.hub_bus_arn]
  }
}

resource "aws_iam_role" "forward" {
  name_prefix        = "${var.prefix}-"
  description        = "EventBridge sends changes to the hub of AWS Event Cache."
  assume_role_policy = data.aws_iam_policy_document.forward_trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "forward" {
  name   = "forward"
  role   = aws_iam_role.forward.id
  policy = data.aws_iam_policy_document.forward.json
}

# What did not reach the hub. It should be empty.
resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.prefix}-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = local.tags
}

data "aws_iam_policy_document" "undelivered" {
  statement {
    sid       = "EventBridgeSends"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.own_rules]
    }
  }
  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.undelivered.arn]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.id
  policy    = data.aws_iam_policy_document.undelivered.json
}

# Tells silence from a broken feed, and how late the feed is. The event carries this account and region.
resource "aws_cloudwatch_event_rule" "heartbeat" {
  name                = "${var.prefix}-heartbeat"
  description         = "This account and region can be heard."
  schedule_expression = var.heartbeat_minutes == 1 ? "rate(1 minute)" : "rate(${var.heartbeat_minutes} minutes)"
  tags                = local.tags
}

resource "aws_cloudwatch_event_rule" "forward" {
  for_each      = local.rules
  name          = "${var.prefix}-${each.key}"
  description   = each.value.description
  event_pattern = each.value.pattern
  tags          = local.tags
}

resource "aws_cloudwatch_event_target" "hub" {
  for_each  = merge({ heartbeat = aws_cloudwatch_event_rule.heartbeat }, aws_cloudwatch_event_rule.forward)
  rule      = each.value.name
  target_id = "hub"
  arn       = var.hub_bus_arn
  role_arn  = aws_iam_role.forward.arn
  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 185
  }
}
