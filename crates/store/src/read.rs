//! Reading from a snapshot.

use std::collections::BTreeMap;

use aws_event_cache_model::{AuditEntry, EventRecord, Override, RefreshRecord};
use redb::{ReadTransaction, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::schema::{AUDIT, COUNTERS, EVENTS, OVERRIDES, REFRESHES, REFRESHES_ENDED};

/// Decodes one value. The error never holds the value itself.
pub(crate) fn decode<T: DeserializeOwned>(table: &'static str, value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| {
        let why = format!("{:?} error at column {}", error.classify(), error.column());
        StoreError::Record { table, why }
    })
}

/// All refreshes, newest first.
pub(crate) fn refreshes(transaction: &ReadTransaction) -> Result<Vec<RefreshRecord>, StoreError> {
    let open = transaction.open_table(REFRESHES).map_err(StoreError::database)?;
    let ended = transaction.open_table(REFRESHES_ENDED).map_err(StoreError::database)?;
    let mut refreshes: Vec<RefreshRecord> = Vec::new();
    for entry in open.iter().map_err(StoreError::database)? {
        refreshes.push(decode("refreshes", entry.map_err(StoreError::database)?.1.value())?);
    }
    for entry in ended.iter().map_err(StoreError::database)? {
        refreshes.push(decode("refreshes_ended", entry.map_err(StoreError::database)?.1.value())?);
    }
    refreshes.sort_by(|a, b| b.requested.cmp(&a.requested).then_with(|| b.id.cmp(&a.id)));
    Ok(refreshes)
}

/// All overrides, by id.
pub(crate) fn overrides(transaction: &ReadTransaction) -> Result<Vec<Override>, StoreError> {
    let table = transaction.open_table(OVERRIDES).map_err(StoreError::database)?;
    let entries = table.iter().map_err(StoreError::database)?;
    entries.map(|entry| decode("overrides", entry.map_err(StoreError::database)?.1.value())).collect()
}

/// The newest audit entries, newest first.
pub(crate) fn audit(transaction: &ReadTransaction, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
    newest(transaction, AUDIT, "audit", limit)
}

/// The newest events, newest first.
pub(crate) fn events(transaction: &ReadTransaction, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
    newest(transaction, EVENTS, "events", limit)
}

/// All counters.
pub(crate) fn counters(transaction: &ReadTransaction) -> Result<BTreeMap<String, u64>, StoreError> {
    let table = transaction.open_table(COUNTERS).map_err(StoreError::database)?;
    let entries = table.iter().map_err(StoreError::database)?;
    entries
        .map(|entry| {
            let (name, sum) = entry.map_err(StoreError::database)?;
            Ok((name.value().to_owned(), sum.value()))
        })
        .collect()
}

/// An entry that cannot be decoded (written by a newer binary and then rolled back) is passed over: a list for people must not fail as a whole.
fn newest<T: DeserializeOwned>(
    transaction: &ReadTransaction,
    definition: TableDefinition<'static, u64, &'static [u8]>,
    name: &'static str,
    limit: usize,
) -> Result<Vec<T>, StoreError> {
    let table = transaction.open_table(definition).map_err(StoreError::database)?;
    let mut entries = Vec::new();
    for entry in table.iter().map_err(StoreError::database)?.rev().take(limit) {
        let (number, value) = entry.map_err(StoreError::database)?;
        match decode(name, value.value()) {
            Ok(entry) => entries.push(entry),
            Err(error) => tracing::warn!(%error, number = number.value(), "entry passed over"),
        }
    }
    Ok(entries)
}
