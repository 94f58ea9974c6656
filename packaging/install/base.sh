#!/usr/bin/env bash
# base.sh SUITE OUT.tar — a Debian that boots, with what the package depends on: made once, from the mirror that this
# machine's apt uses.
set -euo pipefail
suite=$1
out=$2
site=$(apt-get indextargets --format '$(LABEL) $(SITE)' 'Origin: Debian' | sed -n 's/^Debian //p' | sort -u | head -n 1)
if [ -z "$site" ]; then
	apt-get -q update >/dev/null
	site=$(apt-get indextargets --format '$(LABEL) $(SITE)' 'Origin: Debian' | sed -n 's/^Debian //p' | sort -u | head -n 1)
fi
[ -n "$site" ] || { echo "base.sh: this machine's apt has no Debian mirror" >&2; exit 1; }
options=()
while IFS= read -r line; do options+=(--aptopt="$line"); done < <(apt-config dump | grep -E '^Acquire::(https?|ftp)::' || true)
packages=systemd-sysv,dbus,init-system-helpers,libva2,libva-drm2,libdrm2,udev,iproute2
echo "Making a Debian $suite to install into (once, two minutes)…"
mkdir -p "$(dirname "$out")"
mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" "${options[@]}" \
	--customize-hook='rm -f "$1"/etc/resolv.conf "$1"/etc/hostname; rm -rf "$1"/var/lib/apt/lists/*' \
	"$suite" "$out.part" "deb $site $suite main"
mv "$out.part" "$out"
