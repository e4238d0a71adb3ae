//! `intake.sns.certificates`: how signing certificates are checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use crate::address::HttpUrl;
use crate::scalar::read_words;
use crate::schema::{Default, Effect::Restart, Form, Key};
use crate::section::Section;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "intake.sns.certificates",
        form: Form::Section,
        default: Default::None("its keys' defaults"),
        what: "How the certificates are checked with which SNS signs.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "intake.sns.certificates.chain",
        form: Form::Words(CHAIN_CHECKS),
        default: Default::Is("required"),
        what: "`required`: the certificate must lead to a trusted root. `name-only`: name, key and validity only; the file still came over verified TLS from SNS's own host.",
        when: "`*.amazontrust.com`, from which the missing link is fetched, cannot be reached (`name-only`).",
        effect: Restart,
    },
    Key {
        path: "intake.sns.certificates.extraRoots",
        form: Form::Values("paths of PEM files"),
        default: Default::None("the system's roots only"),
        what: "More roots that a chain may end in.",
        when: "The image brings no roots, or you test with your own.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.certificates.intermediates",
        form: Form::Values("paths of PEM files"),
        default: Default::None("they are fetched"),
        what: "Issuers' certificates, tried before any is fetched.",
        when: "They cannot be fetched. They change without notice, so `name-only` ages better.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.certificates.pinned",
        form: Form::Values("paths of files named SimpleNotificationService-<32 hexadecimal digits>.pem"),
        default: Default::None("certificates are fetched"),
        what: "Signing certificates that are not fetched, each under the name that SNS gives it. You vouch for them.",
        when: "SNS's host cannot be reached. SNS takes a new certificate about once a year.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.certificates.extraNames",
        form: Form::Values("host names"),
        default: Default::None("only the name that AWS uses in the topic's region"),
        what: "Names accepted in a certificate beside the one that AWS is known to use in the topic's region.",
        when: "AWS changes a name before we know, or you test with a certificate of your own.",
        effect: Restart,
    },
    Key {
        path: "intake.sns.certificates.proxy",
        form: Form::Text("an http or https URL"),
        default: Default::None("no proxy; the environment's proxy variables are not read"),
        what: "The HTTP proxy through which certificates are fetched and subscriptions confirmed.",
        when: "There is no direct way out.",
        effect: Restart,
    },
];

/// How far a certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainCheck {
    /// It must lead to a trusted root.
    Required,
    /// Name, key and validity.
    NameOnly,
}

read_words! {
    CHAIN_CHECKS for ChainCheck { "required" => ChainCheck::Required, "name-only" => ChainCheck::NameOnly }
}

/// How signing certificates are checked. All files can be read.
#[derive(Debug, Clone)]
pub struct CertificateSettings {
    /// How far.
    pub chain: ChainCheck,
    /// More roots, as PEM files.
    pub extra_roots: Vec<PathBuf>,
    /// Issuers' certificates, as PEM files.
    pub intermediates: Vec<PathBuf>,
    /// The 32 hexadecimal digits of the name that SNS gives a certificate, and its file.
    pub pinned: BTreeMap<String, PathBuf>,
    /// More names.
    pub extra_names: Vec<String>,
    /// An HTTP proxy.
    pub proxy: Option<Url>,
}

/// Reads the section.
pub(crate) fn read(section: &Section<'_>) -> Option<CertificateSettings> {
    let chain = section.value("chain");
    let extra_roots = crate::files::all_readable(section, "extraRoots");
    let intermediates = crate::files::all_readable(section, "intermediates");
    let mut pinned = BTreeMap::new();
    for path in crate::files::all_readable(section, "pinned") {
        match digits(&path) {
            Some(digits) => drop(pinned.insert(digits, path)),
            None => section.wrong(
                "pinned",
                format!(
                    "{} is not named SimpleNotificationService-<32 hexadecimal digits>.pem, as SNS names it",
                    path.display()
                ),
            ),
        }
    }
    let extra_names = section.values::<String>("extraNames").into_iter().map(|(name, _)| name).collect();
    let proxy = section.value::<HttpUrl>("proxy").map(|url| url.0);
    Some(CertificateSettings { chain: chain?, extra_roots, intermediates, pinned, extra_names, proxy })
}

fn digits(path: &std::path::Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_prefix("SimpleNotificationService-")?.strip_suffix(".pem")?;
    let valid = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    valid.then(|| digits.to_owned())
}
