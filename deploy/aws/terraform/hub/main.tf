# AWS Event Cache: the hub. One for each account and region with a topic or queue that the service's configuration names.
# Written by `aws-event-cache aws-setup terraform`; write it anew when the configuration or the version changes.

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

locals {
  tags           = merge({ application = "aws-event-cache" }, var.tags)
  has_topic      = var.topic_name != ""
  has_queue      = var.queue_name != ""
  makes_key      = var.encrypt && var.key_arn == ""
  key            = var.encrypt ? (local.makes_key ? aws_kms_key.this[0].arn : var.key_arn) : null
  topic          = local.has_topic ? aws_sns_topic.this[0].arn : null
  queue          = local.has_queue ? aws_sqs_queue.this[0].arn : null
  sends_to_queue = local.has_topic ? local.topic : aws_cloudwatch_event_rule.to_service.arn
}

# Where everything comes together.
resource "aws_cloudwatch_event_bus" "this" {
  name = var.prefix
  tags = local.tags
}

data "aws_iam_policy_document" "bus" {
  dynamic "statement" {
    for_each = length(var.accounts) > 0 ? [1] : []
    content {
      sid       = "accounts"
      actions   = ["events:PutEvents"]
      resources = [aws_cloudwatch_event_bus.this.arn]
      principals {
        type        = "AWS"
        identifiers = [for account in var.accounts : "arn:${data.aws_partition.here.partition}:iam::${account}:root"]
      }
    }
  }
  dynamic "statement" {
    for_each = var.organization_id == "" ? [] : [1]
    content {
      sid       = "organization"
      actions   = ["events:PutEvents"]
      resources = [aws_cloudwatch_event_bus.this.arn]
      principals {
        type        = "*"
        identifiers = ["*"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:PrincipalOrgID"
        values   = [var.organization_id]
      }
    }
  }
}

resource "aws_cloudwatch_event_bus_policy" "this" {
  event_bus_name = aws_cloudwatch_event_bus.this.name
  policy         = data.aws_iam_policy_document.bus.json
}

# Members have chosen already; here only what AWS itself sent goes on.
resource "aws_cloudwatch_event_rule" "to_service" {
  name           = "${var.prefix}-to-service"
  description    = "Everything that members send goes to AWS Event Cache."
  event_bus_name = aws_cloudwatch_event_bus.this.name
  event_pattern  = jsonencode({ source = [{ prefix = "aws." }] })
  tags           = local.tags
}

resource "aws_cloudwatch_event_target" "service" {
  rule           = aws_cloudwatch_event_rule.to_service.name
  event_bus_name = aws_cloudwatch_event_bus.this.name
  target_id      = local.has_topic ? "topic" : "queue"
  arn            = local.has_topic ? local.topic : local.queue
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 185
  }
}

resource "aws_sns_topic" "this" {
  count             = local.has_topic ? 1 : 0
  name              = var.topic_name
  display_name      = "AWS Event Cache"
  signature_version = 2 # SHA-256
  kms_master_key_id = local.key
  tags              = local.tags

  lifecycle {
    precondition {
      condition     = length(var.accounts) > 0 || var.organization_id != ""
      error_message = "Give accounts, organization_id or both: else nobody may send."
    }
  }
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "EventBridgePublishes"
    actions   = ["sns:Publish"]
    resources = aws_sns_topic.this[*].arn
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.to_service.arn]
    }
  }
  dynamic "statement" {
    for_each = var.config_may_publish ? [1] : []
    content {
      sid       = "ConfigPublishes"
      actions   = ["sns:Publish"]
      resources = aws_sns_topic.this[*].arn
      principals {
        type        = "Service"
        identifiers = ["config.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = var.accounts
      }
    }
  }
  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = aws_sns_topic.this[*].arn
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

resource "aws_sns_topic_policy" "this" {
  count  = local.has_topic ? 1 : 0
  arn    = local.topic
  policy = data.aws_iam_policy_document.topic.json
}

# SNS repeats for about 45 minutes, which covers a restart or an outage of that length; what fails for longer lies in the dead letters for 14 days.
# The service confirms the subscription by itself.
resource "aws_sns_topic_subscription" "endpoint" {
  count                  = local.has_topic && var.endpoint != "" ? 1 : 0
  topic_arn              = local.topic
  protocol               = "https"
  endpoint               = var.endpoint
  endpoint_auto_confirms = true
  delivery_policy = jsonencode({
    healthyRetryPolicy = {
      minDelayTarget     = 1
      maxDelayTarget     = 60
      numRetries         = 50
      numNoDelayRetries  = 0
      numMinDelayRetries = 3
      numMaxDelayRetries = 37
      backoffFunction    = "exponential"
    }
  })
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn })
}

