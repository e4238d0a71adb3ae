//! What all replicas together show of an agent. Pure.
//!
//! The plugin sees the runs of its own replica only, so what an agent does is known when every replica has spoken. A replica that is silent may be running anything; it is
//! taken for gone when a run's lock would have ended, since Clouddriver's own schedulers then start its agents elsewhere.
//!
//! Invariants, tested below: an agent that any replica says it is running is never shown as waiting; no agent is shown as waiting while a replica is silent that was heard
//! within a run's longest time; an agent that was told to run is not shown as waiting again before a newer run of it was seen, or [`START_PATIENCE`] has passed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_event_cache_model::{AgentName, Timestamp};
use smol_str::SmolStr;

use super::text::AgentLine;
use crate::lock::{later, span};
use crate::run::START_PATIENCE;

/// A replica, by its address.
pub type ReplicaId = SmolStr;

/// What is known of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// No replica knows it.
    Unknown,
    /// It waits for its next run.
    Waiting(Waiting),
    /// It was told to run and has not begun.
    Released {
        /// When its last run before that started; `None` if it never ran.
        started: Option<Timestamp>,
    },
    /// It runs.
    Running {
        /// Since when; the epoch if the replica does not say.
        since: Timestamp,
    },
    /// A replica is silent, so nobody knows whether it runs.
    Uncertain {
        /// Who is silent, in plain words.
        why: String,
        /// Its last run that is known of.
        started: Option<Timestamp>,
    },
}

/// An agent that waits for its next run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The replica that ran it last, or else the first that knows it: whose lock it has.
    pub replica: ReplicaId,
    /// When its last run started; `None` if it never ran.
    pub started: Option<Timestamp>,
    /// Its interval without us.
    pub stock: Duration,
    /// Whether its last run failed.
    pub failed: bool,
}

/// How a replica is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaState {
    /// Its address.
    pub replica: ReplicaId,
    /// When it was last asked and answered.
    pub answered: Option<Timestamp>,
    /// Why it did not answer the last time.
    pub failure: Option<String>,
    /// Agents that it knows.
    pub agents: usize,
    /// Its answers contradict each other in time: several replicas share the address.
    pub mixed: bool,
}

#[derive(Debug)]
struct View {
    lines: HashMap<AgentName, AgentLine>,
    /// When it was heard last; or first asked, if never.
    heard: Timestamp,
    answered: bool,
    failure: Option<String>,
    /// Still among the addresses.
    listed: bool,
    mixed: bool,
}

/// All replicas.
#[derive(Debug)]
pub struct Fleet {
    views: BTreeMap<ReplicaId, View>,
    /// Longest time of a run.
    timeout: Duration,
    released: HashMap<AgentName, Release>,
}

/// An agent that was told to run.
#[derive(Debug, Clone, Copy)]
struct Release {
    /// The start of the last run known then.
    started: Option<Timestamp>,
    at: Timestamp,
}

impl Fleet {
    /// Nobody has been heard. `timeout` is the longest time of a run.
    pub fn new(timeout: Duration) -> Self {
        Self { views: BTreeMap::new(), timeout, released: HashMap::new() }
    }

    /// Who there is now. Those who are no longer listed are forgotten when a run of theirs must have ended.
    pub fn list(&mut self, replicas: &[ReplicaId], now: Timestamp) {
        for (id, view) in &mut self.views {
            view.listed = replicas.contains(id);
            if !view.listed {
                view.failure = Some("it is no longer among Clouddriver's addresses".to_owned());
            }
        }
        for id in replicas {
            self.views.entry(id.clone()).or_insert_with(|| View::new(now));
        }
        let timeout = self.timeout;
        self.views.retain(|_, view| view.listed || span(view.heard, now) <= timeout);
        self.released.retain(|_, release| span(release.at, now) <= START_PATIENCE);
    }

    /// Takes what a replica answered, or why it did not, to a question that was asked then.
    pub fn hear(&mut self, replica: &ReplicaId, answer: Result<Vec<AgentLine>, String>, asked: Timestamp) {
        let Some(view) = self.views.get_mut(replica) else { return };
        match answer {
            Ok(lines) => view.take(lines, asked),
            Err(why) => view.failure = Some(why),
        }
    }

    /// Notes that an agent was told to run.
    pub fn release(&mut self, agent: &AgentName, now: Timestamp) {
        let started = self.newest(agent, now).and_then(|(_, line)| line.started);
        self.released.insert(agent.clone(), Release { started, at: now });
    }

