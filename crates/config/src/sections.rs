//! The sections of the file: each file below holds its keys' schema, its types and its reading.

pub(crate) mod accounts;
pub(crate) mod answer;
pub(crate) mod answer_network;
pub(crate) mod certificates;
pub(crate) mod clouddriver;
pub(crate) mod environments;
pub(crate) mod intake;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod sqs;
pub(crate) mod topic;

use crate::schema::Key;

/// All keys, in the order of the reference page.
pub(crate) const KEYS: &[&[Key]] = &[
    environments::KEYS,
    accounts::KEYS,
    clouddriver::KEYS,
    answer::KEYS,
    answer_network::KEYS,
    intake::KEYS,
    certificates::KEYS,
    sqs::KEYS,
    server::KEYS,
    service::KEYS,
];
