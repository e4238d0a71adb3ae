//! Applying one group of records in one transaction, within the bounds.

use aws_event_cache_model::Timestamp;
use redb::{Database, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};
use smol_str::SmolStr;

use crate::op::Op;
use crate::schema::{
    AUDIT, AUDIT_KEPT, COUNTERS, COUNTERS_KEPT, EVENTS, EVENTS_KEPT, META, META_CLEAN, META_LAST_ALIVE, META_SCHEMA,
    OVERRIDES, OWED, REFRESHES, REFRESHES_ENDED, REFRESHES_ENDED_AT, REFRESHES_KEPT, SCHEMA,
};

/// What is written with every commit about the store itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// When it was in use.
    pub(crate) alive: Timestamp,
    /// Whether this is the last commit of an orderly end.
    pub(crate) clean: bool,
}

/// Applies a group and makes it durable: when this returns `Ok`, it is on disk.
pub(crate) fn commit(database: &Database, ops: &[Op], stamp: Stamp) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut tables = Tables::open(&transaction)?;
        for op in ops {
            tables.apply(op)?;
        }
        tables.trim()?;
        tables.stamp(stamp)?;
    }
    transaction.commit()?;
    Ok(())
}

type Values<'t> = Table<'t, &'static str, &'static [u8]>;
type Log<'t> = Table<'t, u64, &'static [u8]>;

struct Tables<'t> {
    owed: Values<'t>,
    refreshes: Values<'t>,
    ended: Table<'t, (i64, &'static str), &'static [u8]>,
    ended_at: Table<'t, &'static str, i64>,
    overrides: Values<'t>,
    audit: Log<'t>,
    events: Log<'t>,
    counters: Table<'t, &'static str, u64>,
    meta: Table<'t, &'static str, i64>,
}

impl<'t> Tables<'t> {
    /// Opens every table, which also creates the missing ones.
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            owed: transaction.open_table(OWED)?,
            refreshes: transaction.open_table(REFRESHES)?,
            ended: transaction.open_table(REFRESHES_ENDED)?,
            ended_at: transaction.open_table(REFRESHES_ENDED_AT)?,
            overrides: transaction.open_table(OVERRIDES)?,
            audit: transaction.open_table(AUDIT)?,
            events: transaction.open_table(EVENTS)?,
            counters: transaction.open_table(COUNTERS)?,
            meta: transaction.open_table(META)?,
        })
    }

    fn apply(&mut self, op: &Op) -> Result<(), redb::Error> {
        match op {
            Op::Owe { agent, value } => drop(self.owed.insert(agent.as_str(), value.as_slice())?),
            Op::Settle { agent } => drop(self.owed.remove(agent.as_str())?),
            Op::RefreshOpen { id, value } => {
                self.forget_ended(id)?;
                self.refreshes.insert(id.as_str(), value.as_slice())?;
            }
            Op::RefreshEnded { id, micros, value } => {
                self.forget_ended(id)?;
                self.refreshes.remove(id.as_str())?;
                self.ended.insert((*micros, id.as_str()), value.as_slice())?;
                self.ended_at.insert(id.as_str(), *micros)?;
            }
            Op::Override { id, value } => drop(self.overrides.insert(id.as_str(), value.as_slice())?),
            Op::OverrideRemoved { id } => drop(self.overrides.remove(id.as_str())?),
            Op::Audit { value } => push(&mut self.audit, value)?,
            Op::Event { value } => push(&mut self.events, value)?,
            Op::Count { name, add } => self.count(name, *add)?,
        }
        Ok(())
    }

    /// A refresh is in one of the two tables, never in both.
    fn forget_ended(&mut self, id: &SmolStr) -> Result<(), redb::Error> {
        let ended = self.ended_at.remove(id.as_str())?.map(|micros| micros.value());
        if let Some(micros) = ended {
            self.ended.remove((micros, id.as_str()))?;
        }
        Ok(())
    }

    fn count(&mut self, name: &SmolStr, add: u64) -> Result<(), redb::Error> {
        let before = self.counters.get(name.as_str())?.map(|sum| sum.value());
        if before.is_none() && self.counters.len()? >= COUNTERS_KEPT {
            tracing::warn!(%name, "counter not kept: there are too many names");
            return Ok(());
        }
        self.counters.insert(name.as_str(), before.unwrap_or(0).saturating_add(add))?;
        Ok(())
    }

    /// Oldest out.
    fn trim(&mut self) -> Result<(), redb::Error> {
        trim(&mut self.audit, AUDIT_KEPT)?;
        trim(&mut self.events, EVENTS_KEPT)?;
        while self.ended.len()? > REFRESHES_KEPT {
            let Some((key, _)) = self.ended.pop_first()? else { break };
            self.ended_at.remove(key.value().1)?;
        }
        Ok(())
    }

    fn stamp(&mut self, stamp: Stamp) -> Result<(), redb::Error> {
        self.meta.insert(META_SCHEMA, SCHEMA.cast_signed())?;
        self.meta.insert(META_LAST_ALIVE, stamp.alive.as_microsecond())?;
        self.meta.insert(META_CLEAN, i64::from(stamp.clean))?;
        Ok(())
    }
}

fn push(log: &mut Log<'_>, value: &[u8]) -> Result<(), redb::Error> {
    let next = log.last()?.map_or(0, |(last, _)| last.value().saturating_add(1));
    log.insert(next, value)?;
    Ok(())
}

fn trim(log: &mut Log<'_>, kept: u64) -> Result<(), redb::Error> {
    while log.len()? > kept {
        log.pop_first()?;
    }
    Ok(())
}
