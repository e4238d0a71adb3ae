//! From what the replicas show to what the state machine of a refresh understands. Pure.
//!
//! That machine was made for locks: no lock means that whatever is seen next began later. The plugin shows no locks but starts of runs, so what was seen before is
//! remembered here for as long as one refresh lasts, and an old run that shows again (nobody has begun the new one, a replica came or went) is never taken for a new one.
//!
//! Invariant, tested below with the state machine against a model of replicas: success means that a run has ended that started after the wish.

use std::time::Duration;

use aws_event_cache_model::{AgentState, Timestamp};

use super::fleet::{Sight, Waiting};
use crate::lock::{Lock, later};
use crate::run::{Input, Look};

/// What one refresh has seen of its agent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Story {
    /// It was told to run when this was the start of its last run.
    told: Option<Timestamp>,
    /// The start of a run that was seen under way since.
    under_way: Option<Timestamp>,
}

impl Story {
    /// What a look means.
    pub(crate) fn read(&mut self, sight: Sight, timeout: Duration, asked: Timestamp) -> Input {
        let seen = |lock, state, last_run| Input::Seen(Look { lock, state, asked, last_run });
        let lock =
            |started, until, owner: &str| Some(Lock { owner: owner.into(), acquired: Some(started), expires: until });
        let absent = || seen(None, AgentState::Absent, None);
        match sight {
            Sight::Uncertain { why, .. } => Input::Unreadable(why),
            Sight::Unknown => Input::Unreadable(
                "no replica of Clouddriver has this agent; is it disabled there, or its account unknown?".to_owned(),
            ),
            Sight::Released { started } => {
                *self = Self { told: self.told.max(Some(of(started))), under_way: None };
                absent()
            }
            Sight::Running { since } if self.is_old(since) => absent(),
            Sight::Running { since } => {
                self.under_way = self.under_way.max(Some(since));
                seen(lock(since, later(since, timeout), ""), AgentState::Running { since }, None)
            }
            Sight::Waiting(Waiting { started, .. }) if self.under_way.is_some_and(|run| of(started) < run) => {
                Input::Unreadable("the replica that ran it is gone, and nobody saw its run end".to_owned())
            }
            Sight::Waiting(Waiting { started, .. }) if self.is_old(of(started)) => absent(),
            Sight::Waiting(Waiting { replica, started, stock, .. }) => {
                let (last_run, started) = (started, of(started));
                let until = later(started, stock);
                seen(lock(started, until, &replica), AgentState::Idle { started, until }, last_run)
            }
        }
    }

    /// The agent was told to run when it was seen so.
    pub(crate) fn told(&mut self, seen: &Lock) {
        *self = Self { told: Some(of(seen.acquired)), under_way: None };
    }

    /// Whether a run is the one, or older than the one, that a newer is to follow.
    fn is_old(&self, started: Timestamp) -> bool {
        self.told.is_some_and(|told| started <= told)
    }
}

