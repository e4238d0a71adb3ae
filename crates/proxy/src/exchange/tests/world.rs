//! An invented service, an exchange before a stand-in for AWS, and clients that ask through it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_answer::{Answers, ConnectionMemory, Modes, Savings};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_engine::Ledger;
use aws_event_cache_model::seam::{HintSink, NotAccepted};
use aws_event_cache_model::{AccountId, AnswerMode, Hint, KindId, Names, Place, Region, Scope, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::super::Exchange;
use super::stand_in::{Act, Seen, StandIn};
use crate::origin::Origin;
use crate::proxy::Parts;
use crate::settings::Settings;
use crate::upstream::Upstream;

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const HOST: &str = "test.eu-west-1.amazonaws.com";

/// `DescribeWidgets` lists, `DescribeParts` reads one widget's parts; `read` has room for everything a test does, `slow` for two calls.
const FILES: [(&str, &str); 3] = [
    (
        "services/test.yaml",
        "
title: Test
event_sources: [test.amazonaws.com]
errors: query
admit: operation
buckets: {read: {capacity: 100000, refill: 100000}, slow: {capacity: 2, refill: 0.1}}
throttle_codes: [Throttling]
",
    ),
    (
        "agents/widgets.yaml",
        "name: '{account}/{region}/WidgetCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]",
    ),
    (
        "kinds/widget.yaml",
        "
title: Widget
named_by: widget id
coverage: full
cadence: {floor: 30s, ceiling: 1h}
settle: 10s
agents: [widgets]
calls:
  - {service: test, events: [MakeWidget], name: req.widgetId}
reads:
  - {service: test, operation: DescribeWidgets, age: event, bucket: 'test:read', page: {in: NextToken, out: NextToken, list: Widgets, size: MaxResults}}
  - {service: test, operation: DescribeSlowWidgets, age: event, bucket: 'test:slow', page: {in: NextToken, out: NextToken, list: Widgets, size: MaxResults}}
  - {service: test, operation: DescribeParts, item: {parameter: WidgetId}, age: event, bucket: 'test:read'}
",
    ),
];

/// What the engine was told.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Mutex<Vec<Hint>>);

#[async_trait]
impl HintSink for Told {
    async fn accept(&self, hints: Vec<Hint>) -> Result<(), NotAccepted> {
        self.0.lock().extend(hints);
        Ok(())
    }
}

/// An answer as a client has it.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn cache_status(&self) -> &str {
        self.header("cache-status")
    }

    pub(super) fn is_hit(&self) -> bool {
        self.cache_status().starts_with("event-cache; hit")
    }
}

/// A request that a test makes.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) body: String,
    pub(super) key: &'static str,
    pub(super) token: Option<&'static str>,
    pub(super) signed: Option<Timestamp>,
    pub(super) extra: Vec<(&'static str, String)>,
}

pub(super) fn ask(operation: &str, parameters: &str) -> Ask {
    let body = format!("Action={operation}&Version=2020-01-01{parameters}");
    Ask { body, key: "ASIATESTTESTTESTTEST", token: Some("a-session-token"), signed: None, extra: Vec::new() }
}

/// The exchange, its upstream and a client.
pub(super) struct World {
    pub(super) aws: StandIn,
    pub(super) exchange: Exchange,
    pub(super) answers: Arc<Answers>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) told: Arc<Told>,
    pub(super) clock: Clock,
    front: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    _server: AbortOnDropHandle<()>,
}

