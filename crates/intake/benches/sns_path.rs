//! The whole way of a message over loopback HTTP with kept-alive connections: request, envelope, certificate cache, signature, replay store, decoding,
//! sink, answer. The baseline is a bare axum handler that reads the body, in the same run.
//!
//! The server runs on one thread, and what is measured is that thread's own time on the processor (`/proc/.../schedstat`), so that the client beside it
//! and other programs on the machine do not count: the rate is messages per second and core. Goal: more than 10,000. Every message is signed and has an
//! id that the replay store has forgotten by the time it comes again.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on must fail")]
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_intake::{
    AllowedTopic, CertsSettings, ChainCheck, FetchedCerts, HttpConfirmer, Intake, Settings, router,
};
use aws_event_cache_model::seam::{HintSink, NotAccepted};
use aws_event_cache_model::{Hint, Timestamp};
use aws_event_cache_signer::{Message, Signer, TestRoot, Version};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:cache-events";
const FILE: &str = "0123456789abcdef0123456789abcdef";

/// Messages that go round; more than the replay store holds, so that none counts as a duplicate.
const MESSAGES: usize = 4000;

/// Connections, each with one request under way, as SNS has.
const CONNECTIONS: usize = 8;

#[derive(Default)]
struct Counting {
    hints: AtomicU64,
}

#[async_trait]
impl HintSink for Counting {
    async fn accept(&self, hints: Vec<Hint>) -> Result<(), NotAccepted> {
        self.hints.fetch_add(hints.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

fn intake(signer: &Signer, sink: Arc<Counting>, now: Timestamp) -> Arc<Intake> {
    let certs = CertsSettings {
        chain: ChainCheck::NameOnly,
        pinned: BTreeMap::from([(FILE.to_owned(), signer.certificate_pem().to_owned())]),
        ..CertsSettings::default()
    };
    let settings = Settings {
        topics: vec![AllowedTopic { topic: TOPIC.parse().unwrap(), require_v2: false }],
        replay_capacity: MESSAGES / 2,
        ..Settings::default()
    };
    Intake::new(
        settings,
        Arc::new(Catalog::shipped()),
        sink,
        Arc::new(FetchedCerts::new(certs.clone()).unwrap()),
        Arc::new(HttpConfirmer::new(&certs).unwrap()),
        Clock::starting_at(now, 1),
    )
}

fn bodies(signer: &Signer, now: Timestamp) -> Vec<Bytes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config-item.json");
    let fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = fixture["message"].to_string();
    let body = |n: usize| {
        let id = format!("11111111-2222-4333-8444-{n:012}");
        let message = Message::notification(TOPIC, &text, now).with_id(&id);
        signer.sign(&message, Version::V2).unwrap().to_json().into()
    };
    (0..MESSAGES).map(body).collect()
}

/// Where the kernel keeps a thread's time on the processor.
struct ServerThread {
    address: SocketAddr,
    schedstat: PathBuf,
}

impl ServerThread {
    /// Serves on a thread of its own, with a runtime of one thread.
    fn start(app: Router) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
                let thread = std::fs::read_link("/proc/thread-self").unwrap();
                sender.send((listener.local_addr().unwrap(), thread)).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        let (address, thread) = receiver.recv().unwrap();
        Self { address, schedstat: Path::new("/proc").join(thread).join("schedstat") }
    }

    fn busy(&self) -> Duration {
        let text = std::fs::read_to_string(&self.schedstat).unwrap();
        Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
    }
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Sends its share of the messages, one after the other.
async fn send(mut connection: SendRequest<Full<Bytes>>, messages: Vec<Bytes>) -> SendRequest<Full<Bytes>> {
    for body in messages {
        let request = Request::post("/v1/sns")
            .header("host", "127.0.0.1")
            .header("x-amz-sns-message-type", "Notification")
            .header("content-type", "text/plain; charset=UTF-8")
            .body(Full::new(body))
            .unwrap();
        let response = connection.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body().collect().await.unwrap();
    }
    connection
}

fn measure(criterion: &mut Criterion, name: &str, server: &ServerThread, bodies: &[Bytes]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut connections: Vec<_> =
        runtime.block_on(futures::future::join_all((0..CONNECTIONS).map(|_| connect(server.address))));
    let mut next = 0;
    let mut group = criterion.benchmark_group("sns-path");
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let mut shares = vec![Vec::new(); CONNECTIONS];
            for n in 0..usize::try_from(count).unwrap() {
                shares[n % CONNECTIONS].push(bodies[next % bodies.len()].clone());
                next += 1;
            }
            let before = server.busy();
            let taken = std::mem::take(&mut connections);
            let work = taken.into_iter().zip(shares).map(|(connection, share)| send(connection, share));
            connections = runtime.block_on(futures::future::join_all(work));
            server.busy() - before
        });
    });
    group.finish();
}

fn path(criterion: &mut Criterion) {
    let now: Timestamp = "2026-05-04T09:20:00Z".parse().unwrap();
    let signer = Signer::new(&TestRoot::new(now).unwrap()).unwrap();
    let bodies = bodies(&signer, now);
    let bare = Router::new().route("/v1/sns", post(|body: Bytes| async move { assert!(!body.is_empty()) }));
    measure(criterion, "bare-axum-handler", &ServerThread::start(bare), &bodies);
    let sink = Arc::new(Counting::default());
    let server = ServerThread::start(router(intake(&signer, Arc::clone(&sink), now)));
    measure(criterion, "verified-message", &server, &bodies);
    assert!(sink.hints.load(Ordering::Relaxed) > 0);
}

criterion_group!(benches, path);
criterion_main!(benches);
