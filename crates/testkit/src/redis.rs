//! A Redis server.

use tempfile::TempDir;

use crate::process::{Launch, Process, folder, with_free_port};
use crate::{StartError, find};

/// A Redis server with an empty keyspace that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    process: Process,
    _folder: TempDir,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// When `redis-server` is missing or does not start.
    pub fn start() -> Result<Self, StartError> {
        Self::start_with(&[])
    }

    /// Starts a server with further settings, as on its command line (`["--maxmemory", "1mb"]`).
    ///
    /// # Errors
    ///
    /// When `redis-server` is missing or does not start.
    pub fn start_with(settings: &[&str]) -> Result<Self, StartError> {
        let program = find::program("redis-server", "AEC_REDIS_SERVER", "redis-server", &["/usr/bin"])?;
        with_free_port(|port| {
            let folder = folder(None)?;
            let mut launch = Launch::new("redis-server", program.clone(), "Ready to accept connections");
            launch.arguments =
                ["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no", "--dir"]
                    .map(str::to_owned)
                    .into();
            launch.arguments.push(folder.path().display().to_string());
            launch.arguments.extend(settings.iter().map(|&setting| setting.to_owned()));
            let process = launch.start(folder.path().join("log"))?;
            Ok(Self { port, process, _folder: folder })
        })
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
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
