//! Fetching and judging signing certificates, against a server on loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_event_cache_intake::{
    BadCertificate, CertificateAddress, CertificateError, CertsError, CertsSettings, ChainCheck, FetchedCerts, Roots,
    SigningCerts, Topic,
};
use aws_event_cache_model::Timestamp;
use aws_event_cache_signer::{LeafOptions, Signer, TestRoot};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use common::{FILE, TOPIC, now};
use parking_lot::Mutex;

/// What the server answers for a path.
#[derive(Clone)]
enum Answer {
    File(Vec<u8>),
    Status(u16),
    Redirect,
    Slow(Vec<u8>),
}

#[derive(Default)]
struct Files {
    answers: Mutex<HashMap<String, Answer>>,
    requests: AtomicUsize,
}

/// A web server: SNS and the issuer's store in one.
struct Server {
    base: String,
    files: Arc<Files>,
}

async fn serve(State(files): State<Arc<Files>>, request: Request<Body>) -> Response {
    files.requests.fetch_add(1, Ordering::Relaxed);
    let answer = files.answers.lock().get(request.uri().path()).cloned();
    match answer {
        Some(Answer::File(body)) => body.into_response(),
        Some(Answer::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Answer::Redirect) => (StatusCode::FOUND, [("location", "/elsewhere.pem")]).into_response(),
        Some(Answer::Slow(body)) => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            body.into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Server {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let files = Arc::new(Files::default());
        let app = Router::new().fallback(serve).with_state(Arc::clone(&files));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base, files }
    }

    fn put(&self, path: &str, answer: Answer) {
        self.files.answers.lock().insert(path.into(), answer);
    }

    fn requests(&self) -> usize {
        self.files.requests.load(Ordering::Relaxed)
    }

    fn settings(&self, root: &TestRoot) -> CertsSettings {
        CertsSettings {
            roots: Roots::Given(vec![root.root_pem()]),
            endpoint_base: Some(self.base.clone()),
            total: Duration::from_secs(2),
            ..CertsSettings::default()
        }
    }

    fn address(&self, file: &str) -> CertificateAddress {
        let topic: Topic = TOPIC.parse().unwrap();
        let url = format!("{}/SimpleNotificationService-{file}.pem", self.base);
        CertificateAddress::of(&topic, &url, Some(&self.base)).unwrap()
    }

    async fn ask(&self, settings: CertsSettings) -> Result<(), CertificateError> {
        let certs = FetchedCerts::new(settings).unwrap();
        certs.certificate(&self.address(FILE), now()).await.map(|_| ())
    }
}

