//! Flights: equal reads at the same time share one call of AWS.
//!
//! The leader of a flight is whoever asked first; its call belongs to a task of its own, never to a client's connection, so that a client that goes away harms
//! nobody. Followers wait on a watch channel, with a deadline, and go alone when it passes.
//!
//! Invariants:
//! 1. Every follower is told how the flight ended, whatever becomes of the leader: a panic, or a task that is dropped, lands it as lost.
//! 2. Nobody waits behind a key whose answers could not be shared lately, behind a flight that is overdue, or behind more than [`MOST_FOLLOWERS`] others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

/// A follower waits so long and then goes alone: the strictest SDK gives up after 30 s, which leaves its own call twenty. A flight older than this is overdue
/// and gets no more followers.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// So many may follow one flight. Each costs a few hundred bytes; ten times what a hundred replicas with ten agents ask at once.
pub(crate) const MOST_FOLLOWERS: usize = 10_000;

/// So many keys are remembered as not to be shared, about 100 bytes each. Beyond that the oldest half is forgotten, at the price of one shared wait.
const MOST_APART: usize = 4_096;

/// How a flight ended, or that it has not.
#[derive(Debug, Clone)]
enum State<T> {
    Flying,
    Landed(T),
    Lost,
}

#[derive(Debug)]
struct Flight<T> {
    serial: u64,
    since: Timestamp,
    landing: Arc<watch::Sender<State<T>>>,
}

#[derive(Debug)]
struct Table<K, T> {
    serial: u64,
    flights: HashMap<K, Flight<T>>,
    /// Keys that are not shared until then.
    apart: HashMap<K, Timestamp>,
}

/// All flights.
#[derive(Debug)]
pub(crate) struct Flights<K, T>(Mutex<Table<K, T>>);

/// What somebody who asks is to do.
#[derive(Debug)]
pub(crate) enum Seat<K: Eq + Hash, T> {
    /// Make the call, and land it for those who follow.
    Lead(Lead<K, T>),
    /// Wait for who leads.
    Follow(Follow<T>),
    /// Make an own call that concerns nobody else.
    Alone,
}

