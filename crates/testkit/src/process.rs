//! A child process that is ready when its log says so and that ends with us.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::StartError;

/// How often a starting server's log is read: short against the quickest start (Redis, some 20 ms), dear to nobody.
const POLL: Duration = Duration::from_millis(10);

/// Another process may take a free port between our asking for it and the server's binding it. Three in a row is not chance.
const ATTEMPTS: u32 = 3;

/// What a server gets to end in good order before it is killed. Nobody needs its data, only its shared memory tidied up.
const GRACE: Duration = Duration::from_secs(3);

/// How a server is started and known to be ready.
pub(crate) struct Launch {
    /// For messages.
    pub(crate) name: &'static str,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Added to our own environment.
    pub(crate) environment: Vec<(String, String)>,
    /// User and group to run as; ours if `None`.
    pub(crate) user: Option<(u32, u32)>,
    /// The signal that ends the server, without `SIG`.
    pub(crate) stop: &'static str,
    /// What its log (standard output and error) contains once it answers.
    pub(crate) ready: &'static str,
    /// How long to wait for that.
    pub(crate) patience: Duration,
}

impl Launch {
    pub(crate) fn new(name: &'static str, program: PathBuf, ready: &'static str) -> Self {
        Self {
            name,
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            user: None,
            stop: "TERM",
            ready,
            patience: Duration::from_secs(60),
        }
    }

    /// Starts the server with its log at `log` and waits until it is ready.
    pub(crate) fn start(self, log: PathBuf) -> Result<Process, StartError> {
        let file = File::create(&log).map_err(StartError::io("create", &log))?;
        let error_file = file.try_clone().map_err(StartError::io("open", &log))?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(file).stderr(error_file);
        let process = Process::keep(self.name, command, self.stop, log)?;
        process.wait_until_ready(self.ready, self.patience)?;
        Ok(process)
    }

