//! A disk that is full for a while.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::{Journal, NotAccepted};
use aws_event_cache_model::{AgentName, Cause, Class, Record, Resources, Timestamp};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend};

use crate::file::{Opened, builder};
use crate::{Store, StoreError};

/// A real file on a disk that refuses every write while it is "full", as a disk does.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> Result<(), io::Error> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.room()?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> Result<(), io::Error> {
        self.room()?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.room()?;
        self.file.write(offset, data)
    }
    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }
}

fn open_on(path: &Path, full: &Arc<AtomicBool>) -> Result<Database, DatabaseError> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    builder().create_with_backend(Disk { file: FileBackend::new(file)?, full: Arc::clone(full) })
}

fn store_on(path: &Path, full: &Arc<AtomicBool>) -> Store {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1);
    let opened = Opened::begin(open_on(path, full).unwrap(), path, clock.now()).unwrap();
    let (path, full) = (path.to_owned(), Arc::clone(full));
    Store::start(opened, Box::new(move || open_on(&path, &full)), clock).unwrap().0
}

fn owed(n: u32) -> Record {
    Record::Owed {
        agent: AgentName::new(format!("prod/us-west-2/WidgetCachingAgent{n}")).unwrap(),
        class: Class::Event,
        resources: Resources::default(),
        cause: Cause::own("test", Timestamp::UNIX_EPOCH),
    }
}

#[tokio::test]
async fn on_a_full_disk_tickets_fail_and_later_commits_work_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let full = Arc::new(AtomicBool::new(false));
    let store = store_on(&path, &full);
    store.append(vec![owed(1)]).await.unwrap();

    full.store(true, Ordering::SeqCst);
    for n in 2..5 {
        let refused = store.append(vec![owed(n)]).await.unwrap_err();
        assert!(matches!(refused, NotAccepted::Store(_)), "{refused}");
    }
    assert!(store.problem().is_some());

    full.store(false, Ordering::SeqCst);
    store.append(vec![owed(5)]).await.unwrap();
    assert_eq!(store.problem(), None);
    store.close().await.unwrap();

    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1);
    let (_store, found) = Store::open(&path, clock).unwrap();
    let names: Vec<_> = found.owed.iter().map(|(agent, ..)| agent.as_str().to_owned()).collect();
    assert!(found.clean);
    for acknowledged in [1, 5] {
        let name = format!("prod/us-west-2/WidgetCachingAgent{acknowledged}");
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn an_orderly_end_on_a_full_disk_is_reported_and_not_taken_for_clean() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let full = Arc::new(AtomicBool::new(false));
    let store = store_on(&path, &full);
    store.append(vec![owed(1)]).await.unwrap();
    full.store(true, Ordering::SeqCst);
    assert!(matches!(store.close().await, Err(StoreError::Close(_))));
    drop(store);

    let (_store, found) = Store::open(&path, Clock::starting_at(Timestamp::UNIX_EPOCH, 1)).unwrap();
    assert!(!found.clean);
    assert_eq!(found.owed.len(), 1);
}
