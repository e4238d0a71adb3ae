//! Which intervals the plugin is to poll agents at instead of its own, and which agents must be let go. Pure.
//!
//! With the plugin, an agent is held by its interval: its lock, taken when a run starts, ends one interval later. The plugin fetches the intervals every few seconds and
//! forgets them [`VALID_FOR`] after the last answer, so that they end by themselves when we die. What is longer than an agent's next poll may wait (the cadence was cut, the
//! stream fell silent, somebody pulled the kill switch) is ended by running the agent now, which is then due by its stock interval anyway.
//!
//! Invariants, tested below: no interval handed out is longer than [`LONGEST`] or shorter than the agent's own; after [`Intervals::stop`] none is handed out; an agent is
//! let go only when its own interval has passed since its last run, so that it never runs more often than stock.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_model::{AgentName, Hold, Timestamp};

use crate::lock::{later, span};

/// How long the plugin may go by what it fetched last. Three of its fetches, one every five seconds, may fail before an agent polls as stock once.
pub const VALID_FOR: Duration = Duration::from_secs(15);

/// Longest interval handed out. A run that starts as the last answer becomes invalid is followed by the next one interval later: together 115 s, and with the scheduler's
/// tick within the two minutes after which Clouddriver polls as stock when we die.
pub const LONGEST: Duration = Duration::from_secs(100);

/// An agent whose hold has ended, or that is being refreshed, keeps its interval for this long: its run is about to start, the interval that it starts with decides about
/// the next one, and the engine sees the run up to five seconds later and says again what it wants.
pub const LINGER: Duration = Duration::from_secs(15);

/// An agent is let go when it should have run this long ago: more than a scheduler's tick and the way of a look, so that those who are about to start are left alone.
pub const OVERDUE: Duration = Duration::from_secs(3);

/// What is wanted and what was handed out.
#[derive(Debug, Default)]
pub struct Intervals {
    wanted: BTreeMap<AgentName, Wanted>,
    /// Who may have a lock longer than its own interval, and until when such a lock can last.
    stretched: BTreeMap<AgentName, Timestamp>,
    /// When they were fetched last.
    fetched: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    every: Duration,
    until: Timestamp,
    /// No longer wanted, and to be forgotten then.
    lingers: Option<Timestamp>,
}

/// What an agent that waits shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// When its last run started.
    pub started: Timestamp,
    /// Its interval without us.
    pub stock: Duration,
    /// Whether that run failed: Clouddriver then waits its error interval, which is never ours.
    pub failed: bool,
}

impl Intervals {
    /// Replaces what is wanted. Nothing at all means that everything ends now: that is what a switch says, too.
    pub fn want(&mut self, holds: &[Hold], is_refreshing: impl Fn(&AgentName) -> bool, now: Timestamp) {
        if holds.is_empty() {
            self.wanted.clear();
            return;
        }
        let wanted = |hold: &Hold| (hold.agent.clone(), Wanted { every: hold.every, until: hold.until, lingers: None });
        let before = std::mem::replace(&mut self.wanted, holds.iter().map(wanted).collect());
        for (agent, old) in before {
            let ended = old.until <= now || is_refreshing(&agent);
            let lingers = old.lingers.or(ended.then(|| later(now, LINGER)));
            if let Some(until) = lingers.filter(|until| *until > now) {
                self.wanted.entry(agent).or_insert(Wanted { lingers: Some(until), ..old });
            }
        }
    }

    /// Ends everything, and takes each of these agents for one that may have to be let go: a predecessor of ours may have handed out intervals.
    pub fn stop(&mut self, agents: impl IntoIterator<Item = AgentName>, now: Timestamp) {
        self.wanted.clear();
        let until = later(now, VALID_FOR + LONGEST);
        self.stretched.extend(agents.into_iter().map(|agent| (agent, until)));
    }

