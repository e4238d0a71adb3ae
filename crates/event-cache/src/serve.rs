//! `serve`: the service. Reads the configuration, joins the parts, opens the listeners, and ends in order when told to.

mod answer;
mod answer_modes;
mod answer_report;
mod drive;
mod listen;
mod neighbours;
mod parts;
mod probing;
mod reload;

use std::process::ExitCode;
use std::time::Duration;

use aws_event_cache_api::log_level::{LogFormat, install};
use aws_event_cache_api::prometheus::Metrics;
use aws_event_cache_config as config;
use aws_event_cache_proxy::ProxyError;
use aws_event_cache_store::StoreError;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{ConfigArgs, exit};
use crate::settings::{self, SettingsError};
use listen::Listeners;
use parts::Service;

/// How long requests under way may take to end. SNS gives up on a request after 15 s, and Kubernetes kills after 30 s.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The configuration has mistakes.
    #[error("the configuration cannot be used")]
    Settings(#[from] SettingsError),
    /// The log or the metrics could not be set up.
    #[error("the {0} could not be set up")]
    Setup(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store could not be opened.
    #[error("the store could not be opened")]
    Store(#[from] StoreError),
    /// An address could not be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        address: std::net::SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// The proxy could not be opened.
    #[error("the proxy could not be opened")]
    Proxy(#[from] ProxyError),
    /// Others could reach the API without a token.
    #[error(transparent)]
    Open(#[from] aws_event_cache_api::ListenerRefused),
    /// The TLS certificate or key cannot be used.
    #[error("server.tls: certificate or key cannot be used")]
    Tls(#[source] std::io::Error),
    /// Signals cannot be heard.
    #[error("signals cannot be heard")]
    Signals(#[source] std::io::Error),
}

impl ServeError {
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Proxy(ProxyError::Listen { .. }) => exit::failed(),
            Self::Settings(_) | Self::Open(_) | Self::Tls(_) | Self::Proxy(_) => exit::bad_config(),
            _ => exit::failed(),
        }
    }
}

pub(crate) async fn run(args: ConfigArgs) -> Result<ExitCode, ServeError> {
    let loaded = settings::load(&args.config)?;
    let log = log(&loaded.config)?;
    let metrics = Metrics::install().map_err(|error| ServeError::Setup("metrics", error.into()))?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::new()?;
    let service = Service::start(loaded, log, metrics).await?;
    let listeners = Listeners::open(&service).await?;
    service.open_proxy().await?;
    service.ready();
    while let Wish::Reload = signals.next().await {
        reload::reload(&service, &args.config).await;
    }
    tracing::info!("ending: no more messages are taken, requests under way end, every agent is let go");
    service.stop_taking();
    tokio::join!(listeners.close(DRAIN), service.close_proxy());
    service.end().await;
    tracing::info!("ended");
    Ok(exit::OK)
}

fn log(config: &config::Config) -> Result<aws_event_cache_api::log_level::Handle, ServeError> {
    let format = match config.log.format {
        config::LogFormat::Json => LogFormat::Json,
        config::LogFormat::Text => LogFormat::Text,
    };
    let level = config
        .log
        .level
        .parse()
        .map_err(|error: aws_event_cache_api::log_level::BadLogLevel| ServeError::Setup("log", error.into()))?;
    install(format, level).map_err(|error| ServeError::Setup("log", error.into()))
}

/// What the operating system wants of us.
enum Wish {
    Reload,
    End,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, ServeError> {
        let hear = |kind| signal(kind).map_err(ServeError::Signals);
        Ok(Self {
            hangup: hear(SignalKind::hangup())?,
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
        }
    }
}
