//! The router behind a real socket: the peer's address and the caller's own `Host` reach it.

use std::net::SocketAddr;

use aws_event_cache_api::Tokens;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Api, Setup};

async fn exchange(address: SocketAddr, request: String) -> (String, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_stage_on_this_machine_refreshes_and_follows_the_status_url_without_a_token() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = Api::with(Setup { tokens: Tokens::default(), ..Setup::default() });
    let service = api.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });

    let host = format!("localhost:{}", address.port());
    let head = format!("Host: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n");
    let post = format!("POST /v1/refresh HTTP/1.1\r\n{head}Content-Length: 20\r\n\r\n{{\"account\": \"prod\" }}");
    let (status, taken) = exchange(address, post).await;
    assert!(status.starts_with("HTTP/1.1 202"), "{status}");
    let url = taken["statusUrl"].as_str().unwrap();
    let path = url.strip_prefix(&format!("http://{host}")).unwrap();
    let (status, view) = exchange(address, format!("GET {path} HTTP/1.1\r\n{head}\r\n")).await;
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    assert_eq!(view["id"], taken["id"]);
    assert_eq!(api.told(|told| told.audit[0].from.clone()), "127.0.0.1");
    server.abort();
}
