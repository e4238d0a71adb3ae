//! Where things are in the repository, and where what we build goes.

use std::env;
use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("invariant: xtask is a folder of the repository").to_path_buf()
}

/// What is built for the tests and is not Rust: under cargo's target folder, so that `cargo clean` removes it and git ignores it.
pub(crate) fn built() -> PathBuf {
    target().join("harness")
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    // Programs that we start in other folders get this path too.
    std::path::absolute(&target).unwrap_or(target)
}

/// The mock AWS.
pub(crate) fn mock_aws() -> PathBuf {
    repository().join("harness/mock-aws")
}

/// The Clouddriver harness.
pub(crate) fn harness() -> PathBuf {
    repository().join("harness/clouddriver")
}

/// The JVM hosts that the bridge plugin is loaded into.
pub(crate) fn hosts() -> PathBuf {
    repository().join("harness/hosts")
}

/// The programs that call AWS with several SDKs.
pub(crate) fn sdks() -> PathBuf {
    repository().join("harness/sdks")
}

/// What the proxy is measured against.
pub(crate) fn peers() -> PathBuf {
    repository().join("harness/peers")
}

/// The Python environment of the mock AWS.
pub(crate) fn python_environment() -> PathBuf {
    built().join("python")
}

/// Its interpreter.
pub(crate) fn python() -> PathBuf {
    python_environment().join("bin/python")
}

/// The changes that proofs make.
pub(crate) fn churn() -> PathBuf {
    repository().join("harness/churn.yaml")
}

/// What may differ between the caches that proofs compare.
pub(crate) fn differences() -> PathBuf {
    repository().join("harness/differences.yaml")
}
