//! The budget: how many AWS calls refreshes may cause, per account, region and throttle bucket.
//!
//! Each of AWS's buckets has two of ours: an ordinary one, and the operator's share, which nobody else draws from and which throttling does not cut. A run
//! cannot be split, so it is let go while its buckets are above zero and may leave them in debt; that admits runs that cost more than a whole bucket and
//! keeps big ones from starving behind small ones. The ordinary rate is cut by half when AWS throttles and grows back slowly.
//!
//! Invariants, property-tested:
//! 1. In any window the tokens granted are at most capacity + refill x window + the cost of one run, for each of the two buckets.
//! 2. What others take never delays an operator: an operator's share that has had time to fill is there, throttled or not.
//! 3. A cut rate recovers by itself, and at once when told that the quota was raised.
//! 4. A refusal names a time at which asking again succeeds, if nobody else asks before. It takes nothing and blocks nobody.

use std::collections::HashMap;
use std::time::Duration;

use aws_event_cache_model::{BucketId, Class, Place, ServiceName, Timestamp};

use crate::moment::{after, between};

/// What a throttle signal does to the ordinary rate: half is what TCP and AWS's own adaptive retry mode do, and leaves room at once.
pub const CUT: f64 = 0.5;

/// The rate is never cut below this share of itself, so that refreshes go on, a tenth as often, however long AWS throttles.
pub const LEAST: f64 = 0.1;

/// A cut rate grows back by this share of the full rate each minute: after one cut the budget is whole again in five minutes.
pub const REGAIN_PER_MINUTE: f64 = 0.1;

/// Throttle signals of one service within this time are one signal: a burst of refused calls comes from one cause and must not cut the rate to its floor.
pub const ONE_SIGNAL: Duration = Duration::from_secs(5);

/// Longest wait that a refusal names; also what a bucket without refill answers. Then it is asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What refreshes may use of one of AWS's buckets, the environment's share already taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens that a full bucket holds.
    pub capacity: f64,
    /// Tokens added each second.
    pub refill: f64,
    /// Share (0 to 1) of both that only operators may use.
    pub operator_share: f64,
}

impl Rate {
    fn ordinary(self) -> (f64, f64) {
        let share = 1.0 - self.operator_share.clamp(0.0, 1.0);
        (self.capacity * share, self.refill * share)
    }

    fn operator(self) -> (f64, f64) {
        let share = self.operator_share.clamp(0.0, 1.0);
        (self.capacity * share, self.refill * share)
    }
}

/// A bucket's level, as it was at a time.
#[derive(Debug, Clone, Copy)]
struct Level {
    tokens: f64,
    at: Timestamp,
}

impl Level {
    fn full(capacity: f64, now: Timestamp) -> Self {
        Self { tokens: capacity, at: now }
    }

    fn refill(&mut self, (capacity, refill): (f64, f64), now: Timestamp) {
        self.tokens = (self.tokens + between(self.at, now).as_secs_f64() * refill).min(capacity);
        self.at = self.at.max(now);
    }

    /// How long until something is in it.
    fn wait(&self, (_, refill): (f64, f64)) -> Option<Duration> {
        if self.tokens > 0.0 {
            return None;
        }
        // One thousandth of a token above zero, so that rounding cannot name a time at which the answer is no again.
        let seconds = (0.001 - self.tokens) / refill;
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_WAIT).clamp(Duration::from_millis(1), LONGEST_WAIT))
    }
}

#[derive(Debug, Clone, Copy)]
struct Levels {
    ordinary: Level,
    operator: Level,
}

/// A rate that was cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    factor: f64,
    at: Timestamp,
}

impl Cut {
    fn now(&self, now: Timestamp) -> f64 {
        (self.factor + between(self.at, now).as_secs_f64() / 60.0 * REGAIN_PER_MINUTE).min(1.0)
    }
}

/// The budget of all places.
#[derive(Debug, Default)]
pub struct Limiter {
    levels: HashMap<(Place, BucketId), Levels>,
    cuts: HashMap<(Place, ServiceName), Cut>,
}

