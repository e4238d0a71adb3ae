//! What a file held when it was opened.

use std::path::Path;

use aws_event_cache_model::{AgentName, Recovered, Timestamp};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableError};

use crate::StoreError;
use crate::op::OwedValue;
use crate::read::{decode, overrides, refreshes};
use crate::schema::{META, META_CLEAN, META_LAST_ALIVE, META_SCHEMA, OWED, SCHEMA};

/// Reads everything that must be understood; the lists that are only shown are read when they are asked for.
///
/// # Errors
/// [`StoreError::Newer`] before anything else is looked at; [`StoreError::Record`] when a record cannot be decoded.
pub(crate) fn recovered(database: &Database, path: &Path) -> Result<Recovered, StoreError> {
    let transaction = database.begin_read().map_err(StoreError::database)?;
    let Some(meta) = Meta::read(&transaction)? else {
        return fresh(&transaction);
    };
    if meta.schema > SCHEMA {
        return Err(StoreError::Newer { path: path.to_owned(), found: meta.schema, known: SCHEMA });
    }
    Ok(Recovered {
        owed: owed(&transaction)?,
        refreshes: refreshes(&transaction)?,
        overrides: overrides(&transaction)?,
        last_alive: meta.last_alive,
        clean: meta.clean,
    })
}

/// A database without our mark: new, or somebody else's.
fn fresh(transaction: &ReadTransaction) -> Result<Recovered, StoreError> {
    if transaction.list_tables().map_err(StoreError::database)?.next().is_some() {
        return Err(StoreError::Record {
            table: "meta",
            why: "there is none, though there are other tables".to_owned(),
        });
    }
    Ok(Recovered::default())
}

struct Meta {
    schema: u64,
    last_alive: Option<Timestamp>,
    clean: bool,
}

impl Meta {
    fn read(transaction: &ReadTransaction) -> Result<Option<Self>, StoreError> {
        let table = match transaction.open_table(META) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(StoreError::database(error)),
        };
        let number = |key| -> Result<Option<i64>, StoreError> {
            Ok(table.get(key).map_err(StoreError::database)?.map(|value| value.value()))
        };
        let bad = |why: &str| StoreError::Record { table: "meta", why: why.to_owned() };
        let schema =
            number(META_SCHEMA)?.and_then(|n| u64::try_from(n).ok()).ok_or_else(|| bad("no schema version"))?;
        let last_alive = match number(META_LAST_ALIVE)? {
            Some(micros) => Some(Timestamp::from_microsecond(micros).map_err(|_| bad("last_alive is out of range"))?),
            None => None,
        };
        Ok(Some(Self { schema, last_alive, clean: number(META_CLEAN)? == Some(1) }))
    }
}

fn owed(transaction: &ReadTransaction) -> Result<Vec<OwedRun>, StoreError> {
    let table = transaction.open_table(OWED).map_err(StoreError::database)?;
    let mut owed = Vec::new();
    for entry in table.iter().map_err(StoreError::database)? {
        let (agent, value) = entry.map_err(StoreError::database)?;
        let agent =
            AgentName::new(agent.value()).map_err(|bad| StoreError::Record { table: "owed", why: bad.to_string() })?;
        let value: OwedValue = decode("owed", value.value())?;
        owed.push((agent, value.class, value.resources, value.cause));
    }
    Ok(owed)
}

type OwedRun =
    (AgentName, aws_event_cache_model::Class, aws_event_cache_model::Resources, aws_event_cache_model::Cause);
