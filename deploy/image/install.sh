#!/bin/sh
# The init container's work: puts one part of the bridge plugin (gate or clouddriver), or the whole bundle, into the plugin folder of a Spinnaker service.
#
#   install.sh gate|clouddriver|bundle
#
# PF4J loads one of two versions that lie side by side, and which one is chance; so what an earlier run left goes first. A zip that is cut off keeps the service from
# starting; so the copy gets its name only when it is whole.
set -eu
from=${FROM:-/plugins}
target=${TARGET:-/target}

case "${1:-}" in
  gate | clouddriver) source=$from/$1.zip name=AwsEventCache.Bridge-$1.zip ;;
  bundle) source=$(ls "$from"/AwsEventCache.Bridge-*.zip) name=${source##*/} ;;
  *)
    echo "usage: install.sh gate|clouddriver|bundle; not \"${1:-}\"" >&2
    exit 2
    ;;
esac

rm -rf "$target"/AwsEventCache.Bridge-*
cp "$source" "$target/.aws-event-cache.part"
# On disk before it gets its name: a machine that dies in between leaves no half of it.
sync
mv "$target/.aws-event-cache.part" "$target/$name"
echo "$target/$name"
