//! Deck's part of the plugin, and what its tests run it in.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{SetupError, sources};
use crate::command::{run, say};
use crate::paths;

/// Builds and installs what is missing.
pub(super) fn build() -> Result<(), SetupError> {
    zip()?;
    host()
}

/// `target/plugins/deck.zip`: what Gate serves to Deck, as it is, without a build.
fn zip() -> Result<(), SetupError> {
    const WHAT: &str = "Deck's part of the plugin";
    let (from, to) = (paths::repository().join("plugins/deck"), paths::target().join("plugins"));
    let (file, stamp) = (to.join("deck.zip"), to.join("deck.sources"));
    let wanted = sources::of(&from, &["index.js"])?;
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && file.is_file() {
        return Ok(());
    }
    say("packing plugins/deck");
    fs::create_dir_all(&to).map_err(SetupError::io("make", &to))?;
    let mut jar = Command::new("jar");
    // A fixed date: the same sources give the same bytes, so that nothing is built anew for them.
    jar.args(["--create", "--no-manifest", "--date=2020-01-01T00:00:00Z", "--file"]).arg(&file);
    run(jar.arg("-C").arg(&from).arg("index.js")).map_err(SetupError::command(WHAT))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}

/// What of npm's registry the Deck-like page and its driver use, in `target/harness/deck`.
fn host() -> Result<(), SetupError> {
    const LISTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];
    let (from, to): (PathBuf, PathBuf) = (paths::repository().join("harness/deck"), paths::built().join("deck"));
    let stamp = to.join("sources");
    let wanted = sources::of(&from, &LISTS)?;
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    say("installing what harness/deck needs");
    fs::create_dir_all(&to).map_err(SetupError::io("make", &to))?;
    for list in LISTS {
        fs::copy(from.join(list), to.join(list)).map_err(SetupError::io("copy", from.join(list)))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&to).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(&mut npm).map_err(SetupError::command("what harness/deck needs"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}
