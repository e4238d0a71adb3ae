//! `answer`: the forward proxy that answers AWS reads from a cache. What it may answer, and how much it keeps; who may reach it stands in `answer_network`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use aws_event_cache_model::{AccountId, AnswerMode, DriveMode, KindId};

use crate::mistake::nearest;
use crate::scalar::{self, Scalar, read_words};
use crate::schema::{Default, Effect::Reload, Effect::Restart, Form, Key};
use crate::section::Section;
use crate::sections::accounts::AccountSettings;
use crate::sections::answer_network::{self, AnswerUpstream, Credentials, Hosts};
use crate::size::Size;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "answer",
        form: Form::Section,
        default: Default::None("there is no proxy"),
        what: "The answer arm: a forward proxy for AWS SDKs that answers reads from a cache, which events and passing writes invalidate. docs/answer.md says how to adopt it.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "answer.mode",
        form: Form::Words(SWITCHES),
        default: Default::Is("off"),
        what: "`off`: no listener at all. `pass`: everything is forwarded, the cache is neither asked nor filled. `observe`: everything is forwarded, and what comes back is compared with what would have been answered. `serve`: fresh reads are answered from the cache. From `off` and to `off` only at a start.",
        when: "You adopt it: first `observe`, then `serve`. To be rid of a doubt at once: `pass`, by SIGHUP, by `answer.passFile` or by an override.",
        effect: Reload,
    },
    Key {
        path: "answer.listen",
        form: Form::Text("an address and port such as 127.0.0.1:8090"),
        default: Default::Is("127.0.0.1:8090"),
        what: "Where clients reach the proxy: plain HTTP, CONNECT and TLS on one port, and the API besides. An address that other machines can reach needs `answer.credentials`, or `answer.plaintext: true`.",
        when: "Clients are not on this machine (or in this pod).",
        effect: Restart,
    },
    Key {
        path: "answer.accounts",
        form: Form::Named("account, by its AWS id or its name in Spinnaker"),
        default: Default::None("`answer.mode` holds for every account"),
        what: "Modes of single accounts, in place of `answer.mode`.",
        when: "You switch accounts on one by one.",
        effect: Reload,
    },
    Key {
        path: "answer.accounts.*",
        form: Form::Words(scalar::ANSWER_MODES),
        default: Default::None("`answer.mode`"),
        what: "The account's mode.",
        when: "It is to differ from the others.",
        effect: Reload,
    },
    Key {
        path: "answer.kinds",
        form: Form::Named("kind, by any word that `aws-event-cache kinds` lists"),
        default: Default::None("`answer.mode` holds for every kind"),
        what: "Modes of single kinds, in place of `answer.mode`. Where an account's and a kind's mode meet, the more cautious one holds.",
        when: "`aws-event-cache status` reports changes of a kind that nothing announced, or you switch kinds on one by one.",
        effect: Reload,
    },
    Key {
        path: "answer.kinds.*",
        form: Form::Words(scalar::ANSWER_MODES),
        default: Default::None("`answer.mode`"),
        what: "The kind's mode.",
        when: "It is to differ from the others.",
        effect: Reload,
    },
    Key {
        path: "answer.passFile",
        form: Form::Text("the path of a file"),
        default: Default::None("there is no such switch"),
        what: "While a file of this name exists everything passes, within a second. Its content does not matter.",
        when: "Whoever is on duty is to have a switch that needs neither the API nor a token.",
        effect: Reload,
    },
    Key {
        path: "answer.memory",
        form: Form::Size { least: 16 << 20, most: 1 << 40 },
        default: Default::Is("512MiB"),
        what: "How much memory stored answers may take. Answers are kept in memory only. A region with a thousand instances takes some 10 MiB.",
        when: "`aws-event-cache status` shows the cache full, or the machine is small.",
        effect: Restart,
    },
    Key {
        path: "answer.largestAnswer",
        form: Form::Size { least: 64 << 10, most: 1 << 30 },
        default: Default::Is("32MiB"),
        what: "Longest answer that is stored. Longer ones pass through as they come.",
        when: "A listing of yours is longer; all images of an account can take 20 MiB.",
        effect: Restart,
    },
    Key {
        path: "answer.admission",
        form: Form::Duration { least: 60.0, most: 900.0 },
        default: Default::Is("10m"),
        what: "How long a credential is answered from the cache after AWS itself answered it. It bounds how late a revocation is obeyed of which nothing tells us.",
        when: "A shorter time is wanted by those who answer for access; it costs one more real call per credential, operation and this time.",
        effect: Restart,
    },
    Key {
        path: "answer.staleIfError",
        form: Form::Duration { least: 0.0, most: 3_600.0 },
        default: Default::Is("5m"),
        what: "How long past its age an answer is given while AWS throttles or fails, if no change was heard of since. `Cache-Status` says so.",
        when: "Clients are to see AWS's errors at once (`0s`), or an outage is to be bridged for longer.",
        effect: Restart,
    },
    Key {
        path: "answer.budget",
        form: Form::Section,
        default: Default::None("its keys' defaults"),
        what: "How much of AWS's rates forwarded calls may use.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "answer.budget.share",
        form: Form::Number { least: 0.0, most: 1.0 },
        default: Default::Is("0.8"),
        what: "Share of each of AWS's throttle buckets. Reads beyond it are held, then refused in AWS's own words; writes are never refused. `0`: nothing is held.",
        when: "Programs that do not come through the proxy need more room, or you want AWS to do the throttling (`0`).",
        effect: Reload,
    },
    Key {
        path: "answer.budget.hold",
        form: Form::Duration { least: 0.0, most: 10.0 },
        default: Default::Is("10s"),
        what: "How long a read waits for room in the budget. SDKs give up after 30 s, and AWS takes some of that.",
        when: "Clients are to hear of throttling sooner.",
        effect: Reload,
    },
    Key {
        path: "answer.drain",
        form: Form::Duration { least: 0.0, most: 900.0 },
        default: Default::Is("10s"),
        what: "How long calls under way may take to end when the service ends. What is cut off then is called again by its client. Kubernetes' `terminationGracePeriodSeconds` must be longer by 20 s.",
        when: "Clients wait for long calls, such as Lambda's synchronous invocations (up to `15m`).",
        effect: Reload,
    },
    Key {
        path: "answer.keys",
        form: Form::Named("access key id"),
        default: Default::None("the account is read from the key id itself"),
        what: "The accounts of access keys that do not carry theirs: keys made before 2019, and those of a stand-in for AWS.",
        when: "`aws-event-cache status` reports keys whose account is not known.",
        effect: Restart,
    },
    Key {
        path: "answer.keys.*",
        form: Form::Text("an AWS account id: 12 digits in quotes"),
        default: Default::None("the account is read from the key id itself"),
        what: "The key's account.",
        when: "The key does not carry it.",
        effect: Restart,
    },
];

