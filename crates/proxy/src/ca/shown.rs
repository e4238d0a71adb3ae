//! What an operator sees of the authority, and what each kind of client needs to trust it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aws_event_cache_model::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::CaError;
use super::authority::read;
use super::folder::Folder;

/// One root with its intermediate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Counts from 1.
    pub number: u32,
    /// SHA-256 of the root, as `keytool -list` and `openssl x509 -fingerprint -sha256` show it.
    pub fingerprint: String,
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// Names under which it may sign, in the order in which they were given.
    pub names: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The root in use.
    pub current: Generation,
    /// The one that waits for `ca rotate --switch`.
    pub next: Option<Generation>,
    /// The roots that clients are to trust, in PEM.
    pub bundle: PathBuf,
    /// Whole days until the root in use ends; negative when it has.
    pub days_left: i64,
    /// How each kind of client is told to trust it.
    pub trust: Vec<TrustStep>,
}

/// What one kind of client needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustStep {
    /// The SDK or tool.
    pub client: &'static str,
    /// Commands, variables or a sentence.
    pub text: String,
}

pub(super) fn show(folder: &Folder, now: Timestamp) -> Result<Shown, CaError> {
    let number = folder.need_current()?;
    let current = generation(folder, number)?;
    let next = folder.next(number)?.map(|number| generation(folder, number)).transpose()?;
    let bundle = folder.bundle_path();
    let days_left = (current.not_after.as_second() - now.as_second()).div_euclid(86_400);
    let trust = trust(&bundle);
    Ok(Shown { current, next, bundle, days_left, trust })
}

fn generation(folder: &Folder, number: u32) -> Result<Generation, CaError> {
    let root = read(folder, number, "root.pem")?;
    let intermediate = read(folder, number, "intermediate.pem")?;
    let addresses = intermediate.permitted.addresses.iter().map(ToString::to_string);
    let names = intermediate.permitted.suffixes.iter().cloned().chain(addresses).collect();
    Ok(Generation { number, fingerprint: fingerprint(&root.der), not_before: root.begins, not_after: root.ends, names })
}

fn fingerprint(der: &[u8]) -> String {
    let mut text = String::with_capacity(95);
    for byte in Sha256::digest(der) {
        let colon = if text.is_empty() { "" } else { ":" };
        write!(text, "{colon}{byte:02X}").expect("invariant: a string takes any text");
    }
    text
}

/// What was tried with each SDK; see the project's notes on wire formats.
fn trust(bundle: &Path) -> Vec<TrustStep> {
    let pem = bundle.display();
    let java = format!(
        "cp \"$JAVA_HOME/lib/security/cacerts\" /trust/cacerts\n\
         keytool -importcert -noprompt -alias event-cache -file {pem} -keystore /trust/cacerts -storepass changeit\n\
         JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/trust/cacerts -Djavax.net.ssl.trustStorePassword=changeit\n\
         The property replaces Java's own store, so copy that first. keytool takes the first root of a file only: during a rotation import each one under its \
         own alias. Clouddriver up to 2026.1 needs none of this with aws.proxy and plain HTTP."
    );
    let steps = [
        ("Java (Clouddriver from 2026.2 on)", java),
        (
            "Python, AWS CLI",
            format!(
                "AWS_CA_BUNDLE={pem}\nThe file replaces the client's own list: for hosts that are only tunnelled, append that list."
            ),
        ),
        ("Go", format!("AWS_CA_BUNDLE={pem}")),
        ("JavaScript", format!("NODE_EXTRA_CA_CERTS={pem}")),
        ("Rust", "Give the HTTP client a trust store with the bundle in it; no variable does it.".to_owned()),
        ("curl", format!("curl --cacert {pem}")),
    ];
    steps.into_iter().map(|(client, text)| TrustStep { client, text }).collect()
}