impl<K: Eq + Hash + Clone, T: Clone> Flights<K, T> {
    /// None under way.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Table { serial: 0, flights: HashMap::new(), apart: HashMap::new() }))
    }

    /// Takes a seat.
    pub(crate) fn join(self: &Arc<Self>, key: &K, now: Timestamp) -> Seat<K, T> {
        let mut table = self.0.lock();
        match table.apart.get(key) {
            Some(until) if now < *until => return Seat::Alone,
            Some(_) => {
                table.apart.remove(key);
            }
            None => {}
        }
        if let Some(flight) = table.flights.get(key) {
            if flight.landing.receiver_count() >= MOST_FOLLOWERS {
                return Seat::Alone;
            }
            if now < after(flight.since, PATIENCE) {
                return Seat::Follow(Follow(flight.landing.subscribe()));
            }
        }
        table.serial += 1;
        let landing = Arc::new(watch::Sender::new(State::Flying));
        let flight = Flight { serial: table.serial, since: now, landing: landing.clone() };
        table.flights.insert(key.clone(), flight);
        Seat::Lead(Lead { flights: self.clone(), key: key.clone(), serial: table.serial, landing })
    }

    /// From now until then whoever asks for this goes alone.
    fn keep_apart(&self, key: &K, now: Timestamp, length: Duration) {
        let mut table = self.0.lock();
        if table.apart.len() >= MOST_APART {
            table.apart.retain(|_, until| now < *until);
        }
        if table.apart.len() >= MOST_APART {
            let mut ends: Vec<Timestamp> = table.apart.values().copied().collect();
            let middle = *ends.select_nth_unstable(MOST_APART / 2).1;
            table.apart.retain(|_, until| *until > middle);
        }
        table.apart.insert(key.clone(), after(now, length));
    }

    /// How many follow.
    #[cfg(test)]
    pub(crate) fn followers(&self) -> usize {
        self.0.lock().flights.values().map(|flight| flight.landing.receiver_count()).sum()
    }

    #[cfg(test)]
    fn under_way(&self) -> usize {
        self.0.lock().flights.len()
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The leader's duty. Dropped without landing, the flight is lost.
#[derive(Debug)]
pub(crate) struct Lead<K: Eq + Hash, T> {
    flights: Arc<Flights<K, T>>,
    key: K,
    serial: u64,
    landing: Arc<watch::Sender<State<T>>>,
}

impl<K: Eq + Hash + Clone, T: Clone> Lead<K, T> {
    /// Hands what came to all who follow.
    pub(crate) fn land(self, value: T) {
        self.landing.send_replace(State::Landed(value));
    }

    /// Hands over what came, and keeps the next callers from waiting for its like for a while.
    pub(crate) fn land_apart(self, value: T, now: Timestamp, length: Duration) {
        self.flights.keep_apart(&self.key, now, length);
        self.land(value);
    }
}

impl<K: Eq + Hash, T> Drop for Lead<K, T> {
    fn drop(&mut self) {
        let mut table = self.flights.0.lock();
        // An overdue flight may have been replaced by another.
        if table.flights.get(&self.key).is_some_and(|flight| flight.serial == self.serial) {
            table.flights.remove(&self.key);
        }
        drop(table);
        self.landing.send_if_modified(|state| {
            let lost = matches!(state, State::Flying);
            if lost {
                *state = State::Lost;
            }
            lost
        });
    }
}

/// A seat in somebody's flight.
#[derive(Debug)]
pub(crate) struct Follow<T>(watch::Receiver<State<T>>);

impl<T: Clone> Follow<T> {
    /// Waits for the landing. `None`: the flight was lost.
    pub(crate) async fn landed(mut self) -> Option<T> {
        let state = self.0.wait_for(|state| !matches!(state, State::Flying)).await.ok()?;
        match &*state {
            State::Landed(value) => Some(value.clone()),
            State::Flying | State::Lost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    type TestFlights = Arc<Flights<u8, u32>>;

    fn flights() -> TestFlights {
        Arc::new(Flights::new())
    }

    fn at(millis: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_millis(millis))
    }

    fn lead(flights: &TestFlights, now: u64) -> Lead<u8, u32> {
        match flights.join(&1, at(now)) {
            Seat::Lead(lead) => lead,
            seat => panic!("{seat:?}"),
        }
    }

    fn follow(flights: &TestFlights, now: u64) -> Follow<u32> {
        match flights.join(&1, at(now)) {
            Seat::Follow(follow) => follow,
            seat => panic!("{seat:?}"),
        }
    }

    #[tokio::test]
    async fn all_who_follow_get_what_the_leader_landed_and_the_next_leads_again() {
        let flights = flights();
        let leader = lead(&flights, 0);
        let followers: Vec<_> = (0..100).map(|n| follow(&flights, n)).collect();
        assert!(matches!(flights.join(&2, at(0)), Seat::Lead(_)), "another key is another flight");
        leader.land(7);
        for follower in followers {
            assert_eq!(follower.landed().await, Some(7));
        }
        drop(lead(&flights, 1));
    }

    #[tokio::test]
    async fn a_leader_that_panics_or_is_dropped_loses_the_flight_and_nobody_waits() {
        let flights = flights();
        let leader = lead(&flights, 0);
        let follower = follow(&flights, 0);
        let task = tokio::spawn(async move {
            let _leader = leader;
            panic!("as the test wants");
        });
        assert!(task.await.is_err());
        assert_eq!(follower.landed().await, None);
        assert_eq!(flights.under_way(), 0);
    }

    #[tokio::test]
    async fn an_overdue_flight_gets_no_more_followers_and_does_not_end_its_successor() {
        let flights = flights();
        let overdue = lead(&flights, 0);
        let old = follow(&flights, 0);
        let _successor = lead(&flights, 10_000);
        overdue.land(1);
        assert_eq!(old.landed().await, Some(1));
        assert_eq!(flights.under_way(), 1);
        drop(follow(&flights, 10_001));
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_shared_is_not_waited_for_until_it_is_tried_again() {
        let flights = flights();
        let leader = lead(&flights, 0);
        leader.land_apart(1, at(0), Duration::from_secs(5));
        assert!(matches!(flights.join(&1, at(4_999)), Seat::Alone));
        drop(lead(&flights, 5_000));
    }

    #[tokio::test]
    async fn keys_kept_apart_are_bounded() {
        let flights: Arc<Flights<u32, u32>> = Arc::new(Flights::new());
        for key in 0..20_000 {
            flights.keep_apart(&key, at(u64::from(key)), Duration::from_secs(3_600));
        }
        assert!(flights.0.lock().apart.len() <= MOST_APART);
        assert!(matches!(flights.join(&19_999, at(20_000)), Seat::Alone), "the latest is remembered");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn under_contention_everyone_is_answered_whatever_the_leaders_do() {
        let flights = flights();
        let leaders = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..2_000_u32)
            .map(|n| {
                let (flights, leaders) = (flights.clone(), leaders.clone());
                tokio::spawn(async move {
                    match flights.join(&((n % 3) as u8), at(0)) {
                        Seat::Lead(leader) => {
                            leaders.fetch_add(1, Ordering::Relaxed);
                            match n % 4 {
                                0 => drop(leader),
                                1 => drop(tokio::spawn(async move {
                                    let _leader = leader;
                                    tokio::task::yield_now().await;
                                    panic!("as the test wants");
                                })),
                                _ => leader.land(n),
                            }
                        }
                        Seat::Follow(follower) => drop(follower.landed().await),
                        Seat::Alone => {}
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(leaders.load(Ordering::Relaxed) > 0);
        tokio::task::yield_now().await;
        while flights.under_way() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
