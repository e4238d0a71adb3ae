//! Locks of Clouddriver's SQL scheduler: the table `cats_agent_locks`, or `cats_agent_locks_<namespace>` where `sql.table-namespace` is set.
//!
//! Columns (unchanged since 2018, MySQL and PostgreSQL alike): `agent_name` varchar(500), primary key; `owner_id` varchar(255); `lock_acquired` and
//! `lock_expiry`, bigint, milliseconds since 1970 by the clock of the replica that wrote them. Each second every replica deletes ended rows by name *and* end, inserts a
//! row ending at now + timeout for each agent it starts, and when the run has ended sets the end of the row *of that name* to start + interval.
//!
//! Least rights: `SELECT`, `UPDATE` and `DELETE` on that one table. With `INSERT` also agents whose runs outlast their interval can be held: between two runs they have
//! no row, and the one moment to keep them from starting again is to insert ours before a replica inserts its own. The primary key lets exactly one of us.
//!
//! A MySQL 8 user with `caching_sha2_password` (its default) needs TLS, since without it the password would have to be encrypted with the server's RSA key, which we do not do:
//! leave `useSSL=false` out of the URL, or create the user with another plugin.
//!
//! The namespace becomes part of an identifier and therefore is a [`Namespace`]; everything else is bound.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{AgentName, Timestamp};
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, FromRow, MySqlPool, PgPool, mysql::MySqlRow, postgres::PgRow};

use super::{Facts, LockStore, LockStoreError, Namespace, Written};
use crate::lock::{Lock, Mark};

/// Longest wait for one answer, connecting included.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Connections at most: one for the watch loop, the others for holds. Clouddriver's database is not ours to fill.
const CONNECTIONS: u32 = 4;

/// Most names in one statement. Shorter lists are filled up to one of [`LIST_LENGTHS`], by repeating the last, so that a server sees few different statements.
const BATCH: usize = 256;

/// Lengths of name lists.
const LIST_LENGTHS: [usize; 4] = [1, 8, 64, BATCH];

/// Locks in MySQL, MariaDB or PostgreSQL.
pub struct SqlLocks {
    pool: Pool,
    name: String,
    table: String,
    mark: Mark,
    clock: Clock,
    /// The database has refused an insert: it is not asked again, and its log not filled.
    may_not_insert: AtomicBool,
}

enum Pool {
    MySql(MySqlPool),
    Postgres(PgPool),
}

/// A value bound to a statement.
#[derive(Clone)]
enum Bound {
    Text(String),
    Number(i64),
}

impl Bound {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn time(at: Timestamp) -> Self {
        Self::Number(at.as_millisecond())
    }
}

/// A statement with its values, for either database.
macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Bound::Text(text) => query.bind(text),
                Bound::Number(number) => query.bind(number),
            };
        }
        query
    }};
}

type Row = (String, Option<String>, i64, i64);

