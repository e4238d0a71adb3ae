//! A router over a recording [`Control`], with an invented catalogue and three accounts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_api::log_level;
use aws_event_cache_api::prometheus::Metrics;
use aws_event_cache_api::{
    AgentIntervals, AnswerArm, ApiState, Control, NotNow, OrderRefused, Parts, Readiness, Role, Settings, StatusReport,
    Token, Tokens, router,
};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{
    AccountId, Accounts, AgentName, AuditEntry, Environment, EventRecord, Hint, KindId, Origin, Override, OverrideId,
    Place, Provider, RefreshId, RefreshOrder, RefreshRecord, RefreshState, Region, Source, SpinnakerAccount, Timestamp,
    Verdict, What,
};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tower::ServiceExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Registry, reload};

/// 2026-01-31T12:00:00Z.
pub(crate) const NOW: i64 = 1_769_860_800;

/// What the fake was told, and what it shall answer.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) orders: Vec<(RefreshOrder, String)>,
    pub(crate) records: Vec<RefreshRecord>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) audit: Vec<AuditEntry>,
    pub(crate) releases: usize,
    /// Makes every call fail with this.
    pub(crate) broken: Option<String>,
    /// Makes an order take this long.
    pub(crate) slow: Duration,
    /// Makes an order panic.
    pub(crate) panics: bool,
    /// Makes an order match nothing.
    pub(crate) matches_nothing: bool,
    /// Makes an order meet a drive arm that is off.
    pub(crate) off: bool,
}

/// Records what it is told.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Told>>);

impl Fake {
    fn check(&self) -> Result<(), NotNow> {
        self.0.lock().broken.clone().map_or(Ok(()), |why| Err(NotNow(why)))
    }
}

#[async_trait]
impl Control for Fake {
    async fn order(&self, order: RefreshOrder, by: &str) -> Result<RefreshRecord, OrderRefused> {
        self.check()?;
        let slow = self.0.lock().slow;
        tokio::time::sleep(slow).await;
        let mut told = self.0.lock();
        assert!(!told.panics, "as asked");
        if told.off {
            return Err(OrderRefused::Off("the drive arm is off".to_owned()));
        }
        if told.matches_nothing {
            return Err(OrderRefused::NothingMatches("no agent reads this".to_owned()));
        }
        told.orders.push((order.clone(), by.to_owned()));
        if let Some(equal) = told.records.iter().find(|record| record.order == order) {
            return Ok(equal.clone());
        }
        let record = RefreshRecord {
            id: RefreshId(format!("r{}", told.records.len() + 1).into()),
            order,
            requested_by: by.to_owned(),
            requested: Timestamp::from_second(NOW).unwrap(),
            state: RefreshState::Queued,
            pending: (0..5).map(|n| AgentName::new(format!("prod/widgets-{n}")).unwrap()).collect(),
            done: Vec::new(),
            failed: Vec::new(),
            ended: None,
            watched_only: false,
        };
        told.records.push(record.clone());
        Ok(record)
    }

    fn refresh(&self, id: &RefreshId) -> Option<RefreshRecord> {
        self.0.lock().records.iter().find(|record| record.id == *id).cloned()
    }

    fn refreshes(&self, limit: usize) -> Vec<RefreshRecord> {
        self.0.lock().records.iter().rev().take(limit).cloned().collect()
    }

    async fn cancel(&self, id: &RefreshId) -> Result<Option<RefreshRecord>, NotNow> {
        self.check()?;
        let mut told = self.0.lock();
        let Some(record) = told.records.iter_mut().find(|record| record.id == *id) else { return Ok(None) };
        if !record.state.is_final() {
            record.state = RefreshState::Canceled;
        }
        Ok(Some(record.clone()))
    }

    fn overrides(&self) -> Vec<Override> {
        self.0.lock().overrides.clone()
    }

    async fn set_override(&self, new: Override) -> Result<(), NotNow> {
        self.check()?;
        self.0.lock().overrides.push(new);
        Ok(())
    }

    async fn remove_override(&self, id: &OverrideId) -> Result<bool, NotNow> {
        self.check()?;
        let mut told = self.0.lock();
        let before = told.overrides.len();
        told.overrides.retain(|of| of.id != *id);
        Ok(told.overrides.len() < before)
    }

    async fn release_all(&self) -> Result<(), NotNow> {
        self.check()?;
        self.0.lock().releases += 1;
        Ok(())
    }

    fn status(&self) -> Result<StatusReport, NotNow> {
        self.check()?;
        let scope = |account: &str, region: &str| {
            Place::new(AccountId::new(account).unwrap(), Region::new(region).unwrap())
                .scope(KindId::new("widget").unwrap())
        };
        let scopes = [scope("111122223333", "us-west-2"), scope("444455556666", "eu-west-1")];
        Ok(StatusReport {
            whole: json!({"mode": "observe"}),
            scopes: scopes.into_iter().map(|scope| (scope.clone(), json!(scope.to_string()))).collect(),
        })
    }

    async fn note(&self, entry: AuditEntry) -> Result<(), NotNow> {
        self.check()?;
        let slow = self.0.lock().slow;
        tokio::time::sleep(slow).await;
        self.0.lock().audit.push(entry);
        Ok(())
    }

    fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, NotNow> {
        self.check()?;
        Ok(self.0.lock().audit.iter().rev().take(limit).cloned().collect())
    }

