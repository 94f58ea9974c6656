#!/bin/sh
# Builds the small FFmpeg that hearth-vision is linked with, or finds one that the system has. Cached: a second
# call returns at once.
#
#   build.sh                 build, or say what stands
#   build.sh --refresh       look for a newer source package first (security updates)
#   build.sh --target ARCH   what a package of amd64 or arm64 is linked with: always our own, built against Debian 12's libraries
#
# FFMPEG_SRC=ffmpeg-7.1.x.tar.xz   build from this tarball instead of Debian's source package, with
#   DAV1D_SRC=dav1d-1.x.tar.xz     for AV1 in software (must be given), and
#   NV_CODEC_SRC=nv-codec-headers.tar.gz for NVIDIA's decoders (else without them)
# HEARTH_FFMPEG=own                build also where the system has FFmpeg 7.1
#
# What is fetched is verified by apt against Debian's signed index; the user's own apt stays as it was. See
# docs/design/dependencies.md.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
cache="$repo/.cache/ffmpeg"
suite=trixie
refresh='' target=
while [ $# -gt 0 ]; do
	case $1 in
	--refresh) refresh=1 ;;
	--target) target=$2 && shift ;;
	*) echo "ffmpeg: what is $1?" >&2 && exit 1 ;;
	esac
	shift
done

say() { printf 'ffmpeg: %s\n' "$*"; }
fail() { printf 'ffmpeg: %s\n' "$*" >&2; exit 1; }

mkdir -p "$cache"

# What the build depends on besides the source's version. The cache is valid as long as this is unchanged.
tarball=${FFMPEG_SRC:-}
if [ -n "$tarball" ]; then
	[ -f "$tarball" ] || fail "FFMPEG_SRC: there is no file $tarball"
	tarball=$(realpath "$tarball")
	[ -f "${DAV1D_SRC:-}" ] || fail "FFMPEG_SRC: DAV1D_SRC must name dav1d's tarball beside it"
	dav1d_tarball=$(realpath "$DAV1D_SRC")
fi
# Empty where this machine is what the package is made for.
sysroot=
[ -z "$target" ] || sysroot=$("$repo/packaging/cross/sysroot.sh" "$target")
ready="$cache/ready${target:+-$target}"
# A shell that took over env.sh's settings would otherwise take our own build for the system's.
case "${PKG_CONFIG_PATH:-}" in "$cache"/*) unset PKG_CONFIG_PATH ;; esac
recipe=$( {
	cat "$here/build.sh" "$here"/*.patch ${sysroot:+"$repo/packaging/cross/sysroot.sh"}
	if [ "$sysroot" ]; then echo "$target"; else uname -m; fi
	echo "$tarball ${DAV1D_SRC:-} ${NV_CODEC_SRC:-}"
} | sha256sum | cut -c1-16)
own=
[ -z "$target" ] && [ "${HEARTH_FFMPEG:-}" != own ] && [ -z "$tarball" ] || own=1

ready() { # prints the ready build's directory, or "system"
	[ -f "$ready" ] || return 1
	read -r have where version <"$ready" || return 1
	[ "$have" = "$recipe" ] || return 1
	[ "$where" = system ] && [ -z "$own" ] || [ -f "$cache/$where/install/lib/pkgconfig/libavcodec.pc" ] || return 1
}

if [ -z "$refresh" ] && ready; then
	say "$version stands ($where)"
	exit 0
fi

exec 9>"$cache/lock"
flock 9
if [ -z "$refresh" ] && ready; then
	say "$version stands ($where)"
	exit 0
fi

# --- what must be on this machine -------------------------------------------------------------------------------
# Another machine's compiler and libraries take the place of this one's.
cross=
if [ "$sysroot" ]; then
	case $target in amd64) cpu=x86_64 ;; arm64) cpu=aarch64 ;; esac
	cross="--enable-cross-compile --target-os=linux --arch=$cpu --cc=$sysroot/bin/cc --cross-prefix=$cpu-linux-gnu- --pkg-config=pkg-config"
	PKG_CONFIG_LIBDIR="$sysroot/root/usr/lib/$cpu-linux-gnu/pkgconfig"
	export PKG_CONFIG_LIBDIR
fi
missing=
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need pkg-config pkg-config
need gcc gcc
[ -z "$missing" ] || fail "missing:$missing. Install with: apt-get install$missing"

if [ -z "$own" ]; then
	case "$(pkg-config --modversion libavcodec 2>/dev/null || true)" in
	61.*)
		if pkg-config --exists libavdevice libavfilter libavformat libavutil libswresample libswscale; then
			version="the system's FFmpeg ($(pkg-config --modversion libavcodec))"
			echo "$recipe system $version" >"$ready"
			say "$version is linked"
			exit 0
		fi
		fail "missing: libavdevice-dev libavfilter-dev libavformat-dev libswresample-dev libswscale-dev beside libavcodec-dev"
		;;
	esac
fi

need make make
need xz xz-utils
need patch patch
need meson meson
need ninja ninja-build
case "${cpu:-$(uname -m)}" in x86_64 | i?86) need nasm nasm ;; esac
[ -n "$tarball" ] || { need apt-get apt; need dpkg-source dpkg-dev; }
pkg-config --exists libva libva-drm || missing="$missing libva-dev"
pkg-config --exists libdrm || missing="$missing libdrm-dev"
[ -f /usr/include/linux/videodev2.h ] || missing="$missing linux-libc-dev"
[ -z "$missing" ] || fail "missing:$missing. Install with: apt-get install$missing"

# --- the source -------------------------------------------------------------------------------------------------
apt="$cache/apt"
down="$cache/down"
log="$cache/build${target:+-$target}.log"
: >"$log"
if [ -n "$tarball" ]; then
	version="$(basename "$tarball" | sed 's/\.tar.*//') with $(basename "$dav1d_tarball" | sed 's/\.tar.*//')"