impl Limiter {
    /// Takes the tokens of one run, or none: then the error says when to ask again. Buckets that `rate` does not know cost nothing.
    ///
    /// # Errors
    /// The time at which asking again is worth while.
    pub fn take(
        &mut self,
        place: &Place,
        calls: &[(BucketId, u32)],
        class: Class,
        rate: impl Fn(&BucketId) -> Option<Rate>,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let mut longest = None;
        for (bucket, _) in calls {
            let Some(rate) = rate(bucket) else { continue };
            let (levels, ordinary) = self.levels(place, bucket, rate, now);
            let wait = levels.ordinary.wait(ordinary);
            let wait = if class == Class::Operator { wait.and(levels.operator.wait(rate.operator())) } else { wait };
            longest = longest.max(wait);
        }
        if let Some(wait) = longest {
            return Err(after(now, wait));
        }
        for (bucket, cost) in calls {
            let Some(rate) = rate(bucket) else { continue };
            let (levels, _) = self.levels(place, bucket, rate, now);
            // Operators use their own share first, and what others left when that is empty.
            let own = class == Class::Operator && levels.operator.tokens > 0.0;
            let level = if own { &mut levels.operator } else { &mut levels.ordinary };
            level.tokens -= f64::from(*cost);
        }
        Ok(())
    }

    /// AWS throttled a service: its ordinary rate is cut, and what is left in its buckets is gone. Returns whether this was a new signal.
    pub fn throttled(&mut self, place: &Place, service: &ServiceName, now: Timestamp) -> bool {
        let key = (place.clone(), service.clone());
        let factor = match self.cuts.get(&key) {
            Some(cut) if between(cut.at, now) < ONE_SIGNAL => return false,
            Some(cut) => cut.now(now),
            None => 1.0,
        };
        self.cuts.insert(key, Cut { factor: (factor * CUT).max(LEAST), at: now });
        for ((of, bucket), levels) in &mut self.levels {
            if of == place && bucket.service == *service {
                levels.ordinary.tokens = levels.ordinary.tokens.min(0.0);
            }
        }
        true
    }

    /// A quota was raised (of one service, or of any): what was learned about refusals no longer holds.
    pub fn restored(&mut self, place: &Place, service: Option<&ServiceName>) {
        let concerns = |of: &Place, s: &ServiceName| of == place && service.is_none_or(|service| service == s);
        self.cuts.retain(|(of, s), _| !concerns(of, s));
        self.levels.retain(|(of, bucket), _| !concerns(of, &bucket.service));
    }

    /// What share of the ordinary rate is in force: 1 when AWS has not throttled lately.
    pub fn factor(&self, place: &Place, service: &ServiceName, now: Timestamp) -> f64 {
        if self.cuts.is_empty() {
            return 1.0;
        }
        self.cuts.get(&(place.clone(), service.clone())).map_or(1.0, |cut| cut.now(now))
    }

    /// The services that are throttled, with the share of the rate in force.
    pub fn cuts(&self, now: Timestamp) -> impl Iterator<Item = (&Place, &ServiceName, f64)> {
        self.cuts.iter().map(move |((place, service), cut)| (place, service, cut.now(now))).filter(|(.., f)| *f < 1.0)
    }

    /// Forgets cuts that have healed, and places that are not served any more.
    pub fn retain(&mut self, keep: impl Fn(&Place) -> bool, now: Timestamp) {
        self.cuts.retain(|(place, _), cut| keep(place) && cut.now(now) < 1.0);
        self.levels.retain(|(place, _), _| keep(place));
    }

    /// The bucket's levels now, and the ordinary rate in force.
    fn levels(&mut self, place: &Place, bucket: &BucketId, rate: Rate, now: Timestamp) -> (&mut Levels, (f64, f64)) {
        let factor = self.factor(place, &bucket.service, now);
        let (capacity, refill) = rate.ordinary();
        let ordinary = (capacity, refill * factor);
        let levels = self.levels.entry((place.clone(), bucket.clone())).or_insert_with(|| Levels {
            ordinary: Level::full(if factor < 1.0 { 0.0 } else { capacity }, now),
            operator: Level::full(rate.operator().0, now),
        });
        levels.ordinary.refill(ordinary, now);
        levels.operator.refill(rate.operator(), now);
        (levels, ordinary)
    }
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::{AccountId, Region};
    use proptest::prelude::*;
    use smol_str::SmolStr;

    use super::*;

    fn place() -> Place {
        Place::new(AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap())
    }

    fn service() -> ServiceName {
        ServiceName::new("widgets").unwrap()
    }

    fn calls(cost: u32) -> Vec<(BucketId, u32)> {
        vec![(BucketId { service: service(), name: SmolStr::new("read") }, cost)]
    }

    const RATE: Rate = Rate { capacity: 50.0, refill: 10.0, operator_share: 0.2 };

