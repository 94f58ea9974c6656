# apt.sh — to be sourced by scripts that fetch from Debian what this machine's apt has not: other suites, other
# architectures, sources. They have a configuration, lists and a cache of their own; the mirror, and the way to it (proxies,
# certificates), are those of the machine. What is fetched is verified against Debian's signed index.
#
#   own_apt DIR ARCH TYPE SUITE   makes DIR such a configuration; TYPE is deb or deb-src, and security updates count
#   own_apt DIR ARCH TYPE SUITE SITE          the same for another distribution, of which there is no key: only for what is
#                                 read, and neither run nor shipped
#   own PROGRAM ARGUMENT…         runs a program of apt's with it
#   debian_mirror                 prints the mirror's address, and with "security" that of the security updates
#
# Functions give 1 where there is no mirror, or no key to verify it with, after a line on standard error that says so.

own() {
	_program=$1
	shift
	APT_CONFIG="$own_apt/apt.conf" "$_program" "$@"
}

debian_mirror() {
	_found=$(_targets apt-get)
	if [ -z "$_found" ]; then # the lists were thrown away, as in containers: read anew, into a folder of our own
		_lists=$(mktemp -d)
		mkdir "$_lists/partial"
		apt-get -qq update -o "Dir::State::lists=$_lists" >/dev/null 2>&1 || true
		_found=$(_targets apt-get -o "Dir::State::lists=$_lists")
		rm -rf "$_lists"
	fi
	_label=Debian
	[ "${1:-}" != security ] || _label=Debian-Security
	echo "$_found" | sed -n "s/^$_label //p" | head -n 1
}

_targets() { # shellcheck disable=SC2016
	"$@" indextargets --format '$(LABEL) $(SITE)' 'Origin: Debian' 2>/dev/null | sort -u
}

own_apt() {
	own_apt=$(realpath -m "$1")
	_key=/usr/share/keyrings/debian-archive-keyring.gpg
	_by="signed-by=$_key" _site=${5:-} _secure= _parts=main
	if [ -n "$_site" ]; then
		_by=trusted=yes _parts="main universe"
	else
		[ -f "$_key" ] || { echo "missing: debian-archive-keyring. Install with: apt-get install debian-archive-keyring" >&2; return 1; }
		_site=$(debian_mirror)
		[ -n "$_site" ] || { echo "this machine's apt has no Debian mirror" >&2; return 1; }
		_secure=$(debian_mirror security)
	fi
	rm -rf "$own_apt/lists" "$own_apt/cache"
	mkdir -p "$own_apt/lists/partial" "$own_apt/cache/archives/partial"
	{
		echo "$3 [$_by] $_site $4 $_parts"
		[ -z "$_secure" ] || echo "$3 [$_by] $_secure $4-security main"
	} >"$own_apt/sources.list"
	{
		apt-config dump | grep '^Acquire::' || true
		echo 'Dir::Etc::main "/dev/null";'
		echo 'Dir::Etc::parts "/dev/null";'
		echo "Dir::Etc::sourcelist \"$own_apt/sources.list\";"
		echo 'Dir::Etc::sourceparts "/dev/null";'
		echo "Dir::State::lists \"$own_apt/lists\";"
		echo 'Dir::State::status "/dev/null";'
		echo "Dir::Cache \"$own_apt/cache\";"
		echo 'Acquire::Languages "none";'
		echo "APT::Architecture \"$2\";"
		echo "APT::Architectures { \"$2\"; };"
		echo "APT::Sandbox::User \"$(id -un)\";"
	} >"$own_apt/apt.conf"
}
