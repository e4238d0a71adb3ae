//! Every metric's name, in one place: names are part of the product's interface and never change silently.

use std::time::Duration;

use crate::ids::KindId;

macro_rules! metric_names {
    ($($(#[$doc:meta])* $variant:ident => $name:literal: $help:literal,)*) => {
        /// A metric. Labels are small closed sets; text from outside never becomes a label.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Metric {
            $($(#[$doc])* #[doc = $help] $variant,)*
        }
        impl Metric {
            /// Every metric, for documents and descriptions.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant),*];
            /// The name under which it is scraped.
            pub const fn name(self) -> &'static str {
                match self { $(Metric::$variant => $name,)* }
            }
            /// One sentence for people.
            pub const fn help(self) -> &'static str {
                match self { $(Metric::$variant => $help,)* }
            }
        }
    };
}

metric_names! {
    MessagesReceived => "event_cache_messages_received_total": "Messages that reached us, by source.",
    MessagesRefused => "event_cache_messages_refused_total": "Messages refused, by source and reason.",
    MessagesDismissed => "event_cache_messages_dismissed_total": "Genuine messages that need no refresh, by payload.",
    MessagesDuplicate => "event_cache_messages_duplicate_total": "Messages that had been accepted before, by source.",
    MessagesUnknown => "event_cache_messages_unknown_total": "Genuine messages that were not understood, by source.",
    MessagesLate => "event_cache_messages_late_total": "Genuine messages outside the age window that were taken as less urgent.",
    Confirmations => "event_cache_confirmations_total": "Subscription confirmations, by result.",
    SqsReceiveErrors => "event_cache_sqs_receive_errors_total": "Failed receives from a queue.",
    CertificateFetches => "event_cache_certificate_fetches_total": "Signing certificates fetched, by result.",
    StreamsStopped => "event_cache_streams_stopped_total": "Unsubscribe confirmations: a feed was taken away.",
    HintsAccepted => "event_cache_hints_accepted_total": "Hints planned, by what they say.",
    HintsNotServed => "event_cache_hints_not_served_total": "Hints about accounts or regions that are not served.",
    HeartbeatLateness => "event_cache_heartbeat_lateness_seconds": "Time from a heartbeat's own time to its arrival.",
    QueueDepth => "event_cache_queue_depth": "Refreshes waiting, by class.",
    QueueInFlight => "event_cache_queue_in_flight": "Refreshes under way.",
    QueueAdds => "event_cache_queue_adds_total": "Refreshes asked for, by class, before merging.",
    QueueWait => "event_cache_queue_wait_seconds": "Time a refresh waited before it was started, by class.",
    QueueRetries => "event_cache_queue_retries_total": "Refreshes tried again.",
    Refreshes => "event_cache_refreshes_total": "Refreshes ended, by means and result.",
    RefreshLatency => "event_cache_refresh_latency_seconds": "Time from a change's own time to the start of the run that reads it.",
    LimitDelays => "event_cache_limit_delays_total": "Refreshes put off to stay within a throttle bucket's budget.",
    ThrottlesSeen => "event_cache_throttles_seen_total": "Signs that AWS throttled.",
    AgentsHeld => "event_cache_agents_held": "Agents whose next poll is put off.",
    AgentsKnown => "event_cache_agents_known": "Agents that the catalogue and the accounts give.",
    HoldsWritten => "event_cache_holds_written_total": "Holds written or renewed in the lock store.",
    HoldConflicts => "event_cache_hold_conflicts_total": "Holds not written since the lock had changed under us.",
    ForcedRuns => "event_cache_forced_runs_total": "Runs forced: an idle agent's lock was released, or the bridge plugin was told to run it.",
    LockStoreErrors => "event_cache_lock_store_errors_total": "Failed calls to the lock store, or to a bridge plugin.",
    ScopesByState => "event_cache_scopes": "Scopes by the reason of their cadence.",
    AccountsKnown => "event_cache_accounts": "Spinnaker accounts known.",
    UncoveredChanges => "event_cache_uncovered_changes_total": "Changes that reading again showed and nothing had announced, by kind.",
    Answers => "event_cache_answers_total": "Requests that passed the answer arm, by result and reason.",
    AnswersHeld => "event_cache_answers_held_total": "Calls held to stay within a throttle bucket's budget, by result.",
    AnswerHeldTime => "event_cache_answer_held_seconds": "Time for which calls were held.",
    AnswersWaiting => "event_cache_answers_waiting": "Calls that are being held.",
    AnswerFuseClosed => "event_cache_answer_fuse_closed": "1 while the cache is asked, 0 while everything passes it by.",
    AnswerFuseBlown => "event_cache_answer_fuse_blown_total": "Times that the cache failed and was passed by, by cause.",
    AnswerHintsLost => "event_cache_answer_hints_lost_total": "What passing requests had to tell the engine and could not, by reason.",
    ProxyConnections => "event_cache_proxy_connections_total": "Connections of the answer arm's proxy, by form.",
    ProxyConnectionsOpen => "event_cache_proxy_connections_open": "Connections to the answer arm's proxy that are open.",
    ProxyRefused => "event_cache_proxy_refused_total": "Requests and connections that the proxy refused, by reason.",
    ProxyHandshakes => "event_cache_proxy_handshakes_total": "TLS handshakes with clients, by result.",
    ProxyAuthAsked => "event_cache_proxy_auth_asked_total": "Requests that were asked for the proxy's password.",
    UpstreamLatency => "event_cache_upstream_seconds": "Time of one call of AWS through the answer arm, by result.",
    UpstreamFailures => "event_cache_upstream_failures_total": "Calls of AWS that brought no answer, by reason.",
    StoreCommits => "event_cache_store_commits_total": "Durable commits.",
    StoreCommitLatency => "event_cache_store_commit_seconds": "Time of one durable commit.",
    ApiRequests => "event_cache_api_requests_total": "Control API requests, by route and status class.",
}

/// Counts an occurrence.
#[allow(clippy::disallowed_macros, reason = "the one place where the raw macros are used")]
pub fn count(metric: Metric, labels: &[(&'static str, &'static str)]) {
    add(metric, 1, labels);
}

/// Counts an occurrence by kind. Kinds are a small closed set, too: the catalogue's files.
#[allow(clippy::disallowed_macros, reason = "the one place where the raw macros are used")]
pub fn count_kind(metric: Metric, kind: &KindId) {
    metrics::counter!(metric.name(), "kind" => kind.as_str().to_owned()).increment(1);
}

/// Adds to a counter.
#[allow(clippy::disallowed_macros, reason = "the one place where the raw macros are used")]
pub fn add(metric: Metric, by: u64, labels: &[(&'static str, &'static str)]) {
    metrics::counter!(metric.name(), &labels.to_vec()).increment(by);
}

/// Sets a gauge.
#[allow(clippy::disallowed_macros, reason = "the one place where the raw macros are used")]
pub fn set(metric: Metric, value: f64, labels: &[(&'static str, &'static str)]) {
    metrics::gauge!(metric.name(), &labels.to_vec()).set(value);
}

/// Notes a duration, in seconds.
#[allow(clippy::disallowed_macros, reason = "the one place where the raw macros are used")]
pub fn observe(metric: Metric, took: Duration, labels: &[(&'static str, &'static str)]) {
    metrics::histogram!(metric.name(), &labels.to_vec()).record(took.as_secs_f64());
}
