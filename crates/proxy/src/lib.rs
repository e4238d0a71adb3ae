//! The forward proxy of the answer arm: one port for every dialect in which an AWS SDK speaks to a proxy.
//!
//! ```text
//! connection ─> first byte ┬ TLS ──> ours, or by SNI an AWS host ┐
//!                          ├ CONNECT ─> AWS: TLS again; listed: blind tunnel
//!                          └ HTTP/1 ─> head inspected ─> route ┬ AWS host ─> exchange ─> upstream
//!                                                              └ own API
//! ```

mod body;
mod budget;
mod error;
mod exchange;
mod flights;
mod fuse;
mod headers;
mod origin;
mod proxy;
mod settings;
mod upstream;

pub mod ca;

pub use budget::BudgetSettings;
pub use error::ProxyError;
pub use proxy::{Parts, Proxy};
pub use settings::{HostRules, Limits, ProxyCredentials, Settings, UpstreamSettings};
