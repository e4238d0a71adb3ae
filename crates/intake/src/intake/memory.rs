//! What the intake remembers beside accepted messages: samples, who speaks through which topic, and what has been said in the log. All bounded.

use std::collections::{BTreeSet, HashMap};

use aws_event_cache_model::{Place, Timestamp};
use smol_str::SmolStr;

use crate::refusal::Refusal;
use crate::samples::{Sample, Samples};

/// How many places are remembered for all topics together, for the day a subscription ends; about 100 bytes each.
const PLACES: usize = 4096;

/// How many things are remembered as said once.
const TOLD: usize = 1024;

/// Seconds between two log lines about one reason: a flood of forgeries must not become a flood of log lines.
const REFUSAL_SECONDS: i64 = 60;

#[derive(Debug, Default)]
pub(super) struct Memory {
    samples: Samples,
    heard: HashMap<SmolStr, BTreeSet<Place>>,
    places: usize,
    told: BTreeSet<(&'static str, SmolStr)>,
    refusals: HashMap<Refusal, Timestamp>,
}

impl Memory {
    pub(super) fn keep(&mut self, sample: Sample) {
        self.samples.keep(sample);
    }

    pub(super) fn samples(&self) -> Vec<Sample> {
        self.samples.newest()
    }

    /// Notes that a place speaks through a topic.
    pub(super) fn hear(&mut self, origin: &SmolStr, place: &Place) {
        let is_known = self.heard.get(origin).is_some_and(|places| places.contains(place));
        if !is_known && self.places < PLACES {
            self.heard.entry(origin.clone()).or_default().insert(place.clone());
            self.places += 1;
        }
    }

    /// The places that fall silent when the topic's subscription ends.
    pub(super) fn heard_through(&self, origin: &str) -> BTreeSet<Place> {
        self.heard.get(origin).cloned().unwrap_or_default()
    }

    /// Whether this is to be said now: once for each `of`.
    pub(super) fn tell_once(&mut self, what: &'static str, of: &str) -> bool {
        self.told.len() < TOLD && self.told.insert((what, of.into()))
    }

    /// Whether a refusal is to be logged now.
    pub(super) fn is_news(&mut self, refusal: Refusal, now: Timestamp) -> bool {
        let last = self.refusals.get(&refusal);
        let is_news = last.is_none_or(|last| now.duration_since(*last).as_secs() >= REFUSAL_SECONDS);
        if is_news {
            self.refusals.insert(refusal, now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use aws_event_cache_model::{AccountId, Region};

    use super::*;

    #[test]
    fn a_flood_of_one_reason_is_one_log_line_a_minute() {
        let mut memory = Memory::default();
        let lines =
            (0..600).filter(|second| memory.is_news(Refusal::BadSignature, Timestamp::from_second(*second).unwrap()));
        assert_eq!(lines.count(), 10);
    }

    #[test]
    fn places_are_remembered_by_topic_and_bounded() {
        let mut memory = Memory::default();
        for n in 0..2 * PLACES {
            let account = AccountId::new(format!("{n:012}")).unwrap();
            memory.hear(&"topic".into(), &Place::new(account, Region::new("eu-west-1").unwrap()));
        }
        assert_eq!(memory.heard_through("topic").len(), PLACES);
        assert!(memory.heard_through("other").is_empty());
    }
}
