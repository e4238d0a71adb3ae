//! Locks of Clouddriver's default Redis scheduler: one string per agent whose key is the agent's name, without prefix.
//!
//! Read and seen (Clouddriver 5.90.0, 5.76.0): a lock's value is the replica's identity; it lives as long as the agent's timeout while the agent runs, and to start +
//! interval afterwards, where the change is made only if the value is still the replica's own. So a hold is our value with an expiry, and survives.
//!
//! Least rights (Redis ACL): the agents' keys with `+get +set +del +pttl +type +exists +evalsha +script|load +role +ping`.
//!
//! One address: a server, a managed primary endpoint, or a proxy. Sentinels are not asked, nor redirections of a cluster followed, as in Clouddriver's usual settings.
//!
//! Every script and command works on one key, so that it also works where a proxy spreads keys over a cluster's slots.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::{AgentName, Timestamp};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Pipeline, RedisError, Script, Value, cmd};

use super::{Facts, LockStore, LockStoreError, Written};
use crate::lock::{Lock, Mark, SAME, later, span};

/// Longest wait for one answer. A healthy Redis answers in a millisecond; the watch loop asks again after 250 ms anyway.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// Most scripts in one round trip: keeps one batch below a few milliseconds of Redis's single thread.
const BATCH: usize = 500;

/// Keys of Clouddriver's `sort` scheduler.
const SORT_KEYS: [&str; 2] = ["WAITZ", "WORKZ"];

/// Key of Clouddriver's publish-subscribe scheduler.
const PUBSUB_KEY: &str = "pubsub_agent_stream";

static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("read.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("release_if.lua")));
static HOLD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("hold_if.lua")));
static LET_GO: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("let_go.lua")));

/// Locks in Redis or Valkey. Only with a clock that runs as the wall does, since Redis counts lives down by itself.
pub struct RedisLocks {
    connection: ConnectionManager,
    name: String,
    mark: Mark,
    clock: Clock,
}

/// What the reading script says of one key.
enum Found {
    Nothing,
    Lock(Lock),
    NotAString,
}

impl RedisLocks {
    /// Makes ready; connects at the first call and again whenever the connection is lost.
    ///
    /// # Errors
    /// [`LockStoreError::Redis`] when the URL or the machine's certificates cannot be used.
    pub fn new(url: &reqwest::Url, mark: Mark, clock: Clock) -> Result<Self, LockStoreError> {
        let name = format!("Redis at {}:{}", url.host_str().unwrap_or("?"), url.port().unwrap_or(6379));
        let failed = |source| LockStoreError::Redis { store: name.clone(), source };
        let client = Client::open(url.as_str()).map_err(failed)?;
        let settings = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER_LIMIT))
            .set_connection_timeout(Some(ANSWER_LIMIT))
            .set_max_delay(Duration::from_secs(1))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client, settings).map_err(failed)?;
        Ok(Self { connection, name, mark, clock })
    }

    fn failed(&self, source: RedisError) -> LockStoreError {
        if source.is_timeout() {
            LockStoreError::TimedOut { store: self.name.clone(), seconds: ANSWER_LIMIT.as_secs() }
        } else {
            LockStoreError::Redis { store: self.name.clone(), source }
        }
    }

    /// Runs one script on each of some keys, in one round trip. A Redis that was restarted has forgotten the script: it is loaded and the batch sent again.
    async fn on_each<T: FromRedisValue>(
        &self,
        script: &'static Script,
        agents: &[AgentName],
        arguments: &[&str],
    ) -> Result<Vec<T>, LockStoreError> {
        let mut batch = Pipeline::with_capacity(agents.len());
        for agent in agents {
            batch.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(agent.as_str()).arg(arguments);
        }
        let mut connection = self.connection.clone();
        match batch.query_async(&mut connection).await {
            Err(error) if is_no_script(&error) => {
                script.load_async(&mut connection).await.map_err(|e| self.failed(e))?;
                batch.query_async(&mut connection).await.map_err(|e| self.failed(e))
            }
            answer => answer.map_err(|e| self.failed(e)),
        }
    }

    async fn find(&self, agents: &[AgentName]) -> Result<Vec<Found>, LockStoreError> {
        let mut found = Vec::with_capacity(agents.len());
        for batch in agents.chunks(BATCH) {
            let asked = self.clock.now();
            let answers: Vec<(Value, i64)> = self.on_each(&READ, batch, &[]).await?;
            for (value, left) in answers {
                found.push(self.found(value, left, asked)?);
            }
        }
        Ok(found)
    }

    /// -1, -2: as `PTTL` says "never ends" and "no such key"; -3: our script's word for another type.
    fn found(&self, value: Value, left: i64, asked: Timestamp) -> Result<Found, LockStoreError> {
        let expires = match left {
            -2 => return Ok(Found::Nothing),
            -3 => return Ok(Found::NotAString),
            -1 => Timestamp::MAX,
            left => later(asked, Duration::from_millis(u64::try_from(left).unwrap_or(0))),
        };
        let owner: Vec<u8> = redis::from_redis_value(value)
            .map_err(|e| LockStoreError::Unexpected { store: self.name.clone(), said: e.to_string() })?;
        Ok(Found::Lock(Lock { owner: String::from_utf8_lossy(&owner).into(), acquired: None, expires }))
    }

    async fn write(
        &self,
        script: &'static Script,
        agent: &AgentName,
        seen: &Lock,
        more: &[&str],
    ) -> Result<Written, LockStoreError> {
        let left = span(self.clock.now(), seen.expires).as_millis().to_string();
        let tolerance = SAME.as_millis().to_string();
        let arguments = [&[seen.owner.as_str(), &left, &tolerance], more].concat();
        let done: Vec<i64> = self.on_each(script, std::slice::from_ref(agent), &arguments).await?;
        Ok(if done == [1] { Written::Done } else { Written::Conflict })
    }
}

