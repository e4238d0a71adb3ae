//! The button in Deck: the packed module in a real browser, on a page that loads plugins as Deck does, before Orca's own stage and the running service.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and print as tests do")]

mod within;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use aws_event_cache_catalog::{Catalog, Kind};
use aws_event_cache_testkit::Release;
use serde_json::{Value, json};
use within::{Service, folder, named_kind, orca, read, repository};

/// A run long enough that the page, which looks once a second, sees the refresh on its way.
const RUN: Duration = Duration::from_millis(2_500);

/// Where `cargo xtask setup` puts what it makes.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

fn built(path: &str) -> PathBuf {
    let file = target().join(path);
    assert!(file.exists(), "{} is missing: run `cargo xtask setup`", file.display());
    file
}

/// The kinds as the module has them, in the order in which people look for them.
fn kinds() -> String {
    let catalog = Catalog::shipped();
    let mut kinds: Vec<&Kind> = catalog.kinds().collect();
    kinds.sort_by_key(|kind| kind.title.to_lowercase());
    let line = |kind: &Kind| {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let (id, title, named_by) = (quoted(kind.id.as_str()), quoted(&kind.title), quoted(&kind.named_by));
        format!("  {{ id: {id}, title: {title}, namedBy: {named_by} }},\n")
    };
    kinds.into_iter().map(line).collect()
}

#[test]
fn the_kinds_of_the_button_are_fresh() {
    let file = repository().join("plugins/deck/index.js");
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("// <kinds>\n").unwrap();
    let (_, after) = rest.split_once("// </kinds>\n").unwrap();
    let fresh = format!("{before}// <kinds>\nconst KINDS = [\n{}];\n// </kinds>\n{after}", kinds());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    let now = fs::read_to_string(&file).unwrap();
    assert!(now == fresh, "plugins/deck/index.js is stale; run cargo xtask docs");
}

#[test]
fn the_manifest_for_decks_own_folder_names_this_version() {
    let manifest: Value = serde_json::from_str(&read("plugins/deck/plugin-manifest.json")).unwrap();
    let entry = &manifest.as_array().unwrap()[0];
    assert_eq!((&entry["id"], &entry["version"]), (&json!("AwsEventCache.Bridge"), &json!(env!("CARGO_PKG_VERSION"))));
    assert!(entry["url"].as_str().unwrap().ends_with("/index.js"));
}

/// What Deck's web server and Gate serve: the page, Deck's libraries, and the packed plugin where Gate has it.
fn served() -> tempfile::TempDir {
    let folder = folder();
    let root = folder.path();
    let copy = |from: PathBuf, to: &str| {
        let to = root.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&from, &to).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask setup`", from.display()));
    };
    for name in ["index.html", "host.js", "host.css"] {
        copy(repository().join("harness/deck/page").join(name), name);
    }
    let modules = built("harness/deck/node_modules");
    for (from, to) in [
        ("react/umd/react.production.min.js", "vendor/react.js"),
        ("react-dom/umd/react-dom.production.min.js", "vendor/react-dom.js"),
        ("bootstrap/dist/css/bootstrap.min.css", "vendor/bootstrap.css"),
        ("@spinnaker/styleguide/public/styleguide.min.css", "vendor/styleguide.css"),
        ("@fortawesome/fontawesome-free/css/all.min.css", "vendor/fontawesome.css"),
        ("@fortawesome/fontawesome-free/webfonts/fa-solid-900.woff2", "webfonts/fa-solid-900.woff2"),
    ] {
        copy(modules.join(from), to);
    }
    let version = env!("CARGO_PKG_VERSION");
    let plugin = root.join(format!("plugins/deck/AwsEventCache.Bridge/{version}"));
    fs::create_dir_all(&plugin).unwrap();
    let mut jar = Command::new("jar");
    let unpacked = jar.current_dir(&plugin).args(["--extract", "--file"]).arg(built("plugins/deck.zip")).status();
    assert!(unpacked.unwrap().success());
    let packed = fs::read_to_string(plugin.join("index.js")).unwrap();
    assert!(packed == read("plugins/deck/index.js"), "target/plugins/deck.zip is stale: run `cargo xtask setup`");
    let manifest = json!([{"id": "AwsEventCache.Bridge", "version": version}]);
    fs::write(root.join("plugins/deck/plugin-manifest.json"), manifest.to_string()).unwrap();
    fs::write(root.join("credentials"), accounts().to_string()).unwrap();
    folder
}

/// Clouddriver's accounts as Gate shows them. Two of them the service does not know, one by a name that would be markup.
fn accounts() -> Value {
    let account = |name: &str, provider: &str, regions: &[&str]| {
        let regions: Vec<Value> = regions.iter().map(|region| json!({"name": region})).collect();
        json!({"name": name, "type": provider, "cloudProvider": provider, "authorized": true, "regions": regions})
    };
    json!([
        account("staging", "aws", &["us-west-2"]),
        account("prod", "aws", &["us-west-2", "eu-west-1"]),
        account("prod-old", "ecs", &["us-west-2"]),
        account("<img src=x onerror=\"window.evil=1\">", "aws", &[]),
        account("a-cluster", "kubernetes", &[]),
    ])
}

/// Where screenshots go, to be looked at.
fn pictures() -> PathBuf {
    let folder = target().join("harness/deck/pictures");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Clicks through scenarios of `harness/deck/drive.mjs`.
fn drive(url: &str, scenarios: &[&str]) {
    let kind = named_kind();
    let chromium = env::var_os("AEC_CHROMIUM").map(PathBuf::from);
    let chromium = chromium.or_else(|| CHROMIUM.iter().map(PathBuf::from).find(|program| program.is_file()));
    let settings = json!({
        "modules": built("harness/deck/node_modules"),
        "chromium": chromium.expect("Chromium is missing: run `cargo xtask setup`"),
        "kind": {"id": kind.id.as_str(), "title": kind.title, "namedBy": kind.named_by},
    });
    let mut node = Command::new("node");
    node.arg(repository().join("harness/deck/drive.mjs")).arg(url).arg(pictures()).arg(settings.to_string());
    let output = node.args(scenarios).output().expect("node is missing: run `cargo xtask setup`");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

/// Where Debian and others have Chromium, unless `AEC_CHROMIUM` says otherwise.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// One test, since Orca takes seconds to start.
#[test]
fn people_refresh_by_the_button_and_are_told_how_it_goes() {
    let (mut service, files) = (Service::start(RUN), served());
    let orca = orca(Release::Spinnaker136, &service, files.path());
    drive(orca.url(), &["refresh"]);
    the_service_knows_who_asked(&service);
    drive(orca.url(), &["closed", "menu", "keyboard", "refused", "hostile", "collapsed", "unset", "gateAway"]);
    service.go_away();
    drive(orca.url(), &["serviceAway"]);
}

fn the_service_knows_who_asked(service: &Service) {
    let entry = service.audited();
    let detail = entry["detail"].as_str().unwrap();
    assert!(detail.starts_with("accounts prod, regions us-west-2, kinds "), "{detail}");
    assert!(detail.contains("name some-name"), "{detail}");
    assert!(detail.ends_with("; application shop; on behalf of alice@example.com"), "{detail}");
}

#[test]
fn only_the_module_is_in_what_gate_serves() {
    let mut jar = Command::new("jar");
    let output = jar.args(["--list", "--file"]).arg(built("plugins/deck.zip")).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "index.js");
}
