//! What cannot be right about lock store, scheduler and Clouddriver, in plain words. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_model::{AgentName, Timestamp};
use serde::Serialize;

use crate::client::AgentRun;
use crate::lock::{ROW_SLACK, span};
use crate::lock_store::Facts;

/// A run in introspection younger than this shows that Clouddriver runs agents now: twice the longest usual interval of most agents, with room for a slow replica.
const RECENT: Duration = Duration::from_secs(180);

/// Fewer locks than this share of the agents asked for is worth a word: after a start all agents get one within a minute.
const FEW: f64 = 0.5;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Works, but not as it could or not for everything.
    Warning,
    /// Agents cannot be driven.
    Error,
}

/// Something that cannot be right, or that one should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// What, in plain words, and what to do.
    pub text: String,
}

/// What is known when problems are looked for.
pub struct Evidence {
    /// Whether a lock store is configured to be used.
    pub has_lock_store: bool,
    /// Of the lock store used, then of the others: what it shows, or why it cannot be asked.
    pub facts: Vec<Result<Facts, String>>,
    /// How many agents there should be.
    pub agents: usize,
    /// Introspection, or why it cannot be asked; `None` when Clouddriver's URL is not configured.
    pub runs: Option<Result<Vec<AgentRun>, String>>,
    /// Intervals other than expected: (expected, seen) in seconds, and how many agents.
    pub odd_intervals: BTreeMap<(u64, u64), usize>,
    /// The time.
    pub now: Timestamp,
}

/// Finds what is wrong, worst first.
pub fn diagnose(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !evidence.has_lock_store {
        problems.push(warning(
            "no lock store is configured: agents can neither be run nor held, and only kinds with a working on-demand call are refreshed; set clouddriver.lockStore to the database or Redis that Clouddriver's scheduler uses",
        ));
    }
    if evidence.agents == 0 {
        problems.push(warning("no accounts, so no agents: check clouddriver.url, or list the accounts"));
    }
    let recent = recent_runs(evidence, &mut problems);
    for (n, facts) in evidence.facts.iter().enumerate() {
        match facts {
            Err(why) => problems.push(error(format!("the lock store cannot be used: {why}"))),
            Ok(facts) => {
                of_store(facts, &mut problems);
                if n == 0 {
                    of_locks(facts, recent, evidence, &mut problems);
                }
            }
        }
    }
    two_stores(&evidence.facts, &mut problems);
    for (&(expected, seen), agents) in &evidence.odd_intervals {
        problems.push(Problem {
            severity: Severity::Info,
            text: format!(
                "{agents} agents poll every {seen} s, not every {expected} s as configured here; what is seen is used. Set clouddriver.stockInterval to Clouddriver's own"
            ),
        });
    }
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    problems
}

/// How many agents ran lately, by introspection; `None` when it cannot tell.
fn recent_runs(evidence: &Evidence, problems: &mut Vec<Problem>) -> Option<usize> {
    match evidence.runs.as_ref()? {
        Err(why) => {
            problems.push(warning(format!("Clouddriver's introspection cannot be asked: {why}")));
            None
        }
        Ok(runs) => Some(runs.iter().filter(|run| span(run.started, evidence.now) < RECENT).count()),
    }
}

/// What the store shows of the scheduler behind it.
fn of_store(facts: &Facts, problems: &mut Vec<Problem>) {
    let store = &facts.store;
    if facts.sort_scheduler {
        problems.push(error(format!(
            "{store} holds the sorted sets WAITZ and WORKZ: Clouddriver runs, or ran, with redis.scheduler: sort, which cannot be driven; set redis.scheduler: default (and delete the two keys if it is set already)"
        )));
    }
    if facts.pubsub_scheduler {
        problems.push(warning(format!(
            "{store} holds the state of Clouddriver's publish-subscribe scheduler (cats.pubsub), which cannot be driven; if cats.pubsub.enabled is true, set it to false"
        )));
    }
    if facts.read_only {
        problems.push(error(format!("{store} is a read-only replica: use the primary's address")));
    }
    if !facts.endless.is_empty() {
        problems.push(error(format!(
            "{} in {store} have no expiry, so Clouddriver never runs these agents: delete the keys",
            list("locks", &facts.endless)
        )));
    }
    if !facts.not_strings.is_empty() {
        problems.push(error(format!(
            "{} in {store} are not strings, so this is not what Clouddriver's default scheduler writes",
            list("keys", &facts.not_strings)
        )));
    }
}

/// Whether the agents' locks are where we look.
fn of_locks(facts: &Facts, recent: Option<usize>, evidence: &Evidence, problems: &mut Vec<Problem>) {
    let store = &facts.store;
    if facts.asked > 0 && facts.locked == 0 {
        problems.push(error(match (recent, facts.rows) {
            (Some(1..), _) => format!(
                "{store} has no lock of any known agent although Clouddriver runs agents: it keeps its locks elsewhere (SQL or Redis? which sql.table-namespace? which Redis database?), or uses the in-process scheduler"
            ),
            (Some(0), _) => format!(
                "{store} has no lock of any known agent, and Clouddriver's introspection shows no recent run: the caching replicas are down, or this one has caching.write-enabled: false and no other caches"
            ),
            (None, Some(1..)) => format!(
                "{store} has locks, but of none of the agents that the accounts here give: do the account names match Clouddriver's?"
            ),
            (None, _) => format!("{store} has no lock of any known agent: it is not the one that Clouddriver uses, or no replica caches"),
        }));
    } else if (facts.locked as f64) < FEW * facts.asked as f64 {
        problems.push(warning(format!(
            "only {} of {} known agents have a lock in {store}: agents are disabled in Clouddriver, or accounts listed here are not served there",
            facts.locked, facts.asked
        )));
    }
    if let Some(newest) = facts.newest_start.filter(|&newest| span(evidence.now, newest) > ROW_SLACK) {
        problems.push(warning(format!(
            "the newest lock in {store} was taken {} s in the future: the clocks of this machine and of Clouddriver's replicas differ; let both follow NTP",
            span(evidence.now, newest).as_secs()
        )));
    }
}

