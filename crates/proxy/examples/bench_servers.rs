//! The servers that the proxy is measured against, and the proxy itself, each on one thread: `bench_servers MODE PORT [UPSTREAM_PORT]`.
//!
//! | mode | what it does |
//! |---|---|
//! | `upstream` | stands in for AWS: `DescribeParts2k`, `50k` and `1m` give bodies of that size |
//! | `static` | the same as a floor for servers that keep nothing: no look at who asks |
//! | `map` | hyper and a map from request body to answer: what a hit costs without classification, admission and generations |
//! | `forward` | hyper passing every request on: what a miss costs at least |
//! | `proxy` | the proxy, serving |
//!
//! Requests are POSTs of `Action=DescribeParts2k&Version=2020-01-01&PartId=p-1`, signed for the service `test`, in absolute-form for `proxy`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answers, Asked, ConnectionMemory, Modes, Savings};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_engine::Ledger;
use aws_event_cache_model::{AccountId, AnswerMode};
use aws_event_cache_proxy::{Parts, Proxy, Settings};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::RwLock;
use tokio::net::TcpListener;

/// One service, whose items may be answered from memory for a day.
const CATALOG: [(&str, &str); 3] = [
    (
        "services/test.yaml",
        "title: Test\nevent_sources: [test.amazonaws.com]\nerrors: query\nadmit: operation\nbuckets: {read: {capacity: 1000000, refill: 1000000}}\n",
    ),
    (
        "agents/parts.yaml",
        "name: '{account}/{region}/PartCachingAgent'\nprovider: aws\nper: account-region\ncalls: [{bucket: 'test:read', count: 1}]",
    ),
    (
        "kinds/part.yaml",
        "
title: Part
named_by: part id
coverage: full
cadence: {floor: 30s, ceiling: 1h}
settle: 10s
agents: [parts]
calls:
  - {service: test, events: [MakePart], name: req.partId}
reads:
  - {service: test, operation: DescribeParts2k, item: {parameter: PartId}, age: catalogue, bucket: 'test:read'}
  - {service: test, operation: DescribeParts50k, item: {parameter: PartId}, age: catalogue, bucket: 'test:read'}
  - {service: test, operation: DescribeParts1m, item: {parameter: PartId}, age: catalogue, bucket: 'test:read'}
",
    ),
];

/// The key id of the requests, and whose it is.
const KEY: (&str, &str) = ("ASIATESTTESTTESTTEST", "111122223333");

type Answer = Response<Either<Full<Bytes>, Incoming>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Fixed,
    Map,
    Forward,
}

struct Server {
    bodies: [Bytes; 3],
    map: RwLock<HashMap<Bytes, (HeaderValue, Bytes)>>,
    upstream: SocketAddr,
    whole: Client<HttpConnector, Full<Bytes>>,
    passing: Client<HttpConnector, Incoming>,
}

impl Server {
    fn new(upstream: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            bodies: [body(2 << 10), body(50 << 10), body(1 << 20)],
            map: RwLock::default(),
            upstream,
            whole: Client::builder(TokioExecutor::new()).build(connector.clone()),
            passing: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    async fn answer(&self, mode: Mode, request: Request<Incoming>) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        match mode {
            Mode::Fixed => {
                let asked = request.into_body().collect().await?.to_bytes();
                let size = if asked.starts_with(b"Action=DescribeParts1m") {
                    2
                } else {
                    usize::from(asked.starts_with(b"Action=DescribeParts50k"))
                };
                Ok(text(HeaderValue::from_static("text/xml;charset=UTF-8"), self.bodies[size].clone()))
            }
            Mode::Map => {
                let (head, body) = request.into_parts();
                let key = body.collect().await?.to_bytes();
                let found = self.map.read().get(&key).cloned();
                if let Some((content_type, body)) = found {
                    return Ok(text(content_type, body));
                }
                let answer =
                    self.whole.request(self.to_upstream(Request::from_parts(head, Full::new(key.clone())))).await?;
                let (head, body) = answer.into_parts();
                let content_type =
                    head.headers.get(CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static("text/xml"));
                let body = body.collect().await?.to_bytes();
                self.map.write().insert(Bytes::copy_from_slice(&key), (content_type.clone(), body.clone()));
                Ok(text(content_type, body))
            }
            Mode::Forward => Ok(self.passing.request(self.to_upstream(request)).await?.map(Either::Right)),
        }
    }

