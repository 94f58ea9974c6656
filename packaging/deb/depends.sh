#!/bin/sh
# depends.sh PROGRAM — prints the Debian packages that a program's libraries come from, with the versions that it needs.
set -eu
program=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: hearth\n\nPackage: hearth\nArchitecture: any\n' >"$work/debian/control"
cd "$work"
found=$(dpkg-shlibdeps -O "$program")
list=$(echo "$found" | sed -n 's/^shlibs:Depends=//p' | tr ',' '\n' | sed 's/^ *//')
case $list in *libc6*) echo "$list" ;; *) echo "depends.sh: $program needs no libc6? dpkg-shlibdeps says: $found" >&2; exit 1 ;; esac