resource "aws_sns_topic_subscription" "queue" {
  count          = local.has_topic && local.has_queue ? 1 : 0
  topic_arn      = local.topic
  protocol       = "sqs"
  endpoint       = local.queue
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn })
  depends_on     = [aws_sqs_queue_policy.this]
}

resource "aws_sqs_queue" "this" {
  count                      = local.has_queue ? 1 : 0
  name                       = var.queue_name
  visibility_timeout_seconds = var.queue_visibility_seconds
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 345600 # four days: older news is of no use, since everything has been polled since
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn, maxReceiveCount = 20 })
  kms_master_key_id          = local.key
  sqs_managed_sse_enabled    = var.encrypt ? null : true
  tags                       = local.tags
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "OnlyOurSenderSends"
    actions   = ["sqs:SendMessage"]
    resources = aws_sqs_queue.this[*].arn
    principals {
      type        = "Service"
      identifiers = [local.has_topic ? "sns.amazonaws.com" : "events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.sends_to_queue]
    }
  }
  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = aws_sqs_queue.this[*].arn
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

resource "aws_sqs_queue_policy" "this" {
  count     = local.has_queue ? 1 : 0
  queue_url = aws_sqs_queue.this[0].id
  policy    = data.aws_iam_policy_document.queue.json
}

# What could not be delivered. It should be empty: put an alarm on its depth.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.prefix}-dead-letters"
  message_retention_seconds = 1209600 # 14 days, the longest
  kms_master_key_id         = local.key
  sqs_managed_sse_enabled   = var.encrypt ? null : true
  tags                      = local.tags
}

data "aws_iam_policy_document" "dead_letters" {
  statement {
    sid       = "EventBridgeSends"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.to_service.arn]
    }
  }
  dynamic "statement" {
    for_each = local.has_topic ? [1] : []
    content {
      sid       = "SnsSends"
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.dead_letters.arn]
      principals {
        type        = "Service"
        identifiers = ["sns.amazonaws.com"]
      }
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [local.topic]
      }
    }
  }
  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.dead_letters.arn]
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

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id
  policy    = data.aws_iam_policy_document.dead_letters.json
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "AccountAdministers"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.here.partition}:iam::${data.aws_caller_identity.here.account_id}:root"]
    }
  }
  # Without a condition on the source: AWS does not support one for EventBridge and encrypted topics. The key is used for nothing else.
  statement {
    sid       = "PublishersEncrypt"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "sns.amazonaws.com", "config.amazonaws.com"]
    }
  }
}

resource "aws_kms_key" "this" {
  count                   = local.makes_key ? 1 : 0
  description             = "Topic and queues of AWS Event Cache."
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = local.tags
}

# For the service's own role, which needs nothing else of AWS.
data "aws_iam_policy_document" "reader" {
  statement {
    sid       = "Receive"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
    resources = aws_sqs_queue.this[*].arn
  }
  dynamic "statement" {
    for_each = var.encrypt ? [1] : []
    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [local.key]
    }
  }
}

resource "aws_iam_policy" "reader" {
  count       = local.has_queue ? 1 : 0
  name_prefix = "${var.prefix}-reader-"
  description = "AWS Event Cache receives from its queue."
  policy      = data.aws_iam_policy_document.reader.json
  tags        = local.tags
}