    fn to_upstream<B>(&self, mut request: Request<B>) -> Request<B> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = format!("http://{}{target}", self.upstream).parse().unwrap_or(Uri::from_static("/"));
        request
    }
}

/// An answer in XML of about this size, as AWS's are.
fn body(bytes: usize) -> Bytes {
    let mut text = String::from("<DescribePartsResponse><parts>");
    while text.len() < bytes - 60 {
        text.push_str("<member><partId>p-0123456789abcdef0</partId></member>\n");
    }
    text.push_str("</parts></DescribePartsResponse>");
    Bytes::from(text)
}

fn text(content_type: HeaderValue, body: Bytes) -> Answer {
    let mut response = Response::new(Either::Left(Full::new(body)));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert("x-amzn-requestid", HeaderValue::from_static("1b2c3d4e-0000-1111-2222-333344445555"));
    response
}

#[allow(clippy::disallowed_methods, reason = "a server of the benchmark: its connections end with it")]
async fn serve(mode: Mode, port: u16, upstream: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let server = Arc::new(Server::new(upstream));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let server = server.clone();
                async move {
                    Ok::<_, Infallible>(server.answer(mode, request).await.unwrap_or_else(|error| {
                        tracing::error!(error, "the benchmark's server failed");
                        let mut response = text(HeaderValue::from_static("text/plain"), Bytes::new());
                        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
                        response
                    }))
                }
            });
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        });
    }
}

async fn proxy(port: u16, upstream: SocketAddr) -> Result<(), Box<dyn Error>> {
    let clock = Clock::wall();
    let catalog = Arc::new(Catalog::parse(CATALOG)?);
    let answers = Arc::new(Answers::new(aws_event_cache_answer::Parts {
        settings: aws_event_cache_answer::Settings {
            // Room for the largest cell, as its peers have.
            capacity: 2 << 30,
            accounts_of_keys: HashMap::from([(KEY.0.into(), AccountId::new(KEY.1)?)]),
            ..aws_event_cache_answer::Settings::default()
        },
        catalog: catalog.clone(),
        ledger: Arc::new(Ledger::default()),
        savings: Arc::new(Savings::new(clock.now())),
        secret: rand::random(),
    }));
    answers.set_modes(Modes { default: AnswerMode::Serve, ..Modes::default() });
    // As if it had been running for a minute: what is read in the first seconds is given for a moment only, since a write may have been under way unseen.
    let head = Request::new(()).into_parts().0;
    let asked =
        Asked { head: &head, body: &Bytes::new(), host: "", trusted: false, memory: &mut ConnectionMemory::default() };
    drop(answers.ask(asked, clock.now().saturating_sub(Duration::from_secs(60))?));
    let mut settings = Settings::new(SocketAddr::from(([127, 0, 0, 1], port)));
    settings.upstream.endpoint = Some(format!("http://{upstream}").parse()?);
    let parts = Parts { settings, answers, catalog, hints: None, evidence: None, own: None, clock };
    let _proxy = Proxy::open(parts).await?;
    std::future::pending().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "bench_servers upstream|static|map|forward|proxy PORT [UPSTREAM_PORT]";
    let port: u16 = arguments.get(1).ok_or(usage)?.parse()?;
    let upstream = SocketAddr::from(([127, 0, 0, 1], arguments.get(2).map_or(Ok(9000), |port| port.parse())?));
    match arguments[0].as_str() {
        "upstream" | "static" => serve(Mode::Fixed, port, upstream).await,
        "map" => serve(Mode::Map, port, upstream).await,
        "forward" => serve(Mode::Forward, port, upstream).await,
        "proxy" => proxy(port, upstream).await,
        _ => Err(usage.into()),
    }
}
