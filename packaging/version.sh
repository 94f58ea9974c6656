#!/bin/sh
# Prints the version as Debian writes it: that of the tag, or, between tags, one that is below the next and rises with
# every commit.
set -eu
cd "$(dirname "$0")/.."
next=0.1.0
if tag=$(git describe --exact-match --match 'v[0-9]*' 2>/dev/null); then
	echo "${tag#v}"
else
	echo "$next~$(git rev-list --count HEAD).g$(git rev-parse --short=8 HEAD)"
fi
