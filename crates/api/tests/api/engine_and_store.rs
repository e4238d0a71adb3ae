//! The router over the product's own engine and store; only Clouddriver is played.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_api::{Control, EngineAndStore};
use aws_event_cache_clock::Clock;
use aws_event_cache_engine::{Engine, Parts, Profiles};
use aws_event_cache_model::seam::{Drive, DriveError};
use aws_event_cache_model::{
    AgentName, AgentSeen, AgentState, DriveMode, Environment, Hold, Means, Outcome, Profile, RefreshRequest,
    StockPolling, Timestamp,
};
use aws_event_cache_store::Store;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::support::{Api, Fake, NOW, Setup, accounts, catalog};

/// Runs every agent at once.
struct Willing {
    clock: Clock,
    releases: AtomicUsize,
}

#[async_trait]
impl Drive for Willing {
    async fn refresh(&self, request: &RefreshRequest) -> Outcome {
        let started = request.since.max(self.clock.now());
        Outcome::Refreshed { started, ended: started, means: Means::ForcedRun }
    }

    async fn survey(&self, agents: &[AgentName]) -> Result<Vec<AgentSeen>, DriveError> {
        let now = self.clock.now();
        let idle = |agent: &AgentName| AgentSeen {
            agent: agent.clone(),
            state: AgentState::Idle { started: now, until: now.saturating_add(Duration::from_secs(30)).unwrap() },
        };
        Ok(agents.iter().map(idle).collect())
    }

    async fn hold(&self, _: &[Hold]) -> Result<(), DriveError> {
        Ok(())
    }

    async fn release_all(&self) -> Result<(), DriveError> {
        self.releases.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

struct World {
    api: Api,
    drive: Arc<Willing>,
    engine: Engine,
    store: Arc<Store>,
    _stop: oneshot::Sender<()>,
}

fn profile() -> Profile {
    Profile {
        floor: Duration::from_secs(30),
        ceiling: Duration::from_secs(900),
        hot_for: Duration::from_secs(180),
        hot_ceiling: Duration::from_secs(60),
        debounce_idle: Duration::from_secs(1),
        debounce_max: Duration::from_secs(3),
        budget_share: 0.5,
        operator_share: 0.2,
        silent_after: Duration::from_secs(180),
        late_after: Duration::from_secs(60),
        throttle_stretch: 4.0,
        unwatched: Vec::new(),
        kind_ceilings: BTreeMap::new(),
    }
}

/// The store writes to memory; `factor` is how much faster than the wall the engine's time runs.
fn world(mode: DriveMode, factor: u32) -> World {
    let clock = Clock::starting_at(Timestamp::from_second(NOW).unwrap(), factor);
    let (store, recovered) = Store::in_memory(clock.clone()).unwrap();
    let store = Arc::new(store);
    let drive = Arc::new(Willing { clock: clock.clone(), releases: AtomicUsize::new(0) });
    let production = Environment::new("production").unwrap();
    let (publish, accounts) = watch::channel(Arc::new(accounts()));
    let (engine, runner) = Engine::start(Parts {
        catalog: Arc::new(catalog()),
        accounts,
        profiles: Profiles { by_environment: BTreeMap::from([(production.clone(), profile())]), fallback: production },
        stock: StockPolling::default(),
        mode,
        drive: drive.clone(),
        journal: store.clone(),
        recovered,
        clock,
    });
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _accounts = publish;
        runner.run(async { stopped.await.unwrap_or(()) }).await;
    });
    let control: Arc<dyn Control> = Arc::new(EngineAndStore::new(engine.clone(), store.clone()));
    World { api: Api::over(Setup::default(), control, Fake::default()), drive, engine, store, _stop: stop }
}

impl World {
    /// A minute of the engine's takes a tenth of a second.
    async fn up(mode: DriveMode) -> Self {
        Self::up_at(mode, 600).await
    }

    /// Waits for the engine to have taken the accounts up, which it does in its own time: three places, two kinds.
    async fn up_at(mode: DriveMode, factor: u32) -> Self {
        let world = world(mode, factor);
        until("accounts", async || world.engine.status().scopes.len() == 6).await;
        world
    }
}

/// Waits for a level, looked at again and again, and fails after ten seconds.
async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let wait = async {
        while !reached().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap_or_else(|_| panic!("{what} never came"));
}

fn path_of(view: &Value) -> String {
    view["statusUrl"].as_str().unwrap().strip_prefix("http://aws-event-cache.spinnaker.svc:8080").unwrap().to_owned()
}

#[tokio::test]
async fn a_refresh_is_taken_runs_its_agents_and_succeeds() {
    let world = World::up(DriveMode::Enforce).await;
    let taken = world.api.post("/v1/refresh", json!({"account": "111122223333", "kind": "widgets"})).await.expect(202);
    assert_eq!(taken.json["agents"], 3, "{}", taken.text);
    let path = path_of(&taken.json);
    until("success", async || world.api.get(&path).await.expect(200).json["status"] == "SUCCEEDED").await;
    let view = world.api.get(&path).await.json;
    assert_eq!((&view["progress"], &view["done"]), (&json!("3 of 3 agents have run"), &json!(3)));
    assert!(view["ended"].is_string());
    let audit = world.api.get("/v1/audit").await.expect(200).json;
    assert_eq!((&audit["audit"][0]["action"], &audit["audit"][0]["who"]), (&json!("refresh"), &json!("pipeline")));
}

#[tokio::test]
async fn what_is_answered_is_stored_the_refresh_and_its_audit_entry() {
    let world = World::up(DriveMode::Enforce).await;
    let id = world.api.post("/v1/refresh", json!({})).await.expect(202).json["id"].clone();
    let stored = world.store.refreshes(10).unwrap();
    assert!(stored.iter().any(|record| id == record.id.0.as_str()), "{stored:?}");
    assert_eq!(world.store.audit(1).unwrap()[0].action, "refresh");
}

