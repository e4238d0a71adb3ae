//! A model of one replica under Clouddriver's SQL scheduler, as read in it. Each tick: candidates are the agents that it does not run; all rows are read; a row that has ended
//! by the replica's own clock is deleted by name and end, a live one removes its candidate; a row is inserted for each candidate, ending at now + timeout, and a key conflict
//! means that another replica won. After the run the row is updated by name only, without regard to its owner, to start + interval, or deleted if less than 500 ms are left.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{AgentName, Timestamp};
use parking_lot::Mutex;
use sqlx::{AssertSqlSafe, MySqlPool, PgPool};
use tokio_util::task::AbortOnDropHandle;

use super::{Fleet, INTERVAL, TIMEOUT};

/// `(agent_name, owner_id, lock_acquired, lock_expiry)`.
pub type Row = (String, String, i64, i64);

/// Clouddriver's side of the database, with all rights.
#[derive(Clone)]
pub enum Database {
    MySql(MySqlPool),
    Postgres(PgPool),
}

/// A bound value.
#[derive(Clone, Debug)]
pub enum Bound {
    Text(String),
    Number(i64),
}

macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Bound::Text(text) => query.bind(text.clone()),
                Bound::Number(number) => query.bind(*number),
            };
        }
        query
    }};
}

impl Database {
    fn sql(&self, text: &str) -> AssertSqlSafe<String> {
        let Self::Postgres(_) = self else { return AssertSqlSafe(text.to_owned()) };
        let mut parts = text.split('?');
        let mut sql = parts.next().unwrap().to_owned();
        for (n, part) in parts.enumerate() {
            sql.push_str(&format!("${}{part}", n + 1));
        }
        AssertSqlSafe(sql)
    }

    pub async fn execute(&self, text: &str, values: &[Bound]) -> Result<u64, sqlx::Error> {
        match self {
            Self::MySql(pool) => Ok(bound!(sqlx::query(self.sql(text)), values).execute(pool).await?.rows_affected()),
            Self::Postgres(pool) => {
                Ok(bound!(sqlx::query(self.sql(text)), values).execute(pool).await?.rows_affected())
            }
        }
    }

    pub async fn rows(&self, table: &str) -> Vec<Row> {
        let text = format!("SELECT agent_name, owner_id, lock_acquired, lock_expiry FROM {table} ORDER BY agent_name");
        match self {
            Self::MySql(pool) => sqlx::query_as(self.sql(&text)).fetch_all(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_as(self.sql(&text)).fetch_all(pool).await.unwrap(),
        }
    }

    /// The table as Clouddriver's migration makes it.
    pub async fn create(&self, table: &str) {
        let text = format!(
            "CREATE TABLE {table} (agent_name varchar(500) NOT NULL PRIMARY KEY, owner_id varchar(255) NOT NULL, lock_acquired bigint NOT NULL, lock_expiry bigint NOT NULL, UNIQUE (agent_name, lock_expiry))"
        );
        self.execute(&text, &[]).await.unwrap();
    }

    pub async fn insert(&self, table: &str, row: &Row) -> Result<u64, sqlx::Error> {
        let values =
            [Bound::Text(row.0.clone()), Bound::Text(row.1.clone()), Bound::Number(row.2), Bound::Number(row.3)];
        let text =
            format!("INSERT INTO {table} (agent_name, owner_id, lock_acquired, lock_expiry) VALUES (?, ?, ?, ?)");
        self.execute(&text, &values).await
    }
}

#[derive(Clone)]
struct Replica {
    identity: String,
    database: Database,
    table: String,
    /// How far its clock is ahead of ours.
    ahead: Duration,
    fleet: Arc<Fleet>,
    running: Arc<Mutex<HashSet<AgentName>>>,
}

/// Starts a replica whose clock is `ahead`; it stops when the answer is dropped, as by `kill -9`.
pub fn start(
    database: &Database,
    table: &str,
    identity: &str,
    ahead: Duration,
    fleet: &Arc<Fleet>,
) -> AbortOnDropHandle<()> {
    let replica = Replica {
        identity: identity.to_owned(),
        database: database.clone(),
        table: table.to_owned(),
        ahead,
        fleet: Arc::clone(fleet),
        running: Arc::default(),
    };
    AbortOnDropHandle::new(tokio::spawn(replica.tick_for_ever()))
}

impl Replica {
    fn now(&self) -> Timestamp {
        self.fleet.clock.now().saturating_add(self.ahead).unwrap()
    }

    async fn tick_for_ever(self) {
        loop {
            let mut candidates: BTreeSet<AgentName> = self.fleet.agents.iter().cloned().collect();
            candidates.retain(|agent| !self.running.lock().contains(agent));
            for (name, _, _, expiry) in self.database.rows(&self.table).await {
                if expiry < self.now().as_millisecond() {
                    let text = format!("DELETE FROM {} WHERE agent_name = ? AND lock_expiry = ?", self.table);
                    self.database.execute(&text, &[Bound::Text(name), Bound::Number(expiry)]).await.unwrap();
                } else {
                    candidates.retain(|agent| agent.as_str() != name);
                }
            }
            for agent in candidates {
                let now = self.now();
                let until = now.saturating_add(TIMEOUT).unwrap();
                let row = (agent.to_string(), self.identity.clone(), now.as_millisecond(), until.as_millisecond());
                // A key conflict: another replica won.
                if self.database.insert(&self.table, &row).await.is_ok() {
                    self.running.lock().insert(agent.clone());
                    tokio::spawn(self.clone().run(agent, now));
                }
            }
            self.fleet.until_next_tick().await;
        }
    }

    async fn run(self, agent: AgentName, started: Timestamp) {
        self.fleet.run(&agent).await;
        let until = started.saturating_add(INTERVAL).unwrap().as_millisecond();
        let name = Bound::Text(agent.to_string());
        if until - self.now().as_millisecond() < 500 {
            self.database.execute(&format!("DELETE FROM {} WHERE agent_name = ?", self.table), &[name]).await.unwrap();
        } else {
            let text = format!("UPDATE {} SET lock_expiry = ? WHERE agent_name = ?", self.table);
            self.database.execute(&text, &[Bound::Number(until), name]).await.unwrap();
        }
        self.running.lock().remove(&agent);
    }
}
