//! EventBridge: whether enabled rules lead to us, one of them as a heartbeat, and whether they let through what announces changes of the kinds in use.

use super::aws::{can_look, unseen, without_credentials};
use crate::codes;
use crate::facts::{Facts, KindEvents, PlaceFacts, RuleFacts, RulesFacts};
use crate::finding::{Finding, Hop};
use crate::pattern::passes;
use crate::tri::Tri;

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    if !can_look(facts) {
        return vec![without_credentials(Hop::Rules)];
    }
    let of = |place: &PlaceFacts| {
        let findings = match &place.rules {
            Err(why) => unseen(Hop::Rules, why).into_iter().collect(),
            Ok(rules) => of_rules(rules, &place.kinds),
        };
        findings.into_iter().map(|finding| finding.of(facts.title(&place.place))).collect::<Vec<_>>()
    };
    facts.places.iter().flat_map(of).collect()
}

fn of_rules(rules: &RulesFacts, kinds: &[KindEvents]) -> Vec<Finding> {
    let hop = Hop::Rules;
    if rules.feeding.is_empty() {
        let saw = "no rule of the default event bus has a topic or queue of the service as its target";
        let todo = "put the rules of docs/aws-setup.md here; aws-event-cache aws-setup prints them";
        return vec![Finding::broken(hop, codes::RULES_MISSING, saw, todo)];
    }
    let at_hubs = rules.hubs.iter().flat_map(|hub| &hub.feeding);
    let (on, off): (Vec<&RuleFacts>, Vec<&RuleFacts>) =
        rules.feeding.iter().chain(at_hubs).partition(|rule| rule.enabled);
    let mut findings: Vec<Finding> = off.iter().map(|rule| disabled(rule)).collect();
    findings.extend(rules.hubs.iter().filter(|hub| hub.feeding.is_empty()).map(|hub| {
        let saw = format!("rules forward to {}, and no rule of that bus leads to the service", hub.bus);
        let todo = "put a rule on that bus whose target is the topic or queue, as docs/aws-setup.md shows";
        Finding::broken(hop, codes::RULES_MISSING, saw, todo)
    }));
    if !rules.feeding.iter().any(|rule| rule.schedule.is_some() || rule.bus.is_some()) {
        findings.push(Finding::warning(
            hop,
            codes::HEARTBEAT_RULE_MISSING,
            "no scheduled rule leads to the service: its silence cannot be told from quiet",
            "add the heartbeat rule of docs/aws-setup.md",
        ));
    }
    // What a disabled rule would let through is told by its being disabled.
    let missed: Vec<&str> =
        kinds.iter().filter(|kind| !announced(kind, rules)).map(|kind| kind.kind.as_str()).collect();
    if !missed.is_empty() {
        let saw = format!("no rule lets through what announces changes of: {}", missed.join(", "));
        let todo = "widen the event patterns as docs/aws-setup.md shows, or leave these kinds to polling (unwatched)";
        findings.push(Finding::warning(hop, codes::RULES_MISS_KINDS, saw, todo));
    }
    if findings.is_empty() {
        let names: Vec<String> = on.iter().map(|rule| led(rule, rules)).collect();
        findings.push(Finding::good(hop, codes::RULES_FEED, format!("enabled: {}", names.join(", "))));
    }
    findings
}

fn led(rule: &RuleFacts, rules: &RulesFacts) -> String {
    match &rule.bus {
        Some(bus) if rules.hubs.iter().any(|hub| hub.bus == *bus) => format!("{} (to {bus})", rule.name),
        Some(bus) => format!("{} (to {bus}, which belongs to another account and was not looked at)", rule.name),
        None => rule.name.clone(),
    }
}

fn disabled(rule: &RuleFacts) -> Finding {
    let saw = format!("rule {} leads to the service and is disabled", rule.name);
    Finding::broken(Hop::Rules, codes::RULE_DISABLED, saw, format!("aws events enable-rule --name {}", rule.name))
}

/// Whether some event that announces the kind passes some rule, and, where that forwards, one of the bus's. A pattern that is not understood gets the benefit of the doubt.
fn announced(kind: &KindEvents, rules: &RulesFacts) -> bool {
    let lets = |rule: &RuleFacts, event| rule.pattern.as_ref().is_some_and(|pattern| passes(pattern, event) != Tri::No);
    let beyond = |rule: &RuleFacts, event| match rules.hubs.iter().find(|hub| rule.bus.as_ref() == Some(&hub.bus)) {
        // A bus without any rule is told of by itself.
        Some(hub) => hub.feeding.is_empty() || hub.feeding.iter().any(|rule| lets(rule, event)),
        None => true,
    };
    kind.events.iter().any(|event| rules.feeding.iter().any(|rule| lets(rule, event) && beyond(rule, event)))
}
