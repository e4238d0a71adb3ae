//! The proxy as a whole: what it is made of, how it opens and how it closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::Answers;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::HintSink;
use aws_event_cache_model::{Evidence, Scope};
use tokio::net::TcpListener;

use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::settings::Settings;
use crate::upstream::Upstream;

/// Who is told what re-reading showed.
pub type EvidenceSink = Arc<dyn Fn(&Scope, Evidence) + Send + Sync>;

/// What the proxy is made of.
pub struct Parts {
    /// What it is told.
    pub settings: Settings,
    /// The answer arm's core.
    pub answers: Arc<Answers>,
    /// Kinds, reads and writes.
    pub catalog: Arc<Catalog>,
    /// Where writes that pass are reported, so that the drive arm refreshes what they change.
    pub hints: Option<Arc<dyn HintSink>>,
    /// Who is told what re-reading showed.
    pub evidence: Option<EvidenceSink>,
    /// The own API, for origin-form requests.
    pub own: Option<axum::Router>,
    /// Reads time.
    pub clock: Clock,
}

/// An open proxy.
pub struct Proxy {
    address: SocketAddr,
    #[expect(dead_code, reason = "skeleton")]
    exchange: Arc<Exchange>,
}

impl Proxy {
    /// Opens the port and serves until [`Proxy::close`].
    ///
    /// # Errors
    /// [`ProxyError`] names the setting that cannot be used.
    pub async fn open(parts: Parts) -> Result<Self, ProxyError> {
        let address = parts.settings.listen;
        let upstream = Upstream::new(&parts.settings.upstream)?;
        let exchange = Arc::new(Exchange::new(&parts, upstream));
        let refused = |source| ProxyError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        Ok(Self { address: listener.local_addr().map_err(refused)?, exchange })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets the calls in flight end for so long, and closes.
    pub async fn close(self, grace: Duration) {
        tokio::time::sleep(grace.min(Duration::ZERO)).await;
    }
}
