//! Writing to the terminal: the one place that prints.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

/// One line on standard output. A reader that has gone away (`| head`) is no error.
pub(crate) fn line(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// One line on standard error.
pub(crate) fn warn(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// An error with its causes, one a line, on standard error.
pub(crate) fn error(error: &dyn std::error::Error) {
    warn(&format!("error: {error}"));
    let mut source = error.source();
    while let Some(cause) = source {
        warn(&format!("  because: {cause}"));
        source = cause.source();
    }
}

/// A table without frames, each row on one line of its own so that `grep` and `awk` find their way.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table
}

/// The table, if there is anything in it.
pub(crate) fn show(table: &Table) {
    if table.row_count() > 0 {
        line(&table.trim_fmt());
    }
}
