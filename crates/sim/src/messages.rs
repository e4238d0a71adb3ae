//! What AWS would say of a change: payloads made from the catalogue's own rules, so that no kind is named here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Coverage, Kind, Roster};
use aws_event_cache_model::{KindId, Place, Timestamp};
use serde_json::{Value, json};

use crate::churn::{Change, Changing};

/// Kinds that Clouddriver itself polls less often than this change less often.
const USUAL_INTERVAL: Duration = Duration::from_secs(60);

/// How often a kind changes that people and deploys change, beside [`SELDOM`].
const OFTEN: u32 = 100;

/// How often a kind changes that people change now and then, such as addresses and key pairs.
const NOW_AND_THEN: u32 = 10;

/// How often a kind changes that only AWS changes.
const SELDOM: u32 = 1;

/// How a change of one kind is announced.
#[derive(Debug, Clone)]
enum Form {
    /// A CloudTrail write call through EventBridge.
    Call { source: String, event: String, version: Option<String> },
    /// A service event of EventBridge.
    Event { source: String, detail_type: String },
    /// An AWS Config item.
    Item { resource_type: String },
}

/// Writes the payloads.
#[derive(Debug, Clone)]
pub struct Announcer {
    forms: BTreeMap<KindId, Option<Form>>,
}

impl Announcer {
    /// Finds for every kind that some agent of the roster reads how AWS announces its changes, if it does.
    pub fn new(catalog: &Catalog, roster: &Roster) -> Self {
        let read: BTreeSet<&KindId> = roster.agents().iter().flat_map(|agent| &agent.kinds).collect();
        let kinds = catalog.kinds().filter(|kind| read.contains(&kind.id));
        Self { forms: kinds.map(|kind| (kind.id.clone(), form(catalog, kind))).collect() }
    }

    /// Every kind that is read, how often it changes beside the others, and whether that is announced.
    ///
    /// What the catalogue lets grow old, such as offers and other people's images, changes by AWS's own doing and seldom.
    pub fn kinds(&self, catalog: &Catalog, roster: &Roster) -> Vec<Changing> {
        let polled_seldom = |kind: &KindId| {
            let mut readers = roster.agents().iter().filter(|agent| agent.kinds.contains(kind));
            readers.any(|agent| agent.interval > USUAL_INTERVAL)
        };
        let weight = |kind: &KindId| match catalog.kind(kind) {
            Some(known) if known.coverage == Coverage::None && known.floor > USUAL_INTERVAL => SELDOM,
            _ if polled_seldom(kind) => NOW_AND_THEN,
            _ => OFTEN,
        };
        let changing = |(kind, form): (&KindId, &Option<Form>)| Changing {
            kind: kind.clone(),
            weight: weight(kind),
            announced: form.is_some(),
        };
        self.forms.iter().map(changing).collect()
    }

    /// The payload that announces a change; `None` for kinds that AWS is silent about.
    pub fn payload(&self, change: &Change, id: &str) -> Option<String> {
        let form = self.forms.get(&change.kind)?.as_ref()?;
        let resource = format!("{}-{:04}", change.kind, change.resource);
        Some(match form {
            Form::Call { source, event, version } => call(change, id, source, event, version.as_deref(), &resource),
            Form::Event { source, detail_type } => {
                bridge(&change.place, id, change.at, source, detail_type, json!({ "resource": resource }))
            }
            Form::Item { resource_type } => item(change, resource_type, &resource),
        })
    }
}

/// The scheduled event that proves the stream of a place alive.
pub fn heartbeat(place: &Place, at: Timestamp, id: &str) -> String {
    bridge(place, id, at, "aws.events", "Scheduled Event", json!({}))
}

fn form(catalog: &Catalog, kind: &Kind) -> Option<Form> {
    if kind.coverage == Coverage::None {
        return None;
    }
    call_form(catalog, kind)
        .or_else(|| event_form(kind))
        .or_else(|| kind.config.first().map(|rule| Form::Item { resource_type: rule.resource_type.to_string() }))
}

fn call_form(catalog: &Catalog, kind: &Kind) -> Option<Form> {
    let rule = kind.calls.iter().find(|call| !call.rule.only_when_named && call.rule.when.is_empty())?;
    let service = catalog.service(&rule.service)?;
    let version = rule.api.as_ref().and_then(|api| service.apis.iter().find(|known| known.name == *api));
    Some(Form::Call {
        source: service.event_sources.first()?.to_string(),
        event: rule.events.first()?.trim_end_matches('*').to_owned(),
        version: version.map(|api| api.version.to_string()),
    })
}

