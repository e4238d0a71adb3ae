//! `server`: where the service listens and who may call.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::scalar::{Bad, Scalar, read_words};
use crate::schema::{Default, Effect::Reload, Effect::Restart, Form, Key};
use crate::section::Section;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "server",
        form: Form::Section,
        default: Default::None("its keys' defaults"),
        what: "Where the service listens and who may call.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "server.listen",
        form: Form::Text("an address and port such as 127.0.0.1:8080 or [::]:8080"),
        default: Default::Is("127.0.0.1:8080"),
        what: "API, health and metrics; and the SNS endpoint, unless `intakeListen` is set. An address that others can reach needs tokens, and TLS or `plaintext`.",
        when: "Anything but this machine is to reach it.",
        effect: Restart,
    },
    Key {
        path: "server.intakeListen",
        form: Form::Text("an address and port such as 0.0.0.0:8081"),
        default: Default::None("the SNS endpoint is served at `listen`"),
        what: "An address of its own for the SNS endpoint, so that what is open to the world has no API on it. It needs no tokens: messages are signed.",
        when: "SNS reaches the service from the internet.",
        effect: Restart,
    },
    Key {
        path: "server.plaintext",
        form: Form::Flag,
        default: Default::Is("false"),
        what: "Says that calls without TLS are meant: a mesh, an ingress or a sidecar encrypts what leaves the machine.",
        when: "`listen` can be reached by others and TLS ends in front of the service.",
        effect: Restart,
    },
    Key {
        path: "server.tls",
        form: Form::Section,
        default: Default::None("plain HTTP"),
        what: "TLS, for both addresses.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "server.tls.certificate",
        form: Form::Text("the path of a PEM file"),
        default: Default::Required,
        what: "The certificate, followed by its issuers'.",
        when: "Always, with TLS.",
        effect: Restart,
    },
    Key {
        path: "server.tls.key",
        form: Form::Text("the path of a PEM file"),
        default: Default::Required,
        what: "The certificate's private key.",
        when: "Always, with TLS.",
        effect: Restart,
    },
    Key {
        path: "server.tokens",
        form: Form::List("tokens"),
        default: Default::None("callers on this machine may do everything, others nothing"),
        what: "Who may call the API, by bearer token.",
        when: "Anything but this machine is to call it.",
        effect: Reload,
    },
    Key {
        path: "server.tokens[]",
        form: Form::Section,
        default: Default::None(""),
        what: "One token.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "server.tokens[].name",
        form: Form::Text("a name of 1 to 64 characters"),
        default: Default::Required,
        what: "What the audit list calls its holder.",
        when: "Always.",
        effect: Reload,
    },
    Key {
        path: "server.tokens[].role",
        form: Form::Words(ROLES),
        default: Default::Required,
        what: "`read` looks, `refresh` also refreshes and cancels refreshes, `operate` also releases and sets overrides, `admin` also changes the service itself.",
        when: "Always.",
        effect: Reload,
    },
    Key {
        path: "server.tokens[].sha256",
        form: Form::Text("64 hexadecimal digits"),
        default: Default::Required,
        what: "SHA-256 of the token: `printf %s \"$TOKEN\" | sha256sum`. Make the token with `openssl rand -hex 32`.",
        when: "Always.",
        effect: Reload,
    },
    Key {
        path: "server.trustedProxies",
        form: Form::Values("networks such as 10.0.0.0/8"),
        default: Default::None("only this machine"),
        what: "Reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, for the audit list and for the URLs in answers; never for who may call.",
        when: "Calls come through an ingress or Gate.",
        effect: Restart,
    },
    Key {
        path: "server.openHealth",
        form: Form::Flag,
        default: Default::Is("true"),
        what: "Whether `/health/live` and `/health/ready` need no token.",
        when: "Your probes can send one.",
        effect: Restart,
    },
    Key {
        path: "server.openMetrics",
        form: Form::Flag,
        default: Default::Is("false"),
        what: "Whether `/metrics` needs no token.",
        when: "Your Prometheus cannot send one.",
        effect: Restart,
    },
];

/// What a token's holder may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Look.
    Read,
    /// Also refresh, and cancel refreshes.
    Refresh,
    /// Also release and override.
    Operate,
    /// Also change the service itself.
    Admin,
}

read_words! {
    ROLES for Role { "read" => Role::Read, "refresh" => Role::Refresh, "operate" => Role::Operate, "admin" => Role::Admin }
}

