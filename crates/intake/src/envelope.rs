//! The SNS envelope, read once and strictly.
//!
//! SNS signs `name LF value LF …` without lengths or escapes, so one byte string can be read as several messages unless each field's form is checked
//! first: a line feed smuggled into `MessageId` or `Subject` moves the borders, and with them the meaning, under a genuine signature. Here only `Message`
//! may hold a line feed, which makes the reading unique.
//!
//! Invariants (property-tested): parsing never panics; two envelopes that parse and have the same bytes to sign have the same signed fields.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use aws_event_cache_model::Timestamp;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::refusal::Refusal;
use crate::topic::Topic;

/// How deep the JSON may nest. `MessageAttributes` is an object of objects of strings: three levels; the rest is room.
const DEPTH: usize = 8;

/// Longest token taken; those seen have about 250 characters.
const TOKEN_LIMIT: usize = 512;

/// Longest URL taken; those seen stay below 600 characters.
const URL_LIMIT: usize = 2048;

/// Which of the three messages it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// Published text.
    Notification,
    /// A subscription waits to be confirmed.
    SubscriptionConfirmation,
    /// A subscription has ended.
    UnsubscribeConfirmation,
}

impl MessageType {
    /// As in `Type` and in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }

    fn read(word: &str) -> Result<Self, Refusal> {
        match word {
            "Notification" => Ok(Self::Notification),
            "SubscriptionConfirmation" => Ok(Self::SubscriptionConfirmation),
            "UnsubscribeConfirmation" => Ok(Self::UnsubscribeConfirmation),
            _ => Err(Refusal::UnknownType),
        }
    }
}

/// The digest under the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVersion {
    /// SHA-1.
    V1,
    /// SHA-256.
    V2,
}

/// One message of SNS whose fields all have their form. Nothing is verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope<'a> {
    pub(crate) message_type: MessageType,
    pub(crate) message_id: Cow<'a, str>,
    pub(crate) topic_arn: Cow<'a, str>,
    pub(crate) topic: Topic,
    pub(crate) message: Cow<'a, str>,
    pub(crate) timestamp: Cow<'a, str>,
    pub(crate) published: Timestamp,
    pub(crate) subject: Option<Cow<'a, str>>,
    pub(crate) token: Option<Cow<'a, str>>,
    pub(crate) subscribe_url: Option<Cow<'a, str>>,
    pub(crate) version: SignatureVersion,
    pub(crate) signature: Cow<'a, str>,
    pub(crate) certificate_url: Cow<'a, str>,
}

/// Token, signature and URLs are capabilities: whoever reads one from a log can silence the feed. So they are never printed.
impl fmt::Debug for Envelope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("message_type", &self.message_type)
            .field("message_id", &self.message_id)
            .field("topic", &self.topic.arn())
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

impl<'a> Envelope<'a> {
    /// Reads a whole body.
    ///
    /// # Errors
    /// The [`Refusal`] that names what is wrong; all of them mean that SNS did not send this.
    pub fn parse(body: &'a str) -> Result<Self, Refusal> {
        Self::parse_as(body, None)
    }

    /// Reads a whole body of which a header says the type. The header is not signed, so it only may agree.
    ///
    /// # Errors
    /// As [`Envelope::parse`], and [`Refusal::HeaderMismatch`].
    pub fn parse_as(body: &'a str, header_type: Option<&str>) -> Result<Self, Refusal> {
        if body.as_bytes().first() != Some(&b'{') {
            return Err(Refusal::NotAnObject);
        }
        let mut found = None;
        let mut json = serde_json::Deserializer::from_str(body);
        let read = Fields::default().deserialize_in(&mut json, &mut found);
        let fields = read.map_err(|_| found.unwrap_or(Refusal::BadJson))?;
        json.end().map_err(|_| Refusal::BadJson)?;
        fields.checked(header_type)
    }

    /// Which message it is.
    pub fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// SNS's id of the message: the same on every retry and on every subscription of the topic.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The topic.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The published text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// When it was published.
    pub fn published(&self) -> Timestamp {
        self.published
    }

