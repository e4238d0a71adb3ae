#!/bin/sh
# Makes the secrets of an installation, and writes the digests of the tokens into configuration files.
#
#   sh deploy/service/secrets.sh FOLDER [CONFIG.YAML...]
#   kubectl --namespace spinnaker create secret generic aws-event-cache-secrets --from-file=FOLDER
#
# FOLDER gets one file for each secret. What is there already is kept, so that it may be run again; a file of your own in it (database-password) becomes part of the
# Secret too. Keep FOLDER out of git.
set -eu
umask 077
if [ $# -eq 0 ]; then
  echo "usage: secrets.sh FOLDER [CONFIG.YAML...]" >&2
  exit 2
fi
folder=$1
shift
mkdir -p "$folder"

random() { # 32 random bytes as hexadecimal digits
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

sha256() { # of what is read; macOS has another name for the program
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

for name in orca-token bridge-secret metrics-token admin-token proxy-password; do
  [ -s "$folder/$name" ] || random >"$folder/$name"
done

# The name of a token in the configuration, and the file that holds it. The bridge's secret is also the token with which the plugin in Clouddriver calls.
for pair in orca:orca-token bridge:bridge-secret metrics:metrics-token admin:admin-token; do
  digest=$(sha256 <"$folder/${pair#*:}")
  for config; do
    if ! grep -q "name: ${pair%%:*}, role: [a-z]*, sha256: " "$config"; then
      echo "$config has no token named ${pair%%:*}" >&2
      exit 1
    fi
    sed "s/\(name: ${pair%%:*}, role: [a-z]*, sha256: \)\"[0-9a-fA-F]*\"/\1\"$digest\"/" "$config" >"$config.new"
    # Over the old file rather than in its place: its owner and mode stay.
    cat "$config.new" >"$config"
    rm "$config.new"
  done
done
