#!/usr/bin/env bash
# compose.sh ARCHITECTURE BASE.tar HEARTH.deb WORK — run by build.sh as root of a namespace: leaves in WORK root.squashfs, boot/ and
# a list of packages.
set -euo pipefail
architecture=$1 base=$2 deb=$3 work=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$work/root
mkdir "$root"
tar -C "$root" --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*' -xf "$base"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
trap 'umount -R "$root/proc" "$root/dev"' EXIT
inside() { LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }

# Hearth's user has a fixed number, so that goes first.
cp -a --no-preserve=ownership "$here/root/." "$root/"
cp "$deb" "$root/hearth.deb"
inside dpkg --install /hearth.deb >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
rm "$root/hearth.deb"

case $architecture in
amd64) bootcfg=esp console=ttyS0,115200 ;;
arm64) bootcfg=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7 console=ttyAMA0 ;;
esac
sed -i "s/@BOOTCFG@/$bootcfg/" "$root/usr/lib/repart.d/10-bootcfg.conf"

inside systemctl preset-all --quiet 2>/dev/null
# There is no password on this system, so there is nothing to log in with.
inside systemctl mask --quiet getty.target getty@.service serial-getty@.service console-getty.service emergency.service rescue.service
# The ramdisk has done it.
# Cameras are tried until they answer: nothing is gained by waiting for a network before. Nobody logs in on a seat.
inside systemctl mask --quiet systemd-repart.service systemd-networkd-wait-online.service systemd-logind.service
if inside getent shadow | awk -F: '$2 !~ /^[!*]/ { print $1; found = 1 } END { exit !found }' >&2; then
	echo "compose.sh: these can log in with a password, or with none" >&2
	exit 1
fi
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/data" "$root/bootcfg" "$root/mnt"
: >"$root/etc/machine-id"
rm -f "$root/etc/ssh/ssh_host_"* "$root/var/lib/dbus/machine-id" "$root/etc/fstab"

kernel=$(basename "$(ls -d "$root"/lib/modules/* | sort -V | tail -n 1)")
inside update-initramfs -c -k "$kernel" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
! grep -i 'warning\|error' "$work/log" >&2 || true

# What starts it: one partition for good, one of each system.
first=$work/boot/bootcfg slot=$work/boot/slot
mkdir -p "$first/EFI/BOOT" "$first/EFI/debian" "$slot"
case $architecture in amd64) suffix=x64 ;; arm64) suffix=aa64 ;; esac
start=$root/boot/start/usr/lib
cp "$start/shim/shim$suffix.efi.signed" "$first/EFI/BOOT/BOOT${suffix^^}.EFI"
cp "$start/grub"/*-efi-signed/grub$suffix.efi.signed "$first/EFI/BOOT/grub$suffix.efi"
cp "$here/boot/bootcfg-grub.cfg" "$first/EFI/debian/grub.cfg"
# The environment that GRUB writes to: 1024 bytes, never more.
printf '# GRUB Environment Block\ngood=a\n' | awk '{ print; n += length($0) + 1 } END { while (n++ < 1024) printf "#" }' >"$first/EFI/debian/grubenv"
cp "$here/boot/README.txt" "$first/README.txt"
cmdline="ro rootwait quiet fsck.mode=skip panic=10 transparent_hugepage=never systemd.gpt_auto=0 systemd.condition_needs_update=no systemd.ssh_auto=no console=tty0 console=$console"
sed "s|@CMDLINE@|$cmdline|" "$here/boot/slot-grub.cfg" >"$slot/grub.cfg"
cp "$root/boot/vmlinuz-$kernel" "$slot/vmlinuz"
cp "$root/boot/initrd.img-$kernel" "$slot/initrd.img"
rm -rf "$root/boot"/*

inside dpkg-query -W -f '${Package} ${Version}\n' >"$work/packages"
rm -rf "$root"/var/log/* "$root"/var/cache/* "$root"/var/lib/apt/* "$root"/usr/share/{doc,man,info,locale,lintian}/[a-z]*.gz \
	"$root"/var/lib/systemd/* "$root"/tmp/* "$root"/var/tmp/*
mkdir -p "$root/var/lib/hearth" "$root/var/log/journal"
umount -R "$root/proc" "$root/dev"
trap - EXIT
# What nobody dated is as old as the sources: SOURCE_DATE_EPOCH says it to mksquashfs.
mksquashfs "$root" "$work/root.squashfs" -quiet -no-progress -comp zstd -Xcompression-level 6 -b 256K -processors "$(nproc)"
rm -rf "$root"