    /// What the plugin is to use until [`VALID_FOR`] has passed. `stock` tells an agent's own interval, where it is known.
    pub fn hand_out(
        &mut self,
        stock: impl Fn(&AgentName) -> Option<Duration>,
        now: Timestamp,
    ) -> BTreeMap<AgentName, Duration> {
        self.fetched = Some(now);
        self.wanted.retain(|_, wanted| wanted.lingers.is_none_or(|until| until > now));
        self.stretched.retain(|_, until| *until > now);
        let given: BTreeMap<AgentName, Duration> = self
            .wanted
            .keys()
            .filter_map(|agent| Some((agent.clone(), self.interval(agent, stock(agent)?)?)))
            .collect();
        let until = later(now, VALID_FOR + LONGEST);
        self.stretched.extend(given.keys().map(|agent| (agent.clone(), until)));
        given
    }

    /// The interval that an agent is to have, if that is longer than its own.
    pub fn interval(&self, agent: &AgentName, stock: Duration) -> Option<Duration> {
        let every = Duration::from_secs(self.wanted.get(agent)?.every.min(LONGEST).as_secs());
        (every > stock).then_some(every)
    }

    /// How many agents are held.
    pub fn held(&self) -> usize {
        self.wanted.len()
    }

    /// Whether anything is wanted.
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// When they were fetched last.
    pub fn fetched(&self) -> Option<Timestamp> {
        self.fetched
    }

    /// Agents whose locks may outlast what is wanted now.
    pub fn stretched(&self, now: Timestamp) -> Vec<AgentName> {
        self.stretched.iter().filter(|(_, until)| **until > now).map(|(agent, _)| agent.clone()).collect()
    }

