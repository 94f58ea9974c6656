#!/usr/bin/env bash
# build.sh OUT — puts what a release is made of beside the packages that stand in OUT already: the sources of Hearth and of what is
# linked into it in C, a bill of materials, the sums of all of it, and a signature when there is a key.
#
# RELEASE_KEY=file   a private key of ssh-keygen's, or of minisign's: it signs SHA256SUMS
set -euo pipefail
out=$1
cd "$(dirname "$0")/../.."
version=$(packaging/version.sh)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
[ -z "$(git status --porcelain)" ] || echo "release: there are changes that are not committed: the sources are without them" >&2

files=()
for arch in amd64 arm64; do
	package=hearth_${version}_$arch.deb
	[ -f "$out/$package" ] || { echo "release: $out/$package is not there; make deb makes it" >&2; exit 1; }
	files+=("$package")
done

git archive --format=tar --prefix="hearth-$version/" HEAD | xz -T1 >"$out/hearth_$version.tar.xz"
files+=("hearth_$version.tar.xz")

# Both packages are linked with the same sources, or one of them is old.
read -r _ hash name <.cache/ffmpeg/ready-amd64
read -r _ other name2 <.cache/ffmpeg/ready-arm64
[ "$name" = "$name2" ] || { echo "release: amd64 has $name, arm64 $name2: packaging/ffmpeg/build.sh --refresh --target ARCH mends it" >&2; exit 1; }
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=0644 --mtime="@$SOURCE_DATE_EPOCH" --transform='s,^\./,,' \
	-C ".cache/ffmpeg/$hash/source" -cf "$out/hearth_${version}_ffmpeg-source.tar" .
diff -r ".cache/ffmpeg/$hash/source" ".cache/ffmpeg/$other/source" >&2
files+=("hearth_${version}_ffmpeg-source.tar")

others=()
while IFS= read -r line; do others+=("$line"); done < <(packaging/ffmpeg/parts.sh amd64)
go run ./packaging/licences -page web/ui/dist/licences.json -sbom "$version" "${others[@]}" >"$out/hearth_$version.cdx.json"
files+=("hearth_$version.cdx.json")

(cd "$out" && sha256sum "${files[@]}" >SHA256SUMS)
rm -f "$out"/SHA256SUMS.sig "$out"/SHA256SUMS.minisig
key=${RELEASE_KEY:-}
if [ -z "$key" ]; then
	echo "release: NOT SIGNED, since RELEASE_KEY names no key"
elif head -n 1 "$key" | grep -q 'OPENSSH PRIVATE KEY'; then
	ssh-keygen -q -Y sign -f "$key" -n hearth-release "$out/SHA256SUMS"
	echo "release: signed with the SSH key $key"
else
	minisign -S -s "$key" -m "$out/SHA256SUMS"
	echo "release: signed with minisign's key $key"
fi
echo "release: $version is in $out:"
(cd "$out" && ls -l SHA256SUMS* "${files[@]}")
