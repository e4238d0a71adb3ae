//! Against a server that answers as Clouddriver does.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::{
    AccountsFeed, AccountsSettings, CacheStore, Clouddriver, ClouddriverError, ClouddriverSettings, Control, Driver,
    DriverParts, Environments,
};
use aws_event_cache_model::seam::Drive;
use aws_event_cache_model::{
    Agent, Environment, KindId, Means, Outcome, RefreshRequest, ResourceName, Resources, Retry, StockPolling,
};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::support::memory::MemoryLocks;
use crate::support::{accounts, request};

/// What was asked: method, path with query, the user header, the body.
type Asked = (String, String, String, Value);

#[derive(Default)]
struct Answers {
    status: Mutex<u16>,
    body: Mutex<String>,
    asked: Mutex<Vec<Asked>>,
}

struct Server {
    answers: Arc<Answers>,
    url: String,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    async fn start(status: u16, body: impl ToString) -> Self {
        let answers = Arc::new(Answers::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&answers));
        let task = AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
        let server = Self { answers, url, _task: task };
        server.answer(status, body);
        server
    }

    fn answer(&self, status: u16, body: impl ToString) {
        *self.answers.status.lock() = status;
        *self.answers.body.lock() = body.to_string();
    }

    fn asked(&self) -> Vec<Asked> {
        self.answers.asked.lock().clone()
    }

    fn clouddriver(&self) -> Arc<Clouddriver> {
        Arc::new(Clouddriver::new(&settings(&self.url)).unwrap())
    }
}

fn settings(url: &str) -> ClouddriverSettings {
    ClouddriverSettings { url: url.to_owned(), user: Some("aws-event-cache".to_owned()), headers: Vec::new() }
}

async fn answer(State(answers): State<Arc<Answers>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let user = parts.headers.get("x-spinnaker-user").map_or("", |user| user.to_str().unwrap()).to_owned();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    answers.asked.lock().push((parts.method.to_string(), parts.uri.to_string(), user, body));
    let status = StatusCode::from_u16(*answers.status.lock()).unwrap();
    (status, [("location", "/elsewhere")], answers.body.lock().clone()).into_response()
}

fn aws(name: &str, id: &str) -> Value {
    json!({"name": name, "cloudProvider": "aws", "accountId": id, "environment": "production", "regions": [{"name": "eu-west-1"}]})
}

#[tokio::test]
async fn accounts_are_asked_for_with_all_their_fields_and_our_name() {
    let server =
        Server::start(200, json!([aws("prod", "111122223333"), {"name": "k8s", "cloudProvider": "kubernetes"}])).await;
    let found = server.clouddriver().credentials().await.unwrap();
    assert_eq!(found.accounts.len(), 1);
    let expected = ("GET".to_owned(), "/credentials?expand=true".to_owned(), "aws-event-cache".to_owned(), Value::Null);
    assert_eq!(server.asked(), [expected]);
}

#[tokio::test]
async fn a_base_path_is_kept() {
    let server = Server::start(200, "[]").await;
    let clouddriver = Clouddriver::new(&settings(&format!("{}/clouddriver", server.url))).unwrap();
    clouddriver.credentials().await.unwrap();
    assert_eq!(server.asked()[0].1, "/clouddriver/credentials?expand=true");
}

#[tokio::test]
async fn errors_redirects_and_answers_that_are_no_json_are_refused() {
    let server = Server::start(503, "").await;
    let clouddriver = server.clouddriver();
    assert!(matches!(clouddriver.credentials().await, Err(ClouddriverError::Status { status: 503, .. })));
    server.answer(302, "");
    assert!(matches!(clouddriver.credentials().await, Err(ClouddriverError::Status { status: 302, .. })));
    assert_eq!(server.asked().len(), 2, "a redirect is not followed");
    server.answer(200, "<html>");
    assert!(matches!(clouddriver.introspection().await, Err(ClouddriverError::Unreadable { .. })));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = Server::start(200, "[".repeat((64 << 20) + 1)).await;
    assert!(matches!(server.clouddriver().credentials().await, Err(ClouddriverError::TooLarge { .. })));
}

#[tokio::test]
async fn introspection_is_read_and_agents_that_never_ran_are_passed_over() {
    let body = json!([{"id": "a0/eu-west-1/WidgetCachingAgent", "provider": "p", "lastExecutionStartMs": 1_700_000_000_000_i64, "lastExecutionDurationMs": 250}, {"id": "never"}]);
    let server = Server::start(200, body).await;
    let runs = server.clouddriver().introspection().await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].started.as_second(), runs[0].took), (1_700_000_000, Duration::from_millis(250)));
}