else
	say "looking for Debian $suite's source package"
	# shellcheck source=packaging/apt.sh
	. "$repo/packaging/apt.sh"
	own_apt "$apt" "$(dpkg --print-architecture)" deb-src "$suite" || fail "give the source: FFMPEG_SRC=ffmpeg-7.1.x.tar.xz $0"
	own apt-get -qq update >>"$log" 2>&1 || fail "the index of Debian $suite could not be read; see $log"
	mkdir -p "$down"
	rm -f "$down"/*
	(cd "$down" && own apt-get -qq source --download-only ffmpeg dav1d >>"$log" 2>&1) ||
		fail "the source packages could not be fetched; see $log"
	# Of the NVIDIA headers the original tarball is all that is needed. Without it the build is less, not broken.
	(cd "$down" && own apt-get -qq source --download-only --tar-only nv-codec-headers >>"$log" 2>&1) ||
		say "NVIDIA's headers could not be fetched: built without NVIDIA's decoders"
	version=$(basename "$(ls "$down"/ffmpeg_*.dsc)" .dsc)
	dav1d=$(basename "$(ls "$down"/dav1d_*.dsc)" .dsc)
	case "$version" in ffmpeg_7.1*) ;; *) fail "Debian $suite has $version, but FFmpeg 7.1 is what fits; see docs/design/dependencies.md" ;; esac
	version="$version with $dav1d"
fi

hash=$(echo "$recipe $version" | sha256sum | cut -c1-16)
dir="$cache/$hash"
if [ -f "$dir/install/lib/pkgconfig/libavcodec.pc" ]; then
	echo "$recipe $hash $version" >"$ready"
	say "$version stands ($hash)"
	exit 0
fi

rm -rf "$dir"
mkdir -p "$dir/work"
cd "$dir/work"
nv=
if [ -n "$tarball" ]; then
	mkdir ffmpeg && tar -xf "$tarball" -C ffmpeg --strip-components=1
	mkdir dav1d && tar -xf "$dav1d_tarball" -C dav1d --strip-components=1
	if [ -n "${NV_CODEC_SRC:-}" ]; then
		mkdir nv && tar -xf "$NV_CODEC_SRC" -C nv --strip-components=1 && nv=nv
	fi
else
	# apt has verified them against the signed index already.
	dpkg-source --no-check -x "$down"/ffmpeg_*.dsc ffmpeg >>"$log" 2>&1
	dpkg-source --no-check -x "$down"/dav1d_*.dsc dav1d >>"$log" 2>&1
	for t in "$down"/nv-codec-headers_*.orig.tar.*; do
		[ -f "$t" ] || continue
		mkdir nv && tar -xf "$t" -C nv --strip-components=1 && nv=nv
	done
fi

for p in "$here"/*.patch; do
	patch -s -d ffmpeg -p1 <"$p" >>"$log" 2>&1 || fail "$(basename "$p") does not fit $version; see $log"
done

# --- the build --------------------------------------------------------------------------------------------------
say "building $version (about five minutes of one core; log: ${log#"$repo"/})"
# FFmpeg's own av1 is for hardware alone.
decoders=h264,hevc,mjpeg,libdav1d,av1,aac,pcm_alaw,pcm_mulaw,opus,h264_v4l2m2m,hevc_v4l2m2m
hwaccels=h264_vaapi,hevc_vaapi,mjpeg_vaapi,av1_vaapi
nvflags=
if [ -n "$nv" ]; then
	make -s -C nv PREFIX="$dir/install" install >>"$log" 2>&1
	hwaccels=$hwaccels,h264_nvdec,hevc_nvdec,mjpeg_nvdec,av1_nvdec
	nvflags='--enable-ffnvcodec --enable-cuda --enable-nvdec'
fi
jobs=$(nproc 2>/dev/null || echo 2)
broken() { fail "the build failed; its last words: $(tail -n 3 "$log" | tr '\n' ' ')(log: $log)"; }
# Static: Debian 12 has libdav1d6 and Debian 13 libdav1d7, and one package is for both.
(
	meson setup dav1d-build dav1d ${sysroot:+--cross-file "$sysroot/meson.ini"} --prefix="$dir/install" --libdir=lib \
		--buildtype=release --default-library=static -Db_staticpic=true -Denable_tools=false -Denable_tests=false
	nice ninja -C dav1d-build -j"$jobs" install
) >>"$log" 2>&1 9>&- || broken
(
	cd ffmpeg
	# shellcheck disable=SC2086
	PKG_CONFIG_PATH="$dir/install/lib/pkgconfig" ./configure --prefix="$dir/install" $cross \
		--enable-static --disable-shared --enable-pic --disable-debug \
		--disable-programs --disable-doc --disable-network --disable-autodetect --disable-everything \
		--enable-pthreads --enable-libdav1d --enable-libdrm --enable-vaapi --enable-v4l2-m2m $nvflags \
		--enable-decoder="$decoders" --enable-hwaccel="$hwaccels" \
		--enable-encoder=mjpeg,aac --enable-parser=h264,hevc,mjpeg,av1 \
		--enable-bsf=h264_mp4toannexb,hevc_mp4toannexb \
		--enable-filter=buffer,buffersink,scale,format,hwdownload,scale_vaapi
	# A program says how its FFmpeg was configured: the same wherever that was.
	sed -i "/^#define FFMPEG_CONFIGURATION/s|$repo/||g" config.h
	nice make -s -j"$jobs"
	make -s install
) >>"$log" 2>&1 9>&- || broken

# It may be moved, and the compiler knows the sysroot.
sed -i "s|$dir/install|\${pcfiledir}/../..|g${sysroot:+; s| -L$sysroot/[^ ]*||g}" "$dir"/install/lib/pkgconfig/*.pc

# Whose work it is, and the source, which goes wherever the programs go.
mkdir -p "$dir/licences/ffmpeg" "$dir/licences/dav1d" "$dir/source"
cp ffmpeg/LICENSE.md ffmpeg/COPYING.LGPLv2.1 "$dir/licences/ffmpeg"
cp dav1d/COPYING "$dir/licences/dav1d"
for part in ffmpeg dav1d; do [ ! -f $part/debian/copyright ] || cp $part/debian/copyright "$dir/licences/$part"; done
if [ -n "$nv" ]; then
	mkdir "$dir/licences/nv-codec-headers"
	sed '/\*\//q' nv/include/ffnvcodec/dynlink_loader.h >"$dir/licences/nv-codec-headers/dynlink_loader.h"
fi
if [ -n "$tarball" ]; then
	cp "$tarball" "$dav1d_tarball" ${NV_CODEC_SRC:+"$NV_CODEC_SRC"} "$dir/source"
else
	cp "$down"/* "$dir/source"
fi
cp "$here"/*.patch "$dir/source"

rm -rf "$dir/work" "$dir/install/share" "$apt"
echo "$recipe $hash $version" >"$ready"
say "$version is built"
