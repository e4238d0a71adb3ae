//! The service as a whole: the real binary beside a real Redis, told by signed messages, watched at Clouddriver's locks.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and print as tests do")]

mod driving;
mod footprint;
mod listeners;
mod messages;
mod orders;
mod queues;
#[path = "../support/mod.rs"]
mod support;
