//! The service's file, as seen from this machine. Nothing is written.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use crate::facts::StoreFacts;

pub(super) fn store(path: &Path, service_answers: bool) -> StoreFacts {
    let there = nearest(path);
    let is_here = path.exists() || path.parent().is_some_and(Path::exists);
    let free =
        there.as_deref().and_then(|there| statvfs(there).ok()).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    StoreFacts {
        path: path.to_owned(),
        is_here,
        unwritable: unwritable(path, there.as_deref()),
        in_use: !service_answers && in_use(path),
        free: free.filter(|_| is_here),
    }
}

/// The path itself, or the nearest folder above it that is there.
fn nearest(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|ancestor| fs::metadata(ancestor).is_ok()).map(Path::to_owned)
}

fn unwritable(path: &Path, there: Option<&Path>) -> Option<String> {
    let there = there?;
    // The service makes folders that are missing, but none under a file.
    if there != path && !there.is_dir() {
        return Some(format!("{} is not a folder", there.display()));
    }
    if there == path && there.is_dir() {
        return Some("it is a folder, not a file".to_owned());
    }
    access(there, Access::WRITE_OK).err().map(|error| format!("{}: {error}", there.display()))
}

/// Whether another process holds the file's lock. Looking takes the lock for an instant, so it is only done where no service answers that could be disturbed.
fn in_use(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_written_is_found_and_one_under_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let good = store(&folder.path().join("state.redb"), false);
        assert!(good.is_here && good.unwritable.is_none() && !good.in_use && good.free.is_some(), "{good:?}");
        let new = store(&folder.path().join("a/b/state.redb"), false);
        assert!(new.unwritable.is_none() && !new.is_here, "{new:?}");
        fs::write(folder.path().join("file"), "").unwrap();
        let bad = store(&folder.path().join("file/state.redb"), false);
        assert!(bad.unwritable.unwrap().contains("is not a folder"));
        assert!(store(folder.path(), false).unwritable.unwrap().contains("is a folder"));
    }

    #[test]
    fn a_file_that_another_has_locked_is_in_use_unless_the_service_answers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let held = File::create(&path).unwrap();
        held.lock().unwrap();
        assert!(store(&path, false).in_use);
        assert!(!store(&path, true).in_use);
        held.unlock().unwrap();
        assert!(!store(&path, false).in_use);
    }
}
