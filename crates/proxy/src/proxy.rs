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
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::BudgetSettings;
use crate::ca::Authority;
use crate::connection::Shared;
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::hosts::Hosts;
use crate::listen::accept;
use crate::proxy_auth::ProxyAuth;
use crate::settings::Settings;
use crate::tls::Tls;
use crate::tunnel::Tunnels;
use crate::upstream::Upstream;

/// So long before the certificate authority ends it is complained of at start: clients need time to get another root.
const WARNED_BEFORE: Duration = Duration::from_secs(90 * 86_400);

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

/// An open proxy. Dropped without [`Proxy::close`], it closes at once.
pub struct Proxy {
    address: SocketAddr,
    exchange: Exchange,
    tasks: TaskTracker,
    closing: CancellationToken,
    ended: CancellationToken,
}

impl Proxy {
    /// Opens the port and serves until [`Proxy::close`].
    ///
    /// # Errors
    /// [`ProxyError`] names the setting that cannot be used.
    pub async fn open(parts: Parts) -> Result<Self, ProxyError> {
        let closing = CancellationToken::new();
        let address = parts.settings.listen;
        let shared = shared(parts, closing.clone())?;
        let exchange = shared.exchange.clone();
        let refused = |source| ProxyError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (tasks, ended) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(accept(listener, Arc::new(shared), tasks.clone(), ended.clone()));
        Ok(Self { address, exchange, tasks, closing, ended })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the budget is this; who waits goes on waiting.
    pub fn set_budget(&self, budget: BudgetSettings) {
        self.exchange.set_budget(budget);
    }

    /// Takes no more connections, ends those that are idle, lets the calls in flight end for so long (their answers say `Connection: close`), and closes.
    pub async fn close(self, grace: Duration) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "closing although some calls have not ended");
        }
        self.ended.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closing.cancel();
        self.ended.cancel();
    }
}

fn shared(parts: Parts, closing: CancellationToken) -> Result<Shared, ProxyError> {
    let settings = &parts.settings;
    let hosts = Hosts::new(&settings.hosts)?;
    let auth = ProxyAuth::new(settings.credentials.as_ref())?;
    let tls = tls(settings, &parts.clock)?;
    let tunnels = Tunnels::new(&settings.hosts, &settings.upstream)?;
    let upstream = Upstream::new(&settings.upstream)?;
    Ok(Shared {
        exchange: Exchange::new(&parts, upstream),
        hosts,
        auth,
        tls,
        tunnels,
        stand_in: settings.upstream.endpoint.is_some(),
        local: settings.listen.ip().to_canonical().is_loopback(),
        limits: settings.limits.clone(),
        own: parts.own,
        closing,
    })
}

fn tls(settings: &Settings, clock: &Clock) -> Result<Option<Tls>, ProxyError> {
    let Some(folder) = &settings.authority else {
        return if settings.tls_names.is_empty() { Ok(None) } else { Err(ProxyError::NamesWithoutAuthority) };
    };
    let now = clock.now();
    let mut names = settings.tls_names.clone();
    names.extend(settings.hosts.extra_suffixes.iter().cloned());
    let authority = Authority::load(folder, &names, now).map_err(ProxyError::Authority)?;
    let tls = Tls::new(authority, settings.tls_names.clone(), clock.clone()).map_err(ProxyError::Tls)?;
    if now.saturating_add(WARNED_BEFORE).is_ok_and(|soon| soon > tls.ends()) {
        tracing::warn!(ends = %tls.ends(), "the certificate authority ends soon; run `aws-event-cache ca rotate`");
    }
    Ok(Some(tls))
}