fn two_stores(facts: &[Result<Facts, String>], problems: &mut Vec<Problem>) {
    let used: Vec<&Facts> = facts.iter().flatten().filter(|facts| facts.locked > facts.ours).collect();
    if let [one, other, ..] = used[..] {
        problems.push(error(format!(
            "both {} and {} hold locks of these agents: two Clouddrivers, or one whose scheduler was changed lately; only the locks of the scheduler in use may be driven",
            one.store, other.store
        )));
    }
}

fn list(what: &str, agents: &[AgentName]) -> String {
    let first: Vec<&str> = agents.iter().take(3).map(AgentName::as_str).collect();
    format!("{} {what} ({}{})", agents.len(), first.join(", "), if agents.len() > 3 { ", …" } else { "" })
}

fn warning(text: impl Into<String>) -> Problem {
    Problem { severity: Severity::Warning, text: text.into() }
}

fn error(text: impl Into<String>) -> Problem {
    Problem { severity: Severity::Error, text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn facts(store: &str, asked: usize, locked: usize) -> Facts {
        Facts { store: store.to_owned(), asked, locked, ..Facts::default() }
    }

    fn evidence(facts: Vec<Facts>) -> Evidence {
        Evidence {
            has_lock_store: true,
            agents: 10,
            facts: facts.into_iter().map(Ok).collect(),
            runs: None,
            odd_intervals: BTreeMap::new(),
            now: now(),
        }
    }

    fn run(ago: i64) -> AgentRun {
        let started = now().saturating_sub(jiff::SignedDuration::from_secs(ago)).unwrap();
        AgentRun {
            agent: "test/eu-west-1/WidgetCachingAgent".to_owned(),
            started,
            took: Duration::from_secs(1),
            error: None,
        }
    }

    fn only(evidence: &Evidence) -> Problem {
        let mut problems = diagnose(evidence);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn a_healthy_store_has_no_problem() {
        assert_eq!(diagnose(&evidence(vec![facts("Redis", 10, 9)])), []);
    }

    #[test]
    fn the_sort_scheduler_is_recognised_by_its_sets() {
        let sort = Facts { sort_scheduler: true, ..facts("Redis", 10, 9) };
        let problem = only(&evidence(vec![sort]));
        assert!(problem.severity == Severity::Error && problem.text.contains("redis.scheduler: sort"));
    }

    #[test]
    fn the_pubsub_scheduler_is_recognised() {
        let pubsub = Facts { pubsub_scheduler: true, ..facts("MySQL", 10, 9) };
        assert!(only(&evidence(vec![pubsub])).text.contains("cats.pubsub"));
    }

    #[test]
    fn running_agents_without_locks_mean_another_lock_store() {
        let mut evidence = evidence(vec![facts("Redis", 10, 0)]);
        evidence.runs = Some(Ok(vec![run(20)]));
        assert!(only(&evidence).text.contains("keeps its locks elsewhere"));
        evidence.runs = Some(Ok(vec![run(3_600)]));
        assert!(only(&evidence).text.contains("caching.write-enabled: false"));
    }

    #[test]
    fn locks_of_other_agents_only_mean_other_account_names() {
        let other = Facts { rows: Some(40), ..facts("MySQL", 10, 0) };
        assert!(only(&evidence(vec![other])).text.contains("account names"));
    }

    #[test]
    fn two_stores_with_locks_are_a_contradiction() {
        let problem = only(&evidence(vec![facts("MySQL", 10, 9), facts("Redis", 10, 8)]));
        assert!(problem.text.contains("both MySQL and Redis"));
        assert_eq!(diagnose(&evidence(vec![facts("MySQL", 10, 9), facts("Redis", 10, 0)])), []);
    }

    #[test]
    fn locks_without_expiry_wrong_types_replicas_and_clocks_are_told() {
        let name = AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap();
        let odd = Facts {
            endless: vec![name.clone()],
            not_strings: vec![name],
            read_only: true,
            newest_start: Some(now().saturating_add(Duration::from_secs(90)).unwrap()),
            ..facts("Redis", 10, 9)
        };
        let problems = diagnose(&evidence(vec![odd]));
        for word in ["no expiry", "not strings", "read-only", "90 s in the future"] {
            assert!(problems.iter().any(|p| p.text.contains(word)), "{word}: {problems:?}");
        }
        assert!(problems.is_sorted_by_key(|p| std::cmp::Reverse(p.severity)));
    }

    #[test]
    fn an_interval_other_than_configured_is_told() {
        let mut evidence = evidence(vec![facts("MySQL", 10, 9)]);
        evidence.odd_intervals.insert((30, 60), 8);
        let problem = only(&evidence);
        assert!(
            problem.severity == Severity::Info && problem.text.contains("8 agents poll every 60 s, not every 30 s")
        );
    }

    #[test]
    fn what_is_missing_and_what_does_not_answer_is_told() {
        let evidence = Evidence {
            has_lock_store: false,
            facts: vec![Err("Redis failed: refused".to_owned())],
            agents: 0,
            runs: Some(Err("Clouddriver answered 503".to_owned())),
            odd_intervals: BTreeMap::new(),
            now: now(),
        };
        let problems = diagnose(&evidence);
        for word in ["no lock store is configured", "no accounts", "503", "refused"] {
            assert!(problems.iter().any(|p| p.text.contains(word)), "{word}: {problems:?}");
        }
    }
}
