//! Tests of the installation kits and plugins, which are not Rust: see `tests/`.
