//! What is remembered of agents' locks between two looks. Pure.
//!
//! Needed since one look does not always tell ([`crate::lock`]), and used to learn the intervals that Clouddriver really works with, and when an agent that we
//! hold ran last.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use aws_event_cache_model::{AgentName, AgentState, Timestamp};

use crate::lock::{Lock, Prior, SAME, SAME_KEY, Timing, earlier, interpret, span};

/// How long after it was last seen running an agent without a lock counts as being between two runs. Schedulers start such an agent at their next tick, within a second or
/// a little more; one that stays without a lock for longer may have been switched off or removed, and is no longer ours to lock.
pub const BETWEEN_RUNS: Duration = Duration::from_secs(5);

/// Memory of locks seen. It holds one entry per agent that exists, see [`LockBook::keep_only`].
#[derive(Debug, Default)]
pub struct LockBook {
    entries: HashMap<AgentName, Entry>,
}

/// What the last look at an agent showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What its lock says.
    pub state: AgentState,
    /// Its run has ended and the next has not begun: the lock of that run is gone before its time, which only the end of a run does, at most [`BETWEEN_RUNS`] after
    /// the agent was last seen running.
    pub between_runs: bool,
}

#[derive(Debug, Default)]
struct Entry {
    prior: Option<Prior>,
    /// The last run seen; forgotten with the next lock that is not a run's.
    ran: Option<Ran>,
    last_run: Option<Timestamp>,
    interval: Option<Duration>,
}

impl LockBook {
    /// Reads a lock with the help of what was seen before, and remembers it.
    ///
    /// Looks may come in a little out of order (several readers): an older one only makes the next look start from less knowledge.
    pub fn note(&mut self, agent: &AgentName, lock: Option<&Lock>, timing: Timing, now: Timestamp) -> AgentState {
        let entry = self.entries.entry(agent.clone()).or_default();
        let timing = Timing { interval: entry.interval.unwrap_or(timing.interval), ..timing };
        let state = interpret(lock, timing, entry.prior.as_ref(), now);
        if let AgentState::Idle { started, until } = state {
            entry.learn(started, until, lock.is_some_and(|l| l.acquired.is_some()));
            entry.last_run = Some(started);
        }
        entry.ran = match (state, lock) {
            (AgentState::Running { .. }, Some(lock)) => Some(Ran { seen: now, lock_ends: lock.expires }),
            (AgentState::Absent, None) => entry.ran,
            _ => None,
        };
        entry.prior = lock.map(|lock| Prior { lock: lock.clone(), state });
        state
    }

    /// What the last look at an agent showed; as absent where there was none.
    pub fn seen(&self, agent: &AgentName, now: Timestamp) -> Seen {
        let Some(entry) = self.entries.get(agent) else {
            return Seen { state: AgentState::Absent, between_runs: false };
        };
        Seen {
            state: entry.prior.as_ref().map_or(AgentState::Absent, |prior| prior.state),
            between_runs: entry.is_between_runs(now),
        }
    }

    /// When the agent's last run that is known to have ended started.
    pub fn last_run(&self, agent: &AgentName) -> Option<Timestamp> {
        self.entries.get(agent)?.last_run
    }

    /// The interval that an agent was really seen with, where its locks told.
    pub fn interval(&self, agent: &AgentName) -> Option<Duration> {
        self.entries.get(agent)?.interval
    }

    /// How many agents were seen with which interval, in whole seconds.
    pub fn intervals(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for interval in self.entries.values().filter_map(|e| e.interval) {
            *counts.entry(rounded(interval)).or_default() += 1;
        }
        counts
    }

    /// Forgets agents that no longer exist, so that the memory does not grow with every account that ever was.
    pub fn keep_only(&mut self, agents: &HashSet<AgentName>) {
        self.entries.retain(|agent, _| agents.contains(agent));
    }
}

/// A run that was seen.
#[derive(Debug, Clone, Copy)]
struct Ran {
    /// When it was last seen.
    seen: Timestamp,
    /// When its lock would have ended by itself: a lock that is gone by then is no sign that the run has ended, since its replica may have died.
    lock_ends: Timestamp,
}

