#!/bin/sh
# The init container's work: puts one part of the bridge plugin (gate or clouddriver), or the whole bundle, into the plugin folder of a Spinnaker service. Or makes a repository
# of plugins with the bundle in it, for Gate to load from and to serve Deck's part of; FOLDER is where Gate has it.
#
#   install.sh gate|clouddriver|bundle
#   install.sh repository FOLDER
#
# PF4J loads one of two versions that lie side by side, and which one is chance; so what an earlier run left goes first. A zip that is cut off keeps the service from
# starting; so the copy gets its name only when it is whole.
set -eu
from=${FROM:-/plugins}
target=${TARGET:-/target}

case "${1:-} ${2:-}" in
  "gate " | "clouddriver ") source=$from/$1.zip name=AwsEventCache.Bridge-$1.zip ;;
  "bundle " | "repository "/*) source=$(ls "$from"/AwsEventCache.Bridge-*.zip) name=${source##*/} ;;
  *)
    echo "usage: install.sh gate|clouddriver|bundle, or install.sh repository FOLDER; not \"$*\"" >&2
    exit 2
    ;;
esac

rm -rf "$target"/AwsEventCache.Bridge-* "$target/plugins.json"
cp "$source" "$target/.aws-event-cache.part"
# On disk before it gets its name: a machine that dies in between leaves no half of it.
sync
mv "$target/.aws-event-cache.part" "$target/$name"
echo "$target/$name"

if [ "$1" = repository ]; then
  version=${name#AwsEventCache.Bridge-}
  version=${version%.zip}
  cat >"$target/.plugins.part" <<EOF
[{"id": "AwsEventCache.Bridge", "description": "AWS Event Cache", "provider": "aws-event-cache",
  "releases": [{"version": "$version", "date": "2025-01-01T00:00:00.000Z", "requires": "gate>=0.0.0,deck>=0.0.0",
                "url": "file://$2/$name"}]}]
EOF
  mv "$target/.plugins.part" "$target/plugins.json"
fi
