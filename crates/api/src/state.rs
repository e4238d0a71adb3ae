//! What every handler shares, and the settings of the API.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use aws_event_cache_catalog::Catalog;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{Accounts, Environment, Timestamp};
use ipnet::IpNet;
use tokio::sync::{Semaphore, watch};

use crate::answer::AnswerArm;
use crate::auth::Tokens;
use crate::control::Control;
use crate::health::Readiness;
use crate::intervals::AgentIntervals;
use crate::limits;
use crate::log_level;
use crate::probes::Probing;
use crate::prometheus::Metrics;

/// How a listener is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What can be set about the API besides its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How the listener is spoken to: the scheme of status URLs, unless a trusted proxy says another.
    pub scheme: Scheme,
    /// Networks of reverse proxies whose `X-Forwarded-Proto` and `X-Forwarded-For` are believed; loopback always is. Only for status URLs and the audit list,
    /// never for who may call.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether `/health/live` and `/health/ready` need no token. Kubernetes' probes cannot easily send one, and the answers tell nothing of the accounts.
    pub open_health: bool,
    /// Whether `/metrics` needs no token. Labels are small closed sets, but the numbers tell how busy the accounts are.
    pub open_metrics: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scheme: Scheme::Http, trusted_proxies: Vec::new(), open_health: true, open_metrics: false }
    }
}

/// What the API is made of.
pub struct Parts {
    /// Engine and store.
    pub control: Arc<dyn Control>,
    /// The answer arm; `None` while it is off.
    pub answer: Option<AnswerArm>,
    /// What agents are to poll at, for the bridge plugin.
    pub intervals: AgentIntervals,
    /// The kinds.
    pub catalog: Arc<Catalog>,
    /// The accounts, as they are now.
    pub accounts: watch::Receiver<Arc<Accounts>>,
    /// Environments that have a profile, as they are now.
    pub environments: watch::Receiver<Vec<Environment>>,
    /// The time.
    pub clock: Clock,
    /// Who may call.
    pub tokens: Tokens,
    /// The rest.
    pub settings: Settings,
    /// What `/health/ready` waits for.
    pub readiness: Readiness,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// What `/v1/log-level` turns.
    pub log_level: log_level::Handle,
}

/// The state behind the router. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    parts: Parts,
    tokens: ArcSwap<Tokens>,
    slots: Semaphore,
    probing: OnceLock<Probing>,
}

impl ApiState {
    /// Puts the parts together.
    pub fn new(mut parts: Parts) -> Self {
        let tokens = ArcSwap::from_pointee(std::mem::take(&mut parts.tokens));
        Self(Arc::new(Shared {
            parts,
            tokens,
            slots: Semaphore::new(limits::CONCURRENT_CALLS),
            probing: OnceLock::new(),
        }))
    }

    /// Replaces the tokens: a reload of the configuration. Requests under way go on with the old ones.
    ///
    /// The caller sees to it that a listener which others can reach is never left without tokens, by [`check_listener`](crate::check_listener).
    pub fn set_tokens(&self, tokens: Tokens) {
        self.0.tokens.store(Arc::new(tokens));
    }

    /// Says who opens probes, once, before the router serves. Without, there are none.
    #[must_use]
    pub fn with_probing(self, probing: Probing) -> Self {
        self.0.probing.get_or_init(|| probing);
        self
    }

    pub(crate) fn probing(&self) -> Option<&Probing> {
        self.0.probing.get()
    }

    pub(crate) fn tokens(&self) -> Arc<Tokens> {
        self.0.tokens.load_full()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    pub(crate) fn control(&self) -> &dyn Control {
        &*self.0.parts.control
    }

    pub(crate) fn answer(&self) -> Option<&AnswerArm> {
        self.0.parts.answer.as_ref()
    }

    pub(crate) fn intervals(&self) -> &AgentIntervals {
        &self.0.parts.intervals
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.parts.catalog
    }

    pub(crate) fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(&self.0.parts.accounts.borrow())
    }

    pub(crate) fn environments(&self) -> Vec<Environment> {
        self.0.parts.environments.borrow().clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.parts.readiness
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.parts.metrics
    }

    pub(crate) fn log_level(&self) -> &log_level::Handle {
        &self.0.parts.log_level
    }

    pub(crate) fn slots(&self) -> &Semaphore {
        &self.0.slots
    }
}
