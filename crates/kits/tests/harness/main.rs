//! The bridge plugin, as it is built for operators, in JVMs that load plugins as Gate and Clouddriver do.
//!
//! A JVM takes seconds to start, so a test starts one and checks many things in it; [`checks::Checks`] says at the end which of them failed.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "how many checks there were")]

mod checks;
mod class_files;
mod client;
mod clouddriver;
mod gate;
mod intervals;
mod layouts;
mod profiles;
mod service;
#[path = "../support/mod.rs"]
mod support;
mod whole_way;
