//! The answer arm between simulated agents and simulated AWS: the real core decides about real requests and learns from real bodies; what the proxy's shell does
//! beside it (connections, sharing of calls under way, budget) is left out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_answer::{Answers, Asked, ConnectionMemory, Reading, Reply, Ruling};
use aws_event_cache_catalog::{AgeClass, Catalog, Roster};
use aws_event_cache_model::{AccountId, Agent, AgentName, ErrorShape, Evidence, Hint, KindId, Place, Scope, Timestamp};
use aws_event_cache_wire::{Protocol, Scan, next_token};
use bytes::Bytes;
use http::StatusCode;

use crate::aws::{Answered, SimulatedAws};
use crate::bodies::{Shown, answer};
use crate::churn::Change;
use crate::requests::{self, Question, Script, Sent, Signer};

/// Time that an answer from memory takes, the way to the proxy included.
const MEMORY_TIME: Duration = Duration::from_millis(1);

/// What came of the requests so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Answered from memory.
    pub from_memory: u64,
    /// Answered by AWS and learned from.
    pub learned: u64,
    /// Answered by AWS and none of the answer arm's business.
    pub passed: u64,
    /// Clouddriver's own writes that were seen.
    pub writes: u64,
    /// Answers that belonged to another place or kind than was asked for, or to none.
    pub mixed_up: u64,
}

/// One client's side: whose session it signs with, and what its connection remembers.
#[derive(Debug)]
struct Client {
    signer: Signer,
    memory: ConnectionMemory,
}

/// The answer arm, the clients before it, and the state of what lies behind it.
#[derive(Debug)]
pub struct AnswerArm {
    answers: Arc<Answers>,
    catalog: Arc<Catalog>,
    scripts: HashMap<AgentName, Arc<Script>>,
    clients: HashMap<AccountId, Client>,
    /// When changes became visible, by where they are read.
    visible: HashMap<(Place, KindId), Vec<Timestamp>>,
    evidence: Vec<(Scope, Evidence)>,
    counts: Counts,
}

