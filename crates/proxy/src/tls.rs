//! TLS towards clients: leafs minted for the name that is asked for, and HTTP/1.1 only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::Timestamp;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{Acceptor, NoServerSessionStorage, ProducesTickets};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::ca::{Authority, CaError, Leaf};
use crate::hosts::{Hosts, name_of};
use crate::stream::Stream;

/// So many names' leafs are kept. One Clouddriver of 10 services in 20 regions needs 200.
const KEPT: usize = 1_024;

/// A leaf is made anew after this, long before it ends, so that a machine that slept a while never shows an old one.
const FRESH: Duration = Duration::from_secs(86_400);

/// The key of the proxy's own leaf; no host has this name.
const OWN: &str = "";

/// TLS towards clients.
pub(crate) struct Tls {
    authority: Authority,
    own: Vec<String>,
    tickets: Arc<dyn ProducesTickets>,
    kept: Mutex<HashMap<String, Kept>>,
    clock: Clock,
}

struct Kept {
    config: Arc<ServerConfig>,
    made: Timestamp,
    ends: Timestamp,
}

/// For whom a client that speaks TLS first takes us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// For the proxy.
    Proxy,
    /// For this AWS host.
    Aws(String),
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The client's side failed: no TLS, no common version, our root is not trusted.
    #[error("the TLS handshake failed")]
    Handshake(#[source] std::io::Error),
    /// It asks for a host that we do not stand for.
    #[error("the client asked for {0}")]
    Name(String),
    /// A leaf could not be minted.
    #[error("no certificate could be made")]
    Authority(#[from] CaError),
}

impl TlsError {
    /// As in labels.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "failed",
            Self::Name(_) => "name",
            Self::Authority(_) => "authority",
        }
    }
}

impl Tls {
    /// `own`: the proxy's own names and addresses.
    ///
    /// # Errors
    /// Tickets cannot be made.
    pub(crate) fn new(authority: Authority, own: Vec<String>, clock: Clock) -> Result<Self, rustls::Error> {
        let own = own.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(Self { authority, own, tickets: aws_lc_rs::Ticketer::new()?, kept: Mutex::default(), clock })
    }

    /// When the authority ends.
    pub(crate) fn ends(&self) -> Timestamp {
        self.authority.ends()
    }

    /// Inside CONNECT to `host`. The name that the client asks for must be that one; if it asks for none, that one is meant.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) async fn inside_connect<S: Stream>(&self, stream: S, host: &str) -> Result<TlsStream<S>, TlsError> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(TlsError::Handshake)?;
        if let Some(asked) = start.client_hello().server_name()
            && name_of(asked).as_deref() != Some(host)
        {
            return Err(TlsError::Name(asked.to_owned()));
        }
        let config = self.config(host, std::slice::from_ref(&host.to_owned()))?;
        start.into_stream(config).await.map_err(TlsError::Handshake)
    }

    /// From a client that speaks TLS first: to the proxy itself, or to an AWS host whose name leads here.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) async fn first<S: Stream>(&self, stream: S, hosts: &Hosts) -> Result<(TlsStream<S>, Taken), TlsError> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(TlsError::Handshake)?;
        let asked = start.client_hello().server_name().map(str::to_owned);
        let taken = self.taken(asked.as_deref(), hosts).ok_or_else(|| TlsError::Name(asked.unwrap_or_default()))?;
        let config = match &taken {
            Taken::Proxy => self.config(OWN, &self.own)?,
            Taken::Aws(host) => self.config(host, std::slice::from_ref(host))?,
        };
        let stream = start.into_stream(config).await.map_err(TlsError::Handshake)?;
        Ok((stream, taken))
    }

    fn taken(&self, asked: Option<&str>, hosts: &Hosts) -> Option<Taken> {
        // Clients that know the proxy by its address ask for no name.
        let Some(asked) = asked else { return (!self.own.is_empty()).then_some(Taken::Proxy) };
        let name = name_of(asked)?;
        if self.own.contains(&name) { Some(Taken::Proxy) } else { hosts.is_aws(&name).then_some(Taken::Aws(name)) }
    }

    fn config(&self, key: &str, names: &[String]) -> Result<Arc<ServerConfig>, CaError> {
        let now = self.clock.now();
        if let Some(kept) = self.kept.lock().get(key)
            && kept.is_fresh(now)
        {
            return Ok(kept.config.clone());
        }
        let leaf = self.authority.leaf(names, now)?;
        let ends = leaf.ends;
        let config = Arc::new(server_config(leaf, Some(self.tickets.clone()))?);
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.retain(|_, kept| kept.is_fresh(now));
        }
        // Still full: somebody makes up names. Those who do not are made again at 20 us each.
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key.to_owned(), Kept { config: config.clone(), made: now, ends });
        Ok(config)
    }
}

impl Kept {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = Duration::try_from(now.duration_since(self.made)).unwrap_or(Duration::ZERO);
        now >= self.made && now < self.ends && age < FRESH
    }
}

/// What a leaf is served with.
///
/// # Errors
/// Key and certificate do not belong together.
pub(crate) fn server_config(
    leaf: Leaf,
    tickets: Option<Arc<dyn ProducesTickets>>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(leaf.chain, leaf.key)?;
    // Go and Rust offer h2 as well; every SDK takes this one.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    if let Some(tickets) = tickets {
        config.ticketer = tickets;
    }
    Ok(config)
}
