//! Real AWS SDKs, each with the same script of calls: `harness/sdks`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{StartError, find};

/// An SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// boto3.
    Boto3,
    /// The AWS CLI.
    Cli,
    /// AWS SDK for Go v2.
    Go,
    /// AWS SDK for Java v1, which all of Clouddriver's polling uses up to Spinnaker 2026.1.
    JavaV1,
    /// AWS SDK for Java v2.
    JavaV2,
    /// AWS SDK for Rust.
    Rust,
}

/// How a client reaches a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Absolute-form, in plain HTTP.
    Http,
    /// CONNECT, then TLS.
    Connect,
    /// TLS by the server's name, as when DNS leads to the proxy.
    Sni,
}

/// The way to AWS.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    /// The mock's own address.
    Direct(&'a str),
    /// A proxy.
    Proxy {
        /// `http://127.0.0.1:<port>`.
        url: &'a str,
        /// The certificate of its authority.
        authority: &'a Path,
        /// How.
        via: Via,
    },
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The access key's id.
    pub key_id: String,
    /// Its secret.
    pub secret: String,
    /// The session's token.
    pub token: String,
    /// Where.
    pub region: String,
}

/// What one call of the script gave, as its SDK shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What was asked.
    pub call: String,
    /// The answer.
    pub answer: Value,
}

impl Sdk {
    /// Runs the script. `run` names what it makes, and `folder` takes what it needs on disk.
    ///
    /// # Errors
    ///
    /// When the program is not built, or a call ends otherwise than by the script.
    pub fn calls(self, way: &Way<'_>, who: &Credentials, run: &str, folder: &Path) -> Result<Vec<Said>, StartError> {
        let mut command = self.program(way, folder)?;
        command.env_clear().envs(environment(way, who, run)).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", folder).stdin(Stdio::null());
        if self == Self::Cli {
            command.env("AWS", find::sdk("cli/bin/aws")?);
        }
        let output = command.output().map_err(StartError::io("run", "a program of harness/sdks"))?;
        if !output.status.success() {
            return Err(StartError::Ended { name: "a program of harness/sdks", log: text(&output.stderr) });
        }
        text(&output.stdout).lines().map(said).collect()
    }

    /// The ways that it knows to a proxy.
    pub fn ways(self) -> &'static [Via] {
        match self {
            Self::Boto3 | Self::Go => &[Via::Http, Via::Connect, Via::Sni],
            Self::Cli | Self::JavaV1 | Self::JavaV2 | Self::Rust => &[Via::Http, Via::Connect],
        }
    }

    fn program(self, way: &Way<'_>, folder: &Path) -> Result<Command, StartError> {
        match self {
            Self::Boto3 => {
                let mut python = Command::new(find::python()?);
                python.arg(find::sdk_source("python/calls.py")?);
                Ok(python)
            }
            Self::Cli => Ok(Command::new(find::sdk_source("cli.sh")?)),
            Self::Go => Ok(Command::new(find::sdk("go/calls")?)),
            Self::JavaV1 => java("sdks.V1", way, folder),
            Self::JavaV2 => java("sdks.V2", way, folder),
            Self::Rust => Ok(Command::new(find::sdk("rust/debug/sdk-calls")?)),
        }
    }
}

/// The JVM takes an authority from a trust store only.
fn java(class: &str, way: &Way<'_>, folder: &Path) -> Result<Command, StartError> {
    let file = find::sdk("java/classpath")?;
    let dependencies = std::fs::read_to_string(&file).map_err(StartError::io("read", &file))?;
    let mut java = Command::new(find::program("Java", "AEC_JAVA", "java", &[])?);
    if let Way::Proxy { authority, .. } = way {
        java.arg(format!("-Djavax.net.ssl.trustStore={}", trust_store(authority, folder)?.display()));
        java.arg("-Djavax.net.ssl.trustStorePassword=changeit");
    }
    java.arg("-cp").arg(format!("{}:{}", file.with_file_name("classes").display(), dependencies.trim())).arg(class);
    Ok(java)
}

fn trust_store(authority: &Path, folder: &Path) -> Result<PathBuf, StartError> {
    let store = folder.join("trust.p12");
    if !store.is_file() {
        let mut keytool = Command::new(find::program("keytool", "AEC_KEYTOOL", "keytool", &[])?);
        keytool.args(["-importcert", "-noprompt", "-alias", "proxy", "-storetype", "PKCS12", "-storepass", "changeit"]);
        keytool.arg("-file").arg(authority).arg("-keystore").arg(&store);
        crate::process::run("keytool", &mut keytool)?;
    }
    Ok(store)
}

fn environment(way: &Way<'_>, who: &Credentials, run: &str) -> Vec<(&'static str, OsString)> {
    let mut all: Vec<(&'static str, OsString)> = vec![
        ("AWS_ACCESS_KEY_ID", (&who.key_id).into()),
        ("AWS_SECRET_ACCESS_KEY", (&who.secret).into()),
        ("AWS_SESSION_TOKEN", (&who.token).into()),
        ("AWS_REGION", (&who.region).into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("CALLS_RUN", run.into()),
    ];
    match way {
        Way::Direct(endpoint) => all.push(("CALLS_ENDPOINT", endpoint.into())),
        Way::Proxy { url, authority, via } => {
            let via = match via {
                Via::Http => "http",
                Via::Connect => "connect",
                Via::Sni => "sni",
            };
            all.extend([("CALLS_PROXY", url.into()), ("CALLS_CA", (*authority).into()), ("CALLS_VIA", via.into())]);
        }
    }
    all
}

fn said(line: &str) -> Result<Said, StartError> {
    let unexpected = || StartError::Unexpected { name: "a program of harness/sdks", said: line.to_owned() };
    let mut value: Value = serde_json::from_str(line).map_err(|_| unexpected())?;
    let call = value["call"].as_str().ok_or_else(unexpected)?.to_owned();
    Ok(Said { call, answer: value["answer"].take() })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
