#!/usr/bin/env bash
# base.sh ARCH DIR — a Debian 13 of another architecture for a virtual machine: DIR/kernel is its kernel, unpacked, and
# DIR/unpacked a file system with all packages unpacked and none installed; /packages in it are what to install. Nothing of
# the other architecture is run here: the machine installs them itself when it is first switched on.
set -euo pipefail
arch=$1
dir=$(realpath -m "$2")
repo=$(cd "$(dirname "$0")/../.." && pwd)
here=$repo/packaging/virtual
recipe=$(sha256sum "$here/base.sh" "$here"/probe* | sha256sum | cut -c1-16)
[ "$(cat "$dir/ready" 2>/dev/null || true)" != "$recipe" ] || exit 0

echo "Fetching a Debian 13 of $arch for the virtual machine (80 MB, not installed)…"
rm -rf "$dir"
mkdir -p "$dir/work/root/packages"
cd "$dir/work"
fail() { tail -n 10 "$dir/log" >&2; echo "base.sh: $1" >&2; exit 1; }
. "$repo/packaging/apt.sh"
own_apt "$dir/work/apt" "$arch" deb trixie
own apt-get -q update >"$dir/log" 2>&1 || fail "the index of Debian trixie could not be read"
kernel=$(own apt-cache depends "linux-image-cloud-$arch" | awk '$1 == "Depends:" { print $2; exit }')
own apt-get -q -y --no-install-recommends --download-only install '?essential' \
	systemd-sysv init-system-helpers udev dbus libva2 libva-drm2 libdrm2 >>"$dir/log" 2>&1 || fail "the packages could not be fetched"
mv apt/cache/archives/*.deb root/packages
own apt-get -q download "$kernel" >>"$dir/log" 2>&1 || fail "the kernel could not be fetched"
dpkg-deb -x ./linux-image-*.deb "$dir/kernel"

# /bin and its like are links in it. They come with base-files, which so has to be the first.
for deb in root/packages/base-files_*.deb root/packages/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --numeric-owner -C root
done
mkdir -p root/var/lib/dpkg/{info,updates}
touch root/var/lib/dpkg/{status,available}
cat >root/packages/install <<'END'
#!/bin/sh
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec dpkg --install --force-depends --force-unsafe-io /packages/*.deb
END
chmod 755 root/packages/install
echo box >root/etc/hostname
# A shell behind a port, for who tries what is installed.
mkdir -p root/etc/systemd/system/sockets.target.wants
cp "$here"/probe.socket "$here"/probe@.service root/etc/systemd/system
ln -s ../probe.socket root/etc/systemd/system/sockets.target.wants/probe.socket

truncate -s 3G "$dir/unpacked"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -d root "$dir/unpacked" >>"$dir/log" 2>&1 || fail "mke2fs made no file system"
rm -rf "$dir/work"
echo "$recipe" >"$dir/ready"
