//! One model Clouddriver and one real lock store.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_clouddriver::lock_store::{LockStore, LockStoreSettings, open};
use aws_event_cache_clouddriver::{CacheStore, Control, Driver, DriverParts};
use aws_event_cache_model::{Agent, AgentName};
use aws_event_cache_testkit::{MariaDb, Postgres, Redis};
use redis::cmd;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::sql_scheduler::{Bound, Database};
use super::{Fleet, TIMEOUT, accounts, agents, catalog, redis_scheduler, sql_scheduler, stock};

/// The namespace is set, so that it is tested along.
const NAMESPACE: &str = "blue_1";
const TABLE: &str = "cats_agent_locks_blue_1";

enum Server {
    Redis(Redis),
    Sql { _server: Box<dyn std::any::Any + Send + Sync>, database: Database },
}

pub struct World {
    server: Server,
    settings: LockStoreSettings,
    pub clock: Clock,
    pub agents: Vec<Arc<Agent>>,
    pub fleet: Arc<Fleet>,
}

impl World {
    pub async fn redis() -> Self {
        let server = Redis::start().unwrap();
        let settings = LockStoreSettings { url: server.url(), ..LockStoreSettings::default() };
        Self::new(Server::Redis(server), settings)
    }

    /// Our user has the rights that the documentation asks for, and no others.
    pub async fn mariadb() -> Self {
        let server = MariaDb::start().unwrap();
        // As root, since the server's ordinary user may not grant.
        let root = format!("mysql://root@127.0.0.1:{}/clouddriver", server.port());
        let pool = MySqlPoolOptions::new().connect(&root).await.unwrap();
        let database = Database::MySql(pool);
        database.create(TABLE).await;
        database.execute("CREATE USER 'event_cache'@'%' IDENTIFIED BY 'se%cret@'", &[]).await.unwrap();
        let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON clouddriver.{TABLE} TO 'event_cache'@'%'");
        database.execute(&grant, &[]).await.unwrap();
        let settings = LockStoreSettings {
            url: format!("jdbc:mysql://127.0.0.1:{}/clouddriver?useSSL=false", server.port()),
            user: Some("event_cache".to_owned()),
            password: Some("se%cret@".to_owned()),
            ..LockStoreSettings::default()
        };
        Self::new(Server::Sql { _server: Box::new(server), database }, settings)
    }

