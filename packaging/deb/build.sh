#!/usr/bin/env bash
# build.sh NFPM ARCH OUT — builds the programs for amd64 or arm64 and makes the Debian package of them. The page is built already.
# The same sources give the same bytes, on whichever of the two it is made.
set -euo pipefail
nfpm=$1
ARCH=$2
out=$3
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

VERSION=$(packaging/version.sh)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export VERSION SOURCE_DATE_EPOCH ARCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Built anew each time, which costs little where nothing changed: they say their own version.
packaging/ffmpeg/build.sh --target "$ARCH"
BIN=.cache/deb/$ARCH
export BIN
# Without Go's build IDs, which tell the folders of another architecture's libraries apart where the code is the same.
flags=(-trimpath -ldflags "-s -w -buildid= -X main.version=$(git describe --tags --always --dirty)")
echo "building hearth and hearth-vision for $ARCH"
CGO_ENABLED=0 GOOS=linux GOARCH=$ARCH go build "${flags[@]}" -o "$BIN/hearth" ./cmd/hearth
(
	eval "$(packaging/ffmpeg/env.sh --target "$ARCH")"
	go build "${flags[@]}" -buildmode=pie -o "$BIN/hearth-vision" ./cmd/hearth-vision
)

# The manual and the completion are what the program says of itself.
CGO_ENABLED=0 go run "${flags[@]}" ./cmd/hearth manual "$work/manual"
# gzip -n: neither name nor time in it.
for page in "$work"/manual/*.1; do gzip -9n "$page"; done

cat >"$work/changelog" <<EOF
hearth ($VERSION) unstable; urgency=medium

  * What is new is in /usr/share/doc/hearth/CHANGELOG.md.gz.

 -- Hearth <hearth@hearth.example>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
EOF
gzip -9n "$work/changelog"
gzip -9nc CHANGELOG.md >"$work/CHANGELOG.md.gz"

# FFmpeg is linked into hearth-vision: its licence, and where its source is. Then everybody else's: what keeps manuals away
# from a small disk keeps this one file.
read -r _ _ ffmpeg <".cache/ffmpeg/ready-$ARCH"
others=()
while IFS= read -r line; do others+=("$line"); done < <(packaging/ffmpeg/parts.sh "$ARCH")
sed "s/@FFMPEG@/$ffmpeg/" packaging/deb/copyright >"$work/copyright"
go run ./packaging/licences -page web/ui/dist/licences.json "${others[@]}" >>"$work/copyright"

# Symbols and debugging were left out at the build; what is depended on is what the loader will look for.
DEPENDS=$(packaging/deb/depends.sh "$BIN/hearth-vision" "$ARCH")
export DEPENDS
awk -v list="$DEPENDS" '/@DEPENDS@/ { n = split(list, all, "\n"); for (i = 1; i <= n; i++) print "  - " all[i]; next } { print }' \
	packaging/deb/nfpm.yaml |
	sed "s|@WORK@|$work|; s|@BIN@|$BIN|; s|@MTIME@|$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)|" >"$work/nfpm.yaml"

mkdir -p "$out"
find "$work" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
"$nfpm" package --packager deb --config "$work/nfpm.yaml" --target "$out" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
package=$out/hearth_${VERSION}_$ARCH.deb
[ -f "$package" ] || { echo "build.sh: nfpm made no $package" >&2; exit 1; }
echo "$package: $(stat -c %s "$package") bytes"
