//! EventBridge's rules in one region that lead to us.

use aws_event_cache_model::Region;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::Rule;
use futures::StreamExt;
use futures::stream;

use super::aws::{Aws, PAGES, unseen};
use crate::facts::{RuleFacts, RulesFacts, Seen, Unseen};

/// How many rules are asked for their targets at a time, where none leads to us directly.
const AT_A_TIME: usize = 4;

/// How many rules are asked for their targets at most: at a few calls each second that EventBridge allows, what fits into the patience.
const RULES: usize = 200;

pub(super) async fn rules(aws: &Aws, region: &Region, feeds: &[String]) -> Seen<RulesFacts> {
    let client = aws.events(region);
    let here: Vec<&String> = feeds.iter().filter(|feed| feed.split(':').nth(3) == Some(region.as_str())).collect();
    let mut feeding = match direct(&client, &here).await {
        // Without that one permission the long way is gone.
        Err(Unseen::Denied(_)) => Vec::new(),
        other => other?,
    };
    if feeding.is_empty() {
        feeding = by_their_targets(&client, &here).await?;
    }
    Ok(RulesFacts { feeding })
}

/// The short way: EventBridge knows which rules have a target.
async fn direct(client: &Client, feeds: &[&String]) -> Seen<Vec<RuleFacts>> {
    let mut feeding: Vec<RuleFacts> = Vec::new();
    for feed in feeds {
        for name in names_by_target(client, feed).await? {
            if !feeding.iter().any(|rule| rule.name == name) {
                feeding.push(described(client, name).await?);
            }
        }
    }
    Ok(feeding)
}

async fn names_by_target(client: &Client, feed: &str) -> Seen<Vec<String>> {
    let (mut names, mut token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = client.list_rule_names_by_target().target_arn(feed).set_next_token(token).send().await;
        let page = page.map_err(|e| unseen(&e, "events:ListRuleNamesByTarget"))?;
        names.extend(page.rule_names.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(names)
}

async fn described(client: &Client, name: String) -> Seen<RuleFacts> {
    let rule = client.describe_rule().name(&name).send().await.map_err(|e| unseen(&e, "events:DescribeRule"))?;
    Ok(RuleFacts {
        name,
        enabled: is_enabled(rule.state().map(|state| state.as_str())),
        pattern: rule.event_pattern().and_then(|text| serde_json::from_str(text).ok()),
        schedule: rule.schedule_expression().filter(|text| !text.is_empty()).map(str::to_owned),
        bus: None,
    })
}

/// There are two words for it: `ENABLED`, and `ENABLED_WITH_…` for one that also gets read-only calls.
fn is_enabled(state: Option<&str>) -> bool {
    state.is_some_and(|state| state.starts_with("ENABLED"))
}

/// The long way: every rule's targets. It also finds rules that forward to another event bus, a hub's, from which events may well reach us.
async fn by_their_targets(client: &Client, feeds: &[&String]) -> Seen<Vec<RuleFacts>> {
    let (mut rules, mut token): (Vec<Rule>, _) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = client.list_rules().set_next_token(token).send().await;
        let page = page.map_err(|e| unseen(&e, "events:ListRules"))?;
        rules.extend(page.rules.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let too_many = rules.len() > RULES;
    let found =
        stream::iter(rules.into_iter().take(RULES)).map(|rule| leading(client, rule, feeds)).buffered(AT_A_TIME);
    let found: Vec<Seen<Option<RuleFacts>>> = found.collect().await;
    let found: Vec<RuleFacts> = found.into_iter().filter_map(Result::transpose).collect::<Seen<_>>()?;
    if found.is_empty() && too_many {
        return Err(Unseen::Failed(format!("there are more than {RULES} rules, of which only these were looked at")));
    }
    Ok(found)
}

async fn leading(client: &Client, rule: Rule, feeds: &[&String]) -> Seen<Option<RuleFacts>> {
    let name = rule.name().unwrap_or_default().to_owned();
    let targets = client.list_targets_by_rule().rule(&name).send().await;
    let targets = targets.map_err(|e| unseen(&e, "events:ListTargetsByRule"))?;
    let mut targets = targets.targets().iter().map(|target| target.arn());
    let feeds_us = targets.clone().any(|arn| feeds.iter().any(|feed| feed.as_str() == arn));
    let bus = targets.find(|arn| arn.contains(":event-bus/")).filter(|_| !feeds_us).map(str::to_owned);
    let leads = feeds_us || bus.is_some();
    Ok(leads.then(|| RuleFacts {
        enabled: is_enabled(rule.state().map(|state| state.as_str())),
        pattern: rule.event_pattern().and_then(|text| serde_json::from_str(text).ok()),
        schedule: rule.schedule_expression().filter(|text| !text.is_empty()).map(str::to_owned),
        bus,
        name,
    }))
}
