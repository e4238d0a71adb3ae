//! A PostgreSQL server.

use std::process::Command;

use tempfile::TempDir;

use crate::process::{Launch, Process, folder, run, with_free_port};
use crate::{StartError, find};

/// A PostgreSQL server whose user `clouddriver` may do everything, without a password.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    process: Process,
    _folder: TempDir,
}

impl Postgres {
    /// Starts a server. When we are root it runs as `postgres` or `nobody`, since PostgreSQL refuses to run as root.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is missing or does not start.
    pub fn start() -> Result<Self, StartError> {
        let bin = find::postgres_bin()?;
        let user = find::unprivileged();
        with_free_port(|port| {
            let folder = folder(user)?;
            let data = folder.path().join("data");
            let mut initdb = match user {
                None => Command::new(bin.join("initdb")),
                Some((user, group)) => {
                    let mut command = Command::new("setpriv");
                    command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
                    command.arg(bin.join("initdb"));
                    command
                }
            };
            // The folder that we were started in may be closed to the other user.
            initdb.current_dir("/").args([
                "--username=clouddriver",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ]);
            run("initdb", initdb.arg(&data))?;

            let mut launch =
                Launch::new("postgres", bin.join("postgres"), "database system is ready to accept connections");
            launch.arguments = vec!["-D".to_owned(), data.display().to_string(), "-p".to_owned(), port.to_string()];
            // No waiting for the disk: nobody needs the data after a power cut.
            for setting in [
                "listen_addresses=127.0.0.1",
                "unix_socket_directories=",
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
            ] {
                launch.arguments.extend(["-c".to_owned(), setting.to_owned()]);
            }
            launch.user = user;
            // "Fast shutdown" in its manual: does not wait for clients, and gives its shared memory back, which a kill would not.
            launch.stop = "INT";
            let process = launch.start(folder.path().join("log"))?;
            Ok(Self { port, process, _folder: folder })
        })
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `postgres://clouddriver@127.0.0.1:<port>/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://clouddriver@127.0.0.1:{}/postgres", self.port)
    }

    /// The process id, for tests that stop or kill the server.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        self.process.log_text()
    }
}
