//! What an agent's lock says about the agent. Pure.
//!
//! Clouddriver keeps one lock per agent: a Redis string whose name is the agent's, or a row of `cats_agent_locks`. While the agent runs, its lock lives as
//! long as the agent's *timeout*; when the run has ended the same lock is set to end one *interval* after the run's start, and its end makes the agent a
//! candidate for its next run. (Read in Clouddriver's schedulers; seen so with 5.90.0 and 5.76.0.)
//!
//! A row holds start and end, so it says plainly what it is. A Redis key holds only what is left of its life, so two questions remain open:
//!
//! - A run that has lasted longer than `timeout - interval` leaves as much life as an idle agent has. Therefore a lock keeps the meaning that it had when it
//!   was first seen for as long as its end does not move ([`Prior`]).
//! - Where interval and timeout are the same, start and end of a run leave the same lock, in Redis and in SQL. Such a lock is taken as running for
//!   [`UNCLEAR_RUN`] after its start, and as idle from then on.
//!
//! Invariants, tested below: a lock of ours is never anything but held or ended; a row is never called idle while it has the length of a running one; an
//! unknown length is never called idle unless the run's end was seen.

use std::time::Duration;

use aws_event_cache_model::{Agent, AgentState, Timestamp};
use smol_str::SmolStr;

/// Two ends of locks closer than this are the same end, and two lengths closer than this are the same length. It covers the way to the lock store and back
/// and the milliseconds between a scheduler's reading of its clock and its write, and is far below any interval that Clouddriver is run with.
pub const SAME: Duration = Duration::from_secs(1);

/// The same for the ends of Redis keys, which are reckoned from what is left of their lives: they seem nearer by as long as Redis took to answer. Longer than an answer is
/// waited for, so that a slow one never looks like the end of a run; and much shorter than what separates the ends of different locks of an agent.
pub const SAME_KEY: Duration = Duration::from_secs(5);

/// How long after its start an agent whose interval equals its timeout is taken to run. Those agents read one short listing each; four attempts against a
/// throttling AWS were seen to take 3.4 s. Waiting longer delays a refresh; a longer run than this risks a second one beside it on another replica.
pub const UNCLEAR_RUN: Duration = Duration::from_secs(60);

/// How far a replica's clock may be from ours before we stop trusting a row's start: a run counts by the clock only if it started this long after the hint.
/// Machines that follow NTP stay well within it; it costs at most one needless run.
pub const ROW_SLACK: Duration = Duration::from_secs(2);

/// The same for Redis, where no clocks are compared: only the way to Redis and the milliseconds between start and lock matter.
pub const KEY_SLACK: Duration = Duration::from_millis(500);

/// The first part of every mark that we write into a lock.
const MARK: &str = "aws-event-cache:";

/// The name that we leave in the locks we write, so that we, our successor after a restart, and a person looking at the lock store know whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(SmolStr);

impl Mark {
    /// A mark that names this instance, such as host name and process id. Control characters are dropped and the text is cut so that it fits
    /// `owner_id varchar(255)`.
    pub fn new(instance: &str) -> Self {
        let clean: String = instance.chars().filter(|c| c.is_ascii_graphic()).take(200).collect();
        Self(SmolStr::new(format!("{MARK}{clean}")))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every mark of ours begins with, of this instance or another.
    pub fn prefix() -> &'static str {
        MARK
    }
}

/// An agent's lock as the lock store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Who wrote it: a replica's identity, or a [`Mark`].
    pub owner: SmolStr,
    /// When the run began for which it was taken; `None` where the store does not keep it (Redis).
    pub acquired: Option<Timestamp>,
    /// When it ends. [`Timestamp::MAX`] for a Redis key that never ends.
    pub expires: Timestamp,
}

impl Lock {
    /// Whether it is a hold of ours: of this process or of one before it.
    pub fn is_ours(&self) -> bool {
        self.owner.starts_with(MARK)
    }

    /// Whether it never ends. Nobody but a person writes such a lock; the agent does not run until it is deleted.
    pub fn is_endless(&self) -> bool {
        self.expires == Timestamp::MAX
    }

    /// How far its end may seem to move although it does not.
    fn jitter(&self) -> Duration {
        if self.acquired.is_some() { SAME } else { SAME_KEY }
    }

