//! The three kinds of SNS message, and the bytes that are signed.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Signature version: only the digest differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SHA-1, what every topic uses unless told otherwise.
    V1,
    /// SHA-256.
    V2,
}

impl Version {
    /// As in `SignatureVersion`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Published text.
    Notification {
        /// The publisher's subject, if it gave one.
        subject: Option<String>,
        /// The published text.
        message: String,
    },
    /// "Do you want this?"
    SubscriptionConfirmation {
        /// For `ConfirmSubscription`.
        token: String,
    },
    /// "This feed has ended."
    UnsubscribeConfirmation {
        /// For `ConfirmSubscription`, which would subscribe again.
        token: String,
    },
}

/// One message, not yet signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic's ARN.
    pub topic: String,
    /// A UUID.
    pub id: String,
    /// When it was published.
    pub timestamp: Timestamp,
    /// What it is.
    pub kind: Kind,
}

impl Message {
    /// A notification without subject; its id is made from the text, so that different texts have different ids.
    pub fn notification(topic: &str, message: &str, timestamp: Timestamp) -> Self {
        let kind = Kind::Notification { subject: None, message: message.into() };
        Self { topic: topic.into(), id: id_of(message), timestamp, kind }
    }

    /// A request to confirm a subscription.
    pub fn subscription_confirmation(topic: &str, token: &str, timestamp: Timestamp) -> Self {
        let kind = Kind::SubscriptionConfirmation { token: token.into() };
        Self { topic: topic.into(), id: id_of(token), timestamp, kind }
    }

    /// The notice that a subscription has ended.
    pub fn unsubscribe_confirmation(topic: &str, token: &str, timestamp: Timestamp) -> Self {
        let kind = Kind::UnsubscribeConfirmation { token: token.into() };
        Self { topic: topic.into(), id: id_of(&format!("bye {token}")), timestamp, kind }
    }

    /// The same with another id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = id.into();
        self
    }

    /// The same with a subject, which only notifications have.
    #[must_use]
    pub fn with_subject(mut self, text: &str) -> Self {
        if let Kind::Notification { subject, .. } = &mut self.kind {
            *subject = Some(text.into());
        }
        self
    }

    /// Every field but the signature's own.
    pub(crate) fn fields(&self, api: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: &str| fields.insert(name.into(), value.into());
        put("Type", self.type_word());
        put("MessageId", &self.id);
        put("TopicArn", &self.topic);
        put("Timestamp", &format!("{:.3}", self.timestamp));
        match &self.kind {
            Kind::Notification { subject, message } => {
                if let Some(subject) = subject {
                    put("Subject", subject);
                }
                put("Message", message);
                put("UnsubscribeURL", &format!("{api}/?Action=Unsubscribe&SubscriptionArn={}:0", self.topic));
            }
            Kind::SubscriptionConfirmation { token } | Kind::UnsubscribeConfirmation { token } => {
                put("Token", token);
                put("Message", "Somebody asked for this.\nVisit the SubscribeURL if it was you.");
                put("SubscribeURL", &subscribe_url(api, &self.topic, token));
            }
        }
        fields
    }

    fn type_word(&self) -> &'static str {
        match self.kind {
            Kind::Notification { .. } => "Notification",
            Kind::SubscriptionConfirmation { .. } => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation { .. } => "UnsubscribeConfirmation",
        }
    }
}

fn subscribe_url(api: &str, topic: &str, token: &str) -> String {
    format!("{api}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}")
}

/// A signed message. Its fields can be changed to forge one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The JSON object that SNS would post.
    pub fields: Map<String, Value>,
}

impl Envelope {
    /// The body that SNS would post.
    pub fn to_json(&self) -> String {
        Value::Object(self.fields.clone()).to_string()
    }
}

/// The bytes that SNS signs: name, line feed, value, line feed, for each signed field that is there, in byte order of the names (Amazon SNS developer
/// guide, "Verifying the signatures of Amazon SNS messages").
pub(crate) fn signed_bytes(fields: &Map<String, Value>) -> Vec<u8> {
    let notification = fields.get("Type").and_then(Value::as_str) == Some("Notification");
    let names: &[&str] = if notification {
        &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    } else {
        &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    };
    let mut bytes = Vec::new();
    for name in names {
        if let Some(Value::String(value)) = fields.get(*name) {
            for part in [*name, value] {
                bytes.extend_from_slice(part.as_bytes());
                bytes.push(b'\n');
            }
        }
    }
    bytes
}

/// A UUID-shaped digest of a text: repeatable, so that a demonstration with a seed stays the same.
fn id_of(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let hex: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
