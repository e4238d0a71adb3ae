//! Other clocks, by the `Date` that they put into their answers.

use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::Timestamp;
use reqwest::header::DATE;
use serde_json::Value;

use super::aws::Aws;
use crate::facts::{ClockFacts, ServiceFacts};
use crate::settings::Patient;

/// The longest that an answer is waited for; one that takes longer tells little of the time.
const CALL: Duration = Duration::from_secs(5);

/// `Date` has whole seconds.
const RESOLUTION_MS: i64 = 1_000;

/// Clouddriver compares the ends of locks with its own clock; a hold may be out by a few seconds before agents run at other times than meant.
const CLOUDDRIVER: Duration = Duration::from_secs(5);

/// By then heartbeats look late though they are not (`heartbeat.lateAfter` is a minute as shipped), or early.
const AWS: Duration = Duration::from_secs(60);

/// The status is a few milliseconds old when it comes, and asked for before everything else.
const STATUS_MS: i64 = 15_000;

pub(super) async fn clocks(
    aws: Option<&Aws>,
    patient: &Patient,
    service: &ServiceFacts,
    clock: &Clock,
) -> Vec<ClockFacts> {
    let clouddriver =
        patient.clouddriver.as_ref().map(|settings| format!("{}/health", settings.url.trim_end_matches('/')));
    let at_aws = aws.map(|aws| aws.endpoint().map_or_else(|| public(aws), str::to_owned));
    let ask = |whose, url: Option<String>, harmful| async move {
        let (ahead_ms, unsure_ms) = ahead(&url?, clock).await?;
        Some(ClockFacts { whose, ahead_ms, unsure_ms, harmful })
    };
    let (clouddriver, aws) = futures::join!(ask("Clouddriver", clouddriver, CLOUDDRIVER), ask("AWS", at_aws, AWS));
    let ours = service.status.as_ref().ok().and_then(|status| of_status(status, clock.now()));
    [clouddriver, aws, ours].into_iter().flatten().collect()
}

fn public(aws: &Aws) -> String {
    let region = aws.home().as_str();
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sts.{region}.{suffix}/")
}

/// By how much the clock behind the URL is ahead of ours, and how far that may be wrong. Any answer will do.
async fn ahead(url: &str, clock: &Clock) -> Option<(i64, i64)> {
    let http = reqwest::Client::builder().timeout(CALL).redirect(reqwest::redirect::Policy::none()).build().ok()?;
    // The first call pays for the connection, the second one tells the time.
    http.get(url).send().await.ok()?;
    let asked = clock.now();
    let answer = http.get(url).send().await.ok()?;
    let answered = clock.now();
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(compare(date, asked, answered))
}

fn compare(date: Timestamp, asked: Timestamp, answered: Timestamp) -> (i64, i64) {
    let (asked, answered) = (asked.as_millisecond(), answered.as_millisecond());
    let ours = asked.midpoint(answered);
    let theirs = date.as_millisecond().saturating_add(RESOLUTION_MS / 2);
    (theirs.saturating_sub(ours), (answered - asked) / 2 + RESOLUTION_MS / 2)
}

/// The service's own clock. It does no harm by itself: what counts is whether it agrees with the others.
fn of_status(status: &Value, now: Timestamp) -> Option<ClockFacts> {
    let then: Timestamp = status.get("now")?.as_str()?.parse().ok()?;
    let ahead_ms = then.as_millisecond().saturating_sub(now.as_millisecond());
    Some(ClockFacts { whose: "the service", ahead_ms, unsure_ms: STATUS_MS, harmful: Duration::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_compared_with_the_middle_of_the_call() {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        // Asked at 10.0 s, answered at 10.4 s, "10 s" by the other clock: within its half second and half the call.
        assert_eq!(compare(at(10_000), at(10_000), at(10_400)), (300, 700));
        assert_eq!(compare(at(70_000), at(10_000), at(10_000)), (60_500, 500));
    }
}
