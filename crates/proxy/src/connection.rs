//! One connection's life, from its first byte.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use aws_event_cache_model::telemetry::{self, Metric};
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connect::{self, Lead};
use crate::exchange::Exchange;
use crate::first_bytes::{FirstBytes, tell};
use crate::gate::{Gate, Watch};
use crate::head::{self, HeadLimits, Malformed};
use crate::hosts::Hosts;
use crate::proxy_auth::{Proof, ProxyAuth};
use crate::refusal::Refusal;
use crate::requests::{Requests, Side, note};
use crate::settings::Limits;
use crate::stream::{AnyStream, Prefixed, Stream};
use crate::tls::{Taken, Tls, TlsError};
use crate::tunnel::{Reach, Tunnels, carry};

/// What a connection begins to be read with. A CONNECT or a small request fits.
const FIRST_READ: usize = 2 * 1024;

/// The HTTP library's own number of header lines, up to which it keeps them on the stack.
const USUAL_LINES: usize = 100;

/// The answer to a CONNECT that leads somewhere. No length: what follows is the tunnel.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// What every connection needs.
pub(crate) struct Shared {
    pub(crate) exchange: Exchange,
    pub(crate) hosts: Hosts,
    pub(crate) auth: ProxyAuth,
    pub(crate) tls: Option<Tls>,
    pub(crate) tunnels: Tunnels,
    /// Requests go to a stand-in for AWS, so that nothing may be tunnelled to AWS itself.
    pub(crate) stand_in: bool,
    pub(crate) own: Option<axum::Router>,
    /// The port is on loopback, so that a peer there is on this machine. At any other port it may be a mesh's sidecar that carries somebody else's bytes.
    pub(crate) local: bool,
    pub(crate) limits: Limits,
    /// Cancelled when the proxy closes: idle connections end, busy ones after their answer.
    pub(crate) closing: CancellationToken,
}

/// Serves a connection to its end.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    // Without it small answers wait for the client's acknowledgements; that it cannot be set harms nobody.
    stream.set_nodelay(true).ok();
    let visit = Visit { peer, shared };
    if let Err(error) = visit.begin(stream).await {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}

struct Visit {
    peer: SocketAddr,
    shared: Arc<Shared>,
}

impl Visit {
    async fn begin(self, mut stream: TcpStream) -> io::Result<()> {
        let mut read = Vec::with_capacity(FIRST_READ);
        if !self.read_first(&mut stream, &mut read).await? {
            return Ok(());
        }
        if tell(&read) == FirstBytes::Tls {
            let stream = Prefixed::new(read.into(), stream);
            return Box::pin(self.tls_first(stream)).await;
        }
        form("http");
        Box::pin(self.proxied(stream, read)).await
    }

    /// Waits for the first bytes of a connection. `false`: there will be none.
    async fn read_first<S: Stream>(&self, stream: &mut S, read: &mut Vec<u8>) -> io::Result<bool> {
        tokio::select! {
            () = self.shared.closing.cancelled() => Ok(false),
            () = tokio::time::sleep(self.shared.limits.idle) => Ok(false),
            count = stream.read_buf(read) => Ok(count? > 0),
        }
    }

    /// TLS to the proxy itself, or to an AWS host whose name leads here.
    async fn tls_first<S: Stream>(self, stream: S) -> io::Result<()> {
        let Some(tls) = &self.shared.tls else {
            handshake("no-authority");
            return Ok(());
        };
        let Some((stream, taken)) = self.shaken(tls.first(stream, &self.shared.hosts)).await else { return Ok(()) };
        match taken {
            Taken::Proxy => {
                form("tls");
                let mut stream: AnyStream = Box::new(stream);
                let mut read = Vec::with_capacity(FIRST_READ);
                if self.read_first(&mut stream, &mut read).await? { self.proxied(stream, read).await } else { Ok(()) }
            }
            Taken::Aws(host) => {
                form("sni");
                let side = Side::Host { host: host.into(), proof: None };
                self.http(stream, Vec::new(), side).await
            }
        }
    }

    /// A handshake, in time. What went wrong is the client's business, so that it is counted and not complained of.
    async fn shaken<T>(&self, shaking: impl Future<Output = Result<T, TlsError>>) -> Option<T> {
        match tokio::time::timeout(self.shared.limits.handshake_time, shaking).await {
            Ok(Ok(shaken)) => {
                handshake("done");
                Some(shaken)
            }
            Ok(Err(error)) => {
                handshake(error.as_str());
                if let TlsError::Authority(error) = &error {
                    tracing::error!(%error, "no certificate could be made for a client");
                } else {
                    tracing::debug!(peer = %self.peer, %error, "no TLS with a client");
                }
                None
            }
            Err(_) => {
                handshake("late");
                None
            }
        }
    }

    /// Requests to the proxy: CONNECTs until one leads somewhere, or anything else.
    async fn proxied<S: Stream>(self, mut stream: S, mut read: Vec<u8>) -> io::Result<()> {
        let limits = HeadLimits { bytes: self.shared.limits.head_bytes, lines: self.shared.limits.head_lines };
        loop {
            let ended = match tell(&read) {
                FirstBytes::Http | FirstBytes::Tls => return self.http(stream, read, Side::Proxy).await,
                FirstBytes::More | FirstBytes::Connect => self.read_head(&mut stream, &mut read, limits).await?,
            };
            let judged = match ended {
                Ended::Closed => return Ok(()),
                Ended::NotConnect => continue,
                Ended::Refused(malformed) => Err(malformed.into()),
                Ended::Head(length) => self.judge(&read[..length], limits).map(|judged| (length, judged)),
            };
            match judged {
                Ok((length, (lead, proof))) => {
                    return self.follow(stream, Bytes::from(read).slice(length..), lead, proof).await;
                }
                Err(refusal) => {
                    self.refuse(&mut stream, refusal).await?;
                    if let (true, Ended::Head(length)) = (refusal.keeps_connection(), ended) {
                        read.drain(..length);
                        if read.is_empty() && !self.read_first(&mut stream, &mut read).await? {
                            return Ok(());
                        }
                    } else {
                        return stream.shutdown().await;
                    }
                }
            }
        }
    }

