//! Where a request is headed, and who sends it.

use std::net::SocketAddr;
use std::sync::Arc;

/// Where the requests of a connection are headed, and who sends them.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The AWS host, in lower case and without a port: from CONNECT and SNI, or from the absolute-form target. It was checked against the host rules.
    pub(crate) host: Arc<str>,
    /// The other end of the connection.
    pub(crate) peer: SocketAddr,
    /// The proxy's password was given, or port and peer are on loopback: requests with keys that bear no session token may be answered from the cache.
    pub(crate) trusted: bool,
}