    pub async fn postgres() -> Self {
        let server = Postgres::start().unwrap();
        let pool = PgPoolOptions::new().connect(&server.url()).await.unwrap();
        let database = Database::Postgres(pool);
        database.create(TABLE).await;
        database.execute("CREATE ROLE event_cache LOGIN", &[]).await.unwrap();
        database
            .execute(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO event_cache"), &[])
            .await
            .unwrap();
        let settings = LockStoreSettings {
            url: format!("jdbc:postgresql://127.0.0.1:{}/postgres?user=event_cache&sslmode=disable", server.port()),
            ..LockStoreSettings::default()
        };
        Self::new(Server::Sql { _server: Box::new(server), database }, settings)
    }

    fn new(server: Server, settings: LockStoreSettings) -> Self {
        let (clock, agents) = (Clock::wall(), agents(3));
        let fleet = Fleet::new(clock.clone(), &agents);
        let settings = LockStoreSettings { namespace: Some(NAMESPACE.parse().unwrap()), ..settings };
        Self { server, settings, clock, agents, fleet }
    }

    /// Our view of the lock store, as the instance of this name.
    pub fn store(&self, instance: &str) -> Arc<dyn LockStore> {
        open(&LockStoreSettings { instance: instance.to_owned(), ..self.settings.clone() }, self.clock.clone()).unwrap()
    }

    pub fn driver(&self, instance: &str) -> Driver {
        Driver::start(DriverParts {
            control: Control::Locks(self.store(instance)),
            other_locks: Vec::new(),
            clouddriver: None,
            catalog: catalog(),
            accounts: watch::channel(accounts(3)).1,
            stock: stock(),
            cache_store: CacheStore::Unknown,
            confirm: false,
            clock: self.clock.clone(),
        })
    }

    /// Starts a replica of Clouddriver.
    pub async fn replica(&self, identity: &str) -> AbortOnDropHandle<()> {
        self.replica_ahead(identity, Duration::ZERO).await
    }

    /// One whose clock is ahead, which only SQL's locks depend on.
    pub async fn replica_ahead(&self, identity: &str, ahead: Duration) -> AbortOnDropHandle<()> {
        match &self.server {
            Server::Redis(server) => redis_scheduler::start(&server.url(), identity, &self.fleet).await,
            Server::Sql { database, .. } => sql_scheduler::start(database, TABLE, identity, ahead, &self.fleet),
        }
    }

    pub fn is_redis(&self) -> bool {
        matches!(self.server, Server::Redis(_))
    }

    /// Writes a lock as a replica does that started the agent `ago` before now: its life is `length` from then.
    pub async fn put(&self, agent: &AgentName, owner: &str, ago: Duration, length: Duration) {
        let acquired = self.clock.now().saturating_sub(ago).unwrap();
        match &self.server {
            Server::Redis(_) => {
                let left = (length - ago).as_millis().to_string();
                self.redis_command(&["SET", agent.as_str(), owner, "PX", &left]).await;
            }
            Server::Sql { database, .. } => {
                let name = Bound::Text(agent.to_string());
                database.execute(&format!("DELETE FROM {TABLE} WHERE agent_name = ?"), &[name]).await.unwrap();
                let expires = acquired.saturating_add(length).unwrap();
                let row = (agent.to_string(), owner.to_owned(), acquired.as_millisecond(), expires.as_millisecond());
                database.insert(TABLE, &row).await.unwrap();
            }
        }
    }

    /// Takes an agent's lock as a scheduler does: only if there is none. Tells whether it got it.
    pub async fn acquire(&self, agent: &AgentName, owner: &str) -> bool {
        match &self.server {
            Server::Redis(_) => {
                let life = TIMEOUT.as_millis().to_string();
                let answer = self.redis_command(&["SET", agent.as_str(), owner, "NX", "PX", &life]).await;
                answer == redis::Value::Okay
            }
            Server::Sql { database, .. } => {
                let now = self.clock.now();
                let until = now.saturating_add(TIMEOUT).unwrap();
                let row = (agent.to_string(), owner.to_owned(), now.as_millisecond(), until.as_millisecond());
                database.insert(TABLE, &row).await.is_ok()
            }
        }
    }

    /// Deletes an agent's lock, whatever it is.
    pub async fn delete(&self, agent: &AgentName) {
        match &self.server {
            Server::Redis(_) => drop(self.redis_command(&["DEL", agent.as_str()]).await),
            Server::Sql { database, .. } => {
                let name = Bound::Text(agent.to_string());
                database.execute(&format!("DELETE FROM {TABLE} WHERE agent_name = ?"), &[name]).await.unwrap();
            }
        }
    }

    /// Takes the optional right away again.
    pub async fn revoke_insert(&self) {
        let Server::Sql { database, .. } = &self.server else { panic!("not SQL") };
        let text = match database {
            Database::MySql(_) => format!("REVOKE INSERT ON clouddriver.{TABLE} FROM 'event_cache'@'%'"),
            Database::Postgres(_) => format!("REVOKE INSERT ON {TABLE} FROM event_cache"),
        };
        database.execute(&text, &[]).await.unwrap();
    }

    /// Everything in the store, but the lives of Redis keys.
    pub async fn everything(&self) -> Vec<String> {
        match &self.server {
            Server::Redis(_) => {
                let redis::Value::Array(keys) = self.redis_command(&["KEYS", "*"]).await else { panic!("keys") };
                let mut all = Vec::new();
                for key in keys {
                    let key: String = redis::from_redis_value(key).unwrap();
                    all.push(format!("{key} = {:?}", self.redis_command(&["DUMP", &key]).await));
                }
                all.sort();
                all
            }
            Server::Sql { database, .. } => database.rows(TABLE).await.iter().map(|row| format!("{row:?}")).collect(),
        }
    }

    /// A command to Redis.
    pub async fn redis_command(&self, words: &[&str]) -> redis::Value {
        let Server::Redis(server) = &self.server else { panic!("not Redis") };
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await.unwrap()
    }

    /// A statement to the database, with all rights.
    pub async fn sql(&self, text: &str) {
        let Server::Sql { database, .. } = &self.server else { panic!("not SQL") };
        database.execute(text, &[]).await.unwrap();
    }
}
