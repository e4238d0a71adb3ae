//! Writes `docs/kinds.md` from the shipped catalogue.

use std::path::Path;
use std::{fs, io};

use aws_event_cache_catalog::{Catalog, kinds_markdown};

fn main() -> io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("kinds.md"), kinds_markdown(&Catalog::shipped()))
}
