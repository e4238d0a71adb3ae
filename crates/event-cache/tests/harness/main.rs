//! The service beside Clouddriver's real agents, operations, scheduler and cache. Each test starts a Clouddriver, which takes half a minute.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and print as tests do")]

mod drive;
mod plugin;
mod stale;
