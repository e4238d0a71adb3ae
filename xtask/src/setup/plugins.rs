//! The bridge plugin and the JVM hosts that its tests load it into.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::maven::{classpath_is_there, maven, patiently};
use super::{SetupError, sources};
use crate::command::say;
use crate::paths;

/// What the plugin is built from, in its folder. Deck's part is not among it: it is built apart, and only taken in.
const PARTS: [&str; 6] = [".mvn", "pom.xml", "gate", "clouddriver", "shared", "bundle"];

/// A host: something like a Spinnaker service that plugins are loaded into.
struct Host {
    name: &'static str,
    /// Its folder in `harness/hosts`.
    folder: &'static str,
    /// What Maven is told besides.
    arguments: &'static [&'static str],
}

/// The oldest and the newest published generation of kork, what later releases are like, and Clouddriver.
const HOSTS: [Host; 4] = [
    Host { name: "gate-7.136.0", folder: "gate", arguments: &["-Dkork.version=7.136.0", "-Pgroovy"] },
    Host { name: "gate-7.254.0", folder: "gate", arguments: &["-Dkork.version=7.254.0"] },
    Host { name: "gate-boot3", folder: "gate-boot3", arguments: &[] },
    Host { name: "clouddriver", folder: "clouddriver", arguments: &[] },
];

/// Builds and installs what is missing.
pub(super) fn build() -> Result<(), SetupError> {
    plugin()?;
    HOSTS.iter().try_for_each(host)
}

/// The bundle, `target/plugins/AwsEventCache.Bridge-<version>.zip`, and beside it the zips that are in it.
fn plugin() -> Result<(), SetupError> {
    let (from, to) = (paths::repository().join("plugins"), paths::target().join("plugins"));
    let bundle = format!("AwsEventCache.Bridge-{}.zip", env!("CARGO_PKG_VERSION"));
    let zips = [bundle.as_str(), "gate.zip", "clouddriver.zip"].map(|zip| to.join(zip));
    let wanted = format!("{}{}\n{bundle}", sources::of(&from, &PARTS)?, deck(&to.join("deck.zip"))?);
    let stamp = to.join("sources");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && zips.iter().all(|zip| zip.is_file()) {
        return Ok(());
    }
    say("building the bridge plugin");
    for old in bundles(&to) {
        fs::remove_file(&old).map_err(SetupError::io("remove", &old))?;
    }
    let mut maven = maven(&from, &["clean", "package"]);
    maven.arg(format!("-DoutputFolder={}", to.display())).arg(concat!("-Drevision=", env!("CARGO_PKG_VERSION")));
    patiently(&mut maven).map_err(SetupError::command("the bridge plugin"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}

/// What tells one `deck.zip` from another; nothing if there is none.
fn deck(zip: &Path) -> Result<String, SetupError> {
    if !zip.is_file() {
        return Ok(String::new());
    }
    let mut hasher = DefaultHasher::new();
    fs::read(zip).map_err(SetupError::io("read", zip))?.hash(&mut hasher);
    Ok(format!("== deck.zip\n{:x}", hasher.finish()))
}

/// Bundles of any version: only one may lie there, or those who take "the" bundle would take the wrong one.
fn bundles(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .filter(|file| {
            file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"AwsEventCache.Bridge-"))
        })
        .collect()
}

fn host(host: &Host) -> Result<(), SetupError> {
    let (from, to) = (paths::hosts(), paths::built().join("hosts").join(host.name));
    let wanted = format!("{}{}", sources::of(&from, &["pom.xml", "shared", host.folder])?, host.arguments.join(" "));
    let stamp = to.join("sources");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && classpath_is_there(&to.join("classpath")) {
        return Ok(());
    }
    say(&format!("building harness/hosts: {}", host.name));
    let mut maven = maven(&from.join(host.folder), &["clean", "compile"]);
    maven.args(host.arguments).arg(format!("-DoutputFolder={}", to.display()));
    patiently(&mut maven).map_err(SetupError::command("the hosts of the bridge plugin"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}
