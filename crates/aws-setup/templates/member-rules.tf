# What is forwarded, from the catalogue. Each pattern is at most 2,048 characters long, as EventBridge takes them from every account.

locals {
  event_rules = {
    {{event_rules}}
  }

  # Without AWS Config they are left out.
  config_rules = {
    {{config_rules}}
  }

  # What AWS Config is to record, if it is made here.
  regional_types = [
    {{regional}}
  ]

  # Of services without regions.
  global_types = [
    {{global}}
  ]
}
