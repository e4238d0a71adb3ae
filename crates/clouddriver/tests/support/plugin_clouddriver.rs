//! A model of a Clouddriver whose replicas have the bridge plugin: one scheduler between them, and each replica's plugin as an HTTP server of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::{Agent, AgentName, Timestamp};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::{Fleet, INTERVAL};

/// How a replica behaves.
#[derive(Debug, Clone)]
pub enum Mood {
    Well,
    /// Answers everything with this.
    Says(u16, Vec<u8>),
    /// Sends the first bytes and nothing more.
    Stalls,
}

/// A call to run agents, as a replica got it.
#[derive(Debug, Clone)]
pub struct Told {
    pub replica: usize,
    pub agents: Vec<AgentName>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    started: Timestamp,
    ended: Option<Timestamp>,
}

struct Model {
    fleet: Arc<Fleet>,
    secret: Option<String>,
    state: Mutex<Inner>,
}

struct Inner {
    moods: Vec<Mood>,
    /// Whose lock it is, and until when it lasts; while its agent runs, for ever.
    locks: HashMap<AgentName, (usize, Timestamp)>,
    last: HashMap<(usize, AgentName), Last>,
    intervals: HashMap<AgentName, Duration>,
    told: Vec<Told>,
    /// Which replica's scheduler is quicker: they take turns, or this one always is.
    turn: usize,
    only: Option<usize>,
}

/// Gone when dropped.
pub struct PluginClouddriver {
    model: Arc<Model>,
    pub urls: Vec<String>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl PluginClouddriver {
    pub async fn start(replicas: usize, agents: &[Arc<Agent>], secret: Option<&str>) -> Self {
        let inner = Inner {
            moods: vec![Mood::Well; replicas],
            locks: HashMap::new(),
            last: HashMap::new(),
            intervals: HashMap::new(),
            told: Vec::new(),
            turn: 0,
            only: None,
        };
        let fleet = Fleet::new(Clock::wall(), agents);
        let model = Arc::new(Model { fleet, secret: secret.map(str::to_owned), state: Mutex::new(inner) });
        let (mut urls, mut tasks) = (Vec::new(), Vec::new());
        for replica in 0..replicas {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            urls.push(format!("http://{}", listener.local_addr().unwrap()));
            let router = Router::new()
                .route("/aws-event-cache/agents", get(list))
                .route("/aws-event-cache/agents/run", post(run))
                .with_state((Arc::clone(&model), replica));
            let serve = async move { axum::serve(listener, router).await.unwrap() };
            tasks.push(AbortOnDropHandle::new(tokio::spawn(serve)));
        }
        tasks.push(AbortOnDropHandle::new(tokio::spawn(Arc::clone(&model).schedule())));
        Self { model, urls, _tasks: tasks }
    }

    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.model.fleet
    }

    pub fn mood(&self, replica: usize, mood: Mood) {
        self.model.state.lock().moods[replica] = mood;
    }

    /// From now on only this replica starts agents.
    pub fn only(&self, replica: usize) {
        self.model.state.lock().only = Some(replica);
    }

    pub fn told(&self) -> Vec<Told> {
        self.model.state.lock().told.clone()
    }

    /// What the plugin fetched.
    pub fn follow(&self, intervals: impl IntoIterator<Item = (AgentName, Duration)>) {
        self.model.state.lock().intervals = intervals.into_iter().collect();
    }
}

impl Model {
    async fn schedule(self: Arc<Self>) {
        let mut runs: Vec<AbortOnDropHandle<()>> = Vec::new();
        loop {
            self.fleet.until_next_tick().await;
            runs.retain(|run| !run.is_finished());
            for agent in &self.fleet.agents {
                if let Some((replica, interval)) = self.acquire(agent) {
                    runs.push(AbortOnDropHandle::new(tokio::spawn(Arc::clone(&self).run(
                        replica,
                        agent.clone(),
                        interval,
                    ))));
                }
            }
        }
    }

    fn acquire(&self, agent: &AgentName) -> Option<(usize, Duration)> {
        let (mut state, now) = (self.state.lock(), self.fleet.clock.now());
        if state.locks.get(agent).is_some_and(|(_, until)| *until > now) {
            return None;
        }
        state.turn += 1;
        let replica = state.only.unwrap_or(state.turn % state.moods.len());
        state.locks.insert(agent.clone(), (replica, Timestamp::MAX));
        state.last.insert((replica, agent.clone()), Last { started: now, ended: None });
        Some((replica, state.intervals.get(agent).copied().unwrap_or(INTERVAL)))
    }

    async fn run(self: Arc<Self>, replica: usize, agent: AgentName, interval: Duration) {
        self.fleet.run(&agent).await;
        let mut state = self.state.lock();
        let last = state.last.get_mut(&(replica, agent.clone())).unwrap();
        last.ended = Some(self.fleet.clock.now());
        let until = last.started.saturating_add(interval).unwrap();
        state.locks.insert(agent, (replica, until));
    }

    fn mood(&self, replica: usize, request: &Request) -> Option<Response> {
        if let Some(secret) = &self.secret
            && request.headers().get("x-aws-event-cache-secret").is_none_or(|given| given != secret.as_str())
        {
            return Some(StatusCode::FORBIDDEN.into_response());
        }
        match self.state.lock().moods[replica].clone() {
            Mood::Well => None,
            Mood::Says(status, body) => Some((StatusCode::from_u16(status).unwrap(), body).into_response()),
            Mood::Stalls => {
                let stalled = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
                Some(Response::new(Body::from_stream(stalled)))
            }
        }
    }

    fn line(&self, replica: usize, agent: &AgentName) -> String {
        let state = self.state.lock();
        let last = state.last.get(&(replica, agent.clone()));
        let time = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| at.as_millisecond().to_string());
        let running = last.is_some_and(|last| last.ended.is_none());
        format!(
            "{agent}\ttest.Provider\t{}\t{}\t{}\t{}\tok\n",
            INTERVAL.as_millis(),
            if running { "running" } else { "idle" },
            time(last.map(|last| last.started)),
            time(last.and_then(|last| last.ended)),
        )
    }

    /// As Redis' scheduler: a replica can only give up a lock of its own.
    fn told(&self, replica: usize, agent: &AgentName) -> &'static str {
        let mut state = self.state.lock();
        if !self.fleet.agents.contains(agent) {
            return "unknown";
        }
        if state.last.get(&(replica, agent.clone())).is_some_and(|last| last.ended.is_none()) {
            return "running";
        }
        if state.locks.get(agent).is_some_and(|(owner, until)| *owner == replica && *until < Timestamp::MAX) {
            state.locks.remove(agent);
        }
        "started"
    }
}

async fn list(State((model, replica)): State<(Arc<Model>, usize)>, request: Request) -> Response {
    if let Some(answer) = model.mood(replica, &request) {
        return answer;
    }
    model.fleet.agents.iter().map(|agent| model.line(replica, agent)).collect::<String>().into_response()
}

async fn run(State((model, replica)): State<(Arc<Model>, usize)>, request: Request) -> Response {
    if let Some(answer) = model.mood(replica, &request) {
        return answer;
    }
    assert_eq!(request.headers().get("content-type").unwrap(), "text/plain; charset=utf-8");
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let agents: Vec<AgentName> = body.lines().map(|line| AgentName::new(line).unwrap()).collect();
    let answer = agents.iter().map(|agent| format!("{agent}\t{}\n", model.told(replica, agent))).collect::<String>();
    model.state.lock().told.push(Told { replica, agents });
    answer.into_response()
}
