//! The Clouddriver harness, built by Maven.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::SetupError;
use crate::command::{run, say};
use crate::paths;

/// A Spinnaker release whose Clouddriver the harness can be built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Release {
    /// Clouddriver 5.90.0.
    #[value(name = "1.36")]
    Spinnaker136,
    /// Clouddriver 5.76.0.
    #[value(name = "1.28")]
    Spinnaker128,
}

impl Release {
    /// Where its build goes.
    pub(crate) fn folder(self) -> PathBuf {
        paths::built().join(match self {
            Self::Spinnaker136 => "clouddriver-1.36",
            Self::Spinnaker128 => "clouddriver-1.28",
        })
    }

    /// The file with the class path of its dependencies.
    pub(crate) fn classpath(self) -> PathBuf {
        self.folder().join("classpath")
    }
}

/// The central repository sometimes drops a connection; Maven goes on where it was, so asking again is cheap.
const ATTEMPTS: u32 = 3;

/// Builds the harness again when its sources have changed or Maven's local repository has lost something.
pub(super) fn build(release: Release) -> Result<(), SetupError> {
    let folder = release.folder();
    let stamp = folder.join("sources");
    let wanted = sources(&paths::harness())?;
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && dependencies_are_there(release) {
        return Ok(());
    }
    say("building the Clouddriver harness (the first time downloads some 420 MB)");
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "--no-transfer-progress", "clean", "compile"]).current_dir(paths::harness());
    maven.arg(format!("-DoutputFolder={}", folder.display()));
    if release == Release::Spinnaker128 {
        maven.arg("-Pspinnaker-1.28");
    }
    let mut attempt = 1;
    while let Err(error) = run(&mut maven) {
        if attempt == ATTEMPTS {
            return Err(SetupError::command("the Clouddriver harness")(error));
        }
        attempt += 1;
    }
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}

fn dependencies_are_there(release: Release) -> bool {
    fs::read_to_string(release.classpath()).is_ok_and(|path| path.trim().split(':').all(|jar| Path::new(jar).is_file()))
}

/// The names and contents of all that the build reads, in a fixed order.
fn sources(folder: &Path) -> Result<String, SetupError> {
    let mut files = vec![folder.join("pom.xml")];
    let mut folders = vec![folder.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(SetupError::io("read", &folder))?.flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.sort();
    let mut all = String::new();
    for file in files {
        all.push_str(&format!("== {}\n", file.strip_prefix(folder).unwrap_or(&file).display()));
        all.push_str(&fs::read_to_string(&file).map_err(SetupError::io("read", &file))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_renamed_source_asks_for_a_new_build() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("src/deep")).unwrap();
        fs::write(at("pom.xml"), "pom").unwrap();
        fs::write(at("src/deep/A.java"), "a").unwrap();
        let before = sources(folder.path()).unwrap();
        assert_eq!(before, sources(folder.path()).unwrap());
        fs::write(at("src/deep/A.java"), "b").unwrap();
        let changed = sources(folder.path()).unwrap();
        fs::rename(at("src/deep/A.java"), at("src/deep/B.java")).unwrap();
        let renamed = sources(folder.path()).unwrap();
        assert!(before != changed && changed != renamed);
    }
}