/// `answer.mode`: a mode, or no proxy at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) Option<AnswerMode>);

read_words! {
    SWITCHES for Switch {
        "off" => Switch(None), "pass" => Switch(Some(AnswerMode::Pass)), "observe" => Switch(Some(AnswerMode::Observe)),
        "serve" => Switch(Some(AnswerMode::Serve)),
    }
}

/// The answer arm.
#[derive(Debug, Clone)]
pub struct AnswerSettings {
    /// Its mode where nothing else is said; `None`: it is off, so that there is no listener.
    pub mode: Option<AnswerMode>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Modes of single accounts.
    pub accounts: Vec<(AccountWord, AnswerMode)>,
    /// Modes of single kinds.
    pub kinds: BTreeMap<KindId, AnswerMode>,
    /// While this file exists everything passes.
    pub pass_file: Option<PathBuf>,
    /// Bytes that stored answers may take.
    pub memory: usize,
    /// Longest answer that is stored, in bytes.
    pub largest_answer: usize,
    /// How long a credential is answered after AWS answered it.
    pub admission: Duration,
    /// How long past its age an answer is given while AWS throttles or fails.
    pub stale_if_error: Duration,
    /// How much of AWS's rates forwarded calls may use.
    pub budget: AnswerBudget,
    /// How long calls under way may take to end when the service ends.
    pub drain: Duration,
    /// Accounts of keys that do not carry theirs.
    pub keys: BTreeMap<String, AccountId>,
    /// What clients must prove.
    pub credentials: Option<Credentials>,
    /// Folder of the certificate authority.
    pub ca: Option<PathBuf>,
    /// The proxy's own names and addresses, for clients that speak TLS to the proxy itself.
    pub names: Vec<String>,
    /// To whom requests are forwarded, beside AWS's own endpoints.
    pub hosts: Hosts,
    /// How AWS is reached.
    pub upstream: AnswerUpstream,
}

