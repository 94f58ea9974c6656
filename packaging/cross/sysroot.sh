#!/bin/sh
# sysroot.sh ARCH — makes .cache/sysroot/ARCH and prints where it is: the C library of Debian 12 with what else hearth-vision is linked with, for
# amd64 or arm64, and a compiler that takes no header and no library from elsewhere. What is built with it runs on Debian
# 12 and on everything later, whatever this machine is. Nothing is installed. A second call returns at once. Where this machine
# is a Debian 12 of that architecture itself it prints nothing: its own compiler does the same.
#
# HEARTH_SYSROOT=1   make it there too
#
#   root/                headers and libraries
#   packages/NAME/       each package as dpkg-deb unpacks it: dpkg-shlibdeps reads there which versions are needed
#   bin/cc               the compiler
#   meson.ini            the same for meson
set -eu
arch=$1
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
dir="$repo/.cache/sysroot/$arch"
suite=bookworm

fail() { printf 'sysroot: %s\n' "$*" >&2; exit 1; }
case $arch in
amd64) triplet=x86_64-linux-gnu cpu=x86_64 ;;
arm64) triplet=aarch64-linux-gnu cpu=aarch64 ;;
*) fail "packages are made for amd64 and arm64, not for $arch" ;;
esac
if [ -z "${HEARTH_SYSROOT:-}" ] && [ "$(dpkg --print-architecture)" = "$arch" ] && grep -q "^VERSION_CODENAME=$suite\$" /etc/os-release; then
	exit 0
fi
packages='libc6 libc6-dev linux-libc-dev libva2 libva-drm2 libva-dev libdrm2 libdrm-dev'

recipe=$( { cat "$here/sysroot.sh" && echo "$dir"; } | sha256sum | cut -c1-16) # its files name the folder
mkdir -p "$dir"
exec 9>"$dir.lock"
flock 9
if [ "$(cat "$dir/ready" 2>/dev/null || true)" = "$recipe" ]; then
	echo "$dir"
	exit 0
fi
rm -rf "$dir"
mkdir -p "$dir/bin" "$dir/deb" "$dir/root" "$dir/packages"

command -v "$triplet-gcc" >/dev/null || fail "missing: $triplet-gcc. Install with: apt-get install gcc-$(echo "$triplet" | tr _ -)"
echo "Fetching the C library of Debian 12 for $arch, to build the package with (7 MB, not installed)…" >&2
# shellcheck source=packaging/apt.sh
. "$repo/packaging/apt.sh"
log="$dir/log"
own_apt "$dir/apt" "$arch" deb $suite || fail "there is no Debian to link with"
own apt-get -qq update >"$log" 2>&1 9>&- || fail "the index of Debian $suite could not be read; see $log"
# shellcheck disable=SC2086
(cd "$dir/deb" && own apt-get -qq download $packages >>"$log" 2>&1 9>&-) || fail "the packages could not be fetched; see $log"
for deb in "$dir"/deb/*.deb; do
	dpkg-deb -x "$deb" "$dir/root"
	dpkg-deb -R "$deb" "$dir/packages/$(dpkg-deb -f "$deb" Package)"
done
rm -rf "$dir/apt" "$dir/deb"

# What is absolute in there means the sysroot.
find "$dir/root" -type l -lname '/*' | while read -r link; do
	ln -srf "$dir/root$(readlink "$link")" "$link"
done
sed -i 's|^prefix=/usr|prefix=${pcfiledir}/../../..|' "$dir/root/usr/lib/$triplet"/pkgconfig/*.pc

# --sysroot alone leaves what gcc-cross has of its own before it: a libc6-dev-arm64-cross that is newer than Debian 12.
cat >"$dir/bin/cc" <<END
#!/bin/sh
root=\$(dirname "\$0")/../root
exec $triplet-gcc --sysroot="\$root" -nostdinc -isystem "\$($triplet-gcc -print-file-name=include)" \\
	-isystem "\$root/usr/include/$triplet" -isystem "\$root/usr/include" \\
	-B "\$root/usr/lib/$triplet/" -L"\$root/usr/lib/$triplet" -L"\$root/lib/$triplet" "\$@"
END
chmod 755 "$dir/bin/cc"
cat >"$dir/meson.ini" <<END
[binaries]
c = '$dir/bin/cc'
ar = '$triplet-ar'
strip = '$triplet-strip'
pkg-config = 'pkg-config'
[properties]
sys_root = '$dir/root'
pkg_config_libdir = '$dir/root/usr/lib/$triplet/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = '$cpu'
cpu = '$cpu'
endian = 'little'
END
echo "$recipe" >"$dir/ready"
echo "$dir"