fn event_form(kind: &Kind) -> Option<Form> {
    let rule = kind.events.iter().find(|event| !event.rule.only_when_named && event.rule.when.is_empty())?;
    Some(Form::Event { source: rule.source.to_string(), detail_type: rule.detail_types.first()?.to_string() })
}

fn call(change: &Change, id: &str, source: &str, event: &str, version: Option<&str>, resource: &str) -> String {
    let bridge_source = format!("aws.{}", source.split('.').next().unwrap_or_default());
    let detail = json!({
        "eventVersion": "1.11", "eventSource": source, "eventName": event, "eventTime": seconds(change.at),
        "awsRegion": change.place.region, "readOnly": false, "eventType": "AwsApiCall", "apiVersion": version,
        "requestParameters": {"resource": resource}, "responseElements": {"_return": true}, "eventID": id,
        "managementEvent": true, "recipientAccountId": change.place.account, "eventCategory": "Management",
    });
    bridge(&change.place, id, change.at, &bridge_source, "AWS API Call via CloudTrail", detail)
}

fn bridge(place: &Place, id: &str, at: Timestamp, source: &str, detail_type: &str, detail: Value) -> String {
    json!({
        "version": "0", "id": id, "detail-type": detail_type, "source": source, "account": place.account,
        "time": seconds(at), "region": place.region, "resources": [], "detail": detail,
    })
    .to_string()
}

fn item(change: &Change, resource_type: &str, resource: &str) -> String {
    json!({
        "messageType": "ConfigurationItemChangeNotification", "recordVersion": "1.3",
        "notificationCreationTime": format!("{:.3}", change.at),
        "configurationItemDiff": {"changeType": "UPDATE", "changedProperties": {"Configuration": {"changeType": "UPDATE"}}},
        "configurationItem": {
            "resourceType": resource_type, "resourceId": resource, "resourceName": null, "ARN": null,
            "awsAccountId": change.place.account, "awsRegion": change.place.region, "configurationItemStatus": "OK",
            "configurationItemCaptureTime": format!("{:.3}", change.at), "configurationItemVersion": "1.3",
        },
    })
    .to_string()
}

/// EventBridge and CloudTrail write whole seconds.
fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_event_cache_intake::decode::{Context, Trust, decode};
    use aws_event_cache_model::{
        AccountId, Accounts, Environment, Provider, Region, Source, SpinnakerAccount, StockPolling, What,
    };

    /// Every payload must lead the real decoder to its kind; otherwise the demonstration would show losses that are its own.
    #[test]
    fn the_real_decoder_understands_every_payload() {
        let catalog = Catalog::shipped();
        let account = |name: &str, provider| SpinnakerAccount {
            name: name.into(),
            provider,
            account: AccountId::new("111122223333").unwrap(),
            regions: vec![Region::new("eu-west-1").unwrap()],
            environment: Environment::new("production").unwrap(),
            assume_role: None,
            lambda: true,
        };
        let accounts = Accounts::new([account("prod", Provider::Aws), account("prod-ecs", Provider::Ecs)]);
        let roster = catalog.roster(&accounts, &StockPolling::default());
        let announcer = Announcer::new(&catalog, &roster);
        let place = accounts.places().remove(0);
        let context =
            Context { source: Source::Sns, id: "1".into(), region: None, origin: "topic".into(), trust: Trust::Signed };
        let mut announced = 0;
        for Changing { kind, announced: is_announced, .. } in announcer.kinds(&catalog, &roster) {
            let at = Timestamp::from_second(1_780_000_000).unwrap();
            let change = Change {
                place: place.clone(),
                kind: kind.clone(),
                resource: 1,
                at,
                visible: at,
                own: false,
                arrivals: vec![],
            };
            let Some(payload) = announcer.payload(&change, "11111111-1111-4111-8111-111111111111") else {
                assert!(!is_announced);
                continue;
            };
            announced += 1;
            let decoded = decode(&payload, &context, &catalog, at);
            let found =
                decoded.hints.iter().any(|hint| matches!(&hint.what, What::Changed { kind: k, .. } if *k == kind));
            assert!(found, "{kind}: {payload} gave {decoded:?}");
        }
        assert!(announced > 20, "{announced}");
    }
}
