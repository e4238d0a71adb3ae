//! How often each agent ran, and when it last did, by Clouddriver's own account.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// Runs of all agents. An agent's runs last from tens of milliseconds to seconds and are at least a second apart, so none is missed by looking every second.
#[derive(Debug, Default)]
pub(super) struct Runs {
    by_agent: BTreeMap<String, Agent>,
}

#[derive(Debug, Default)]
struct Agent {
    started: Option<i64>,
    count: u32,
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
                agent.count += u32::from(!first);
            }
        }
    }

    /// When the last run of an agent that has ended started.
    pub(super) fn started(&self, agent: &str) -> Option<Timestamp> {
        let millis = self.by_agent.get(agent)?.started?;
        Timestamp::from_millisecond(millis).ok()
    }

    /// Agents with the number of their runs.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, u32)> {
        self.by_agent.iter().map(|(name, agent)| (name.as_str(), agent.count))
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
        assert_eq!(runs.counts().collect::<Vec<_>>(), [("gadgets", 1), ("widgets", 2)]);
        assert_eq!(runs.started("widgets"), Timestamp::from_second(61).ok());
        assert_eq!(runs.started("sprockets"), None);
    }
}