#[async_trait]
impl LockStore for RedisLocks {
    fn describe(&self) -> String {
        self.name.clone()
    }

    async fn read(&self, agents: &[AgentName]) -> Result<Vec<Option<Lock>>, LockStoreError> {
        let lock = |found| if let Found::Lock(lock) = found { Some(lock) } else { None };
        Ok(self.find(agents).await?.into_iter().map(lock).collect())
    }

    async fn release_if(&self, agent: &AgentName, seen: &Lock) -> Result<Written, LockStoreError> {
        self.write(&RELEASE, agent, seen, &[]).await
    }

    async fn hold_if(&self, agent: &AgentName, seen: &Lock, until: Timestamp) -> Result<Written, LockStoreError> {
        let life = life(self.clock.now(), until);
        self.write(&HOLD, agent, seen, &[self.mark.as_str(), &life]).await
    }

    async fn claim(&self, agent: &AgentName, until: Timestamp) -> Result<Written, LockStoreError> {
        let life = life(self.clock.now(), until);
        let mut set = cmd("SET");
        // Always with PX: a lock without an end would keep the agent from running for ever.
        set.arg(agent.as_str()).arg(self.mark.as_str()).arg("NX").arg("PX").arg(life);
        let done: Option<Value> = set.query_async(&mut self.connection.clone()).await.map_err(|e| self.failed(e))?;
        Ok(if done.is_some() { Written::Done } else { Written::Conflict })
    }

    async fn let_go(&self, agents: &[AgentName]) -> Result<u64, LockStoreError> {
        let mut gone = 0;
        for batch in agents.chunks(BATCH) {
            let done: Vec<u64> = self.on_each(&LET_GO, batch, &[Mark::prefix()]).await?;
            gone += done.iter().sum::<u64>();
        }
        Ok(gone)
    }

    async fn probe(&self, agents: &[AgentName]) -> Result<Facts, LockStoreError> {
        let mut facts = Facts { store: self.describe(), asked: agents.len(), ..Facts::default() };
        for (agent, found) in agents.iter().zip(self.find(agents).await?) {
            match found {
                Found::Nothing => {}
                Found::NotAString => facts.not_strings.push(agent.clone()),
                Found::Lock(lock) => {
                    facts.locked += 1;
                    facts.ours += usize::from(lock.is_ours());
                    if lock.is_endless() {
                        facts.endless.push(agent.clone());
                    }
                }
            }
        }
        let mut connection = self.connection.clone();
        let mut exists = async |key: &str| -> Result<bool, LockStoreError> {
            cmd("EXISTS").arg(key).query_async(&mut connection).await.map_err(|e| self.failed(e))
        };
        for key in SORT_KEYS {
            facts.sort_scheduler |= exists(key).await?;
        }
        facts.pubsub_scheduler = exists(PUBSUB_KEY).await?;
        // Without the right to ask for the role we do not know; a write would tell.
        let role: Result<Vec<Value>, _> = cmd("ROLE").query_async(&mut self.connection.clone()).await;
        facts.read_only = matches!(role.ok().and_then(|mut r| (!r.is_empty()).then(|| r.swap_remove(0))),
            Some(Value::BulkString(role)) if role == b"slave");
        Ok(facts)
    }
}

/// Milliseconds from now to then, as Redis takes them; 0 is not a life.
fn life(now: Timestamp, until: Timestamp) -> String {
    span(now, until).as_millis().max(1).to_string()
}

fn is_no_script(error: &RedisError) -> bool {
    error.code() == Some("NOSCRIPT") || error.to_string().contains("NOSCRIPT")
}
