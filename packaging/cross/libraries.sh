#!/bin/sh
# libraries.sh SUITE ARCH DIR — unpacks into DIR what hearth-vision needs, as a release of Debian or Ubuntu has it, with a file
# "versions" that says which: NAME VERSION. Ubuntu's is looked for beside this machine's Debian mirror; where it is not there,
# it says so and gives 3.
set -eu
suite=$1 arch=$2 dir=$(realpath -m "$3")
repo=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=packaging/apt.sh
. "$repo/packaging/apt.sh"
rm -rf "$dir"
mkdir -p "$dir/deb" "$dir/root"
site=
case $suite in
jammy | noble)
	folder=ubuntu
	[ "$arch" = amd64 ] || folder=ubuntu-ports
	site=$(debian_mirror | sed "s|/debian/*\$|/$folder|")
	;;
esac
own_apt "$dir/apt" "$arch" deb "$suite" "$site"
if ! own apt-get -qq update >"$dir/log" 2>&1 || ! (cd "$dir/deb" && own apt-get -qq download libc6 libva2 libva-drm2 libdrm2 >>"$dir/log" 2>&1); then
	tail -n 3 "$dir/log" >&2
	[ -n "$site" ] || exit 1
	echo "There is no Ubuntu $suite of $arch beside this machine's Debian mirror." >&2
	exit 3
fi
for deb in "$dir"/deb/*.deb; do
	dpkg-deb -x "$deb" "$dir/root"
	echo "$(dpkg-deb -f "$deb" Package) $(dpkg-deb -f "$deb" Version)" >>"$dir/versions"
done
rm -rf "$dir/apt" "$dir/deb"