    /// How much later than a hint a run must have started, by this lock, to be sure that it started after it.
    pub fn slack(&self) -> Duration {
        if self.acquired.is_some() { ROW_SLACK } else { KEY_SLACK }
    }
}

/// How an agent is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the start of a run to the start of the next.
    pub interval: Duration,
    /// Life of the lock while the agent runs.
    pub timeout: Duration,
}

impl Timing {
    /// Whether a lock's length cannot tell a running agent from an idle one.
    pub fn is_unclear(&self) -> bool {
        self.interval.abs_diff(self.timeout) <= SAME
    }
}

impl From<&Agent> for Timing {
    fn from(agent: &Agent) -> Self {
        Self { interval: agent.interval, timeout: agent.timeout }
    }
}

/// What a lock was taken for when it was looked at before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prior {
    /// The lock.
    pub lock: Lock,
    /// What it was taken for.
    pub state: AgentState,
}

impl Prior {
    /// Whether this is still the same lock: its end has not moved.
    fn is(&self, lock: &Lock) -> bool {
        self.lock.owner == lock.owner && apart(self.lock.expires, lock.expires) <= lock.jitter()
    }

    /// The start of the run whose end is proved by the lock's end having moved nearer: no other writer does that to a running lock.
    fn ended_run(&self, lock: &Lock) -> Option<Timestamp> {
        match self.state {
            AgentState::Running { since }
                if self.lock.owner == lock.owner
                    && self.lock.acquired == lock.acquired
                    && lock.expires < earlier(self.lock.expires, lock.jitter()) =>
            {
                Some(since)
            }
            _ => None,
        }
    }
}

/// Reads a lock.
///
/// `Absent` also stands for a lock that has ended by our clock: the next tick of a scheduler takes it away.
pub fn interpret(lock: Option<&Lock>, timing: Timing, prior: Option<&Prior>, now: Timestamp) -> AgentState {
    match lock {
        None => AgentState::Absent,
        Some(lock) if lock.expires <= now => AgentState::Absent,
        Some(lock) if lock.is_ours() => AgentState::Held { until: lock.expires },
        // Nothing is known of the agent, so hands off: what runs is never touched.
        Some(lock) if lock.is_endless() => AgentState::Running { since: Timestamp::UNIX_EPOCH },
        Some(lock) => match lock.acquired {
            Some(acquired) => of_row(lock, acquired, timing, prior, now),
            None => of_key(lock, timing, prior, now),
        },
    }
}

fn of_row(lock: &Lock, acquired: Timestamp, timing: Timing, prior: Option<&Prior>, now: Timestamp) -> AgentState {
    let idle = AgentState::Idle { started: acquired, until: lock.expires };
    let running = AgentState::Running { since: acquired };
    let length = span(acquired, lock.expires);
    if length.abs_diff(timing.timeout) <= SAME {
        return if timing.is_unclear() && span(acquired, now) >= UNCLEAR_RUN { idle } else { running };
    }
    let known_idle = prior
        .is_some_and(|p| p.ended_run(lock).is_some() || (p.is(lock) && matches!(p.state, AgentState::Idle { .. })));
    if known_idle || length <= timing.interval + SAME { idle } else { running }
}

fn of_key(lock: &Lock, timing: Timing, prior: Option<&Prior>, now: Timestamp) -> AgentState {
    let (by_timeout, by_interval) = (earlier(lock.expires, timing.timeout), earlier(lock.expires, timing.interval));
    let idle = AgentState::Idle { started: by_interval, until: lock.expires };
    let running = AgentState::Running { since: by_timeout };
    let unclear = if span(by_timeout, now) < UNCLEAR_RUN { running } else { idle };
    if timing.is_unclear() {
        return unclear;
    }
    if let Some(prior) = prior {
        if prior.is(lock) && matches!(prior.state, AgentState::Running { .. } | AgentState::Idle { .. }) {
            return prior.state;
        }
        if let Some(started) = prior.ended_run(lock) {
            return AgentState::Idle { started, until: lock.expires };
        }
    }
    let left = span(now, lock.expires);
    if timing.interval < timing.timeout {
        if left > timing.interval + SAME { running } else { idle }
    } else if left > timing.timeout + SAME {
        idle
    } else {
        unclear
    }
}

