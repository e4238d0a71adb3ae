//! CloudFormation: a template for hubs, one for members, and the commands that deploy both.

use aws_event_cache_model::{AccountId, Region};

use crate::document::Document;
use crate::hub::Hub;
use crate::options::Key;
use crate::pattern::yaml;
use crate::plan::Plan;
use crate::rules::ForwardRule;
use crate::template::fill;

const HUB: &str = include_str!("../templates/hub.yaml");
const MEMBER: &str = include_str!("../templates/member.yaml");

/// `hub.yaml`, `member.yaml` and `deploy.sh`. The templates' parameters have the values of the first hub; `deploy.sh` gives each hub its own.
pub fn cloudformation(plan: &Plan<'_>) -> Vec<Document> {
    vec![
        Document::new("hub.yaml", hub(plan, &plan.hubs[0])),
        Document::new("member.yaml", member(plan, &plan.hubs[0])),
        Document::new("deploy.sh", deploy(plan)),
    ]
}

fn hub(plan: &Plan<'_>, hub: &Hub) -> String {
    let accounts: Vec<&str> = plan.accounts_of(hub).into_iter().map(AccountId::as_str).collect();
    let mut values = hub_values(plan, hub);
    values.push(("accounts", accounts.join(",")));
    values.extend(common());
    fill(HUB, &values)
}

/// What templates of both sorts say of a hub.
pub(crate) fn hub_values(plan: &Plan<'_>, hub: &Hub) -> Vec<(&'static str, String)> {
    let options = &plan.options;
    let key = match &options.key {
        Key::Existing(arn) => arn.clone(),
        Key::Create | Key::None => String::new(),
    };
    vec![
        ("prefix", options.prefix.clone()),
        ("topic", hub.topic.clone().unwrap_or_default()),
        ("endpoint", hub.topic.as_ref().and(options.endpoint.clone()).unwrap_or_default()),
        ("queue", hub.queue.clone().unwrap_or_default()),
        ("visibility", hub.visibility.to_string()),
        ("organization", options.organization.clone().unwrap_or_default()),
        ("encrypt", (options.key != Key::None).to_string()),
        ("key", key),
    ]
}

