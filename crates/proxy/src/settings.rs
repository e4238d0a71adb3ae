//! What the proxy is told.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::budget::BudgetSettings;

/// All of it. [`Settings::new`] gives what one needs to say nothing about.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// To whom we forward.
    pub hosts: HostRules,
    /// How we reach them.
    pub upstream: UpstreamSettings,
    /// Folder of the certificate authority, as `aws-event-cache ca init` made it. Without one, nothing inside TLS can be seen, so that AWS's hosts are tunnelled.
    pub authority: Option<PathBuf>,
    /// The proxy's own names and addresses, for clients that speak TLS to the proxy itself.
    pub tls_names: Vec<String>,
    /// What clients must prove. With `None` everybody who reaches the port may use it.
    pub credentials: Option<ProxyCredentials>,
    /// How much of everything.
    pub limits: Limits,
    /// How much of AWS's rates.
    pub budget: BudgetSettings,
}

impl Settings {
    /// Everything as it is by default, listening there.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            hosts: HostRules::default(),
            upstream: UpstreamSettings::default(),
            authority: None,
            tls_names: Vec::new(),
            credentials: None,
            limits: Limits::default(),
            budget: BudgetSettings::default(),
        }
    }
}

/// To whom we forward, beside AWS's own endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostRules {
    /// Suffixes that count as AWS's, such as `execute-api.eu-west-1.amazonaws.com`. A name matches when it is the suffix or ends in a dot and the suffix.
    pub extra_suffixes: Vec<String>,
    /// Hosts that may be reached by a blind tunnel, `host`, `*.suffix`, each with `:port` or for port 443.
    pub tunnel: Vec<String>,
    /// Networks that a tunnel may reach although they are private. Without this no tunnel ends at an address that is not public.
    pub tunnel_private: Vec<IpNet>,
}

/// How we reach AWS.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// A stand-in for AWS (moto, LocalStack) that gets every request, with the `Host` header that the client sent. Plain http is allowed.
    pub endpoint: Option<Url>,
    /// The way out: an HTTP proxy, `http://user:password@host:port`, of which we ask a CONNECT for each connection.
    pub proxy: Option<Url>,
    /// Longest time for a connection, with TLS and the way through the upstream proxy.
    pub connect: Duration,
    /// Idle connections are closed after this: before AWS's load balancers do it, so that no request meets a closing one.
    pub idle: Duration,
    /// Longest time until AWS's answer begins.
    pub response: Duration,
    /// PEM files of further roots that we trust upstream, beside the machine's.
    pub extra_roots: Vec<PathBuf>,
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            proxy: None,
            // Two SYN retries. AWS SDK for Java v2 gives up on a *connect* after 2 s, but that is its connect to us.
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(20),
            // Lambda's longest synchronous invocation takes 15 minutes; cutting it off would make the client invoke twice.
            response: Duration::from_secs(16 * 60),
            extra_roots: Vec::new(),
        }
    }
}

impl fmt::Debug for UpstreamSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |url: &Option<Url>| url.as_ref().map(|url| format!("{}:{:?}", url.host_str().unwrap_or(""), url.port()));
        f.debug_struct("UpstreamSettings")
            .field("endpoint", &shown(&self.endpoint))
            .field("proxy", &shown(&self.proxy))
            .field("connect", &self.connect)
            .field("idle", &self.idle)
            .field("response", &self.response)
            .field("extra_roots", &self.extra_roots)
            .finish()
    }
}

/// A user and a password, as `Proxy-Authorization: Basic` carries them. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyCredentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for ProxyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyCredentials(..)")
    }
}

/// Limits towards clients. What is over them is refused; nobody else is slowed down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head. A session token takes 1 to 2 KiB; services take 8 to 16 KiB of headers in all, S3's presigned URLs a little more.
    pub head_bytes: usize,
    /// Header lines of a request. SDKs send about 15.
    pub head_lines: usize,
    /// From the first byte of a head to its end.
    pub head_time: Duration,
    /// For a TLS handshake.
    pub handshake_time: Duration,
    /// A connection without any request in it is closed after this. Longer than the longest idle time of the SDKs (Go: 90 s), so that they close first and no
    /// request meets a closing connection.
    pub idle: Duration,
    /// A body, or a client that reads its answer, may stand still for this long.
    pub stall: Duration,
    /// Connections in all. Each costs about 30 KiB with TLS and one or two file descriptors.
    pub connections: usize,
    /// Connections of one address. One Clouddriver keeps a pool for each account, region and service.
    pub connections_per_peer: usize,
    /// A blind tunnel in which nothing moves is closed after this.
    pub tunnel_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            head_lines: 100,
            head_time: Duration::from_secs(10),
            handshake_time: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            stall: Duration::from_secs(60),
            connections: 16_384,
            connections_per_peer: 4_096,
            tunnel_idle: Duration::from_secs(300),
        }
    }
}
