//! The way to AWS: pooled connections, TLS with web PKI, and the client's request as it came.

use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::UpstreamBody;
use crate::error::ProxyError;
use crate::settings::UpstreamSettings;

mod connector;
mod roots;

use connector::{Connector, connector};

pub(crate) use connector::through;

/// So many idle connections are kept to one host. One host is one service in one region, of all accounts.
const IDLE_PER_HOST: usize = 256;

/// What went wrong on the way to AWS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// No connection: refused, unresolvable, TLS failed or took too long. The request was not sent.
    #[error("no connection to {host}")]
    Connect {
        /// Where to.
        host: String,
        /// Why.
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    /// The connection broke before the answer's head was complete. The request may have been carried out.
    #[error("the connection to {host} broke off")]
    Broken {
        /// Where to.
        host: String,
        /// Why.
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    /// No answer in time. The request may have been carried out.
    #[error("{host} did not answer within {within:?}")]
    Silent {
        /// Where to.
        host: String,
        /// How long we waited.
        within: Duration,
    },
    /// The request cannot be put into HTTP.
    #[error("the request for {host} cannot be forwarded")]
    Request {
        /// Where to.
        host: String,
        /// Why.
        #[source]
        source: http::Error,
    },
}

impl UpstreamError {
    /// May AWS have seen the request? A write of which this is true may have happened.
    pub(crate) fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Silent { .. })
    }

    /// As in labels and logs.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Broken { .. } => "broken",
            Self::Silent { .. } => "silent",
            Self::Request { .. } => "request",
        }
    }
}

/// Pooled connections to AWS. Cheap to clone; all clones share the pool.
#[derive(Clone)]
pub(crate) struct Upstream {
    client: Client<Connector, UpstreamBody>,
    endpoint: Option<Arc<(Scheme, Authority)>>,
    response: Duration,
}

impl Upstream {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// A root's file cannot be read, no root is trusted at all, or an address is not one.
    pub(crate) fn new(settings: &UpstreamSettings) -> Result<Self, ProxyError> {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(settings.idle)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(connector(settings)?);
        let endpoint = settings.endpoint.as_ref().map(endpoint).transpose()?.map(Arc::new);
        Ok(Self { client, endpoint, response: settings.response })
    }

    /// Sends a request, whose target is in origin-form and whose header lines are already those to be sent, and waits for the head of the answer.
    ///
    /// The target goes out byte for byte, and so does `Host`, whatever the stand-in's address.
    ///
    /// # Errors
    /// [`UpstreamError`]; the answer's body may still break off afterwards.
    pub(crate) async fn send(
        &self,
        host: &str,
        mut request: Request<UpstreamBody>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() =
            self.address(host, target).map_err(|source| UpstreamError::Request { host: host.to_owned(), source })?;
        *request.version_mut() = http::Version::HTTP_11;
        match tokio::time::timeout(self.response, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(source)) if source.is_connect() => Err(UpstreamError::Connect { host: host.to_owned(), source }),
            Ok(Err(source)) => Err(UpstreamError::Broken { host: host.to_owned(), source }),
            Err(_) => Err(UpstreamError::Silent { host: host.to_owned(), within: self.response }),
        }
    }

    fn address(&self, host: &str, target: Option<PathAndQuery>) -> Result<Uri, http::Error> {
        let builder = match &self.endpoint {
            Some(endpoint) => Uri::builder().scheme(endpoint.0.clone()).authority(endpoint.1.clone()),
            None => Uri::builder().scheme(Scheme::HTTPS).authority(host),
        };
        builder.path_and_query(target.unwrap_or_else(|| PathAndQuery::from_static("/"))).build()
    }
}

fn endpoint(url: &url::Url) -> Result<(Scheme, Authority), ProxyError> {
    let bad = || ProxyError::Endpoint { url: shown(url) };
    let scheme = match url.scheme() {
        "http" => Scheme::HTTP,
        "https" => Scheme::HTTPS,
        _ => return Err(bad()),
    };
    if url.path() != "/" || url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(bad());
    }
    let host = url.host_str().ok_or_else(bad)?;
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Ok((scheme, authority.parse().map_err(|_| bad())?))
}

/// A URL without what might be secret in it.
pub(crate) fn shown(url: &url::Url) -> String {
    format!(
        "{}://{}{}",
        url.scheme(),
        url.host_str().unwrap_or(""),
        url.port().map_or_else(String::new, |port| format!(":{port}"))
    )
}
