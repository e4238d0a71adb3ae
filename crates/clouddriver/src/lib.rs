//! The drive arm: Clouddriver's accounts, on-demand calls, agent runs and holds.
//!
//! Clouddriver polls by agents. Each has a lock in SQL or Redis; an agent without a lock is started at the next tick of a scheduler, about a second later. So:
//!
//! - *run now* is to take the lock of an idle agent away ([`run`]), and to watch the new lock until the run has ended;
//! - *hold back* is to set the end of an idle agent's lock to a later time, or to take the lock of an agent that has none between two runs ([`holds`]), short and renewed, so
//!   that it ends by itself when we die.
//!
//! Where the locks cannot be reached or driven, the bridge plugin in Clouddriver does both from inside: it runs agents when told to, and polls at the intervals that it
//! fetches from us ([`plugin`]).
//!
//! ```text
//!  engine ──Drive──> driver ─┬─ way: run ─ watcher ─┐
//!                            ├─ locks: keeper, holds┼──> lock_store: Redis, MySQL/MariaDB, PostgreSQL
//!                            ├─ diagnose ───────────┘
//!                            ├─ plugin ──────────────> the bridge plugin of each replica
//!                            └─ on_demand ───────────> client: Clouddriver over HTTP
//!  accounts_feed <── client, accounts_yaml, configuration
//! ```
//!
//! Promises: a running agent is never touched; every write has the condition that the lock is still the one seen, or that there still is none; no lock is written without an end; only the locks of
//! exactly the known agents are touched.

mod accounts;
mod accounts_feed;
mod accounts_yaml;
pub mod book;
mod client;
mod credentials;
pub mod diagnose;
mod driver;
pub mod holds;
mod keeper;
pub mod lock;
pub mod lock_store;
mod locks;
mod memory;
mod mode;
mod on_demand;
pub mod plugin;
pub mod run;
mod watcher;
mod way;

pub use accounts::{AccountPattern, BadPattern, EnvironmentRule, Environments, merge};
pub use accounts_feed::{AccountsFeed, AccountsSettings, FeedState};
pub use accounts_yaml::{BadYaml, FILE_LIMIT, YamlAccounts, aws_accounts_yaml};
pub use client::{AgentRun, Clouddriver, ClouddriverError, ClouddriverSettings, Credentials, OnDemandAnswer};
pub use credentials::Declared;
pub use driver::{Control, ControlState, Driver, DriverParts};
pub use mode::Moded;
pub use on_demand::CacheStore;
