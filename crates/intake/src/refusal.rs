//! Why a message is refused: a closed set, since the words become metric labels and text from outside must not.

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The body is longer than the cap.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The sender stopped in the middle, or the HTTP framing is broken.
    #[error("the body could not be read")]
    BodyUnreadable,
    /// Invalid UTF-8, also in parts that nobody reads.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The first byte is not `{`.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// Not JSON, text after the object, half of a surrogate pair, a number out of range.
    #[error("the body is not sound JSON")]
    BadJson,
    /// Nested deeper than any message of SNS.
    #[error("the JSON is nested too deeply")]
    TooDeep,
    /// One name twice, at any level.
    #[error("a name occurs twice")]
    DuplicateName,
    /// A field of the envelope that is not a string.
    #[error("a field is not a string")]
    NotAString,
    /// A field that the type needs is not there.
    #[error("a field is missing")]
    MissingField,
    /// `Type` is none of the three words.
    #[error("the type is not one that SNS sends")]
    UnknownType,
    /// A field has a form that SNS does not give it.
    #[error("a field does not have its form")]
    BadField,
    /// `SignatureVersion` is neither `1` nor `2`.
    #[error("the signature version is unknown")]
    UnknownSignatureVersion,
    /// A header says something else than the body.
    #[error("a header contradicts the body")]
    HeaderMismatch,
    /// Raw delivery on a path where it is not configured.
    #[error("raw delivery is not accepted here")]
    RawDelivery,
    /// The credentials of raw delivery are missing or wrong.
    #[error("credentials are needed")]
    Credentials,
    /// The secret of the relay is missing or wrong.
    #[error("it does not carry the relay's secret")]
    RelaySecret,
    /// The topic is not on the list.
    #[error("the topic is not allowed")]
    TopicNotAllowed,
    /// Older than the window.
    #[error("the message is too old")]
    TooOld,
    /// Further in the future than clocks may differ.
    #[error("the message is from the future")]
    FromTheFuture,
    /// `SigningCertURL` is not where SNS in the topic's region keeps its certificates.
    #[error("the certificate's address is not that of SNS")]
    CertificateAddress,
    /// The certificate could not be fetched: our failure, or the network's.
    #[error("the certificate could not be fetched")]
    CertificateUnavailable,
    /// The certificate is not one of SNS.
    #[error("the certificate is not sound")]
    CertificateRejected,
    /// Version 1 on a topic for which version 2 is demanded.
    #[error("the signature version is not accepted")]
    SignatureVersion,
    /// The signature is not that of this message.
    #[error("the signature is wrong")]
    BadSignature,
    /// A confirmation whose `SubscribeURL` does not belong to its topic and token.
    #[error("the confirmation does not agree with itself")]
    ConfirmationAddress,
    /// Only notifications may come this way.
    #[error("only notifications are accepted here")]
    NotANotification,
    /// Too many requests at a time.
    #[error("busy")]
    Busy,
    /// The time for one request is over.
    #[error("timed out")]
    TimedOut,
    /// The hints could not be made durable.
    #[error("could not be stored")]
    NotStored,
    /// We are going down.
    #[error("shutting down")]
    ShuttingDown,
    /// A fault of ours.
    #[error("internal fault")]
    Internal,
}

impl Refusal {
    /// Every reason, for documents and tests.
    pub const ALL: [Self; 31] = [
        Self::BodyTooLarge,
        Self::BodyUnreadable,
        Self::NotUtf8,
        Self::NotAnObject,
        Self::BadJson,
        Self::TooDeep,
        Self::DuplicateName,
        Self::NotAString,
        Self::MissingField,
        Self::UnknownType,
        Self::BadField,
        Self::UnknownSignatureVersion,
        Self::HeaderMismatch,
        Self::RawDelivery,
        Self::Credentials,
        Self::RelaySecret,
        Self::TopicNotAllowed,
        Self::TooOld,
        Self::FromTheFuture,
        Self::CertificateAddress,
        Self::CertificateUnavailable,
        Self::CertificateRejected,
        Self::SignatureVersion,
        Self::BadSignature,
        Self::ConfirmationAddress,
        Self::NotANotification,
        Self::Busy,
        Self::TimedOut,
        Self::NotStored,
        Self::ShuttingDown,
        Self::Internal,
    ];