    /// The command, under `setpriv`: it changes the user, and has the kernel end the server when the thread that started it dies, so that a killed
    /// test leaves nothing behind.
    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", self.stop]);
        if let Some((user, group)) = self.user {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
        }
        command.arg(&self.program).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running server. Ends it when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    log: PathBuf,
    id: u32,
    ended: Arc<AtomicBool>,
    /// Hanging up tells the keeper to end the server.
    hold: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` in a thread that lives as long as the server may: the kernel's death signal is bound to the *thread* that started a child, and
    /// a runtime's worker threads come and go.
    fn keep(name: &'static str, mut command: Command, stop: &'static str, log: PathBuf) -> Result<Self, StartError> {
        let program = PathBuf::from(command.get_program());
        let (hold, held) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let keeper = thread::spawn(move || match command.spawn() {
            Err(error) => started.send(Err(error)).unwrap_or_default(),
            Ok(child) => {
                started.send(Ok(child.id())).unwrap_or_default();
                watch(child, &held, stop, &seen);
            }
        });
        let id = start.recv().expect("invariant: the keeper always answers").map_err(StartError::io("run", program))?;
        Ok(Self { name, log, id, ended, hold: Some(hold), keeper: Some(keeper) })
    }

    fn wait_until_ready(&self, ready: &str, patience: Duration) -> Result<(), StartError> {
        for _ in 0..(patience.as_millis() / POLL.as_millis()) {
            if self.said(ready) {
                return Ok(());
            }
            if self.ended.load(Ordering::Acquire) {
                return Err(StartError::Ended { name: self.name, log: self.log_end() });
            }
            pause(POLL);
        }
        Err(StartError::Slow { name: self.name, seconds: patience.as_secs(), log: self.log_end() })
    }

    /// Whether the log contains `text`.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.log_text().contains(text)
    }

    /// The line of the log that is a JSON object with this member.
    pub(crate) fn json_line(&self, member: &str) -> Result<Value, StartError> {
        let log = self.log_text();
        let mut objects = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = objects.find(|object| object.get(member).is_some());
        found.ok_or_else(|| StartError::Unexpected { name: self.name, said: self.log_end() })
    }

    /// All that the server wrote.
    pub(crate) fn log_text(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    fn log_end(&self) -> String {
        last_lines(&self.log_text(), 20)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.hold.take();
        if let Some(keeper) = self.keeper.take() {
            keeper.join().unwrap_or_default();
        }
    }
}

/// Waits for the server's end, or for ours, and then ends it.
fn watch(mut child: Child, held: &mpsc::Receiver<()>, stop: &str, ended: &AtomicBool) {
    while let Err(RecvTimeoutError::Timeout) = held.recv_timeout(POLL) {
        if !matches!(child.try_wait(), Ok(None)) {
            ended.store(true, Ordering::Release);
            return;
        }
    }
    signal(child.id(), stop);
    for _ in 0..(GRACE.as_millis() / POLL.as_millis()) {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        pause(POLL);
    }
    child.kill().unwrap_or_default();
    child.wait().map(drop).unwrap_or_default();
}

/// Sends a signal by way of the shell's own `kill`; the standard library can only kill outright.
pub(crate) fn signal(process: u32, name: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"kill -s "$0" "$1""#, name, &process.to_string()]).stderr(Stdio::null());
    shell.status().map(drop).unwrap_or_default();
}

/// Waits in real time, which tests of our own code never do, because a real server is waited for.
#[allow(clippy::disallowed_methods, reason = "a foreign process does not follow paused time")]
pub(crate) fn pause(length: Duration) {
    thread::sleep(length);
}

/// How often [`eventually`] looks. What is waited for takes from tens of milliseconds to seconds.
const LOOK: Duration = Duration::from_millis(50);

/// Looks until there is something to see; `None` if there still is nothing after `patience`, not counting the time that looking takes.
pub fn eventually<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..(patience.as_millis() / LOOK.as_millis()) {
        let seen = look();
        if seen.is_some() {
            return seen;
        }
        pause(LOOK);
    }
    look()
}

/// Calls `start` with a port that is free now; again with another one when the server ended early, because somebody was quicker at that port.
pub(crate) fn with_free_port<T>(start: impl Fn(u16) -> Result<T, StartError>) -> Result<T, StartError> {
    let mut attempt = 1;
    loop {
        match start(free_port()?) {
            Err(StartError::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
            other => return other,
        }
    }
}

/// A loopback port that nobody listens on now. Nothing keeps it free: whoever needs it takes it soon.
///
/// # Errors
///
/// When there is none.
pub fn free_port() -> Result<u16, StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StartError::io("listen on", "127.0.0.1:0"))?;
    let address = listener.local_addr().map_err(StartError::io("listen on", "127.0.0.1:0"))?;
    Ok(address.port())
}

/// A temporary folder, ours or the given user's.
pub(crate) fn folder(owner: Option<(u32, u32)>) -> Result<tempfile::TempDir, StartError> {
    let folder =
        tempfile::Builder::new().prefix("aec-").tempdir().map_err(StartError::io("create", "a temporary folder"))?;
    if let Some((user, group)) = owner {
        std::os::unix::fs::chown(folder.path(), Some(user), Some(group))
            .map_err(StartError::io("chown", folder.path()))?;
    }
    Ok(folder)
}

/// Runs a program to its end; its output is in the error when it fails.
pub(crate) fn run(name: &'static str, command: &mut Command) -> Result<(), StartError> {
    let program = Path::new(command.get_program()).to_path_buf();
    let output = command.stdin(Stdio::null()).output().map_err(StartError::io("run", program))?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(StartError::Ended { name, log: last_lines(&text, 20) })
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, ready: &'static str) -> Launch {
        let mut launch = Launch::new("shell", PathBuf::from("/bin/sh"), ready);
        launch.arguments = vec!["-c".to_owned(), script.to_owned()];
        launch
    }

    fn runs(id: u32) -> bool {
        // Not by its command line, which is empty not only of a zombie but also for a moment while a program takes another's place.
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
    }

    #[test]
    fn a_server_is_ready_when_its_log_says_so_and_gone_when_dropped() {
        let folder = folder(None).unwrap();
        let process = shell("echo hello; exec sleep 1000", "hello").start(folder.path().join("log")).unwrap();
        let id = process.id();
        assert!(runs(id));
        drop(process);
        assert!(!runs(id));
    }

    #[test]
    fn a_server_that_ends_early_is_an_error_with_the_end_of_its_log() {
        let folder = folder(None).unwrap();
        let error = shell("echo no such disk >&2; exit 1", "hello").start(folder.path().join("log")).unwrap_err();
        assert!(matches!(&error, StartError::Ended { log, .. } if log.contains("no such disk")), "{error:?}");
    }

    #[test]
    fn a_server_that_is_never_ready_is_given_up_and_ended() {
        let folder = folder(None).unwrap();
        let mut launch = shell("echo $$; exec sleep 1000", "hello");
        launch.patience = Duration::from_millis(200);
        let log = folder.path().join("log");
        let error = launch.start(log.clone()).unwrap_err();
        assert!(matches!(error, StartError::Slow { .. }), "{error:?}");
        let id: u32 = fs::read_to_string(log).unwrap().trim().parse().unwrap();
        assert!(!runs(id));
    }

    #[test]
    fn a_port_that_somebody_took_is_tried_again_with_another_one() {
        let tries = std::cell::Cell::new(0);
        let got = with_free_port(|port| {
            tries.set(tries.get() + 1);
            if tries.get() < 3 { Err(StartError::Ended { name: "server", log: String::new() }) } else { Ok(port) }
        });
        assert!(got.unwrap() > 0);
        assert_eq!(tries.get(), 3);
    }

    #[test]
    fn a_server_ends_when_the_thread_that_holds_it_dies() {
        // Stands for the death of the whole test process: the kernel's signal is bound to the thread.
        let launch = shell("echo hello; exec sleep 1000", "hello");
        let mut command = launch.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = thread::spawn(move || {
            let mut child = command.spawn().unwrap();
            let mut hello = [0; 6];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut hello).unwrap();
            child
        })
        .join()
        .unwrap();
        assert!(!child.wait().unwrap().success());
    }
}
