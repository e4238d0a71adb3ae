//! What is known of each agent: what its lock showed, when its last run started, and whether it may be held.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{Agent, AgentName, AgentState, Class, Means, Timestamp};
use serde::Serialize;

use crate::cadence::Cadence;
use crate::moment::{after, between};

/// Holds end up to this share early, differently for each agent: agents that were held together do not all poll in the same second afterwards.
const SPREAD: f64 = 0.1;

/// An agent without a lock for this many of its intervals is not one that Clouddriver runs: a setting there may have switched it off.
const ABSENT_INTERVALS: u32 = 4;

/// One agent.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) agent: Arc<Agent>,
    pub(crate) state: Option<AgentState>,
    /// When the last run that has ended started.
    pub(crate) started: Option<Timestamp>,
    /// It is not held before a run that started then or later was seen: it is new, was let go, failed, or a gap may have hidden a change.
    pub(crate) trusted_from: Timestamp,
    /// Since when it has had no lock.
    pub(crate) absent_since: Option<Timestamp>,
    /// Until when we hold it, or would.
    pub(crate) held_until: Option<Timestamp>,
    /// The last refresh of ours.
    pub(crate) last_refresh: Option<LastRefresh>,
    /// Why its last refresh failed for good; gone with the next run.
    pub(crate) failure: Option<String>,
}

/// What the last refresh of an agent came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRefresh {
    /// When its run started.
    pub started: Timestamp,
    /// How it came about.
    pub means: Means,
    /// How urgent it was.
    pub class: Class,
}

impl Known {
    fn new(agent: Arc<Agent>, trusted_from: Timestamp) -> Self {
        Self {
            agent,
            state: None,
            started: None,
            trusted_from,
            absent_since: None,
            held_until: None,
            last_refresh: None,
            failure: None,
        }
    }

    /// Until when it is to be held under this cadence; `None` leaves it to its own poll.
    ///
    /// A run under way counts as done (unless `ended_only`): the hold is for what comes after it. An agent whose runs last longer than its interval is hardly ever
    /// seen idle, and those are the ones that cost most calls; the drive arm writes the hold when it can.
    pub(crate) fn hold_until(
        &self,
        cadence: Cadence,
        healthy_since: Option<Timestamp>,
        ended_only: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let under_way = match self.state {
            Some(AgentState::Running { since }) if !ended_only => Some(since),
            _ => None,
        };
        let started = self.started.max(under_way)?;
        let every = cadence.every.filter(|every| *every > self.agent.interval)?;
        let trusted_from = self.trusted_from.max(healthy_since.unwrap_or(Timestamp::MIN));
        if started < trusted_from || self.is_absent(now) {
            return None;
        }
        let until = after(started, self.spread(every));
        (until > now).then_some(until)
    }

    /// A cadence as it is for this agent: a little shorter, so that agents do not all poll at once, and never shorter than stock.
    pub(crate) fn spread(&self, every: Duration) -> Duration {
        every.mul_f64(1.0 - SPREAD * share_of(&self.agent.name)).max(self.agent.interval)
    }

    /// Takes what its lock showed. Returns the start of a run that has ended and was not known.
    pub(crate) fn see(&mut self, state: AgentState, now: Timestamp) -> Option<Timestamp> {
        let before = self.state.replace(state);
        if state == AgentState::Absent {
            self.absent_since.get_or_insert(now);
            return None;
        }
        self.absent_since = None;
        let ended = match (before, state) {
            (_, AgentState::Idle { started, .. }) => Some(started),
            // A run that lasts longer than the interval is followed by the next one at once, and no look finds the agent idle. Half an interval: far more
            // than the start of one run may seem to move between two looks.
            (Some(AgentState::Running { since: first }), AgentState::Running { since })
                if between(first, since) >= self.agent.interval / 2 =>
            {
                Some(first)
            }
            // The drive arm writes a hold as soon as a run has ended, mostly before the next survey.
            (Some(AgentState::Running { since }), AgentState::Held { .. }) => Some(since),
            _ => None,
        };
        ended.filter(|started| self.started.is_none_or(|known| known < *started))
    }

    /// A run that started then has ended.
    pub(crate) fn ran(&mut self, started: Timestamp) {
        if self.started.is_none_or(|known| known < started) {
            self.started = Some(started);
            self.failure = None;
        }
    }

    /// Whether Clouddriver does not seem to run it.
    pub(crate) fn is_absent(&self, now: Timestamp) -> bool {
        self.absent_since
            .is_some_and(|since| between(since, now) >= self.agent.interval.saturating_mul(ABSENT_INTERVALS))
    }
}

/// All agents.
#[derive(Debug, Default)]
pub(crate) struct Book {
    by_name: HashMap<AgentName, Known>,
}

