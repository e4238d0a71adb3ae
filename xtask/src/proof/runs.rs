//! How often each agent ran, when it last did, and why: runs by Clouddriver's own account, reasons by the service's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

/// Runs of all agents. An agent's runs last from tens of milliseconds to seconds and are at least a second apart, so none is missed by looking every second.
#[derive(Debug, Default)]
pub(super) struct Runs {
    by_agent: BTreeMap<String, Agent>,
    /// Forced runs that were counted, as agent and start.
    forced: BTreeSet<(String, String)>,
}

/// Why an agent ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Why {
    /// All its runs.
    pub(super) runs: u32,
    /// Of these, forced since a change was heard of.
    pub(super) events: u32,
    /// Of these, forced for a second look.
    pub(super) looks: u32,
}

impl Why {
    /// Of these, polls of its own, or forced in place of one.
    pub(super) fn polls(self) -> u32 {
        self.runs.saturating_sub(self.events + self.looks)
    }
}

#[derive(Debug, Default)]
struct Agent {
    started: Option<i64>,
    why: Why,
}

impl Runs {
    /// Looks at an introspection; counts the runs that are new since the last look. The first look only says where counting begins.
    pub(super) fn look(&mut self, introspection: &Value) {
        let first = self.by_agent.is_empty();
        for one in introspection.as_array().into_iter().flatten() {
            let (Some(id), started) = (one["id"].as_str(), one["lastExecutionStartMs"].as_i64()) else { continue };
            let agent = self.by_agent.entry(id.to_owned()).or_default();
            if started > agent.started {
                agent.started = started;
                agent.why.runs += u32::from(!first);
            }
        }
    }

    /// When the last run of an agent that has ended started.
    pub(super) fn started(&self, agent: &str) -> Option<Timestamp> {
        let millis = self.by_agent.get(agent)?.started?;
        Timestamp::from_millisecond(millis).ok()
    }

    /// Looks at the service's status, which lists the last refreshes; counts those that began at `since` or later.
    pub(super) fn look_why(&mut self, status: &Value, since: Timestamp) {
        for one in status["recent"].as_array().into_iter().flatten().filter(|one| one["means"] == "forced-run") {
            let (Some(name), Some(started)) = (one["agent"].as_str(), one["started"].as_str()) else { continue };
            let old = started.parse::<Timestamp>().is_ok_and(|started| started < since);
            let Some(agent) = self.by_agent.get_mut(name).filter(|_| !old) else { continue };
            if self.forced.insert((name.to_owned(), started.to_owned())) {
                match one["class"].as_str() {
                    Some("event") => agent.why.events += 1,
                    Some("settle") => agent.why.looks += 1,
                    _ => {}
                }
            }
        }
    }

    /// Agents, and why they ran.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, Why)> {
        self.by_agent.iter().map(|(name, agent)| (name.as_str(), agent.why))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn runs_are_counted_from_the_first_look_on() {
        let ran = |widgets: i64, gadgets: i64| json!([{"id": "widgets", "lastExecutionStartMs": widgets}, {"id": "gadgets", "lastExecutionStartMs": gadgets}]);
        let mut runs = Runs::default();
        for (widgets, gadgets) in [(1_000, 1_000), (1_000, 1_000), (31_000, 1_000), (61_000, 2_000)] {
            runs.look(&ran(widgets, gadgets));
        }
        let counts: Vec<(&str, u32)> = runs.counts().map(|(agent, why)| (agent, why.runs)).collect();
        assert_eq!(counts, [("gadgets", 1), ("widgets", 2)]);
        assert_eq!(runs.started("widgets"), Timestamp::from_second(61).ok());
        assert_eq!(runs.started("sprockets"), None);
    }

    #[test]
    fn a_forced_run_is_counted_once_and_only_if_it_began_in_time() {
        let mut runs = Runs::default();
        runs.look(&json!([{"id": "widgets", "lastExecutionStartMs": 1_000}]));
        let one = |class: &str, means: &str, started: &str| json!({"agent": "widgets", "class": class, "means": means, "started": started});
        let recent = [
            one("event", "forced-run", "2026-05-04T09:00:01Z"),
            one("settle", "forced-run", "2026-05-04T09:00:31Z"),
            one("event", "own-run", "2026-05-04T09:01:01Z"),
            one("event", "forced-run", "2026-05-04T08:59:59Z"),
        ];
        for _ in 0..2 {
            runs.look_why(&json!({"recent": recent}), "2026-05-04T09:00:00Z".parse().unwrap());
        }
        assert_eq!(runs.counts().collect::<Vec<_>>(), [("widgets", Why { runs: 0, events: 1, looks: 1 })]);
    }
}