    /// Whether an agent that waits should be running by now.
    pub fn is_overdue(&self, agent: &AgentName, resting: Resting, now: Timestamp) -> bool {
        if resting.failed || self.stretched.get(agent).is_none_or(|until| *until <= now) {
            return false;
        }
        let own = later(resting.started, resting.stock);
        let due = self.wanted.get(agent).map_or(own, |wanted| wanted.until.max(own));
        span(due, now) >= OVERDUE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STOCK: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn agent(name: &str) -> AgentName {
        AgentName::new(name).unwrap()
    }

    fn hold(name: &str, every: u64, until: i64) -> Hold {
        Hold { agent: agent(name), every: Duration::from_secs(every), until: at(until) }
    }

    fn given(intervals: &mut Intervals, now: i64) -> Vec<(String, u64)> {
        let given = intervals.hand_out(|_| Some(STOCK), at(now));
        given.into_iter().map(|(agent, every)| (agent.to_string(), every.as_secs())).collect()
    }

    fn resting(started: i64) -> Resting {
        Resting { started: at(started), stock: STOCK, failed: false }
    }

    #[test]
    fn an_interval_is_what_the_cadence_says_but_not_longer_than_100_seconds_nor_shorter_than_stock() {
        let mut intervals = Intervals::default();
        intervals.want(&[hold("a", 900, 900), hold("b", 57, 57), hold("c", 20, 20)], |_| false, at(0));
        assert_eq!(given(&mut intervals, 1), [("a".to_owned(), 100), ("b".to_owned(), 57)]);
        assert!(intervals.hand_out(|_| None, at(1)).is_empty(), "agents that no replica knows");
    }

    #[test]
    fn an_interval_outlives_the_end_of_its_hold_until_the_next_run_has_been_seen() {
        let mut intervals = Intervals::default();
        intervals.want(&[hold("a", 57, 57), hold("b", 900, 900)], |_| false, at(0));
        intervals.want(&[hold("b", 900, 900)], |_| false, at(58));
        assert_eq!(given(&mut intervals, 72).len(), 2);
        assert_eq!(given(&mut intervals, 73).len(), 1, "but not for ever");
    }

    #[test]
    fn an_agent_that_is_refreshed_keeps_its_interval_and_one_that_is_no_longer_wanted_loses_it_at_once() {
        let mut intervals = Intervals::default();
        let all = [hold("a", 900, 900), hold("b", 900, 900), hold("c", 900, 900)];
        intervals.want(&all, |_| false, at(0));
        intervals.want(&all[2..], |agent| agent.as_str() == "a", at(10));
        assert_eq!(given(&mut intervals, 10).into_iter().map(|(agent, _)| agent).collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn an_empty_wish_and_a_stop_end_everything_at_once() {
        for stop in [true, false] {
            let mut intervals = Intervals::default();
            intervals.want(&[hold("a", 900, 900), hold("b", 5, 5)], |_| false, at(0));
            intervals.want(&[hold("a", 900, 900)], |_| false, at(6));
            if stop {
                intervals.stop([agent("z")], at(7))
            } else {
                intervals.want(&[], |_| true, at(7))
            }
            assert!(given(&mut intervals, 7).is_empty() && intervals.is_idle());
        }
    }

    #[test]
    fn an_agent_is_let_go_when_it_should_have_run_by_its_own_interval_or_by_a_shortened_hold() {
        let mut intervals = Intervals::default();
        intervals.want(&[hold("a", 900, 900)], |_| false, at(0));
        assert!(!intervals.is_overdue(&agent("a"), resting(0), at(40)), "nothing was handed out: its lock is its own");
        given(&mut intervals, 1);
        assert!(!intervals.is_overdue(&agent("a"), resting(0), at(40)), "it is held");
        intervals.want(&[hold("a", 45, 45)], |_| false, at(41));
        assert!(!intervals.is_overdue(&agent("a"), resting(0), at(47)));
        assert!(intervals.is_overdue(&agent("a"), resting(0), at(48)));
        intervals.stop([], at(49));
        assert!(!intervals.is_overdue(&agent("a"), resting(20), at(52)));
        assert!(intervals.is_overdue(&agent("a"), resting(20), at(53)));
        assert!(!intervals.is_overdue(&agent("a"), Resting { failed: true, ..resting(20) }, at(53)));
        assert!(!intervals.is_overdue(&agent("a"), resting(20), at(200)), "no lock of ours lasts that long");
    }

    #[test]
    fn a_stop_lets_agents_go_that_a_predecessor_held() {
        let mut intervals = Intervals::default();
        intervals.stop([agent("a")], at(0));
        assert!(intervals.is_overdue(&agent("a"), resting(-50), at(0)));
        assert_eq!(intervals.stretched(at(0)), [agent("a")]);
        assert!(intervals.stretched(at(115)).is_empty());
    }

    #[test]
    fn the_longest_interval_and_its_validity_end_within_two_minutes() {
        let tick_and_fetch = Duration::from_secs(2);
        assert!(LONGEST + VALID_FOR + tick_and_fetch <= Duration::from_secs(120));
    }

    proptest! {
        #[test]
        fn nothing_is_handed_out_beyond_the_limits_and_nobody_is_let_go_before_its_own_interval(
            script in proptest::collection::vec((0i64..40, proptest::collection::vec((0u8..3, 1u64..2_000, -50i64..2_000), 0..3), any::<bool>(), any::<bool>()), 1..30),
            stock in 5u64..400, started in -100i64..600,
        ) {
            let (mut intervals, mut now, stock) = (Intervals::default(), 0, Duration::from_secs(stock));
            for (wait, holds, stop, refreshing) in script {
                now += wait;
                let holds: Vec<Hold> = holds.iter().map(|(n, every, until)| hold(&n.to_string(), *every, now + until)).collect();
                if stop { intervals.stop([], at(now)) } else { intervals.want(&holds, |_| refreshing, at(now)) }
                let given = intervals.hand_out(|_| Some(stock), at(now));
                prop_assert!(given.values().all(|every| *every <= LONGEST && *every > stock));
                prop_assert!(!(stop || holds.is_empty()) || given.is_empty());
                for name in ["0", "1", "2"] {
                    let rest = Resting { started: at(started), stock, failed: false };
                    if intervals.is_overdue(&agent(name), rest, at(now)) {
                        prop_assert!(span(at(started), at(now)) >= stock + OVERDUE);
                    }
                }
            }
        }
    }
}
