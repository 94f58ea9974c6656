#!/usr/bin/env bash
# build.sh ARCHITECTURE BASE.tar HEARTH.deb OUT.img — makes the image of a card or disk: what base.sh made, Hearth's package and
# the files in root/, as one read-only file system behind what starts it. No loop device is used. The same sources and
# packages give the same bytes.
set -euo pipefail
architecture=$1 base=$(realpath "$2") deb=$(realpath "$3") out=$(realpath -m "$4")
here=$(cd "$(dirname "$0")" && pwd)
SOURCE_DATE_EPOCH=$(git -C "$here" log -1 --format=%ct)
export SOURCE_DATE_EPOCH MTOOLS_SKIP_CHECK=1 LC_ALL=C TZ=UTC

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"

# As root in a mount namespace of its own; without root as the one of a user namespace.
own=(unshare --mount --pid --fork)
[ "$(id -u)" -eq 0 ] || own=(mmdebstrap --unshare-helper)
"${own[@]}" "$here/compose.sh" "$architecture" "$base" "$deb" "$work"

# uuid NAME: always the same for the same image.
uuid() { printf '%s %s' "$1" "$SOURCE_DATE_EPOCH" | sha256sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'; }
# fat FILE MIB LABEL FOLDER: a FAT with what is in the folder.
fat() {
	truncate -s "$2M" "$1"
	mkfs.vfat -F 32 -n "$3" -i "$(uuid "$3" | cut -c1-8)" --invariant "$1" >"$work/log"
	find "$4" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	mcopy -i "$1" -s -m "$4"/* ::
}
fat "$work/bootcfg" 128 BOOTCFG "$work/boot/bootcfg"
fat "$work/boot-a" 256 BOOT-A "$work/boot/slot"

case $architecture in
amd64) bootcfg=c12a7328-f81f-11d2-ba4b-00a0c93ec93b root=4f68bce3-e8cd-4db1-96e7-fbcaf984b709 ;;
arm64) bootcfg=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7 root=b921b045-1df0-41c3-af44-4c6f280d3fae ;;
esac
# The rest of the layout is made at the first start, on whatever disk this lies then: root/usr/lib/repart.d.
rm -f "$out.part"
truncate -s $(((1 + 128 + 256 + 2048 + 1) * 1024 * 1024)) "$out.part"
sfdisk --quiet "$out.part" <<EOF
label: gpt
label-id: $(uuid disk)
unit: sectors
first-lba: 2048
start=2048, size=128MiB, type=$bootcfg, uuid=$(uuid bootcfg), name=bootcfg
size=256MiB, type=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7, uuid=$(uuid boot-a), name=boot-a
size=2048MiB, type=$root, uuid=$(uuid root-a), name=root-a
EOF
put() { dd if="$1" of="$out.part" bs=1M seek="$2" conv=notrunc,sparse status=none; }
put "$work/bootcfg" 1
put "$work/boot-a" 129
put "$work/root.squashfs" 385
mv "$out.part" "$out"
zstd --quiet --force -T0 -3 "$out" -o "$out.zst"
cp "$work/packages" "${out%.img}.packages"
echo "$out.zst: $(stat -c %s "$out.zst") bytes; the system in it: $(stat -c %s "$work/root.squashfs") bytes"
