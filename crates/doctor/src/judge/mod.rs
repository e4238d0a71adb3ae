//! From facts to findings. Each function looks at one hop and knows nothing of the others; only [`follow`] joins them, so that a consequence is not told as a cause.

mod aws;
mod clouddriver;
mod endpoint;
mod heartbeat;
mod local;
mod locks;
mod queue;
mod recorder;
mod rules;
mod subscription;
#[cfg(test)]
mod tests;
mod topic;

use crate::codes;
use crate::facts::Facts;
use crate::finding::{Finding, Hop, Report, Verdict};

/// Judges everything.
pub(crate) fn judge(facts: &Facts) -> Report {
    let mut findings = local::config(&facts.doubts);
    findings.extend(local::clocks(&facts.clocks));
    findings.extend(aws::credentials(facts));
    findings.extend(recorder::recorders(facts));
    findings.extend(rules::rules(facts));
    findings.extend(topic::topics(facts));
    findings.extend(subscription::subscriptions(facts));
    findings.extend(queue::queues(facts));
    findings.extend(endpoint::endpoint(facts));
    findings.extend(local::service(&facts.service));
    findings.extend(local::store(facts));
    findings.extend(heartbeat::heartbeats(facts));
    findings.extend(endpoint::end_to_end(facts));
    findings.extend(locks::locks(facts));
    findings.extend(clouddriver::clouddriver(&facts.clouddriver));
    follow(&mut findings);
    Report::new(findings)
}

/// A configuration with mistakes: nothing else can be looked at.
pub(crate) fn unreadable(mistakes: &[String]) -> Report {
    let mistake = |mistake: &String| {
        let todo = "mend it; aws-event-cache check-config --config FILE tells every mistake with its place";
        Finding::broken(Hop::Config, codes::CONFIG_MISTAKE, mistake.as_str(), todo)
    };
    let rest = Hop::ALL.into_iter().filter(|hop| *hop != Hop::Config);
    let rest = rest.map(|hop| Finding::skipped(hop, codes::NOT_LOOKED_AT, "the configuration has mistakes"));
    Report::new(mistakes.iter().map(mistake).chain(rest).collect())
}

/// Silence and lost messages are what is seen of a break further up. Where one was found, it is told once, at its place.
fn follow(findings: &mut [Finding]) {
    let broken: Vec<(Hop, String)> =
        findings.iter().filter(|f| f.is_broken()).map(|f| (f.hop, f.subject.clone())).collect();
    let any =
        |hops: &[Hop]| broken.iter().filter(|(hop, _)| hops.contains(hop)).map(|(hop, _)| *hop).collect::<Vec<_>>();
    let of_all = any(&[Hop::Topic, Hop::Subscription, Hop::Queue, Hop::Endpoint]);
    for finding in findings.iter_mut().filter(|finding| finding.is_broken()) {
        let causes: Vec<Hop> = match finding.hop {
            Hop::Heartbeat => {
                let here = broken.iter().filter(|(hop, subject)| *hop == Hop::Rules && *subject == finding.subject);
                here.map(|(hop, _)| *hop).chain(of_all.iter().copied()).collect()
            }
            Hop::Recorder if finding.code == codes::DELIVERY_FAILING => any(&[Hop::Topic]),
            Hop::EndToEnd => any(&[Hop::Subscription, Hop::Queue, Hop::Endpoint]),
            _ => continue,
        };
        if causes.is_empty() {
            continue;
        }
        let mut words: Vec<&str> = causes.iter().map(|hop| hop.as_str()).collect();
        words.dedup();
        let why = format!("{}; this follows from what is broken at: {}", finding.verdict.said(), words.join(", "));
        finding.verdict = Verdict::Skipped { why };
        finding.code = codes::FOLLOWS;
    }
}
