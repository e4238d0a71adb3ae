//! The router as callers see it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod access;
mod answering;
mod document;
mod engine_and_store;
mod intervals;
mod operating;
mod over_tcp;
mod probes;
mod properties;
mod refusals;
mod stage_contract;
mod support;
