//! The store's handle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::{Journal, NotAccepted, Ticket};
use aws_event_cache_model::{AuditEntry, EventRecord, Override, Record, Recovered, RefreshRecord};
use redb::backends::InMemoryBackend;

use crate::StoreError;
use crate::file::{self, Opened, Opener, builder};
use crate::op::Op;
use crate::read;
use crate::writer::{Receiver, Shared};

/// The embedded store. See the crate's page for what it promises.
///
/// Reads give a snapshot of the last commit, newest first, and never wait for the writer. They are quick (at most some milliseconds, for thousands of entries) but not async.
///
/// Dropped without [`close`](Self::close) it ends as a crash would: what is not yet durable is not written, its tickets fail.
pub struct Store {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("commits", &self.commits()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the file, creating it (and its folder) where it is missing, and gives back what it held.
    ///
    /// A file that cannot be understood is moved aside, loudly, and a new one begun: see the crate's page.
    ///
    /// # Errors
    /// [`StoreError`] when the file is of a newer schema, in use by another process, or the disk refuses.
    pub fn open(path: impl AsRef<Path>, clock: Clock) -> Result<(Self, Recovered), StoreError> {
        let path = path.as_ref().to_owned();
        let opened = file::open(&path, clock.now())?;
        Self::start(opened, Box::new(move || file::database(&path, false)), clock)
    }

    /// A store that lasts as long as the process: for the demonstration and for tests.
    ///
    /// # Errors
    /// [`StoreError`] when there is no memory or thread left.
    pub fn in_memory(clock: Clock) -> Result<(Self, Recovered), StoreError> {
        let fresh = || builder().create_with_backend(InMemoryBackend::new());
        let database = fresh().map_err(StoreError::database)?;
        let opened = Opened::begin(database, Path::new("memory"), clock.now())?;
        Self::start(opened, Box::new(fresh), clock)
    }

    pub(crate) fn start(opened: Opened, reopen: Opener, clock: Clock) -> Result<(Self, Recovered), StoreError> {
        let Opened { database, recovered } = opened;
        let shared = Arc::new(Shared::new(database, reopen, clock));
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.write()
            })
            .map_err(|source| StoreError::File { doing: "start the writer of", path: "store".into(), source })?;
        Ok((Self { shared, writer: Some(writer) }, recovered))
    }

    /// The newest audit entries.
    ///
    /// # Errors
    /// [`StoreError`] when the store is not open or the disk refuses.
    pub fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        read::audit(&self.shared.snapshot()?, limit)
    }

    /// The newest events.
    ///
    /// # Errors
    /// As [`audit`](Self::audit).
    pub fn events(&self, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        read::events(&self.shared.snapshot()?, limit)
    }

    /// The counters that go on over restarts.
    ///
    /// # Errors
    /// As [`audit`](Self::audit).
    pub fn counters(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        read::counters(&self.shared.snapshot()?)
    }

    /// The newest refreshes, final ones included.
    ///
    /// # Errors
    /// As [`audit`](Self::audit), and when a record cannot be decoded.
    pub fn refreshes(&self, limit: usize) -> Result<Vec<RefreshRecord>, StoreError> {
        let mut refreshes = read::refreshes(&self.shared.snapshot()?)?;
        refreshes.truncate(limit);
        Ok(refreshes)
    }

    /// The overrides that have not been taken back, by id; expired ones too, until that is recorded.
    ///
    /// # Errors
    /// As [`audit`](Self::audit), and when a record cannot be decoded.
    pub fn overrides(&self) -> Result<Vec<Override>, StoreError> {
        read::overrides(&self.shared.snapshot()?)
    }

    /// Waits until everything appended before, soft records included, is durable.
    ///
    /// # Errors
    /// [`NotAccepted`] when it could not be written.
    pub async fn flush(&self) -> Result<(), NotAccepted> {
        match self.shared.push(Vec::new(), true)? {
            Some(receiver) => resolve(receiver).await,
            None => Ok(()),
        }
    }

    /// Writes what waits, with the mark of an orderly end, and lets the file go. Later appends fail with [`NotAccepted::ShuttingDown`].
    ///
    /// # Errors
    /// [`StoreError::Close`] when that could not be written: the next start then takes everything as stale. [`StoreError::NotOpen`] when it was closed before.
    pub async fn close(&self) -> Result<(), StoreError> {
        let receiver = self.shared.close().ok_or(StoreError::NotOpen)?;
        resolve(receiver).await.map_err(|not_accepted| StoreError::Close(not_accepted.to_string()))
    }

    /// How many durable commits there were since it was opened.
    pub fn commits(&self) -> u64 {
        self.shared.commits()
    }

    /// Why the last commit failed, in plain words, until one succeeds again.
    pub fn problem(&self) -> Option<String> {
        self.shared.problem()
    }
}

impl Journal for Store {
    fn append(&self, records: Vec<Record>) -> Ticket {
        let encoded: Result<Vec<Op>, _> = records.into_iter().map(Op::encode).collect();
        let pushed = match encoded {
            Ok(ops) => {
                let durable = ops.iter().any(|op| !op.is_soft());
                self.shared.push(ops, durable)
            }
            Err(error) => Err(NotAccepted::Store(format!("a record cannot be encoded: {error}"))),
        };
        match pushed {
            Ok(Some(receiver)) => Box::pin(resolve(receiver)),
            Ok(None) => Box::pin(std::future::ready(Ok(()))),
            Err(not_accepted) => Box::pin(std::future::ready(Err(not_accepted))),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.abandon();
        if let Some(writer) = self.writer.take() {
            // At most the commit under way: afterwards the file can be opened again.
            writer.join().ok();
        }
    }
}

async fn resolve(receiver: Receiver) -> Result<(), NotAccepted> {
    receiver.await.unwrap_or(Err(NotAccepted::ShuttingDown))
}
