//! What docs/refresh.md tells people to write and to run.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Service, TOKEN, folder, read, repository, service_program};

/// The fenced blocks of a language, without the indentation of the list that they stand in.
pub fn blocks(language: &str) -> Vec<String> {
    let page = read("docs/refresh.md");
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() == format!("```{language}") {
            let indent = line.len() - line.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect());
        }
    }
    blocks
}

/// The JSON blocks.
pub fn documents() -> Vec<Value> {
    blocks("json").iter().map(|block| serde_json::from_str(block).unwrap_or_else(|e| panic!("{e}: {block}"))).collect()
}

/// The hosts of the table of URLs: name, whether it passes before 1.36, and since.
pub fn hosts() -> Vec<(String, bool, bool)> {
    let page = read("docs/refresh.md");
    let rows =
        page.lines().skip_while(|line| !line.starts_with("| host |")).skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>();
    rows.map(cells).map(|cells| (cells[1].clone(), cells[2] == "passes", cells[3] == "passes")).collect()
}

/// Runs a block as a person would: in the repository, with the variables that the page names. Gives what it printed.
pub fn run(block: &str, gate: &str, service: &Service) -> String {
    let folder = folder();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let program = service_program();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-euc", block]).current_dir(repository()).stdin(Stdio::null());
    shell.env("PATH", path).env("GATE", gate).env("SERVICE", service.url()).env("TOKEN", TOKEN);
    shell.env("AWS_EVENT_CACHE_SERVER", service.url()).env("AWS_EVENT_CACHE_TOKEN_FILE", &token).env("NO_PROXY", "*");
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{block}{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The commands of `spin` that the page uses, and their flags, as spin's own source has them.
const SPIN: [(&str, &[&str]); 3] = [
    ("application save", &["--application-name", "--owner-email", "--cloud-providers", "--file"]),
    ("pipeline save", &["--file"]),
    ("pipeline execute", &["--application", "--name", "--parameter-file", "--artifacts-file"]),
];

/// Fails for a command or flag that `spin` does not have, and for a file that is not there.
pub fn check_spin(line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let command = words[1..3].join(" ");
    let (_, flags) = SPIN.iter().find(|(name, _)| *name == command).unwrap_or_else(|| panic!("{line}"));
    for pair in words[3..].chunks(2) {
        assert!(flags.contains(&pair[0]) && pair.len() == 2, "{line}: {pair:?}");
        let is_file = pair[0] == "--file";
        assert!(!is_file || repository().join(pair[1]).is_file(), "{line}");
    }
}
