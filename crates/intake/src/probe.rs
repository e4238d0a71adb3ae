//! Probes: messages that we ask for ourselves, to see whether the way to us is open.
//!
//! Whoever examines the way (`doctor`) has us choose a random id, sends it on its way, and asks us whether it came. Until then nobody else knows the id, so having seen it
//! proves the way. A probe is judged like every other message: one without a signature is refused, one that SNS signed is taken, and nothing follows from either. It is no
//! sign of life of a stream, since it says nothing of the rules that feed it.

use std::collections::VecDeque;
use std::time::Duration;

use aws_event_cache_model::{Source, Timestamp};
use uuid::Uuid;

/// How many probes may be open: an examination needs one for the endpoint and one for each topic, and two may be made at a time.
const OPEN: usize = 64;

/// How long a probe is known. SNS tries a message again within its first minute.
const LIFE: Duration = Duration::from_secs(120);

/// How many sightings of one probe are kept: by each way once, and some repetitions.
const SIGHTINGS: usize = 8;

/// A probe, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its id: random, and known to nobody before.
    pub id: String,
    /// When it was asked for.
    pub opened: Timestamp,
    /// Where it was seen, in order.
    pub sightings: Vec<Sighting>,
}

/// One time that a probe came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// The way in.
    pub source: Source,
    /// Whether it was taken: signed, and of an allowed topic; or from a queue.
    pub accepted: bool,
}

/// The open probes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Probes(VecDeque<Probe>);

impl Probes {
    /// Opens one.
    pub(crate) fn open(&mut self, now: Timestamp) -> Probe {
        self.forget(now);
        if self.0.len() == OPEN {
            self.0.pop_front();
        }
        let probe = Probe { id: Uuid::new_v4().to_string(), opened: now, sightings: Vec::new() };
        self.0.push_back(probe.clone());
        probe
    }

    /// One that is open.
    pub(crate) fn get(&mut self, id: &str, now: Timestamp) -> Option<Probe> {
        self.forget(now);
        self.0.iter().find(|probe| probe.id == id).cloned()
    }

    /// Whether a message holds the id of an open probe. Costs nothing while none is open.
    pub(crate) fn are_in(&self, message: &str) -> bool {
        self.0.iter().any(|probe| message.contains(&probe.id))
    }

    /// Notes the probes that a message holds; whether there were any.
    pub(crate) fn note(&mut self, message: &str, sighting: Sighting) -> bool {
        self.forget(sighting.at);
        let mut any = false;
        for probe in self.0.iter_mut().filter(|probe| message.contains(&probe.id)) {
            any = true;
            if probe.sightings.len() < SIGHTINGS {
                probe.sightings.push(sighting);
            }
        }
        any
    }

    fn forget(&mut self, now: Timestamp) {
        let is_over = |probe: &Probe| Duration::try_from(now.duration_since(probe.opened)).is_ok_and(|age| age > LIFE);
        while self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn sighting(second: i64) -> Sighting {
        Sighting { at: at(second), source: Source::Sns, accepted: false }
    }

    #[test]
    fn a_probe_is_seen_in_the_message_that_holds_its_id_and_in_no_other() {
        let mut probes = Probes::default();
        let (one, other) = (probes.open(at(0)), probes.open(at(0)));
        assert_ne!(one.id, other.id);
        assert!(!probes.note("{\"MessageId\":\"5f0c1d9e-8a44-4b7e-9d10-3c6f2a7be001\"}", sighting(1)));
        assert!(probes.note(&format!("{{\"MessageId\":\"{}\"}}", one.id), sighting(2)));
        assert_eq!(probes.get(&one.id, at(3)).unwrap().sightings, [sighting(2)]);
        assert_eq!(probes.get(&other.id, at(3)).unwrap().sightings, []);
    }

    #[test]
    fn probes_end_and_neither_they_nor_their_sightings_grow_without_bound() {
        let mut probes = Probes::default();
        let first = probes.open(at(0));
        for n in 0..100 {
            probes.note(&first.id, sighting(n % 60));
        }
        assert_eq!(probes.get(&first.id, at(60)).unwrap().sightings.len(), SIGHTINGS);
        assert_eq!(probes.get(&first.id, at(121)), None);
        let many: Vec<Probe> = (0..=OPEN).map(|_| probes.open(at(200))).collect();
        assert_eq!(probes.0.len(), OPEN);
        assert_eq!(probes.get(&many[0].id, at(200)), None);
        assert!(probes.are_in(&many[OPEN].id));
    }
}
