//! The listeners: HTTP or HTTPS, with limits on what a client may cost before it has said anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_api::check_listener;
use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::task::JoinHandle;

use super::ServeError;
use super::parts::Service;

/// Time for the head of a request, on a new connection and on one that was kept: a client that dribbles holds a connection no longer than this.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Longest head of a request. SNS's is below one kilobyte; hyper's least is 8 KiB.
const HEAD_BYTES: usize = 16 * 1024;

/// Open listeners.
pub(crate) struct Listeners {
    open: Vec<(Handle<SocketAddr>, JoinHandle<std::io::Result<()>>)>,
}

impl Listeners {
    /// Opens them. The addresses are listened on when this returns.
    pub(crate) async fn open(service: &Service) -> Result<Self, ServeError> {
        let config = &service.config();
        check_listener(config.server.listen, &service.tokens()?)?;
        let tls = match &config.server.tls {
            Some(files) => Some(tls(&files.certificate, &files.key).await?),
            None => None,
        };
        let mut listeners = Self { open: Vec::new() };
        let (api, intake) = (service.api(), service.intake_router());
        match config.server.intake_listen {
            Some(address) => {
                listeners.add(config.server.listen, tls.clone(), api)?;
                listeners.add(address, tls, intake)?;
            }
            None => listeners.add(config.server.listen, tls, api.merge(intake))?,
        }
        Ok(listeners)
    }

    /// Connections are accepted without Nagle's algorithm: an answer of two small writes on a kept connection would else wait some 40 ms for the client's
    /// acknowledgement, for every message that a relay passes on.
    #[allow(clippy::disallowed_methods, reason = "the shell: every server is awaited in close")]
    fn add(&mut self, address: SocketAddr, tls: Option<RustlsConfig>, app: Router) -> Result<(), ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let socket = std::net::TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let handle = Handle::new();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let task = match tls {
            Some(tls) => {
                let tls = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
                let server = limited(axum_server::from_tcp(socket).map_err(failed)?.acceptor(tls));
                tokio::spawn(server.handle(handle.clone()).serve(app))
            }
            None => {
                let server = axum_server::from_tcp(socket).map_err(failed)?.acceptor(NoDelayAcceptor::new());
                let server = limited(server);
                tokio::spawn(server.handle(handle.clone()).serve(app))
            }
        };
        tracing::info!(address = %bound, "listening");
        self.open.push((handle, task));
        Ok(())
    }

    /// Takes no more connections, and waits for requests under way, but not longer than `grace`.
    pub(crate) async fn close(self, grace: Duration) {
        for (handle, _) in &self.open {
            handle.graceful_shutdown(Some(grace));
        }
        for (_, task) in self.open {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "a listener failed"),
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a listener panicked"),
            }
        }
    }
}

/// HTTP/1.1 with bounds on the head of a request.
fn limited<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let mut server = server.http1_only().first_request_timeout(HEAD_LIMIT);
    let mut http1 = server.http_builder().http1();
    http1.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_BYTES);
    server
}

async fn tls(certificate: &std::path::Path, key: &std::path::Path) -> Result<RustlsConfig, ServeError> {
    // The process has one TLS provider; installing it twice is harmless and says so by an error that means nothing.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let config = RustlsConfig::from_pem_file(certificate, key).await.map_err(ServeError::Tls)?;
    let mut only_http1 = Arc::unwrap_or_clone(config.get_inner());
    only_http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.reload_from_config(Arc::new(only_http1));
    Ok(config)
}