/// A run that never was is older than all others.
fn of(started: Option<Timestamp>) -> Timestamp {
    started.unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::{AgentName, Outcome};
    use proptest::prelude::*;

    use super::*;
    use crate::lock::Timing;
    use crate::lock_store::Written;
    use crate::plugin::fleet::{Fleet, ReplicaId};
    use crate::plugin::text::AgentLine;
    use crate::run::{Action, Run};

    const TIMING: Timing = Timing { interval: Duration::from_secs(30), timeout: Duration::from_secs(300) };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    fn waiting(started: Option<i64>) -> Sight {
        let stock = Duration::from_secs(30);
        Sight::Waiting(Waiting { replica: "a".into(), started: started.map(at), stock, failed: false })
    }

    fn step(run: &mut Run, story: &mut Story, sight: Sight, now: i64) -> Action {
        let input = story.read(sight, TIMING.timeout, at(now));
        run.step(input, at(now))
    }

    #[test]
    fn an_agent_that_nobody_starts_is_a_failure_and_its_old_run_no_success() {
        let (mut run, mut story) = (Run::new(at(10_000), TIMING), Story::default());
        let Action::Release(seen) = step(&mut run, &mut story, waiting(Some(0)), 10_000) else { panic!() };
        story.told(&seen);
        assert_eq!(run.step(Input::Released(Written::Done), at(10_001)), Action::Watch);
        assert_eq!(step(&mut run, &mut story, waiting(Some(0)), 20_000), Action::Watch);
        assert!(matches!(step(&mut run, &mut story, waiting(Some(0)), 41_000), Action::End(Outcome::Failed { .. })));
    }

    #[test]
    fn an_agent_that_somebody_else_told_to_run_is_waited_for() {
        let (mut run, mut story) = (Run::new(at(10_000), TIMING), Story::default());
        assert_eq!(step(&mut run, &mut story, Sight::Released { started: None }, 10_000), Action::Watch);
        assert_eq!(step(&mut run, &mut story, waiting(None), 10_500), Action::Watch, "it has not begun");
        assert!(matches!(
            step(&mut run, &mut story, waiting(Some(10_400)), 11_000),
            Action::End(Outcome::Refreshed { .. })
        ));
    }

    #[test]
    fn a_run_whose_replica_went_away_is_no_success() {
        let (mut run, mut story) = (Run::new(at(10_000), TIMING), Story::default());
        assert_eq!(step(&mut run, &mut story, Sight::Running { since: at(12_500) }, 13_000), Action::Watch);
        assert_eq!(step(&mut run, &mut story, waiting(Some(1_000)), 13_500), Action::Watch);
        assert!(matches!(
            step(&mut run, &mut story, waiting(Some(1_000)), 80_000),
            Action::End(Outcome::Failed { .. })
        ));
    }

    #[test]
    fn an_agent_that_is_known_again_is_not_taken_for_refreshed() {
        let (mut run, mut story) = (Run::new(at(10_000), TIMING), Story::default());
        assert_eq!(step(&mut run, &mut story, Sight::Unknown, 10_000), Action::Watch);
        assert!(matches!(step(&mut run, &mut story, waiting(None), 10_500), Action::Release(_)));
    }

    /// Clouddriver's replicas with one lock between them, each of which tells of its own runs.
    #[derive(Debug, Clone)]
    struct Model {
        last: [Option<i64>; 2],
        running: Option<(usize, i64)>,
        free_at: i64,
        ended: Vec<i64>,
    }

    impl Model {
        fn tick(&mut self, now: i64, run_ms: i64, turn: usize) {
            if let Some((_, start)) = self.running.filter(|(_, start)| now >= start + run_ms) {
                (self.running, self.free_at) = (None, start + 30_000);
                self.ended.push(start);
            }
            if self.running.is_none() && now >= self.free_at {
                self.running = Some((turn, now));
                self.last[turn] = Some(now);
            }
        }

        fn says(&self, replica: usize) -> AgentLine {
            AgentLine {
                agent: AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap(),
                stock: TIMING.interval,
                running: self.running.is_some_and(|(on, _)| on == replica),
                started: self.last[replica].map(at),
                failed: false,
            }
        }
    }

    proptest! {
        #[test]
        fn success_means_that_a_run_that_started_after_the_wish_has_ended(
            run_ms in 1i64..40_000, phase in 0i64..60_000, tick in 200i64..1_200, poll in 100i64..6_000,
            turns in proptest::collection::vec(0usize..2, 64), silences in proptest::collection::vec((any::<bool>(), 0usize..2), 64),
        ) {
            let ids = ["a", "b"].map(ReplicaId::new);
            let agent = AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap();
            let (mut fleet, mut story, mut run) = (Fleet::new(TIMING.timeout), Story::default(), Run::new(at(phase), TIMING));
            let mut model = Model { last: [None; 2], running: None, free_at: 0, ended: Vec::new() };
            let (mut next_tick, mut next_poll, mut ticks, mut polls, mut told) = (0, phase, 0, 0, 0);
            for now in (0..).step_by(50) {
                prop_assert!(now < phase + 800_000, "it never ended: {run:?}");
                if now >= next_tick {
                    model.tick(now, run_ms, turns[ticks % turns.len()]);
                    (next_tick, ticks) = (next_tick + tick, ticks + 1);
                }
                if now < next_poll {
                    continue;
                }
                let (silent, who) = silences[polls % silences.len()];
                (next_poll, polls) = (next_poll + poll, polls + 1);
                fleet.list(&ids, at(now));
                for (n, id) in ids.iter().enumerate() {
                    // Silences end, or nothing would.
                    let answers = !(silent && who == n) || now > phase + 20_000;
                    fleet.hear(id, if answers { Ok(vec![model.says(n)]) } else { Err("refused".to_owned()) }, at(now));
                }
                let mut action = step(&mut run, &mut story, fleet.sight(&agent, at(now)), now);
                if let Action::Release(seen) = action {
                    prop_assert!(model.running.is_none(), "a running agent was told to run");
                    (model.free_at, told) = (now, told + 1);
                    fleet.release(&agent, at(now));
                    story.told(&seen);
                    action = run.step(Input::Released(Written::Done), at(now));
                }
                if let Action::End(end) = action {
                    let Outcome::Refreshed { started, .. } = end else { panic!("{end:?}") };
                    prop_assert!(started >= at(phase));
                    prop_assert!(model.ended.iter().any(|&start| start >= phase), "no run since {phase} has ended: {model:?}");
                    prop_assert!(told <= 1);
                    break;
                }
            }
        }
    }
}