/// Written out wherever they are needed, since CloudFormation knows no YAML aliases.
fn common() -> [(&'static str, String); 2] {
    [
        ("tags", "[{Key: application, Value: aws-event-cache}]".to_owned()),
        ("retry", "{MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 185}".to_owned()),
    ]
}

const TARGET: &str = "- Id: hub
  Arn: !Ref HubBusArn
  RoleArn: !GetAtt ForwardRole.Arn
  DeadLetterConfig: {Arn: !GetAtt Undelivered.Arn}
  RetryPolicy: {MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 185}";

fn member(plan: &Plan<'_>, hub: &Hub) -> String {
    let rules: Vec<String> = plan.rules.iter().map(rule).collect();
    let mut values = vec![
        ("bus", hub.bus_arn(&plan.options.prefix)),
        ("prefix", plan.options.prefix.clone()),
        ("heartbeat", plan.heartbeat_minutes.to_string()),
        ("recorder", plan.options.recorder.as_str().to_owned()),
        ("target", TARGET.to_owned()),
        ("rules", rules.join("\n")),
        ("recorded", recorded(plan)),
    ];
    values.extend(common());
    fill(MEMBER, &values)
}

fn rule(rule: &ForwardRule) -> String {
    let mut lines = vec![format!("{}:", logical_id(&rule.id)), "  Type: AWS::Events::Rule".to_owned()];
    lines.extend(rule.config.then(|| "  Condition: UsesConfig".to_owned()));
    lines.push("  Properties:".to_owned());
    lines.push(format!("    Name: !Sub \"${{Prefix}}-{}\"", rule.id));
    lines.push(format!("    Description: {}", serde_json::Value::from(rule.description.as_str())));
    lines.push("    State: ENABLED".to_owned());
    lines.push("    EventPattern:".to_owned());
    lines.extend(yaml(&rule.pattern).into_iter().map(|line| format!("      {line}")));
    lines.push("    Targets:".to_owned());
    lines.extend(TARGET.lines().map(|line| format!("      {line}")));
    lines.push(String::new());
    lines.join("\n")
}

/// `WritesEc2`: CloudFormation takes letters and digits.
fn logical_id(id: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    id.split(|c: char| !c.is_ascii_alphanumeric()).map(capital).collect()
}

fn recorded(plan: &Plan<'_>) -> String {
    let (regional, global) = plan.config_types();
    let list = |types: &mut dyn Iterator<Item = &&str>| types.map(|name| format!("    - {name}\n")).collect::<String>();
    let everything = list(&mut regional.iter().chain(&global)).replacen("    -", "  - -", 1);
    let regional = list(&mut regional.iter()).replacen("    -", "  - -", 1);
    format!("ResourceTypes: !If\n  - RecordsGlobal\n{everything}{regional}")
}

/// The commands, hub by hub.
fn deploy(plan: &Plan<'_>) -> String {
    let mut text = DEPLOY_HEAD.to_owned();
    text.push_str(&remarks(plan));
    for (n, hub) in plan.hubs.iter().enumerate() {
        // The first keeps the plain name, so that the usual set-up with one hub reads simply.
        let suffix = if n == 0 { String::new() } else { format!("-{}", hub.place.region) };
        text.push_str(&deploy_hub(plan, hub, &suffix));
    }
    text
}

const DEPLOY_HEAD: &str = "#!/usr/bin/env bash
# Deploys AWS Event Cache's hub and members. Read it before you run it: it is a list of commands to be adapted, not a tool.
# Needs the AWS CLI and credentials of each hub's account. The StackSet has self-managed permissions: it wants the roles
# AWSCloudFormationStackSetAdministrationRole in the hub's account and AWSCloudFormationStackSetExecutionRole in every member's.
# For an organization's own permissions create it with --permission-model SERVICE_MANAGED --auto-deployment Enabled=false from the management
# account, and name the members by --deployment-targets OrganizationalUnitIds=...,Accounts=...,AccountFilterType=INTERSECTION.
set -euo pipefail
cd \"$(dirname \"$0\")\"
";

fn remarks(plan: &Plan<'_>) -> String {
    let mut text = String::new();
    if plan.discovers {
        text.push_str(
            "\n# Clouddriver may know more accounts and regions than the configuration lists: add them to the lists below,\n\
             # and their accounts to the hub's Accounts (or give it an OrganizationId).\n",
        );
    }
    if !plan.only_global.is_empty() {
        let places: Vec<String> =
            plan.only_global.iter().map(|place| format!("{} in {}", place.account, place.region)).collect();
        text.push_str(&format!(
            "\n# Only since services without regions tell of their calls there: {}.\n",
            places.join(", ")
        ));
    }
    text
}

fn deploy_hub(plan: &Plan<'_>, hub: &Hub, suffix: &str) -> String {
    let prefix = &plan.options.prefix;
    let region = &hub.place.region;
    let accounts: Vec<&str> = plan.accounts_of(hub).into_iter().map(AccountId::as_str).collect();
    let mut parameters: Vec<String> = [
        ("TopicName", "topic"),
        ("Endpoint", "endpoint"),
        ("QueueName", "queue"),
        ("QueueVisibilitySeconds", "visibility"),
    ]
    .iter()
    .map(|(parameter, of)| {
        let values = hub_values(plan, hub);
        let value = values.iter().find(|(key, _)| key == of).map(|(_, value)| value.as_str()).unwrap_or_default();
        format!("{parameter}={value}")
    })
    .collect();
    parameters.push(format!("Accounts={}", accounts.join(",")));
    let mut text = format!(
        "\n# The hub, in account {}.\naws cloudformation deploy --region {region} --stack-name {prefix}-hub --template-file hub.yaml \\\n  \
         --capabilities CAPABILITY_IAM --tags application=aws-event-cache \\\n  --parameter-overrides {}\n",
        hub.place.account,
        parameters.join(" ")
    );
    let groups = plan.groups_of(hub);
    if groups.is_empty() {
        return text;
    }
    text.push_str(&format!(
        "\n# Its members.\naws cloudformation create-stack-set --region {region} --stack-set-name {prefix}-members{suffix} --template-body file://member.yaml \\\n  \
         --capabilities CAPABILITY_IAM --tags Key=application,Value=aws-event-cache \\\n  \
         --parameters ParameterKey=HubBusArn,ParameterValue={}\n",
        hub.bus_arn(prefix)
    ));
    for (accounts, regions) in groups {
        text.push_str(&stack_instances(&format!("{prefix}-members{suffix}"), region, &accounts, &regions));
    }
    text
}

/// One at a time for a StackSet, which refuses a second operation while the first runs: so each is waited for.
fn stack_instances(set: &str, home: &Region, accounts: &[&AccountId], regions: &[&Region]) -> String {
    let accounts: Vec<&str> = accounts.iter().map(|account| account.as_str()).collect();
    let regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
    format!(
        "operation=$(aws cloudformation create-stack-instances --region {home} --stack-set-name {set} \\\n  \
         --accounts {} \\\n  --regions {} \\\n  \
         --operation-preferences RegionConcurrencyType=PARALLEL,MaxConcurrentPercentage=100 --query OperationId --output text)\n\
         until aws cloudformation describe-stack-set-operation --region {home} --stack-set-name {set} --operation-id \"$operation\" \\\n  \
         --query StackSetOperation.Status --output text | tee /dev/stderr | grep -qE 'SUCCEEDED|FAILED|STOPPED'; do sleep 10; done\n",
        accounts.join(" "),
        regions.join(" ")
    )
}
