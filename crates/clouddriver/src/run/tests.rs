use proptest::prelude::*;

use super::*;
use crate::book::LockBook;
use aws_event_cache_model::AgentName;

const TIMING: Timing = Timing { interval: Duration::from_secs(30), timeout: Duration::from_secs(300) };

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

fn row(acquired: i64, expires: i64) -> Lock {
    Lock { owner: "node".into(), acquired: Some(at(acquired)), expires: at(expires) }
}

fn look(lock: Option<Lock>, asked: i64) -> Input {
    let state = crate::lock::interpret(lock.as_ref(), TIMING, None, at(asked));
    Input::Seen(Look { lock, state, asked: at(asked), last_run: None })
}

fn outcome(action: Action) -> (Timestamp, Means) {
    match action {
        Action::End(Outcome::Refreshed { started, means, .. }) => (started, means),
        other => panic!("not refreshed: {other:?}"),
    }
}

fn why(action: Action) -> String {
    match action {
        Action::End(Outcome::Failed { why, retry: Retry::Backoff }) => why,
        other => panic!("not failed: {other:?}"),
    }
}

#[test]
fn an_idle_agent_is_released_and_watched_until_its_run_has_ended() {
    let mut run = Run::new(at(10_000), TIMING);
    let idle = row(0, 30_000);
    assert_eq!(run.step(look(Some(idle.clone()), 10_000), at(10_001)), Action::Release(idle));
    assert_eq!(run.step(Input::Released(Written::Done), at(10_002)), Action::Watch);
    assert_eq!(run.step(look(None, 10_300), at(10_300)), Action::Watch);
    assert_eq!(run.step(look(Some(row(10_900, 310_900)), 11_000), at(11_000)), Action::Watch);
    let end = run.step(look(Some(row(10_900, 40_900)), 12_000), at(12_000));
    assert_eq!(outcome(end), (at(10_900), Means::ForcedRun));
}

#[test]
fn a_run_that_began_before_the_change_is_waited_for_and_followed_by_another() {
    let mut run = Run::new(at(10_000), TIMING);
    assert_eq!(run.step(look(Some(row(9_000, 309_000)), 10_000), at(10_000)), Action::Watch);
    let idle = row(9_000, 39_000);
    assert_eq!(run.step(look(Some(idle.clone()), 12_000), at(12_000)), Action::Release(idle));
}

#[test]
fn a_run_that_began_within_the_clocks_slack_after_the_change_does_not_count() {
    let mut run = Run::new(at(10_000), TIMING);
    assert_eq!(run.step(look(Some(row(11_000, 311_000)), 11_500), at(11_500)), Action::Watch);
    assert!(matches!(run.step(look(Some(row(11_000, 41_000)), 12_000), at(12_000)), Action::Release(_)));
    let mut run = Run::new(at(10_000), TIMING);
    let end = run.step(look(Some(row(12_000, 42_000)), 13_000), at(13_000));
    assert_eq!(outcome(end), (at(12_000), Means::OwnRun));
}

#[test]
fn an_agent_seen_to_wait_counts_by_whatever_run_it_starts_even_if_the_replicas_clock_is_behind() {
    let mut run = Run::new(at(10_000), TIMING);
    run.step(look(None, 10_000), at(10_000));
    run.step(look(Some(row(4_000, 304_000)), 11_000), at(11_000));
    let end = run.step(look(Some(row(4_000, 34_000)), 12_000), at(12_000));
    assert_eq!(outcome(end), (at(10_000), Means::OwnRun), "and never says that it began before");
}

#[test]
fn a_conflict_looks_again_and_ends_after_some_times() {
    let mut run = Run::new(at(0), TIMING);
    for _ in 0..CONFLICTS {
        assert!(matches!(run.step(look(Some(row(0, 30_000)), 1_000), at(1_000)), Action::Release(_)));
        assert_eq!(run.step(Input::Released(Written::Conflict), at(1_000)), Action::Watch);
    }
    run.step(look(Some(row(0, 30_000)), 1_000), at(1_000));
    assert!(why(run.step(Input::Released(Written::Conflict), at(1_000))).contains("something else write"));
}

#[test]
fn an_agent_that_nobody_starts_is_given_up_in_plain_words() {
    let mut run = Run::new(at(0), TIMING);
    run.step(look(None, 0), at(0));
    assert_eq!(run.step(look(None, 30_000), at(30_000)), Action::Watch);
    assert!(why(run.step(look(None, 30_001), at(30_001))).contains("unknown in Clouddriver"));
}

#[test]
fn a_lock_without_expiry_is_named_as_what_it_is() {
    let endless = Lock { owner: "someone".into(), acquired: None, expires: Timestamp::MAX };
    assert!(why(Run::new(at(0), TIMING).step(look(Some(endless), 0), at(0))).contains("no expiry"));
}

