//! The budget of the calls that are forwarded: per account, region and throttle bucket, what the catalogue says of AWS's rates times a share.
//!
//! A call beyond the budget is held, not refused: four of five SDKs ignore `Retry-After`, and a client that is told to come back comes back at once. Who waits is
//! served in turns ([`Line`]): operations and reads that name their resource first, then clients one after another.
//!
//! [`Limiter`] decides; here is only the waiting.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_engine::Limiter;
use aws_event_cache_engine::limit::Rate;
use aws_event_cache_model::{BucketId, Class, Place, ServiceName, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

mod line;

pub(crate) use line::Client;
use line::Line;

/// What the answer arm may use of AWS's rates, and how long it lets a call wait for them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetSettings {
    /// Share of AWS's rate that may be used, 0 to 1. `0` switches the budget off: nothing is held.
    pub share: f64,
    /// Longest time that a read is held. Clouddriver's SDK gives up after 30 s, and AWS takes some of that, so at most ten is useful.
    pub hold: Duration,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { share: 0.8, hold: Duration::from_secs(10) }
    }
}

/// Share of the budget that only operations and reads that name their resource may use: the same as what the drive arm keeps for operators.
const OPERATOR_SHARE: f64 = 0.2;

/// So many may wait for one bucket; whoever comes then is refused at once. At AWS's slowest bucket (5 calls a second) a tenth of them would be served in time.
const MOST_WAITING: usize = 1_000;

/// A line is looked over for those who gave up when it has grown to this.
const LOOK_OVER: usize = 64;

/// A bucket is asked again after this at the latest, since an operator may have got its rate restored meanwhile.
const LONGEST_NAP: Duration = Duration::from_secs(1);

/// Where a call draws on: one of AWS's buckets in one place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Draw {
    /// Account and region.
    pub(crate) place: Place,
    /// The bucket.
    pub(crate) bucket: BucketId,
}

/// How a call's wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It may go; it was not held.
    Free,
    /// It may go after having been held.
    Held,
    /// It may not go.
    Refused,
}

#[derive(Debug, Default)]
struct Lane {
    line: Line<oneshot::Sender<()>>,
    /// Somebody urgent has come, or the rate was restored.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    limiter: Limiter,
    lanes: HashMap<Draw, Lane>,
}

/// See the module. Share it in an `Arc`.
#[derive(Debug)]
pub(crate) struct Budget {
    inner: Mutex<Inner>,
    catalog: Arc<Catalog>,
    settings: Mutex<BudgetSettings>,
    clock: Clock,
}

impl Budget {
    /// Every bucket full.
    pub(crate) fn new(settings: BudgetSettings, catalog: Arc<Catalog>, clock: Clock) -> Self {
        Self { inner: Mutex::default(), catalog, settings: Mutex::new(settings), clock }
    }

    /// How long a read may be held.
    pub(crate) fn hold(&self) -> Duration {
        self.settings.lock().hold
    }

    /// From now on these hold.
    pub(crate) fn set(&self, settings: BudgetSettings) {
        *self.settings.lock() = settings;
    }

    /// Notes a call that goes in any case.
    pub(crate) fn note(&self, draw: &Draw, class: Class) {
        // What is not there is not owed: the limiter knows no debts of others.
        self.take(&mut self.inner.lock().limiter, draw, class).unwrap_or_default();
    }

