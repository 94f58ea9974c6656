#!/usr/bin/env bash
# base.sh ARCHITECTURE OUT.tar — Debian 13 with all that the image holds besides Hearth, security updates included, from the
# mirrors that this machine's apt uses. What starts the box is in /boot/start, unpacked and not installed.
set -euo pipefail
architecture=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)
suite=trixie
[ "$architecture" = amd64 ] || { echo "base.sh: there is an image for amd64 only, none for $architecture" >&2; exit 1; }

site() { apt-get indextargets --format '$(LABEL)|$(SITE)' | sed -n "s/^$1|//p" | sort -u | head -n 1; }
[ -n "$(site Debian)" ] || apt-get -q update >/dev/null
debian=$(site Debian)
security=$(site Debian-Security)
[ -n "$debian" ] && [ -n "$security" ] ||
	{ echo "base.sh: this machine's apt has no mirror of Debian, or none of its security updates" >&2; exit 1; }

options=()
while IFS= read -r line; do options+=(--aptopt="$line"); done < <(apt-config dump | grep -E '^Acquire::(https?|ftp)::' || true)
list() { awk -v want="$1" '$1 == want { for (i = 2; i <= NF; i++) print $i }' "$here/packages"; }
packages=$( (list all; list "$architecture") | paste -sd,)
start=$(list "$architecture-boot" | paste -sd' ')
parts="main non-free-firmware"

echo "Making the Debian $suite that the image of $architecture stands on (minutes)…"
mkdir -p "$(dirname "$out")"
# Words that are read on no box: manuals and translations. Licences stay.
# The ramdisk is made once, when all is in place: build.sh has it made.
# What was fetched is kept, for the next time.
debs=$(realpath -m "$(dirname "$out")/debs-$architecture")
mkdir -p "$debs"
log=$out.log
if ! SOURCE_DATE_EPOCH=$(git -C "$here" log -1 --format=%ct) mmdebstrap --format=tar --variant=minbase --architectures="$architecture" \
	--include="$packages" "${options[@]}" \
	--skip=essential/unlink,download/empty \
	--setup-hook="mkdir -p \"\$1/var/cache/apt/archives\" && find '$debs' -name '*.deb' -exec cp -t \"\$1/var/cache/apt/archives\" {} +" \
	--dpkgopt=force-confold --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
	--dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
	--essential-hook='mkdir -p "$1/etc/initramfs-tools" && echo "update_initramfs=no" >"$1/etc/initramfs-tools/update-initramfs.conf"' \
	--essential-hook='mkdir -p "$1/etc/kernel" && printf "do_symlinks=no\n" >"$1/etc/kernel-img.conf"' \
	--customize-hook="find \"\$1/var/cache/apt/archives\" -name '*.deb' -exec cp -n -t '$debs' {} +" \
	--customize-hook="mkdir -p \"\$1/boot/start\" && cd \"\$1/boot/start\" &&
		APT_CONFIG=\"\$MMDEBSTRAP_APT_CONFIG\" apt-get -q download $start >/dev/null &&
		for package in *.deb; do dpkg-deb -x \"\$package\" . && rm \"\$package\"; done" \
	--customize-hook='rm -rf "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/ssh/ssh_host_* "$1"/var/lib/apt/lists/*' \
	"$suite" "$out.part" \
	"deb $debian $suite $parts" "deb $debian $suite-updates $parts" "deb $security $suite-security $parts" >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	exit 1
fi
mv "$out.part" "$out"