    /// The bytes that SNS signed, from the raw texts (Amazon SNS developer guide, "Verifying the signatures of Amazon SNS messages"; that the last value
    /// too is followed by a line feed, and that both confirmations include `Token`, was tried on messages signed by AWS).
    pub fn signed_bytes(&self) -> Vec<u8> {
        let message_type = self.message_type.as_str();
        let pairs: [(&str, Option<&str>); 8] = [
            ("Message", Some(&self.message)),
            ("MessageId", Some(&self.message_id)),
            ("Subject", self.subject.as_deref()),
            ("SubscribeURL", self.subscribe_url.as_deref()),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", self.token.as_deref()),
            ("TopicArn", Some(&self.topic_arn)),
            ("Type", Some(message_type)),
        ];
        let present = pairs.iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        let length = present.clone().map(|(name, value)| name.len() + value.len() + 2).sum();
        let mut bytes = Vec::with_capacity(length);
        for (name, value) in present {
            for part in [*name, value] {
                bytes.extend_from_slice(part.as_bytes());
                bytes.push(b'\n');
            }
        }
        bytes
    }
}

/// The fields as they came, before their form is checked.
#[derive(Default)]
struct Fields<'a> {
    message_type: Option<Cow<'a, str>>,
    message_id: Option<Cow<'a, str>>,
    topic_arn: Option<Cow<'a, str>>,
    message: Option<Cow<'a, str>>,
    timestamp: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    token: Option<Cow<'a, str>>,
    subscribe_url: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    certificate_url: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    fn deserialize_in<D: Deserializer<'a>>(self, json: D, found: &mut Option<Refusal>) -> Result<Self, D::Error> {
        json.deserialize_map(TopLevel { fields: self, found })
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

    fn checked(self, header_type: Option<&str>) -> Result<Envelope<'a>, Refusal> {
        let message_type = MessageType::read(&needed(self.message_type)?)?;
        if header_type.is_some_and(|word| word != message_type.as_str()) {
            return Err(Refusal::HeaderMismatch);
        }
        let (subject, token, subscribe_url) = match message_type {
            MessageType::Notification => (self.subject, None, None),
            MessageType::SubscriptionConfirmation | MessageType::UnsubscribeConfirmation => {
                (None, Some(needed(self.token)?), Some(needed(self.subscribe_url)?))
            }
        };
        let message_id = formed(needed(self.message_id)?, is_message_id)?;
        let timestamp = formed(needed(self.timestamp)?, is_timestamp)?;
        let topic_arn = needed(self.topic_arn)?;
        Ok(Envelope {
            message_type,
            message_id,
            topic: topic_arn.parse().map_err(|_| Refusal::BadField)?,
            topic_arn,
            message: needed(self.message)?,
            published: timestamp.parse().map_err(|_| Refusal::BadField)?,
            timestamp,
            subject: subject.map(|text| formed(text, is_subject)).transpose()?,
            token: token.map(|text| formed(text, is_token)).transpose()?,
            subscribe_url: subscribe_url.map(|text| formed(text, is_plain_url)).transpose()?,
            version: version(&needed(self.version)?)?,
            signature: needed(self.signature)?,
            certificate_url: needed(self.certificate_url)?,
        })
    }
}

fn needed(field: Option<Cow<'_, str>>) -> Result<Cow<'_, str>, Refusal> {
    field.ok_or(Refusal::MissingField)
}

fn formed<'a>(text: Cow<'a, str>, form: fn(&str) -> bool) -> Result<Cow<'a, str>, Refusal> {
    if form(&text) { Ok(text) } else { Err(Refusal::BadField) }
}

fn version(word: &str) -> Result<SignatureVersion, Refusal> {
    match word {
        "1" => Ok(SignatureVersion::V1),
        "2" => Ok(SignatureVersion::V2),
        _ => Err(Refusal::UnknownSignatureVersion),
    }
}

/// A UUID; upper case is accepted and kept, since it is signed as it is.
fn is_message_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2026-05-04T09:15:27.481Z`, with no to nine digits of fraction. Whether it is a real date is seen when it is read.
fn is_timestamp(text: &str) -> bool {
    let Some((seconds, rest)) = text.as_bytes().split_at_checked(19) else { return false };
    let shape = seconds.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T',
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let fraction = |digits: &[u8]| (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    shape
        && match rest {
            [b'Z'] => true,
            [b'.', digits @ .., b'Z'] => fraction(digits),
            _ => false,
        }
}

/// Under 100 characters and nothing that ends a line (API reference of `Publish`).
fn is_subject(text: &str) -> bool {
    let ends_line = |c: char| c < ' ' || matches!(c, '\u{7f}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.chars().count() < 100 && !text.chars().any(ends_line)
}

fn is_token(text: &str) -> bool {
    (1..=TOKEN_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Printable ASCII. Whether it is the right URL is decided by comparing it with the one we compose.
fn is_plain_url(text: &str) -> bool {
    (1..=URL_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
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

/// Lambda-style records say "no subject" with a null, and their signature is that of a message without one.
const NULLABLE: &str = "Subject";

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
