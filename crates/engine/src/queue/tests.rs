//! The queue against a model that recomputes everything from a list, and the single rules one by one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::moment::between;

fn at(millis: u64) -> Timestamp {
    after(Timestamp::UNIX_EPOCH, Duration::from_millis(millis))
}

fn want(class: Class, not_before: Timestamp, since: Timestamp) -> Want {
    Want {
        class,
        not_before,
        debounce: (class == Class::Event).then_some(WINDOWS),
        spacing: SPACING,
        since,
        resources: Resources::default(),
        cause: Cause::own("test", since),
    }
}

const WINDOWS: Debounce = Debounce { idle: Duration::from_millis(1_000), max: Duration::from_millis(3_000) };
const SPACING: Duration = Duration::from_millis(30_000);

fn now_want(class: Class, now: u64) -> Want {
    want(class, at(now), at(now))
}

/// What the model knows of an entry: the additions themselves, in order.
#[derive(Debug, Clone, Default)]
struct Entry {
    added: Vec<(Class, Timestamp, Timestamp, Timestamp)>,
    ticket: u64,
    deferred: Option<Timestamp>,
    /// Class and since that came back from a flight.
    back: Option<(Class, Timestamp, u32)>,
}

#[derive(Debug, Default)]
struct Model {
    entries: BTreeMap<u8, Entry>,
    flying: BTreeMap<u8, Entry>,
    started: BTreeMap<u8, Timestamp>,
    failures: BTreeMap<u8, u32>,
    backoff: BTreeMap<u8, Timestamp>,
    tickets: u64,
    pops: u32,
}

impl Entry {
    fn class(&self) -> Class {
        self.added.iter().map(|a| a.0).chain(self.back.map(|b| b.0)).max().unwrap()
    }
    fn since(&self) -> Timestamp {
        self.added.iter().map(|a| a.2).chain(self.back.map(|b| b.1)).max().unwrap()
    }
    fn causes(&self) -> u32 {
        self.added.len() as u32 + self.back.map_or(0, |b| b.2)
    }
    /// Additions of the entry's class wait for company, unless one of that class came back from a flight.
    fn company(&self) -> Timestamp {
        let of_class: Vec<_> = self.added.iter().filter(|a| a.0 == self.class()).map(|a| a.3).collect();
        if self.back.is_some_and(|back| back.0 >= Class::Event) || self.class() != Class::Event {
            return Timestamp::MIN;
        }
        after(*of_class.last().unwrap(), WINDOWS.idle).min(after(of_class[0], WINDOWS.max))
    }
}

impl Model {
    fn ready_at(&self, key: u8, entry: &Entry) -> Timestamp {
        let earliest = entry.added.iter().map(|a| a.1).min().filter(|_| entry.back.is_none());
        let mut at = entry.company().max(earliest.unwrap_or(Timestamp::MIN));
        at = at
            .max(entry.deferred.unwrap_or(Timestamp::MIN))
            .max(self.backoff.get(&key).copied().unwrap_or(Timestamp::MIN));
        if entry.class() < Class::Operator {
            at = at.max(self.started.get(&key).map_or(Timestamp::MIN, |started| after(*started, SPACING)));
        }
        at
    }

    fn add(&mut self, key: u8, class: Class, not_before: Timestamp, since: Timestamp, now: Timestamp) {
        if class == Class::Operator {
            self.backoff.remove(&key);
        }
        let tickets = &mut self.tickets;
        let entry = self.entries.entry(key).or_insert_with(|| {
            *tickets += 1;
            Entry { ticket: *tickets, ..Entry::default() }
        });
        if class == Class::Operator {
            entry.deferred = None;
        }
        entry.added.push((class, not_before.min(after(now, FARTHEST)), since, now));
    }

    fn pop(&mut self, now: Timestamp) -> Option<(u8, Entry)> {
        let ready: Vec<_> = self
            .entries
            .iter()
            .filter(|(key, entry)| !self.flying.contains_key(key) && self.ready_at(**key, entry) <= now)
            .collect();
        let oldest = self.pops % RESERVED_TURN == RESERVED_TURN - 1;
        let rank = |entry: &Entry| {
            if oldest { (0, u64::MAX - entry.ticket) } else { (entry.class() as usize, u64::MAX - entry.ticket) }
        };
        let key = ready.into_iter().max_by_key(|(_, entry)| rank(entry)).map(|(key, _)| *key)?;
        self.pops += 1;
        let entry = self.entries.remove(&key)?;
        self.flying.insert(key, entry.clone());
        Some((key, entry))
    }

