//! The forward proxy of the answer arm: one port for every dialect in which an AWS SDK speaks to a proxy.
//!
//! ```text
//! connection ─> first byte ┬ TLS ──> ours, or by SNI an AWS host ┐
//!                          ├ CONNECT ─> AWS: TLS again; listed: blind tunnel
//!                          └ HTTP/1 ─> head inspected ─> route ┬ AWS host ─> exchange ─> upstream
//!                                                              └ own API
//! ```

mod addresses;
mod body;
mod budget;
mod connect;
mod connection;
mod error;
mod exchange;
mod first_bytes;
mod flights;
mod fuse;
mod gate;
mod headers;
mod hosts;
mod listen;
mod origin;
mod proxy;
mod proxy_auth;
mod refusal;
mod requests;
mod route;
mod settings;
mod slots;
mod stream;
mod tls;
mod tunnel;
mod upstream;

pub mod ca;
pub mod framing;
pub mod head;

pub use budget::BudgetSettings;
pub use error::ProxyError;
pub use proxy::{EvidenceSink, Parts, Proxy};
pub use settings::{HostRules, Limits, ProxyCredentials, Settings, UpstreamSettings};