    /// What is known of an agent.
    pub fn sight(&self, agent: &AgentName, now: Timestamp) -> Sight {
        let newest = self.newest(agent, now);
        if let Some(since) = self.running(agent, now) {
            return Sight::Running { since };
        }
        if let Some(why) = self.silent(now) {
            return Sight::Uncertain { why, started: newest.and_then(|(_, line)| line.started) };
        }
        let Some((replica, line)) = newest else { return Sight::Unknown };
        if self.is_released(agent, line, now) {
            return Sight::Released { started: line.started };
        }
        Sight::Waiting(Waiting {
            replica: replica.clone(),
            started: line.started,
            stock: line.stock,
            failed: line.failed,
        })
    }

    /// An agent's interval without us, as far as anybody said.
    pub fn stock(&self, agent: &AgentName) -> Option<Duration> {
        self.views.values().find_map(|view| view.lines.get(agent)).map(|line| line.stock)
    }

    /// How each replica is doing.
    pub fn states(&self) -> Vec<ReplicaState> {
        let listed = self.views.iter().filter(|(_, view)| view.listed);
        let state = |(id, view): (&ReplicaId, &View)| ReplicaState {
            replica: id.clone(),
            answered: view.answered.then_some(view.heard),
            failure: view.failure.clone(),
            agents: view.lines.len(),
            mixed: view.mixed,
        };
        listed.map(state).collect()
    }

    fn alive(&self, now: Timestamp) -> impl Iterator<Item = (&ReplicaId, &View)> {
        self.views.iter().filter(move |(_, view)| view.is_fresh() || span(view.heard, now) <= self.timeout)
    }

    /// The line of the replica that started the agent last.
    fn newest(&self, agent: &AgentName, now: Timestamp) -> Option<(&ReplicaId, &AgentLine)> {
        let lines = self.alive(now).filter_map(|(id, view)| Some((id, view.lines.get(agent)?)));
        // Of equals the first: the order of addresses does not change.
        lines.reduce(|best, other| if other.1.started > best.1.started { other } else { best })
    }

    /// Since when it runs, if any replica says so. What a silent one said counts until a newer run was seen elsewhere.
    fn running(&self, agent: &AgentName, now: Timestamp) -> Option<Timestamp> {
        let newest = self.newest(agent, now)?.1.started;
        let lines = self.alive(now).filter_map(|(_, view)| Some((view.is_fresh(), view.lines.get(agent)?)));
        let running = lines.filter(|(fresh, line)| line.running && (*fresh || line.started >= newest));
        running.map(|(_, line)| line.started.unwrap_or(Timestamp::UNIX_EPOCH)).max()
    }

    /// Who of those listed is silent, and not for so long that it is gone.
    fn silent(&self, now: Timestamp) -> Option<String> {
        if self.views.values().all(|view| !view.listed) {
            return Some("Clouddriver's address leads to no replica".to_owned());
        }
        let answers = self.views.values().any(View::is_fresh);
        let (id, view) = self.views.iter().find(|(_, view)| {
            let gone = answers && now > later(view.heard, self.timeout);
            view.listed && !view.is_fresh() && !gone
        })?;
        let why = view.failure.as_deref().unwrap_or("it was not asked yet");
        Some(format!("what Clouddriver's replica at {id} runs is not known: {why}"))
    }

    fn is_released(&self, agent: &AgentName, line: &AgentLine, now: Timestamp) -> bool {
        let release = self.released.get(agent);
        release.is_some_and(|release| line.started <= release.started && span(release.at, now) <= START_PATIENCE)
    }
}

impl View {
    fn new(now: Timestamp) -> Self {
        Self { lines: HashMap::new(), heard: now, answered: false, failure: None, listed: true, mixed: false }
    }

    /// Whether what it holds is what the replica says now.
    fn is_fresh(&self) -> bool {
        self.answered && self.failure.is_none() && self.listed
    }

