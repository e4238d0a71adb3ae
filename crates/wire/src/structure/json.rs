//! JSON, by serde's events.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{DEEPEST, Kind, Step, Stop, Visit};

/// Above this a number read as floating point may not be the one that was written.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(crate) fn walk(body: &[u8], visit: &mut impl Visit) -> Result<(), Stop> {
    let mut stop = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = Value { visit, stop: &mut stop, depth: 0 };
    let read = value.deserialize(&mut json).and_then(|()| json.end());
    match (stop, read) {
        (Some(stop), _) => Err(stop),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) if std::str::from_utf8(body).is_err() => Err(Stop::NotText),
        (None, Err(_)) => Err(Stop::Malformed),
    }
}

/// One value. serde's errors cannot carry ours, so ours is put aside in `stop`.
struct Value<'v, V> {
    visit: &'v mut V,
    stop: &'v mut Option<Stop>,
    depth: usize,
}

impl<V: Visit> Value<'_, V> {
    fn keep<E: serde::de::Error>(&mut self, seen: Result<(), Stop>) -> Result<(), E> {
        seen.map_err(|stop| {
            *self.stop = Some(stop);
            E::custom("stopped")
        })
    }

    fn leaf<E: serde::de::Error>(mut self, kind: Kind, text: &str) -> Result<(), E> {
        let seen = self.visit.value(kind, text);
        self.keep(seen)
    }

    fn number<E: serde::de::Error>(self, kind: Kind, number: impl fmt::Display) -> Result<(), E> {
        // Longest are those of floating point written out: up to 17 digits and a sign for all that are exact.
        let mut text = String::with_capacity(24);
        write!(text, "{number}").map_err(E::custom)?;
        self.leaf(kind, &text)
    }

    fn inside(&mut self) -> Value<'_, V> {
        Value { depth: self.depth + 1, ..self.again() }
    }

    fn again(&mut self) -> Value<'_, V> {
        Value { visit: self.visit, stop: self.stop, depth: self.depth }
    }

    fn deeper<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let seen = if self.depth < DEEPEST { Ok(()) } else { Err(Stop::TooDeep) };
        self.keep(seen)
    }
}

impl<'de, V: Visit> DeserializeSeed<'de> for Value<'_, V> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, V: Visit> Visitor<'de> for Value<'_, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.leaf(Kind::Bool, if value { "true" } else { "false" })
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.number(Kind::Number, value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.number(Kind::Number, value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        let kind = if value.abs() < EXACT { Kind::Number } else { Kind::Inexact };
        // With its type, so that 1.0 is not taken for 1: services tell them apart.
        self.number(kind, format_args!("{value:?}"))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.leaf(Kind::Null, "")
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.leaf(Kind::Text, value)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.deeper()?;
        let mut count = 0;
        loop {
            let item = Item { value: self.inside(), index: count + 1 };
            if items.next_element_seed(item)?.is_none() {
                break;
            }
            count += 1;
        }
        if count == 0 { self.leaf(Kind::EmptyList, "") } else { Ok(()) }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.deeper()?;
        let mut empty = true;
        while let Some(name) = members.next_key_seed(Name)? {
            empty = false;
            let entered = self.visit.enter(Step::Member(&name));
            self.keep(entered)?;
            members.next_value_seed(self.inside())?;
            let left = self.visit.leave();
            self.keep(left)?;
        }
        if empty { self.leaf(Kind::EmptyMap, "") } else { Ok(()) }
    }
}

/// An item of a list: it may turn out that there is none, so it is entered only when it is there.
struct Item<'v, V> {
    value: Value<'v, V>,
    index: usize,
}

impl<'de, V: Visit> DeserializeSeed<'de> for Item<'_, V> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(mut self, from: D) -> Result<(), D::Error> {
        let entered = self.value.visit.enter(Step::Item(self.index));
        self.value.keep::<D::Error>(entered)?;
        self.value.again().deserialize(from)?;
        let left = self.value.visit.leave();
        self.value.keep(left)
    }
}

/// A member's name, borrowed where it is written without escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
