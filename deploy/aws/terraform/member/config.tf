# AWS Config, with recorder = "create" only. An account has one recorder for each region.

data "aws_iam_policy_document" "config_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["config.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

data "aws_iam_policy_document" "config_bucket" {
  statement {
    actions   = ["s3:PutObject"]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${local.config_bucket}/*"]
  }
  statement {
    actions   = ["s3:GetBucketAcl"]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${local.config_bucket}"]
  }
}

resource "aws_iam_role" "config" {
  count              = local.makes_recorder ? 1 : 0
  name_prefix        = "${var.prefix}-"
  description        = "AWS Config reads what it records, and writes to its bucket."
  assume_role_policy = data.aws_iam_policy_document.config_trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "config" {
  count      = local.makes_recorder ? 1 : 0
  role       = aws_iam_role.config[0].name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AWS_ConfigRole"
}

resource "aws_iam_role_policy" "config" {
  count  = local.makes_recorder ? 1 : 0
  name   = "bucket"
  role   = aws_iam_role.config[0].id
  policy = data.aws_iam_policy_document.config_bucket.json
}

resource "aws_s3_bucket" "config" {
  count         = local.makes_bucket ? 1 : 0
  bucket_prefix = "${var.prefix}-config-"
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "config" {
  count                   = local.makes_bucket ? 1 : 0
  bucket                  = aws_s3_bucket.config[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "config" {
  count  = local.makes_bucket ? 1 : 0
  bucket = aws_s3_bucket.config[0].id
  rule {
    id     = "expire"
    status = "Enabled"
    filter {}
    expiration {
      days = 90
    }
  }
}

data "aws_iam_policy_document" "bucket_tls" {
  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = flatten([for bucket in aws_s3_bucket.config : [bucket.arn, "${bucket.arn}/*"]])
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

resource "aws_s3_bucket_policy" "config" {
  count  = local.makes_bucket ? 1 : 0
  bucket = aws_s3_bucket.config[0].id
  policy = data.aws_iam_policy_document.bucket_tls.json
}

resource "aws_config_configuration_recorder" "this" {
  count    = local.makes_recorder ? 1 : 0
  name     = var.prefix
  role_arn = aws_iam_role.config[0].arn
  recording_group {
    all_supported                 = false
    include_global_resource_types = false
    resource_types                = local.recorded
    recording_strategy {
      use_only = "INCLUSION_BY_RESOURCE_TYPES"
    }
  }
  # Daily items come too late to be of use.
  recording_mode {
    recording_frequency = "CONTINUOUS"
  }
}

resource "aws_config_delivery_channel" "this" {
  count          = local.makes_recorder ? 1 : 0
  name           = var.prefix
  s3_bucket_name = local.config_bucket
  depends_on     = [aws_config_configuration_recorder.this, aws_iam_role_policy.config]
  snapshot_delivery_properties {
    delivery_frequency = "TwentyFour_Hours"
  }
}

resource "aws_config_configuration_recorder_status" "this" {
  count      = local.makes_recorder ? 1 : 0
  name       = aws_config_configuration_recorder.this[0].name
  is_enabled = true
  depends_on = [aws_config_delivery_channel.this]
}
