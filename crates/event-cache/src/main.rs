//! The `aws-event-cache` binary: configuration, wiring, signals and subcommands.

fn main() {}
