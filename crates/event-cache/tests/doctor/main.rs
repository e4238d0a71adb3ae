//! `doctor` as a process, with a running service, a mock AWS, real lock stores and a Clouddriver of our own: every hop is broken in turn.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod aws;
mod clouddriver;
mod databases;
mod handbook;
mod hops;
mod relay;
#[path = "../support/mod.rs"]
mod support;
mod world;
