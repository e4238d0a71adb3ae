//! The certificate authority, for clients that speak TLS through the proxy.
//!
//! ```text
//! root (its key is thrown away) ─> intermediate (may sign for AWS's names and the proxy's own only) ─> leafs of at most seven days, in memory
//! ```
//!
//! Whoever steals the folder can pose as AWS towards those who trust the root, but not as their bank: the constraint stands on the intermediate, since Java
//! ignores one on a root in its trust store (ran: JDK 17 obeys it on an intermediate, Go and OpenSSL on both).
//!
//! # Rotation
//! Without the root's key no second intermediate can be signed, so that rotating means a new root, in two steps. [`rotate`] makes it beside the one in use and puts
//! both roots into the bundle `ca.pem`; nothing else changes. When every client has got the bundle, [`switch`] lets the proxy use the new one from its next start on.
//! The old root stays in the bundle until the next [`rotate`], so that proxies may be restarted one after another.
//!
//! # The folder
//! Flat, so that a Kubernetes secret can hold it: `ca.pem` for clients, `current` with a number, and for each number `N-root.pem`, `N-intermediate.pem` and
//! `N-intermediate.key`. The folder has mode 0700, the key 0600. What is written last makes what was written before count, so that a crash leaves the old state.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use aws_event_cache_model::Timestamp;

mod authority;
mod folder;
mod make;
mod shown;

pub(crate) use authority::{Authority, Leaf};
pub use shown::{Generation, Shown, TrustStep};

use folder::Folder;

/// Names that the intermediate may sign for, beside AWS's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Suffixes that the operator added to AWS's.
    pub suffixes: Vec<String>,
    /// The proxy's own names and addresses.
    pub own: Vec<String>,
}

/// Why the authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is none.
    #[error("there is no certificate authority in {0}; run `aws-event-cache ca init`")]
    Absent(PathBuf),
    /// There is one already.
    #[error(
        "there is a certificate authority in {0} already; run `aws-event-cache ca rotate` to replace it, so that clients are not cut off"
    )]
    Exists(PathBuf),
    /// A rotation is under way.
    #[error(
        "a new root waits in {0} already; give ca.pem to every client, then run `aws-event-cache ca rotate --switch`"
    )]
    RotationUnderWay(PathBuf),
    /// No rotation is under way.
    #[error("no new root waits in {0}; run `aws-event-cache ca rotate` first")]
    NothingToSwitchTo(PathBuf),
    /// A file does not hold what it should.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A name that certificates cannot bear.
    #[error("{0} is neither a host name nor an address")]
    Name(String),
    /// A name outside the intermediate's constraint.
    #[error(
        "the certificate authority may not sign for {0}; it was made without this name. Run `aws-event-cache ca rotate`, which takes the names from the configuration"
    )]
    NotPermitted(String),
    /// Its time is over.
    #[error(
        "the certificate authority ended at {0}; run `aws-event-cache ca rotate` and `aws-event-cache ca rotate --switch`"
    )]
    Ended(Timestamp),
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// TLS could not take a certificate.
    #[error("TLS does not take the certificate")]
    Tls(#[from] rustls::Error),
}

/// Makes an authority in an empty or new folder.
///
/// # Errors
/// There is one already, or the folder cannot be written.
pub fn init(folder: &Path, names: &Names, now: Timestamp) -> Result<Shown, CaError> {
    let folder = Folder::create(folder)?;
    if folder.current()?.is_some() {
        return Err(CaError::Exists(folder.path().to_owned()));
    }
    // What a crashed init left has never been trusted by anybody.
    folder.remove_all()?;
    folder.write(1, &make::make(names, now)?)?;
    folder.bundle(&[1])?;
    folder.set_current(1)?;
    shown::show(&folder, now)
}

/// What there is, and what clients need to trust it.
///
/// # Errors
/// There is none, or it is damaged.
pub fn show(folder: &Path, now: Timestamp) -> Result<Shown, CaError> {
    shown::show(&Folder::open(folder), now)
}

/// First step of a rotation: a new root beside the one in use; the bundle holds both.
///
/// # Errors
/// There is no authority, or the last rotation was not ended.
pub fn rotate(folder: &Path, names: &Names, now: Timestamp) -> Result<Shown, CaError> {
    let folder = Folder::open(folder);
    let current = folder.need_current()?;
    if folder.next(current)?.is_some() {
        return Err(CaError::RotationUnderWay(folder.path().to_owned()));
    }
    let next = current + 1;
    folder.remove_all_but(current)?;
    folder.write(next, &make::make(names, now)?)?;
    folder.bundle(&[current, next])?;
    shown::show(&folder, now)
}

/// Second step: the new root is the one in use, from the proxy's next start on. The old one stays in the bundle.
///
/// # Errors
/// There is nothing to switch to.
pub fn switch(folder: &Path, now: Timestamp) -> Result<Shown, CaError> {
    let folder = Folder::open(folder);
    let current = folder.need_current()?;
    let next = folder.next(current)?.ok_or_else(|| CaError::NothingToSwitchTo(folder.path().to_owned()))?;
    folder.set_current(next)?;
    shown::show(&folder, now)
}

/// A name as certificates bear it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Dns(String),
    Ip(IpAddr),
}

fn subject(text: &str) -> Result<Subject, CaError> {
    if let Ok(address) = text.parse() {
        return Ok(Subject::Ip(address));
    }
    let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    crate::hosts::name_of(name).map(Subject::Dns).ok_or_else(|| CaError::Name(text.to_owned()))
}

#[cfg(test)]
mod tests;