    fn events(&self, _: usize) -> Result<Vec<EventRecord>, NotNow> {
        self.check()?;
        let hint = Hint {
            place: Place::new(AccountId::new("111122223333").unwrap(), Region::new("us-west-2").unwrap()),
            what: What::Heartbeat,
            occurred: None,
            received: Timestamp::from_second(NOW).unwrap(),
            origin: Origin { source: Source::Sqs, id: "m-1".into(), event: "tick".into() },
        };
        Ok(vec![EventRecord { hint, verdict: Verdict::NothingToDo }])
    }
}

pub(crate) fn catalog() -> Catalog {
    let kind = |title: &str, alias: &str| {
        format!(
            "title: {title}\naliases: [{alias}]\nnamed_by: id\ncoverage: full\ncadence: {{floor: 30s, ceiling: 10m}}\nsettle: 10s\nagents: [widgets]\nreads:\n  - {{service: test, operation: Describe{title}s, age: event, bucket: 'test:read'}}\n"
        )
    };
    let agent = "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]";
    let service = "title: Test\nevent_sources: [test.amazonaws.com]\nbuckets: {read: {capacity: 100, refill: 20}}";
    Catalog::parse([
        ("services/test.yaml", service),
        ("agents/widgets.yaml", agent),
        ("kinds/widget.yaml", &kind("Widget", "widgets")),
        ("kinds/gadget.yaml", &kind("Gadget", "gadgets")),
    ])
    .unwrap()
}

fn account(name: &str, id: &str, regions: &[&str]) -> SpinnakerAccount {
    SpinnakerAccount {
        name: name.to_owned(),
        provider: Provider::Aws,
        account: AccountId::new(id).unwrap(),
        regions: regions.iter().map(|region| Region::new(region).unwrap()).collect(),
        environment: Environment::new("production").unwrap(),
        assume_role: None,
        lambda: false,
    }
}

/// Two Spinnaker accounts of one AWS account, and one of another.
pub(crate) fn accounts() -> Accounts {
    Accounts::new([
        account("prod", "111122223333", &["us-west-2", "us-east-1"]),
        account("prod-ecs", "111122223333", &["us-west-2"]),
        account("staging", "444455556666", &["eu-west-1"]),
    ])
}

/// A token's text is its name.
pub(crate) fn tokens() -> Tokens {
    let token = |name: &str, role| {
        let hash: String = Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        Token::new(name, role, &hash).unwrap()
    };
    Tokens::new(vec![
        token("viewer", Role::Read),
        token("stage", Role::Refresh),
        token("pipeline", Role::Operate),
        token("root", Role::Admin),
    ])
    .unwrap()
}

/// A router and what stands behind it.
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) state: ApiState,
    pub(crate) fake: Fake,
    pub(crate) readiness: Readiness,
    _log: reload::Layer<Targets, Registry>,
}

/// What may differ between tests.
pub(crate) struct Setup {
    pub(crate) tokens: Tokens,
    pub(crate) settings: Settings,
    pub(crate) accounts: Accounts,
    pub(crate) answer: Option<AnswerArm>,
    pub(crate) intervals: BTreeMap<AgentName, Duration>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tokens: tokens(),
            settings: Settings::default(),
            accounts: accounts(),
            answer: None,
            intervals: BTreeMap::new(),
        }
    }
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let fake = Fake::default();
        Self::over(setup, Arc::new(fake.clone()), fake)
    }

    /// The router over another [`Control`]; the fake is then told nothing.
    pub(crate) fn over(setup: Setup, control: Arc<dyn Control>, fake: Fake) -> Self {
        let readiness = Readiness::default();
        let environments = ["production", "staging"].map(|name| Environment::new(name).unwrap());
        let (log, log_level) = log_level::filter::<Registry>("info".parse().unwrap());
        let state = ApiState::new(Parts {
            control,
            answer: setup.answer,
            intervals: AgentIntervals {
                valid_for: Duration::from_secs(15),
                hand_out: Arc::new(move || setup.intervals.clone()),
            },
            catalog: Arc::new(catalog()),
            accounts: watch::channel(Arc::new(setup.accounts)).1,
            environments: watch::channel(environments.to_vec()).1,
            clock: Clock::starting_at(Timestamp::from_second(NOW).unwrap(), 1),
            tokens: setup.tokens,
            settings: setup.settings,
            readiness: readiness.clone(),
            metrics: Metrics::detached().unwrap(),
            log_level,
        });
        Self { router: router(state.clone()), state, fake, readiness, _log: log }
    }

    pub(crate) fn told<T>(&self, read: impl FnOnce(&mut Told) -> T) -> T {
        read(&mut self.fake.0.lock())
    }

    /// Sends a request as it is, from an address that is not this machine.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from("203.0.113.9", request).await
    }

    pub(crate) async fn send_from(&self, peer: &str, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 40_000)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: head.status, headers: head.headers, json, text }
    }

    /// A call with a token and, unless it is null, a JSON body.
    pub(crate) async fn call(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = request(method, path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        };
        self.send(request.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("pipeline", Method::POST, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("viewer", Method::GET, path, Value::Null).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("pipeline", Method::DELETE, path, Value::Null).await
    }
}

pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "aws-event-cache.spinnaker.svc:8080")
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
