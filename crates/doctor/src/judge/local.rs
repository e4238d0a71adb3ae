//! What needs no AWS: configuration, clocks, the running service and its file.

use aws_event_cache_model::Timestamp;
use serde_json::Value;

use super::locks::own_diagnosis;
use crate::codes;
use crate::facts::{ClockFacts, Facts, ServiceFacts, ServiceGone};
use crate::finding::{Finding, Hop};

/// Less space than this on the store's disk is worth a word: the file stays below some tens of megabytes, and others fill disks quicker.
const LITTLE_SPACE: u64 = 100 << 20;

/// Differences up to here are allowed for everywhere; `docs/operating.md` says "a second or two".
const AGREES_MS: i64 = 2_000;

pub(super) fn config(doubts: &[String]) -> Vec<Finding> {
    if doubts.is_empty() {
        return vec![Finding::good(Hop::Config, codes::CONFIG_SOUND, "the file is sound")];
    }
    let todo = "look whether it is meant; docs/configuration.md explains every key";
    doubts.iter().map(|doubt| Finding::warning(Hop::Config, codes::CONFIG_DOUBTFUL, doubt.as_str(), todo)).collect()
}

pub(super) fn clocks(clocks: &[ClockFacts]) -> Vec<Finding> {
    if clocks.is_empty() {
        return vec![Finding::skipped(
            Hop::Clock,
            codes::NOT_LOOKED_AT,
            "nobody answered whose clock could be compared",
        )];
    }
    clocks.iter().map(clock).collect()
}

fn clock(clock: &ClockFacts) -> Finding {
    let certain = clock.ahead_ms.saturating_abs().saturating_sub(clock.unsure_ms).max(0);
    let way = if clock.ahead_ms < 0 { "behind" } else { "ahead of" };
    let seconds = |ms: i64| format!("{:.1}", ms as f64 / 1000.0);
    let todo = "let both machines follow NTP";
    let harmful = i64::try_from(clock.harmful.as_millis()).unwrap_or(i64::MAX);
    let off = format!("its clock is at least {} s {way} this machine's", seconds(certain));
    if certain > harmful {
        Finding::broken(Hop::Clock, codes::CLOCK_OFF, off, todo)
    } else if certain > AGREES_MS {
        Finding::warning(Hop::Clock, codes::CLOCK_OFF, off, todo)
    } else {
        let within = clock.ahead_ms.saturating_abs().saturating_add(clock.unsure_ms);
        Finding::good(Hop::Clock, codes::CLOCK_AGREES, format!("agrees to within {} s", seconds(within)))
    }
    .of(clock.whose)
}

pub(super) fn service(service: &ServiceFacts) -> Vec<Finding> {
    let (hop, server) = (Hop::Service, &service.server);
    let status = match &service.status {
        Ok(status) => status,
        Err(gone) => return vec![gone_service(server, gone)],
    };
    let text = |key: &str| status.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut findings = vec![Finding::good(
        hop,
        codes::SERVICE_ANSWERS,
        format!("{server} answers; drive mode {}, up since {}", text("mode"), text("started")),
    )];
    if !service.waiting_for.is_empty() {
        let saw = format!("it is not ready, and waits until {}", service.waiting_for.join(", "));
        let todo = "wait a minute; if it stays so, its log says why";
        findings.push(Finding::warning(hop, codes::SERVICE_NOT_READY, saw, todo));
    }
    if status.get("killed") == Some(&Value::Bool(true)) {
        let saw = "the kill switch is on: nothing is forced or held, Clouddriver polls as stock";
        let todo = "when whatever it was pulled for is over, take it back: curl -X DELETE …/v1/kill-switch";
        findings.push(Finding::warning(hop, codes::SERVICE_KILL_SWITCH, saw, todo));
    }
    let problems = status.get("problems").and_then(Value::as_array).into_iter().flatten();
    // Of Clouddriver's side the walk has its own findings, or takes the service's at the lock store.
    let told: Vec<&str> = own_diagnosis(status).map(|(_, text)| text).collect();
    findings.extend(problems.filter_map(Value::as_str).filter(|problem| !told.contains(problem)).map(|problem| {
        let todo = "docs/operating.md explains the service's own problems";
        Finding::warning(hop, codes::SERVICE_REPORTS, format!("it says itself: {problem}"), todo)
    }));
    findings
}

