//! What changes at AWS, when, and what its event stream makes of it: drawn once from a seed, so that every world sees the same.

use std::time::Duration;

use aws_event_cache_model::{KindId, Place, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// AWS's APIs are eventually consistent: a read within this time of a change may still show the old state (EC2's documentation speaks of a couple of
/// seconds at first).
const VISIBLE_WITHIN: Duration = Duration::from_millis(1_500);

/// One change of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub place: Place,
    /// Of which kind.
    pub kind: KindId,
    /// Which resource: a small number of the place's resources change again and again.
    pub resource: u32,
    /// When it happened.
    pub at: Timestamp,
    /// From when on reads show it.
    pub visible: Timestamp,
    /// Whether Clouddriver made it, for a deployment, rather than a person or AWS itself.
    pub own: bool,
    /// When its event arrives, once for each delivery: none when it was lost, two when it was duplicated.
    pub arrivals: Vec<Timestamp>,
}

/// How lively the account is and how good its event stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Liveliness {
    /// Mean time between two changes in one place.
    pub every: Duration,
    /// Share of the announced changes that Clouddriver itself makes.
    pub own: f64,
    /// Share of events that never arrive.
    pub lost: f64,
    /// Share of events that arrive twice.
    pub doubled: f64,
    /// Share of events that arrive a minute or more late.
    pub late: f64,
}

impl Default for Liveliness {
    /// Where Spinnaker deploys, about every second change is a deployment's. EventBridge promises at-least-once and is seconds late at its 99th percentile; one in a hundred lost is worse than anybody reports, on purpose.
    fn default() -> Self {
        Self { every: Duration::from_secs(45), own: 0.5, lost: 0.01, doubled: 0.02, late: 0.01 }
    }
}

/// A kind that may change, how often beside the others, and whether AWS announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changing {
    /// The kind.
    pub kind: KindId,
    /// Its weight beside the others'.
    pub weight: u32,
    /// Whether its changes are announced.
    pub announced: bool,
}

/// Draws the changes of `length` from `start` on, in order of time.
///
/// Each purpose has a random stream of its own, so that one more draw here does not shift times there.
pub fn changes(
    seed: u64,
    places: &[Place],
    kinds: &[Changing],
    lively: Liveliness,
    start: Timestamp,
    length: Duration,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let mut times = StdRng::seed_from_u64(seed ^ (number as u64) << 8 ^ 0x1);
        let mut whats = StdRng::seed_from_u64(seed ^ (number as u64) << 8 ^ 0x2);
        let mut roads = StdRng::seed_from_u64(seed ^ (number as u64) << 8 ^ 0x3);
        let mut authors = StdRng::seed_from_u64(seed ^ (number as u64) << 8 ^ 0x4);
        let mut at = start;
        while let Some(Changing { kind, announced, .. }) = pick(&mut whats, kinds) {
            at = after(at, exponential(&mut times, lively.every));
            if at.duration_since(start).unsigned_abs() > length {
                break;
            }
            let visible = after(at, VISIBLE_WITHIN.mul_f64(roads.random_range(0.0..1.0)));
            let arrivals = if *announced { arrivals(&mut roads, lively, at) } else { Vec::new() };
            let resource = whats.random_range(0..20);
            let own = *announced && authors.random_bool(lively.own);
            changes.push(Change { place: place.clone(), kind: kind.clone(), resource, at, visible, own, arrivals });
        }
    }
    changes.sort_by_key(|change| change.at);
    changes
}

fn pick<'a>(random: &mut StdRng, kinds: &'a [Changing]) -> Option<&'a Changing> {
    let total: u32 = kinds.iter().map(|kind| kind.weight).sum();
    let mut at = random.random_range(0..total.max(1));
    kinds.iter().find(|kind| {
        let here = at < kind.weight;
        at = at.saturating_sub(kind.weight);
        here
    })
}

fn arrivals(random: &mut StdRng, lively: Liveliness, at: Timestamp) -> Vec<Timestamp> {
    if random.random_bool(lively.lost) {
        return Vec::new();
    }
    let mut delay = Duration::from_millis(400) + exponential(random, Duration::from_millis(900));
    if random.random_bool(lively.late) {
        delay += Duration::from_secs(random.random_range(60..180));
    }
    let first = after(at, delay);
    if random.random_bool(lively.doubled) {
        return vec![first, after(first, exponential(random, Duration::from_secs(20)))];
    }
    vec![first]
}

fn exponential(random: &mut StdRng, mean: Duration) -> Duration {
    let uniform: f64 = random.random_range(f64::EPSILON..1.0);
    mean.mul_f64(-uniform.ln())
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_event_cache_model::{AccountId, Region};

    fn changing(kind: &str, announced: bool) -> Changing {
        Changing { kind: KindId::new(kind).unwrap(), weight: 1, announced }
    }

    #[test]
    fn a_kind_of_weight_nine_changes_nine_times_as_often_as_one_of_weight_one() {
        let often = Changing { weight: 9, ..changing("widget", true) };
        let kinds = [changing("gadget", true), often];
        let drawn =
            changes(1, &places(), &kinds, Liveliness::default(), Timestamp::UNIX_EPOCH, Duration::from_secs(864_000));
        let often = drawn.iter().filter(|change| change.kind.as_str() == "widget").count() as f64;
        assert!((0.88..0.92).contains(&(often / drawn.len() as f64)), "{often} of {}", drawn.len());
    }

    fn places() -> Vec<Place> {
        vec![Place::new(AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap())]
    }

    #[test]
    fn the_same_seed_gives_the_same_changes_and_another_seed_others() {
        let kinds = [changing("widget", true)];
        let draw = |seed| {
            changes(seed, &places(), &kinds, Liveliness::default(), Timestamp::UNIX_EPOCH, Duration::from_secs(3_600))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn unannounced_kinds_have_no_arrivals() {
        let kinds = [changing("gadget", false)];
        let drawn =
            changes(1, &places(), &kinds, Liveliness::default(), Timestamp::UNIX_EPOCH, Duration::from_secs(3_600));
        assert!(!drawn.is_empty() && drawn.iter().all(|change| change.arrivals.is_empty()));
    }

    #[test]
    fn no_event_arrives_before_its_change() {
        let kinds = [changing("widget", true)];
        let drawn =
            changes(3, &places(), &kinds, Liveliness::default(), Timestamp::UNIX_EPOCH, Duration::from_secs(86_400));
        assert!(drawn.iter().all(|change| change.arrivals.iter().all(|arrival| *arrival > change.at)));
        let lost = drawn.iter().filter(|change| change.arrivals.is_empty()).count() as f64 / drawn.len() as f64;
        assert!((0.001..0.03).contains(&lost), "{lost}");
    }

    #[test]
    fn no_kinds_mean_no_changes() {
        assert!(
            changes(1, &places(), &[], Liveliness::default(), Timestamp::UNIX_EPOCH, Duration::from_secs(60))
                .is_empty()
        );
    }
}
