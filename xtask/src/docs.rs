//! `cargo xtask docs`: the documents that are written from the code.

use std::error::Error;
use std::process::Command;

use crate::command;
use crate::paths;

/// What to do with them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask docs\n  cargo xtask docs --check")]
pub(crate) struct Options {
    /// Only say whether they are fresh
    #[arg(long)]
    check: bool,
}

/// A document that is made from the code. A test of its package compares the two.
struct Document {
    package: &'static str,
    test: &'static str,
    /// The example that writes it; without one the test does, when a variable tells it to.
    example: Option<&'static str>,
}

const DOCUMENTS: [Document; 5] = [
    Document { package: "aws-event-cache-catalog", test: "the_document_of_kinds_is_fresh", example: Some("kinds_md") },
    Document { package: "aws-event-cache-config", test: "the_reference_page_is_fresh", example: None },
    Document { package: "aws-event-cache-api", test: "the_committed_document_is_fresh", example: None },
    Document { package: "aws-event-cache-kits", test: "the_kinds_of_the_button_are_fresh", example: None },
    Document { package: "aws-event-cache-aws-setup", test: "the_generated_aws_side_is_fresh", example: None },
];

/// Writes the documents, or checks them.
///
/// # Errors
///
/// When one is stale, or the code does not build.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    for document in &DOCUMENTS {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(paths::repository()).env_remove("UPDATE_DOCS");
        match document.example {
            Some(example) if !options.check => {
                cargo.args(["run", "--quiet", "--locked", "--package", document.package, "--example", example]);
            }
            _ => {
                // nextest, unlike cargo test, fails when no test has this name.
                cargo.args(["nextest", "run", "--locked", "--package", document.package, document.test]);
                if !options.check {
                    cargo.env("UPDATE_DOCS", "1");
                }
            }
        }
        command::run(&mut cargo)?;
    }
    Ok(())
}