fn path() -> String {
    format!("/SimpleNotificationService-{FILE}.pem")
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn rejected(answer: Result<(), CertificateError>) -> BadCertificate {
    match answer {
        Err(CertificateError::Rejected(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_leaf_below_a_known_root_is_taken() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let signer = Signer::new(&root).unwrap();
    server.put(&path(), Answer::File(signer.certificate_pem().into()));
    server.ask(server.settings(&root)).await.unwrap();
}

#[tokio::test]
async fn a_leaf_below_an_unknown_root_is_refused_unless_the_chain_is_not_asked_for() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let signer = Signer::new(&TestRoot::new(now()).unwrap()).unwrap();
    server.put(&path(), Answer::File(signer.certificate_pem().into()));
    assert!(matches!(rejected(server.ask(server.settings(&root)).await), BadCertificate::Chain { .. }));
    server.ask(CertsSettings { chain: ChainCheck::NameOnly, ..server.settings(&root) }).await.unwrap();
}

#[tokio::test]
async fn the_intermediate_comes_with_the_file_or_from_the_settings() {
    let (server, root) = (Server::start().await, TestRoot::with_intermediate(now()).unwrap());
    let signer = Signer::new(&root).unwrap();
    let intermediate = root.intermediate_pem().unwrap();
    server.put(&path(), Answer::File(signer.certificate_pem().into()));
    assert!(matches!(rejected(server.ask(server.settings(&root)).await), BadCertificate::Chain { .. }));
    server.ask(CertsSettings { intermediates: vec![intermediate.clone()], ..server.settings(&root) }).await.unwrap();
    server.put(&path(), Answer::File(format!("{}{intermediate}", signer.certificate_pem()).into()));
    server.ask(server.settings(&root)).await.unwrap();
}

#[tokio::test]
async fn the_intermediate_is_fetched_from_amazons_store_of_them() {
    let (server, root) = (Server::start().await, TestRoot::with_intermediate(now()).unwrap());
    let options =
        LeafOptions { issuer_url: Some("http://crt.test.amazontrust.com/test.cer".into()), ..LeafOptions::default() };
    let signer = Signer::with_leaf(&root, &options).unwrap();
    server.put(&path(), Answer::File(signer.certificate_pem().into()));
    // The proxy stands in for Amazon's host: it gets the whole address.
    let settings = CertsSettings { proxy: Some(server.base.clone()), ..server.settings(&root) };
    assert!(
        matches!(server.ask(settings.clone()).await, Err(CertificateError::Unavailable(_))),
        "the issuer is not there yet"
    );
    server.put("/test.cer", Answer::File(root.intermediate_der().unwrap()));
    server.ask(settings.clone()).await.unwrap();
    server.put("/test.cer", Answer::File(b"not a certificate".to_vec()));
    assert_eq!(rejected(server.ask(settings).await), BadCertificate::NotX509);
}

#[tokio::test]
async fn an_issuer_anywhere_else_is_not_fetched() {
    let (server, root) = (Server::start().await, TestRoot::with_intermediate(now()).unwrap());
    let options = LeafOptions { issuer_url: Some(format!("{}/test.cer", server.base)), ..LeafOptions::default() };
    let signer = Signer::with_leaf(&root, &options).unwrap();
    server.put(&path(), Answer::File(signer.certificate_pem().into()));
    server.put("/test.cer", Answer::File(root.intermediate_der().unwrap()));
    assert!(matches!(rejected(server.ask(server.settings(&root)).await), BadCertificate::Chain { .. }));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn the_name_must_be_that_of_the_region() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    for name in ["sns.eu-west-1.amazonaws.com", "amazonaws.com", "sns.amazonaws.com.evil.example", "evil.example"] {
        let options = LeafOptions { names: vec![name.into()], ..LeafOptions::default() };
        let signer = Signer::with_leaf(&root, &options).unwrap();
        server.put(&path(), Answer::File(signer.certificate_pem().into()));
        let expected = BadCertificate::Name { expected: "sns.amazonaws.com".into() };
        assert_eq!(rejected(server.ask(server.settings(&root)).await), expected, "{name}");
        server.ask(CertsSettings { extra_names: vec![name.into()], ..server.settings(&root) }).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_is_valid_only_within_its_dates_give_or_take_five_minutes() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let day = Duration::from_secs(86_400);
    let options = LeafOptions { valid_since: day, valid_for: day, ..LeafOptions::default() };
    let signer = Signer::with_leaf(&root, &options).unwrap();
    server.put(&path(), Answer::File(signer.certificate_pem().into()));
    let rows = [(-86_400 - 301, false), (-86_400 - 299, true), (0, true), (86_400 + 299, true), (86_400 + 301, false)];
    for (seconds, is_valid) in rows {
        let certs = FetchedCerts::new(server.settings(&root)).unwrap();
        let answer = certs.certificate(&server.address(FILE), later(seconds)).await;
        assert_eq!(answer.is_ok(), is_valid, "{seconds} {answer:?}");
    }
}

#[tokio::test]
async fn validity_is_looked_at_again_when_a_cached_certificate_is_used() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let options = LeafOptions { valid_for: Duration::from_secs(3600), ..LeafOptions::default() };
    let signer = Signer::with_leaf(&root, &options).unwrap();
    server.put(&path(), Answer::File(signer.certificate_pem().into()));
    let certs = FetchedCerts::new(server.settings(&root)).unwrap();
    certs.certificate(&server.address(FILE), now()).await.unwrap();
    certs.certificate(&server.address(FILE), later(3000)).await.unwrap();
    assert_eq!(server.requests(), 1, "kept");
    let expired = certs.certificate(&server.address(FILE), later(4000)).await;
    assert_eq!(rejected(expired.map(|_| ())), BadCertificate::Validity);
}

#[tokio::test]
async fn only_pem_certificates_with_an_rsa_key_are_taken() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let good = Signer::new(&root).unwrap().certificate_pem().to_owned();
    let key = rcgen::KeyPair::generate().unwrap();
    let elliptic =
        rcgen::CertificateParams::new(vec!["sns.amazonaws.com".into()]).unwrap().self_signed(&key).unwrap().pem();
    let truncated = good[..good.len() / 2].to_owned();
    let bent = good.replacen("MII", "AAA", 1);
    let rows = [
        (String::new(), BadCertificate::NotPem),
        ("<html>".into(), BadCertificate::NotPem),
        (truncated, BadCertificate::NotPem),
        (format!("{good}{}", key.serialize_pem()), BadCertificate::NotPem),
        (good.repeat(5), BadCertificate::NotPem),
        (bent, BadCertificate::NotX509),
        (elliptic, BadCertificate::Key),
    ];
    for (file, reason) in rows {
        server.put(&path(), Answer::File(file.clone().into()));
        assert_eq!(rejected(server.ask(server.settings(&root)).await), reason, "{file}");
    }
}

#[tokio::test]
async fn whatever_is_not_a_short_answer_with_status_200_is_our_failure() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let good = Signer::new(&root).unwrap().certificate_pem().to_owned();
    server.put("/elsewhere.pem", Answer::File(good.clone().into()));
    let long = [good.as_bytes(), &vec![b'\n'; 16 * 1024]].concat();
    for answer in [Answer::Status(404), Answer::Status(500), Answer::Status(204), Answer::Redirect, Answer::File(long)]
    {
        server.put(&path(), answer);
        let failed = server.ask(server.settings(&root)).await;
        assert!(matches!(failed, Err(CertificateError::Unavailable(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_a_bounded_time() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let good = Signer::new(&root).unwrap().certificate_pem().to_owned();
    server.put(&path(), Answer::Slow(good.into()));
    let settings = CertsSettings { total: Duration::from_millis(50), ..server.settings(&root) };
    assert!(matches!(server.ask(settings).await, Err(CertificateError::Unavailable(_))));
}

#[tokio::test]
async fn many_that_wait_for_one_certificate_cost_one_fetch() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let good = Signer::new(&root).unwrap().certificate_pem().to_owned();
    server.put(&path(), Answer::Slow(good.into()));
    let certs = FetchedCerts::new(server.settings(&root)).unwrap();
    let address = server.address(FILE);
    let answers = futures::future::join_all((0..50).map(|_| certs.certificate(&address, now()))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_flood_for_one_missing_certificate_costs_one_fetch_in_a_few_seconds() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    let certs = FetchedCerts::new(server.settings(&root)).unwrap();
    for _ in 0..100 {
        certs.certificate(&server.address(FILE), now()).await.unwrap_err();
    }
    assert_eq!(server.requests(), 1);
    certs.certificate(&server.address(FILE), later(6)).await.unwrap_err();
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_flood_of_missing_certificates_does_not_displace_the_good_one() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    server.put(&path(), Answer::File(Signer::new(&root).unwrap().certificate_pem().into()));
    let certs = FetchedCerts::new(server.settings(&root)).unwrap();
    certs.certificate(&server.address(FILE), now()).await.unwrap();
    for n in 0..300 {
        certs.certificate(&server.address(&format!("{n:032x}")), now()).await.unwrap_err();
    }
    let before = server.requests();
    certs.certificate(&server.address(FILE), now()).await.unwrap();
    assert_eq!(server.requests(), before);
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_the_fetch_to_the_next() {
    let (server, root) = (Server::start().await, TestRoot::new(now()).unwrap());
    server.put(&path(), Answer::Slow(Signer::new(&root).unwrap().certificate_pem().into()));
    let certs = FetchedCerts::new(server.settings(&root)).unwrap();
    let address = server.address(FILE);
    let hasty = tokio::time::timeout(Duration::from_millis(50), certs.certificate(&address, now()));
    let (hasty, patient) = futures::join!(hasty, certs.certificate(&address, now()));
    assert!(hasty.is_err());
    patient.unwrap();
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let pem = |text: &str| CertsSettings { roots: Roots::Given(vec![text.into()]), ..CertsSettings::default() };
    assert!(matches!(FetchedCerts::new(pem("nonsense")), Err(CertsError::Pem { .. })));
    let none = CertsSettings { roots: Roots::Given(Vec::new()), ..CertsSettings::default() };
    assert!(matches!(FetchedCerts::new(none.clone()), Err(CertsError::NoRoots)));
    FetchedCerts::new(CertsSettings { chain: ChainCheck::NameOnly, ..none }).unwrap();
}

#[tokio::test]
async fn without_a_base_nothing_but_https_is_fetched() {
    let root = TestRoot::new(now()).unwrap();
    let topic: Topic = TOPIC.parse().unwrap();
    let server = Server::start().await;
    let url = format!("{}/SimpleNotificationService-{FILE}.pem", server.base);
    let address = CertificateAddress::of(&topic, &url, Some(&server.base)).unwrap();
    let certs = FetchedCerts::new(CertsSettings { endpoint_base: None, ..server.settings(&root) }).unwrap();
    certs.certificate(&address, now()).await.unwrap_err();
    assert_eq!(server.requests(), 0);
}