    fn at(millis: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_millis(millis))
    }

    fn take(limiter: &mut Limiter, cost: u32, class: Class, now: u64) -> Result<(), Timestamp> {
        limiter.take(&place(), &calls(cost), class, |_| Some(RATE), at(now))
    }

    proptest! {
        #[test]
        fn no_window_sees_more_than_capacity_and_refill_and_one_run(
            asks in prop::collection::vec((0..3_000_u64, 1..40_u32, any::<bool>()), 1..80),
            throttles in prop::collection::vec(0..60_000_u64, 0..4),
        ) {
            let mut limiter = Limiter::default();
            let (mut now, mut granted) = (0, Vec::new());
            for (pause, cost, throttle) in asks {
                now += pause;
                if throttle && throttles.iter().any(|t| *t / 3_000 == now / 3_000) {
                    limiter.throttled(&place(), &service(), at(now));
                }
                if take(&mut limiter, cost, Class::Event, now).is_ok() {
                    granted.push((now, cost));
                }
            }
            for (i, (from, _)) in granted.iter().enumerate() {
                for to in &granted[i..] {
                    let sum: u32 = granted.iter().filter(|(t, _)| (*from..=to.0).contains(t)).map(|(_, cost)| cost).sum();
                    let window = (to.0 - from) as f64 / 1_000.0;
                    prop_assert!(f64::from(sum) <= 40.0 + 8.0 * window + 40.0 + 0.1, "{sum} in {window} s");
                }
            }
        }

        #[test]
        fn an_operator_is_never_delayed_by_others_nor_by_throttling(
            asks in prop::collection::vec((0..500_u64, 1..60_u32, any::<bool>()), 1..80),
        ) {
            let mut limiter = Limiter::default();
            let mut now = 0;
            for (pause, cost, throttle) in asks {
                now += pause;
                if throttle {
                    limiter.throttled(&place(), &service(), at(now));
                }
                if let Err(again) = take(&mut limiter, cost, Class::Event, now) {
                    prop_assert!(again > at(now));
                }
            }
            prop_assert!(take(&mut limiter, 10, Class::Operator, now).is_ok());
        }

        #[test]
        fn a_refusal_names_a_time_at_which_asking_again_succeeds(
            costs in prop::collection::vec(1..200_u32, 1..30), throttles in 0..4_u64,
        ) {
            let mut limiter = Limiter::default();
            (0..throttles).for_each(|n| { limiter.throttled(&place(), &service(), at(n * 6_000)); });
            let mut now = at(throttles * 6_000);
            for cost in costs {
                if let Err(again) = limiter.take(&place(), &calls(cost), Class::Event, |_| Some(RATE), now) {
                    prop_assert!(again > now);
                    now = again;
                    prop_assert!(limiter.take(&place(), &calls(cost), Class::Event, |_| Some(RATE), now).is_ok());
                }
            }
        }
    }

    #[test]
    fn a_cut_rate_grows_back_in_minutes_and_at_once_when_the_quota_is_raised() {
        let mut limiter = Limiter::default();
        assert!(limiter.throttled(&place(), &service(), at(0)));
        assert!(!limiter.throttled(&place(), &service(), at(1_000)), "one burst is one signal");
        assert_eq!(limiter.factor(&place(), &service(), at(0)), 0.5);
        assert!((limiter.factor(&place(), &service(), at(120_000)) - 0.7).abs() < 1e-9);
        assert_eq!(limiter.factor(&place(), &service(), at(301_000)), 1.0);
        limiter.throttled(&place(), &service(), at(400_000));
        limiter.restored(&place(), None);
        assert_eq!(limiter.factor(&place(), &service(), at(400_000)), 1.0);
        assert!(take(&mut limiter, 1, Class::Event, 400_000).is_ok());
    }

    #[test]
    fn a_throttle_signal_stops_others_at_once_and_lets_operators_pass() {
        let mut limiter = Limiter::default();
        assert!(take(&mut limiter, 1, Class::Event, 0).is_ok());
        limiter.throttled(&place(), &service(), at(0));
        assert!(take(&mut limiter, 1, Class::Event, 0).is_err(), "what was in the bucket is gone");
        assert!(take(&mut limiter, 1, Class::Operator, 0).is_ok());
    }

    #[test]
    fn long_throttling_never_cuts_below_the_least_share() {
        let mut limiter = Limiter::default();
        (0..50).for_each(|n| {
            limiter.throttled(&place(), &service(), at(n * 5_000));
        });
        assert!(limiter.factor(&place(), &service(), at(250_000)) >= LEAST);
    }

    #[test]
    fn a_run_that_costs_more_than_the_bucket_is_let_go_and_paid_afterwards() {
        let mut limiter = Limiter::default();
        assert!(take(&mut limiter, 120, Class::Event, 0).is_ok());
        let again = take(&mut limiter, 1, Class::Event, 0).unwrap_err();
        assert_eq!(between(at(0), again).as_secs(), 10, "80 tokens of debt at 8 a second");
    }
}