#[test]
fn settings_that_make_no_sense_are_named_without_their_secrets() {
    for url in ["", "clouddriver:7002", "ftp://clouddriver", "http://"] {
        assert!(
            matches!(Clouddriver::new(&settings(url)), Err(ClouddriverError::Settings { field: "url", .. })),
            "{url}"
        );
    }
    let headers = vec![("X-Token".to_owned(), "secret\n".to_owned())];
    let Err(error) = Clouddriver::new(&ClouddriverSettings { headers, ..settings("http://c") }) else { panic!() };
    assert!(!error.to_string().contains("secret"));
}

fn environments() -> Environments {
    let production = Environment::new("production").unwrap();
    Environments { rules: Vec::new(), known: [production.clone()].into(), fallback: production }
}

#[tokio::test]
async fn new_and_removed_accounts_are_published_and_the_last_good_answer_stands_while_clouddriver_is_away() {
    let server = Server::start(200, json!([aws("a", "111111111111")])).await;
    let settings = AccountsSettings {
        configured: Vec::new(),
        environments: environments(),
        clouddriver: Some(server.clouddriver()),
    };
    let (feed, mut accounts) = AccountsFeed::new(settings, Clock::wall());
    let names = |accounts: &mut watch::Receiver<_>| -> Vec<String> {
        let accounts: Arc<aws_event_cache_model::Accounts> = Arc::clone(&accounts.borrow_and_update());
        accounts.iter().map(|account| account.name.clone()).collect()
    };
    assert!(names(&mut accounts).is_empty());
    feed.ask().await;
    assert_eq!(names(&mut accounts), ["a"]);
    server.answer(200, json!([aws("a", "111111111111"), aws("b", "222222222222"), aws("odd", "2")]));
    feed.ask().await;
    assert_eq!(names(&mut accounts), ["a", "b"]);
    assert!(feed.state().problems[0].contains("odd"));
    server.answer(500, "");
    feed.ask().await;
    assert!(!accounts.has_changed().unwrap() && feed.state().failure.is_some());
    server.answer(200, json!([aws("b", "222222222222")]));
    feed.ask().await;
    assert_eq!((names(&mut accounts), feed.state().failure), (vec!["b".to_owned()], None));
}

#[tokio::test]
async fn losing_all_accounts_at_once_is_believed_only_the_second_time() {
    let server = Server::start(200, json!([aws("a", "111111111111")])).await;
    let settings = AccountsSettings {
        configured: Vec::new(),
        environments: environments(),
        clouddriver: Some(server.clouddriver()),
    };
    let (feed, accounts) = AccountsFeed::new(settings, Clock::wall());
    feed.ask().await;
    server.answer(200, "[]");
    feed.ask().await;
    assert_eq!(accounts.borrow().len(), 1);
    feed.ask().await;
    assert_eq!(accounts.borrow().len(), 0);
}

/// Kinds whose on-demand calls do what the catalogue's words say.
fn catalog() -> Arc<Catalog> {
    let kind = |sql: &str, redis: &str| {
        format!(
            "title: Widget\nnamed_by: widget id (w-…)\ncoverage: full\ncadence: {{floor: 30s, ceiling: 10m}}\nsettle: 10s\nagents: [widgets]\non_demand: {{provider: aws, type: Widget, body: {{widget: '{{name}}', account: '{{account}}', region: '{{region}}'}}, sql: {sql}, redis: {redis}}}\ncalls:\n  - {{service: test, events: [MakeWidget], name: req.widgetId}}\n\
             reads:\n  - {{service: test, operation: DescribeWidgets, age: event, bucket: 'test:read'}}\n"
        )
    };
    let (full, parks) = (kind("full", "full"), kind("parks", "hides-others"));
    let services = "title: Test\nevent_sources: [test.amazonaws.com]\nbuckets: {read: {capacity: 100, refill: 20}}";
    let agents = "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]";
    let files = [
        ("services/test.yaml", services),
        ("agents/widgets.yaml", agents),
        ("kinds/widget.yaml", &full),
        ("kinds/gadget.yaml", &parks),
    ];
    Arc::new(Catalog::parse(files).unwrap())
}

fn agent() -> Arc<Agent> {
    Arc::clone(&catalog().roster(&accounts(1), &StockPolling::default()).agents()[0])
}

fn wish(kind: &str, name: Option<&str>) -> RefreshRequest {
    let kind = KindId::new(kind).unwrap();
    let mut resources = Resources::default();
    match name {
        Some(name) => resources.add(kind, ResourceName::new(name).unwrap()),
        None => resources.add_whole(kind),
    }
    RefreshRequest { resources, ..request(&agent(), Clock::wall().now()) }
}

