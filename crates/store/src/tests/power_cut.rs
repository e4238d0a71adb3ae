//! A disk that loses what was not synced, and keeps what it likes of it.
//!
//! Invariant: whatever the disk kept of the writes since its last sync, in whatever order, everything acknowledged before the cut is there afterwards, and what was
//! settled before is not.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::Journal;
use aws_event_cache_model::{AgentName, Cause, Class, Record, Resources, Timestamp};
use parking_lot::Mutex;
use proptest::prelude::*;
use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use crate::Store;
use crate::file::{Opened, builder};

#[derive(Debug, Default)]
struct Inside {
    /// What a reader sees.
    volatile: Vec<u8>,
    /// What is safe.
    durable: Vec<u8>,
    /// Written since the last sync: place and bytes.
    unsynced: Vec<(usize, Vec<u8>)>,
    writes: usize,
    /// What was left when the power went, and what had been acknowledged by then.
    cut: Option<(Vec<u8>, Said)>,
}

/// What the test knows to be certain.
#[derive(Debug, Default, Clone)]
struct Said {
    owed: BTreeSet<u32>,
    settled: BTreeSet<u32>,
}

#[derive(Debug)]
struct Platter {
    inside: Arc<Mutex<Inside>>,
    said: Arc<Mutex<Said>>,
    /// The power goes at this write.
    cut_at: usize,
    /// Which unsynced writes survive, in turn.
    survives: Vec<bool>,
}

impl StorageBackend for Platter {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.inside.lock().volatile.len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let start = place(offset)?;
        let inside = self.inside.lock();
        let bytes = inside.volatile.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }
    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        // A file system's own journal keeps lengths in order, so they are taken as safe at once.
        let (len, mut inside) = (place(len)?, self.inside.lock());
        inside.volatile.resize(len, 0);
        inside.durable.resize(len, 0);
        Ok(())
    }
    fn sync_data(&self) -> Result<(), io::Error> {
        let mut inside = self.inside.lock();
        inside.durable = inside.volatile.clone();
        inside.unsynced.clear();
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let start = place(offset)?;
        let mut inside = self.inside.lock();
        inside.volatile.get_mut(start..start + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        inside.unsynced.push((start, data.to_vec()));
        inside.writes += 1;
        if inside.writes == self.cut_at {
            inside.cut = Some((self.left(&inside), self.said.lock().clone()));
        }
        Ok(())
    }
}

impl Platter {
    fn left(&self, inside: &Inside) -> Vec<u8> {
        let mut left = inside.durable.clone();
        for ((start, data), survives) in inside.unsynced.iter().zip(self.survives.iter().cycle()) {
            if *survives && let Some(bytes) = left.get_mut(*start..start + data.len()) {
                bytes.copy_from_slice(data);
            }
        }
        left
    }
}

fn place(offset: u64) -> Result<usize, io::Error> {
    usize::try_from(offset).map_err(io::Error::other)
}

fn agent(n: u32) -> AgentName {
    AgentName::new(format!("prod/us-west-2/WidgetCachingAgent{n}")).unwrap()
}

fn owed(n: u32) -> Record {
    let cause = Cause::own("test", Timestamp::UNIX_EPOCH);
    Record::Owed { agent: agent(n), class: Class::Event, resources: Resources::default(), cause }
}

/// Works until the power goes; gives what was left and what had been said by then.
async fn work(cut_at: usize, survives: Vec<bool>) -> (Vec<u8>, Said) {
    let (inside, said) = (Arc::new(Mutex::new(Inside::default())), Arc::new(Mutex::new(Said::default())));
    let platter = Platter { inside: Arc::clone(&inside), said: Arc::clone(&said), cut_at, survives };
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1);
    let database = builder().create_with_backend(platter).unwrap();
    // The start itself is not under test here: a cut in it leaves an empty store or a corrupt one, and both begin anew.
    let opened = Opened::begin(database, Path::new("platter"), clock.now()).unwrap();
    inside.lock().writes = 0;
    let (store, _) = Store::start(opened, Box::new(|| unreachable!("this disk never fails")), clock).unwrap();
    for n in 0u32.. {
        store.append(vec![owed(n)]).await.unwrap();
        said.lock().owed.insert(n);
        if n % 3 == 0 {
            said.lock().owed.remove(&n);
            store.append(vec![Record::Settled { agent: agent(n) }]).await.unwrap();
            said.lock().settled.insert(n);
        }
        if let Some(cut) = inside.lock().cut.take() {
            return cut;
        }
    }
    unreachable!("the numbers do not end before the cut")
}

fn after(left: &[u8]) -> BTreeSet<String> {
    let memory = InMemoryBackend::new();
    memory.set_len(left.len() as u64).unwrap();
    memory.write(0, left).unwrap();
    let database: Database = builder().set_check_integrity_on_open(true).create_with_backend(memory).unwrap();
    let opened = Opened::begin(database, Path::new("platter"), Timestamp::UNIX_EPOCH).unwrap();
    assert!(!opened.recovered.clean);
    opened.recovered.owed.into_iter().map(|(agent, ..)| agent.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_outlives_a_power_cut_at_any_write(
        cut_at in 1..400usize,
        survives in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (left, said) = runtime.block_on(work(cut_at, survives));
        let found = after(&left);
        for n in said.owed {
            prop_assert!(found.contains(agent(n).as_str()), "acknowledged and lost: {n}");
        }
        for n in said.settled {
            prop_assert!(!found.contains(agent(n).as_str()), "settled and back: {n}");
        }
    }
}
