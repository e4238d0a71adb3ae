//! Cadence: how long a kind's cached copy may go without being read again.
//!
//! The freshness of what events cover comes from events, and from the second look after each; cadence is the safety net under them, so it may be wide as long as
//! the stream can be trusted. What events do not cover is read as often as its own ceiling says, and more often while its surroundings change.
//!
//! | situation | time between two polls |
//! |---|---|
//! | an operator's override | what it says |
//! | kind not watched, or stream not to be trusted | stock: Clouddriver polls as if we were not here |
//! | events cover the kind fully | the ceiling: of the profile, or of the kind if that is shorter; stretched while AWS throttles |
//! | partly, nothing changed lately | the same ceiling, never stretched |
//! | not at all, nothing changed lately | the kind's own ceiling, never stretched: the profile's says how old a lost event may get, and there are none to lose |
//! | partly or not at all, hot | the profile's hot ceiling, stretched while AWS throttles, within the same ceiling |
//!
//! A hot kind that is fully covered keeps its ceiling: the change itself forced a run and a second look, and polling on would only cost calls.
//!
//! Invariants, property-tested:
//! 1. Without an override never above the ceilings of profile and kind (of the kind alone, where there are no events); only where events cover the kind fully, and AWS throttles, by the profile's factor above.
//! 2. A stream that is not healthy is never held.
//! 3. More throttling never makes it shorter; being hot never makes it longer.

use std::collections::HashMap;
use std::time::Duration;

use aws_event_cache_catalog::Coverage;
use aws_event_cache_model::{Place, Profile, Scope, Timestamp};
use serde::Serialize;

use crate::moment::{after, between};
use crate::stream::StreamHealth;

/// What the cadence of a scope depends on.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    /// The profile in force.
    pub profile: &'a Profile,
    /// How far events cover the kind.
    pub coverage: Coverage,
    /// How often the kind is worth reading at most.
    pub kind_floor: Duration,
    /// The kind's own ceiling, or the profile's for this kind.
    pub kind_ceiling: Duration,
    /// Whether the profile leaves this kind to stock polling.
    pub unwatched: bool,
    /// Whether the place's event stream can be trusted.
    pub stream: StreamHealth,
    /// Whether something changed here, or in what touches it, in the last minutes.
    pub hot: bool,
    /// Share of the call rate in force: 1 when AWS has not throttled lately, less after it did.
    pub rate: f64,
    /// What an operator said.
    pub fixed: Option<Duration>,
}

/// Why a cadence is what it is: in status and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// An operator's override.
    Override,
    /// A kill switch, or the drive arm is off.
    Released,
    /// The profile does not watch this kind.
    Unwatched,
    /// Nothing was ever heard from this place's stream.
    StreamUnknown,
    /// The stream has been silent for too long.
    StreamSilent,
    /// The stream's heartbeats come too late.
    StreamLate,
    /// The feed was taken away.
    StreamStopped,
    /// Something changed lately and events do not tell all.
    Hot,
    /// The same, stretched since AWS throttles.
    Throttled,
    /// The kind's own ceiling.
    KindCeiling,
    /// The profile's ceiling.
    ProfileCeiling,
    /// Reading again showed a change that nothing had announced.
    Uncovered,
}

impl Reason {
    /// All reasons: a gauge of one that no longer applies anywhere must fall to zero.
    pub const ALL: [Reason; 12] = [
        Self::Override,
        Self::Released,
        Self::Unwatched,
        Self::StreamUnknown,
        Self::StreamSilent,
        Self::StreamLate,
        Self::StreamStopped,
        Self::Hot,
        Self::Throttled,
        Self::KindCeiling,
        Self::ProfileCeiling,
        Self::Uncovered,
    ];

    /// As in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Released => "released",
            Self::Unwatched => "unwatched",
            Self::StreamUnknown => "stream-unknown",
            Self::StreamSilent => "stream-silent",
            Self::StreamLate => "stream-late",
            Self::StreamStopped => "stream-stopped",
            Self::Hot => "hot",
            Self::Throttled => "throttled",
            Self::KindCeiling => "kind-ceiling",
            Self::ProfileCeiling => "profile-ceiling",
            Self::Uncovered => "uncovered",
        }
    }
}

/// How long a kind may go without being read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Time between two polls; `None` is stock: no hold.
    pub every: Option<Duration>,
    /// Why.
    pub reason: Reason,
}

