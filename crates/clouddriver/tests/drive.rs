//! The drive arm: through real lock stores under models of Clouddriver's schedulers, through one in memory where hours must pass, and over HTTP against a server that answers as
//! Clouddriver does. In the databases our user has the least rights that the handbook asks for.
#![allow(unreachable_pub, reason = "a test binary has nobody to reach its items")]
#![allow(clippy::print_stdout, reason = "measurements")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(missing_docs, reason = "a test binary has no documentation")]

mod away;
mod in_memory;
mod over_http;
mod plugin;
mod support;

use support::scenarios::scenarios;

mod redis_default_scheduler {
    super::scenarios!(super::support::world::World::redis);
}

mod mariadb {
    super::scenarios!(super::support::world::World::mariadb);
}

mod postgresql {
    super::scenarios!(super::support::world::World::postgres);
}
