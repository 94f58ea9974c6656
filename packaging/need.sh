#!/usr/bin/env bash
# need.sh WHY PACKAGE… — installs the Debian packages that are missing, and says first which and why.
set -euo pipefail
why=$1
shift

missing=()
for package in "$@"; do
	dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
	echo "make: needs ${missing[*]} ($why); this is not Debian, so install them by hand" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "make: needs ${missing[*]} ($why); become root or install sudo, then run make again" >&2
		exit 1
	}
	as_root=(sudo)
fi

echo "Installing with apt, $why:"
echo "  ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -q &&
	DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "make: apt could not install ${missing[*]}; its last words are above" >&2
	exit 1
fi