    /// The HTTP status. SNS repeats a delivery after 5xx and 429 only; every other status ends it (Amazon SNS developer guide, "Message delivery
    /// retries"), so what a retry cannot help is refused with 4xx and must not load us again.
    pub fn status(self) -> u16 {
        match self {
            Self::BodyTooLarge => 413,
            Self::BodyUnreadable
            | Self::NotUtf8
            | Self::NotAnObject
            | Self::BadJson
            | Self::TooDeep
            | Self::DuplicateName
            | Self::NotAString
            | Self::MissingField
            | Self::UnknownType
            | Self::BadField
            | Self::UnknownSignatureVersion
            | Self::HeaderMismatch => 400,
            // SNS sends the credentials of a subscription only after this status.
            Self::Credentials => 401,
            Self::RawDelivery
            | Self::RelaySecret
            | Self::TopicNotAllowed
            | Self::TooOld
            | Self::FromTheFuture
            | Self::CertificateAddress
            | Self::SignatureVersion
            | Self::BadSignature
            | Self::ConfirmationAddress
            | Self::NotANotification => 403,
            Self::Internal => 500,
            // The file came from SNS's own host: more likely our roots or AWS's names have changed than that somebody broke in there, and a message that is
            // repeated for an hour outlasts the mending.
            Self::CertificateRejected => 503,
            Self::CertificateUnavailable | Self::Busy | Self::TimedOut | Self::NotStored | Self::ShuttingDown => 503,
        }
    }

    /// Whether the sender should try again: a queue keeps such a message and drops the others.
    pub fn is_retryable(self) -> bool {
        self.status() >= 500
    }

    /// As a metric label and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BodyTooLarge => "body-too-large",
            Self::BodyUnreadable => "body-unreadable",
            Self::NotUtf8 => "not-utf8",
            Self::NotAnObject => "not-an-object",
            Self::BadJson => "bad-json",
            Self::TooDeep => "too-deep",
            Self::DuplicateName => "duplicate-name",
            Self::NotAString => "not-a-string",
            Self::MissingField => "missing-field",
            Self::UnknownType => "unknown-type",
            Self::BadField => "bad-field",
            Self::UnknownSignatureVersion => "unknown-signature-version",
            Self::HeaderMismatch => "header-mismatch",
            Self::RawDelivery => "raw-delivery",
            Self::Credentials => "credentials",
            Self::RelaySecret => "relay-secret",
            Self::TopicNotAllowed => "topic-not-allowed",
            Self::TooOld => "too-old",
            Self::FromTheFuture => "from-the-future",
            Self::CertificateAddress => "certificate-address",
            Self::CertificateUnavailable => "certificate-unavailable",
            Self::CertificateRejected => "certificate-rejected",
            Self::SignatureVersion => "signature-version",
            Self::BadSignature => "bad-signature",
            Self::ConfirmationAddress => "confirmation-address",
            Self::NotANotification => "not-a-notification",
            Self::Busy => "busy",
            Self::TimedOut => "timed-out",
            Self::NotStored => "not-stored",
            Self::ShuttingDown => "shutting-down",
            Self::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_word_and_a_sentence_of_its_own() {
        let words: BTreeSet<_> = Refusal::ALL.iter().map(|reason| reason.as_str()).collect();
        let sentences: BTreeSet<_> = Refusal::ALL.iter().map(ToString::to_string).collect();
        assert_eq!((words.len(), sentences.len()), (Refusal::ALL.len(), Refusal::ALL.len()));
    }
}