#[test]
fn a_lock_store_that_is_away_for_a_moment_is_waited_for() {
    let mut run = Run::new(at(0), TIMING);
    assert_eq!(run.step(Input::Unreadable("refused".to_owned()), at(0)), Action::Watch);
    assert_eq!(run.step(Input::Unreadable("refused".to_owned()), at(59_000)), Action::Watch);
    assert!(why(run.step(Input::Unreadable("refused".to_owned()), at(61_000))).contains("refused"));
}

#[test]
fn a_slow_answer_does_not_end_a_run() {
    let key = |expires: i64| Lock { owner: "node".into(), acquired: None, expires: at(expires) };
    let mut run = Run::new(at(10_000), TIMING);
    run.step(look(None, 10_000), at(10_000));
    for expires in [310_900, 308_000, 310_900] {
        assert_eq!(run.step(look(Some(key(expires)), 12_000), at(12_000)), Action::Watch);
    }
    assert_eq!(outcome(run.step(look(Some(key(40_900)), 13_000), at(13_000))).1, Means::OwnRun);
}

#[test]
fn introspection_ends_a_run_that_the_lock_cannot_tell_from_idle() {
    let unclear = Timing { interval: Duration::from_secs(300), timeout: Duration::from_secs(300) };
    let mut run = Run::new(at(0), unclear);
    run.step(look(None, 0), at(0));
    let running = Look {
        lock: Some(row(900, 300_900)),
        state: AgentState::Running { since: at(900) },
        asked: at(1_000),
        last_run: None,
    };
    run.step(Input::Seen(running), at(1_000));
    assert!(run.wants_confirmation());
    assert_eq!(
        run.step(Input::Confirmed { started: at(-300_000) }, at(2_000)),
        Action::Watch,
        "an older run proves nothing"
    );
    assert_eq!(outcome(run.step(Input::Confirmed { started: at(900) }, at(2_000))).1, Means::OwnRun);
}

/// A model of an agent under Clouddriver's scheduler: runs take a while, locks are as described in `lock`.
#[derive(Debug)]
struct Model {
    lock: Option<Lock>,
    running: Option<i64>,
    ended_runs: Vec<i64>,
    rows: bool,
}

impl Model {
    fn lock(&self, start: i64, end: i64) -> Option<Lock> {
        let owner = "node".into();
        Some(Lock { owner, acquired: self.rows.then(|| at(start)), expires: at(end) })
    }

    /// One tick of the scheduler.
    fn tick(&mut self, now: i64, run_ms: i64) {
        if let Some(start) = self.running.filter(|start| now >= start + run_ms) {
            self.running = None;
            self.ended_runs.push(start);
            self.lock = if start + 30_000 - now < 500 { None } else { self.lock(start, start + 30_000) };
        }
        if self.lock.as_ref().is_some_and(|lock| lock.expires < at(now)) {
            self.lock = None;
        }
        if self.lock.is_none() && self.running.is_none() {
            self.running = Some(now);
            self.lock = self.lock(now, now + 300_000);
        }
    }
}

proptest! {
    #[test]
    fn success_means_that_a_run_that_started_after_the_wish_has_ended(
        rows: bool, run_ms in 1i64..45_000, phase in 0i64..40_000, tick in 200i64..1_200, poll in 100i64..700, held: bool,
    ) {
        let agent = AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap();
        let mut model = Model { lock: None, running: None, ended_runs: Vec::new(), rows };
        let mut book = LockBook::default();
        let (mut next_tick, mut next_poll) = (0, phase);
        let mut run = Run::new(at(phase), TIMING);
        let mut forced = 0;
        for now in (0..).step_by(50) {
            prop_assert!(now < phase + 400_000, "it never ended: {run:?}");
            if now >= next_tick {
                model.tick(now, run_ms);
                next_tick += tick;
            }
            if held && model.running.is_none() && now < phase && let Some(lock) = &mut model.lock {
                *lock = Lock { owner: "aws-event-cache:x".into(), expires: at(now + 110_000), ..lock.clone() };
            }
            if now < next_poll {
                continue;
            }
            next_poll += poll;
            let state = book.note(&agent, model.lock.as_ref(), TIMING, at(now));
            let seen = Look { lock: model.lock.clone(), state, asked: at(now), last_run: book.last_run(&agent) };
            let mut action = run.step(Input::Seen(seen), at(now));
            if let Action::Release(lock) = action {
                prop_assert_eq!(Some(&lock), model.lock.as_ref());
                prop_assert!(model.running.is_none(), "a running agent's lock was taken away");
                model.lock = None;
                forced += 1;
                action = run.step(Input::Released(Written::Done), at(now));
            }
            if let Action::End(end) = action {
                let Outcome::Refreshed { started, .. } = end else { panic!("{end:?}") };
                prop_assert!(started >= at(phase));
                prop_assert!(model.ended_runs.iter().any(|&run| run >= phase), "no run since {phase} has ended: {model:?}");
                prop_assert!(forced <= 1);
                break;
            }
        }
    }
}
