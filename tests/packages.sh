#!/bin/sh
# SPDX-License-Identifier: ISC
# packages.sh build|check: the Debian packages that are needed to build acmed and to show
# it (build), or to check all of it (check). Installs what is missing, as root or by sudo;
# says nothing and changes nothing where all is there.
what=${1:-build}

installed() { # PACKAGE
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

available() { # PACKAGE
	installed "$1" || [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]
}

# The first that there is: names change from one release to the next.
one_of() { # PACKAGE...
	for package in "$@"; do
		if available "$package"; then
			echo "$package"
			return
		fi
	done
	echo "$1"
}

build_packages() {
	echo autoconf automake make gcc libc6-dev pkg-config libssl-dev libcurl4-openssl-dev \
		libevent-dev libjson-c-dev libyaml-dev libsystemd-dev libidn2-dev \
		libcmocka-dev openssl curl python3 ca-certificates xz-utils
	one_of libc-ares-dev libcares-dev
}

# Layout and tidy are those of clang 14; elsewhere clang is for the fuzzers alone.
clang_packages() {
	if available clang-14; then
		echo clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev libfuzzer-14-dev
		return
	fi
	version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')
	echo clang ${version:+"libclang-rt-$version-dev" "libfuzzer-$version-dev"}
}

wanted() {
	build_packages
	[ "$what" = build ] || {
		echo dbus-daemon git iproute2 mandoc procps strace systemd
		clang_packages
	}
}

missing() {
	for package in $(wanted); do
		installed "$package" || printf ' %s' "$package"
	done
}

as_root() { # COMMAND...
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

apt() { # ARGUMENTS...
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 \
		-o DPkg::Lock::Timeout=300 "$@"
}

give_up() { # LOG
	echo "packages.sh: these Debian packages are needed and could not be installed:" >&2
	echo "  $(missing)" >&2
	[ ! -s "$1" ] || tail -n 20 "$1" | sed 's/^/  | /' >&2
	rm -f "$1"
	exit 1
}

if ! command -v dpkg-query >/dev/null; then
	echo "packages.sh: not a Debian system; needed are:" "$(wanted | tr '\n' ' ')" >&2
	exit 1
fi
[ -n "$(missing)" ] || exit 0

log=$(mktemp) || exit 1
if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>"$log"; then
	give_up "$log"
fi
apt update >"$log" 2>&1 || echo "packages.sh: apt-get update failed, going on" >&2
echo "installing$(missing)"
# shellcheck disable=SC2046 # a list of words
apt install -y --no-install-recommends $(missing) >>"$log" 2>&1 || give_up "$log"
[ -z "$(missing)" ] || give_up "$log"
rm -f "$log"
