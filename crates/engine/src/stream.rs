//! Health of the event stream of each place: may we trust that a change would have been announced?
//!
//! A heartbeat (a scheduled event through the whole feed) proves the stream alive and tells how late it is; any other message from AWS is a sign of life, too.
//!
//! Invariants, property-tested:
//! 1. A place never heard of, silent for longer than its profile allows, late or stopped is not healthy.
//! 2. Health that came back dates from the sign that brought it back: what may have been lost before it is not covered.

use std::collections::HashMap;
use std::time::Duration;

use aws_event_cache_model::{Place, Profile, Region, Timestamp};
use serde::Serialize;

use crate::moment::between;

/// Where AWS delivers the events of services that have no region (IAM): one region of each partition.
const HOME_REGIONS: [&str; 3] = ["us-east-1", "us-gov-west-1", "cn-north-1"];

/// What a message says about its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A heartbeat and how late it came; `None` when it does not say when it was sent.
    Heartbeat(Option<Duration>),
    /// Any other message.
    Life,
    /// The feed was taken away.
    Stopped,
}

/// Whether a stream can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamHealth {
    /// Heard of lately, and in time.
    Healthy,
    /// Never heard of.
    Unknown,
    /// Nothing came for longer than the profile allows.
    Silent,
    /// The last heartbeat came later than the profile allows.
    Late,
    /// The feed was taken away.
    Stopped,
}

/// What is known of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stream {
    last_sign: Option<Timestamp>,
    last_heartbeat: Option<Timestamp>,
    lateness: Option<Duration>,
    stopped: bool,
    /// When a sign last made it healthy; holds only while it is.
    healthy_since: Option<Timestamp>,
}

/// One stream, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamStatus {
    /// Where.
    pub place: Place,
    /// Whether it can be trusted.
    pub health: StreamHealth,
    /// When anything was last heard from it.
    pub last_sign: Option<Timestamp>,
    /// When the last heartbeat came.
    pub last_heartbeat: Option<Timestamp>,
    /// How late the last heartbeat was, in milliseconds.
    pub lateness_ms: Option<u64>,
    /// Since when it has been healthy without a break.
    pub healthy_since: Option<Timestamp>,
}

/// All streams.
#[derive(Debug, Default)]
pub struct Streams {
    by_place: HashMap<Place, Stream>,
}

impl Streams {
    /// Notes a sign.
    pub fn hear(&mut self, place: &Place, sign: Sign, profile: &Profile, now: Timestamp) {
        let stream = self.by_place.entry(place.clone()).or_default();
        let was_healthy = stream.health(profile, now) == StreamHealth::Healthy;
        match sign {
            Sign::Stopped => stream.stopped = true,
            Sign::Life => {
                stream.last_sign = Some(now);
                stream.stopped = false;
            }
            Sign::Heartbeat(lateness) => {
                stream.last_sign = Some(now);
                stream.last_heartbeat = Some(now);
                stream.lateness = lateness;
                stream.stopped = false;
            }
        }
        if !was_healthy && stream.health(profile, now) == StreamHealth::Healthy {
            stream.healthy_since = Some(now);
        }
    }

    /// Whether the stream of a place can be trusted. A place without a region (`global`) hears through its own messages or the account's home region.
    pub fn health(&self, place: &Place, profile: &Profile, now: Timestamp) -> StreamHealth {
        self.of(place, profile, now).1
    }

    /// Since when the stream has been healthy; `None` when it is not. What was read before that may lack a change that was never announced.
    pub fn healthy_since(&self, place: &Place, profile: &Profile, now: Timestamp) -> Option<Timestamp> {
        let (stream, health) = self.of(place, profile, now);
        (health == StreamHealth::Healthy).then_some(stream.healthy_since).flatten()
    }

    /// A place's stream, for people.
    pub fn status(&self, place: &Place, profile: &Profile, now: Timestamp) -> StreamStatus {
        let (stream, health) = self.of(place, profile, now);
        StreamStatus {
            place: place.clone(),
            health,
            last_sign: stream.last_sign,
            last_heartbeat: stream.last_heartbeat,
            lateness_ms: stream.lateness.map(|late| u64::try_from(late.as_millis()).unwrap_or(u64::MAX)),
            healthy_since: stream.healthy_since.filter(|_| health == StreamHealth::Healthy),
        }
    }

    /// Forgets places that are not served any more.
    pub fn retain(&mut self, keep: impl Fn(&Place) -> bool) {
        self.by_place.retain(|place, _| keep(place));
    }

    fn of(&self, place: &Place, profile: &Profile, now: Timestamp) -> (Stream, StreamHealth) {
        let own = self.by_place.get(place).copied().unwrap_or_default();
        let health = own.health(profile, now);
        if health == StreamHealth::Healthy || place.region.as_str() != "global" {
            return (own, health);
        }
        let homes = HOME_REGIONS.iter().filter_map(|home| Region::new(home).ok());
        homes
            .filter_map(|home| self.by_place.get(&Place::new(place.account.clone(), home)).copied())
            .map(|stream| (stream, stream.health(profile, now)))
            .find(|(_, health)| *health == StreamHealth::Healthy)
            .unwrap_or((own, health))
    }
}