/// Where the service listens and who may call.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// API, health, metrics.
    pub listen: SocketAddr,
    /// The SNS endpoint, if it has an address of its own.
    pub intake_listen: Option<SocketAddr>,
    /// TLS for both.
    pub tls: Option<TlsSettings>,
    /// Who may call.
    pub tokens: Vec<TokenSettings>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether health needs no token.
    pub open_health: bool,
    /// Whether metrics need no token.
    pub open_metrics: bool,
}

/// TLS. Both files can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM file.
    pub certificate: PathBuf,
    /// PEM file.
    pub key: PathBuf,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// Its holder.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the token: 64 lower-case hexadecimal digits.
    pub sha256: String,
}

struct Sha256(String);

impl Scalar for Sha256 {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        // Said without the value: it may be the token itself.
        let help = "it is made by: printf %s \"$TOKEN\" | sha256sum";
        Err(Bad { hide: true, ..Bad::new("is not 64 hexadecimal digits").help(help) })
    }
}

impl Scalar for IpNet {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        let bad = || Bad::new("is not a network such as 10.0.0.0/8");
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| bad())
    }
}

/// Reads the section.
pub(crate) fn read(root: &Section<'_>) -> Option<ServerSettings> {
    let section = root.section("server");
    let listen = section.value::<SocketAddr>("listen");
    let intake_listen = section.value::<SocketAddr>("intakeListen");
    let plaintext = section.value::<bool>("plaintext");
    let tls = section.has("tls").then(|| tls(&section.section("tls")));
    let tokens = tokens(&section);
    let trusted_proxies = section.values::<IpNet>("trustedProxies").into_iter().map(|(net, _)| net).collect();
    let (open_health, open_metrics) = (section.value("openHealth"), section.value("openMetrics"));
    if let Some(listen) = listen {
        exposed(&section, listen, tls.is_some() || plaintext == Some(true));
        if intake_listen == Some(listen) {
            section.wrong("intakeListen", "is the same as listen; leave it out to serve both at one address");
        }
    }
    Some(ServerSettings {
        listen: listen?,
        intake_listen,
        tls: tls.flatten(),
        tokens,
        trusted_proxies,
        open_health: open_health?,
        open_metrics: open_metrics?,
    })
}

/// An address that others can reach needs tokens, and something that keeps them from being read on the way.
fn exposed(section: &Section<'_>, listen: SocketAddr, protected: bool) {
    if listen.ip().to_canonical().is_loopback() {
        return;
    }
    if !section.has("tokens") || section.is_empty_list("tokens") {
        section.wrong("listen", format!("{listen} can be reached from other machines, and without server.tokens everybody there could drive Clouddriver; list tokens, or listen on 127.0.0.1"));
    }
    if !protected {
        section.wrong("listen", format!("{listen} can be reached from other machines, and without TLS tokens could be read on the way; set server.tls, or server.plaintext: true if a mesh or ingress encrypts"));
    }
}

fn tls(section: &Section<'_>) -> Option<TlsSettings> {
    let certificate = crate::files::readable(section, "certificate");
    let key = crate::files::readable(section, "key");
    Some(TlsSettings { certificate: certificate?, key: key? })
}

fn tokens(section: &Section<'_>) -> Vec<TokenSettings> {
    let mut names = BTreeMap::new();
    let mut hashes = BTreeMap::new();
    let mut tokens = Vec::new();
    for item in section.items("tokens") {
        let line = item.place().map_or(0, |place| place.line);
        let name = item.value::<String>("name");
        let role = item.value::<Role>("role");
        let sha256 = item.value::<Sha256>("sha256").map(|hash| hash.0);
        if name.as_ref().is_some_and(|name| name.chars().count() > 64) {
            item.wrong("name", "is longer than 64 characters");
        }
        if let Some(first) = name.as_ref().and_then(|name| names.insert(name.clone(), line)) {
            item.wrong("name", format!("is used twice; first in line {first}"));
        }
        if let Some(first) = sha256.as_ref().and_then(|hash| hashes.insert(hash.clone(), line)) {
            item.wrong(
                "sha256",
                format!("is the same token as in line {first}, so nobody could tell their holders apart"),
            );
        }
        tokens.extend(token(name, role, sha256));
    }
    tokens
}

fn token(name: Option<String>, role: Option<Role>, sha256: Option<String>) -> Option<TokenSettings> {
    Some(TokenSettings { name: name?, role: role?, sha256: sha256? })
}