/// From one time to a later one; zero when it is not later.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// How far two times are apart.
pub(crate) fn apart(a: Timestamp, b: Timestamp) -> Duration {
    a.duration_since(b).unsigned_abs()
}

/// A time before another.
pub(crate) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// A time after another.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    fn row(acquired: i64, expires: i64) -> Lock {
        Lock { owner: "clouddriver-1".into(), acquired: Some(at(acquired)), expires: at(expires) }
    }

    fn key(expires: i64) -> Lock {
        Lock { owner: "10.0.0.7:1@clouddriver".into(), acquired: None, expires: at(expires) }
    }

    const STOCK: Timing = Timing { interval: Duration::from_secs(30), timeout: Duration::from_secs(300) };
    const UNCLEAR: Timing = Timing { interval: Duration::from_secs(300), timeout: Duration::from_secs(300) };
    const HOURLY: Timing = Timing { interval: Duration::from_secs(3_600), timeout: Duration::from_secs(300) };

    #[test]
    fn a_row_as_long_as_the_timeout_is_running_and_one_as_long_as_the_interval_is_idle() {
        assert_eq!(
            interpret(Some(&row(0, 300_000)), STOCK, None, at(299_000)),
            AgentState::Running { since: at(0) },
            "a run of 299 s is still a run"
        );
        assert_eq!(
            interpret(Some(&row(0, 30_000)), STOCK, None, at(5_000)),
            AgentState::Idle { started: at(0), until: at(30_000) }
        );
    }

    #[test]
    fn a_row_of_unknown_length_is_left_alone_until_its_run_was_seen_to_end() {
        let lock = row(0, 90_000);
        assert_eq!(interpret(Some(&lock), STOCK, None, at(1)), AgentState::Running { since: at(0) });
        let prior = Prior { lock: row(0, 300_000), state: AgentState::Running { since: at(0) } };
        assert_eq!(
            interpret(Some(&lock), STOCK, Some(&prior), at(1)),
            AgentState::Idle { started: at(0), until: at(90_000) }
        );
    }

    #[test]
    fn a_key_with_more_life_than_the_interval_is_running() {
        assert_eq!(interpret(Some(&key(300_000)), STOCK, None, at(0)), AgentState::Running { since: at(0) });
        assert_eq!(
            interpret(Some(&key(30_000)), STOCK, None, at(1_000)),
            AgentState::Idle { started: at(0), until: at(30_000) }
        );
    }

    #[test]
    fn a_long_run_stays_a_run_although_its_key_has_as_little_life_left_as_an_idle_one() {
        let prior = Prior { lock: key(300_000), state: AgentState::Running { since: at(0) } };
        let late = at(290_000);
        assert_eq!(interpret(Some(&key(300_020)), STOCK, Some(&prior), late), AgentState::Running { since: at(0) });
        assert_eq!(
            interpret(Some(&key(300_000)), STOCK, None, late),
            AgentState::Idle { started: at(270_000), until: at(300_000) },
            "without memory it cannot be told"
        );
    }

    #[test]
    fn the_end_of_a_run_is_seen_by_the_nearer_end_whatever_the_interval() {
        let prior = Prior { lock: key(300_000), state: AgentState::Running { since: at(0) } };
        assert_eq!(
            interpret(Some(&key(120_000)), STOCK, Some(&prior), at(2_000)),
            AgentState::Idle { started: at(0), until: at(120_000) }
        );
    }

    #[test]
    fn where_interval_and_timeout_are_the_same_an_agent_is_idle_a_documented_time_after_its_start() {
        for lock in [row(0, 300_000), key(300_000)] {
            assert_eq!(interpret(Some(&lock), UNCLEAR, None, at(59_999)), AgentState::Running { since: at(0) });
            assert_eq!(
                interpret(Some(&lock), UNCLEAR, None, at(60_000)),
                AgentState::Idle { started: at(0), until: at(300_000) }
            );
        }
    }

    #[test]
    fn an_hourly_agent_is_idle_while_its_key_outlives_any_run() {
        assert_eq!(
            interpret(Some(&key(3_600_000)), HOURLY, None, at(1_000)),
            AgentState::Idle { started: at(0), until: at(3_600_000) }
        );
        let prior = Prior { lock: key(3_600_000), state: interpret(Some(&key(3_600_000)), HOURLY, None, at(1_000)) };
        assert!(matches!(
            interpret(Some(&key(3_600_000)), HOURLY, Some(&prior), at(3_320_000)),
            AgentState::Idle { .. }
        ));
        assert!(matches!(interpret(Some(&row(0, 300_000)), HOURLY, None, at(1)), AgentState::Running { .. }));
        assert!(matches!(interpret(Some(&row(0, 3_600_000)), HOURLY, None, at(1)), AgentState::Idle { .. }));
    }

    #[test]
    fn a_lock_that_never_ends_is_left_alone() {
        let endless = Lock { expires: Timestamp::MAX, ..key(0) };
        assert!(matches!(interpret(Some(&endless), STOCK, None, at(0)), AgentState::Running { .. }));
    }

    #[test]
    fn a_mark_fits_the_owner_column_and_is_recognised_by_a_successor() {
        let mark = Mark::new(&"host\n".repeat(100));
        assert!(mark.as_str().len() <= 255 && !mark.as_str().contains('\n'));
        let lock = Lock { owner: mark.as_str().into(), ..row(0, 30_000) };
        assert!(lock.is_ours());
        assert_eq!(interpret(Some(&lock), STOCK, None, at(0)), AgentState::Held { until: at(30_000) });
    }

    proptest! {
        #[test]
        fn an_idle_agent_is_never_read_from_the_row_of_a_running_one(
            interval in 2u64..4_000, timeout in 2u64..4_000, ran in 0u64..4_000, started in 0i64..100_000,
        ) {
            let timing = Timing { interval: Duration::from_secs(interval), timeout: Duration::from_secs(timeout) };
            prop_assume!(ran < timeout);
            let lock = row(started, started + i64::try_from(timeout).unwrap() * 1_000);
            let state = interpret(Some(&lock), timing, None, at(started + i64::try_from(ran).unwrap() * 1_000));
            if !timing.is_unclear() || ran < UNCLEAR_RUN.as_secs() {
                prop_assert_eq!(state, AgentState::Running { since: at(started) });
            }
        }

        #[test]
        fn a_key_watched_from_its_start_is_read_rightly_until_its_run_ends_however_slowly_redis_answers(
            interval in 5u64..280, run_ms in 1i64..299_000, looks in proptest::collection::vec((1i64..295_000, 0i64..3_000), 1..40),
        ) {
            let timing = Timing { interval: Duration::from_secs(interval), timeout: Duration::from_secs(300) };
            let mut looks = looks;
            looks.sort_unstable();
            looks.insert(0, (0, 0));
            let idle_until = i64::try_from(interval).unwrap() * 1_000;
            let mut prior: Option<Prior> = None;
            for (now, lag) in looks {
                // Asked `lag` before the life was read: its end seems that much nearer, and so does the start.
                let asked = at(now - lag);
                let lock = if now < run_ms { Some(key(300_000 - lag)) } else if now < idle_until { Some(key(idle_until - lag)) } else { None };
                let state = interpret(lock.as_ref(), timing, prior.as_ref(), asked);
                let near = |start: Timestamp| start <= at(0) && start >= at(-3_000);
                let right = match (state, &lock) {
                    (AgentState::Absent, None) => true,
                    (AgentState::Running { since }, Some(_)) => now < run_ms && near(since),
                    (AgentState::Idle { started, .. }, Some(_)) => now >= run_ms && near(started),
                    _ => false,
                };
                prop_assert!(right, "{now} ms: {state:?}");
                prior = lock.map(|lock| Prior { lock, state });
            }
        }

        #[test]
        fn a_lock_of_ours_is_held_or_ended_and_nothing_else(
            acquired in proptest::option::of(-1_000_000i64..1_000_000), expires in -1_000_000i64..1_000_000, interval in 1u64..4_000, timeout in 1u64..4_000,
        ) {
            let lock = Lock { owner: Mark::new("x").as_str().into(), acquired: acquired.map(at), expires: at(expires) };
            let timing = Timing { interval: Duration::from_secs(interval), timeout: Duration::from_secs(timeout) };
            let state = interpret(Some(&lock), timing, None, at(0));
            prop_assert_eq!(state, if expires <= 0 { AgentState::Absent } else { AgentState::Held { until: at(expires) } });
        }
    }
}
