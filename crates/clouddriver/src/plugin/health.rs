//! What cannot be right about the plugin, in plain words. Pure.

use std::collections::BTreeMap;

use aws_event_cache_model::Timestamp;

use super::fleet::ReplicaState;
use crate::diagnose::{Problem, Severity};
use crate::lock::span;

/// Intervals not fetched for this long do nothing; the plugin fetches them every five seconds.
const UNFETCHED_SECONDS: u64 = 60;

/// What is known when problems are looked for.
pub(crate) struct Evidence {
    /// [`super::Plugin::describe`].
    pub(crate) store: String,
    /// How each replica is doing.
    pub(crate) replicas: Vec<ReplicaState>,
    /// How many agents there should be.
    pub(crate) agents: usize,
    /// How many of them some replica has.
    pub(crate) found: usize,
    /// When the plugin fetched its intervals last.
    pub(crate) fetched: Option<Timestamp>,
    /// Intervals other than expected: (expected, seen) in seconds, and how many agents.
    pub(crate) odd_intervals: BTreeMap<(u64, u64), usize>,
    /// The time.
    pub(crate) now: Timestamp,
}

/// Finds what is wrong, worst first.
pub(crate) fn diagnose(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut tell = |severity, text| problems.push(Problem { severity, text });
    if evidence.agents == 0 {
        tell(Severity::Warning, "no accounts, so no agents: check clouddriver.url, or list the accounts".to_owned());
    }
    for replica in &evidence.replicas {
        if let Some(why) = &replica.failure {
            tell(
                Severity::Error,
                format!("agents of Clouddriver's replica at {} cannot be driven: {why}", replica.replica),
            );
        }
        if replica.mixed {
            tell(
                Severity::Error,
                format!(
                    "several replicas of Clouddriver answer at {}, so runs of the others are unseen: list each replica in clouddriver.lockStore.plugin.urls, or a headless Service that has all their addresses",
                    replica.replica
                ),
            );
        }
    }
    let answer = evidence.replicas.iter().any(|replica| replica.failure.is_none());
    if answer && evidence.agents > 0 && evidence.found == 0 {
        tell(
            Severity::Error,
            format!(
                "{} has none of the known agents: do the account names match, and does this Clouddriver cache (caching.write-enabled)?",
                evidence.store
            ),
        );
    } else if answer && evidence.found * 2 < evidence.agents {
        tell(
            Severity::Warning,
            format!(
                "only {} of {} known agents are in {}: agents are disabled in Clouddriver, accounts listed here are not served there, or a replica that caches is not listed",
                evidence.found, evidence.agents, evidence.store
            ),
        );
    }
    unfetched(evidence, &mut tell);
    for (&(expected, seen), agents) in &evidence.odd_intervals {
        tell(
            Severity::Warning,
            format!(
                "{agents} agents poll every {seen} s by themselves, not every {expected} s as configured here: set clouddriver.stockInterval to Clouddriver's own"
            ),
        );
    }
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    problems
}

fn unfetched(evidence: &Evidence, tell: &mut impl FnMut(Severity, String)) {
    let ago = evidence.fetched.map(|at| span(at, evidence.now).as_secs());
    if ago.is_some_and(|seconds| seconds <= UNFETCHED_SECONDS) {
        return;
    }
    let since = ago.map_or("yet".to_owned(), |seconds| format!("for {seconds} s"));
    tell(
        Severity::Error,
        format!(
            "no Clouddriver has fetched its agents' intervals from here {since}, so no agent can be held: is the plugin enabled there, are aws-event-cache.base-url and aws-event-cache.secret right, and is that secret a token of role read here (server.tokens)?"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn replica(failure: Option<&str>, mixed: bool) -> ReplicaState {
        let failure = failure.map(str::to_owned);
        ReplicaState { replica: "10.0.0.7:7002".into(), answered: Some(at(0)), failure, agents: 10, mixed }
    }

    fn evidence(replicas: Vec<ReplicaState>) -> Evidence {
        let store = "the bridge plugin".to_owned();
        let odd_intervals = BTreeMap::new();
        Evidence { store, replicas, agents: 10, found: 10, fetched: Some(at(-5)), odd_intervals, now: at(0) }
    }

    fn only(evidence: &Evidence) -> String {
        let problems = diagnose(evidence);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].text.clone()
    }

    #[test]
    fn nothing_is_said_where_all_is_well_and_what_is_wrong_is_said_with_what_to_do() {
        assert_eq!(diagnose(&evidence(vec![replica(None, false)])), []);
        assert!(
            only(&evidence(vec![replica(Some("status 404: the plugin is not loaded there"), false)]))
                .contains("not loaded")
        );
        assert!(only(&evidence(vec![replica(None, true)])).contains("headless Service"));
        let good = || evidence(vec![replica(None, false)]);
        assert!(only(&Evidence { found: 0, ..good() }).contains("write-enabled"));
        assert!(only(&Evidence { found: 4, ..good() }).contains("only 4 of 10"));
        assert!(only(&Evidence { fetched: None, ..good() }).contains("from here yet"));
        assert!(only(&Evidence { fetched: Some(at(-61)), ..good() }).contains("for 61 s"));
        assert!(only(&Evidence { odd_intervals: BTreeMap::from([((30, 60), 8)]), ..good() }).contains("stockInterval"));
        assert!(only(&Evidence { agents: 0, found: 0, ..good() }).contains("no accounts"));
    }
}
