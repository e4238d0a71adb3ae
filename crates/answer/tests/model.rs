//! The promises against a model of AWS that never forgets: accounts whose listings change, events that come late or never, writes through the proxy, answers that
//! lag behind, and many readers who walk listings page by page in any order of steps.

use std::sync::LazyLock;
use std::time::Duration;

use aws_event_cache_answer::{FlightKey, Hit, Reading, Ruling, Settings, Write};
use aws_event_cache_model::{AnswerMode, Names, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use world::{Client, PROD, TEST, World, at, error, ok, scope};

#[path = "fixtures/world.rs"]
mod world;

const ACCOUNTS: [&str; 2] = [PROD, TEST];
/// As the fixture's kind says; AWS's answers lag less than that.
const SETTLE: u64 = 10_000;
const SETTLING: u64 = 2_000;
/// The shortest, so that it ends often while answers are still fresh.
const ADMISSION: u64 = 60_000;
const READERS: usize = 8;
const PAGE: usize = 2;
/// The world's beginning has settled by then.
const START: u64 = 60_000;

#[derive(Debug, Clone)]
enum Step {
    /// A reader does the next thing: asks, or gets AWS's answer. `when` is at which part of the call AWS looked, `lag` how far back it saw.
    Go {
        reader: usize,
        when: u64,
        lag: u64,
    },
    /// AWS refuses a reader's call that is under way.
    Refuse {
        reader: usize,
        code: &'static str,
    },
    /// Something changes beside us. Its event comes so much later, or never.
    Change {
        account: usize,
        event: Option<u64>,
    },
    /// A write through the proxy goes one step further: asked, done at AWS, answered.
    Write {
        account: usize,
    },
    /// Who may read what changes.
    Revoke {
        account: usize,
    },
    /// How old answers may get.
    Age {
        account: usize,
        seconds: u64,
    },
    /// Somebody asks with a session that AWS has never seen.
    Steal {
        account: usize,
    },
    Wait(u64),
    Tidy,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let code = prop_oneof![Just("ExpiredTokenException"), Just("ThrottlingException"), Just("AccessDeniedException")];
    let step = prop_oneof![
        30 => (0..READERS, 0..=100_u64, 0..SETTLE).prop_map(|(reader, when, lag)| Step::Go { reader, when, lag }),
        1 => (0..READERS, code).prop_map(|(reader, code)| Step::Refuse { reader, code }),
        3 => (0..2_usize, prop::option::weighted(0.8, 0..5_000_u64)).prop_map(|(account, event)| Step::Change { account, event }),
        3 => (0..2_usize).prop_map(|account| Step::Write { account }),
        1 => (0..2_usize).prop_map(|account| Step::Revoke { account }),
        1 => (0..2_usize, 30..600_u64).prop_map(|(account, seconds)| Step::Age { account, seconds }),
        1 => (0..2_usize).prop_map(|account| Step::Steal { account }),
        8 => prop_oneof![4 => 1..1_500_u64, 2 => 1_500..12_000_u64, 1 => 12_000..130_000_u64].prop_map(Step::Wait),
        1 => Just(Step::Tidy),
    ];
    prop::collection::vec(step, 20..250)
}

/// The truth of one account, and what the proxy has been told of it.
#[derive(Debug, Default)]
struct Account {
    /// Since when each version of the listing holds.
    versions: Vec<u64>,
    /// When a change was marked.
    marks: Vec<u64>,
    /// When access was last changed.
    revoked: Option<u64>,
    age: u64,
    writing: Option<(Box<Write>, bool)>,
}

impl Account {
    fn version_at(&self, time: u64) -> usize {
        self.versions.iter().rposition(|since| *since <= time).unwrap_or(0)
    }

    /// How many widgets a version has: one to six.
    fn size(version: usize) -> usize {
        1 + version * 5 % 6
    }
}

enum Doing {
    Nothing,
    /// Its own call is under way.
    Calling(Box<Reading>, u64),
    /// Waits for another reader's call, since it asked.
    Joined(FlightKey, u64),
}

struct Reader {
    client: Client,
    account: usize,
    doing: Doing,
    pages: Vec<String>,
    next: Option<String>,
    /// When AWS last answered it, by the start of that read.
    answered: Option<u64>,
}

struct Model {
    world: World,
    now: u64,
    accounts: [Account; 2],
    readers: Vec<Reader>,
    /// Events on their way: when and where.
    events: Vec<(u64, usize)>,
    hits: usize,
}

type Checked = Result<(), TestCaseError>;

fn body(account: usize, version: usize, offset: usize) -> String {
    let last = Account::size(version).min(offset + PAGE);
    let widget = |n| format!(r#"{{"WidgetId":"w-{account}-{version}-{n}","OwnerId":"{}"}}"#, ACCOUNTS[account]);
    let widgets: Vec<String> = (offset..last).map(widget).collect();
    let more = last < Account::size(version);
    let next = if more { format!(r#","NextToken":"{account}.{version}.{last}""#) } else { String::new() };
    format!(r#"{{"Widgets":[{}]{next}}}"#, widgets.join(","))
}

/// The token of the page after this one.
fn next_of(body: &str) -> Option<String> {
    let (_, rest) = body.split_once(r#""NextToken":""#)?;
    rest.split_once('"').map(|(token, _)| token.to_owned())
}

/// Account and version that a page is of.
fn shown(body: &str) -> (usize, usize) {
    let (_, rest) = body.split_once(r#""w-"#).expect("every page shows a widget");
    let mut parts = rest.split(['-', '"']).map(|part| part.parse().expect("a number"));
    (parts.next().expect("account"), parts.next().expect("version"))
}

impl Model {
    fn new() -> Self {
        let settings = Settings { admission: Duration::from_millis(ADMISSION), ..Settings::default() };
        let world = World::new(settings, AnswerMode::Serve);
        world.meet(at(0));
        let account = || Account { versions: vec![0], age: 30, ..Account::default() };
        let reader = |n: usize| Reader {
            client: Client::new(ACCOUNTS[n % 2], 10 + u8::try_from(n).expect("few")),
            account: n % 2,
            doing: Doing::Nothing,
            pages: Vec::new(),
            next: None,
            answered: None,
        };
        let readers = (0..READERS).map(reader).collect();
        Self { world, now: START, accounts: [account(), account()], readers, events: Vec::new(), hits: 0 }
    }

    fn time(&self) -> Timestamp {
        at(self.now)
    }

    fn step(&mut self, step: &Step) -> Checked {
        match *step {
            Step::Go { reader, when, lag } => return self.go(reader, when, lag),
            Step::Refuse { reader, code } => self.refuse(reader, code),
            Step::Change { account, event } => {
                self.accounts[account].versions.push(self.now);
                self.events.extend(event.map(|delay| (self.now + delay, account)));
            }
            Step::Write { account } => self.write(account),
            Step::Revoke { account } => {
                self.world.ledger.revoke(&world::account(ACCOUNTS[account]));
                self.accounts[account].revoked = Some(self.now);
            }
            Step::Age { account, seconds } => {
                let ledger = self.world.ledger.scope(&scope(ACCOUNTS[account], "widget"));
                ledger.set_max_age(Duration::from_secs(seconds));
                self.accounts[account].age = seconds;
            }
            Step::Steal { account } => {
                let now = self.time();
                let key_id = self.readers[account].client.key_id.clone();
                let mut thief = Client { key_id, token: Some("guessed".into()), ..Client::new(ACCOUNTS[account], 99) };
                let ruling = self.world.ask(&mut thief, "ListWidgets", "{}", now);
                prop_assert!(matches!(ruling, Ruling::Read(ref r) if r.flight.is_none()), "a thief was answered");
            }
            Step::Wait(millis) => self.wait(millis),
            Step::Tidy => {
                self.world.answers.tidy(self.time());
            }
        }
        Ok(())
    }

    fn wait(&mut self, millis: u64) {
        let until = self.now + millis;
        self.events.sort_unstable();
        while let Some(&(due, account)) = self.events.first().filter(|(due, _)| *due <= until) {
            self.events.remove(0);
            self.now = self.now.max(due);
            self.mark(account);
        }
        self.now = until;
    }

    fn mark(&mut self, account: usize) {
        self.world.ledger.invalidate(&scope(ACCOUNTS[account], "widget"), &Names::Any, self.time());
        self.accounts[account].marks.push(self.now);
    }

    fn write(&mut self, account: usize) {
        let now = self.time();
        match self.accounts[account].writing.take() {
            None => {
                let mut client = Client::new(ACCOUNTS[account], 50);
                let ruling = self.world.ask(&mut client, "MakeWidget", r#"{"WidgetId":"w-new"}"#, now);
                let Ruling::Write(write) = ruling else { panic!("a write") };
                self.world.answers.mark(&write, now);
                self.accounts[account].marks.push(self.now);
                self.accounts[account].writing = Some((Box::new(write), false));
            }
            Some((write, false)) => {
                self.accounts[account].versions.push(self.now);
                self.accounts[account].writing = Some((write, true));
            }
            Some((write, true)) => {
                self.world.answers.mark(&write, now);
                self.accounts[account].marks.push(self.now);
            }
        }
    }

    fn go(&mut self, n: usize, when: u64, lag: u64) -> Checked {
        match std::mem::replace(&mut self.readers[n].doing, Doing::Nothing) {
            Doing::Nothing => self.ask(n),
            joined @ Doing::Joined(..) => {
                self.readers[n].doing = joined;
                Ok(())
            }
            Doing::Calling(reading, started) => {
                let looked = started + (self.now - started) * when / 100;
                let reader = &self.readers[n];
                let answer = match &reader.next {
                    None => {
                        body(reader.account, self.accounts[reader.account].version_at(looked.saturating_sub(lag)), 0)
                    }
                    Some(token) => {
                        let mut parts = token.split('.').map(|part| part.parse().expect("our own token"));
                        let mut part = || parts.next().expect("three parts");
                        body(part(), part(), part())
                    }
                };
                self.world.learn(&reading, &ok(&answer), self.time());
                self.readers[n].answered = self.readers[n].answered.max(Some(started));
                self.take(n, answer.clone())?;
                self.land(reading.flight.as_ref(), started, Some(&answer))
            }
        }
    }

    /// Whoever joined a call gets its answer, or asks for himself.
    fn land(&mut self, flight: Option<&FlightKey>, started: u64, answer: Option<&String>) -> Checked {
        for n in 0..READERS {
            let asked = match &self.readers[n].doing {
                Doing::Joined(of, asked) if Some(of) == flight => *asked,
                _ => continue,
            };
            self.readers[n].doing = Doing::Nothing;
            if let Some(answer) = answer {
                let marks = &self.accounts[self.readers[n].account].marks;
                let told = marks.iter().rfind(|mark| **mark < asked);
                prop_assert!(
                    told.is_none_or(|mark| *mark <= started),
                    "joined a call that began before the last change"
                );
                self.take(n, answer.clone())?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, n: usize, code: &'static str) {
        let now = self.time();
        let reader = &mut self.readers[n];
        if !matches!(reader.doing, Doing::Calling(..)) {
            return;
        }
        let Doing::Calling(reading, _) = std::mem::replace(&mut reader.doing, Doing::Nothing) else { return };
        self.world.learn(&reading, &error(400, code), now);
        if code == "ExpiredTokenException" {
            reader.answered = None;
        }
        reader.pages.clear();
        reader.next = None;
        self.land(reading.flight.as_ref(), self.now, None).expect("nothing is taken");
    }

    fn ask(&mut self, n: usize) -> Checked {
        let now = self.time();
        let reader = &mut self.readers[n];
        let request = reader.next.as_ref().map_or_else(|| "{}".into(), |token| format!(r#"{{"NextToken":"{token}"}}"#));
        match self.world.ask(&mut reader.client, "ListWidgets", &request, now) {
            Ruling::Hit(hit) => {
                self.hits += 1;
                self.check_hit(n, &hit)?;
                let text = String::from_utf8(hit.page.body.to_vec()).expect("text");
                self.take(n, text)
            }
            Ruling::Read(reading) => {
                let flying = |reader: &Reader| matches!(&reader.doing, Doing::Calling(other, _) if other.flight.is_some() && other.flight == reading.flight);
                let joins = self.readers.iter().any(flying);
                self.readers[n].doing = match reading.flight.clone().filter(|_| joins) {
                    Some(flight) => {
                        self.check_admitted(n)?;
                        Doing::Joined(flight, self.now)
                    }
                    None => Doing::Calling(Box::new(reading), self.now),
                };
                Ok(())
            }
            other => Err(TestCaseError::fail(format!("neither hit nor read: {other:?}"))),
        }
    }

    /// Whoever is answered without AWS was answered by AWS lately.
    fn check_admitted(&self, n: usize) -> Checked {
        let reader = &self.readers[n];
        let Some(answered) = reader.answered else { return Err(TestCaseError::fail("never answered by AWS")) };
        prop_assert!(self.now < answered + ADMISSION, "answered by AWS too long ago");
        let revoked = self.accounts[reader.account].revoked;
        prop_assert!(revoked.is_none_or(|revoked| revoked <= answered), "access changed since");
        Ok(())
    }

    fn check_hit(&self, n: usize, hit: &Hit) -> Checked {
        self.check_admitted(n)?;
        let reader = &self.readers[n];
        let text = std::str::from_utf8(&hit.page.body).expect("text");
        let (account, version) = shown(text);
        prop_assert_eq!(account, reader.account, "another account's answer");
        if let Some(token) = &reader.next {
            // A page of the walk: which version it must be of is checked at its end.
            prop_assert!(token.starts_with(&format!("{account}.{version}.")), "another walk's page");
            return Ok(());
        }
        let truth = &self.accounts[account];
        let age = u64::try_from(hit.age.as_millis()).expect("short");
        let started = self.now - age;
        prop_assert!(age <= truth.age * 1_000, "older than its scope allows: {age} ms");
        let superseded = truth.versions.get(version + 1).copied();
        prop_assert!(superseded.is_none_or(|at| at + SETTLE > started), "older than it says");
        if let Some(mark) = truth.marks.last().copied() {
            prop_assert!(started >= mark, "read before the last change that was told");
            let shows_it = version >= truth.version_at(mark);
            let excused = started < mark + SETTLE && age <= SETTLING;
            prop_assert!(shows_it || excused, "an old state was believed for {age} ms");
        }
        Ok(())
    }

    /// A page has come to a reader. At the end of its walk the pages are one listing.
    fn take(&mut self, n: usize, page: String) -> Checked {
        let reader = &mut self.readers[n];
        reader.next = next_of(&page);
        reader.pages.push(page);
        if reader.next.is_none() {
            let pages = std::mem::take(&mut reader.pages);
            let (account, version) = shown(&pages[0]);
            prop_assert_eq!(account, reader.account);
            let expected: Vec<String> =
                (0..Account::size(version)).step_by(PAGE).map(|offset| body(account, version, offset)).collect();
            prop_assert_eq!(pages, expected, "pages of several listings");
        }
        Ok(())
    }
}

fn run(steps: &[Step]) -> Result<usize, TestCaseError> {
    let mut model = Model::new();
    for step in steps {
        model.step(step)?;
    }
    Ok(model.hits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_answer_is_older_than_allowed_mixed_or_given_to_strangers_whatever_happens(steps in steps()) {
        run(&steps)?;
    }
}

#[test]
fn the_model_lets_most_readers_be_answered_from_memory_when_nothing_happens() {
    static STEPS: LazyLock<Vec<Step>> = LazyLock::new(|| {
        let go = |reader| Step::Go { reader, when: 50, lag: 0 };
        (0..400).flat_map(|n| [go(n % READERS), Step::Wait(20)]).collect()
    });
    let hits = run(&STEPS).expect("nothing is wrong");
    assert!(hits > 250, "{hits} hits: the model would prove nothing");
}
