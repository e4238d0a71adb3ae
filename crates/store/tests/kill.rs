//! Killed at any point, the store gives back what it acknowledged.
//!
//! The test starts itself as a child that appends and says what was acknowledged, and kills it (SIGKILL) somewhere in the middle, again and again on the same file.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use aws_event_cache_model::seam::Journal;
use aws_event_cache_store::Store;
use futures::future::join_all;
use support::{agent, clock, owed, settled};

const CHILD: &str = "AEC_STORE_KILL_CHILD";
const NAME: &str = "everything_acknowledged_outlives_kill_9";

/// As many agents as one round may name.
const ROUND: u32 = 100_000;

#[test]
fn everything_acknowledged_outlives_kill_9() {
    if let Ok(task) = std::env::var(CHILD) {
        let (first, path) = task.split_once(' ').unwrap();
        child(Path::new(path), first.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mut expected = Said::default();
    // From "killed while it starts" to "killed in the midst of work".
    for (round, acknowledged) in [0, 1, 2, 3, 5, 8, 40, 77, 150, 301, 640, 1_000].into_iter().enumerate() {
        let round = u32::try_from(round).unwrap();
        expected.add(run_and_kill(&path, round * ROUND, acknowledged));
        let (store, found) = Store::open(&path, clock()).unwrap();
        assert!(!found.clean || round == 0, "a killed process did not end in order");
        let owed: BTreeSet<String> = found.owed.iter().map(|(agent, ..)| agent.to_string()).collect();
        let lost: Vec<_> = expected.owed.difference(&owed).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        let back: Vec<_> = expected.settled.intersection(&owed).collect();
        assert!(back.is_empty(), "round {round}: settled and back: {back:?}");
        drop(store);
    }
    assert!(expected.owed.len() > 500 && expected.settled.len() > 100, "{}", expected.owed.len());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was moved aside");
}

/// What children said that is certain.
#[derive(Debug, Default)]
struct Said {
    /// Acknowledged, and not even asked to be settled.
    owed: BTreeSet<String>,
    /// Settling was acknowledged.
    settled: BTreeSet<String>,
}

impl Said {
    fn add(&mut self, lines: Vec<String>) {
        for line in lines {
            // Whatever else the test harness prints is not ours.
            let Some((word, name)) = line.split_once(' ') else { continue };
            match word {
                "owed" => drop(self.owed.insert(name.to_owned())),
                "settling" => drop(self.owed.remove(name)),
                "settled" => drop(self.settled.insert(name.to_owned())),
                _ => {}
            }
        }
    }
}

fn run_and_kill(path: &Path, first: u32, acknowledged: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(CHILD, format!("{first} {}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while said.iter().filter(|line: &&String| line.starts_with("owed ")).count() < acknowledged {
        said.push(lines.next().expect("the child says more until it is killed").unwrap());
    }
    child.kill().unwrap();
    // What it said before it died counts as well; a line cut in the middle does not.
    said.extend(lines.map_while(Result::ok));
    said.retain(|line| line.ends_with('.'));
    child.wait().unwrap();
    said.into_iter().map(|line| line.trim_end_matches('.').to_owned()).collect()
}

/// Appends for ever, with ten calls waiting at a time.
fn child(path: &Path, first: u32) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (store, _) = Store::open(path, clock()).unwrap();
        for n in (first..).step_by(10) {
            join_all((n..n + 10).map(|n| work(&store, n))).await;
        }
    });
    unreachable!("the numbers do not end before the parent kills")
}

/// Every third run is done at once.
async fn work(store: &Store, n: u32) {
    store.append(vec![owed(n, n)]).await.unwrap();
    say("owed", n);
    if n.is_multiple_of(3) {
        say("settling", n);
        store.append(vec![settled(n)]).await.unwrap();
        say("settled", n);
    }
}

/// One write for a whole line, with a mark at its end.
fn say(word: &str, n: u32) {
    let line = format!("{word} {}.\n", agent(n));
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}
