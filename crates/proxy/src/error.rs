//! Why the proxy did not open.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::ca::CaError;

/// Why the proxy did not open.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate authority cannot be used.
    #[error("the certificate authority cannot be used")]
    Authority(#[source] CaError),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// A file of trusted roots cannot be used.
    #[error("the root certificates in {path} cannot be used: {reason}")]
    Root {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nobody is trusted, so that no connection to AWS could be made.
    #[error(
        "this machine trusts no root certificates; install its ca-certificates, or name a file under answer.upstream.roots"
    )]
    NoRoots,
    /// The stand-in's address is not one.
    #[error("{url} is no endpoint; write http://host:port or https://host:port, without path and user")]
    Endpoint {
        /// What was given.
        url: String,
    },
    /// The upstream proxy's address is not one.
    #[error("{url} is no upstream proxy; write http://host:port or http://user:password@host:port")]
    UpstreamProxy {
        /// What was given.
        url: String,
    },
    /// A host rule is not one.
    #[error("{rule} under {field} is no rule: {reason}")]
    HostRule {
        /// Which list.
        field: &'static str,
        /// The rule.
        rule: String,
        /// Why.
        reason: &'static str,
    },
    /// The proxy credentials cannot be sent by any client.
    #[error("the proxy's user must not be empty or hold a colon, and its password must not be empty")]
    Credentials,
    /// The name under which clients are to speak TLS to the proxy needs a certificate authority.
    #[error(
        "answer.names needs a certificate authority; run `aws-event-cache ca init` and set answer.ca to its folder"
    )]
    NamesWithoutAuthority,
}
