//! What the plugin's class files need: nothing that differs between the releases of Spinnaker that it is for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_event_cache_testkit::bridge_plugin;

/// Java 11, on which the oldest release runs.
const JAVA_11: u16 = 55;

/// Types that moved, or that each release has in another version. No class may so much as mention one.
const DIFFERS: [&str; 10] = [
    "javax/servlet",
    "jakarta/",
    "okhttp",
    "retrofit",
    "jackson",
    "org/springframework/security",
    "groovy",
    "kotlin",
    "lombok",
    "com/google",
];

/// Where the types lie that it uses.
const USED: [&str; 10] = [
    "java/",
    "io/awseventcache/bridge/",
    "org/slf4j/Logger",
    "org/pf4j/PluginWrapper",
    "org/springframework/beans/factory/",
    "org/springframework/core/env/Environment",
    "org/springframework/http/",
    "org/springframework/web/bind/annotation/",
    "com/netflix/spinnaker/kork/plugins/api/spring/PrivilegedSpringPlugin",
    "com/netflix/spinnaker/cats/",
];

/// The version and all texts of a class file's constant pool: every type, member and description that it mentions is among them.
struct ClassFile {
    version: u16,
    /// Types that its code uses by name.
    types: BTreeSet<String>,
    texts: Vec<String>,
}

impl ClassFile {
    fn read(bytes: &[u8]) -> Self {
        let u16_at = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!(&bytes[..4], b"\xca\xfe\xba\xbe");
        let (mut at, mut index) = (10, 1);
        let (mut utf8, mut names) = (std::collections::BTreeMap::new(), Vec::new());
        while index < u16_at(8) {
            let tag = bytes[at];
            let length = match tag {
                1 => {
                    let length = usize::from(u16_at(at + 1));
                    utf8.insert(index, String::from_utf8_lossy(&bytes[at + 3..at + 3 + length]).into_owned());
                    3 + length
                }
                7 => {
                    names.push(u16_at(at + 1));
                    3
                }
                8 | 16 | 19 | 20 => 3,
                15 => 4,
                3 | 4 | 9 | 10 | 11 | 12 | 17 | 18 => 5,
                // Long and double take two places.
                5 | 6 => {
                    index += 1;
                    9
                }
                other => panic!("a constant of kind {other}"),
            };
            at += length;
            index += 1;
        }
        let types = names.iter().map(|name| utf8[name].trim_start_matches('[').to_owned()).collect();
        Self { version: u16_at(6), types, texts: utf8.into_values().collect() }
    }
}

/// Unpacks with the JDK's own program, so that no library for zips is needed.
fn unpack(zip: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let status = Command::new("jar").arg("--extract").arg("--file").arg(zip).current_dir(to).status().unwrap();
    assert!(status.success());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// The bundle, with the parts that run in a JVM unpacked in it.
fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    unpack(&bridge_plugin(None).unwrap(), folder.path());
    for part in ["gate", "clouddriver"] {
        unpack(&folder.path().join(part).with_extension("zip"), &folder.path().join(part));
    }
    folder
}

#[test]
fn no_class_needs_what_differs_between_releases() {
    let folder = unpacked();
    let mut classes = 0;
    for file in files(folder.path()).iter().filter(|file| file.extension().is_some_and(|kind| kind == "class")) {
        classes += 1;
        let class = ClassFile::read(&fs::read(file).unwrap());
        assert_eq!(class.version, JAVA_11, "{}", file.display());
        for text in &class.texts {
            let differs = DIFFERS.iter().find(|&&part| text.to_ascii_lowercase().contains(part));
            assert!(differs.is_none(), "{} mentions {text}", file.display());
        }
        for used in &class.types {
            let plain = used.trim_start_matches('L');
            let known = USED.iter().any(|&prefix| plain.starts_with(prefix)) || plain.len() == 1;
            assert!(known, "{} uses {used}", file.display());
        }
    }
    assert!(classes > 10, "only {classes} classes were found");
}

#[test]
fn each_part_is_its_classes_and_a_manifest_and_nothing_else() {
    let folder = unpacked();
    for part in ["gate.zip", "clouddriver.zip", "deck.zip"] {
        assert!(folder.path().join(part).is_file(), "{part} is not in the bundle");
    }
    for (part, class) in [("gate", "gate.GateBridge"), ("clouddriver", "clouddriver.ClouddriverBridge")] {
        let root = folder.path().join(part);
        let own = root.join("classes/io/awseventcache/bridge");
        let manifest = root.join("classes/META-INF/MANIFEST.MF");
        for file in files(&root) {
            let is_class = file.starts_with(&own) && file.extension().is_some_and(|kind| kind == "class");
            assert!(is_class || file == manifest, "{} is in it", file.display());
        }
        let manifest = fs::read_to_string(&manifest).unwrap();
        let version = concat!("Plugin-Version: ", env!("CARGO_PKG_VERSION"));
        let class = format!("Plugin-Class: io.awseventcache.bridge.{class}");
        // Without a requirement: anything else is compared with versions that are none, and Spinnaker does not start.
        for line in
            ["Plugin-Id: AwsEventCache.Bridge", version, &class, "Plugin-Requires: ", "Plugin-License: Apache-2.0"]
        {
            assert!(manifest.lines().any(|there| there == line), "{line} is not in:\n{manifest}");
        }
        assert!(manifest.ends_with('\n'), "a manifest's last line counts only with its end");
    }
}
