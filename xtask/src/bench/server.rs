//! A server under measurement: started on a core of its own, and what it has used up so far.

use std::error::Error;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The core of the server, and that of the clients and of what stands in for AWS: what one uses is not taken from the other.
pub(super) const SERVER_CORE: &str = "0";
/// See [`SERVER_CORE`].
pub(super) const CLIENT_CORE: &str = "1";

/// Ticks of `/proc/PID/stat` in a second: a constant of Linux's interface, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

/// Looks for a server's port so often, and so long apart: ten seconds, which even Varnish's compiler does not need.
const TRIES: u32 = 200;
const BETWEEN: Duration = Duration::from_millis(50);

/// A server and its children; ends with this.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts a program on a core, and waits until it listens on a port.
    #[allow(clippy::disallowed_methods, reason = "a foreign process does not follow paused time")]
    pub(super) fn start(core: &str, port: u16, folder: &Path, line: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", core]).args(line).current_dir(folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let server = Self { child };
        for _ in 0..TRIES {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            sleep(BETWEEN);
        }
        Err(format!("{} does not listen on port {port}", line.join(" ")).into())
    }

    /// Seconds of CPU that it and its children have used.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let ticks = |pid: u32| -> Option<u64> {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The program's name may hold blanks; what follows its closing bracket does not.
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        };
        self.tree().into_iter().filter_map(ticks).map(|ticks| ticks as f64 / TICKS).sum()
    }

    /// Memory in use, in MiB. Pages of files that nginx serves from the kernel's cache are not in it.
    pub(super) fn memory_mib(&self) -> f64 {
        let kib = |pid: u32| -> Option<f64> {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        self.tree().into_iter().filter_map(kib).sum::<f64>() / 1024.0
    }

    fn tree(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut next = 0;
        while let Some(pid) = all.get(next).copied() {
            next += 1;
            for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
        }
        all
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Children first: a parent that sees them gone may start others.
        for pid in self.tree().into_iter().rev() {
            Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status().ok();
        }
        self.child.wait().ok();
    }
}