fn gone_service(server: &str, gone: &ServiceGone) -> Finding {
    let hop = Hop::Service;
    match gone {
        ServiceGone::Unreachable(why) => Finding::broken(
            hop,
            codes::SERVICE_UNREACHABLE,
            format!("no answer from {server}: {why}"),
            "start the service, or say where it is: --server, AWS_EVENT_CACHE_SERVER",
        ),
        ServiceGone::TokenRefused { sent: true } => Finding::broken(
            hop,
            codes::SERVICE_TOKEN_REFUSED,
            format!("{server} refuses the token"),
            "give the file of a token whose SHA-256 is in server.tokens: --token-file, AWS_EVENT_CACHE_TOKEN_FILE",
        ),
        ServiceGone::TokenRefused { sent: false } => Finding::broken(
            hop,
            codes::SERVICE_TOKEN_REFUSED,
            format!("{server} wants a token, and none was given"),
            "give the file of a token with role read: --token-file, AWS_EVENT_CACHE_TOKEN_FILE",
        ),
        ServiceGone::Odd(what) => Finding::broken(
            hop,
            codes::SERVICE_ODD,
            format!("{server} answers something else than this service: {what}"),
            "say where the service is: --server, AWS_EVENT_CACHE_SERVER",
        ),
    }
}

/// The service's own word when it answers; else what the file shows from here.
pub(super) fn store(facts: &Facts) -> Vec<Finding> {
    let (hop, store) = (Hop::Store, &facts.store);
    let path = store.path.display();
    let finding = match &facts.service.status {
        Ok(status) => match status.pointer("/store/problem").and_then(Value::as_str) {
            Some(problem) => Finding::broken(
                hop,
                codes::STORE_FAILING,
                format!("the service cannot write it: {problem}"),
                "make room or mend the disk; the service goes on by itself",
            ),
            None => {
                let commits = status.pointer("/store/commits").and_then(Value::as_u64).unwrap_or_default();
                Finding::good(
                    hop,
                    codes::STORE_SOUND,
                    format!("the service writes it: {commits} commits since its start"),
                )
            }
        },
        Err(_) if !store.is_here => {
            let why = format!("{path} is not on this machine, and the service that has it does not answer");
            Finding::skipped(hop, codes::NOT_LOOKED_AT, why)
        }
        Err(_) => match &store.unwritable {
            Some(why) => Finding::broken(
                hop,
                codes::STORE_UNWRITABLE,
                format!("{path} cannot be written: {why}"),
                "let the service's user write the folder, or set store.path to one that it may write",
            ),
            None if store.in_use => Finding::warning(
                hop,
                codes::STORE_IN_USE,
                format!("{path} is held open by a process that does not answer where the service was looked for"),
                "if it is the service, say where it listens (--server); if not, end that process (fuser FILE names it): two instances need a store each",
            ),
            None => Finding::good(hop, codes::STORE_SOUND, format!("{path} can be written")),
        },
    };
    let mut findings = vec![finding];
    if let Some(free) = store.free.filter(|free| *free < LITTLE_SPACE) {
        let saw = format!("{} MiB are left on the disk of {path}", free >> 20);
        findings.push(Finding::warning(hop, codes::STORE_LITTLE_SPACE, saw, "make room"));
    }
    findings
}

/// How long ago, for people.
pub(super) fn ago(then: &str, now: Timestamp) -> String {
    match then.parse::<Timestamp>() {
        Ok(then) => format!("{} s ago", now.duration_since(then).as_secs().max(0)),
        Err(_) => then.to_owned(),
    }
}
