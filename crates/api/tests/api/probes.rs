//! Probes, by which `doctor` sees whether a way is open.

use std::sync::Arc;

use aws_event_cache_api::{Probe, Probing, Sighting, document};
use serde_json::{Value, json};

use crate::engine_and_store::compare;
use crate::support::Api;

const ID: &str = "5f0c1d9e-8a44-4b7e-9d10-3c6f2a7be001";

fn probe() -> Probe {
    let at = "2026-05-04T09:00:01Z".to_owned();
    let sighting = Sighting { at: at.clone(), source: "sns".to_owned(), accepted: false };
    Probe { id: ID.to_owned(), opened: at, sightings: vec![sighting] }
}

fn probing(api: &Api) {
    let look = |id: &str| (id == ID).then(probe);
    let open = || Probe { sightings: Vec::new(), ..probe() };
    drop(api.state.clone().with_probing(Probing { open: Arc::new(open), look: Arc::new(look) }));
}

#[tokio::test]
async fn a_probe_is_opened_and_shown_as_documented() {
    let api = Api::new();
    probing(&api);
    let opened = api.post("/v1/probes", json!({})).await.expect(201).json;
    assert_eq!(opened["id"], ID);
    let shown = api.get(&format!("/v1/probes/{ID}")).await.expect(200).json;
    assert_eq!(shown["sightings"][0], json!({"at": "2026-05-04T09:00:01Z", "source": "sns", "accepted": false}));
    let document: Value = serde_json::from_str(&document()).unwrap();
    compare(&document, &document["components"]["schemas"]["Probe"], &shown, "probe");
    api.get("/v1/probes/another").await.expect(404);
}

#[tokio::test]
async fn without_an_intake_there_are_no_probes() {
    let api = Api::new();
    api.post("/v1/probes", json!({})).await.expect(404);
    api.get(&format!("/v1/probes/{ID}")).await.expect(404);
}
