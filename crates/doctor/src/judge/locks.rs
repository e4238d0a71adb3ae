//! The lock store: the driver's own diagnosis, and whether we may write there.

use std::collections::BTreeMap;

use aws_event_cache_clouddriver::diagnose::{Evidence, Severity, diagnose};
use serde_json::Value;

use crate::codes;
use crate::facts::Facts;
use crate::finding::{Finding, Hop};

/// Where the ways to give access are written.
const ACCESS: &str = "docs/operating.md, \"Access to the lock store\", says what is needed";

pub(super) fn locks(facts: &Facts) -> Vec<Finding> {
    let (hop, locks) = (Hop::LockStore, &facts.locks);
    if locks.configured.is_some() && locks.seen.is_none() {
        return by_the_service(facts);
    }
    let problems = diagnose(&Evidence {
        has_lock_store: locks.configured.is_some(),
        facts: locks.seen.iter().cloned().collect(),
        // That there are no accounts is told at Clouddriver.
        agents: 1,
        // So is that introspection cannot be read.
        runs: facts.clouddriver.runs.as_ref().and_then(|runs| runs.as_ref().ok()).map(|runs| Ok(runs.clone())),
        odd_intervals: BTreeMap::new(),
        now: facts.now,
    });
    let mut findings: Vec<Finding> = problems
        .iter()
        .filter_map(|problem| match problem.severity {
            Severity::Error => Some(Finding::broken(hop, codes::LOCK_STORE_PROBLEM, problem.text.as_str(), ACCESS)),
            Severity::Warning => Some(Finding::warning(hop, codes::LOCK_STORE_PROBLEM, problem.text.as_str(), ACCESS)),
            Severity::Info => None,
        })
        .collect();
    // A store that is known to be the wrong one, or not to answer, refuses as a matter of course.
    if !findings.iter().any(Finding::is_broken) {
        findings.extend(locks.denied.iter().map(|denied| {
            Finding::broken(
                hop,
                codes::LOCK_STORE_DENIED,
                format!("locks can be read, but not written: {denied}"),
                ACCESS,
            )
        }));
    }
    if let (true, Some(Ok(seen))) = (findings.is_empty(), &locks.seen) {
        let saw = if seen.asked == 0 {
            format!("{} answers; no agent is known, so its locks were not judged", seen.store)
        } else {
            format!(
                "{}: {} of {} agents have a lock, {} of them held by the service",
                seen.store, seen.locked, seen.asked, seen.ours
            )
        };
        findings.push(Finding::good(hop, codes::LOCK_STORE_SOUND, saw));
    }
    findings
}

/// The bridge plugin is only reached by the running service, whose own diagnosis is taken.
fn by_the_service(facts: &Facts) -> Vec<Finding> {
    let hop = Hop::LockStore;
    let Ok(status) = &facts.service.status else {
        let why = "agents are run by the bridge plugin, of which only the service can tell, and it cannot be asked";
        return vec![Finding::skipped(hop, codes::NOT_LOOKED_AT, why)];
    };
    let diagnosis: Vec<(&str, &str)> = own_diagnosis(status).collect();
    let todo = "look at the plugin in Clouddriver: is it loaded, and does it have the service's URL and secret?";
    let mut findings: Vec<Finding> = diagnosis
        .iter()
        .filter_map(|(severity, text)| match *severity {
            "error" => Some(Finding::broken(hop, codes::LOCK_STORE_PROBLEM, *text, todo)),
            "warning" => Some(Finding::warning(hop, codes::LOCK_STORE_PROBLEM, *text, todo)),
            _ => None,
        })
        .collect();
    if findings.is_empty() {
        let saw = "agents are run by the bridge plugin; the service's own diagnosis found nothing wrong";
        findings.push(Finding::good(hop, codes::LOCK_STORE_SOUND, saw));
    }
    findings
}

/// What the service's last diagnosis of Clouddriver's side found: severity and text.
pub(super) fn own_diagnosis(status: &Value) -> impl Iterator<Item = (&str, &str)> {
    let all = status.pointer("/parts/clouddriver").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|problem| Some((problem.get("severity")?.as_str()?, problem.get("text")?.as_str()?)))
}