impl AnswerArm {
    /// For these agents, whose runs ask `fleet` times as much as the catalogue estimates.
    pub fn new(answers: Arc<Answers>, catalog: Arc<Catalog>, roster: &Roster, fleet: u32) -> Self {
        let script = |agent: &Arc<Agent>| (agent.name.clone(), Arc::new(Script::of(agent, &catalog, fleet)));
        Self {
            scripts: roster.agents().iter().map(script).collect(),
            answers,
            catalog,
            clients: HashMap::new(),
            visible: HashMap::new(),
            evidence: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// A change of a kind will be visible at `visible` to who reads at this place.
    pub fn changed(&mut self, place: &Place, kind: &KindId, visible: Timestamp) {
        let home = self.home(place, kind);
        self.visible.entry((home, kind.clone())).or_default().push(visible);
    }

    /// Where a kind's answers belong that are asked for at a place: those of a service without regions are the same from everywhere.
    fn home(&self, place: &Place, kind: &KindId) -> Place {
        let service = self.catalog.kind(kind).and_then(|kind| self.catalog.service(&kind.reads.first()?.service));
        let region = service.and_then(|service| service.global_region.clone());
        region.map_or_else(|| place.clone(), |region| Place::new(place.account.clone(), region))
    }

    /// Makes the calls of a run. Returns what they cost, and the last change that the answers show of each kind.
    pub fn run(
        &mut self,
        aws: &mut SimulatedAws,
        agent: &Agent,
        now: Timestamp,
    ) -> (Answered, HashMap<KindId, Timestamp>) {
        let (mut answered, mut shown) = (Answered::default(), HashMap::new());
        let script = self.scripts.get(&agent.name).cloned().unwrap_or_default();
        for question in &script.questions {
            let mut token = None;
            for number in 0..question.pages {
                let asked = (question, number, token.as_deref());
                let Some(body) = self.ask(aws, asked, &agent.place, now, &mut answered) else {
                    return (answered, shown);
                };
                self.look(question, &agent.place, &body, &mut shown);
                token = self.token(question, &body);
                if token.is_none() {
                    break;
                }
            }
        }
        for (bucket, count) in &script.others {
            for _ in 0..*count {
                aws.call(&self.catalog, &agent.place, bucket, now, &mut answered);
                if answered.failed {
                    return (answered, shown);
                }
            }
        }
        (answered, shown)
    }

    /// One page: from memory, or from AWS. `None` when AWS refused at every attempt.
    fn ask(
        &mut self,
        aws: &mut SimulatedAws,
        (question, number, token): (&Question, u32, Option<&str>),
        place: &Place,
        now: Timestamp,
        answered: &mut Answered,
    ) -> Option<Bytes> {
        let at = after(now, answered.took);
        let catalog = self.catalog.clone();
        let sent = requests::page(question, token, place, &catalog, &self.client(place, at).signer, at);
        let ruling = sent.map(|sent| self.rule(&sent, place, at));
        if let Some(Ruling::Hit(hit)) = ruling {
            answered.took += MEMORY_TIME;
            self.counts.from_memory += 1;
            return Some(hit.page.body.clone());
        }
        aws.call(&catalog, place, &question.read.bucket, now, answered);
        let shown = Shown {
            place: self.home(place, &question.read.kind),
            kind: question.read.kind.clone(),
            change: self.state(place, &question.read.kind, question.read.age, at),
        };
        match ruling {
            Some(Ruling::Read(reading)) if answered.failed => {
                let page = reading.stale.as_ref()?;
                answered.failed = false;
                self.counts.from_memory += 1;
                Some(page.body.clone())
            }
            _ if answered.failed => None,
            Some(Ruling::Read(reading)) => {
                let ended = after(now, answered.took);
                Some(self.learn(&reading, answer(&catalog, question, number, &shown), ended))
            }
            _ => {
                self.counts.passed += 1;
                Some(answer(&catalog, question, number, &shown).1)
            }
        }
    }

    fn learn(&mut self, reading: &Reading, (headers, body): (http::HeaderMap, Bytes), now: Timestamp) -> Bytes {
        let reply = Reply { status: StatusCode::OK, headers: &headers, body: &body, complete: true };
        let lesson = self.answers.learn(reading, &reply, now);
        self.evidence.extend(lesson.evidence);
        self.counts.learned += 1;
        body
    }

    /// The state that a read shows which starts now.
    fn state(&self, place: &Place, kind: &KindId, age: AgeClass, now: Timestamp) -> Timestamp {
        // What cannot change is another resource after a change.
        let changes = self.visible.get(&(self.home(place, kind), kind.clone())).filter(|_| age != AgeClass::Immutable);
        let past = changes.into_iter().flatten().filter(|visible| **visible <= now);
        past.max().copied().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Takes what a body shows into a run's picture: of several answers about a kind the oldest counts.
    fn look(&mut self, question: &Question, place: &Place, body: &[u8], picture: &mut HashMap<KindId, Timestamp>) {
        let kind = &question.read.kind;
        match Shown::read(body) {
            Some(shown) if shown.place == self.home(place, kind) && shown.kind == *kind => {
                if question.read.age != AgeClass::Immutable {
                    let oldest = picture.entry(kind.clone()).or_insert(shown.change);
                    *oldest = (*oldest).min(shown.change);
                }
            }
            _ => self.counts.mixed_up += 1,
        }
    }

    fn token(&self, question: &Question, body: &[u8]) -> Option<String> {
        let page = question.read.page.as_ref()?;
        let service = self.catalog.service(&question.read.service)?;
        let protocol = match service.error_shape {
            ErrorShape::Ec2 | ErrorShape::Query => Protocol::Query,
            ErrorShape::Json => Protocol::Json,
            ErrorShape::RestJson => Protocol::Rest,
        };
        match next_token(protocol, body, &page.token_out) {
            Scan::Token(token) => Some(token.to_string()),
            _ => None,
        }
    }

    fn client(&mut self, place: &Place, now: Timestamp) -> &mut Client {
        let new = || Client { signer: Signer::new(&place.account, now), memory: ConnectionMemory::default() };
        let client = self.clients.entry(place.account.clone()).or_insert_with(new);
        client.signer.renew(now);
        client
    }

    fn rule(&mut self, sent: &Sent, place: &Place, now: Timestamp) -> Ruling {
        let answers = self.answers.clone();
        let memory = &mut self.client(place, now).memory;
        let asked = Asked { head: &sent.head, body: &sent.body, host: &sent.host, trusted: false, memory };
        answers.ask(asked, now)
    }

    /// Clouddriver makes this change itself: its write passes by. Returns what that tells the engine.
    pub fn write(&mut self, change: &Change, now: Timestamp) -> Vec<Hint> {
        let Some(sent) = self.request_of(change, now) else { return Vec::new() };
        let Ruling::Write(write) = self.rule(&sent, &change.place, now) else { return Vec::new() };
        self.counts.writes += 1;
        self.answers.mark(&write, now);
        let answered = after(now, Duration::from_millis(200));
        self.answers.mark(&write, answered);
        self.answers.hints(&write, answered)
    }

    /// The write that makes a change: the first that the kind's file knows.
    fn request_of(&mut self, change: &Change, now: Timestamp) -> Option<Sent> {
        let catalog = self.catalog.clone();
        let rule = catalog.kind(&change.kind)?.calls.first()?;
        let service = catalog.service(&rule.service)?;
        let operation = rule.events.first()?.trim_end_matches('*');
        let signer = &self.client(&change.place, now).signer;
        requests::call(service, rule.api.as_deref(), operation, &[], &change.place, signer, now)
    }

    /// Housekeeping, every few seconds. Returns what was shown about changes that nothing announced.
    pub fn tidy(&mut self, now: Timestamp) -> Vec<(Scope, Evidence)> {
        self.evidence.extend(self.answers.tidy(now));
        std::mem::take(&mut self.evidence)
    }

    /// What came of the requests so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use aws_event_cache_answer::{Modes, Parts, Savings, Settings};
    use aws_event_cache_engine::Ledger;
    use aws_event_cache_model::{AnswerMode, Names, Provider, Region, SpinnakerAccount, StockPolling, What};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }

    struct Stage {
        catalog: Arc<Catalog>,
        roster: Roster,
        ledger: Arc<Ledger>,
        aws: SimulatedAws,
        arm: AnswerArm,
    }

    fn stage() -> Stage {
        let catalog = Arc::new(Catalog::shipped());
        let account = |name: &str, provider| SpinnakerAccount {
            name: name.into(),
            provider,
            account: AccountId::new("111122223333").unwrap(),
            regions: vec![Region::new("eu-west-1").unwrap()],
            environment: aws_event_cache_model::Environment::new("production").unwrap(),
            assume_role: None,
            lambda: true,
        };
        let accounts =
            aws_event_cache_model::Accounts::new([account("prod", Provider::Aws), account("prod-ecs", Provider::Ecs)]);
        let roster = catalog.roster(&accounts, &StockPolling::default());
        let ledger = Arc::new(Ledger::default());
        let answers = Answers::new(Parts {
            settings: Settings::default(),
            catalog: catalog.clone(),
            ledger: ledger.clone(),
            savings: Arc::new(Savings::new(at(0))),
            secret: [1; 32],
        });
        answers.set_modes(Modes { default: AnswerMode::Serve, ..Modes::default() });
        let arm = AnswerArm::new(Arc::new(answers), catalog.clone(), &roster, 3);
        Stage { catalog, roster, ledger, aws: SimulatedAws::new(0.0), arm }
    }

    /// The demonstration is only worth something if what it asks is what the answer arm answers.
    #[test]
    fn every_request_of_every_agent_is_answered_from_memory_when_it_is_known_and_by_its_own_answer() {
        let mut stage = stage();
        for (n, agent) in stage.roster.agents().iter().enumerate() {
            let others: u32 = stage.arm.scripts[&agent.name].others.iter().map(|(_, calls)| calls).sum();
            let mut now = at(600 * n as i64);
            // The place becomes known, which is taken for a change that must settle; then the client is let in, then the listing is collected.
            for pause in [90, 0, 0] {
                let (run, _) = stage.arm.run(&mut stage.aws, agent, now);
                assert!(!run.failed, "{}", agent.name);
                now = after(now, run.took + Duration::from_secs(pause));
            }
            let (last, _) = stage.arm.run(&mut stage.aws, agent, now);
            assert_eq!(last.calls, u64::from(others), "{}: {:?}", agent.name, stage.arm.counts());
        }
        assert_eq!(stage.arm.counts().mixed_up, 0);
    }

    #[test]
    fn a_run_shows_a_change_as_soon_as_its_scope_is_marked_and_not_before() {
        let mut stage = stage();
        let kind = stage
            .catalog
            .kinds()
            .find(|kind| kind.reads.len() == 1 && kind.reads[0].age == AgeClass::Event)
            .unwrap()
            .id
            .clone();
        let place = Place::new(AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap());
        let agent = stage.roster.reading(&place, &kind)[0].clone();
        for second in [0, 90, 94] {
            stage.arm.run(&mut stage.aws, &agent, at(second));
        }
        stage.arm.changed(&agent.place, &kind, at(98));
        let (_, shown) = stage.arm.run(&mut stage.aws, &agent, at(102));
        assert_eq!(shown[&kind], Timestamp::UNIX_EPOCH, "nobody said so");
        stage.ledger.invalidate(&agent.place.scope(kind.clone()), &Names::Any, at(103));
        let (_, shown) = stage.arm.run(&mut stage.aws, &agent, at(104));
        assert_eq!(shown[&kind], at(98));
    }

    #[test]
    fn clouddrivers_own_writes_are_seen_and_told() {
        let mut stage = stage();
        let place = Place::new(AccountId::new("111122223333").unwrap(), Region::new("eu-west-1").unwrap());
        let mut seen = 0;
        let kinds: Vec<KindId> = stage.catalog.kinds().filter(|k| !k.calls.is_empty()).map(|k| k.id.clone()).collect();
        for kind in &kinds {
            let change = Change {
                place: place.clone(),
                kind: kind.clone(),
                resource: 1,
                at: at(0),
                visible: at(1),
                own: true,
                arrivals: Vec::new(),
            };
            let hints = stage.arm.write(&change, at(0));
            let told = |hint: &Hint| matches!(&hint.what, What::Changed { kind: told, .. } if told == kind);
            seen += usize::from(hints.iter().any(told));
        }
        assert!(seen * 10 >= kinds.len() * 9, "{seen} of {}", kinds.len());
    }
}
