//! One connection to AWS: TCP, the way through the upstream proxy, and TLS, all within one time limit.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use tokio::net::TcpStream;
use tower::Service;

use super::{roots, shown};
use crate::body::BodyError;
use crate::error::ProxyError;
use crate::settings::UpstreamSettings;

/// An open connection.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Opens connections to AWS.
#[derive(Clone)]
pub(super) struct Connector {
    way: Way,
    within: Duration,
}

#[derive(Clone)]
enum Way {
    Direct(HttpsConnector<HttpConnector>),
    Proxied(HttpsConnector<Tunnel<HttpConnector>>),
}

/// Builds it.
///
/// # Errors
/// As [`super::Upstream::new`].
pub(super) fn connector(settings: &UpstreamSettings) -> Result<Connector, ProxyError> {
    let tls = client_config(settings)?;
    let https = |tls: ClientConfig| HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    let way = match &settings.proxy {
        None => Way::Direct(https(tls).wrap_connector(tcp(settings.connect))),
        Some(url) => Way::Proxied(https(tls).wrap_connector(through(url, settings.connect)?)),
    };
    Ok(Connector { way, within: settings.connect })
}

/// Verifies AWS's real certificate by web PKI, also when the client spoke plain HTTP to us.
fn client_config(settings: &UpstreamSettings) -> Result<ClientConfig, ProxyError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ProxyError::Tls)?
        .with_root_certificates(roots::roots(settings)?)
        .with_no_client_auth();
    Ok(config)
}

fn tcp(connect: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));
    tcp
}

/// By CONNECT through an upstream proxy.
///
/// # Errors
/// [`ProxyError::UpstreamProxy`] when it is not `http://host:port`.
pub(crate) fn through(url: &url::Url, connect: Duration) -> Result<Tunnel<HttpConnector>, ProxyError> {
    let bad = || ProxyError::UpstreamProxy { url: shown(url) };
    if url.scheme() != "http" {
        return Err(bad());
    }
    let host = url.host_str().ok_or_else(bad)?;
    let address: Uri = format!("http://{host}:{}", url.port().unwrap_or(80)).parse().map_err(|_| bad())?;
    let tunnel = Tunnel::new(address, tcp(connect));
    if url.username().is_empty() {
        return Ok(tunnel);
    }
    let decoded = |text: &str| percent_decoded(text).ok_or_else(bad);
    let pair = format!("{}:{}", decoded(url.username())?, decoded(url.password().unwrap_or(""))?);
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).map_err(|_| bad())?;
    Ok(tunnel.with_auth(value))
}

/// A URL keeps its user and password percent-encoded.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BodyError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Stream, BodyError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        match &mut self.way {
            Way::Direct(connector) => connector.poll_ready(context),
            Way::Proxied(connector) => connector.poll_ready(context),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let within = self.within;
        let connecting: Self::Future = match &mut self.way {
            Way::Direct(connector) => Box::pin(connector.call(uri)),
            Way::Proxied(connector) => Box::pin(connector.call(uri)),
        };
        Box::pin(async move { tokio::time::timeout(within, connecting).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_password_may_hold_any_character() {
        assert_eq!(percent_decoded("p%40ss%3Aw%C3%B6rd").as_deref(), Some("p@ss:wörd"));
        assert_eq!(percent_decoded("%zz"), None);
        assert_eq!(percent_decoded("%4"), None);
    }
}
