//! One pass over the body: known names once and as strings, everything else as strictly but unread.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::refusal::Refusal;

/// How deep the JSON may nest. `MessageAttributes` is an object of objects of strings: three levels; the rest is room.
const DEPTH: usize = 8;

/// Lambda-style records say "no subject" with a null, and their signature is that of a message without one.
const NULLABLE: &str = "Subject";

/// The fields as they came, before their form is checked.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) message_type: Option<Cow<'a, str>>,
    pub(super) message_id: Option<Cow<'a, str>>,
    pub(super) topic_arn: Option<Cow<'a, str>>,
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) timestamp: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) token: Option<Cow<'a, str>>,
    pub(super) subscribe_url: Option<Cow<'a, str>>,
    pub(super) version: Option<Cow<'a, str>>,
    pub(super) signature: Option<Cow<'a, str>>,
    pub(super) certificate_url: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    pub(super) fn read(body: &'a str) -> Result<Self, Refusal> {
        let mut found = None;
        let mut json = serde_json::Deserializer::from_str(body);
        let read = json.deserialize_map(TopLevel { fields: Self::default(), found: &mut found });
        let fields = read.map_err(|_| found.unwrap_or(Refusal::BadJson))?;
        json.end().map_err(|_| Refusal::BadJson)?;
        Ok(fields)
    }

    /// Exact names only: an envelope that needs a guess did not come from SNS.
    fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match name {
            "Type" => &mut self.message_type,
            "MessageId" => &mut self.message_id,
            "TopicArn" => &mut self.topic_arn,
            "Message" => &mut self.message,
            "Timestamp" => &mut self.timestamp,
            "Subject" => &mut self.subject,
            "Token" => &mut self.token,
            "SubscribeURL" => &mut self.subscribe_url,
            "SignatureVersion" => &mut self.version,
            "Signature" => &mut self.signature,
            "SigningCertURL" => &mut self.certificate_url,
            _ => return None,
        })
    }
}

/// Reads the object's names and values, each once.
struct TopLevel<'a, 'f> {
    fields: Fields<'a>,
    found: &'f mut Option<Refusal>,
}

impl<'a> Visitor<'a> for TopLevel<'a, '_> {
    type Value = Fields<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an SNS envelope")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<Fields<'a>, A::Error> {
        // Every name is remembered, since a null leaves its slot empty and duplicates of names that nobody reads count too.
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key_seed(Text)? {
            let nullable = name == NULLABLE;
            let slot = self.fields.slot(&name);
            if !seen.insert(name) {
                return fail(self.found, Refusal::DuplicateName);
            }
            match slot {
                Some(slot) => *slot = map.next_value_seed(Field { nullable, found: self.found })?,
                None => map.next_value_seed(Skip { depth: DEPTH, found: self.found })?,
            }
        }
        Ok(self.fields)
    }
}

/// The error itself is not shown to anybody; the reason travels beside it.
fn fail<T, E: de::Error>(found: &mut Option<Refusal>, reason: Refusal) -> Result<T, E> {
    *found = Some(reason);
    Err(E::custom("refused"))
}

/// A name: borrowed from the body when it has no escapes.
struct Text;

impl<'a> DeserializeSeed<'a> for Text {
    type Value = Cow<'a, str>;
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        let text = json.deserialize_str(Field { nullable: false, found: &mut None })?;
        Ok(text.unwrap_or_default())
    }
}

/// A field's value: a string and nothing else.
struct Field<'f> {
    nullable: bool,
    found: &'f mut Option<Refusal>,
}

impl<'a> DeserializeSeed<'a> for Field<'_> {
    type Value = Option<Cow<'a, str>>;
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Field<'_> {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        if self.nullable { Ok(None) } else { fail(self.found, Refusal::NotAString) }
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        fail(self.found, Refusal::NotAString)
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        fail(self.found, Refusal::NotAString)
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        fail(self.found, Refusal::NotAString)
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        fail(self.found, Refusal::NotAString)
    }
    fn visit_map<A: MapAccess<'a>>(self, _: A) -> Result<Self::Value, A::Error> {
        fail(self.found, Refusal::NotAString)
    }
    fn visit_seq<A: SeqAccess<'a>>(self, _: A) -> Result<Self::Value, A::Error> {
        fail(self.found, Refusal::NotAString)
    }
}

/// Reads a value that nobody needs as strictly as the others: what one layer skips and another reads could otherwise differ.
struct Skip<'f> {
    depth: usize,
    found: &'f mut Option<Refusal>,
}

impl Skip<'_> {
    fn deeper(&mut self) -> Option<Skip<'_>> {
        let depth = self.depth.checked_sub(1)?;
        Some(Skip { depth, found: self.found })
    }
}

impl<'a> DeserializeSeed<'a> for Skip<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let Some(element) = self.deeper() else { return fail(self.found, Refusal::TooDeep) };
            if seq.next_element_seed(element)?.is_none() {
                return Ok(());
            }
        }
    }
    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key_seed(Text)? {
            if !names.insert(name) {
                return fail(self.found, Refusal::DuplicateName);
            }
            let Some(value) = self.deeper() else { return fail(self.found, Refusal::TooDeep) };
            map.next_value_seed(value)?;
        }
        Ok(())
    }
}
