variable "hub_bus_arn" {
  description = "The hub's event bus, in whichever account and region it is."
  type        = string
}

variable "prefix" {
  description = "Beginning of the names of everything that is made here."
  type        = string
  default     = "aws-event-cache"
}

variable "heartbeat_minutes" {
  description = "How often this account and region say that they can be heard, as intake.heartbeat.expectedEvery has it."
  type        = number
  default     = 1
}

variable "recorder" {
  description = "AWS Config: forward the items of the recorder that there is (existing), make one (create), or do without (none)."
  type        = string
  default     = "existing"
  validation {
    condition     = contains(["existing", "create", "none"], var.recorder)
    error_message = "Recorder is existing, create or none."
  }
}

variable "config_bucket" {
  description = "With recorder = \"create\", a bucket that there is for AWS Config's files. Empty makes one."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
