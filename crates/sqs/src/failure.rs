//! What can go wrong between us and a queue, in classes that ask for different patience and different words.

use std::fmt;

use serde::Serialize;

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The queue is not there (deleted, or a wrong URL).
    QueueGone,
    /// Our role may not do it.
    AccessDenied,
    /// There are no credentials, or they are expired or wrong.
    Credentials,
    /// Too many requests.
    Throttled,
    /// No connection, or no answer in time.
    Network,
    /// AWS failed (HTTP 5xx).
    Service,
    /// We could not take the messages ourselves: the store or the engine refused.
    NotAccepted,
    /// Anything else.
    Other,
}

impl FailureKind {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::QueueGone,
        Self::AccessDenied,
        Self::Credentials,
        Self::Throttled,
        Self::Network,
        Self::Service,
        Self::NotAccepted,
        Self::Other,
    ];

    /// As a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueGone => "queue-gone",
            Self::AccessDenied => "access-denied",
            Self::Credentials => "credentials",
            Self::Throttled => "throttled",
            Self::Network => "network",
            Self::Service => "service",
            Self::NotAccepted => "not-accepted",
            Self::Other => "other",
        }
    }

    /// What it means and what helps, for the person who reads `status`.
    pub fn words(self) -> &'static str {
        match self {
            Self::QueueGone => "the queue does not exist: check the URL and the region",
            Self::AccessDenied => {
                "access denied: sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility are needed, and kms:Decrypt for a queue encrypted with a key of its own"
            }
            Self::Credentials => "no usable AWS credentials: check the service's role or environment",
            Self::Throttled => "SQS or KMS throttles",
            Self::Network => "SQS could not be reached",
            Self::Service => "SQS failed",
            Self::NotAccepted => "messages are received but cannot be stored here; they stay in the queue",
            Self::Other => "SQS refused",
        }
    }

    /// The class of an error code and HTTP status. Codes as in the SQS API reference ("Common Errors" and the operations' own), with and without the legacy
    /// prefix of the query protocol.
    pub(crate) fn of(code: Option<&str>, status: Option<u16>) -> Self {
        let code = code.unwrap_or_default();
        let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
        match code {
            "QueueDoesNotExist" | "NonExistentQueue" | "QueueDeletedRecently" | "InvalidAddress" => Self::QueueGone,
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "InvalidSecurity"
            | "KmsAccessDenied"
            | "KmsDisabled"
            | "KmsNotFound"
            | "KmsInvalidState"
            | "KmsInvalidKeyUsage"
            | "KmsOptInRequired"
            | "NotAuthorized"
            | "OptInRequired" => Self::AccessDenied,
            "AuthFailure"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "MissingAuthenticationToken"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" => Self::Credentials,
            "KmsThrottled"
            | "OverLimit"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException" => Self::Throttled,
            _ => match status {
                Some(429) => Self::Throttled,
                Some(401 | 403) => Self::AccessDenied,
                Some(500..=599) => Self::Service,
                _ => Self::Other,
            },
        }
    }
}

/// Longest text of AWS's that is passed on, in characters.
const TEXT: usize = 300;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// What the other side said, made fit for a log line.
    pub(crate) said: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, said: &str) -> Self {
        let said = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT).collect();
        Self { kind, said }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.words())?;
        if self.said.is_empty() { Ok(()) } else { write!(f, " ({})", self.said) }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_told_apart_in_both_protocols() {
        for (code, status, kind) in [
            (Some("AWS.SimpleQueueService.NonExistentQueue"), Some(400), FailureKind::QueueGone),
            (Some("QueueDoesNotExist"), Some(400), FailureKind::QueueGone),
            (Some("AccessDenied"), Some(403), FailureKind::AccessDenied),
            (Some("ExpiredToken"), Some(403), FailureKind::Credentials),
            (Some("ThrottlingException"), Some(400), FailureKind::Throttled),
            (Some("InternalFailure"), Some(500), FailureKind::Service),
            (Some("SomethingNew"), Some(503), FailureKind::Service),
            (None, Some(429), FailureKind::Throttled),
            (None, Some(403), FailureKind::AccessDenied),
            (Some("SomethingNew"), Some(400), FailureKind::Other),
            (None, None, FailureKind::Other),
        ] {
            assert_eq!(FailureKind::of(code, status), kind, "{code:?} {status:?}");
        }
    }

    #[test]
    fn every_class_has_a_label_and_words_of_its_own() {
        let labels: BTreeSet<_> = FailureKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let words: BTreeSet<_> = FailureKind::ALL.iter().map(|kind| kind.words()).collect();
        assert_eq!((labels.len(), words.len()), (8, 8));
    }

    #[test]
    fn what_the_other_side_says_cannot_forge_or_flood_a_log_line() {
        let failure = Failure::new(FailureKind::Other, &format!("a\nb{}", "x".repeat(10_000)));
        let text = failure.to_string();
        assert!(!text.contains('\n') && text.len() < 400, "{text}");
    }
}