    /// Waits for leave to make one call, until `deadline` at the latest.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        draw: &Draw,
        class: Class,
        client: Client,
        deadline: Timestamp,
    ) -> Leave {
        let waiting = match self.take_or_wait(draw, class, client) {
            Ok(leave) => return leave,
            Err(waiting) => waiting,
        };
        tokio::select! {
            granted = waiting => if granted.is_ok() { Leave::Held } else { Leave::Refused },
            () = self.clock.sleep_until(deadline) => Leave::Refused,
        }
    }

    /// AWS throttled. Returns whether this was news.
    pub(crate) fn throttled(&self, place: &Place, service: &ServiceName) -> bool {
        self.inner.lock().limiter.throttled(place, service, self.clock.now())
    }

    /// How many wait, in all.
    pub(crate) fn waiting(&self) -> usize {
        self.inner.lock().lanes.values().map(|lane| lane.line.len()).sum()
    }

    /// Forgets cuts that have healed.
    pub(crate) fn tidy(&self) {
        let now = self.clock.now();
        self.inner.lock().limiter.retain(|_| true, now);
    }

    fn take_or_wait(
        self: &Arc<Self>,
        draw: &Draw,
        class: Class,
        client: Client,
    ) -> Result<Leave, oneshot::Receiver<()>> {
        let urgent = class == Class::Operator;
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        // Who comes now must not overtake who waits.
        let first = inner
            .lanes
            .get(draw)
            .is_none_or(|lane| if urgent { lane.line.urgent() == 0 } else { lane.line.is_empty() });
        if first && self.take(&mut inner.limiter, draw, class).is_ok() {
            return Ok(Leave::Free);
        }
        let is_new = !inner.lanes.contains_key(draw);
        let lane = inner.lanes.entry(draw.clone()).or_default();
        if lane.line.len() >= LOOK_OVER && lane.line.len().is_power_of_two() || lane.line.len() >= MOST_WAITING {
            lane.line.retain(|waiting| !waiting.is_closed());
        }
        if lane.line.len() >= MOST_WAITING {
            return Ok(Leave::Refused);
        }
        let (grant, waiting) = oneshot::channel();
        lane.line.push(urgent, client, grant);
        if is_new {
            self.start(draw.clone());
        } else if urgent {
            lane.changed.notify_one();
        }
        Err(waiting)
    }

    fn take(&self, limiter: &mut Limiter, draw: &Draw, class: Class) -> Result<(), Timestamp> {
        limiter.take(&draw.place, &[(draw.bucket.clone(), 1)], class, |bucket| self.rate(bucket), self.clock.now())
    }

    fn rate(&self, bucket: &BucketId) -> Option<Rate> {
        let share = self.settings.lock().share;
        let bucket = self.catalog.bucket(bucket).filter(|_| share > 0.0)?;
        Some(Rate { capacity: bucket.capacity * share, refill: bucket.refill * share, operator_share: OPERATOR_SHARE })
    }

    #[allow(clippy::disallowed_methods, reason = "a shell: grants what the limiter allows, as long as somebody waits")]
    fn start(self: &Arc<Self>, draw: Draw) {
        let budget = self.clone();
        tokio::spawn(async move {
            while let Some((nap_until, changed)) = budget.grant(&draw) {
                tokio::select! {
                    () = budget.clock.sleep_until(nap_until) => {}
                    () = changed.notified() => {}
                }
            }
        });
    }

    /// Lets go who may go. Returns when to come again, or `None` when nobody waits any more.
    fn grant(&self, draw: &Draw) -> Option<(Timestamp, Arc<Notify>)> {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let lane = inner.lanes.get_mut(draw)?;
        lane.line.retain(|waiting| !waiting.is_closed());
        while let Some(urgent) = lane.line.next_is_urgent() {
            let class = if urgent { Class::Operator } else { Class::Sweep };
            let taken = self.take(&mut inner.limiter, draw, class);
            // The operators' share may have what the ordinary one lacks.
            let (taken, urgent) = match taken {
                Err(_) if !urgent && lane.line.urgent() > 0 => {
                    (self.take(&mut inner.limiter, draw, Class::Operator), true)
                }
                taken => (taken, urgent),
            };
            match taken {
                Ok(()) => {
                    // Whoever gave up in this very moment leaves a token unused: harmless, and rarer than a lock held for it would be dear.
                    lane.line.pop(urgent).map(|grant| grant.send(()));
                }
                Err(again) => {
                    let nap = after(self.clock.now(), LONGEST_NAP * self.clock.factor());
                    return Some((again.min(nap), lane.changed.clone()));
                }
            }
        }
        inner.lanes.remove(draw);
        None
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
