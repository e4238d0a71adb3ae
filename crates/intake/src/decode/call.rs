//! CloudTrail: API calls, and what services did by themselves.
//!
//! A refused, dry or throttled call is recorded as well, so the error comes first; a call that only reads changes nothing; the account is the one that
//! was called and not that of the caller, who may sit elsewhere.

use aws_event_cache_catalog::{Found, Service};
use aws_event_cache_model::{Names, Place, ServiceName, What};
use serde_json::Value;

use super::facts::{Facts, place, text, time};
use super::{Decoder, Payload};

/// The event by which Service Quotas tells that a request for more has moved on (Service Quotas user guide, "EventBridge integration").
const QUOTA_STATUS: &str = "UpdateServiceQuotaIncreaseRequestStatus";

impl Decoder<'_> {
    /// `recorded` is the detail-type without ` via CloudTrail`. China's documents write "Amazon" for "AWS".
    pub(super) fn recorded(&self, detail: &Value, recorded: &str, stream: Option<Place>) -> Facts {
        let payload = match recorded.split_once(' ') {
            Some(("AWS" | "Amazon", "API Call")) => Payload::Call,
            Some(("AWS" | "Amazon", "Service Event")) if is_quota_status(detail) => Payload::Quota,
            Some(("AWS" | "Amazon", _)) => Payload::ServiceAction,
            _ => Payload::Unknown,
        };
        let region = text(detail, "awsRegion").or_else(|| stream.as_ref().map(|place| place.region.as_str()));
        let account =
            text(detail, "recipientAccountId").or_else(|| stream.as_ref().map(|place| place.account.as_str()));
        let words = [text(detail, "eventSource").unwrap_or_default(), text(detail, "eventName").unwrap_or_default()];
        let mut facts = Facts::of(payload).at(place(account, region)).when(time(detail, "eventTime")).named(&words);
        match payload {
            Payload::Quota => self.quota(&mut facts, &detail["serviceEventDetails"]),
            _ => self.call(&mut facts, detail),
        }
        facts
    }

    fn call(&self, facts: &mut Facts, detail: &Value) {
        if let Some(code) = text(detail, "errorCode") {
            if self.catalog.is_throttle_code(code)
                && let Some(service) = self.called_service(detail)
            {
                facts.say(What::Throttled { service });
            }
            return;
        }
        if detail["readOnly"] == true {
            return;
        }
        let mut found = self.catalog.of_call(detail);
        if detail["requestParameters"].is_null() && detail["responseElements"].is_null() {
            forget_names(&mut found);
        }
        facts.take(found);
    }

    /// The service that was called, by the name under which it throttles.
    fn called_service(&self, detail: &Value) -> Option<ServiceName> {
        let source = text(detail, "eventSource")?;
        let known = self.catalog.service_of_event_source(source);
        known.map(|service| service.name.clone()).or_else(|| ServiceName::new(source.split('.').next()?).ok())
    }

    /// A closed case may have been granted, so both words mean: look again. The new value is never used, since it is rarely a request rate.
    fn quota(&self, facts: &mut Facts, details: &Value) {
        if matches!(text(details, "newStatus"), Some("APPROVED" | "CASE_CLOSED")) {
            let service = text(details, "serviceName").and_then(|name| self.service_called(name));
            facts.say(What::QuotaRaised { service });
        }
    }

    /// The service that people call `name`: `Amazon EC2`, `Amazon Elastic Compute Cloud (Amazon EC2)`, `EC2 Auto Scaling`.
    fn service_called(&self, name: &str) -> Option<ServiceName> {
        let inner = name.split_once('(').map(|(_, rest)| plain(rest));
        let wanted = [Some(plain(name)), inner];
        let is_it = |service: &&Service| {
            let own = [plain(service.name.as_str()), plain(&service.title)];
            wanted.iter().flatten().any(|wanted| own.contains(wanted))
        };
        self.catalog.services().find(is_it).map(|service| service.name.clone())
    }
}

fn is_quota_status(detail: &Value) -> bool {
    text(detail, "eventSource").is_some_and(|source| source.starts_with("servicequotas."))
        && text(detail, "eventName") == Some(QUOTA_STATUS)
}

/// Letters and digits in lower case, without the maker's name in front.
fn plain(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let without = letters.strip_prefix("amazon").or_else(|| letters.strip_prefix("aws"));
    without.map_or_else(|| letters.clone(), str::to_owned)
}

/// CloudTrail cut the parameters: the scope is unknown, so it is the whole kind.
fn forget_names(found: &mut Found) {
    if let Found::Kinds(kinds) = found {
        for kind in kinds {
            kind.names = Names::Any;
        }
    }
}
