//! EventBridge's rules in one region that lead to us.

use aws_event_cache_model::{Place, Region};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::Rule;
use futures::StreamExt;
use futures::stream;

use super::aws::{Aws, PAGES, unseen};
use crate::facts::{HubFacts, RuleFacts, RulesFacts, Seen, Unseen};

/// How many rules are asked for their targets at a time, where none leads to us directly.
const AT_A_TIME: usize = 4;

/// How many rules are asked for their targets at most: at a few calls each second that EventBridge allows, what fits into the patience.
const RULES: usize = 200;

pub(super) async fn rules(aws: &Aws, place: &Place, feeds: &[String]) -> Seen<RulesFacts> {
    let client = aws.events(&place.region);
    let here = in_region(feeds, place.region.as_str());
    let mut feeding = match direct(&client, None, &here).await {
        // Without that one permission the long way is gone.
        Err(Unseen::Denied(_)) => Vec::new(),
        other => other?,
    };
    if feeding.is_empty() {
        feeding = by_their_targets(&client, None, &here).await?;
    }
    let mut hubs: Vec<HubFacts> = Vec::new();
    for bus in feeding.iter().filter_map(|rule| rule.bus.clone()) {
        if hubs.iter().all(|hub| hub.bus != bus) {
            hubs.extend(hub(aws, place, bus, feeds).await?);
        }
    }
    Ok(RulesFacts { feeding, hubs })
}

fn in_region<'a>(feeds: &'a [String], region: &str) -> Vec<&'a String> {
    feeds.iter().filter(|feed| feed.split(':').nth(3) == Some(region)).collect()
}

/// The rules of a bus to which others forward; `None` for one of another account, at which these credentials cannot look.
async fn hub(aws: &Aws, place: &Place, bus: String, feeds: &[String]) -> Seen<Option<HubFacts>> {
    let parts: Vec<&str> = bus.split(':').collect();
    let (Some(region), Some(account)) = (parts.get(3), parts.get(4)) else { return Ok(None) };
    let Some(at) = Region::new(region).ok().filter(|_| *account == place.account.as_str()) else { return Ok(None) };
    let (client, there) = (aws.events(&at), in_region(feeds, region));
    let feeding = match direct(&client, Some(&bus), &there).await {
        Err(Unseen::Denied(_)) => by_their_targets(&client, Some(&bus), &there).await?,
        other => other?,
    };
    let feeding = feeding.into_iter().filter(|rule| rule.target.is_some()).collect();
    Ok(Some(HubFacts { bus, feeding }))
}

/// The short way: EventBridge knows which rules of a bus have a target.
async fn direct(client: &Client, bus: Option<&str>, feeds: &[&String]) -> Seen<Vec<RuleFacts>> {
    let mut feeding: Vec<RuleFacts> = Vec::new();
    for feed in feeds {
        for name in names_by_target(client, bus, feed).await? {
            if !feeding.iter().any(|rule| rule.name == name) {
                feeding.push(described(client, bus, name, feed).await?);
            }
        }
    }
    Ok(feeding)
}

async fn names_by_target(client: &Client, bus: Option<&str>, feed: &str) -> Seen<Vec<String>> {
    let (mut names, mut token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let call = client.list_rule_names_by_target().target_arn(feed).set_next_token(token);
        let page = call.set_event_bus_name(bus.map(str::to_owned)).send().await;
        let page = page.map_err(|e| unseen(&e, "events:ListRuleNamesByTarget"))?;
        names.extend(page.rule_names.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(names)
}

async fn described(client: &Client, bus: Option<&str>, name: String, feed: &str) -> Seen<RuleFacts> {
    let call = client.describe_rule().name(&name).set_event_bus_name(bus.map(str::to_owned));
    let rule = call.send().await.map_err(|e| unseen(&e, "events:DescribeRule"))?;
    Ok(RuleFacts {
        name,
        arn: rule.arn().unwrap_or_default().to_owned(),
        enabled: is_enabled(rule.state().map(|state| state.as_str())),
        target: Some(feed.to_owned()),
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
async fn by_their_targets(client: &Client, bus: Option<&str>, feeds: &[&String]) -> Seen<Vec<RuleFacts>> {
    let (mut rules, mut token): (Vec<Rule>, _) = (Vec::new(), None);
    for _ in 0..PAGES {
        let call = client.list_rules().set_next_token(token).set_event_bus_name(bus.map(str::to_owned));
        let page = call.send().await.map_err(|e| unseen(&e, "events:ListRules"))?;
        rules.extend(page.rules.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let too_many = rules.len() > RULES;
    let look = |rule| leading(client, bus, rule, feeds);
    let found: Vec<Seen<Option<RuleFacts>>> =
        stream::iter(rules.into_iter().take(RULES)).map(look).buffered(AT_A_TIME).collect().await;
    let found: Vec<RuleFacts> = found.into_iter().filter_map(Result::transpose).collect::<Seen<_>>()?;
    if found.is_empty() && too_many {
        return Err(Unseen::Failed(format!("there are more than {RULES} rules, of which only these were looked at")));
    }
    Ok(found)
}

async fn leading(client: &Client, bus: Option<&str>, rule: Rule, feeds: &[&String]) -> Seen<Option<RuleFacts>> {
    let name = rule.name().unwrap_or_default().to_owned();
    let targets = client.list_targets_by_rule().rule(&name).set_event_bus_name(bus.map(str::to_owned)).send().await;
    let targets = targets.map_err(|e| unseen(&e, "events:ListTargetsByRule"))?;
    let arns: Vec<&str> = targets.targets().iter().map(|target| target.arn()).collect();
    let target = feeds.iter().find(|feed| arns.contains(&feed.as_str())).map(|feed| (*feed).clone());
    let forwards = arns.iter().find(|arn| arn.contains(":event-bus/")).map(|arn| (*arn).to_owned());
    let forwards = forwards.filter(|_| target.is_none());
    if target.is_none() && forwards.is_none() {
        return Ok(None);
    }
    Ok(Some(RuleFacts {
        arn: rule.arn().unwrap_or_default().to_owned(),
        enabled: is_enabled(rule.state().map(|state| state.as_str())),
        target,
        pattern: rule.event_pattern().and_then(|text| serde_json::from_str(text).ok()),
        schedule: rule.schedule_expression().filter(|text| !text.is_empty()).map(str::to_owned),
        bus: forwards,
        name,
    }))
}
