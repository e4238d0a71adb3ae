//! Terraform: modules for hub and member, and a root that makes them for the accounts and regions of the configuration.

use aws_event_cache_model::Place;

use crate::cloudformation::hub_values;
use crate::document::Document;
use crate::hub::Hub;
use crate::pattern::{hcl, hcl_text};
use crate::place::word;
use crate::plan::Plan;
use crate::rules::ForwardRule;
use crate::template::fill;

/// `main.tf` and the modules `hub` and `member`, in the layout of `terraform fmt`.
pub fn terraform(plan: &Plan<'_>) -> Vec<Document> {
    let hub = hub_values(plan, &plan.hubs[0]);
    let member = [
        ("prefix", plan.options.prefix.clone()),
        ("heartbeat", plan.heartbeat_minutes.to_string()),
        ("recorder", plan.options.recorder.as_str().to_owned()),
    ];
    vec![
        Document::new("main.tf", root(plan)),
        Document::new("hub/main.tf", include_str!("../templates/hub-main.tf").to_owned()),
        Document::new("hub/variables.tf", fill(include_str!("../templates/hub-variables.tf"), &hub)),
        Document::new("hub/outputs.tf", include_str!("../templates/hub-outputs.tf").to_owned()),
        Document::new("member/main.tf", include_str!("../templates/member-main.tf").to_owned()),
        Document::new("member/config.tf", include_str!("../templates/member-config.tf").to_owned()),
        Document::new("member/variables.tf", fill(include_str!("../templates/member-variables.tf"), &member)),
        Document::new("member/outputs.tf", include_str!("../templates/member-outputs.tf").to_owned()),
        Document::new("member/rules.tf", rules(plan)),
    ]
}

fn rules(plan: &Plan<'_>) -> String {
    let of = |config: bool| -> String {
        plan.rules.iter().filter(|rule| rule.config == config).map(entry).collect::<Vec<_>>().join("\n")
    };
    let list = |types: &mut dyn Iterator<Item = &str>| {
        types.map(|name| format!("{},", hcl_text(name))).collect::<Vec<_>>().join("\n")
    };
    let (regional, global) = plan.config_types();
    let values = [
        ("event_rules", of(false)),
        ("config_rules", of(true)),
        ("regional", list(&mut regional.iter().copied())),
        ("global", list(&mut global.iter().copied())),
    ];
    fill(include_str!("../templates/member-rules.tf"), &values)
}

fn entry(rule: &ForwardRule) -> String {
    let mut lines = vec![format!("{} = {{", hcl_text(&rule.id))];
    lines.push(format!("  description = {}", hcl_text(&rule.description)));
    let pattern = hcl(&rule.pattern);
    for (n, line) in pattern.iter().enumerate() {
        let first = if n == 0 { "  pattern = jsonencode(" } else { "  " };
        let last = if n + 1 == pattern.len() { ")" } else { "" };
        lines.push(format!("{first}{line}{last}"));
    }
    lines.push("}".to_owned());
    lines.join("\n")
}

const ROOT_HEAD: &str = "# AWS Event Cache: the hubs and members of one configuration.
# Written by `aws-event-cache aws-setup terraform`. Keep it as it is and bring your own providers, or take the modules into your own root.

terraform {
  required_version = \">= 1.3\"
  required_providers {
    aws = {
      source  = \"hashicorp/aws\"
      version = \">= 5.0\"
    }
  }
}

variable \"role_name\" {
  description = \"The role that Terraform assumes in each account. Empty uses the credentials as they are, which suits a single account.\"
  type        = string
  default     = \"\"
}
";

fn root(plan: &Plan<'_>) -> String {
    let mut text = ROOT_HEAD.to_owned();
    if plan.discovers {
        text.push_str(
            "\n# Clouddriver may know more accounts and regions than the configuration lists: add a provider and a module \"member\" for each,\n\
             # and its account to the hub's accounts (or give the hub an organization_id).\n",
        );
    }
    let mut places: Vec<&Place> = plan.members.iter().chain(plan.hubs.iter().map(|hub| &hub.place)).collect();
    places.sort();
    places.dedup();
    for place in places {
        text.push_str(&provider(place));
    }
    for hub in &plan.hubs {
        text.push_str(&hub_module(plan, hub));
    }
    for place in &plan.members {
        text.push_str(&member_module(plan, place));
    }
    text
}

/// `a111122223333_eu_west_1`.
fn alias(place: &Place) -> String {
    format!("a{}_{}", place.account, word(place.region.as_str()))
}

fn provider(place: &Place) -> String {
    let (account, region) = (&place.account, place.region.as_str());
    format!(
        "\nprovider \"aws\" {{
  alias               = \"{alias}\"
  region              = \"{region}\"
  allowed_account_ids = [\"{account}\"]
  dynamic \"assume_role\" {{
    for_each = var.role_name == \"\" ? [] : [1]
    content {{
      role_arn = \"arn:{partition}:iam::{account}:role/${{var.role_name}}\"
    }}
  }}
}}
",
        alias = alias(place),
        partition = crate::place::partition(region),
    )
}

fn hub_module(plan: &Plan<'_>, hub: &Hub) -> String {
    let values = hub_values(plan, hub);
    let value = |name: &str| {
        let found = values.iter().find(|(key, _)| *key == name);
        hcl_text(found.map(|(_, value)| value.as_str()).unwrap_or_default())
    };
    let accounts: Vec<String> = plan.accounts_of(hub).iter().map(|account| format!("\"{account}\"")).collect();
    format!(
        "\nmodule \"hub_{name}\" {{
  source                   = \"./hub\"
  providers                = {{ aws = aws.{name} }}
  prefix                   = {prefix}
  topic_name               = {topic}
  endpoint                 = {endpoint}
  queue_name               = {queue}
  queue_visibility_seconds = {visibility}
  accounts                 = [{accounts}]
  organization_id          = {organization}
  encrypt                  = {encrypt}
  key_arn                  = {key}
}}

output \"hub_{name}\" {{
  value = module.hub_{name}
}}
",
        name = alias(&hub.place),
        prefix = value("prefix"),
        topic = value("topic"),
        endpoint = value("endpoint"),
        queue = value("queue"),
        visibility = hub.visibility,
        accounts = accounts.join(", "),
        organization = value("organization"),
        encrypt = values.iter().any(|(key, value)| *key == "encrypt" && value == "true"),
        key = value("key"),
    )
}

fn member_module(plan: &Plan<'_>, place: &Place) -> String {
    let name = alias(place);
    let why = match plan.only_global.contains(place) {
        true => "# Only since services without regions tell of their calls here.\n",
        false => "",
    };
    format!(
        "\n{why}module \"member_{name}\" {{
  source            = \"./member\"
  providers         = {{ aws = aws.{name} }}
  prefix            = {prefix}
  hub_bus_arn       = module.hub_{hub}.bus_arn
  heartbeat_minutes = {minutes}
  recorder          = \"{recorder}\"
}}
",
        prefix = hcl_text(&plan.options.prefix),
        hub = alias(&plan.hub_of(place).place),
        minutes = plan.heartbeat_minutes,
        recorder = plan.options.recorder.as_str(),
    )
}
