#!/usr/bin/env bash
# kernel.sh DIR — fetches Debian's kernel for virtual machines and unpacks it into DIR, where it is not there yet.
# Nothing of it is installed: this machine goes on booting what it boots.
set -euo pipefail
dir=$(realpath -m "$1")

architecture=$(dpkg --print-architecture)
if [ "$architecture" != amd64 ]; then
	echo "make: the virtual machine is one of amd64; this is $architecture" >&2
	exit 1
fi
# The package without a version is empty and depends on the newest one with a kernel in it.
package=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }')
if [ -z "$package" ]; then
	echo "make: apt knows no linux-image-cloud-amd64; run apt-get update, and see that Debian is among its sources" >&2
	exit 1
fi
[ -e "$dir/$package" ] && exit 0

echo "Fetching $package, the kernel of the virtual machine, into $dir (not installed)…"
rm -rf "$dir"
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
if ! (cd "$work" && apt-get download -q "$package") >"$work/log" 2>&1; then
	tail -n 5 "$work/log" >&2
	echo "make: apt could not fetch $package; its last words are above" >&2
	exit 1
fi
dpkg-deb -x "$work"/*.deb "$dir"
touch "$dir/$package"