impl SqlLocks {
    /// MySQL or MariaDB. Connects at the first call.
    pub fn mysql(options: MySqlConnectOptions, namespace: Option<&Namespace>, mark: Mark, clock: Clock) -> Self {
        let name = format!("MySQL at {}:{}", options.get_host(), options.get_port());
        let pool = MySqlPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ANSWER_LIMIT);
        Self::new(Pool::MySql(pool.connect_lazy_with(options)), &name, namespace, mark, clock)
    }

    /// PostgreSQL. Connects at the first call.
    pub fn postgres(options: PgConnectOptions, namespace: Option<&Namespace>, mark: Mark, clock: Clock) -> Self {
        let name = format!("PostgreSQL at {}:{}", options.get_host(), options.get_port());
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ANSWER_LIMIT);
        Self::new(Pool::Postgres(pool.connect_lazy_with(options)), &name, namespace, mark, clock)
    }

    fn new(pool: Pool, name: &str, namespace: Option<&Namespace>, mark: Mark, clock: Clock) -> Self {
        let table = namespace.map_or_else(|| "cats_agent_locks".to_owned(), |n| format!("cats_agent_locks_{n}"));
        let name = format!("{name}, table {table}");
        Self { pool, name, table, mark, clock, may_not_insert: AtomicBool::new(false) }
    }

    /// With a limit of our own over the driver's: a server that accepts and then says nothing must not stop the watch loop.
    async fn limited<T>(&self, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, LockStoreError> {
        match tokio::time::timeout(ANSWER_LIMIT, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(LockStoreError::Sql { store: self.name.clone(), source }),
            Err(_) => Err(LockStoreError::TimedOut { store: self.name.clone(), seconds: ANSWER_LIMIT.as_secs() }),
        }
    }

    /// `?` stands for a value. The text is ours: constants and the checked table name.
    async fn execute(&self, sql: String, values: Vec<Bound>) -> Result<u64, LockStoreError> {
        match &self.pool {
            Pool::MySql(pool) => {
                let query = bound!(sqlx::query(AssertSqlSafe(sql)), values);
                self.limited(query.execute(pool)).await.map(|done| done.rows_affected())
            }
            Pool::Postgres(pool) => {
                let query = bound!(sqlx::query(AssertSqlSafe(numbered(&sql))), values);
                self.limited(query.execute(pool)).await.map(|done| done.rows_affected())
            }
        }
    }

    async fn fetch<T>(&self, sql: String, values: Vec<Bound>) -> Result<Vec<T>, LockStoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, PgRow>,
    {
        match &self.pool {
            Pool::MySql(pool) => {
                let query = bound!(sqlx::query_as::<_, T>(AssertSqlSafe(sql)), values);
                self.limited(query.fetch_all(pool)).await
            }
            Pool::Postgres(pool) => {
                let query = bound!(sqlx::query_as::<_, T>(AssertSqlSafe(numbered(&sql))), values);
                self.limited(query.fetch_all(pool)).await
            }
        }
    }

    async fn rows(&self, agents: &[AgentName]) -> Result<HashMap<String, Lock>, LockStoreError> {
        let mut locks = HashMap::with_capacity(agents.len());
        for batch in agents.chunks(BATCH) {
            let names = filled(batch);
            let sql = format!(
                "SELECT agent_name, owner_id, lock_acquired, lock_expiry FROM {} WHERE agent_name IN ({})",
                self.table,
                places(names.len())
            );
            for row in self.fetch::<Row>(sql, names).await? {
                locks.insert(row.0.clone(), lock(row));
            }
        }
        Ok(locks)
    }

    /// Says once what it costs that we may not insert.
    fn warn_of_missing_right(&self) {
        if !self.may_not_insert.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                store = self.name,
                "the database does not let us insert into the lock table, so agents whose runs take longer than their interval cannot be held and go on polling; \
                 all others are held as usual. To hold those too, grant INSERT on that table and restart"
            );
        }
    }

    fn pubsub_table(&self) -> String {
        let schema = match self.pool {
            Pool::MySql(_) => "table_schema = DATABASE()",
            Pool::Postgres(_) => "table_schema = ANY(current_schemas(false))",
        };
        format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'pubsub_agent_state' AND {schema}")
    }

    /// A failure to answer is not a fault of the lock store: managed databases hide such variables.
    async fn is_read_only(&self) -> bool {
        let sql = match self.pool {
            Pool::MySql(_) => "SELECT CAST(@@global.read_only AS SIGNED)",
            Pool::Postgres(_) => "SELECT pg_is_in_recovery()::int::bigint",
        };
        self.fetch::<(i64,)>(sql.to_owned(), Vec::new()).await.is_ok_and(|rows| rows.first() == Some(&(1,)))
    }
}

#[async_trait]
impl LockStore for SqlLocks {
    fn describe(&self) -> String {
        self.name.clone()
    }

    async fn read(&self, agents: &[AgentName]) -> Result<Vec<Option<Lock>>, LockStoreError> {
        // By exact name: a database may compare names without regard to case.
        let mut locks = self.rows(agents).await?;
        Ok(agents.iter().map(|agent| locks.remove(agent.as_str())).collect())
    }

    async fn release_if(&self, agent: &AgentName, seen: &Lock) -> Result<Written, LockStoreError> {
        let sql = format!("DELETE FROM {} WHERE agent_name = ? AND lock_expiry = ?", self.table);
        Ok(written(self.execute(sql, vec![Bound::text(agent.as_str()), Bound::time(seen.expires)]).await?))
    }

    async fn hold_if(&self, agent: &AgentName, seen: &Lock, until: Timestamp) -> Result<Written, LockStoreError> {
        let sql =
            format!("UPDATE {} SET lock_expiry = ?, owner_id = ? WHERE agent_name = ? AND lock_expiry = ?", self.table);
        let (mark, name) = (Bound::text(self.mark.as_str()), Bound::text(agent.as_str()));
        Ok(written(self.execute(sql, vec![Bound::time(until), mark, name, Bound::time(seen.expires)]).await?))
    }

