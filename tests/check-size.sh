#!/bin/sh
# SPDX-License-Identifier: ISC
# No file over 500 lines, no function over 60, no forbidden call: what is longer holds two
# nouns; what is listed at the end has a better way in common/ or daemon/io.
cd "${srcdir:-.}" || exit 99
status=0

for file in common/*.[ch] common/*/*.[ch] daemon/*.[ch] daemon/*/*.[ch] ctl/*.[ch] \
	tests/unit/*.[ch] tests/ca/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch]; do
	[ -e "$file" ] || continue
	awk -v file="$file" '
	/^[a-z].*\(/ && !/;$/ { name = $0 }
	/^\{/ { start = NR }
	/^\}/ {
		if (start && NR - start - 1 > 60) {
			printf "%s:%d: %d lines in one function: %s\n", file, start, NR - start - 1, name
			bad = 1
		}
		start = 0
	}
	END {
		if (NR > 500) {
			printf "%s: %d lines, 500 at most\n", file, NR
			bad = 1
		}
		exit bad
	}' "$file" || status=1
done

# No shell, no unbounded copies, no libyaml document loader, no HTTP library or resolver of
# libevent's on an open port.
for word in 'system(' 'popen(' 'strcpy(' 'strcat(' 'sprintf(' 'gets(' yaml_parser_load \
	evdns_ evhttp_ 'strtok(' 'mktemp('; do
	if grep -nE "(^|[^a-z_])$(printf %s "$word" | sed 's/(/\\(/')" common/*.[ch] \
		common/*/*.[ch] daemon/*.[ch] daemon/*/*.[ch] ctl/*.[ch]; then
		echo "$word is not to be used" >&2
		status=1
	fi
done
exit $status