impl Stream {
    fn health(&self, profile: &Profile, now: Timestamp) -> StreamHealth {
        if self.stopped {
            return StreamHealth::Stopped;
        }
        match self.last_sign {
            None => StreamHealth::Unknown,
            Some(sign) if between(sign, now) > profile.silent_after => StreamHealth::Silent,
            Some(_) if self.lateness.is_some_and(|late| late > profile.late_after) => StreamHealth::Late,
            Some(_) => StreamHealth::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::AccountId;
    use proptest::prelude::*;

    use super::*;
    use crate::moment::after;
    use crate::testing;

    fn place(region: &str) -> Place {
        Place::new(AccountId::new("111122223333").unwrap(), Region::new(region).unwrap())
    }

    fn profile() -> Profile {
        Profile { silent_after: Duration::from_secs(180), late_after: Duration::from_secs(60), ..testing::profile() }
    }

    fn at(seconds: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    #[test]
    fn a_stream_is_unknown_then_healthy_then_silent() {
        let (mut streams, home, profile) = (Streams::default(), place("eu-west-1"), profile());
        assert_eq!(streams.health(&home, &profile, at(0)), StreamHealth::Unknown);
        streams.hear(&home, Sign::Life, &profile, at(10));
        assert_eq!(streams.health(&home, &profile, at(190)), StreamHealth::Healthy);
        assert_eq!(streams.health(&home, &profile, at(191)), StreamHealth::Silent);
        assert_eq!(streams.healthy_since(&home, &profile, at(191)), None);
    }

    #[test]
    fn a_late_heartbeat_is_not_mended_by_other_messages_but_by_one_in_time() {
        let (mut streams, home, profile) = (Streams::default(), place("eu-west-1"), profile());
        streams.hear(&home, Sign::Heartbeat(Some(Duration::from_secs(61))), &profile, at(0));
        streams.hear(&home, Sign::Life, &profile, at(1));
        assert_eq!(streams.health(&home, &profile, at(1)), StreamHealth::Late);
        streams.hear(&home, Sign::Heartbeat(Some(Duration::from_secs(2))), &profile, at(60));
        assert_eq!(streams.health(&home, &profile, at(60)), StreamHealth::Healthy);
        assert_eq!(streams.healthy_since(&home, &profile, at(61)), Some(at(60)));
    }

    #[test]
    fn a_stopped_feed_comes_back_with_the_next_message() {
        let (mut streams, home, profile) = (Streams::default(), place("eu-west-1"), profile());
        streams.hear(&home, Sign::Life, &profile, at(0));
        streams.hear(&home, Sign::Stopped, &profile, at(1));
        assert_eq!(streams.health(&home, &profile, at(1)), StreamHealth::Stopped);
        streams.hear(&home, Sign::Life, &profile, at(5));
        assert_eq!(streams.healthy_since(&home, &profile, at(5)), Some(at(5)));
    }

    #[test]
    fn a_place_without_region_hears_through_the_home_region() {
        let (mut streams, profile) = (Streams::default(), profile());
        streams.hear(&place("eu-west-1"), Sign::Life, &profile, at(0));
        assert_eq!(streams.health(&place("global"), &profile, at(0)), StreamHealth::Unknown);
        streams.hear(&place("us-east-1"), Sign::Life, &profile, at(0));
        assert_eq!(streams.health(&place("global"), &profile, at(0)), StreamHealth::Healthy);
    }

    proptest! {
        #[test]
        fn health_dates_from_the_sign_that_brought_it_back(signs in prop::collection::vec((0..400_u64, 0..4_u8), 1..30), then in 0..400_u64) {
            let (mut streams, home, profile) = (Streams::default(), place("eu-west-1"), profile());
            let mut now = 0;
            for (pause, sign) in signs {
                now += pause;
                let before = streams.health(&home, &profile, at(now));
                let sign = match sign {
                    0 => Sign::Heartbeat(Some(Duration::from_secs(5))),
                    1 => Sign::Heartbeat(Some(Duration::from_secs(500))),
                    2 => Sign::Life,
                    _ => Sign::Stopped,
                };
                streams.hear(&home, sign, &profile, at(now));
                if let Some(since) = streams.healthy_since(&home, &profile, at(now)) {
                    prop_assert!(since <= at(now));
                    if before != StreamHealth::Healthy {
                        prop_assert_eq!(since, at(now));
                    }
                }
            }
            let last = streams.status(&home, &profile, at(now)).last_sign;
            let later = now + then;
            if last.is_none_or(|sign| between(sign, at(later)) > profile.silent_after) {
                prop_assert_ne!(streams.health(&home, &profile, at(later)), StreamHealth::Healthy);
            }
        }
    }
}