impl AnswerSettings {
    /// The mode that holds for a kind in an account, known by these names in Spinnaker, before overrides: an account's or a kind's own mode stands in place of the
    /// default, and of both the more cautious holds. `None`: the answer arm is off.
    pub fn mode_of(&self, account: &AccountId, names: &[String], kind: &KindId) -> Option<AnswerMode> {
        let default = self.mode?;
        let about = |word: &AccountWord| match word {
            AccountWord::Id(id) => id == account,
            AccountWord::Name(name) => names.contains(name),
        };
        let accounts = self.accounts.iter().filter(|(word, _)| about(word)).map(|(_, mode)| *mode);
        accounts.chain(self.kinds.get(kind).copied()).min().or(Some(default))
    }
}

/// `answer.budget`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerBudget {
    /// Share of each of AWS's throttle buckets, 0 to 1; 0: nothing is held.
    pub share: f64,
    /// How long a read waits for room.
    pub hold: Duration,
}

/// How `answer.accounts` names an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountWord {
    /// By AWS's id.
    Id(AccountId),
    /// By Spinnaker's name; which AWS account that is may only be known while running.
    Name(String),
}

/// Whether the answer arm is on and the drive arm off, so that neither Clouddriver nor its accounts are needed.
pub(crate) fn is_alone(root: &Section<'_>) -> bool {
    let on = root.section("answer").value::<Switch>("mode").is_some_and(|switch| switch.0.is_some());
    on && root.section("drive").value::<DriveMode>("mode") == Some(DriveMode::Off)
}

/// Reads the section.
pub(crate) fn read(root: &Section<'_>, accounts: Option<&AccountSettings>) -> Option<AnswerSettings> {
    let section = root.section("answer");
    let mode = section.value::<Switch>("mode").map(|switch| switch.0);
    let listen = section.value::<SocketAddr>("listen");
    let network = answer_network::read(&section);
    let stated = section.value::<bool>("plaintext");
    if let (Some(listen), Some(Some(_))) = (listen, mode) {
        answer_network::exposed(&section, listen, stated == Some(true));
        own_port(root, &section, listen);
    }
    let accounts = modes_of_accounts(&section, accounts);
    let (kinds, keys) = (modes_of_kinds(&section), keys(&section));
    let pass_file = section.value("passFile");
    let (memory, largest_answer) = sizes(&section);
    let (admission, stale_if_error) = (section.value("admission"), section.value("staleIfError"));
    let drain = section.value("drain");
    let budget = section.section("budget");
    let (share, hold) = (budget.value("share"), budget.value("hold"));
    Some(AnswerSettings {
        mode: mode?,
        listen: listen?,
        accounts,
        kinds,
        pass_file,
        memory: memory?,
        largest_answer: largest_answer?,
        admission: admission?,
        stale_if_error: stale_if_error?,
        budget: AnswerBudget { share: share?, hold: hold? },
        drain: drain?,
        keys,
        credentials: network.credentials,
        ca: network.ca,
        names: network.names,
        hosts: network.hosts,
        upstream: network.upstream,
    })
}

