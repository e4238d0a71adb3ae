variable "prefix" {
  description = "Beginning of the names of everything that is made here. The bus has this name."
  type        = string
  default     = "aws-event-cache"
}

variable "topic_name" {
  description = "The SNS topic, as intake.sns.topics names it. Empty for none."
  type        = string
  default     = "spinnaker-changes"
}

variable "endpoint" {
  description = "Where SNS delivers, such as https://gate.example.com/webhooks/aws-event-cache. Empty subscribes nothing yet."
  type        = string
  default     = "https://spinnaker-gate.example.com/webhooks/aws-event-cache"
}

variable "queue_name" {
  description = "The SQS queue, as intake.sqs.queues names it. Empty for none."
  type        = string
  default     = ""
}

variable "queue_visibility_seconds" {
  description = "How long a message received stays hidden, as intake.sqs.queues says (visibility)."
  type        = number
  default     = 60
}

variable "accounts" {
  description = "AWS accounts that may send to the bus."
  type        = list(string)
  default     = []
}

variable "organization_id" {
  description = "Every account of this organization may send to the bus. Empty for none but accounts."
  type        = string
  default     = ""
}

variable "config_may_publish" {
  description = "Whether AWS Config of accounts may publish to the topic itself (a delivery channel that names it), beside what comes over the bus."
  type        = bool
  default     = false
}

variable "encrypt" {
  description = "Whether topic and queues are encrypted by a KMS key (about a dollar a month). Queues are encrypted by SQS's own keys otherwise."
  type        = bool
  default     = true
}

variable "key_arn" {
  description = "A KMS key that there is; its policy must let EventBridge, SNS (and AWS Config) use it. Empty makes one."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