impl World {
    /// A world in which time runs as given, serving.
    pub(super) async fn start(factor: u32, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let clock = Clock::starting_at(Timestamp::from_second(1_800_000_000).unwrap(), factor);
        let aws = StandIn::start(script).await;
        let catalog = Arc::new(Catalog::parse(FILES).unwrap_or_else(|errors| panic!("{errors}")));
        let ledger = Arc::new(Ledger::default());
        let account = AccountId::new(ACCOUNT).unwrap();
        let keys = ["ASIATESTTESTTESTTEST", "ASIATESTTESTTESTOTHE", "AKIATESTTESTTESTTEST"];
        let answers = Arc::new(Answers::new(aws_event_cache_answer::Parts {
            settings: aws_event_cache_answer::Settings {
                accounts_of_keys: keys.iter().map(|key| ((*key).into(), account.clone())).collect::<HashMap<_, _>>(),
                ..aws_event_cache_answer::Settings::default()
            },
            catalog: catalog.clone(),
            ledger: ledger.clone(),
            savings: Arc::new(Savings::new(clock.now())),
            secret: [7; 32],
        }));
        answers.set_modes(Modes { default: AnswerMode::Serve, ..Modes::default() });
        let told = Arc::new(Told::default());
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.upstream.endpoint = Some(format!("http://{}", aws.address).parse().unwrap());
        let upstream = Upstream::new(&settings.upstream).unwrap();
        let parts = Parts {
            settings,
            answers: answers.clone(),
            catalog,
            hints: Some(told.clone()),
            evidence: None,
            own: None,
            clock: clock.clone(),
        };
        let exchange = Exchange::new(&parts, upstream);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = listener.local_addr().unwrap();
        let server = AbortOnDropHandle::new(tokio::spawn(serve(listener, exchange.clone())));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { aws, exchange, answers, ledger, told, clock, front, client, _server: server }
    }

    /// A world in which AWS answers every list with one widget.
    pub(super) async fn quiet(factor: u32) -> Self {
        Self::start(factor, |_| Act::Answer(200, widgets("w-1"))).await
    }

    /// Asks, and waits for the whole answer.
    pub(super) async fn get(&self, ask: Ask) -> Got {
        self.try_get(ask).await.unwrap()
    }

    pub(super) async fn try_get(&self, ask: Ask) -> Result<Got, Box<dyn std::error::Error + Send + Sync>> {
        let response = self.client.request(self.request(ask)).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Got { status: head.status, headers: head.headers, body })
    }

    pub(super) fn request(&self, ask: Ask) -> Request<Full<Bytes>> {
        let signed = ask.signed.unwrap_or_else(|| self.clock.now());
        let stamp = signed.strftime("%Y%m%dT%H%M%SZ").to_string();
        let credential = format!("{}/{}/eu-west-1/test/aws4_request", ask.key, &stamp[..8]);
        let mut request = Request::post(format!("http://{}/", self.front))
            .header("host", HOST)
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("x-amz-date", &stamp)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={:064}", 0),
            );
        if let Some(token) = ask.token {
            request = request.header("x-amz-security-token", token);
        }
        for (name, value) in &ask.extra {
            request = request.header(*name, value);
        }
        request.body(Full::new(Bytes::from(ask.body))).unwrap()
    }

    /// Asks until it is answered from memory; the first answers of a place and of a credential never are.
    pub(super) async fn warm(&self, operation: &str, parameters: &str) {
        for _ in 0..5 {
            if self.get(ask(operation, parameters)).await.is_hit() {
                return;
            }
        }
        panic!("{operation} is never answered from memory");
    }

    /// As if an event had said that a widget changed.
    pub(super) fn change(&self) {
        let place = Place::new(AccountId::new(ACCOUNT).unwrap(), Region::new("eu-west-1").unwrap());
        let scope = Scope { place, kind: KindId::new("widget").unwrap() };
        self.ledger.invalidate(&scope, &Names::Any, self.clock.now());
    }

    /// Lets so much of the world's time pass.
    pub(super) async fn wait(&self, length: Duration) {
        self.clock.sleep(length).await;
    }
}

/// Waits until it is so; what is never so is found by the test's own assertion.
pub(super) async fn until(so: impl Fn() -> bool) {
    for _ in 0..4_000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn serve(listener: TcpListener, exchange: Exchange) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else { return };
        let exchange = exchange.clone();
        tokio::spawn(async move {
            let origin = Origin { host: HOST.into(), peer, trusted: false };
            let memory = Arc::new(tokio::sync::Mutex::new(ConnectionMemory::default()));
            let service = service_fn(move |request: Request<Incoming>| {
                let (exchange, origin, memory) = (exchange.clone(), origin.clone(), memory.clone());
                async move {
                    Ok::<_, std::convert::Infallible>(
                        exchange.handle(&origin, &mut *memory.lock().await, request).await,
                    )
                }
            });
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

pub(super) fn widgets(id: &str) -> Bytes {
    Bytes::from(format!(
        "<DescribeWidgetsResponse><DescribeWidgetsResult><Widgets><member><Id>{id}</Id></member></Widgets></DescribeWidgetsResult></DescribeWidgetsResponse>"
    ))
}

pub(super) fn error(code: &str) -> Bytes {
    Bytes::from(format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    ))
}
