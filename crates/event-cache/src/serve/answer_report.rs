//! What the answer arm says of itself in `GET /v1/answer` and in the status.

use std::time::Duration;

use aws_event_cache_model::{AnswerMode, Timestamp};
use serde_json::{Value, json};

use super::answer::Arm;

/// After this time without a single request somebody has probably set up a proxy that clients pass by.
const QUIET: Duration = Duration::from_secs(600);

/// An authority that ends sooner is complained of: clients need time to get the next root.
const AUTHORITY_DAYS: i64 = 90;

/// Everything: modes, cache, and what observing showed.
pub(super) fn whole(arm: &Arm) -> Value {
    let said = arm.said.read().clone();
    json!({
        "mode": said.mode.as_str(),
        "passes": said.passes,
        "listen": arm.address(),
        "started": arm.started,
        "authorityDays": arm.authority_days(),
        "problems": problems(arm),
        "cache": serde_json::to_value(arm.report()).unwrap_or_default(),
    })
}

/// In the status: enough to see whether all is well.
pub(super) fn brief(arm: &Arm) -> Value {
    let total = arm.books().total;
    let said = arm.said.read().clone();
    json!({
        "mode": said.mode.as_str(),
        "passes": said.passes,
        "listen": arm.address(),
        "asked": total.asked,
        "made": total.made,
        "avoided": total.avoided,
        "throttled": total.throttled,
        "hitShare": share(total.hits + total.stale_hits + total.collapsed, total.asked),
    })
}

fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| (1_000.0 * part as f64 / of as f64).round() / 1_000.0)
}

/// What is wrong, in plain words.
pub(super) fn problems(arm: &Arm) -> Vec<String> {
    let said = arm.said.read().clone();
    let mut problems = said.problems;
    problems.extend(said.passes.map(|why| format!("the answer arm passes everything: {why}")));
    problems.extend(quiet(arm.books().total.asked, arm.looking_since(), arm.now()));
    problems.extend(blind(said.mode, arm.has_authority()));
    problems.extend(arm.authority_days().filter(|days| *days < AUTHORITY_DAYS).map(|days| {
        match days {
            ..0 => {
                "the proxy's certificate authority has ended, so TLS through it fails; run aws-event-cache ca rotate"
                    .to_owned()
            }
            days => format!("the proxy's certificate authority ends in {days} days; run aws-event-cache ca rotate"),
        }
    }));
    problems
}

/// Clients that speak TLS are tunnelled unseen without an authority: not only is nothing saved, but what they write marks nothing.
fn blind(mode: AnswerMode, has_authority: bool) -> Option<String> {
    (mode == AnswerMode::Serve && !has_authority).then(|| {
        "answers are served without answer.ca: writes of clients that speak TLS to AWS through CONNECT pass unseen, and what they change is read anew only when an event tells of it or its age ends; run aws-event-cache ca init, or see to it that all of them use plain HTTP to the proxy"
            .to_owned()
    })
}

fn quiet(asked: u64, looking_since: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let since = Duration::try_from(now.duration_since(looking_since?)).unwrap_or_default();
    (asked == 0 && since >= QUIET).then(|| {
        "no request has reached the proxy: check aws.proxy.proxyHost and proxyPort in Clouddriver, and that neither -Dhttp.nonProxyHosts nor NO_PROXY covers amazonaws.com"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_nobody_uses_is_told_of_after_a_while_with_what_to_look_at() {
        let started: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        let later = |seconds: u64| started.saturating_add(Duration::from_secs(seconds)).unwrap();
        assert_eq!(quiet(0, Some(started), later(599)), None);
        assert!(quiet(0, Some(started), later(600)).unwrap().contains("nonProxyHosts"));
        assert_eq!(quiet(1, Some(started), later(6_000)), None);
        assert_eq!(quiet(0, None, later(6_000)), None, "what passes unseen is not counted");
    }

    #[test]
    fn who_serves_without_an_authority_is_told_what_passes_unseen() {
        assert!(blind(AnswerMode::Serve, false).unwrap().contains("answer.ca"));
        assert_eq!((blind(AnswerMode::Serve, true), blind(AnswerMode::Observe, false)), (None, None));
    }

    #[test]
    fn a_share_of_nothing_is_none() {
        assert_eq!((share(0, 0), share(2, 3)), (None, Some(0.667)));
    }
}