    async fn claim(&self, agent: &AgentName, until: Timestamp) -> Result<Written, LockStoreError> {
        if self.may_not_insert.load(Ordering::Relaxed) {
            return Ok(Written::Conflict);
        }
        let sql = format!(
            "INSERT INTO {} (agent_name, owner_id, lock_acquired, lock_expiry) VALUES (?, ?, ?, ?)",
            self.table
        );
        let (name, mark) = (Bound::text(agent.as_str()), Bound::text(self.mark.as_str()));
        match self.execute(sql, vec![name, mark, Bound::time(self.clock.now()), Bound::time(until)]).await {
            Ok(rows) => Ok(written(rows)),
            Err(LockStoreError::Sql { source: sqlx::Error::Database(said), .. }) if said.is_unique_violation() => {
                Ok(Written::Conflict)
            }
            Err(LockStoreError::Sql { source: sqlx::Error::Database(said), .. }) if is_denied(&*said) => {
                self.warn_of_missing_right();
                Ok(Written::Conflict)
            }
            Err(error) => Err(error),
        }
    }

    async fn let_go(&self, agents: &[AgentName]) -> Result<u64, LockStoreError> {
        let mut gone = 0;
        for batch in agents.chunks(BATCH) {
            let names = filled(batch);
            let sql =
                format!("DELETE FROM {} WHERE owner_id LIKE ? AND agent_name IN ({})", self.table, places(names.len()));
            // No character of the mark has a meaning in a pattern.
            let ours = Bound::Text(format!("{}%", Mark::prefix()));
            gone += self.execute(sql, std::iter::once(ours).chain(names).collect()).await?;
        }
        Ok(gone)
    }

    async fn probe(&self, agents: &[AgentName]) -> Result<Facts, LockStoreError> {
        let locks = self.rows(agents).await?;
        let totals = format!("SELECT COUNT(*), MAX(lock_acquired) FROM {}", self.table);
        let (rows, newest) =
            self.fetch::<(i64, Option<i64>)>(totals, Vec::new()).await?.first().copied().unwrap_or_default();
        let pubsub = self.fetch::<(i64,)>(self.pubsub_table(), Vec::new()).await?;
        Ok(Facts {
            store: self.describe(),
            asked: agents.len(),
            locked: locks.len(),
            ours: locks.values().filter(|lock| lock.is_ours()).count(),
            pubsub_scheduler: pubsub.first().is_some_and(|count| count.0 > 0),
            rows: u64::try_from(rows).ok(),
            newest_start: newest.map(time),
            read_only: self.is_read_only().await,
            ..Facts::default()
        })
    }
}

fn lock((_, owner, acquired, expires): Row) -> Lock {
    Lock { owner: owner.unwrap_or_default().into(), acquired: Some(time(acquired)), expires: time(expires) }
}

/// Milliseconds since 1970; what no clock shows is taken as the end of time.
fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

fn written(rows: u64) -> Written {
    if rows == 1 { Written::Done } else { Written::Conflict }
}

/// The user lacks the right to the table: MySQL's `ER_TABLEACCESS_DENIED_ERROR`, PostgreSQL's `insufficient_privilege`.
fn is_denied(said: &dyn DatabaseError) -> bool {
    match said.try_downcast_ref::<MySqlDatabaseError>() {
        Some(mysql) => mysql.number() == 1142,
        None => said.code().is_some_and(|code| code == "42501"),
    }
}

fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn filled(agents: &[AgentName]) -> Vec<Bound> {
    let length = LIST_LENGTHS.into_iter().find(|&length| length >= agents.len()).unwrap_or(agents.len());
    let mut names: Vec<Bound> = agents.iter().map(|agent| Bound::text(agent.as_str())).collect();
    if let Some(last) = names.last().cloned() {
        names.resize(length, last);
    }
    names
}

/// PostgreSQL numbers its places.
fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (n, part) in parts.enumerate() {
        text.push_str(&format!("${}{part}", n + 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_for_postgresql() {
        assert_eq!(numbered("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
    }

    #[test]
    fn name_lists_come_in_few_lengths() {
        let names: Vec<AgentName> = (0..300).map(|n| AgentName::new(format!("a/{n}")).unwrap()).collect();
        let mut lengths: Vec<usize> = (1..=BATCH).map(|n| filled(&names[..n]).len()).collect();
        lengths.dedup();
        assert_eq!(lengths, LIST_LENGTHS);
    }
}
