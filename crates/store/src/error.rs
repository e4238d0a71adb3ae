//! What can go wrong with the store as a whole.

use std::path::PathBuf;

/// Why the store cannot be opened, read or closed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Written by a newer version of the service.
    #[error(
        "{path:?} was written by a newer version (schema {found}, this version knows up to {known}): start that version, or move the file away; \
         without it everything is read once again, and audit list and counters begin anew"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// Another process has the file open.
    #[error("{path:?} is in use by another process: two instances need a store each")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be created, read, written or moved.
    #[error("cannot {doing} {path:?}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the store's database failed")]
    Database(#[source] redb::Error),
    /// What was read is no record of ours.
    #[error("a record in table {table} cannot be understood: {why}")]
    Record {
        /// The table.
        table: &'static str,
        /// In the decoder's words, without the record's content.
        why: String,
    },
    /// The store is closed, or its database could not be reopened after a failure.
    #[error("the store is not open")]
    NotOpen,
    /// The last records or the mark of an orderly end could not be written.
    #[error("the store could not be closed in order: {0}")]
    Close(String),
}

impl StoreError {
    /// Wraps any of redb's errors.
    pub(crate) fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(error.into())
    }

    /// Whether the file's content, and not its surroundings, is the trouble: then moving it aside helps.
    pub(crate) fn is_corruption(&self) -> bool {
        use std::io::ErrorKind::{InvalidData, UnexpectedEof};
        match self {
            Self::Record { .. } => true,
            Self::Database(error) => match error {
                // Nobody aborts a repair here, so this is redb giving up.
                redb::Error::Corrupted(_) | redb::Error::RepairAborted => true,
                redb::Error::TableTypeMismatch { .. }
                | redb::Error::TableIsMultimap(_)
                | redb::Error::TypeDefinitionChanged { .. } => true,
                // "Not a database" and a file cut short.
                redb::Error::Io(error) => matches!(error.kind(), InvalidData | UnexpectedEof),
                _ => false,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_disk_that_is_full_or_forbidden_is_no_reason_to_move_a_file_aside() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied, io::ErrorKind::TimedOut] {
            assert!(!StoreError::database(io::Error::from(kind)).is_corruption(), "{kind}");
        }
        assert!(StoreError::database(io::Error::from(io::ErrorKind::InvalidData)).is_corruption());
    }
}
