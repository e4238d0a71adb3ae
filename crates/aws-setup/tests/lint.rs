//! The tools of the trade have nothing to say about the templates: cfn-lint, with every resource's schema, and HCL's own formatter.
//!
//! `terraform validate` is not among them, since it needs the AWS provider. In its place every attribute and block is looked up in `terraform-schema.json`: the
//! names that the provider knows of the resources that we use.
#![allow(missing_docs, reason = "a test binary has no documentation")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use aws_event_cache_aws_setup::{Document, Key, Options, Recorder, Writes, cloudformation, terraform};
use aws_event_cache_catalog::Catalog;
use serde_json::Value;
use support::{built, example, json_at, of_intake, plan};

fn written(folder: &Path, documents: &[Document]) -> Vec<String> {
    let write = |document: &Document| {
        let path = folder.join(&document.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &document.text).unwrap();
        path.display().to_string()
    };
    documents.iter().map(write).collect()
}

/// The example, and what differs most from it.
fn shapes<T>(of: impl Fn(&aws_event_cache_aws_setup::Plan<'_>) -> T) -> Vec<T> {
    let catalog = Catalog::shipped();
    let queue = of_intake("{sqs: {queues: [{url: https://sqs.eu-west-1.amazonaws.com/111122223333/q}]}}");
    let other = Options { recorder: Recorder::Create, writes: Writes::Known, key: Key::None, ..Options::default() };
    vec![of(&plan(&example(), &catalog, Options::default())), of(&plan(&queue, &catalog, other))]
}

#[test]
fn cfn_lint_has_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (n, documents) in shapes(cloudformation).into_iter().enumerate() {
        paths.extend(written(&folder.path().join(n.to_string()), &documents));
    }
    paths.retain(|path| path.ends_with(".yaml"));
    assert_eq!(paths.len(), 4);
    let mut lint = Command::new(built("templates/python/bin/cfn-lint"));
    // Informational remarks count as well.
    let output = lint.args(["--include-checks", "I", "--"]).args(&paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_wrong_template_does_not_pass_cfn_lint() {
    let folder = tempfile::tempdir().unwrap();
    let mut documents = shapes(cloudformation).remove(0);
    documents[0].text = documents[0].text.replace("MessageRetentionPeriod", "MessageRetentionPeriods");
    let paths = written(folder.path(), &documents);
    let output = Command::new(built("templates/python/bin/cfn-lint")).args(["--", &paths[0]]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("MessageRetentionPeriods"));
}

#[test]
fn terraform_files_are_laid_out_as_terraform_fmt_would() {
    let folder = tempfile::tempdir().unwrap();
    for (n, documents) in shapes(terraform).into_iter().enumerate() {
        for path in written(&folder.path().join(n.to_string()), &documents) {
            let output = Command::new(built("templates/bin/hclfmt")).arg(&path).output().unwrap();
            assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
            let (formatted, own) = (String::from_utf8(output.stdout).unwrap(), fs::read_to_string(&path).unwrap());
            let differs = own.lines().zip(formatted.lines()).find(|(own, formatted)| own != formatted);
            assert!(own == formatted, "{path}: {differs:?}");
        }
    }
}

/// What the provider knows of a block: its attributes, its blocks, and what may not be missing.
fn look_up(schema: &Value, block: &hcl::Block, path: &str, wrong: &mut Vec<String>) {
    let names = |key: &str| -> BTreeSet<&str> {
        schema[key].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect()
    };
    let (attributes, required) = (names("attributes"), names("required"));
    let mut given: BTreeSet<String> = BTreeSet::new();
    for attribute in block.body.attributes() {
        let name = attribute.key.as_str();
        given.insert(name.to_owned());
        let meta = ["count", "for_each", "depends_on", "provider"].contains(&name);
        if !meta && !attributes.contains(name) {
            wrong.push(format!("{path}: no attribute {name}"));
        }
    }
    for inner in block.body.blocks() {
        let (name, content) = match inner.identifier() {
            "dynamic" => {
                (inner.labels()[0].as_str(), inner.body.blocks().find(|block| block.identifier() == "content").unwrap())
            }
            "lifecycle" => continue,
            name => (name, inner),
        };
        given.insert(name.to_owned());
        match schema["blocks"].get(name) {
            Some(schema) => look_up(schema, content, &format!("{path}.{name}"), wrong),
            None => wrong.push(format!("{path}: no block {name}")),
        }
    }
    let missing = required.iter().filter(|name| !given.contains(**name));
    wrong.extend(missing.map(|name| format!("{path}: {name} is missing")));
}

#[test]
fn terraform_uses_only_what_the_aws_provider_knows() {
    let schema = json_at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform-schema.json"));
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for document in shapes(terraform).into_iter().flatten() {
        let body: hcl::Body = hcl::parse(&document.text).unwrap();
        for block in body.blocks().filter(|block| ["resource", "data"].contains(&block.identifier())) {
            let of = format!("{} {}", block.identifier(), block.labels()[0].as_str());
            seen += 1;
            match schema.get(&of) {
                Some(schema) => look_up(schema, block, &format!("{} {of}", document.path), &mut wrong),
                None => wrong.push(format!("{}: no {of}", document.path)),
            }
        }
    }
    assert!(seen > 60, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
