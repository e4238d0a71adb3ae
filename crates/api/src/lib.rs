//! The control API: refresh, status, overrides, audit, health and metrics, over HTTP in JSON.
//!
//! ```text
//! request ─> count, security headers, JSON errors ─> panic ─> time limit ─> slot ─> token and role ─> handler ─> Control
//!                                                                                                   (engine and store)
//! ```
//!
//! | route | role | what |
//! |---|---|---|
//! | `POST /v1/refresh`, `DELETE /v1/refresh/{id}`, `POST /v1/refresh/{id}/cancel` | refresh | refresh by hand, take it back |
//! | `GET /v1/refresh`, `GET /v1/refresh/{id}` | read | how far they are |
//! | `POST /v1/overrides`, `DELETE /v1/overrides/{id}`, `POST` and `DELETE /v1/kill-switch`, `POST /v1/release` | operate | steer at run time, always with an end |
//! | `GET /v1/overrides`, `/v1/status`, `/v1/status/scopes`, `/v1/savings`, `/v1/answer`, `/v1/events`, `/v1/kinds`, `/v1/audit`, `/v1/openapi.json`, `/v1/log-level` | read | how everything stands |
//! | `GET /v1/agent-intervals` | read | at which intervals the bridge plugin in Clouddriver is to poll |
//! | `POST /v1/probes`, `GET /v1/probes/{id}` | read | whether a test message reached the service |
//! | `PUT /v1/log-level` | admin | turn the log |
//! | `GET /health/live`, `/health/ready`, `/metrics` | none, or read | probes and Prometheus |
//!
//! What it promises: a call without the right role changes nothing; every change is in the audit list before it happens; whoever calls is known by the token
//! and never by what the request says of itself; no request, however odd, is answered with a fault of ours.

mod answer;
mod audit;
mod auth;
mod body;
mod control;
mod error;
mod health;
mod intervals;
mod limits;
mod openapi;
mod order;
mod origin;
mod overrides;
mod probes;
mod refresh;
mod router;
mod state;
mod status;
mod status_schema;

pub mod log_level;
pub mod prometheus;

pub use answer::AnswerArm;
pub use auth::{BadToken, ListenerRefused, Role, Token, Tokens, check_listener};
pub use control::{Control, EngineAndStore, Neighbours, NotNow, OrderRefused};
pub use error::ErrorBody;
pub use health::{Latch, Readiness};
pub use intervals::AgentIntervals;
pub use openapi::document;
pub use probes::{Probe, Probing, Sighting};
pub use router::router;
pub use state::{ApiState, Parts, Scheme, Settings};
pub use status::StatusReport;
