#!/usr/bin/env bash
# parts.sh ARCH — prints what FFmpeg's build for packages of ARCH is made of, for packaging/licences: NAME_VERSION=FOLDER, the folder
# of its licences.
set -euo pipefail
cd "$(dirname "$0")/../.."
read -r _ hash _ <".cache/ffmpeg/ready-$1"
for folder in ".cache/ffmpeg/$hash"/licences/*; do
	name=${folder##*/}
	source=$(find ".cache/ffmpeg/$hash/source" -name "$name[_-]*" -printf '%f\n' | grep -E '\.(dsc|tar\.[a-z0-9]+)$' |
		grep -v '\.debian\.tar' | LC_ALL=C sort | head -n 1)
	[ -n "$source" ] || { echo "parts.sh: there is no source of $name" >&2; exit 1; }
	version=${source#"$name"[_-]}
	version=${version%.dsc}
	echo "${name}_$(echo "$version" | sed 's/\(\.orig\)\?\.tar\..*//')=$folder"
done
