//! A MariaDB server.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Launch, Process, folder, run, with_free_port};
use crate::{StartError, find};

/// A MariaDB server with an empty database `clouddriver` and a user and password of that name who may do everything.
#[derive(Debug)]
pub struct MariaDb {
    port: u16,
    process: Process,
    _folder: TempDir,
}

/// What the server runs when it starts. The user is asked for a password, because a real one has one.
const INIT: &str = "CREATE DATABASE IF NOT EXISTS clouddriver CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'clouddriver'@'%' IDENTIFIED BY 'clouddriver';
GRANT ALL ON *.* TO 'clouddriver'@'%';
";

/// Settings of the server and of the program that makes its first tables: small files, and no waiting for the disk, since nobody needs the data after a
/// power cut.
const QUICK: [&str; 5] = [
    "--innodb-log-file-size=4M",
    "--innodb-buffer-pool-size=16M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
];

impl MariaDb {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// When `mariadbd` is missing or does not start.
    pub fn start() -> Result<Self, StartError> {
        let server = find::program("mariadbd", "AEC_MARIADBD", "mariadbd", &["/usr/sbin"])?;
        let install = find::program(
            "mariadb-install-db",
            "AEC_MARIADB_INSTALL_DB",
            "mariadb-install-db",
            &["/usr/bin", "/usr/scripts"],
        )?;
        with_free_port(|port| {
            let folder = folder(None)?;
            let at = |name: &str| folder.path().join(name).display().to_string();
            let mut common = vec!["--no-defaults".to_owned(), format!("--datadir={}", at("data"))];
            if find::unprivileged().is_some() {
                common.push("--user=root".to_owned());
            }
            common.extend(QUICK.map(str::to_owned));
            let first = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
            run("mariadb-install-db", Command::new(&install).args(&common).args(first))?;
            let init = folder.path().join("init.sql");
            std::fs::write(&init, INIT).map_err(StartError::io("write", &init))?;

            let mut launch = Launch::new("mariadbd", server.clone(), "ready for connections");
            launch.arguments = common;
            launch.arguments.extend([
                "--bind-address=127.0.0.1".to_owned(),
                format!("--port={port}"),
                format!("--socket={}", at("socket")),
                format!("--pid-file={}", at("pid")),
                format!("--init-file={}", init.display()),
                "--skip-name-resolve".to_owned(),
            ]);
            launch.patience = Duration::from_secs(90);
            let process = launch.start(folder.path().join("log"))?;
            Ok(Self { port, process, _folder: folder })
        })
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `mysql://clouddriver:clouddriver@127.0.0.1:<port>/clouddriver`.
    pub fn url(&self) -> String {
        format!("mysql://clouddriver:clouddriver@127.0.0.1:{}/clouddriver", self.port)
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
