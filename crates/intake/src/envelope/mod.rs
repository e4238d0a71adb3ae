//! The SNS envelope, read once and strictly.
//!
//! SNS signs `name LF value LF …` without lengths or escapes, so one byte string can be read as several messages unless each field's form is checked
//! first: a line feed smuggled into `MessageId` or `Subject` moves the borders, and with them the meaning, under a genuine signature. Here only `Message`
//! may hold a line feed, which makes the reading unique.
//!
//! Invariants (property-tested): parsing never panics; two envelopes that parse and have the same bytes to sign have the same signed fields.

mod fields;
mod form;

use std::borrow::Cow;
use std::fmt;

use aws_event_cache_model::Timestamp;

use fields::Fields;
use form::{is_message_id, is_plain_url, is_subject, is_timestamp, is_token};

use crate::refusal::Refusal;
use crate::topic::Topic;

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
        let fields = Fields::read(body)?;
        checked(fields, header_type)
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

fn checked<'a>(fields: Fields<'a>, header_type: Option<&str>) -> Result<Envelope<'a>, Refusal> {
    let message_type = MessageType::read(&needed(fields.message_type)?)?;
    if header_type.is_some_and(|word| word != message_type.as_str()) {
        return Err(Refusal::HeaderMismatch);
    }
    let (subject, token, subscribe_url) = match message_type {
        MessageType::Notification => (fields.subject, None, None),
        MessageType::SubscriptionConfirmation | MessageType::UnsubscribeConfirmation => {
            (None, Some(needed(fields.token)?), Some(needed(fields.subscribe_url)?))
        }
    };
    let message_id = formed(needed(fields.message_id)?, is_message_id)?;
    let timestamp = formed(needed(fields.timestamp)?, is_timestamp)?;
    let topic_arn = needed(fields.topic_arn)?;
    Ok(Envelope {
        message_type,
        message_id,
        topic: topic_arn.parse().map_err(|_| Refusal::BadField)?,
        topic_arn,
        message: needed(fields.message)?,
        published: timestamp.parse().map_err(|_| Refusal::BadField)?,
        timestamp,
        subject: subject.map(|text| formed(text, is_subject)).transpose()?,
        token: token.map(|text| formed(text, is_token)).transpose()?,
        subscribe_url: subscribe_url.map(|text| formed(text, is_plain_url)).transpose()?,
        version: version(&needed(fields.version)?)?,
        signature: needed(fields.signature)?,
        certificate_url: needed(fields.certificate_url)?,
    })
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
