//! Agents run and held through real lock stores, under models of Clouddriver's schedulers. In the databases our user has the least rights that the handbook asks for.
#![allow(unreachable_pub, reason = "a test binary has nobody to reach its items")]
#![allow(missing_docs, reason = "a test binary has no documentation")]

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
