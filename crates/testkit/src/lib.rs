//! For tests only: real servers on loopback that end with the test.
//!
//! ```no_run
//! # use aws_event_cache_testkit::{MariaDb, Postgres, Redis};
//! let redis = Redis::start()?;
//! println!("{}", redis.url()); // redis://127.0.0.1:40123
//! # Ok::<(), aws_event_cache_testkit::StartError>(())
//! ```
//!
//! # What is promised
//!
//! - Every `start` gives a server of its own: its own port, its own data in a temporary folder, nothing shared with another test.
//! - When `start` returns, the server answers. It said so in its own log, so a foreign server on the same port is never taken for it.
//! - The server is gone when the value is dropped, and also when the test process is killed.
//! - What is not installed is an error that says how to install it. Nothing is ever skipped.
//! - No runtime is needed: `start` blocks for the less than a second (Clouddriver: half a minute) that it takes.
//!
//! # Where things are found
//!
//! `cargo xtask test` says in environment variables where things are; without them the usual places are searched, so `cargo nextest run` works as well.
//!
//! | variable | else |
//! |---|---|
//! | `AEC_REDIS_SERVER` | `redis-server` in `PATH` |
//! | `AEC_MARIADBD` | `mariadbd` in `PATH` and `/usr/sbin` |
//! | `AEC_POSTGRES_BIN` (folder) | the newest `/usr/lib/postgresql/*/bin` |
//! | `AEC_JAVA`, `AEC_KEYTOOL` | `java`, `keytool` in `PATH` |
//! | `AEC_PYTHON` | the environment that `cargo xtask setup` makes, under `target/harness` |
//! | `AEC_MOCK_AWS`, `AEC_HARNESS_PROXY` | `harness/` of this repository |
//! | `AEC_HARNESS_CLASSPATH`, `AEC_HARNESS_CLASSPATH_1_28` | what `cargo xtask setup` builds, under `target/harness` |
//! | `AEC_ORCA_CLASSPATH`, `AEC_ORCA_CLASSPATH_1_28` | the same |
//! | `AEC_SERVICE` | `aws-event-cache` in the folder where cargo puts programs beside the running test |

mod clouddriver;
mod error;
mod event_cache;
mod find;
mod host;
mod http;
mod mariadb;
mod mock_aws;
mod orca;
mod postgres;
mod process;
mod redis;
mod sdk;
pub mod sigv4;
mod topic;

pub use clouddriver::{Clouddriver, Place, Release};
pub use error::StartError;
pub use event_cache::{AnswerWiring, Answering, EventCache, Wiring};
pub use host::{Host, HostSettings, Service, bridge_plugin};
pub use http::CallError;
pub use mariadb::MariaDb;
pub use mock_aws::{MockAccount, MockAws};
pub use orca::{LOOPBACK_HOST, Orca, OrcaWiring};
pub use postgres::Postgres;
pub use process::{eventually, free_port};
pub use redis::Redis;
pub use sdk::{Credentials, Said, Sdk, Via, Way};
pub use topic::Topic;