#[tokio::test]
async fn equal_bodies_within_the_window_are_one_refresh() {
    let world = World::up_at(DriveMode::Enforce, 1).await;
    let post = async |body| world.api.post("/v1/refresh", body).await.expect(202).json["id"].clone();
    let one = post(json!({"account": "staging", "kind": "widget"})).await;
    assert_eq!(post(json!({"account": ["444455556666"], "kind": "widgets", "name": ""})).await, one);
    assert_ne!(post(json!({"account": "staging", "kind": "gadget"})).await, one);
}

#[tokio::test]
async fn what_no_agent_reads_is_refused_in_plain_words() {
    let world = World::up(DriveMode::Enforce).await;
    let answer = world.api.post("/v1/refresh", json!({"region": "global", "kind": "widget"})).await.expect(422);
    assert!(answer.json["error"].as_str().unwrap().contains("no agent reads"), "{}", answer.text);
}

#[tokio::test]
async fn with_the_drive_arm_off_a_refresh_conflicts() {
    let world = World::up(DriveMode::Off).await;
    let answer = world.api.post("/v1/refresh", json!({})).await.expect(409);
    assert!(answer.json["error"].as_str().unwrap().contains("drive.mode"), "{}", answer.text);
}

#[tokio::test]
async fn the_kill_switch_and_release_let_every_agent_go_at_once() {
    let world = World::up(DriveMode::Enforce).await;
    world.api.post("/v1/release", Value::Null).await.expect(200);
    let released = world.drive.releases.load(Ordering::SeqCst);
    assert!(released >= 1);
    world.api.post("/v1/kill-switch", Value::Null).await.expect(201);
    until("the kill switch", async || world.drive.releases.load(Ordering::SeqCst) > released).await;
    assert_eq!(world.api.get("/v1/status").await.expect(200).json["killed"], true);
    world.api.delete("/v1/kill-switch").await.expect(200);
    assert_eq!(world.api.get("/v1/status").await.expect(200).json["killed"], false);
}

#[tokio::test]
async fn overrides_are_in_force_at_once_and_can_be_removed() {
    let world = World::up(DriveMode::Enforce).await;
    let body = json!({"account": "staging", "kind": "widget", "cadence": "15m", "for": "2h"});
    let id = world.api.post("/v1/overrides", body).await.expect(201).json["id"].as_str().unwrap().to_owned();
    let scopes = world.api.get("/v1/status/scopes?account=staging&kind=widget").await.expect(200).json;
    assert_eq!(
        (&scopes["scopes"][0]["reason"], &scopes["scopes"][0]["cadence_ms"]),
        (&json!("override"), &json!(900_000))
    );
    world.api.delete(&format!("/v1/overrides/{id}")).await.expect(200);
    assert_eq!(world.api.get("/v1/overrides").await.expect(200).json["overrides"], json!([]));
}

#[tokio::test]
async fn status_shows_engine_and_store_and_scopes_can_be_chosen() {
    let world = World::up(DriveMode::Observe).await;
    let status = world.api.get("/v1/status").await.expect(200).json;
    assert_eq!((&status["mode"], &status["accounts"]), (&json!("observe"), &json!(3)));
    assert!(status["store"]["commits"].is_u64() && status["problems"].is_array(), "{status}");
    let scopes = async |query: &str| {
        let list = world.api.get(&format!("/v1/status/scopes{query}")).await.expect(200).json;
        list["scopes"].as_array().unwrap().len()
    };
    assert_eq!(scopes("").await, status["scopes"].as_array().unwrap().len());
    assert_eq!(scopes("?account=staging&region=eu-west-1&kind=widgets").await, 1);
}

/// Every field that is shown is documented under its schema, and every documented one is shown.
pub(crate) fn compare(document: &Value, schema: &Value, shown: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return compare(document, document.pointer(name.trim_start_matches('#')).unwrap(), shown, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices.iter().find(|choice| choice.get("$ref").is_some()).unwrap();
        if !shown.is_null() {
            compare(document, choice, shown, at);
        }
        return;
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), shown.as_object()) {
        let documented: Vec<&String> = properties.keys().collect();
        let optional = |name: &&String| fields.contains_key(*name) || !required(schema, name);
        assert!(fields.keys().all(|name| properties.contains_key(name)), "{at}: {documented:?} {shown}");
        assert!(documented.iter().all(optional), "{at}: {documented:?} {shown}");
        for (name, field) in fields {
            compare(document, &properties[name], field, &format!("{at}/{name}"));
        }
    }
    for item in shown.as_array().into_iter().flatten() {
        compare(document, &schema["items"], item, &format!("{at}/*"));
    }
}

fn required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name))
}

#[tokio::test]
async fn status_shows_exactly_what_is_documented() {
    let world = World::up(DriveMode::Enforce).await;
    world.api.post("/v1/overrides", json!({"cadence": "15m", "for": "2h"})).await.expect(201);
    let path = path_of(&world.api.post("/v1/refresh", json!({})).await.expect(202).json);
    until("success", async || world.api.get(&path).await.json["status"] == "SUCCEEDED").await;
    let status = world.api.get("/v1/status").await.expect(200).json;
    for list in ["places", "scopes", "recent", "overrides"] {
        assert_ne!(status[list], json!([]), "{list} is compared");
    }
    let document: Value = serde_json::from_str(&aws_event_cache_api::document()).unwrap();
    compare(&document, &json!({"$ref": "#/components/schemas/Status"}), &status, "");
}