impl Entry {
    fn is_between_runs(&self, now: Timestamp) -> bool {
        self.prior.is_none()
            && self.ran.is_some_and(|ran| span(ran.seen, now) <= BETWEEN_RUNS && now < earlier(ran.lock_ends, SAME_KEY))
    }

    /// A row says its length; a key only when its run was seen to end, which is when its prior was running.
    fn learn(&mut self, started: Timestamp, until: Timestamp, is_row: bool) {
        let seen_to_end =
            matches!(self.prior, Some(Prior { state: AgentState::Running { since }, .. }) if since == started);
        let length = span(started, until);
        if (is_row || seen_to_end) && length > SAME {
            self.interval = Some(length);
        }
    }
}

fn rounded(length: Duration) -> u64 {
    (length + Duration::from_millis(500)).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOCK: Timing = Timing { interval: Duration::from_secs(30), timeout: Duration::from_secs(300) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn key(expires: i64) -> Lock {
        Lock { owner: "node".into(), acquired: None, expires: at(expires) }
    }

    fn agent() -> AgentName {
        AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap()
    }

    #[test]
    fn an_interval_other_than_the_configured_one_is_learned_from_a_run_that_was_watched() {
        let mut book = LockBook::default();
        book.note(&agent(), Some(&key(300)), STOCK, at(0));
        assert_eq!(
            book.note(&agent(), Some(&key(60)), STOCK, at(2)),
            AgentState::Idle { started: at(0), until: at(60) }
        );
        assert_eq!(book.interval(&agent()), Some(Duration::from_secs(60)));
        assert_eq!(book.intervals(), BTreeMap::from([(60, 1)]));
        // The next idle lock is read with it although its run was too short to be seen.
        assert_eq!(
            book.note(&agent(), Some(&key(130)), STOCK, at(71)),
            AgentState::Idle { started: at(70), until: at(130) }
        );
    }

    #[test]
    fn the_last_run_of_a_held_agent_is_remembered() {
        let mut book = LockBook::default();
        book.note(&agent(), Some(&key(30)), STOCK, at(1));
        let hold = Lock { owner: "aws-event-cache:a".into(), ..key(100) };
        assert_eq!(book.note(&agent(), Some(&hold), STOCK, at(2)), AgentState::Held { until: at(100) });
        assert_eq!(book.last_run(&agent()), Some(at(0)));
    }

    #[test]
    fn an_agent_whose_lock_went_with_its_run_is_between_two_runs_for_a_moment() {
        let ran = || {
            let mut book = LockBook::default();
            book.note(&agent(), Some(&key(300)), STOCK, at(40));
            book
        };
        let mut book = ran();
        assert!(!book.seen(&agent(), at(40)).between_runs, "it runs");
        book.note(&agent(), None, STOCK, at(41));
        assert!(book.seen(&agent(), at(41)).between_runs);
        book.note(&agent(), None, STOCK, at(44));
        assert!(book.seen(&agent(), at(45)).between_runs);
        assert!(!book.seen(&agent(), at(46)).between_runs, "nobody starts it: it may be gone for good");
        book.note(&agent(), Some(&key(346)), STOCK, at(46));
        assert!(!book.seen(&agent(), at(46)).between_runs, "the next run");

        let mut idle = ran();
        idle.note(&agent(), Some(&key(50)), STOCK, at(41));
        idle.note(&agent(), None, STOCK, at(50));
        assert!(!idle.seen(&agent(), at(50)).between_runs, "an idle lock that has ended is no run's");
    }

    #[test]
    fn a_lock_that_ended_by_itself_is_no_sign_that_the_run_has_ended() {
        let mut book = LockBook::default();
        book.note(&agent(), Some(&key(300)), STOCK, at(0));
        book.note(&agent(), Some(&key(300)), STOCK, at(298));
        book.note(&agent(), None, STOCK, at(301));
        assert!(!book.seen(&agent(), at(301)).between_runs);
        assert!(!LockBook::default().seen(&agent(), at(0)).between_runs, "never seen");
    }

    #[test]
    fn agents_that_no_longer_exist_are_forgotten() {
        let mut book = LockBook::default();
        book.note(&agent(), Some(&key(30)), STOCK, at(1));
        book.keep_only(&HashSet::new());
        assert_eq!(book.last_run(&agent()), None);
    }
}
