#!/bin/sh
# Prints the environment that `go build` needs to link hearth-vision with the FFmpeg of build.sh:
#
#   eval "$(packaging/ffmpeg/env.sh)" && go build ./cmd/hearth-vision
#
# With --make it prints lines for a Makefile instead (no export, no quotes). With --target ARCH it is what a package of amd64 or
# arm64 is built with.
set -eu
repo=$(cd "$(dirname "$0")/../.." && pwd)
cache="$repo/.cache/ffmpeg"

make='' target=
while [ $# -gt 0 ]; do
	case $1 in
	--make) make=1 ;;
	--target) target=$2 && shift ;;
	esac
	shift
done
ready="$cache/ready${target:+-$target}"
if [ ! -f "$ready" ]; then
	echo "ffmpeg: not built yet: run packaging/ffmpeg/build.sh first" >&2
	exit 1
fi
read -r _ where _ <"$ready"

line() {
	if [ "$make" ]; then printf '%s=%s\n' "$1" "$2"; else printf "export %s='%s'\n" "$1" "$2"; fi
}

line CGO_ENABLED 1
# Go asks pkg-config only when it compiles, and takes no notice of other answers: with the build's name in the flags,
# another FFmpeg is linked as soon as there is one; with its folder's number, the one of this checkout and not of one that
# was here before and may be gone.
line CGO_CFLAGS "-O2 -DHEARTH_FFMPEG=$where -DHEARTH_FFMPEG_IN=$(printf %s "$cache" | cksum | cut -d ' ' -f 1)"
# No section garbage collection here: with it Go's race detector does not link any more.
line CGO_LDFLAGS '-O2'
case "${PKG_CONFIG_PATH:-}" in "$cache"/*) PKG_CONFIG_PATH= ;; esac # of an earlier call
if [ "$where" = system ]; then
	line PKG_CONFIG_PATH "${PKG_CONFIG_PATH:-}"
else
	line PKG_CONFIG_PATH "$cache/$where/install/lib/pkgconfig"
fi
if [ -n "$target" ]; then
	line GOOS linux
	line GOARCH "$target"
	sysroot=$("$repo/packaging/cross/sysroot.sh" "$target")
	if [ -n "$sysroot" ]; then
		line CC "$sysroot/bin/cc"
		line PKG_CONFIG_LIBDIR "$(echo "$sysroot"/root/usr/lib/*-linux-gnu/pkgconfig)"
	fi
fi
