//! All replicas of Clouddriver: where they are, what they say, and having them run agents.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_clock::Clock;
use aws_event_cache_model::telemetry::{Metric, count};
use aws_event_cache_model::{AgentName, Timestamp};
use parking_lot::Mutex;
use reqwest::Url;
use reqwest::header::HeaderValue;

use super::fleet::{Fleet, ReplicaId, ReplicaState, Sight};
use super::replica::{AT_ONCE, Replica};
use super::text::{AgentLine, RunAnswer};
use crate::lock::later;
use crate::lock_store::{LockStoreError, chain};
use crate::watcher::Looks;

/// How often names are looked up anew. A replica that comes is unseen for so long, and may run agents meanwhile.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);

/// Longest wait for a name server.
const RESOLVE_LIMIT: Duration = Duration::from_secs(3);

/// Most replicas behind one name. More than that is no Clouddriver.
const REPLICAS_LIMIT: usize = 64;

/// Settings of the plugin.
#[derive(Clone)]
pub struct PluginSettings {
    /// Clouddriver's replicas, each by an http or https URL. A name with several addresses stands for a replica at each.
    pub urls: Vec<Url>,
    /// Sent with every call, if the plugin wants one.
    pub secret: Option<String>,
}

impl fmt::Debug for PluginSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSettings").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// The replicas, and what they said last. Nothing is asked before it is needed.
pub struct Replicas {
    urls: Vec<Url>,
    secret: Option<HeaderValue>,
    clock: Clock,
    fleet: Mutex<Fleet>,
    known: Mutex<Known>,
    /// When the replicas were asked last. Held while they are, so that whoever comes meanwhile shares the answer.
    looked: tokio::sync::Mutex<Option<Timestamp>>,
}

#[derive(Default)]
struct Known {
    by_url: BTreeMap<usize, Vec<Arc<Replica>>>,
    resolved: Option<Timestamp>,
}

/// A URL that led nowhere, and why.
type Nowhere = (ReplicaId, String);

impl Replicas {
    /// For these settings. `timeout` is the longest time of a run: a replica that is silent for longer cannot be running anything.
    ///
    /// # Errors
    /// [`LockStoreError::Unexpected`] when the secret cannot be sent in a header.
    pub fn new(settings: &PluginSettings, timeout: Duration, clock: Clock) -> Result<Self, LockStoreError> {
        let secret = settings.secret.as_deref().map(HeaderValue::from_str).transpose();
        let mut secret = secret.map_err(|_| LockStoreError::Unexpected {
            store: "clouddriver.lockStore.plugin.secret".to_owned(),
            said: "what cannot be sent in a header".to_owned(),
        })?;
        if let Some(secret) = &mut secret {
            secret.set_sensitive(true);
        }
        Ok(Self {
            urls: settings.urls.clone(),
            secret,
            clock,
            fleet: Mutex::new(Fleet::new(timeout)),
            known: Mutex::default(),
            looked: tokio::sync::Mutex::new(None),
        })
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        let urls: Vec<&str> = self.urls.iter().map(Url::as_str).collect();
        format!("the bridge plugin in Clouddriver at {}", urls.join(", "))
    }

