//! A model of one replica under Clouddriver's default Redis scheduler, as read in it and seen with 5.90.0: each tick it tries `SET <agent> <identity> NX PX <timeout>` for
//! each agent that it does not run; after the run a script sets the life to start + interval if the value is still its own, or deletes the key if less than 500 ms are left.

use std::collections::HashSet;
use std::sync::Arc;

use aws_event_cache_model::{AgentName, Timestamp};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Script, cmd};
use tokio_util::task::AbortOnDropHandle;

use super::{Fleet, INTERVAL, TIMEOUT};

const END: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
                   if tonumber(ARGV[2]) < 500 then return redis.call('DEL', KEYS[1]) end \
                   return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

#[derive(Clone)]
struct Replica {
    identity: String,
    connection: MultiplexedConnection,
    fleet: Arc<Fleet>,
    running: Arc<Mutex<HashSet<AgentName>>>,
}

/// Starts a replica; it stops when the answer is dropped, as by `kill -9`.
pub async fn start(url: &str, identity: &str, fleet: &Arc<Fleet>) -> AbortOnDropHandle<()> {
    let connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let replica =
        Replica { identity: identity.to_owned(), connection, fleet: Arc::clone(fleet), running: Arc::default() };
    AbortOnDropHandle::new(tokio::spawn(replica.tick_for_ever()))
}

impl Replica {
    async fn tick_for_ever(self) {
        loop {
            for agent in self.fleet.agents.clone() {
                if !self.running.lock().contains(&agent) && self.acquire(&agent).await {
                    self.running.lock().insert(agent.clone());
                    tokio::spawn(self.clone().run(agent, self.fleet.clock.now()));
                }
            }
            self.fleet.until_next_tick().await;
        }
    }

    async fn acquire(&self, agent: &AgentName) -> bool {
        let mut set = cmd("SET");
        set.arg(agent.as_str()).arg(&self.identity).arg("NX").arg("PX").arg(TIMEOUT.as_millis().to_string());
        let answer: Option<String> = set.query_async(&mut self.connection.clone()).await.unwrap();
        answer.is_some()
    }

    async fn run(self, agent: AgentName, started: Timestamp) {
        self.fleet.run(&agent).await;
        let left = started.saturating_add(INTERVAL).unwrap().as_millisecond() - self.fleet.clock.now().as_millisecond();
        let _: i64 = Script::new(END)
            .key(agent.as_str())
            .arg(&self.identity)
            .arg(left)
            .invoke_async(&mut self.connection.clone())
            .await
            .unwrap();
        self.running.lock().remove(&agent);
    }
}