impl Book {
    pub(crate) fn get(&self, name: &AgentName) -> Option<&Known> {
        self.by_name.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &AgentName) -> Option<&mut Known> {
        self.by_name.get_mut(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.by_name.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Takes the agents that exist now. Returns those that are new and those that are gone.
    pub(crate) fn renew(&mut self, agents: &[Arc<Agent>], now: Timestamp) -> (Vec<Arc<Agent>>, Vec<AgentName>) {
        let mut old = std::mem::take(&mut self.by_name);
        let mut new = Vec::new();
        for agent in agents {
            let known = match old.remove(&agent.name) {
                Some(known) => Known { agent: agent.clone(), ..known },
                None => {
                    new.push(agent.clone());
                    Known::new(agent.clone(), now)
                }
            };
            self.by_name.insert(agent.name.clone(), known);
        }
        (new, old.into_keys().collect())
    }

    /// From now on nobody is held before a new run was seen.
    pub(crate) fn distrust_all(&mut self, from: Timestamp) {
        for known in self.by_name.values_mut() {
            known.trusted_from = known.trusted_from.max(from);
            known.held_until = None;
        }
    }
}

/// A number from 0 to 1 that is always the same for a name (FNV-1a: the standard library's hash may change between releases).
fn share_of(name: &AgentName) -> f64 {
    let hash = name
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The upper bits: in short names the lower ones differ little.
    f64::from(u32::try_from(hash >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cadence::Reason;
    use crate::testing::{self, at};

    fn quarter_hour() -> Cadence {
        Cadence { every: Some(Duration::from_secs(900)), reason: Reason::ProfileCeiling }
    }

    fn known(started: u64) -> Known {
        let mut known = Known::new(testing::agent("prod"), at(0));
        let idle = AgentState::Idle { started: at(started), until: at(started + 30) };
        let ran = known.see(idle, at(started + 1)).unwrap();
        known.ran(ran);
        known
    }

    #[test]
    fn a_hold_ends_with_the_cadence_or_a_little_before_and_never_within_the_stock_interval() {
        let known = known(100);
        let until = known.hold_until(quarter_hour(), Some(at(50)), false, at(101)).unwrap();
        assert!(until <= at(1_000) && until >= at(100 + 810));
        let every = known.spread(quarter_hour().every.unwrap());
        assert_eq!(until, after(at(100), every), "the interval that is handed out says the same");
        assert_eq!(known.spread(Duration::from_secs(1)), known.agent.interval, "never more often than stock");
        assert_eq!(known.hold_until(quarter_hour(), Some(at(50)), false, until), None);
        let stock = Cadence { every: Some(known.agent.interval), reason: Reason::KindCeiling };
        assert_eq!(known.hold_until(stock, Some(at(50)), false, at(101)), None);
    }

    #[test]
    fn no_hold_on_a_run_that_started_before_the_stream_could_be_trusted() {
        assert_eq!(known(100).hold_until(quarter_hour(), Some(at(101)), false, at(102)), None);
        assert_eq!(
            Known::new(testing::agent("prod"), at(0)).hold_until(quarter_hour(), Some(at(0)), false, at(5)),
            None
        );
    }

    #[test]
    fn a_run_under_way_is_held_after_it_unless_it_began_before_the_stream_could_be_trusted() {
        let mut running = known(100);
        running.see(AgentState::Running { since: at(200) }, at(201));
        let held = |ended_only, healthy| running.hold_until(quarter_hour(), Some(at(healthy)), ended_only, at(201));
        assert!(held(false, 50).unwrap() >= at(200 + 810));
        assert!(held(true, 50).unwrap() <= at(1_000), "only what has ended");
        assert!(held(false, 150).is_some() && held(true, 150).is_none());
        assert_eq!(held(false, 201), None);
    }

    #[test]
    fn the_end_of_a_long_run_is_known_by_the_start_of_the_next() {
        let mut long = Known::new(testing::agent("prod"), at(0));
        assert_eq!(long.see(AgentState::Running { since: at(100) }, at(101)), None);
        assert_eq!(
            long.see(AgentState::Running { since: at(101) }, at(106)),
            None,
            "the same run, seen a little later"
        );
        assert_eq!(long.see(AgentState::Running { since: at(160) }, at(161)), Some(at(101)));
    }

    #[test]
    fn a_hold_tells_the_end_of_the_run_before_it() {
        let mut long = Known::new(testing::agent("prod"), at(0));
        assert_eq!(long.see(AgentState::Running { since: at(100) }, at(101)), None);
        assert_eq!(long.see(AgentState::Held { until: at(250) }, at(141)), Some(at(100)));
        long.ran(at(100));
        assert!(long.hold_until(quarter_hour(), Some(at(50)), false, at(142)).is_some(), "and it stays held");
        assert_eq!(long.see(AgentState::Held { until: at(300) }, at(146)), None);
    }

    #[test]
    fn an_agent_without_a_lock_for_long_is_not_held() {
        let mut absent = known(100);
        absent.see(AgentState::Absent, at(200));
        assert!(
            absent.hold_until(quarter_hour(), Some(at(0)), false, at(201)).is_some(),
            "between two looks a lock may be about to be written"
        );
        assert_eq!(absent.hold_until(quarter_hour(), Some(at(0)), false, at(400)), None);
    }

    #[test]
    fn agents_spread_over_the_last_tenth() {
        let shares: Vec<f64> = (0..200).map(|n| share_of(&testing::agent(&format!("account-{n}")).name)).collect();
        let low = shares.iter().filter(|share| **share < 0.5).count();
        assert!((60..140).contains(&low), "{low} of 200 in the lower half");
    }
}
