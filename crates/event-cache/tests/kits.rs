//! The configurations that the installation kits ship are what the binary takes, and nobody is let in until tokens have been made.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use support::service::{Service, prepared};
use tempfile::TempDir;

const CONFIGS: [&str; 2] = ["deploy/service/config.yaml", "deploy/kustomize/core/config.yaml"];

/// Where the kits mount the Secret.
const SECRETS: &str = "/run/secrets/aws-event-cache";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// An installation's folder: secrets as the script makes them, and a configuration.
struct Installation {
    folder: TempDir,
    config: PathBuf,
}

impl Installation {
    /// With the shipped file as it stands.
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yaml");
        fs::write(&config, text.replace(SECRETS, &folder.path().join("secrets").display().to_string())).unwrap();
        fs::create_dir(folder.path().join("secrets")).unwrap();
        fs::write(folder.path().join("secrets/database-password"), "hunter2").unwrap();
        Self { folder, config }
    }

    /// Runs the script that makes the secrets, as docs/install says.
    fn make_secrets(&self) -> Result<(), String> {
        let mut script = Command::new("sh");
        script.arg(repository().join("deploy/service/secrets.sh")).arg(self.folder.path().join("secrets"));
        let output = script.arg(&self.config).stdin(Stdio::null()).output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        if output.status.success() { Ok(()) } else { Err(complaint) }
    }

    fn secret(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join("secrets").join(name)).unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.config).unwrap()
    }

    /// What `check-config` says: its exit code, and what it complains of.
    fn check(&self) -> (Option<i32>, String) {
        let mut check = prepared(&["check-config", "--config"]);
        let output = check.arg(&self.config).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

fn shipped(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// Settings that are off have a "#" in the first column and more than one blank after it, or a word at once.
fn everything_on(text: &str) -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with("  ") || rest.starts_with(char::is_alphabetic) => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(on).collect::<String>().replace("mode: \"off\"", "mode: observe")
}

#[test]
fn the_shipped_configurations_are_sound_as_they_are_and_with_their_secrets() {
    for path in CONFIGS {
        let installation = Installation::new(&shipped(path));
        assert_eq!(installation.check(), (Some(0), String::new()), "{path}");
        installation.make_secrets().unwrap();
        assert_eq!(installation.check(), (Some(0), String::new()), "{path}");
    }
}

#[test]
fn a_setting_that_is_off_fits_as_it_stands() {
    for path in CONFIGS {
        let (off, on) = (shipped(path), everything_on(&shipped(path)));
        assert!(
            on.lines().filter(|line| !off.lines().any(|other| other == *line)).count() >= 3,
            "{path} has lost its options"
        );
        let installation = Installation::new(&on);
        installation.make_secrets().unwrap();
        assert_eq!(installation.check(), (Some(0), String::new()), "{on}");
    }
}

/// The configuration that the chart makes, with these arguments besides.
fn of_the_chart(arguments: &[&Path]) -> String {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    let helm = target.join("harness/kits/bin/helm");
    assert!(helm.is_file(), "{} is missing: cargo xtask setup installs it", helm.display());
    let mut template = Command::new(helm);
    template.args(["template", "cache", "deploy/helm/aws-event-cache", "--show-only", "templates/configmap.yaml"]);
    let output = template.args(arguments).current_dir(repository()).output().unwrap();
    let map = String::from_utf8(output.stdout).unwrap();
    let (_, file) = map.split_once("config.yaml: |\n").unwrap();
    file.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect()
}

#[test]
fn the_charts_configuration_is_sound() {
    let text = of_the_chart(&[]);
    assert_eq!(Installation::new(&text).check(), (Some(0), String::new()), "{text}");
}

#[test]
fn the_values_of_the_helm_page_get_their_digests_and_make_a_sound_configuration() {
    let page = shipped("docs/install/helm.md");
    let (_, block) = page.split_once("   ```yaml\n").unwrap();
    let (values, _) = block.split_once("   ```\n").unwrap();
    let values: String = values.lines().map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect();
    let installation = Installation::new(&values);
    installation.make_secrets().unwrap();
    let text = of_the_chart(&[Path::new("--values"), &installation.config]);
    assert!(!text.contains("000000"), "{text}");
    assert_eq!(Installation::new(&text).check(), (Some(0), String::new()), "{text}");
}

#[test]
fn secrets_are_made_once_each_and_kept() {
    let installation = Installation::new(&shipped(CONFIGS[0]));
    let before = installation.text();
    installation.make_secrets().unwrap();
    let names = ["orca-token", "bridge-secret", "metrics-token", "admin-token", "proxy-password"];
    let made = names.map(|name| installation.secret(name));
    for secret in &made {
        assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret:?}");
        assert_eq!(made.iter().filter(|other| *other == secret).count(), 1);
    }
    let changed = installation.text();
    let differing = before.lines().zip(changed.lines()).filter(|(before, after)| before != after);
    assert_eq!(differing.count(), 4, "{changed}");
    installation.make_secrets().unwrap();
    assert_eq!((names.map(|name| installation.secret(name)), installation.text()), (made, changed));
    assert_eq!(installation.secret("database-password"), "hunter2");
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(installation.folder.path().join("secrets/orca-token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "others can read it");
}

#[test]
fn a_configuration_without_one_of_the_tokens_is_named() {
    let installation = Installation::new(&shipped(CONFIGS[0]).replace("name: metrics,", "name: prometheus,"));
    let complaint = installation.make_secrets().unwrap_err();
    assert!(complaint.contains("has no token named metrics"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_token_opens_what_its_holder_needs_and_no_more() {
    let text = shipped(CONFIGS[0]);
    let text = text.replace("0.0.0.0:8080", "127.0.0.1:0").replace("0.0.0.0:8081", "127.0.0.2:0");
    let text = text.replace("spin-clouddriver:7002", "127.0.0.1:1").replace("spin-redis:6379", "127.0.0.1:1");
    let installation = Installation::new(&text);
    let store = installation.folder.path().join("state.redb").display().to_string();
    fs::write(&installation.config, installation.text().replace("/var/lib/aws-event-cache/state.redb", &store))
        .unwrap();
    installation.make_secrets().unwrap();
    let mut service = Service::start_listening(&installation.config, &[], 2).await;
    let wish = serde_json::json!({"account": "*", "region": "*", "kind": "*"});
    for (name, may_refresh, may_stop) in [
        ("orca-token", true, false),
        ("bridge-secret", false, false),
        ("metrics-token", false, false),
        ("admin-token", true, true),
    ] {
        service.use_token(Some(&installation.secret(name)));
        assert_eq!(service.call(Method::GET, "/v1/status", None).await.status(), StatusCode::OK, "{name}");
        assert_eq!(service.call(Method::GET, "/metrics", None).await.status(), StatusCode::OK, "{name}");
        let refused = |status: StatusCode| status == StatusCode::FORBIDDEN;
        let refresh = service.call(Method::POST, "/v1/refresh", Some(&wish)).await.status();
        assert_eq!(refused(refresh), !may_refresh, "{name}: {refresh}");
        let stop = service.call(Method::POST, "/v1/release", None).await.status();
        assert_eq!(refused(stop), !may_stop, "{name}: {stop}");
    }
    service.use_token(None);
    assert_eq!(service.call(Method::GET, "/v1/status", None).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(service.call(Method::GET, "/health/live", None).await.status(), StatusCode::OK, "a probe has no token");
}

#[test]
fn every_command_of_the_installation_pages_that_is_ours_is_one() {
    let mut seen = 0;
    for page in fs::read_dir(repository().join("docs/install")).unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| line.split_once(" -- /aws-event-cache ")) {
            let output = prepared(&line.1.split_whitespace().chain(["--help"]).collect::<Vec<_>>()).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", line.1);
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
}
