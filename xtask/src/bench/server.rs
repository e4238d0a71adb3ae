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

/// Where `/proc/PID/stat` has them, counted from what follows the program's name (proc(5)).
const PARENT: usize = 1;
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// Looks for a server's port so often, and so long apart: ten seconds, which even Varnish's compiler does not need.
const TRIES: u32 = 200;
const BETWEEN: Duration = Duration::from_millis(50);

/// A server and its children; ends with this.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts a program on a core, and waits until it listens on a port.
    pub(super) fn start(core: &str, port: u16, folder: &Path, line: &[String]) -> Result<Self, Box<dyn Error>> {
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        // The one before is killed, but its memory may take a moment to go.
        if !within_tries(|| Ok(!listens()))? {
            return Err(format!("something else listens on port {port}: it would be measured instead").into());
        }
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", core]).args(line).current_dir(folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { child };
        let started = within_tries(|| match server.child.try_wait()? {
            Some(status) => Err(format!("{} ended at once: {status}", line.join(" ")).into()),
            None => Ok(listens()),
        })?;
        if started { Ok(server) } else { Err(format!("{} does not listen on port {port}", line.join(" ")).into()) }
    }

    /// Seconds of CPU that it and its children have used.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let ticks = |pid: u32| -> Option<u64> {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields = fields(&stat)?;
            Some(fields.get(USER_TIME)?.parse::<u64>().ok()? + fields.get(SYSTEM_TIME)?.parse::<u64>().ok()?)
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

    /// It and what it started, parents first. By what each process says of its parent: not every kernel lists children.
    fn tree(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let parents: Vec<(u32, u32)> = processes
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
                Some((pid, fields(&stat)?.get(PARENT)?.parse().ok()?))
            })
            .collect();
        let mut all = vec![self.child.id()];
        let mut next = 0;
        while let Some(&parent) = all.get(next) {
            next += 1;
            all.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| pid));
        }
        all
    }
}

/// Whether it comes true in time.
#[allow(clippy::disallowed_methods, reason = "a foreign process does not follow paused time")]
fn within_tries(mut holds: impl FnMut() -> Result<bool, Box<dyn Error>>) -> Result<bool, Box<dyn Error>> {
    for _ in 0..TRIES {
        if holds()? {
            return Ok(true);
        }
        sleep(BETWEEN);
    }
    Ok(false)
}

/// What `/proc/PID/stat` says after the program's name, which may hold blanks; the closing bracket ends it.
fn fields(stat: &str) -> Option<Vec<&str>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace().collect())
}

impl Drop for Server {
    fn drop(&mut self) {
        // Parents first: one that sees its children gone starts others.
        for pid in self.tree() {
            Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status().ok();
        }
        self.child.wait().ok();
    }
}