    fn take(&mut self, lines: Vec<AgentLine>, asked: Timestamp) {
        let mut taken: HashMap<AgentName, AgentLine> = HashMap::with_capacity(lines.len());
        for line in lines {
            match taken.get_mut(&line.agent) {
                // One type of agent under two providers: it is busy if either is.
                Some(other) => {
                    other.running |= line.running;
                    other.started = other.started.max(line.started);
                }
                None => drop(taken.insert(line.agent.clone(), line)),
            }
        }
        // Within one process starts only ever get later, and a new one knows of none.
        let back = |line: &AgentLine| {
            let before = self.lines.get(&line.agent).and_then(|before| before.started);
            line.started.is_some_and(|started| before.is_some_and(|before| started < before))
        };
        self.mixed = self.mixed || taken.values().any(back);
        (self.lines, self.heard, self.answered, self.failure) = (taken, asked, true, None);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(300);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn agent() -> AgentName {
        AgentName::new("test/eu-west-1/WidgetCachingAgent").unwrap()
    }

    fn line(started: Option<i64>, running: bool) -> AgentLine {
        let started = started.map(at);
        AgentLine { agent: agent(), stock: Duration::from_secs(30), running, started, failed: false }
    }

    fn id(name: &str) -> ReplicaId {
        ReplicaId::new(name)
    }

    fn fleet(answers: &[(&str, Option<i64>, bool)], now: i64) -> Fleet {
        let mut fleet = Fleet::new(TIMEOUT);
        let ids: Vec<ReplicaId> = answers.iter().map(|(name, ..)| id(name)).collect();
        fleet.list(&ids, at(now));
        for (name, started, running) in answers {
            fleet.hear(&id(name), Ok(vec![line(*started, *running)]), at(now));
        }
        fleet
    }

    fn waiting(sight: Sight) -> Waiting {
        match sight {
            Sight::Waiting(waiting) => waiting,
            other => panic!("not waiting: {other:?}"),
        }
    }

    #[test]
    fn an_agent_waits_where_it_ran_last_and_runs_if_any_replica_runs_it() {
        let fleet_of =
            |second_runs| fleet(&[("a", Some(10), false), ("b", Some(40), second_runs), ("c", None, false)], 50);
        let seen = waiting(fleet_of(false).sight(&agent(), at(50)));
        assert_eq!((seen.replica.as_str(), seen.started), ("b", Some(at(40))));
        assert_eq!(fleet_of(true).sight(&agent(), at(50)), Sight::Running { since: at(40) });
    }

    #[test]
    fn a_run_beside_a_newer_one_is_still_a_run() {
        let fleet = fleet(&[("a", Some(10), true), ("b", Some(40), false)], 50);
        assert_eq!(fleet.sight(&agent(), at(50)), Sight::Running { since: at(10) });
    }

    #[test]
    fn while_a_replica_is_silent_nobody_waits_until_its_runs_must_have_ended() {
        let mut fleet = fleet(&[("a", Some(10), false), ("b", Some(5), false)], 50);
        fleet.hear(&id("b"), Err("refused".to_owned()), at(60));
        let Sight::Uncertain { why, started } = fleet.sight(&agent(), at(60)) else { panic!() };
        assert!(why.contains("at b") && why.contains("refused") && started == Some(at(10)), "{why}");
        fleet.hear(&id("a"), Ok(vec![line(Some(10), false)]), at(350));
        assert!(matches!(fleet.sight(&agent(), at(350)), Sight::Uncertain { .. }));
        fleet.hear(&id("a"), Ok(vec![line(Some(10), false)]), at(351));
        assert_eq!(waiting(fleet.sight(&agent(), at(351))).replica, "a");
    }

    #[test]
    fn where_nobody_answers_nothing_is_known_however_long_it_lasts() {
        let mut fleet = Fleet::new(TIMEOUT);
        assert!(matches!(fleet.sight(&agent(), at(0)), Sight::Uncertain { .. }), "no address");
        fleet.list(&[id("a")], at(0));
        fleet.hear(&id("a"), Err("refused".to_owned()), at(10_000));
        assert!(matches!(fleet.sight(&agent(), at(10_000)), Sight::Uncertain { .. }));
    }

    #[test]
    fn a_run_on_a_replica_that_went_away_counts_until_it_must_have_ended_or_a_newer_one_is_seen() {
        let mut fleet = fleet(&[("a", Some(10), false), ("b", Some(40), true)], 50);
        fleet.list(&[id("a")], at(60));
        assert_eq!(fleet.sight(&agent(), at(60)), Sight::Running { since: at(40) });
        let mut newer = Fleet::new(TIMEOUT);
        std::mem::swap(&mut newer, &mut fleet);
        newer.hear(&id("a"), Ok(vec![line(Some(90), false)]), at(100));
        assert_eq!(waiting(newer.sight(&agent(), at(100))).replica, "a");
        newer.list(&[id("a")], at(351));
        assert_eq!(newer.views.len(), 1);
    }

    #[test]
    fn an_agent_that_was_told_to_run_is_not_told_again_before_it_ran_or_has_had_time() {
        let mut fleet = fleet(&[("a", Some(10), false)], 50);
        fleet.release(&agent(), at(50));
        assert_eq!(fleet.sight(&agent(), at(51)), Sight::Released { started: Some(at(10)) });
        fleet.hear(&id("a"), Ok(vec![line(Some(52), false)]), at(53));
        assert_eq!(waiting(fleet.sight(&agent(), at(53))).started, Some(at(52)));
        fleet.release(&agent(), at(90));
        assert_eq!(waiting(fleet.sight(&agent(), at(121))).started, Some(at(52)), "nobody starts it");
    }

    #[test]
    fn an_agent_that_never_ran_waits_and_one_that_nobody_knows_is_unknown() {
        assert_eq!(waiting(fleet(&[("a", None, false)], 0).sight(&agent(), at(0))).started, None);
        let mut empty = fleet(&[("a", None, false)], 0);
        empty.hear(&id("a"), Ok(Vec::new()), at(1));
        assert_eq!(empty.sight(&agent(), at(1)), Sight::Unknown);
    }

    #[test]
    fn starts_that_go_back_show_that_several_replicas_share_an_address_and_a_restart_does_not() {
        let mut fleet = fleet(&[("a", Some(10), false)], 20);
        fleet.hear(&id("a"), Ok(vec![line(None, false)]), at(21));
        fleet.hear(&id("a"), Ok(vec![line(Some(15), false)]), at(22));
        assert!(!fleet.states()[0].mixed, "a restart");
        fleet.hear(&id("a"), Ok(vec![line(Some(12), false)]), at(23));
        assert!(fleet.states()[0].mixed);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Answer(usize, Option<i64>, bool),
        Silence(usize),
        List(Vec<bool>),
        Release,
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0usize..3, proptest::option::of(0i64..600), any::<bool>()).prop_map(|(r, s, run)| Step::Answer(r, s, run)),
            (0usize..3).prop_map(Step::Silence),
            proptest::collection::vec(any::<bool>(), 3).prop_map(Step::List),
            Just(Step::Release),
        ]
    }

    proptest! {
        #[test]
        fn nobody_is_shown_waiting_who_may_be_running_or_was_just_told_to_run(
            script in proptest::collection::vec((0i64..60, steps()), 1..40),
        ) {
            let ids = ["a", "b", "c"].map(id);
            let mut fleet = Fleet::new(TIMEOUT);
            fleet.list(&ids, at(0));
            let (mut now, mut listed) = (0, [true; 3]);
            // By replica: what it said last and when, and whether it was silent since.
            let mut said: [Option<(Option<i64>, bool, i64)>; 3] = [None; 3];
            let mut silent = [true; 3];
            let mut released: Option<(i64, Option<i64>)> = None;
            for (wait, step) in script {
                now += wait;
                match step {
                    Step::Answer(r, started, running) if listed[r] => {
                        let started = started.map(|s| s.min(now));
                        fleet.hear(&ids[r], Ok(vec![line(started, running)]), at(now));
                        (said[r], silent[r]) = (Some((started, running, now)), false);
                    }
                    Step::Answer(..) => {}
                    Step::Silence(r) => {
                        fleet.hear(&ids[r], Err("refused".to_owned()), at(now));
                        silent[r] = true;
                    }
                    Step::List(which) => {
                        listed.copy_from_slice(&which);
                        (0..3).filter(|r| !which[*r]).for_each(|r| silent[r] = true);
                        let now_listed: Vec<ReplicaId> = ids.iter().zip(&which).filter(|(_, on)| **on).map(|(id, _)| id.clone()).collect();
                        fleet.list(&now_listed, at(now));
                    }
                    Step::Release => {
                        if let Sight::Waiting(seen) = fleet.sight(&agent(), at(now)) {
                            fleet.release(&agent(), at(now));
                            released = Some((now, seen.started.map(|s| s.as_second() - at(0).as_second())));
                        }
                    }
                }
                if let Sight::Waiting(seen) = fleet.sight(&agent(), at(now)) {
                    for r in (0..3).filter(|r| listed[*r]) {
                        if let Some((_, running, _)) = said[r].filter(|_| !silent[r]) {
                            prop_assert!(!running, "replica {r} runs it");
                        }
                        if let Some((.., heard)) = said[r].filter(|_| silent[r]) {
                            prop_assert!(now - heard > 300, "replica {r} was heard {} s ago", now - heard);
                        }
                    }
                    if let Some((told, before)) = released.filter(|(told, _)| now - told <= 30) {
                        prop_assert!(seen.started > before.map(at), "told to run at {told}, and shown as waiting at {now}");
                    }
                }
            }
        }
    }
}