    fn ran(&mut self, key: u8, started: Timestamp) {
        let last = self.started.entry(key).or_insert(started);
        *last = (*last).max(started);
        if self.entries.get(&key).is_some_and(|entry| entry.since() <= started) {
            self.entries.remove(&key);
            if !self.flying.contains_key(&key) {
                self.forgive(key);
            }
        }
    }

    fn forgive(&mut self, key: u8) {
        self.failures.remove(&key);
        self.backoff.remove(&key);
    }

    fn land_back(&mut self, key: u8, until: Timestamp) {
        let mut entry = self.flying.remove(&key).unwrap();
        let newer = self.entries.remove(&key).unwrap_or_default();
        let since = if newer.added.is_empty() { entry.since() } else { entry.since().max(newer.since()) };
        let class = if newer.added.is_empty() { entry.class() } else { entry.class().max(newer.class()) };
        entry.back = Some((class, since, entry.causes() + newer.causes()));
        entry.added.clear();
        entry.deferred = Some(until);
        self.entries.insert(key, entry);
    }

    fn fail(&mut self, key: u8, pause: Option<Duration>, now: Timestamp) {
        let failures = self.failures.entry(key).or_insert(0);
        let doubled = Duration::from_secs(1 << (*failures).min(16)).min(LONGEST_BACKOFF);
        *failures += 1;
        let until = after(now, doubled.max(pause.unwrap_or_default()).min(FARTHEST));
        self.backoff.insert(key, until);
        self.land_back(key, until);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add { key: u8, class: Class, ahead: u64, since: u64 },
    Pass(u64),
    Pop,
    Done { key: u8, started_ago: u64 },
    Fail { key: u8, pause: Option<u64> },
    Defer { key: u8, ahead: u64 },
    GiveUp(u8),
    Ran { key: u8, ago: u64 },
    Hasten(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..4_u8;
    let class = prop_oneof![Just(Class::Sweep), Just(Class::Settle), Just(Class::Event), Just(Class::Operator)];
    let step = prop_oneof![
        6 => (key.clone(), class, prop_oneof![Just(0), 0..20_000_u64, Just(u64::MAX / 2_000_000)], 0..2_000_u64)
            .prop_map(|(key, class, ahead, since)| Step::Add { key, class, ahead, since }),
        5 => prop_oneof![0..1_500_u64, 0..60_000_u64].prop_map(Step::Pass),
        6 => Just(Step::Pop),
        3 => (key.clone(), 0..40_000_u64).prop_map(|(key, started_ago)| Step::Done { key, started_ago }),
        2 => (key.clone(), prop::option::of(0..90_000_u64)).prop_map(|(key, pause)| Step::Fail { key, pause }),
        1 => (key.clone(), 0..20_000_u64).prop_map(|(key, ahead)| Step::Defer { key, ahead }),
        1 => key.clone().prop_map(Step::GiveUp),
        2 => (key.clone(), 0..40_000_u64).prop_map(|(key, ago)| Step::Ran { key, ago }),
        1 => key.prop_map(Step::Hasten),
    ];
    prop::collection::vec(step, 1..120)
}

/// Runs the steps through both.
struct Both {
    queue: Queue<u8>,
    model: Model,
    flying: BTreeMap<u8, Taken<u8>>,
    now: u64,
}

impl Both {
    fn step(&mut self, step: Step) {
        let now = at(self.now);
        let ago = |millis: u64| at(self.now.saturating_sub(millis));
        match step {
            Step::Add { key, class, ahead, since } => {
                let (not_before, since) = (at(self.now.saturating_add(ahead)), ago(since));
                self.queue.add(key, want(class, not_before, since), now);
                self.model.add(key, class, not_before, since, now);
            }
            Step::Pass(millis) => self.now += millis,
            Step::Pop => self.pop(),
            Step::Done { key, started_ago } => {
                if self.flying.remove(&key).is_some() {
                    self.queue.done(&key, Landing::Done(Some(ago(started_ago))), now);
                    self.model.flying.remove(&key);
                    self.model.forgive(key);
                    self.model.ran(key, ago(started_ago));
                }
            }
            Step::Fail { key, pause } => {
                if let Some(taken) = self.flying.remove(&key) {
                    let pause = pause.map(Duration::from_millis);
                    self.queue.done(&key, Landing::Again(Box::new(taken), pause), now);
                    self.model.fail(key, pause, now);
                }
            }
            Step::Defer { key, ahead } => {
                if let Some(taken) = self.flying.remove(&key) {
                    self.queue.defer(taken, at(self.now + ahead), now);
                    self.model.land_back(key, at(self.now + ahead));
                }
            }
            Step::GiveUp(key) => {
                if self.flying.remove(&key).is_some() {
                    self.queue.done(&key, Landing::GivenUp, now);
                    self.model.flying.remove(&key);
                    self.model.forgive(key);
                }
            }
            Step::Ran { key, ago: millis } => {
                self.queue.ran(&key, ago(millis));
                self.model.ran(key, ago(millis));
            }
            Step::Hasten(key) => {
                self.queue.hasten(&key, now);
                self.model.backoff.remove(&key);
                if let Some(entry) = self.model.entries.get_mut(&key) {
                    entry.deferred = None;
                    entry.added.iter_mut().for_each(|a| a.1 = a.1.min(now));
                }
            }
        }
    }

    fn pop(&mut self) {
        let now = at(self.now);
        let (popped, expected) = (self.queue.pop_ready(now), self.model.pop(now));
        assert_eq!(popped.as_ref().map(|t| t.key), expected.as_ref().map(|e| e.0));
        if let (Some(taken), Some((key, entry))) = (popped, expected) {
            assert_eq!((taken.class, taken.since, taken.causes), (entry.class(), entry.since(), entry.causes()));
            assert!(self.flying.insert(key, taken).is_none(), "never in flight twice");
        }
    }

    fn check(&self) {
        let now = at(self.now);
        let depth = self.queue.depth();
        assert_eq!(depth.in_flight, self.flying.len());
        for class in Class::ALL {
            let waiting =
                self.model.entries.iter().filter(|(key, e)| !self.flying.contains_key(key) && e.class() == class);
            assert_eq!(depth.of(class), waiting.count(), "{class:?}");
        }
        let soonest = self.model.entries.iter().filter(|(key, _)| !self.flying.contains_key(key));
        let soonest = soonest.map(|(key, entry)| self.model.ready_at(*key, entry).max(now)).min();
        match (self.queue.next_wakeup(now), soonest) {
            (None, soonest) => assert_eq!(soonest, None, "it never sleeps through an entry"),
            (Some(wakeup), Some(soonest)) => assert!(wakeup <= soonest, "it never wakes too late"),
            (Some(_), None) => panic!("nothing waits, so nothing should wake it"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_what_the_model_does(steps in steps()) {
        let mut both = Both { queue: Queue::new(), model: Model::default(), flying: BTreeMap::new(), now: 100_000 };
        for step in steps {
            both.step(step);
            both.check();
        }
    }

    #[test]
    fn starts_of_a_key_keep_their_distance_and_nothing_waits_for_ever(
        adds in prop::collection::vec((0..3_u8, 0..5_000_u64), 1..60),
    ) {
        let mut queue = Queue::new();
        let mut starts: BTreeMap<u8, Vec<Timestamp>> = BTreeMap::new();
        let mut last_add: BTreeMap<u8, Timestamp> = BTreeMap::new();
        let mut now = 0;
        let mut adds = adds.into_iter().peekable();
        while adds.peek().is_some() || queue.next_wakeup(at(now)).is_some() {
            if let Some((key, pause)) = adds.next() {
                now += pause;
                queue.add(key, now_want(Class::Event, now), at(now));
                last_add.insert(key, at(now));
            } else {
                now += 500;
            }
            while let Some(taken) = queue.pop_ready(at(now)) {
                starts.entry(taken.key).or_default().push(at(now));
                queue.done(&taken.key, Landing::Done(Some(at(now))), at(now));
            }
            prop_assert!(now < 3_600_000);
        }
        for (key, last) in last_add {
            let starts = &starts[&key];
            prop_assert!(starts.windows(2).all(|pair| between(pair[0], pair[1]) >= SPACING));
            prop_assert!(*starts.last().unwrap() >= last, "the last addition led to a start after it");
        }
    }
}

#[test]
fn a_stream_of_events_is_not_put_off_beyond_the_maximum_window() {
    let mut queue = Queue::new();
    let mut popped = None;
    for now in (0..5_000).step_by(500) {
        popped = popped.or(queue.pop_ready(at(now)).map(|taken| (now, taken.causes)));
        queue.add(1, now_want(Class::Event, now), at(now));
    }
    assert_eq!(popped, Some((3_000, 6)));
}

#[test]
fn an_operator_passes_over_debounce_spacing_and_backoff() {
    let mut queue = Queue::new();
    queue.ran(&1, at(0));
    queue.add(1, now_want(Class::Event, 10), at(10));
    assert_eq!(queue.pop_ready(at(20_000)), None, "spacing");
    queue.add(1, now_want(Class::Operator, 20_000), at(20_000));
    let taken = queue.pop_ready(at(20_000)).unwrap();
    assert_eq!((taken.class, taken.causes, taken.cause.received), (Class::Operator, 2, at(10)));
    queue.done(&1, Landing::Again(Box::new(taken), Some(Duration::from_secs(120))), at(20_000));
    assert_eq!(queue.pop_ready(at(60_000)), None, "a retry keeps its backoff, whatever its class");
    queue.add(1, now_want(Class::Event, 60_000), at(60_000));
    assert_eq!(queue.pop_ready(at(70_000)), None, "a hint does not end a backoff");
    queue.add(1, now_want(Class::Operator, 70_000), at(70_000));
    assert_eq!(queue.pop_ready(at(70_000)).map(|taken| taken.attempt), Some(1));
}

#[test]
fn sweeps_are_not_starved_by_a_flood_of_operators() {
    let mut queue = Queue::new();
    queue.add(0, now_want(Class::Sweep, 0), at(0));
    for key in 1..=100_u8 {
        queue.add(key, now_want(Class::Operator, 0), at(0));
    }
    let order: Vec<u8> = std::iter::from_fn(|| queue.pop_ready(at(0))).map(|taken| taken.key).collect();
    let place = order.iter().position(|key| *key == 0).unwrap();
    assert!(place < RESERVED_TURN as usize, "place {place}");
}

#[test]
fn failures_double_the_pause_up_to_five_minutes_and_success_resets_it() {
    let mut queue = Queue::new();
    let mut now = 0;
    queue.add(1, now_want(Class::Settle, 0), at(0));
    let mut pauses = Vec::new();
    for _ in 0..11 {
        let taken = queue.pop_ready(at(now)).unwrap();
        assert_eq!(taken.class, Class::Settle, "a retry keeps its class");
        queue.done(&1, Landing::Again(Box::new(taken), None), at(now));
        let next = queue.next_wakeup(at(now)).unwrap();
        pauses.push(between(at(now), next).as_secs());
        now += between(at(now), next).as_millis() as u64;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    queue.pop_ready(at(now)).unwrap();
    assert_eq!(queue.done(&1, Landing::Done(Some(at(now))), at(now)), Left::Nothing);
    queue.add(1, now_want(Class::Operator, now), at(now));
    let taken = queue.pop_ready(at(now)).unwrap();
    queue.done(&1, Landing::Again(Box::new(taken), None), at(now));
    assert_eq!(queue.next_wakeup(at(now)), Some(at(now + 1_000)));
}

#[test]
fn a_key_removed_in_flight_is_forgotten_when_it_lands() {
    let mut queue = Queue::new();
    queue.add(1, now_want(Class::Operator, 0), at(0));
    let taken = queue.pop_ready(at(0)).unwrap();
    assert!(queue.remove(&1));
    queue.done(&1, Landing::Again(Box::new(taken), None), at(0));
    assert!(!queue.owes(&1) && queue.next_wakeup(at(0)).is_none());
    assert_eq!(queue.depth(), Depth::default());
    assert!(queue.slots.is_empty());
}