fn driver(server: &Server, parts: impl FnOnce(DriverParts) -> DriverParts) -> Driver {
    Driver::start(parts(DriverParts {
        control: Control::None,
        other_locks: Vec::new(),
        clouddriver: Some(server.clouddriver()),
        catalog: catalog(),
        accounts: watch::channel(accounts(1)).1,
        stock: StockPolling::default(),
        cache_store: CacheStore::Redis,
        confirm: false,
        clock: Clock::wall(),
    }))
}

#[tokio::test]
async fn without_a_lock_store_an_on_demand_call_that_stored_something_is_a_refresh() {
    let server = Server::start(202, json!({"cachedIdentifiersByType": {"widgets": ["w-1"]}})).await;
    let outcome = driver(&server, |parts| parts).refresh(&wish("widget", Some("w-1"))).await;
    assert!(matches!(outcome, Outcome::Refreshed { means: Means::OnDemand, .. }), "{outcome:?}");
    let body = json!({"widget": "w-1", "account": "a0", "region": "eu-west-1"});
    assert_eq!(
        server.asked(),
        [("POST".to_owned(), "/cache/aws/Widget".to_owned(), "aws-event-cache".to_owned(), body)]
    );
}

#[tokio::test]
async fn an_on_demand_call_that_stored_nothing_is_no_refresh() {
    let server = Server::start(200, "{}").await;
    let outcome = driver(&server, |parts| parts).refresh(&wish("widget", Some("w-1"))).await;
    assert!(
        matches!(&outcome, Outcome::Failed { why, retry: Retry::Never } if why.contains("stored nothing")),
        "{outcome:?}"
    );
    server.answer(500, "");
    let outcome = driver(&server, |parts| parts).refresh(&wish("widget", Some("w-1"))).await;
    assert!(matches!(outcome, Outcome::Failed { retry: Retry::Backoff, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_call_that_would_hide_other_resources_or_change_nothing_is_never_made() {
    let server = Server::start(202, "{}").await;
    for store in [CacheStore::Sql, CacheStore::Redis, CacheStore::Unknown] {
        let driver = driver(&server, |parts| DriverParts { cache_store: store, ..parts });
        for wish in [wish("gadget", Some("g-1")), wish("widget", None)] {
            let outcome = driver.refresh(&wish).await;
            assert!(
                matches!(&outcome, Outcome::Failed { why, retry: Retry::Never } if why.contains("lockStore")),
                "{outcome:?}"
            );
        }
    }
    assert_eq!(server.asked(), []);
}

#[tokio::test]
async fn introspection_shortens_the_wait_for_runs_whose_end_their_lock_cannot_tell() {
    let clock = Clock::wall();
    let locks = Arc::new(MemoryLocks::default());
    let mut agent = (*agent()).clone();
    agent.interval = agent.timeout;
    let started = clock.now();
    let run = json!([{"id": agent.name.as_str(), "lastExecutionStartMs": started.as_millisecond() + 50, "lastExecutionDurationMs": 5}]);
    let server = Server::start(200, run).await;
    let driver = driver(&server, |parts| DriverParts {
        control: Control::Locks(Arc::clone(&locks) as _),
        confirm: true,
        ..parts
    });
    let request = request(&Arc::new(agent.clone()), started);
    let replica = async {
        clock.sleep(Duration::from_millis(300)).await;
        let lock = aws_event_cache_clouddriver::lock::Lock {
            owner: "node".into(),
            acquired: Some(started.saturating_add(Duration::from_millis(50)).unwrap()),
            expires: started.saturating_add(agent.timeout + Duration::from_millis(50)).unwrap(),
        };
        locks.locks.lock().insert(agent.name.clone(), lock);
    };
    let (outcome, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(10), driver.refresh(&request)), replica);
    assert!(matches!(outcome.unwrap(), Outcome::Refreshed { means: Means::OwnRun, started: s, .. } if s >= started));
    let introspected = |asked: &Asked| asked.1 == "/cache/introspection";
    assert!(server.asked().iter().all(introspected) && !server.asked().is_empty());
}

#[tokio::test]
async fn agents_that_run_without_locks_in_our_store_are_told_as_another_lock_store() {
    let run = json!([{"id": agent().name.as_str(), "lastExecutionStartMs": Clock::wall().now().as_millisecond() - 5_000, "lastExecutionDurationMs": 5}]);
    let server = Server::start(200, run).await;
    let driver =
        driver(&server, |parts| DriverParts { control: Control::Locks(Arc::new(MemoryLocks::default())), ..parts });
    let problems = driver.diagnose().await;
    assert!(problems.iter().any(|problem| problem.text.contains("keeps its locks elsewhere")), "{problems:?}");
}
