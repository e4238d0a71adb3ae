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
    let (on, off): (Vec<&RuleFacts>, Vec<&RuleFacts>) = rules.feeding.iter().partition(|rule| rule.enabled);
    let mut findings: Vec<Finding> = off.iter().map(|rule| disabled(rule)).collect();
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
        kinds.iter().filter(|kind| !announced(kind, &rules.feeding)).map(|kind| kind.kind.as_str()).collect();
    if !missed.is_empty() {
        let saw = format!("no rule lets through what announces changes of: {}", missed.join(", "));
        let todo = "widen the event patterns as docs/aws-setup.md shows, or leave these kinds to polling (unwatched)";
        findings.push(Finding::warning(hop, codes::RULES_MISS_KINDS, saw, todo));
    }
    if findings.is_empty() {
        let names: Vec<String> = on.iter().map(|rule| led(rule)).collect();
        findings.push(Finding::good(hop, codes::RULES_FEED, format!("enabled: {}", names.join(", "))));
    }
    findings
}

fn led(rule: &RuleFacts) -> String {
    match &rule.bus {
        Some(bus) => format!("{} (to {bus}; what happens there is not looked at)", rule.name),
        None => rule.name.clone(),
    }
}

fn disabled(rule: &RuleFacts) -> Finding {
    let saw = format!("rule {} leads to the service and is disabled", rule.name);
    Finding::broken(Hop::Rules, codes::RULE_DISABLED, saw, format!("aws events enable-rule --name {}", rule.name))
}

/// Whether some event that announces the kind passes some rule. A pattern that is not understood gets the benefit of the doubt.
fn announced(kind: &KindEvents, rules: &[RuleFacts]) -> bool {
    let patterns = rules.iter().filter_map(|rule| rule.pattern.as_ref());
    patterns.into_iter().any(|pattern| kind.events.iter().any(|event| passes(pattern, event) != Tri::No))
}
