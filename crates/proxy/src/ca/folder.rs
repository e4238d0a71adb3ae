//! The folder on disk.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::CaError;

/// Read by the proxy alone.
const PRIVATE: u32 = 0o600;

/// Handed to clients.
const PUBLIC: u32 = 0o644;

/// The files of one root, in PEM.
pub(super) struct Files {
    pub(super) root: String,
    pub(super) intermediate: String,
    pub(super) key: String,
}

pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Made if it is not there, for its owner alone.
    pub(super) fn create(path: &Path) -> Result<Self, CaError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| CaError::File { action: "create", path: path.to_owned(), source })?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn bundle_path(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The number of the root in use.
    pub(super) fn current(&self) -> Result<Option<u32>, CaError> {
        let path = self.0.join("current");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let number =
                    text.trim().parse().map_err(|_| CaError::Damaged { path, reason: "it holds no number".into() })?;
                Ok(Some(number))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CaError::File { action: "read", path, source }),
        }
    }

    pub(super) fn need_current(&self) -> Result<u32, CaError> {
        self.current()?.ok_or_else(|| CaError::Absent(self.0.clone()))
    }

    /// The root that waits to be switched to. Its own certificate is written last, so that a crash leaves none waiting.
    pub(super) fn next(&self, current: u32) -> Result<Option<u32>, CaError> {
        let next = current + 1;
        let path = self.file(next, "root.pem");
        let there = path.try_exists().map_err(|source| CaError::File { action: "read", path, source })?;
        Ok(there.then_some(next))
    }

    /// The root before the one in use, while it is kept.
    pub(super) fn file(&self, number: u32, what: &str) -> PathBuf {
        self.0.join(format!("{number}-{what}"))
    }

    pub(super) fn read(&self, number: u32, what: &str) -> Result<String, CaError> {
        let path = self.file(number, what);
        fs::read_to_string(&path).map_err(|source| CaError::File { action: "read", path, source })
    }

    pub(super) fn write(&self, number: u32, files: &Files) -> Result<(), CaError> {
        self.replace(&self.file(number, "intermediate.key"), &files.key, PRIVATE)?;
        self.replace(&self.file(number, "intermediate.pem"), &files.intermediate, PRIVATE)?;
        self.replace(&self.file(number, "root.pem"), &files.root, PRIVATE)
    }

    /// Writes what clients are to trust: these roots.
    pub(super) fn bundle(&self, numbers: &[u32]) -> Result<(), CaError> {
        let roots = numbers.iter().map(|&number| self.read(number, "root.pem")).collect::<Result<Vec<_>, _>>()?;
        self.replace(&self.bundle_path(), &roots.concat(), PUBLIC)
    }

    pub(super) fn set_current(&self, number: u32) -> Result<(), CaError> {
        self.replace(&self.0.join("current"), &format!("{number}\n"), PRIVATE)
    }

    pub(super) fn remove_all(&self) -> Result<(), CaError> {
        self.remove(|_| true)
    }

    pub(super) fn remove_all_but(&self, number: u32) -> Result<(), CaError> {
        self.remove(|other| other != number)
    }

    /// Removes our own numbered files only; whatever else lies there is somebody else's.
    fn remove(&self, which: impl Fn(u32) -> bool) -> Result<(), CaError> {
        let failed = |source| CaError::File { action: "clean up", path: self.0.clone(), source };
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.split_once('-')).and_then(|(number, what)| {
                let ours = matches!(what, "root.pem" | "intermediate.pem" | "intermediate.key");
                number.parse().ok().filter(|_| ours)
            });
            if number.is_some_and(&which) {
                fs::remove_file(self.0.join(name)).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Writes beside it and renames, so that a reader finds the old or the new text and never half of one.
    fn replace(&self, path: &Path, text: &str, mode: u32) -> Result<(), CaError> {
        let beside = path.with_extension("new");
        let write = || {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        write().map_err(|source| CaError::File { action: "write", path: path.to_owned(), source })
    }
}
