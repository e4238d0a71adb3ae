//! Listeners: one or two, with TLS or without.

use std::fs;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use reqwest::{Certificate, StatusCode};

use crate::support::service::Service;
use crate::support::sns::made;
use crate::support::world::{REGION, Setup, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intake_with_a_listener_of_its_own_shows_nothing_of_the_api_there() {
    let world = World::new(Setup { server: "  intakeListen: 127.0.0.2:0\n".to_owned(), ..Setup::default() }).await;
    let service = Service::start_listening(&world.config(), &[], 2).await;
    let intake = format!("http://{}", service.listeners[1]);
    let text = made("widget", "w-1", &world.accounts()[0].1, REGION);
    assert_eq!(world.sns.deliver(&service.base, &world.sns.signed(&text)).await, Some(StatusCode::NOT_FOUND));
    world.sns.publish(&intake, &text).await;
    for path in ["/v1/status", "/v1/refresh", "/metrics", "/v1/openapi.json"] {
        let answer = reqwest::get(format!("{intake}{path}")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(service.get("/v1/status").await["counters"]["hints"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_certificate_only_tls_is_spoken_and_shutdown_is_as_orderly() {
    let mut world = World::new(Setup::default()).await;
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (pem, key_file) = (world.folder.path().join("tls.crt"), world.folder.path().join("tls.key"));
    fs::write(&pem, certificate.pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    world.setup.server = format!("  tls: {{certificate: {}, key: {}}}\n", pem.display(), key_file.display());
    let mut service = Service::start(&world.config()).await;
    let port = service.listeners[0].rsplit(':').next().unwrap().to_owned();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(certificate.pem().as_bytes()).unwrap()])
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let live = http.get(format!("https://localhost:{port}/health/live")).send().await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
    assert!(
        http.get(format!("http://localhost:{port}/health/live")).send().await.is_err(),
        "it speaks without TLS too"
    );
    service.signal("INT");
    let status = service.ended(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", service.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_says_nothing_does_not_keep_the_service_from_ending() {
    let world = World::new(Setup::default()).await;
    let mut service = world.serve().await;
    let _silent = tokio::net::TcpStream::connect(&service.listeners[0]).await.unwrap();
    service.signal("TERM");
    let status = service.ended(Duration::from_secs(18)).await;
    assert_eq!(status.code(), Some(0), "{}", service.log());
}