    /// Asks every replica, unless all were asked at `not_before` or later.
    pub(crate) async fn look(&self, not_before: Timestamp) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|asked| asked >= not_before) {
            return;
        }
        let (replicas, nowhere) = self.resolve().await;
        let asked = self.clock.now();
        let answers = futures::future::join_all(replicas.iter().map(|replica| replica.agents())).await;
        self.hear(&replicas, answers, nowhere, asked);
        *looked = Some(asked);
    }

    fn hear(
        &self,
        replicas: &[Arc<Replica>],
        answers: Vec<Result<Vec<AgentLine>, LockStoreError>>,
        nowhere: Vec<Nowhere>,
        asked: Timestamp,
    ) {
        let mut fleet = self.fleet.lock();
        let ids = replicas.iter().map(|replica| &replica.id).chain(nowhere.iter().map(|(id, _)| id));
        fleet.list(&ids.cloned().collect::<Vec<_>>(), asked);
        for (replica, answer) in replicas.iter().zip(answers) {
            let answer = answer.inspect_err(|_| count(Metric::LockStoreErrors, &[]));
            fleet.hear(&replica.id, answer.map_err(|e| chain(&e)), asked);
        }
        for (id, why) in nowhere {
            count(Metric::LockStoreErrors, &[]);
            fleet.hear(&id, Err(why), asked);
        }
    }

    /// What is known of an agent.
    pub(crate) fn sight(&self, agent: &AgentName) -> Sight {
        self.fleet.lock().sight(agent, self.clock.now())
    }

    /// An agent's interval without us, as far as a replica said.
    pub(crate) fn stock(&self, agent: &AgentName) -> Option<Duration> {
        self.fleet.lock().stock(agent)
    }

    pub(crate) fn states(&self) -> Vec<ReplicaState> {
        self.fleet.lock().states()
    }

    /// Has a replica run agents that wait; the answers are in their order.
    pub(crate) async fn run(&self, replica: &str, agents: &[AgentName]) -> Result<Vec<RunAnswer>, LockStoreError> {
        let known = self.known.lock().by_url.values().flatten().find(|known| known.id == replica).cloned();
        let known = known.ok_or_else(|| LockStoreError::Unexpected {
            store: super::replica::called(&ReplicaId::new(replica)),
            said: "nothing: it is no longer among Clouddriver's addresses".to_owned(),
        })?;
        let mut all = Vec::with_capacity(agents.len());
        for some in agents.chunks(AT_ONCE) {
            let answers = known.run(some).await?;
            let mut fleet = self.fleet.lock();
            let started = some.iter().zip(&answers).filter(|(_, answer)| **answer == RunAnswer::Started);
            started.for_each(|(agent, _)| fleet.release(agent, self.clock.now()));
            all.extend(answers);
        }
        Ok(all)
    }

    /// The replicas of the moment. What cannot be looked up keeps its last addresses.
    async fn resolve(&self) -> (Vec<Arc<Replica>>, Vec<Nowhere>) {
        let now = self.clock.now();
        let due = self.known.lock().resolved.is_none_or(|last| now >= later(last, RESOLVE_EVERY));
        let mut nowhere = Vec::new();
        if due {
            let found = futures::future::join_all(self.urls.iter().map(addresses)).await;
            let mut known = self.known.lock();
            for (n, (url, found)) in self.urls.iter().zip(found).enumerate() {
                let taken = found.and_then(|found| self.replace(url, known.by_url.entry(n).or_default(), &found));
                if let Err(why) = taken
                    && known.by_url.get(&n).is_none_or(Vec::is_empty)
                {
                    nowhere.push((ReplicaId::new(url.as_str()), why));
                }
            }
            // Whoever leads nowhere is looked up again at the next look.
            known.resolved = nowhere.is_empty().then_some(now);
        }
        let mut seen = BTreeSet::new();
        let known = self.known.lock();
        let all = known.by_url.values().flatten().filter(|replica| seen.insert(replica.id.clone()));
        (all.cloned().collect(), nowhere)
    }

    /// Keeps the clients, and so the connections, of replicas that are still there.
    fn replace(&self, url: &Url, known: &mut Vec<Arc<Replica>>, found: &[SocketAddr]) -> Result<(), String> {
        let mut replicas = Vec::with_capacity(found.len());
        for address in found {
            let kept = known.iter().find(|replica| replica.id == address.to_string()).cloned();
            replicas.push(match kept {
                Some(replica) => replica,
                None => Arc::new(Replica::new(url, *address, self.secret.as_ref()).map_err(|e| chain(&e))?),
            });
        }
        *known = replicas;
        Ok(())
    }
}

/// The addresses that a URL leads to, in an order that stays the same.
async fn addresses(url: &Url) -> Result<Vec<SocketAddr>, String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let lookup = tokio::time::timeout(RESOLVE_LIMIT, tokio::net::lookup_host((host, port))).await;
    let found = match lookup {
        Ok(Ok(found)) => found.collect::<BTreeSet<SocketAddr>>(),
        Ok(Err(error)) => return Err(format!("{host} cannot be looked up: {error}")),
        Err(_) => return Err(format!("{host} could not be looked up within {} s", RESOLVE_LIMIT.as_secs())),
    };
    if found.is_empty() {
        return Err(format!("{host} has no address"));
    }
    // A replica in a dual-stack cluster has one address of each family, and is to be asked once.
    let both = found.iter().any(SocketAddr::is_ipv4);
    Ok(found.into_iter().filter(|address| !both || address.is_ipv4()).take(REPLICAS_LIMIT).collect())
}

#[async_trait]
impl Looks for Replicas {
    type Sight = Sight;

    async fn look(&self, agents: &[AgentName]) -> Result<Vec<Sight>, LockStoreError> {
        Replicas::look(self, self.clock.now()).await;
        Ok(agents.iter().map(|agent| self.sight(agent)).collect())
    }
}
