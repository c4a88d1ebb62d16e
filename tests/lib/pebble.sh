#!/bin/sh
# SPDX-License-Identifier: ISC
# pebble.sh DIR: makes sure of a Pebble that has renewal information, profiles and
# /set-renewal-info/ (2.10), or at least the first of them (2.6): DIR/bin/pebble and
# DIR/bin/pebble-challtestsrv are it afterwards.
#
# Debian's stable releases have older ones, so the package is taken from the newest suite
# of the mirror that this system installs from, checked against the archive's keys as
# always, and unpacked into DIR: nothing is installed. Prints "pebble VERSION (FROM)".
dir=${1:?DIR}
mkdir -p "$dir/bin" || exit 1
dir=$(cd "$dir" && pwd)

say() {
	echo "pebble: $*" >&2
}

works() { # PROGRAM: it starts here, whatever C library it was built with
	"$1" -version >/dev/null 2>&1
}

use() { # DIRECTORY VERSION FROM
	works "$1/pebble" || return 1
	ln -sfn "$1/pebble" "$dir/bin/pebble" &&
		ln -sfn "$1/pebble-challtestsrv" "$dir/bin/pebble-challtestsrv" &&
		echo "pebble $2 ($3)" >"$dir/version"
}

new_enough() { # VERSION
	dpkg --compare-versions "$1" ge "$wanted"
}

use_installed() {
	version=$(dpkg-query -W -f '${Version}' pebble 2>/dev/null) &&
		new_enough "$version" && use /usr/bin "$version" installed
}

# ---- the system's package sources, read only ----

# URIs that have a release of Debian; apt itself reads the files, whatever their format.
archives() {
	apt-get update --print-uris 2>/dev/null |
		sed -n "s|^'\(.*\)/dists/\([^/]*\)/InRelease'.*|\2 \1|p" |
		while read -r suite uri; do
			case $suite in
			*-security | *-updates | *-backports) ;;
			*) echo "$uri" ;;
			esac
		done | sort -u
}

# The keys that the sources name for a URI; else those of Debian's archive.
keyring_of() { # URI
	set -- "$1" /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources
	for file in "$@"; do
		[ -f "$file" ] && grep -v '^[[:space:]]*#' "$file" && echo
	done | awk -v uri="$1" '
		function found(it) { if (!answer) answer = it }
		function ends() { if (mine && key ~ /^\//) found(key); mine = 0; key = "" }
		/^[ \t]*$/ { ends(); next }
		tolower($1) == "uris:" && index($0, uri) { mine = 1 }
		tolower($1) == "signed-by:" { key = $2 }
		/^deb[ \t]/ && index($0, uri) && match($0, /signed-by=[^] \t]*/) {
			found(substr($0, RSTART + 10, RLENGTH - 10))
		}
		END { ends(); print answer }' | grep . && return
	for file in /usr/share/keyrings/debian-archive-keyring.gpg \
		/usr/share/keyrings/debian-archive-keyring.pgp; do
		[ -r "$file" ] && echo "$file" && return
	done
}

# ---- an apt of its own below DIR ----

write_apt_conf() { # the system's proxy and mirror settings stay in force
	mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial" "$dir/apt/empty" &&
		: >"$dir/apt/status" && cat >"$dir/apt/apt.conf" <<-END
		#clear APT::Update;
		#clear DPkg;
		Dir::State "$dir/apt";
		Dir::State::lists "lists/";
		Dir::State::status "$dir/apt/status";
		Dir::Cache "$dir/apt";
		Dir::Etc::SourceList "$dir/apt/debian.sources";
		Dir::Etc::SourceParts "$dir/apt/empty";
		Dir::Etc::Preferences "$dir/apt/empty/none";
		Dir::Etc::PreferencesParts "$dir/apt/empty";
		#clear Acquire::IndexTargets;
		Acquire::IndexTargets::deb::Packages {
			MetaKey "\$(COMPONENT)/binary-\$(ARCHITECTURE)/Packages";
			flatMetaKey "Packages";
			ShortDescription "Packages";
			Description "\$(RELEASE)/\$(COMPONENT) \$(ARCHITECTURE) Packages";
			Optional "no";
		};
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		Acquire::Retries "2";
		APT::Sandbox::User "root";
	END
}

private_apt() { # TOOL ARGUMENTS...
	tool=$1
	shift
	"apt-$tool" -q -c "$dir/apt/apt.conf" "$@" >>"$dir/apt/log" 2>&1
}

write_source() { # SUITE URI
	keyring=$(keyring_of "$2")
	{
		echo "Types: deb"
		echo "URIs: $2"
		echo "Suites: $1"
		echo "Components: main"
		[ -z "$keyring" ] || echo "Signed-By: $keyring"
	} >"$dir/apt/debian.sources"
}

use_suite() { # SUITE URI
	echo "== $1 of $2" >>"$dir/apt/log"
	rm -rf "$dir/apt/lists" "$dir/apt/root"
	mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial" || return 1
	write_source "$1" "$2" && private_apt get update || return 1
	rm -f "$dir"/apt/archives/*.deb
	(cd "$dir/apt/archives" && private_apt get download pebble) || return 1
	deb=$(echo "$dir"/apt/archives/pebble_*.deb)
	version=$(dpkg-deb -f "$deb" Version) && new_enough "$version" || return 1
	rm -rf "$dir/root"
	dpkg-deb -x "$deb" "$dir/root" &&
		use "$dir/root/usr/bin" "$version" "Debian $1, $2" || return 1
	rm -rf "$dir/apt/lists" "$dir/apt/archives" # 20 MB that nobody needs again
}

use_archive() {
	command -v apt-get >/dev/null || return 1
	write_apt_conf || return 1
	for suite in sid forky trixie; do
		for uri in $(archives); do
			use_suite "$suite" "$uri" && return
			say "not from $suite of $uri"
		done
	done
	return 1
}

# One at a time, should several tests come here together.
exec 9>"$dir/lock" && flock 9 || exit 1
if [ ! -s "$dir/version" ] || ! works "$dir/bin/pebble"; then
	rm -f "$dir/version"
	for wanted in 2.10 2.6; do
		if use_installed || use_archive; then
			break
		fi
	done
fi
cat "$dir/version" 2>/dev/null || {
	say "no Pebble of at least $wanted to be had; $dir/apt/log says why"
	exit 1
}
