#!/bin/sh
# Prints the version as Debian writes it: that of the tag, or, between tags, one that is below the next and rises with
# every commit.
set -eu
cd "$(dirname "$0")/.."
next=0.1.0
if tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
	echo "${tag#v}"
else
	last=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || echo v0)
	if dpkg --compare-versions "${last#v}" ge "$next"; then
		echo "version.sh: $last is out, so what comes next is not $next: say here what is" >&2
		exit 1
	fi
	echo "$next~$(git rev-list --count HEAD).g$(git rev-parse --short=8 HEAD)"
fi
