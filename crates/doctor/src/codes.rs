//! The words by which outcomes are known to scripts and to docs/doctor.md. They never change.

macro_rules! codes {
    ($($name:ident = $text:literal,)*) => {
        $(pub(crate) const $name: &str = $text;)*

        /// Every code, each listed in docs/doctor.md.
        pub const CODES: &[&str] = &[$($text),*];
    };
}

codes! {
    NOT_LOOKED_AT = "not-looked-at",
    CONFIG_SOUND = "config-sound",
    CONFIG_DOUBTFUL = "config-doubtful",
    CONFIG_MISTAKE = "config-mistake",
    CLOCK_AGREES = "clock-agrees",
    CLOCK_OFF = "clock-off",
    CREDENTIALS_FOUND = "credentials-found",
    CREDENTIALS_NONE = "credentials-none",
    CREDENTIALS_REFUSED = "credentials-refused",
    OTHER_ACCOUNT = "other-account",
    NOT_PERMITTED = "not-permitted",
    AWS_DID_NOT_ANSWER = "aws-did-not-answer",
    RECORDER_DELIVERS = "recorder-delivers",
    RECORDER_ABSENT = "recorder-absent",
    RECORDER_ELSEWHERE = "recorder-elsewhere",
    RECORDER_STOPPED = "recorder-stopped",
    RECORDER_FAILING = "recorder-failing",
    DELIVERY_FAILING = "delivery-failing",
    RULES_FEED = "rules-feed",
    RULES_MISSING = "rules-missing",
    RULE_DISABLED = "rule-disabled",
    HEARTBEAT_RULE_MISSING = "heartbeat-rule-missing",
    RULES_MISS_KINDS = "rules-miss-kinds",
    TOPIC_SOUND = "topic-sound",
    TOPIC_MISSING = "topic-missing",
    TOPIC_POLICY_REFUSES = "topic-policy-refuses",
    TOPIC_POLICY_UNCLEAR = "topic-policy-unclear",
    TOPIC_KEY_REFUSES = "topic-key-refuses",
    TOPIC_SIGNATURE = "topic-signature",
    SUBSCRIBED = "subscribed",
    SUBSCRIPTION_MISSING = "subscription-missing",
    SUBSCRIPTION_PENDING = "subscription-pending",
    SUBSCRIPTION_RAW = "subscription-raw",
    SUBSCRIPTION_FILTERED = "subscription-filtered",
    SUBSCRIPTION_FEW_RETRIES = "subscription-few-retries",
    QUEUE_SOUND = "queue-sound",
    QUEUE_NOT_USED = "queue-not-used",
    QUEUE_MISSING = "queue-missing",
    QUEUE_POLICY_REFUSES = "queue-policy-refuses",
    QUEUE_POLICY_UNCLEAR = "queue-policy-unclear",
    QUEUE_BACKLOG = "queue-backlog",
    QUEUE_DEAD_LETTERS = "queue-dead-letters",
    ENDPOINT_REACHED = "endpoint-reached",
    ENDPOINT_UNKNOWN = "endpoint-unknown",
    ENDPOINT_NOT_USED = "endpoint-not-used",
    ENDPOINT_UNREACHABLE = "endpoint-unreachable",
    ENDPOINT_NOT_OURS = "endpoint-not-ours",
    ENDPOINT_STATUS = "endpoint-status",
    SERVICE_ANSWERS = "service-answers",
    SERVICE_UNREACHABLE = "service-unreachable",
    SERVICE_TOKEN_REFUSED = "service-token-refused",
    SERVICE_ODD = "service-odd",
    SERVICE_NOT_READY = "service-not-ready",
    SERVICE_KILL_SWITCH = "service-kill-switch",
    SERVICE_REPORTS = "service-reports",
    STORE_SOUND = "store-sound",
    STORE_UNWRITABLE = "store-unwritable",
    STORE_IN_USE = "store-in-use",
    STORE_LITTLE_SPACE = "store-little-space",
    STORE_FAILING = "store-failing",
    HEARTBEAT_HEARD = "heartbeat-heard",
    HEARTBEAT_NONE = "heartbeat-none",
    HEARTBEAT_SILENT = "heartbeat-silent",
    HEARTBEAT_LATE = "heartbeat-late",
    STREAM_STOPPED = "stream-stopped",
    PROBE_ARRIVED = "probe-arrived",
    PROBE_LOST = "probe-lost",
    PROBE_REFUSED = "probe-refused",
    LOCK_STORE_SOUND = "lock-store-sound",
    LOCK_STORE_PROBLEM = "lock-store-problem",
    LOCK_STORE_DENIED = "lock-store-denied",
    CLOUDDRIVER_ANSWERS = "clouddriver-answers",
    CLOUDDRIVER_UNREACHABLE = "clouddriver-unreachable",
    CLOUDDRIVER_NO_ACCOUNTS = "clouddriver-no-accounts",
    CLOUDDRIVER_ACCOUNT_UNKNOWN = "clouddriver-account-unknown",
    CLOUDDRIVER_ACCOUNT_PROBLEM = "clouddriver-account-problem",
    CLOUDDRIVER_INTROSPECTION = "clouddriver-introspection",
    FOLLOWS = "follows",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_word_of_its_own() {
        let distinct: std::collections::BTreeSet<&str> = CODES.iter().copied().collect();
        assert_eq!(distinct.len(), CODES.len());
        assert!(CODES.iter().all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn every_code_is_explained_in_the_handbook() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/doctor.md");
        let page = std::fs::read_to_string(page).unwrap();
        for code in CODES {
            assert!(page.contains(&format!("`{code}`")), "docs/doctor.md does not explain {code}");
        }
    }
}
