//! AWS as far as a poller feels it: token buckets that refuse calls.

use std::collections::HashMap;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{BucketId, Place, Timestamp};

/// Pauses between the attempts of one call, as Clouddriver 5.90.0 was seen to make them (four attempts, 3.4 s in all).
const RETRY_PAUSES: [Duration; 3] =
    [Duration::from_millis(320), Duration::from_millis(580), Duration::from_millis(1_800)];

/// Time that an AWS call takes when it is answered: the middle of what Describe calls take from within AWS.
const CALL_TIME: Duration = Duration::from_millis(60);

/// What AWS answered to the calls of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answered {
    /// Calls sent, each attempt counted.
    pub calls: u64,
    /// Of these, refused for their rate.
    pub throttled: u64,
    /// How long all of it took.
    pub took: Duration,
    /// Whether some call was refused at every attempt: the run then fails.
    pub failed: bool,
}

#[derive(Debug, Clone)]
struct Bucket {
    tokens: f64,
    capacity: f64,
    refill: f64,
    at: Timestamp,
}

impl Bucket {
    fn take(&mut self, at: Timestamp) -> bool {
        if at > self.at {
            let seconds = at.duration_since(self.at).as_secs_f64();
            self.tokens = (self.tokens + seconds * self.refill).min(self.capacity);
            self.at = at;
        }
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// The throttle buckets of every account and region, with AWS's capacities and refills out of the catalogue.
#[derive(Debug)]
pub struct SimulatedAws {
    buckets: HashMap<(Place, BucketId), Bucket>,
    /// Share of each refill that other users of the account eat: deploy tools, dashboards, scripts.
    others: f64,
}

impl SimulatedAws {
    /// Full buckets; `others` is the share (0 to below 1) of each refill that goes to other users of the account.
    pub fn new(others: f64) -> Self {
        Self { buckets: HashMap::new(), others: others.clamp(0.0, 0.95) }
    }

    /// Makes the calls of one run, one after the other, retrying as Clouddriver does.
    pub fn run(
        &mut self,
        catalog: &Catalog,
        place: &Place,
        calls: &[(BucketId, u32)],
        fleet: u32,
        now: Timestamp,
    ) -> Answered {
        let mut answered = Answered::default();
        for (bucket, count) in calls {
            for _ in 0..count.saturating_mul(fleet) {
                self.call(catalog, place, bucket, now, &mut answered);
                if answered.failed {
                    return answered;
                }
            }
        }
        answered
    }

    /// Makes one call, retrying as Clouddriver does; `answered` says when, and takes what came of it.
    pub fn call(
        &mut self,
        catalog: &Catalog,
        place: &Place,
        bucket: &BucketId,
        now: Timestamp,
        answered: &mut Answered,
    ) {
        let others = self.others;
        let bucket = self.buckets.entry((place.clone(), bucket.clone())).or_insert_with(|| {
            let (capacity, refill) =
                catalog.bucket(bucket).map_or((100.0, 20.0), |known| (known.capacity, known.refill));
            Bucket { tokens: capacity, capacity, refill: refill * (1.0 - others), at: now }
        });
        for pause in RETRY_PAUSES.into_iter().map(Some).chain([None]) {
            answered.calls += 1;
            answered.took += CALL_TIME;
            if bucket.take(now.saturating_add(answered.took).unwrap_or(now)) {
                return;
            }
            answered.throttled += 1;
            match pause {
                Some(pause) => answered.took += pause,
                None => answered.failed = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_bucket_refuses_and_fails_the_run_after_four_attempts() {
        let mut bucket = Bucket { tokens: 1.0, capacity: 1.0, refill: 0.0, at: Timestamp::UNIX_EPOCH };
        assert!(bucket.take(Timestamp::UNIX_EPOCH));
        assert!(!bucket.take(Timestamp::from_second(3_600).unwrap()));
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_capacity() {
        let mut bucket = Bucket { tokens: 2.0, capacity: 2.0, refill: 10.0, at: Timestamp::UNIX_EPOCH };
        let later = Timestamp::from_second(60).unwrap();
        assert!(bucket.take(later) && bucket.take(later));
        assert!(!bucket.take(later));
    }
}
