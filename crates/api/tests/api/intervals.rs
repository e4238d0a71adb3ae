//! What the bridge plugin is handed.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_api::document;
use aws_event_cache_model::AgentName;
use serde_json::{Value, json};

use crate::engine_and_store::compare;
use crate::support::{Api, Setup};

#[tokio::test]
async fn the_plugin_is_handed_each_agents_interval_and_how_long_it_may_go_by_it() {
    let agent = |name: &str| AgentName::new(name).unwrap();
    let intervals = BTreeMap::from([
        (agent("prod/eu-west-1/WidgetCachingAgent"), Duration::from_secs(100)),
        (agent("odd \"name\"/eu-west-1/Widgets"), Duration::from_millis(57_900)),
    ]);
    let api = Api::with(Setup { intervals, ..Setup::default() });
    let answer = api.get("/v1/agent-intervals").await.expect(200).json;
    let expected = json!({"validForSeconds": 15, "agents": {
        "odd \"name\"/eu-west-1/Widgets": {"intervalSeconds": 57},
        "prod/eu-west-1/WidgetCachingAgent": {"intervalSeconds": 100},
    }});
    assert_eq!(answer, expected);
    let document: Value = serde_json::from_str(&document()).unwrap();
    compare(&document, &document["components"]["schemas"]["IntervalList"], &answer, "intervals");
}

#[tokio::test]
async fn where_nothing_is_held_the_list_is_empty_and_not_missing() {
    assert_eq!(
        Api::new().get("/v1/agent-intervals").await.expect(200).json,
        json!({"validForSeconds": 15, "agents": {}})
    );
}
