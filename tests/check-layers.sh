#!/bin/sh
# SPDX-License-Identifier: ISC
# An #include may only point down: from a folder to one before it in this list, or into
# itself. The list is the architecture; docs/ARCHITECTURE.md says why. acmectl is no part
# of it: ctl/ sees common/ only, and nobody sees ctl/.
layers='common common/crypto daemon/io daemon/crypto daemon/config daemon/store daemon/hook
daemon/challenge daemon/acme daemon/renew daemon/control daemon'

cd "${srcdir:-.}" || exit 99

rank() { # FOLDER
	n=0
	for layer in $layers; do
		n=$((n + 1))
		[ "$layer" = "$1" ] && echo "$n" && return
	done
	echo 99
}

may_include() { # FROM-FOLDER TO-FOLDER
	case $1 in
	ctl) case $2 in ctl | common | common/crypto) true ;; *) false ;; esac ;;
	*) [ "$(rank "$2")" -le "$(rank "$1")" ] ;;
	esac
}

status=0
complain() {
	echo "$1" >&2
	status=1
}

seen=0
for file in common/*.[ch] common/*/*.[ch] daemon/*.[ch] daemon/*/*.[ch] ctl/*.[ch]; do
	[ -e "$file" ] || continue
	seen=$((seen + 1))
	for header in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$file"); do
		may_include "$(dirname "$file")" "$(dirname "$header")" ||
			complain "$file: must not include $header"
	done
done
[ "$seen" -gt 20 ] || complain "only $seen files seen: not the source tree"

# Libraries have their rooms, too.
only_in() { # PATTERN FOLDERS...
	pattern=$1
	shift
	for file in $(grep -lE "^#include <$pattern" common/*.[ch] common/*/*.[ch] \
		daemon/*.[ch] daemon/*/*.[ch] ctl/*.[ch]); do
		found=no
		for folder in "$@"; do
			case $file in "$folder"*) found=yes ;; esac
		done
		[ $found = yes ] || complain "$file: <$pattern> belongs into $*"
	done
}
only_in 'curl/' daemon/io/http daemon/io/url daemon/main.c
only_in 'yaml.h' daemon/config/yaml daemon/main.c
only_in 'systemd/' daemon/io/notify daemon/io/bus
only_in 'event2/' daemon/
only_in 'openssl/' common/crypto daemon/crypto common/mem.c daemon/challenge/tlsalpn01 \
	daemon/io/probe_tls daemon/main.c

exit $status
