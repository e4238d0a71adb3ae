//! Why a server did not start.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a server did not start.
///
/// Its `Debug` form is the message and its causes, because tests `unwrap` and that is what they then print.
#[derive(thiserror::Error)]
pub enum StartError {
    /// Something that the server needs is not on this machine.
    #[error("{what} not found (looked in {looked}): run `cargo xtask setup`")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// A file or a process could not be made.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program ended, or failed, before it was ready.
    #[error("{name} ended before it was ready; its log ends with:\n{log}")]
    Ended {
        /// Which program.
        name: &'static str,
        /// The end of its log.
        log: String,
    },
    /// The program runs but was not ready in time.
    #[error("{name} was not ready after {seconds} s; its log ends with:\n{log}")]
    Slow {
        /// Which program.
        name: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// The program runs, but what it says makes no sense.
    #[error("{name} said something unexpected: {said}")]
    Unexpected {
        /// Which program.
        name: &'static str,
        /// What it said.
        said: String,
    },
}

impl StartError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