    /// Reads until the head of a CONNECT is complete, or it is clear that it is none.
    async fn read_head<S: Stream>(&self, stream: &mut S, read: &mut Vec<u8>, limits: HeadLimits) -> io::Result<Ended> {
        let late = Instant::now() + self.shared.limits.head_time;
        let mut checked = 0;
        loop {
            if tell(read) == FirstBytes::Http {
                return Ok(Ended::NotConnect);
            }
            match head::end(read, checked, limits) {
                Ok(Some(length)) => return Ok(Ended::Head(length)),
                Ok(None) => checked = read.len(),
                Err(malformed) => return Ok(Ended::Refused(malformed)),
            }
            match tokio::time::timeout_at(late, stream.read_buf(read)).await {
                Ok(count) => {
                    if count? == 0 {
                        return Ok(Ended::Closed);
                    }
                }
                Err(_) => return Ok(Ended::Refused(Malformed::Late)),
            }
        }
    }

    /// Who has not shown the password learns nothing of our rules.
    fn judge(&self, head: &[u8], limits: HeadLimits) -> Result<(Lead, Proof), Refusal> {
        let head = head::inspect(head, limits)?;
        match self.shared.auth.judge(head.proxy_authorization) {
            Proof::Missing => Err(Refusal::ProxyAuth),
            proof => Ok((connect::judge(&head, &self.shared.hosts)?, proof)),
        }
    }

    async fn refuse<S: Stream>(&self, stream: &mut S, refusal: Refusal) -> io::Result<()> {
        note(refusal);
        self.write(stream, &refusal.bytes()).await
    }

    async fn write<S: Stream>(&self, stream: &mut S, bytes: &[u8]) -> io::Result<()> {
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        tokio::time::timeout(self.shared.limits.stall, writing).await?
    }

    /// Goes where a CONNECT leads.
    async fn follow<S: Stream>(self, stream: S, read: Bytes, lead: Lead, proof: Proof) -> io::Result<()> {
        match (lead, &self.shared.tls) {
            (Lead::Aws(host), Some(_)) => self.end_tls(stream, read, host, proof).await,
            (Lead::Aws(_), None) if self.shared.stand_in => {
                let mut stream = stream;
                self.refuse(&mut stream, Refusal::NoAuthority).await?;
                stream.shutdown().await
            }
            (Lead::Aws(host), None) => self.tunnel(stream, read, &host, 443, Reach::Aws).await,
            (Lead::Tunnel(host, port), _) => self.tunnel(stream, read, &host, port, Reach::Public).await,
        }
    }

    /// TLS inside CONNECT ends here.
    async fn end_tls<S: Stream>(self, mut stream: S, read: Bytes, host: String, proof: Proof) -> io::Result<()> {
        let Some(tls) = &self.shared.tls else { return Ok(()) };
        self.write(&mut stream, ESTABLISHED).await?;
        let stream = Prefixed::new(read, stream);
        let Some(stream) = self.shaken(tls.inside_connect(stream, &host)).await else { return Ok(()) };
        form("connect");
        let side = Side::Host { host: host.into(), proof: Some(proof) };
        self.http(stream, Vec::new(), side).await
    }

    async fn tunnel<S: Stream>(
        self,
        mut stream: S,
        read: Bytes,
        host: &str,
        port: u16,
        reach: Reach,
    ) -> io::Result<()> {
        let mut end = match self.shared.tunnels.open(host, port, reach).await {
            Ok(end) => end,
            Err(refusal) => {
                self.refuse(&mut stream, refusal).await?;
                return stream.shutdown().await;
            }
        };
        form("tunnel");
        self.write(&mut stream, ESTABLISHED).await?;
        self.write(&mut end, &read).await?;
        carry(stream, end, self.shared.limits.tunnel_idle).await
    }

    async fn http<S: Stream>(self, stream: S, read: Vec<u8>, side: Side) -> io::Result<()> {
        let watch = Arc::new(Watch::default());
        let limits = &self.shared.limits;
        let gate = Gate::new(stream, read, limits, watch.clone());
        let requests = Requests::new(self.shared.clone(), side, self.peer, watch);
        let requests = &requests;
        let service = service_fn(move |request| async move { Ok::<_, Infallible>(requests.answer(request).await) });
        let mut library = http1::Builder::new();
        if limits.head_lines > USUAL_LINES {
            library.max_headers(limits.head_lines);
        }
        let mut serving = std::pin::pin!(library.serve_connection(TokioIo::new(gate), service));
        tokio::select! {
            served = serving.as_mut() => return served.map_err(io::Error::other),
            () = self.shared.closing.cancelled() => serving.as_mut().graceful_shutdown(),
        }
        serving.await.map_err(io::Error::other)
    }
}

/// How reading the head of a CONNECT ended.
#[derive(Debug, Clone, Copy)]
enum Ended {
    /// Complete, of so many bytes.
    Head(usize),
    /// It is another request.
    NotConnect,
    Refused(Malformed),
    Closed,
}

fn form(form: &'static str) {
    telemetry::count(Metric::ProxyConnections, &[("form", form)]);
}

fn handshake(result: &'static str) {
    telemetry::count(Metric::ProxyHandshakes, &[("result", result)]);
}