impl Cadence {
    /// Decides. See the module's table.
    pub fn decide(conditions: &Conditions<'_>) -> Self {
        if let Some(every) = conditions.fixed {
            return Self { every: Some(every), reason: Reason::Override };
        }
        if conditions.unwatched {
            return Self::stock(Reason::Unwatched);
        }
        match conditions.stream {
            StreamHealth::Healthy => Self::trusted(conditions),
            StreamHealth::Unknown => Self::stock(Reason::StreamUnknown),
            StreamHealth::Silent => Self::stock(Reason::StreamSilent),
            StreamHealth::Late => Self::stock(Reason::StreamLate),
            StreamHealth::Stopped => Self::stock(Reason::StreamStopped),
        }
    }

    /// No hold.
    pub fn stock(reason: Reason) -> Self {
        Self { every: None, reason }
    }

    fn trusted(conditions: &Conditions<'_>) -> Self {
        let profile = conditions.profile;
        let own = conditions.coverage == Coverage::None || conditions.kind_ceiling < profile.ceiling;
        let (ceiling, reason) = if own {
            (conditions.kind_ceiling, Reason::KindCeiling)
        } else {
            (profile.ceiling, Reason::ProfileCeiling)
        };
        let stretch = stretch(conditions.rate, profile.throttle_stretch);
        let told = |reason| if stretch > 1.0 { Reason::Throttled } else { reason };
        if conditions.coverage == Coverage::Full {
            // The poll is only the net under the events, so it gives way when calls are short.
            return Self { every: Some(ceiling.mul_f64(stretch)), reason: told(reason) };
        }
        let hot = profile.hot_ceiling.max(profile.floor).max(conditions.kind_floor).mul_f64(stretch);
        if !conditions.hot {
            return Self { every: Some(ceiling), reason };
        }
        if hot >= ceiling {
            return Self { every: Some(ceiling), reason: told(reason) };
        }
        Self { every: Some(hot), reason: told(Reason::Hot) }
    }

    /// An agent reads several kinds: an operator's word goes first, then the kind that can wait least.
    pub fn soonest(of: impl IntoIterator<Item = Cadence>) -> Option<Cadence> {
        let key = |c: &Cadence| (c.reason != Reason::Override, c.every.unwrap_or(Duration::ZERO));
        of.into_iter().min_by_key(key)
    }
}

/// How much a cut rate stretches: not at all at the full rate, by the profile's factor when nothing is left of it.
fn stretch(rate: f64, most: f64) -> f64 {
    let most = if most.is_finite() { most.max(1.0) } else { 1.0 };
    1.0 + (most - 1.0) * (1.0 - rate.clamp(0.0, 1.0))
}

/// Where something changed lately.
#[derive(Debug, Default)]
pub struct Heat {
    last_change: HashMap<Scope, Timestamp>,
}

impl Heat {
    /// Notes a change.
    pub fn note(&mut self, scope: Scope, changed: Timestamp) {
        let last = self.last_change.entry(scope).or_insert(changed);
        *last = (*last).max(changed);
    }

    /// Whether a scope changed within `hot_for`.
    pub fn is_hot(&self, scope: &Scope, hot_for: Duration, now: Timestamp) -> bool {
        self.last_change.get(scope).is_some_and(|last| after(*last, hot_for) > now)
    }

    /// When a scope last changed, as far as remembered.
    pub fn last_change(&self, scope: &Scope) -> Option<Timestamp> {
        self.last_change.get(scope).copied()
    }

