#!/bin/sh
# Writes the software bill of materials of the binary: CycloneDX, JSON, every crate that is linked into it with its version, licence and checksum.
#
#   cargo install --locked cargo-cyclonedx@0.5.9
#   sh deploy/image/sbom.sh FILE
#
# Nothing is compiled: cargo's own resolution, with what Cargo.lock pins, is written down.
set -eu
if [ $# -ne 1 ]; then
  echo "usage: sbom.sh FILE" >&2
  exit 2
fi
target=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../.."
name=aws-event-cache-sbom
# Without tests' and tools' dependencies, which do not end in the binary. It writes beside each manifest, so what it wrote is taken from there.
cargo cyclonedx --quiet --manifest-path crates/event-cache/Cargo.toml --format json --spec-version 1.5 --no-build-deps --override-filename "$name"
mv "crates/event-cache/$name.json" "$target"
find crates xtask -name "$name.json" -exec rm {} +
