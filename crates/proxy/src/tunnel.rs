//! Blind tunnels: bytes both ways, to hosts that the operator lists, or to AWS's where TLS cannot end here.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::{Service, ServiceExt};

use crate::addresses;
use crate::error::ProxyError;
use crate::refusal::Refusal;
use crate::settings::{HostRules, UpstreamSettings};
use crate::upstream::through;

/// How much is read at once, in each direction.
const PIECE: usize = 16 * 1024;

/// Which addresses a name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public ones and listed ones.
    Public,
    /// Private ones, too: an AWS endpoint may be an interface endpoint in our own VPC. Never this machine or the link.
    Aws,
}

/// Opens tunnels.
#[derive(Clone)]
pub(crate) struct Tunnels {
    private: Vec<IpNet>,
    proxy: Option<Tunnel<HttpConnector>>,
    within: Duration,
}

impl Tunnels {
    /// Nothing is opened yet.
    ///
    /// # Errors
    /// The upstream proxy's address is not one.
    pub(crate) fn new(hosts: &HostRules, upstream: &UpstreamSettings) -> Result<Self, ProxyError> {
        let proxy = upstream.proxy.as_ref().map(|url| through(url, upstream.connect)).transpose()?;
        Ok(Self { private: hosts.tunnel_private.clone(), proxy, within: upstream.connect })
    }

    /// Connects. The addresses judged are those connected to: a name that resolves otherwise the second time gains nothing.
    ///
    /// # Errors
    /// [`Refusal::Address`] when it has none that may be reached, [`Refusal::Unreachable`] when none answers in time.
    pub(crate) async fn open(&self, host: &str, port: u16, reach: Reach) -> Result<TcpStream, Refusal> {
        let opening = async {
            match self.proxy.clone() {
                Some(proxy) => through_proxy(proxy, host, port).await,
                None => self.direct(host, port, reach).await,
            }
        };
        let stream = tokio::time::timeout(self.within, opening).await.map_err(|_| Refusal::Unreachable)??;
        // Without it small packets wait for one another; that it cannot be set harms nobody.
        stream.set_nodelay(true).ok();
        Ok(stream)
    }

    async fn direct(&self, host: &str, port: u16, reach: Reach) -> Result<TcpStream, Refusal> {
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host((host, port)).await.map_err(|_| Refusal::Unreachable)?.collect();
        let allowed = found.iter().filter(|address| match reach {
            Reach::Public => addresses::is_allowed(address.ip(), &self.private),
            Reach::Aws => addresses::is_elsewhere(address.ip()) || addresses::is_allowed(address.ip(), &self.private),
        });
        let allowed: Vec<SocketAddr> = allowed.copied().collect();
        if allowed.is_empty() {
            return Err(Refusal::Address);
        }
        TcpStream::connect(allowed.as_slice()).await.map_err(|_| Refusal::Unreachable)
    }
}

/// The upstream proxy resolves the name, and its own rules apply to where that leads.
async fn through_proxy(mut proxy: Tunnel<HttpConnector>, host: &str, port: u16) -> Result<TcpStream, Refusal> {
    let uri = format!("https://{host}:{port}").parse().map_err(|_| Refusal::Unreachable)?;
    let ready = ServiceExt::<http::Uri>::ready(&mut proxy).await.map_err(|_| Refusal::Unreachable)?;
    ready.call(uri).await.map(TokioIo::into_inner).map_err(|_| Refusal::Unreachable)
}

/// Carries bytes both ways until both sides have closed, one breaks off, or nothing has moved for `idle`.
///
/// # Errors
/// One side broke off.
pub(crate) async fn carry(
    client: impl AsyncRead + AsyncWrite + Unpin,
    host: impl AsyncRead + AsyncWrite + Unpin,
    idle: Duration,
) -> io::Result<()> {
    let moved = AtomicU64::new(0);
    let (client_read, client_write) = tokio::io::split(client);
    let (host_read, host_write) = tokio::io::split(host);
    let both = async {
        tokio::try_join!(pump(client_read, host_write, &moved), pump(host_read, client_write, &moved)).map(|_| ())
    };
    tokio::select! {
        ended = both => ended,
        () = stillness(&moved, idle) => Ok(()),
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, moved: &AtomicU64) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..count]).await?;
        moved.fetch_add(count as u64, Ordering::Relaxed);
    }
}

async fn stillness(moved: &AtomicU64, idle: Duration) {
    let mut before = 0;
    loop {
        tokio::time::sleep(idle).await;
        let now = moved.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tunnel_carries_both_ways_and_closes_with_its_ends() {
        let (mut client, ours) = tokio::io::duplex(64);
        let (theirs, mut host) = tokio::io::duplex(64);
        let (carried, ()) = tokio::join!(carry(ours, theirs, Duration::from_secs(5)), async {
            client.write_all(b"ping").await.unwrap();
            client.shutdown().await.unwrap();
            let mut read = String::new();
            host.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, "ping");
            host.write_all(b"pong").await.unwrap();
            host.shutdown().await.unwrap();
            let mut read = String::new();
            client.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, "pong");
        });
        carried.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_in_which_nothing_moves_is_closed() {
        let (_client, ours) = tokio::io::duplex(64);
        let (theirs, _host) = tokio::io::duplex(64);
        carry(ours, theirs, Duration::from_secs(300)).await.unwrap();
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
        let tunnels = Tunnels::new(&HostRules::default(), &UpstreamSettings::default()).unwrap();
        for reach in [Reach::Public, Reach::Aws] {
            assert_eq!(tunnels.open("localhost", 443, reach).await.unwrap_err(), Refusal::Address);
        }
    }
}
