//! When a hold is written, renewed and given up. Pure.
//!
//! Invariants, tested below: no lock is written that ends more than [`HOLD_LENGTH`] ahead; only idle agents and holds of ours are written to; no agent is made to
//! poll earlier than it would have by itself, except that a hold of ours may be shortened; an agent that is being refreshed is not held.

use std::time::Duration;

use aws_event_cache_model::{AgentState, Hold, Timestamp};

use crate::lock::{SAME, later, span};

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
    /// The hold has ended: give the agent back if we still have it.
    LetGo,
}

/// Decides about one hold, given what the agent's lock shows.
pub fn decide(hold: &Hold, state: AgentState, refreshing: bool, now: Timestamp) -> HoldStep {
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
        _ => HoldStep::Leave,
    }
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::AgentName;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn hold(until: i64) -> Hold {
        Hold { agent: AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap(), until: at(until) }
    }

    fn idle(until: i64) -> AgentState {
        AgentState::Idle { started: at(until - 30), until: at(until) }
    }

    #[test]
    fn an_idle_agent_is_held_for_at_most_110_seconds_at_a_time() {
        assert_eq!(decide(&hold(3_600), idle(20), false, at(0)), HoldStep::Write { until: at(110) });
        assert_eq!(decide(&hold(45), idle(20), false, at(0)), HoldStep::Write { until: at(45) });
    }

    #[test]
    fn a_hold_is_renewed_when_less_than_a_minute_is_left_of_it() {
        assert_eq!(decide(&hold(3_600), AgentState::Held { until: at(61) }, false, at(0)), HoldStep::Leave);
        assert_eq!(
            decide(&hold(3_600), AgentState::Held { until: at(59) }, false, at(0)),
            HoldStep::Write { until: at(110) }
        );
    }

    #[test]
    fn a_hold_that_is_wanted_for_a_shorter_time_is_shortened_and_an_ended_one_let_go() {
        assert_eq!(
            decide(&hold(10), AgentState::Held { until: at(100) }, false, at(0)),
            HoldStep::Write { until: at(10) }
        );
        assert_eq!(decide(&hold(0), AgentState::Held { until: at(100) }, false, at(0)), HoldStep::LetGo);
    }

    #[test]
    fn running_absent_and_refreshed_agents_are_left_alone() {
        for state in [AgentState::Running { since: at(-5) }, AgentState::Absent] {
            assert_eq!(decide(&hold(3_600), state, false, at(0)), HoldStep::Leave);
        }
        assert_eq!(decide(&hold(3_600), idle(20), true, at(0)), HoldStep::Leave);
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
        fn what_is_written_ends_in_time_and_only_idle_or_held_agents_are_written_to(state in states(), until in -100i64..10_000, refreshing: bool) {
            let HoldStep::Write { until: written } = decide(&hold(until), state, refreshing, at(0)) else { return Ok(()) };
            prop_assert!(!refreshing);
            prop_assert!(written > at(0) && written <= later(at(0), HOLD_LENGTH) && written <= at(until));
            match state {
                AgentState::Idle { until, .. } => prop_assert!(written > until, "a hold never brings a poll forward"),
                AgentState::Held { .. } => {}
                other => prop_assert!(false, "{other:?} was written to"),
            }
        }
    }
}
