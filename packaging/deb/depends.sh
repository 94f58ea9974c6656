#!/bin/sh
# depends.sh PROGRAM ARCH — prints the Debian packages that a program's libraries come from, with the versions that it needs.
set -eu
program=$(realpath "$1")
sysroot=$("$(dirname "$0")/../cross/sysroot.sh" "$2")
options=
if [ -n "$sysroot" ]; then
	for package in "$sysroot"/packages/*; do options="$options -S$package"; done
	for dir in "$sysroot"/root/lib/*-linux-gnu "$sysroot"/root/usr/lib/*-linux-gnu; do options="$options -l$dir"; done
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: hearth\n\nPackage: hearth\nArchitecture: any\n' >"$work/debian/control"
cd "$work"
# shellcheck disable=SC2086
found=$(DEB_HOST_ARCH=$2 dpkg-shlibdeps -O $options "$program" 2>log) || { cat log >&2; exit 1; }
list=$(echo "$found" | sed -n 's/^shlibs:Depends=//p' | tr ',' '\n' | sed 's/^ *//')
case $list in *libc6*) echo "$list" ;; *) echo "depends.sh: $program needs no libc6? dpkg-shlibdeps says: $found" >&2; exit 1 ;; esac
