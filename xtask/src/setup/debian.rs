//! Debian packages: the real servers and Java.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::SetupError;
use crate::command::{run, say, succeeds};

/// A package, and how to tell that what it brings is there (also when it came by another way).
pub(super) struct Package {
    name: &'static str,
    present: fn() -> bool,
}

/// What the tests need.
pub(super) const TESTS: [Package; 9] = [
    Package { name: "redis-server", present: || found("redis-server") },
    Package { name: "mariadb-server", present: || found("mariadbd") && found("mariadb-install-db") },
    Package { name: "postgresql", present: postgres },
    Package { name: "openjdk-17-jdk-headless", present: || found("javac") },
    Package { name: "maven", present: || found("mvn") },
    Package {
        name: "python3-venv",
        present: || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
    },
    // A browser for Deck's button, and what brings the libraries of its page.
    Package { name: "chromium", present: || found("chromium") },
    Package { name: "npm", present: || found("npm") && found("node") },
    // setpriv, which has the kernel end a server whose test was killed.
    Package { name: "util-linux", present: || found("setpriv") },
];

/// What the proxy is measured against, and by.
pub(super) const PEERS: [Package; 4] = [
    Package { name: "nginx-light", present: || found("nginx") },
    Package { name: "varnish", present: || found("varnishd") },
    Package { name: "varnish-modules", present: bodyaccess },
    Package { name: "wrk", present: || found("wrk") },
];

/// Installs the packages that are missing, without starting the servers that they bring.
pub(super) fn install(packages: &[Package]) -> Result<(), SetupError> {
    let missing: Vec<&str> =
        packages.iter().filter(|package| !(package.present)()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let command = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    if !found("apt-get") || !is_root() {
        return Err(SetupError::ByHand {
            missing: missing.join(", "),
            how: format!("`sudo {command}`, or what your system has for it"),
        });
    }
    say(&format!("installing {}", missing.join(", ")));
    let _quiet = NoServices::begin()?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(arguments);
        run(&mut command).map_err(SetupError::command("Debian packages"))
    };
    apt(&["update"])?;
    let arguments: Vec<&str> = ["install", "-y", "--no-install-recommends"].into_iter().chain(missing).collect();
    apt(&arguments)
}

/// Keeps Debian from starting the servers that it installs, for as long as this lives: `invoke-rc.d` asks this file, and 101 means "no".
struct NoServices {
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn begin() -> Result<Self, SetupError> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").map_err(SetupError::io("write", POLICY))?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))
            .map_err(SetupError::io("make executable", POLICY))?;
        Ok(Self { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            fs::remove_file(POLICY).unwrap_or_default();
        }
    }
}

/// Whether a program is in `PATH`, or where Debian keeps servers.
pub(super) fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.any(|folder| folder.join(program).is_file())
}

/// Varnish's module that looks at the body of a request.
fn bodyaccess() -> bool {
    let architectures = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    architectures.map(|entry| entry.path().join("varnish/vmods/libvmod_bodyaccess.so")).any(|module| module.is_file())
}

fn postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    found("initdb") || versions.map(|version| version.path().join("bin/initdb")).any(|initdb| initdb.is_file())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
