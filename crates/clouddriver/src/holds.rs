//! When a hold is written, renewed and given up. Pure.
//!
//! A hold is either written over the lock of an idle agent or, where a run has outlasted its agent's interval, *claimed*: such a run ends by its lock being deleted, and
//! the scheduler takes a new one at its next tick with "only if there is none". We write ours with the same condition, so exactly one of us wins, and a lock
//! of ours keeps the agent from starting until it ends (seen with the Redis scheduler of 5.90.0; read in both).
//!
//! Invariants, tested below: no lock is written that ends more than [`HOLD_LENGTH`] ahead; only idle agents and holds of ours are written to, and only agents that
//! were seen running and have no lock now are claimed; no agent is made to poll earlier than it would have by itself, except that a hold of ours may be
//! shortened; an agent that is being refreshed is neither held nor claimed.

use std::time::Duration;

use aws_event_cache_model::{AgentState, Hold, Timestamp};

use crate::book::Seen;
use crate::lock::{SAME, Timing, later, span};

/// Longest life of a lock that we write. When we die, every agent polls again within this time and a tick: two minutes, as promised.
pub const HOLD_LENGTH: Duration = Duration::from_secs(110);

/// A lock with less life than this is renewed. It leaves a minute to get over a lock store that does not answer before a held agent polls once too often,
/// and makes one write per agent and 50 s.
pub const RENEW_BELOW: Duration = Duration::from_secs(60);

/// What is to be done about one hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStep {
    /// Nothing now.
    Leave,
    /// Set the lock's end, with our mark.
    Write {
        /// To this time.
        until: Timestamp,
    },
    /// Take the lock of an agent that has none between two runs, with our mark; only if it still has none.
    Claim {
        /// To this time.
        until: Timestamp,
    },
    /// The hold has ended: give the agent back if we still have it.
    LetGo,
}

/// Decides about one hold, given what the agent's lock shows.
pub fn decide(hold: &Hold, seen: Seen, refreshing: bool, now: Timestamp) -> HoldStep {
    let state = seen.state;
    if refreshing {
        return HoldStep::Leave;
    }
    if hold.until <= now {
        return if matches!(state, AgentState::Held { .. }) { HoldStep::LetGo } else { HoldStep::Leave };
    }
    let target = hold.until.min(later(now, HOLD_LENGTH));
    match state {
        AgentState::Held { until } if until > later(hold.until, SAME) => HoldStep::Write { until: target },
        AgentState::Held { until } | AgentState::Idle { until, .. }
            if span(now, until) < RENEW_BELOW && later(until, SAME) < target =>
        {
            HoldStep::Write { until: target }
        }
        AgentState::Absent if seen.between_runs => HoldStep::Claim { until: target },
        _ => HoldStep::Leave,
    }
}

