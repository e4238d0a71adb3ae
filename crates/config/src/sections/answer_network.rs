//! `answer`, the part about the network: what clients must prove, what TLS is ended, to whom requests go and by which way.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

use crate::address::HttpUrl;
use crate::scalar::{Bad, Scalar};
use crate::schema::{Default, Effect::Restart, Form, Key};
use crate::secret::Secret;
use crate::section::Section;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "answer.credentials",
        form: Form::Section,
        default: Default::None("whoever reaches the port may use the proxy"),
        what: "A user and a password that clients must send (`Proxy-Authorization: Basic`). Clouddriver: `aws.proxy.proxyUsername` and `proxyPassword`.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "answer.credentials.username",
        form: Form::Text("a user name without a colon"),
        default: Default::Required,
        what: "The user.",
        when: "Always, with credentials.",
        effect: Restart,
    },
    Key {
        path: "answer.credentials.password",
        form: Form::Secret("a password"),
        default: Default::Required,
        what: "The password.",
        when: "Always, with credentials.",
        effect: Restart,
    },
    Key {
        path: "answer.plaintext",
        form: Form::Flag,
        default: Default::Is("false"),
        what: "States that nobody else can reach or read the way from clients to an `answer.listen` that other machines can reach: a network policy lets only your clients in, and a mesh encrypts. In plain HTTP session tokens and answers can be read on that way.",
        when: "That is so.",
        effect: Restart,
    },
    Key {
        path: "answer.ca",
        form: Form::Text("the path of a folder"),
        default: Default::None(
            "TLS is tunnelled unseen, so that only clients which speak plain HTTP to the proxy are answered from the cache",
        ),
        what: "The folder of the certificate authority that `aws-event-cache ca init` made. With it the proxy ends the TLS of requests to AWS.",
        when: "Clients use CONNECT or TLS: every SDK but Java v1, hence Clouddriver from 2026.2 on.",
        effect: Restart,
    },
    Key {
        path: "answer.names",
        form: Form::Values("host names and addresses"),
        default: Default::None("no client speaks TLS to the proxy itself"),
        what: "The proxy's own names, for clients that open TLS to the proxy itself (Java v2 with `proxyProtocol: HTTPS`). Needs `answer.ca`.",
        when: "There are such clients.",
        effect: Restart,
    },
    Key {
        path: "answer.hosts",
        form: Form::Section,
        default: Default::None("only AWS's own endpoints are reached"),
        what: "To whom requests are forwarded, beside AWS's own endpoints.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "answer.hosts.suffixes",
        form: Form::Values("domain names such as amazonaws.example.com"),
        default: Default::None("only AWS's own"),
        what: "More domains that count as AWS's.",
        when: "Private endpoints have names of your own.",
        effect: Restart,
    },
    Key {
        path: "answer.hosts.tunnel",
        form: Form::Values("hosts such as github.com, *.example.com or example.com:8443"),
        default: Default::None("CONNECT to other hosts is refused"),
        what: "Hosts that are not AWS's and to which CONNECT opens a tunnel. What goes through is not looked at.",
        when: "Clients send everything through one proxy (`HTTPS_PROXY`).",
        effect: Restart,
    },
    Key {
        path: "answer.hosts.tunnelPrivate",
        form: Form::Values("networks such as 10.0.0.0/8"),
        default: Default::None("no tunnel ends at a private address"),
        what: "Networks at which a tunnel may end although they are private.",
        when: "A host of `tunnel` has a private address.",
        effect: Restart,
    },
    Key {
        path: "answer.upstream",
        form: Form::Section,
        default: Default::None("AWS is reached directly"),
        what: "How AWS is reached.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "answer.upstream.endpoint",
        form: Form::Text("an http or https URL"),
        default: Default::None("requests go to the host that they name"),
        what: "A stand-in for AWS that gets every request.",
        when: "You test against moto or LocalStack.",
        effect: Restart,
    },
    Key {
        path: "answer.upstream.proxy",
        form: Form::Secret("an http:// URL, with user and password if the proxy wants them"),
        default: Default::None("no proxy"),
        what: "The proxy by which AWS is reached, by CONNECT.",
        when: "Your network lets nothing out directly. It is what Clouddriver's `aws.proxy` named before.",
        effect: Restart,
    },
    Key {
        path: "answer.upstream.roots",
        form: Form::Values("paths of PEM files"),
        default: Default::None("the system's roots only"),
        what: "More certificate authorities that are trusted on the way to AWS.",
        when: "A firewall on the way opens TLS, or the image brings no roots.",
        effect: Restart,
    },
];

/// A user and a password that clients must send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user, without a colon.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// To whom requests are forwarded, beside AWS's own endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    /// Domains that count as AWS's.
    pub suffixes: Vec<String>,
    /// Hosts that may be reached by a blind tunnel: `host`, `*.suffix`, with or without `:port`.
    pub tunnel: Vec<String>,
    /// Private networks at which a tunnel may end.
    pub tunnel_private: Vec<IpNet>,
}

/// How AWS is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerUpstream {
    /// A stand-in for AWS.
    pub endpoint: Option<Url>,
    /// The proxy by which AWS is reached: an `http://` URL that may hold user and password.
    pub proxy: Option<Secret>,
    /// PEM files, which can be read.
    pub roots: Vec<PathBuf>,
}