/// A port belongs to one listener. The proxy's serves the API besides, but not the other way round.
fn own_port(root: &Section<'_>, section: &Section<'_>, listen: SocketAddr) {
    let server = root.section("server");
    for key in ["listen", "intakeListen"] {
        let taken = server.value::<SocketAddr>(key).is_some_and(|other| {
            other.port() == listen.port()
                && listen.port() != 0
                && (other.ip() == listen.ip() || other.ip().is_unspecified() || listen.ip().is_unspecified())
        });
        if taken {
            section.wrong("listen", format!("{listen} is taken by server.{key}; give the proxy a port of its own"));
        }
    }
}

fn modes_of_accounts(section: &Section<'_>, known: Option<&AccountSettings>) -> Vec<(AccountWord, AnswerMode)> {
    let form = Form::Text("an AWS account id or the name of an account in Spinnaker");
    let mut modes: Vec<(AccountWord, AnswerMode)> = Vec::new();
    for (word, place, mode) in section.named_values::<AnswerMode>("accounts") {
        let digits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        let account = if digits {
            AccountId::read(word, false, &form).map(AccountWord::Id)
        } else {
            String::read(word, false, &form).map(AccountWord::Name)
        };
        let wrong = |problem: String| section.wrong_name("accounts", word, place, problem);
        match account {
            Ok(AccountWord::Name(name)) if !may_exist(&name, known) => {
                let names = known.into_iter().flat_map(|known| &known.list).map(|account| account.name.as_str());
                let problem = "is not an account: none is listed by that name, and no others are discovered";
                section.reading().mistake(wrong(problem.to_owned()).nearest(nearest(&name, names)));
            }
            Ok(account) => modes.push((account, mode)),
            Err(bad) => section.reading().mistake(wrong(bad.problem)),
        }
    }
    modes
}

/// Names can be checked only where every account stands in this file.
fn may_exist(name: &str, known: Option<&AccountSettings>) -> bool {
    known.is_none_or(|known| {
        known.discover || known.file.is_some() || known.list.iter().any(|account| account.name == name)
    })
}

fn modes_of_kinds(section: &Section<'_>) -> BTreeMap<KindId, AnswerMode> {
    let mut modes = BTreeMap::new();
    for (word, place, mode) in section.named_values::<AnswerMode>("kinds") {
        let wrong = |problem: &str| section.wrong_name("kinds", word, place, problem);
        match section.reading().kinds.find(word) {
            Ok(kind) => {
                if modes.insert(kind.id.clone(), mode).is_some() {
                    section.reading().mistake(wrong(&format!("is {} again, under another name", kind.id)));
                }
            }
            Err(near) => {
                let mistake = wrong("is not a kind in the catalogue").nearest(near);
                let help = mistake.nearest.is_none();
                let mistake = if help { mistake.help("`aws-event-cache kinds` lists them") } else { mistake };
                section.reading().mistake(mistake);
            }
        }
    }
    modes
}

fn sizes(section: &Section<'_>) -> (Option<usize>, Option<usize>) {
    let memory = section.value::<Size>("memory");
    let largest = section.value::<Size>("largestAnswer");
    if let (Some(memory), Some(largest)) = (memory, largest)
        && largest.0 > memory.0
    {
        let at = if section.has("largestAnswer") { "largestAnswer" } else { "memory" };
        section.wrong(at, "is at odds: an answer of largestAnswer would not fit into memory");
    }
    let bytes = |size: Option<Size>| size.map(|size| usize::try_from(size.0).unwrap_or(usize::MAX));
    (bytes(memory), bytes(largest))
}

/// An access key id: 16 to 128 letters, digits and `_`, as IAM's API reference has it.
fn is_key_id(word: &str) -> bool {
    (16..=128).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn keys(section: &Section<'_>) -> BTreeMap<String, AccountId> {
    let mut keys = BTreeMap::new();
    for (word, place, account) in section.named_values::<AccountId>("keys") {
        if is_key_id(word) {
            keys.insert(word.to_owned(), account);
        } else {
            let problem = "is not an access key id (16 to 128 letters, digits or _)";
            section.reading().mistake(section.wrong_name("keys", word, place, problem));
        }
    }
    keys
}
