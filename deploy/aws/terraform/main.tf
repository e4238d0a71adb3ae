# AWS Event Cache: the hubs and members of one configuration.
# Written by `aws-event-cache aws-setup terraform`. Keep it as it is and bring your own providers, or take the modules into your own root.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "role_name" {
  description = "The role that Terraform assumes in each account. Empty uses the credentials as they are, which suits a single account."
  type        = string
  default     = ""
}

provider "aws" {
  alias               = "a111122223333_eu_west_1"
  region              = "eu-west-1"
  allowed_account_ids = ["111122223333"]
  dynamic "assume_role" {
    for_each = var.role_name == "" ? [] : [1]
    content {
      role_arn = "arn:aws:iam::111122223333:role/${var.role_name}"
    }
  }
}

provider "aws" {
  alias               = "a111122223333_us_east_1"
  region              = "us-east-1"
  allowed_account_ids = ["111122223333"]
  dynamic "assume_role" {
    for_each = var.role_name == "" ? [] : [1]
    content {
      role_arn = "arn:aws:iam::111122223333:role/${var.role_name}"
    }
  }
}

provider "aws" {
  alias               = "a111122223333_us_west_2"
  region              = "us-west-2"
  allowed_account_ids = ["111122223333"]
  dynamic "assume_role" {
    for_each = var.role_name == "" ? [] : [1]
    content {
      role_arn = "arn:aws:iam::111122223333:role/${var.role_name}"
    }
  }
}

provider "aws" {
  alias               = "a444455556666_eu_west_1"
  region              = "eu-west-1"
  allowed_account_ids = ["444455556666"]
  dynamic "assume_role" {
    for_each = var.role_name == "" ? [] : [1]
    content {
      role_arn = "arn:aws:iam::444455556666:role/${var.role_name}"
    }
  }
}

provider "aws" {
  alias               = "a444455556666_us_east_1"
  region              = "us-east-1"
  allowed_account_ids = ["444455556666"]
  dynamic "assume_role" {
    for_each = var.role_name == "" ? [] : [1]
    content {
      role_arn = "arn:aws:iam::444455556666:role/${var.role_name}"
    }
  }
}

module "hub_a111122223333_eu_west_1" {
  source                   = "./hub"
  providers                = { aws = aws.a111122223333_eu_west_1 }
  prefix                   = "aws-event-cache"
  topic_name               = "spinnaker-changes"
  endpoint                 = "https://spinnaker-gate.example.com/webhooks/aws-event-cache"
  queue_name               = ""
  queue_visibility_seconds = 60
  accounts                 = ["111122223333", "444455556666"]
  organization_id          = ""
  encrypt                  = true
  key_arn                  = ""
}

output "hub_a111122223333_eu_west_1" {
  value = module.hub_a111122223333_eu_west_1
}

module "member_a111122223333_eu_west_1" {
  source            = "./member"
  providers         = { aws = aws.a111122223333_eu_west_1 }
  prefix            = "aws-event-cache"
  hub_bus_arn       = module.hub_a111122223333_eu_west_1.bus_arn
  heartbeat_minutes = 1
  recorder          = "existing"
}

# Only since services without regions tell of their calls here.
module "member_a111122223333_us_east_1" {
  source            = "./member"
  providers         = { aws = aws.a111122223333_us_east_1 }
  prefix            = "aws-event-cache"
  hub_bus_arn       = module.hub_a111122223333_eu_west_1.bus_arn
  heartbeat_minutes = 1
  recorder          = "existing"
}

module "member_a111122223333_us_west_2" {
  source            = "./member"
  providers         = { aws = aws.a111122223333_us_west_2 }
  prefix            = "aws-event-cache"
  hub_bus_arn       = module.hub_a111122223333_eu_west_1.bus_arn
  heartbeat_minutes = 1
  recorder          = "existing"
}

module "member_a444455556666_eu_west_1" {
  source            = "./member"
  providers         = { aws = aws.a444455556666_eu_west_1 }
  prefix            = "aws-event-cache"
  hub_bus_arn       = module.hub_a111122223333_eu_west_1.bus_arn
  heartbeat_minutes = 1
  recorder          = "existing"
}

# Only since services without regions tell of their calls here.
module "member_a444455556666_us_east_1" {
  source            = "./member"
  providers         = { aws = aws.a444455556666_us_east_1 }
  prefix            = "aws-event-cache"
  hub_bus_arn       = module.hub_a111122223333_eu_west_1.bus_arn
  heartbeat_minutes = 1
  recorder          = "existing"
}
