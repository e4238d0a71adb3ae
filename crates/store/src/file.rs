//! Opening the file, and moving it aside when its content cannot be understood.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use aws_event_cache_model::{Recovered, Timestamp};
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError};

use crate::StoreError;
use crate::apply::{self, Stamp};
use crate::recover::recovered;

/// Files moved aside that are kept: enough to look into what happened, without filling the disk should it happen at every start.
pub const CORRUPT_KEPT: usize = 3;

/// Pages kept in memory. All that is read often fits; redb's own default of 1 GB does not belong into a service of 40 MB.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Opens the database again after a failure.
pub(crate) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

pub(crate) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// An open database that carries our mark, and what it held before.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) recovered: Recovered,
}

impl Opened {
    /// Reads what is there, then marks the store as in use: until the orderly end, every end is an unclean one.
    pub(crate) fn begin(database: Database, path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let recovered = recovered(&database, path)?;
        apply::commit(&database, &[], Stamp { alive: now, clean: false }).map_err(StoreError::Database)?;
        Ok(Self { database, recovered })
    }
}

/// Opens the file, or begins a new one in its place when it is corrupt.
///
/// # Errors
/// When the file is of a newer schema or in use, or the disk refuses.
pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Opened, StoreError> {
    prepare_folder(path)?;
    match try_open(path, now) {
        Err(error) if error.is_corruption() => {
            let aside = move_aside(path)?;
            tracing::error!(
                ?path, ?aside, error = %chain(&error),
                "the store could not be understood and was moved aside; beginning a new one, everything will be read once again"
            );
            try_open(path, now)
        }
        other => other,
    }
}

/// The file's database. A check of the whole file costs milliseconds at our size and turns damage into an error.
pub(crate) fn database(path: &Path, check: bool) -> Result<Database, DatabaseError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // The audit list is nobody else's business.
        options.mode(0o600);
    }
    let file = options.open(path)?;
    builder().set_check_integrity_on_open(check).create_with_backend(FileBackend::new(file)?)
}

fn try_open(path: &Path, now: Timestamp) -> Result<Opened, StoreError> {
    // redb documents that it may panic on a file that was damaged from outside; a panic here would be a crash loop.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = database(path, true).map_err(|error| opening(path, error))?;
        Opened::begin(database, path, now)
    }));
    let opened = opened.unwrap_or_else(|_| {
        Err(StoreError::Database(redb::Error::Corrupted("the database library panicked on the file".to_owned())))
    })?;
    sync_folder(path)?;
    Ok(opened)
}

fn opening(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.to_owned() },
        DatabaseError::Storage(redb::StorageError::Io(source))
            if !StoreError::database(io::Error::from(source.kind())).is_corruption() =>
        {
            StoreError::File { doing: "open", path: path.to_owned(), source }
        }
        other => StoreError::database(other),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn prepare_folder(path: &Path) -> Result<(), StoreError> {
    let folder = folder(path);
    fs::create_dir_all(folder).map_err(|source| StoreError::File {
        doing: "create the folder",
        path: folder.to_owned(),
        source,
    })
}

/// A file that was just created is only there after a crash once its folder has been synced.
fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = folder(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| StoreError::File {
        doing: "sync the folder",
        path: folder.to_owned(),
        source,
    })
}

/// Renames to `<name>.corrupt-<n>`, n above all there are, and deletes the oldest beyond [`CORRUPT_KEPT`].
fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |source| StoreError::File { doing: "move aside", path: path.to_owned(), source };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}.corrupt-");
    let mut numbers: Vec<u64> = fs::read_dir(folder(path))
        .map_err(failed)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let with = |n: u64| path.with_file_name(format!("{prefix}{n}"));
    let aside = with(numbers.last().map_or(1, |n| n.saturating_add(1)));
    fs::rename(path, &aside).map_err(failed)?;
    let surplus = (numbers.len() + 1).saturating_sub(CORRUPT_KEPT);
    for n in numbers.into_iter().take(surplus) {
        fs::remove_file(with(n)).map_err(failed)?;
    }
    Ok(aside)
}

/// An error with its sources, for a log line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