    /// Forgets changes older than `longest`, and places that are not served any more.
    pub fn retain(&mut self, keep: impl Fn(&Place) -> bool, longest: Duration, now: Timestamp) {
        self.last_change.retain(|scope, last| keep(&scope.place) && between(*last, now) <= longest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
        range.prop_map(Duration::from_secs)
    }

    fn profiles() -> impl Strategy<Value = Profile> {
        (seconds(1..120), seconds(1..3_600), seconds(1..600), 1.0..10.0_f64).prop_map(
            |(floor, ceiling, hot_ceiling, throttle_stretch)| Profile {
                floor,
                ceiling,
                hot_ceiling,
                throttle_stretch,
                ..testing::profile()
            },
        )
    }

    fn coverages() -> impl Strategy<Value = Coverage> {
        prop_oneof![Just(Coverage::Full), Just(Coverage::Partial), Just(Coverage::None)]
    }

    proptest! {
        #[test]
        fn never_above_the_ceilings_and_monotone_in_heat_and_throttling(
            profile in profiles(), coverage in coverages(), kind_ceiling in seconds(1..7_200), rates in (0.0..=1.0_f64, 0.0..=1.0_f64), hot in any::<bool>(),
        ) {
            let decide = |hot, rate| Cadence::decide(&Conditions {
                profile: &profile, coverage, kind_floor: Duration::ZERO, kind_ceiling, unwatched: false, stream: StreamHealth::Healthy, hot, rate, fixed: None,
            }).every.unwrap();
            let (more, less) = (rates.0.min(rates.1), rates.0.max(rates.1));
            let ceiling = if coverage == Coverage::None { kind_ceiling } else { profile.ceiling.min(kind_ceiling) };
            prop_assert!(decide(hot, 1.0) <= ceiling);
            let most = if coverage == Coverage::Full { ceiling.mul_f64(profile.throttle_stretch) } else { ceiling };
            prop_assert!(decide(hot, more) <= most, "only what events cover is stretched beyond its ceiling");
            prop_assert!(decide(hot, more) >= decide(hot, less), "more throttling is never shorter");
            prop_assert!(decide(true, less) <= decide(false, less), "hot is never longer");
        }

        #[test]
        fn a_stream_that_is_not_healthy_is_never_held(
            profile in profiles(), coverage in coverages(), kind_ceiling in seconds(1..7_200), rate in 0.0..=1.0_f64, hot in any::<bool>(),
            stream in prop_oneof![Just(StreamHealth::Unknown), Just(StreamHealth::Silent), Just(StreamHealth::Late), Just(StreamHealth::Stopped)],
        ) {
            let conditions = Conditions { profile: &profile, coverage, kind_floor: Duration::ZERO, kind_ceiling, unwatched: false, stream, hot, rate, fixed: None };
            prop_assert_eq!(Cadence::decide(&conditions).every, None);
        }
    }

    fn calm(profile: &Profile) -> Conditions<'_> {
        Conditions {
            profile,
            coverage: Coverage::Full,
            kind_floor: Duration::ZERO,
            kind_ceiling: Duration::from_secs(86_400),
            unwatched: false,
            stream: StreamHealth::Healthy,
            hot: false,
            rate: 1.0,
            fixed: None,
        }
    }

    #[test]
    fn each_situation_has_its_reason() {
        let profile = testing::profile();
        let base = calm(&profile);
        let short = Duration::from_secs(45);
        let hot = Conditions { hot: true, coverage: Coverage::Partial, ..base };
        for (conditions, every, reason) in [
            (base, Some(profile.ceiling), Reason::ProfileCeiling),
            (Conditions { hot: true, ..base }, Some(profile.ceiling), Reason::ProfileCeiling),
            (Conditions { kind_ceiling: short, ..base }, Some(short), Reason::KindCeiling),
            (
                Conditions { rate: 0.0, ..base },
                Some(profile.ceiling.mul_f64(profile.throttle_stretch)),
                Reason::Throttled,
            ),
            (
                Conditions { rate: 0.0, coverage: Coverage::Partial, ..base },
                Some(profile.ceiling),
                Reason::ProfileCeiling,
            ),
            (Conditions { rate: 0.0, coverage: Coverage::None, ..base }, Some(base.kind_ceiling), Reason::KindCeiling),
            (hot, Some(profile.hot_ceiling), Reason::Hot),
            (Conditions { rate: 0.1, ..hot }, None, Reason::Throttled),
            (Conditions { fixed: Some(short), stream: StreamHealth::Silent, ..base }, Some(short), Reason::Override),
            (Conditions { unwatched: true, ..base }, None, Reason::Unwatched),
            (Conditions { stream: StreamHealth::Silent, ..base }, None, Reason::StreamSilent),
        ] {
            let answer = Cadence::decide(&conditions);
            assert_eq!(answer.reason, reason);
            if reason == Reason::Throttled && every.is_none() {
                assert!(answer.every.unwrap() > profile.hot_ceiling);
            } else {
                assert_eq!(answer.every, every, "{reason:?}");
            }
        }
    }

    #[test]
    fn an_agent_follows_the_kind_that_can_wait_least_unless_an_operator_spoke() {
        let minute = |n: u64, reason| Cadence { every: Some(Duration::from_secs(60 * n)), reason };
        let (slow, fast) = (minute(15, Reason::ProfileCeiling), minute(1, Reason::KindCeiling));
        assert_eq!(Cadence::soonest([slow, fast]), Some(fast));
        assert_eq!(Cadence::soonest([slow, fast, Cadence::stock(Reason::Unwatched)]).unwrap().every, None);
        assert_eq!(Cadence::soonest([fast, minute(30, Reason::Override)]), Some(minute(30, Reason::Override)));
    }
}