/// What this part of the section says.
pub(crate) struct Network {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) names: Vec<String>,
    pub(crate) hosts: Hosts,
    pub(crate) upstream: AnswerUpstream,
}

/// A domain name, with or without a dot before it.
struct Domain(String);

impl Scalar for Domain {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        let bad = || Bad::new("is not a domain name such as amazonaws.example.com");
        let name = text.strip_prefix('.').unwrap_or(text);
        if let Some(rest) = name.strip_prefix("*.") {
            return Err(bad().help(format!("write {rest}; everything below it counts as well")));
        }
        if !is_host(name) {
            return Err(bad());
        }
        if !name.contains('.') {
            return Err(bad().help("a name without a dot would let everything below a top-level domain pass"));
        }
        Ok(Self(name.to_ascii_lowercase()))
    }
}

/// A host, or `*.` and a domain, with or without a port.
struct TunnelRule(String);

impl Scalar for TunnelRule {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        let bad = || Bad::new("is not a host such as github.com, *.example.com or example.com:8443");
        if let Some((_, rest)) = text.split_once("://") {
            return Err(bad().help(format!("write {}", rest.split('/').next().unwrap_or(rest))));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let name = host.strip_prefix("*.").unwrap_or(host);
        if name.is_empty() || name == "*" {
            return Err(bad().help("a rule for every host would make the proxy an open one"));
        }
        let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if is_host(name) && port_fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(bad()) }
    }
}

/// A name or address by which clients call the proxy.
struct OwnName(String);

impl Scalar for OwnName {
    fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
        if is_host(text) || text.parse::<std::net::IpAddr>().is_ok() {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Bad::new("is not a host name or address, without scheme and port"))
    }
}

/// RFC 1123's host names: labels of letters, digits and `-`, 253 characters in all.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Reads this part of `answer`.
pub(crate) fn read(section: &Section<'_>) -> Network {
    let ca = section.value("ca");
    let names: Vec<String> = section.values::<OwnName>("names").into_iter().map(|(name, _)| name.0).collect();
    if section.has("names") && !section.has("ca") {
        section.wrong("names", "needs answer.ca: without a certificate authority no TLS can be ended");
    }
    Network {
        credentials: credentials(section),
        ca,
        names,
        hosts: hosts(&section.section("hosts")),
        upstream: upstream(&section.section("upstream")),
    }
}

fn credentials(section: &Section<'_>) -> Option<Credentials> {
    if !section.has("credentials") {
        return None;
    }
    let section = section.section("credentials");
    let username = section.value::<String>("username");
    let password = section.secret("password");
    if username.as_ref().is_some_and(|name| name.contains(':')) {
        section.wrong("username", "holds a colon, which ends the user in HTTP's Basic scheme");
    }
    if section.is_plain("password") {
        section.doubtful("password", "stands here in plain text; use {file: PATH} or {env: NAME}");
    }
    Some(Credentials { username: username?, password: password? })
}

fn hosts(section: &Section<'_>) -> Hosts {
    Hosts {
        suffixes: section.values::<Domain>("suffixes").into_iter().map(|(domain, _)| domain.0).collect(),
        tunnel: section.values::<TunnelRule>("tunnel").into_iter().map(|(rule, _)| rule.0).collect(),
        tunnel_private: section.values::<IpNet>("tunnelPrivate").into_iter().map(|(net, _)| net).collect(),
    }
}

fn upstream(section: &Section<'_>) -> AnswerUpstream {
    let endpoint = section.value::<HttpUrl>("endpoint").map(|url| url.0);
    if endpoint.as_ref().is_some_and(|url| url.path() != "/") {
        section.wrong("endpoint", "has a path; requests keep their own");
    }
    let roots = crate::files::all_readable(section, "roots");
    AnswerUpstream { endpoint, proxy: proxy(section), roots }
}

fn proxy(section: &Section<'_>) -> Option<Secret> {
    let secret = section.secret("proxy")?;
    let url = Url::parse(secret.expose()).ok().filter(|url| url.scheme() == "http" && url.has_host());
    let Some(url) = url.filter(|url| url.path() == "/" && url.query().is_none()) else {
        section.wrong("proxy", "is not an http:// URL such as http://proxy.example.com:3128");
        return None;
    };
    if url.password().is_some() && section.is_plain("proxy") {
        section.doubtful("proxy", "holds a password in plain text; use {file: PATH} or {env: NAME}");
    }
    Some(secret)
}

/// An address that others can reach needs something by which clients prove who they are, or the operator's word that only they can reach it.
pub(crate) fn exposed(section: &Section<'_>, listen: SocketAddr, stated: bool) {
    if listen.ip().to_canonical().is_loopback() || stated {
        return;
    }
    if !section.has("credentials") {
        section.wrong("listen", format!("{listen} can be reached from other machines, and whoever reaches it could use the proxy and read what it has stored; set answer.credentials, or answer.plaintext: true if a network policy lets only your clients in"));
    } else {
        section.doubtful("listen", format!("{listen} can be reached from other machines: clients that speak plain HTTP to the proxy send session tokens and the proxy's password readable; let a mesh encrypt or a network policy confine that way, and say so by answer.plaintext: true"));
    }
}
