//! What a decoder found out, and how fields are read.

use aws_event_cache_catalog::Found;
use aws_event_cache_model::{AccountId, Place, Region, Timestamp, What};
use serde_json::Value;
use smol_str::SmolStr;

use super::{Payload, Standing, Warning};

/// Longest text for [`aws_event_cache_model::Origin::event`].
const EVENT_LIMIT: usize = 120;

/// Found out so far.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) payload: Payload,
    pub(super) standing: Standing,
    pub(super) heard: Option<Place>,
    pub(super) occurred: Option<Timestamp>,
    pub(super) id: Option<SmolStr>,
    pub(super) event: SmolStr,
    pub(super) said: Vec<(Place, What)>,
    pub(super) warning: Option<Warning>,
}

impl Facts {
    /// Nothing follows from it, so far.
    pub(super) fn of(payload: Payload) -> Self {
        let standing = if payload == Payload::Unknown { Standing::Unknown } else { Standing::NoInterest };
        let event = SmolStr::new_static(payload.as_str());
        Self { payload, standing, heard: None, occurred: None, id: None, event, said: Vec::new(), warning: None }
    }

    pub(super) fn at(mut self, place: Option<Place>) -> Self {
        self.heard = place;
        self
    }

    pub(super) fn when(mut self, occurred: Option<Timestamp>) -> Self {
        self.occurred = occurred;
        self
    }

    /// In the sender's own words.
    pub(super) fn named(mut self, words: &[&str]) -> Self {
        let words = words.join(" ");
        let plain: String = words.trim_end().chars().filter(|c| !c.is_control()).take(EVENT_LIMIT).collect();
        self.event = cut(&plain, EVENT_LIMIT).into();
        self
    }

    /// Says something of the place that was heard.
    pub(super) fn say(&mut self, what: What) {
        if let Some(place) = &self.heard {
            self.said.push((place.clone(), what));
            self.standing = Standing::Relevant;
        }
    }

    /// Takes what the catalogue knows.
    pub(super) fn take(&mut self, found: Found) {
        match found {
            Found::Kinds(kinds) => {
                for found in kinds {
                    self.say(What::Changed { kind: found.kind, names: found.names, change: found.change });
                    if let Some(role) = found.access {
                        self.say(What::AccessChanged { role });
                    }
                }
            }
            Found::OfNoInterest => {}
            Found::Unknown => {
                if self.said.is_empty() {
                    self.standing = Standing::Unknown;
                }
            }
        }
    }
}

/// Cuts to at most so many bytes, between characters.
fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

pub(super) fn time(value: &Value, name: &str) -> Option<Timestamp> {
    text(value, name).and_then(|text| text.parse().ok())
}

/// Account and region, if both are real.
pub(super) fn place(account: Option<&str>, region: Option<&str>) -> Option<Place> {
    Some(Place::new(AccountId::new(account?).ok()?, Region::new(region?).ok()?))
}

/// Account and region of an ARN: its fifth and fourth part.
pub(super) fn place_of_arn(arn: &str) -> Option<Place> {
    let mut parts = arn.split(':');
    let region = parts.nth(3);
    place(parts.next(), region)
}

/// The sender's id, if it is one that can stand in a log.
pub(super) fn id(value: &Value, name: &str) -> Option<SmolStr> {
    let id = text(value, name)?;
    let is_plain = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then(|| id.into())
}
