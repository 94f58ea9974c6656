#!/bin/bash
# Builds MediaMTX from its published module, for the benchmarks that stand beside it: packaging/mediamtx.sh OUT
# Nothing of it goes into Hearth. Its source wants two generated files, a version and a player for the browser; the
# benchmarks use neither, so they are made up here.
set -euo pipefail
version=v1.14.0
out=$(realpath -m "$1")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
go mod init bench >/dev/null 2>&1
dir=$(go mod download -json "github.com/bluenviron/mediamtx@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
cp -r "$dir" src
chmod -R u+w src
cd src
echo "$version" >internal/core/VERSION
echo "// not used" >internal/servers/hls/hls.min.js
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out" .
