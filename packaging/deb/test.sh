#!/usr/bin/env bash
# test.sh PACKAGE.deb BASE.tar SUITE — Debian's own tests of a package: lintian, piuparts, and autopkgtest in a Debian of its own.
set -euo pipefail
package=$(realpath "$1")
base=$(realpath "$2")
suite=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'umount "$work/root/proc" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT

echo "lintian"
lintian --fail-on error,warning "$package"

# The Debian that boots, with apt's lists and the way to the mirror; piuparts and autopkgtest each take it for themselves.
mkdir "$work/root"
tar -C "$work/root" --numeric-owner -xf "$base"
cp --dereference /etc/resolv.conf "$work/root/etc/resolv.conf"
cp /etc/hosts "$work/root/etc/hosts"
chroot "$work/root" apt-get -q update >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
site=$(sed -n 's/^deb \([^ ]*\) .*/\1/p' "$work/root/etc/apt/sources.list" | head -n 1)

echo "piuparts: installed, removed and purged on $suite"
# debconf's own; any Debian where a package was installed by apt has it, and keeps it.
mkdir -p "$work/root/var/cache/debconf/tmp.ci"
if ! piuparts --existing-chroot="$work/root" --distribution="$suite" --mirror="$site main" --no-eatmydata \
	--log-level=dump "$package" >"$work/log" 2>&1; then
	tail -n 40 "$work/log" >&2
	exit 1
fi
grep -E 'PASS|WARN' "$work/log" | tail -n 3

echo "autopkgtest: $(sed -n 's/^Tests: //p' "$here/tests/control") on $suite"
mkdir -p "$work/source/debian"
cp -r "$here/tests" "$work/source/debian/tests"
cat >"$work/source/debian/control" <<END
Source: hearth
Maintainer: Hearth <hearth@hearth.example>

Package: hearth
Architecture: any
Description: network video recorder that a family owns
END
cat >"$work/source/debian/changelog" <<END
hearth ($(dpkg-deb --field "$package" Version)) unstable; urgency=medium

  * See the package's own.

 -- Hearth <hearth@hearth.example>  Thu, 01 Jan 2026 00:00:00 +0000
END
# The worker looks there at its own threads when it confines them.
mount -t proc proc "$work/root/proc"
status=0
autopkgtest --no-built-binaries --output-dir="$work/out" "$package" "$work/source" -- chroot "$work/root" >"$work/log" 2>&1 || status=$?
# 2 and 8 are tests that were skipped, or none at all: there is one.
if [ $status -ne 0 ]; then
	tail -n 60 "$work/log" >&2
	echo "test.sh: autopkgtest ended with $status" >&2
	exit 1
fi
cat "$work/out/summary"
