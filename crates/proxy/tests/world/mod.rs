//! A proxy on loopback, a stand-in for AWS behind it that keeps every byte it gets, and clients that speak in raw bytes.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it; here a failure is a failed test")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answers, Savings};
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_engine::Ledger;
use aws_event_cache_proxy::ca::{self, Names};
use aws_event_cache_proxy::{Parts, Proxy, Settings};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const EC2: &str = "ec2.eu-west-1.amazonaws.com";

/// What the stand-in does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Answers 200 with `ok`.
    Answer,
    /// Answers with this status and `no`.
    Status(u16),
    /// Never answers.
    Hang,
    /// Closes without an answer.
    Close,
    /// Answers with a length that its body does not reach, and closes.
    Truncate,
    /// Answers, after the client was shown to be waiting.
    AnswerAfter(Duration),
}

/// The stand-in: what it got, byte by byte.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    got: mpsc::UnboundedReceiver<Vec<u8>>,
    pub(crate) connections: Arc<std::sync::atomic::AtomicUsize>,
}

impl StandIn {
    pub(crate) async fn start(act: Act) -> Self {
        Self::scripted(move |_| act).await
    }

    /// `script` is asked with the number of the request, from 0.
    pub(crate) async fn scripted(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, got) = mpsc::unbounded_channel();
        let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = connections.clone();
        let script = Arc::new((script, std::sync::atomic::AtomicUsize::new(0)));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let (tell, script) = (tell.clone(), script.clone());
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut stream).await {
                        let number = script.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        tell.send(request).ok();
                        let act = (script.0)(number);
                        if !perform(&mut stream, act).await {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, got, connections }
    }

    /// The next request that it got.
    pub(crate) async fn next(&mut self) -> Vec<u8> {
        tokio::time::timeout(PATIENCE, self.got.recv()).await.expect("a request in time").unwrap()
    }

    /// Has it got nothing (more)?
    pub(crate) fn got_nothing(&mut self) -> bool {
        self.got.try_recv().is_err()
    }
}

async fn perform(stream: &mut TcpStream, act: Act) -> bool {
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amzn-RequestId: r-1\r\n\r\nok".as_slice();
    match act {
        Act::Answer => stream.write_all(ok).await.is_ok(),
        Act::AnswerAfter(wait) => {
            tokio::time::sleep(wait).await;
            stream.write_all(ok).await.is_ok()
        }
        Act::Status(status) => {
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nno");
            stream.write_all(text.as_bytes()).await.is_ok()
        }
        Act::Hang => std::future::pending().await,
        Act::Close => false,
        Act::Truncate => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await.ok();
            false
        }
    }
}

/// One request, head and body, exactly as it came.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    if text.contains("transfer-encoding: chunked") {
        while !bytes.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        return Some(bytes);
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |value| value.trim().parse().unwrap());
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(bytes)
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (line_name, value) = line.split_once(':')?;
            line_name.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// Reads one answer; `None` when the connection ends before one.
pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> Option<Answer> {
    tokio::time::timeout(PATIENCE, async {
        let mut bytes = Vec::new();
        while find(&bytes, b"\r\n\r\n").is_none() {
            // A byte at a time: what follows belongs to somebody else.
            let mut byte = [0];
            if stream.read(&mut byte).await.ok()? == 0 {
                return None;
            }
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |value| value.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        answer.body = body;
        Some(answer)
    })
    .await
    .expect("an answer, or the end, in time")
}

/// Is the connection closed by the other side, without another byte?
pub(crate) async fn is_closed(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0];
    match tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await.expect("the end in time") {
        Ok(count) => count == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset || error.kind() == io::ErrorKind::UnexpectedEof,
    }
}

/// The proxy and what surrounds it.
pub(crate) struct World {
    pub(crate) aws: StandIn,
    pub(crate) proxy: Proxy,
    ca: Option<(tempfile::TempDir, ca::Shown)>,
}

impl World {
    /// A proxy before a stand-in that answers everything.
    pub(crate) async fn plain() -> Self {
        Self::with(Act::Answer, |_| {}).await
    }

    /// With other settings.
    pub(crate) async fn with(act: Act, change: impl FnOnce(&mut Settings)) -> Self {
        Self::before(StandIn::start(act).await, false, change).await
    }

    /// With a certificate authority.
    pub(crate) async fn with_tls(change: impl FnOnce(&mut Settings)) -> Self {
        Self::before(StandIn::start(Act::Answer).await, true, change).await
    }

    pub(crate) async fn before(aws: StandIn, with_ca: bool, change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Clock::wall();
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.upstream.endpoint = Some(format!("http://{}", aws.address).parse().unwrap());
        change(&mut settings);
        let ca = with_ca.then(|| {
            let folder = tempfile::tempdir().unwrap();
            let names = Names { suffixes: settings.hosts.extra_suffixes.clone(), own: settings.tls_names.clone() };
            let shown = ca::init(folder.path(), &names, clock.now()).unwrap();
            settings.authority = Some(folder.path().to_owned());
            (folder, shown)
        });
        let proxy = Proxy::open(parts(settings, clock)).await.unwrap();
        Self { aws, proxy, ca }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address()).await.unwrap()
    }

    /// Sends these bytes on a connection of their own and reads the first answer.
    pub(crate) async fn say(&self, bytes: impl AsRef<[u8]>) -> (Option<Answer>, TcpStream) {
        let mut stream = self.connect().await;
        // The proxy may close before it has read everything.
        stream.write_all(bytes.as_ref()).await.ok();
        (read_answer(&mut stream).await, stream)
    }

    /// TLS over a stream, asking for this name, offering this by ALPN.
    pub(crate) async fn tls<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        name: &str,
        alpn: &[&str],
    ) -> io::Result<TlsStream<S>> {
        let (_, shown) = self.ca.as_ref().unwrap();
        let mut roots = rustls::RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(&shown.bundle).unwrap() {
            roots.add(root.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        tokio::time::timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream))
            .await
            .expect("a handshake in time")
    }

    /// CONNECT in these words, and TLS inside it.
    pub(crate) async fn inside(&self, connect: &str, name: &str, alpn: &[&str]) -> TlsStream<TcpStream> {
        let mut stream = self.connect().await;
        stream.write_all(connect.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap();
        assert_eq!(answer.status, 200, "{connect:?}: {}", answer.head);
        assert_eq!(answer.header("content-length"), None);
        self.tls(stream, name, alpn).await.unwrap()
    }
}

/// The parts of a proxy that passes everything.
pub(crate) fn parts(settings: Settings, clock: Clock) -> Parts {
    let catalog = Arc::new(Catalog::shipped());
    let answers = Arc::new(Answers::new(aws_event_cache_answer::Parts {
        settings: aws_event_cache_answer::Settings::default(),
        catalog: catalog.clone(),
        ledger: Arc::new(Ledger::default()),
        savings: Arc::new(Savings::new(clock.now())),
        secret: [7; 32],
    }));
    Parts { settings, answers, catalog, hints: None, evidence: None, own: None, clock }
}

/// A request in absolute-form, as Java's SDK v1 sends it.
pub(crate) fn absolute(host: &str) -> String {
    format!(
        "POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\nX-Amz-Date: 20260504T092000Z\r\nUser-Agent: aws-sdk-java/1.12.261 spinnaker\r\n\
         Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: 9\r\nConnection: Keep-Alive\r\nProxy-Connection: Keep-Alive\r\n\
         Accept-Encoding: gzip,deflate\r\n\r\nAction=Xx"
    )
}
