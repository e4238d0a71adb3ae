//! The servers that are compared, and how each is started.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{CLIENT_CORE, SERVER_CORE, Server};
use crate::command;
use crate::paths;

/// Ports of the server under measurement and of what stands in for AWS.
pub(super) const PORT: u16 = 19_080;
const UPSTREAM: u16 = 19_081;

/// A way to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// What stands in for AWS, asked directly: what a miss is compared with.
    Direct,
    /// hyper and nothing else.
    Floor,
    /// hyper and a map from body to answer.
    HyperMap,
    /// hyper, passing on.
    HyperForward,
    /// The proxy.
    Proxy,
    Nginx,
    Varnish,
}

impl Peer {
    /// As in the figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Floor => "floor",
            Self::HyperMap => "hyper-map",
            Self::HyperForward => "hyper-forward",
            Self::Proxy => "aws-event-cache",
            Self::Nginx => "nginx",
            Self::Varnish => "varnish",
        }
    }

    /// Where it listens.
    pub(super) fn port(self) -> u16 {
        if self == Self::Direct { UPSTREAM } else { PORT }
    }
}

/// What all of them need.
pub(super) struct Bench {
    servers: PathBuf,
    folder: PathBuf,
    upstream: Server,
}

impl Bench {
    /// Builds our own servers, and starts what stands in for AWS.
    pub(super) fn start() -> Result<Self, Box<dyn Error>> {
        let folder = paths::built().join("bench");
        fs::create_dir_all(&folder)?;
        let mut cargo = Command::new("cargo");
        cargo.current_dir(paths::repository()).args(["build", "--release", "--locked", "--quiet"]);
        command::run(cargo.args(["--package", "aws-event-cache-proxy", "--example", "bench_servers"]))?;
        let servers = paths::target().join("release/examples/bench_servers");
        let line = [servers.display().to_string(), "upstream".into(), UPSTREAM.to_string()];
        let upstream = Server::start(CLIENT_CORE, UPSTREAM, &folder, &line)?;
        Ok(Self { servers, folder, upstream })
    }

    /// What stands in for AWS.
    pub(super) fn upstream(&self) -> &Server {
        &self.upstream
    }

    /// Starts a peer with an empty cache; `None` where it runs already.
    pub(super) fn serve(&self, peer: Peer) -> Result<Option<Server>, Box<dyn Error>> {
        let ours = |mode: &str| {
            vec![self.servers.display().to_string(), mode.to_owned(), PORT.to_string(), UPSTREAM.to_string()]
        };
        let line = match peer {
            Peer::Direct => return Ok(None),
            Peer::Floor => ours("static"),
            Peer::HyperMap => ours("map"),
            Peer::HyperForward => ours("forward"),
            Peer::Proxy => ours("proxy"),
            Peer::Nginx => {
                fs::remove_dir_all(self.folder.join("cache")).unwrap_or_default();
                words(&["nginx", "-p", &self.folder.display().to_string(), "-c", &self.filled("nginx.conf")?])
            }
            Peer::Varnish => {
                let (work, listen) = (self.folder.join("varnish").display().to_string(), format!("127.0.0.1:{PORT}"));
                let file = self.filled("varnish.vcl")?;
                // Enough threads for the connections of the benchmark from the start, and memory for the largest cell.
                words(&["varnishd", "-F", "-j", "none", "-n", &work, "-a", &listen, "-T", "none", "-f", &file])
                    .into_iter()
                    .chain(words(&["-s", "malloc,3G", "-p", "thread_pools=1", "-p", "thread_pool_min=60"]))
                    .collect()
            }
        };
        Server::start(SERVER_CORE, PORT, &self.folder, &line).map(Some)
    }

    /// Fills in a peer's configuration; gives the file's path.
    fn filled(&self, name: &str) -> Result<String, Box<dyn Error>> {
        let text = fs::read_to_string(paths::peers().join(name))?;
        let text = text.replace("{port}", &PORT.to_string()).replace("{upstream}", &UPSTREAM.to_string());
        let file: PathBuf = self.folder.join(name);
        fs::write(&file, text.replace("{folder}", &self.folder.display().to_string()))?;
        Ok(file.display().to_string())
    }

    /// A folder for what the benchmark writes.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}