/// Whether the lock of an agent that is to be held may be free before the next full pass, and for a moment only, by what the last look showed: it runs, it is between two
/// runs, or its idle lock ends before.
///
/// Where interval and timeout are the same a lock cannot tell the end of a run; such an agent is idle for minutes, and the full pass is early enough.
pub fn is_urgent(seen: Seen, timing: Timing, next_pass: Timestamp) -> bool {
    match seen.state {
        AgentState::Running { .. } => !timing.is_unclear(),
        AgentState::Idle { until, .. } => until <= next_pass,
        AgentState::Absent => seen.between_runs,
        AgentState::Held { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::AgentName;
    use proptest::prelude::*;

    use super::*;
    use crate::book::LockBook;
    use crate::lock::Lock;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn hold(until: i64) -> Hold {
        Hold {
            agent: AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap(),
            until: at(until),
            every: Duration::from_secs(3_600),
        }
    }

    fn idle(until: i64) -> AgentState {
        AgentState::Idle { started: at(until - 30), until: at(until) }
    }

    fn seen(state: AgentState) -> Seen {
        Seen { state, between_runs: false }
    }

    const BETWEEN: Seen = Seen { state: AgentState::Absent, between_runs: true };

    #[test]
    fn an_agent_between_two_runs_is_claimed_for_at_most_110_seconds_unless_it_is_refreshed() {
        assert_eq!(decide(&hold(3_600), BETWEEN, false, at(0)), HoldStep::Claim { until: at(110) });
        assert_eq!(decide(&hold(45), BETWEEN, false, at(0)), HoldStep::Claim { until: at(45) });
        assert_eq!(decide(&hold(3_600), BETWEEN, true, at(0)), HoldStep::Leave);
        assert_eq!(decide(&hold(0), BETWEEN, false, at(0)), HoldStep::Leave);
    }

    #[test]
    fn only_agents_whose_locks_may_be_free_for_a_moment_are_looked_at_between_two_passes() {
        let stock = Timing { interval: Duration::from_secs(30), timeout: Duration::from_secs(300) };
        let unclear = Timing { interval: stock.timeout, ..stock };
        let urgent = |seen, timing| is_urgent(seen, timing, at(5));
        let running = seen(AgentState::Running { since: at(-5) });
        assert!(urgent(running, stock) && urgent(BETWEEN, stock) && urgent(seen(idle(5)), stock));
        assert!(!urgent(running, unclear), "its lock does not tell when the run ends");
        for quiet in [seen(idle(6)), seen(AgentState::Absent), seen(AgentState::Held { until: at(3) })] {
            assert!(!urgent(quiet, stock), "{quiet:?}");
        }
    }

    #[test]
    fn an_idle_agent_is_held_for_at_most_110_seconds_at_a_time() {
        assert_eq!(decide(&hold(3_600), seen(idle(20)), false, at(0)), HoldStep::Write { until: at(110) });
        assert_eq!(decide(&hold(45), seen(idle(20)), false, at(0)), HoldStep::Write { until: at(45) });
    }

    #[test]
    fn a_hold_is_renewed_when_less_than_a_minute_is_left_of_it() {
        assert_eq!(decide(&hold(3_600), seen(AgentState::Held { until: at(61) }), false, at(0)), HoldStep::Leave);
        assert_eq!(
            decide(&hold(3_600), seen(AgentState::Held { until: at(59) }), false, at(0)),
            HoldStep::Write { until: at(110) }
        );
    }

    #[test]
    fn a_hold_that_is_wanted_for_a_shorter_time_is_shortened_and_an_ended_one_let_go() {
        assert_eq!(
            decide(&hold(10), seen(AgentState::Held { until: at(100) }), false, at(0)),
            HoldStep::Write { until: at(10) }
        );
        assert_eq!(decide(&hold(0), seen(AgentState::Held { until: at(100) }), false, at(0)), HoldStep::LetGo);
    }

    #[test]
    fn running_absent_and_refreshed_agents_are_left_alone() {
        for state in [AgentState::Running { since: at(-5) }, AgentState::Absent] {
            assert_eq!(decide(&hold(3_600), seen(state), false, at(0)), HoldStep::Leave);
        }
        assert_eq!(decide(&hold(3_600), seen(idle(20)), true, at(0)), HoldStep::Leave);
    }

    fn states() -> impl Strategy<Value = AgentState> {
        prop_oneof![
            Just(AgentState::Absent),
            (-300i64..0).prop_map(|s| AgentState::Running { since: at(s) }),
            (1i64..4_000).prop_map(idle),
            (1i64..4_000).prop_map(|u| AgentState::Held { until: at(u) }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_ends_in_time_and_only_idle_held_or_just_ended_agents_are_written_to(
            state in states(), ran: bool, until in -100i64..10_000, refreshing: bool,
        ) {
            let step = decide(&hold(until), Seen { state, between_runs: ran }, refreshing, at(0));
            let (HoldStep::Write { until: written } | HoldStep::Claim { until: written }) = step else { return Ok(()) };
            prop_assert!(!refreshing);
            prop_assert!(written > at(0) && written <= later(at(0), HOLD_LENGTH) && written <= at(until));
            match (step, state) {
                (HoldStep::Write { .. }, AgentState::Idle { until, .. }) => prop_assert!(written > until, "a hold never brings a poll forward"),
                (HoldStep::Write { .. }, AgentState::Held { .. }) => {}
                (HoldStep::Claim { .. }, AgentState::Absent) => prop_assert!(ran, "claimed without having been seen running"),
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn an_agent_is_claimed_only_when_the_last_lock_seen_of_it_was_a_runs_and_a_moment_ago(
            looks in proptest::collection::vec((0i64..400, proptest::option::of((0u8..3, 1i64..300))), 1..20),
        ) {
            let stock = Timing { interval: Duration::from_secs(30), timeout: Duration::from_secs(300) };
            let mut looks = looks;
            looks.sort_by_key(|look| look.0);
            let mut book = LockBook::default();
            let agent = hold(0).agent;
            let mut last: Option<(i64, AgentState, i64)> = None;
            for (now, lock) in looks {
                let lock = lock.map(|(kind, life)| {
                    let (owner, life) = match kind { 0 => ("node", 300), 1 => ("node", life.min(30)), _ => ("aws-event-cache:x", life) };
                    Lock { owner: owner.into(), acquired: Some(at(now)), expires: at(now + life) }
                });
                let state = book.note(&agent, lock.as_ref(), stock, at(now));
                let step = decide(&hold(10_000), book.seen(&agent, at(now)), false, at(now));
                match &lock {
                    Some(lock) => {
                        prop_assert!(!matches!(step, HoldStep::Claim { .. }), "it has a lock: {state:?}");
                        last = Some((now, state, lock.expires.as_second() - at(0).as_second()));
                    }
                    None => {
                        let just_ran = matches!(last, Some((seen, AgentState::Running { .. }, ends)) if now - seen <= 5 && now < ends - 5);
                        prop_assert_eq!(matches!(step, HoldStep::Claim { .. }), just_ran, "{:?} at {}", last, now);
                    }
                }
            }
        }
    }
}
