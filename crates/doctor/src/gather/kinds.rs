//! From the catalogue: for each kind that agents read in a place, events that would announce its changes.

use aws_event_cache_catalog::{Catalog, Coverage, Kind, Reach, Roster};
use aws_event_cache_model::{KindId, Place};
use serde_json::{Value, json};

use crate::facts::KindEvents;

/// Where the messages of what belongs to a whole account come from, in the commercial partition.
const HOME: &str = "us-east-1";

/// By this EventBridge passes on what CloudTrail records.
const CALL: &str = "AWS API Call via CloudTrail";

pub(super) fn announced(catalog: &Catalog, roster: &Roster, place: &Place, unwatched: &[KindId]) -> Vec<KindEvents> {
    let in_use = |kind: &&Kind| {
        let here = kind.reach == Reach::Region || place.region.as_str() == HOME;
        here && kind.coverage != Coverage::None
            && !unwatched.contains(&kind.id)
            && !roster.reading(place, &kind.id).is_empty()
    };
    let events = |kind: &Kind| KindEvents { kind: kind.id.to_string(), events: events(catalog, kind, place) };
    catalog.kinds().filter(in_use).map(events).filter(|kind| !kind.events.is_empty()).collect()
}

fn events(catalog: &Catalog, kind: &Kind, place: &Place) -> Vec<Value> {
    let event = |source: &str, detail_type: &str, detail: Value| {
        json!({
            "version": "0", "source": source, "detail-type": detail_type, "account": place.account, "region": place.region,
            "resources": [], "detail": detail
        })
    };
    let mut events = Vec::new();
    for rule in &kind.events {
        events.extend(rule.detail_types.iter().map(|detail_type| event(&rule.source, detail_type, json!({}))));
    }
    for rule in &kind.calls {
        let Some(service) = catalog.service(&rule.service) else { continue };
        for (source, name) in service.bridge_sources.iter().flat_map(|s| rule.events.iter().map(move |name| (s, name)))
        {
            for event_source in &service.event_sources {
                let detail = json!({"eventSource": event_source, "eventName": name, "eventType": "AwsApiCall", "readOnly": false});
                events.push(event(source, CALL, detail));
            }
        }
    }
    events
}
