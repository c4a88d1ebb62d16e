#!/bin/sh
# SPDX-License-Identifier: ISC
# All that is checked before a change is taken: installs what it needs, builds without and
# with sanitizers, runs unit and system tests on both, and looks at layout, static
# analysis, the release tarball, the manual pages and, with fuzzers, the parsers.
#
#	sh tests/check.sh
#
# A line for each check, the end of its log where it failed; build/check-logs has them
# whole. FUZZ_SECONDS (10) is for each fuzzer, CHECK_PARALLEL (2) for the system tests.
source_dir=$(cd "$(dirname "$0")/.." && pwd)
cd "$source_dir" || exit 2
logs=$source_dir/build/check-logs
results=$logs/results
plain=$source_dir/build/check
sanitized=$source_dir/build/check-sanitizers
fuzzed=$source_dir/build/check-fuzz

# ---- one check: its line, its log, its result ----

# What failed, before the end of it: who reads this may see only a part of it.
what_failed() { # LOG
	grep -A 8 '^FAIL' "$1" | head -n 40
	tail -n 15 "$1"
}

one() { # NAME COMMAND...
	name=$1
	shift
	log=$logs/$(printf %s "$name" | tr -cs 'A-Za-z0-9_' '-' | sed 's|-$||').log
	begun=$(date +%s)
	if ("$@") >"$log" 2>&1 </dev/null; then
		echo "ok   $name ($(($(date +%s) - begun)) s)"
		echo ok >>"$results"
	else
		# In one go, so that two that end together stay apart.
		printf '%s\n' "${verdict:-FAIL} $name ($(($(date +%s) - begun)) s), $log says:
$(what_failed "$log" | sed 's/^/     | /')"
		[ -n "${verdict-}" ] || echo FAIL >>"$results"
		return 1
	fi
}

# `check.sh --one NAME COMMAND...` is how xargs comes to it. What fails beside others is
# run once more, alone: that it failed is seen, and that alone decides.
if [ "${1-}" = --one ]; then
	shift
	verdict="fail, to be run again alone:"
	one "$@" || printf '%s|%s\n' "$1, again" "$4" >>"$logs/again"
	exit 0
fi

# shellcheck source=tests/lib/build.sh
. tests/lib/build.sh

at_a_time() { # COUNT: of "NAME|COMMAND WORD..." lines
	# shellcheck disable=SC2016 # the inner shell expands
	tr '\n' '\0' | xargs -0 -r -P "$1" -n 1 sh -c '
		name=${1%%"|"*}
		exec sh "$0" --one "$name" sh -c "${1#*"|"}"' "$source_dir/tests/check.sh"
}

# What failed beside others.
again() {
	[ -e "$logs/again" ] || return 0
	mv "$logs/again" "$logs/again.now"
	while IFS='|' read -r name command; do
		one "$name" sh -c "$command"
	done <"$logs/again.now"
	rm "$logs/again.now"
}

# ---- the checks ----

unit_tests() { # BUILD
	make -k -C "$1" -j "$jobs" check || {
		cat "$1/test-suite.log"
		return 1
	}
}

# A script that says "Not for a build with sanitizers" gets the plain one alone.
system_tests() { # BUILD KIND SECONDS
	for script in tests/system/*.sh; do
		if [ ! -e "$script" ] || { [ "$2" != plain ] &&
			grep -q '^# .*Not for a build with sanitizers' "$script"; }; then
			continue
		fi
		echo "$2 $(basename "$script" .sh)|timeout -k 20 $3 sh '$script' '$1'"
	done | at_a_time "${CHECK_PARALLEL:-2}"
	again
}

# Nothing else runs meanwhile. Their tables are to be read; they decide nothing, as a figure
# of a machine that others use as well would.
benchmarks() { # BUILD
	for script in tests/bench/*.sh; do
		[ -e "$script" ] || continue
		log=$logs/bench-$(basename "$script" .sh).log
		if timeout -k 20 400 sh "$script" "$1" >"$log" 2>&1 </dev/null; then
			echo "figures of $script:"
		else
			echo "figures of $script, not all as they should be:"
		fi
		tail -n 20 "$log" | sed 's/^/     | /'
	done
}

check_build() { # BUILD KIND SECONDS CONFIGURE-ARGUMENT...
	build=$1 kind=$2 seconds=$3
	shift 3
	if one "$kind build" build_in "$build" --enable-werror "$@"; then
		one "$kind unit tests" unit_tests "$build"
		system_tests "$build" "$kind" "$seconds"
	fi
}

has_clang_14() {
	command -v clang-format-14 >/dev/null && command -v clang-tidy-14 >/dev/null
}

in_git() { # make format-check would look at nothing, and like it
	git ls-files --error-unmatch daemon/main.c >/dev/null
}

layout() {
	in_git && make -C "$plain" format-check
}

tidy() {
	in_git && make -C "$plain" tidy
}

check_style() {
	if has_clang_14 || grep -q '^VERSION_ID="12"' /etc/os-release; then
		one "layout (clang-format 14)" layout
		one "tidy (clang-tidy 14)" tidy
	else
		echo "note: clang 14 is not in this Debian release, and others lay out" \
			"differently: layout and tidy are not looked at"
	fi
}

release_tarball() {
	make -C "$plain" -j "$jobs" distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror
}

manual_pages() {
	mandoc -T lint -W warning docs/*.[158]
}

find_clang() {
	for clang in clang-14 clang $(cd /usr/bin && ls -d clang-[0-9][0-9] 2>/dev/null); do
		if command -v "$clang"; then
			return
		fi
	done
	echo clang
}

fuzz() { # NAME
	corpus=$fuzzed/corpus/$1
	mkdir -p "$corpus" && cd "$fuzzed" || return 1
	set -- "$1" "$corpus"
	if [ -d "$source_dir/tests/fuzz/corpus/${1#fuzz_}" ]; then
		set -- "$@" "$source_dir/tests/fuzz/corpus/${1#fuzz_}"
	fi
	program=$1
	shift
	"tests/fuzz/$program" -max_total_time="${FUZZ_SECONDS:-10}" -rss_limit_mb=1024 \
		-timeout=10 -verbosity=0 -print_final_stats=1 -artifact_prefix="$logs/$program-" "$@"
}

check_fuzzers() {
	targets=
	for file in tests/fuzz/fuzz_*.c; do
		[ ! -e "$file" ] || targets="$targets ${file%.c}"
	done
	# shellcheck disable=SC2086 # a list of words
	one "fuzzers build" build_in "$fuzzed" CC="$(find_clang)" --enable-fuzzers -- $targets ||
		return
	for target in $targets; do
		one "$(basename "$target")" fuzz "$(basename "$target")"
	done
}

# ---- all of them ----

summary() {
	passed=$(grep -c ok "$results")
	failed=$(grep -c FAIL "$results")
	echo "check: $passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

rm -rf "$logs"
mkdir -p "$logs" && : >"$results" || exit 2
if ! one "Debian packages" sh tests/packages.sh check; then
	summary
	exit 1
fi
ACMED_PEBBLE=$source_dir/build/pebble
export ACMED_PEBBLE
one "Pebble" sh tests/lib/pebble.sh "$ACMED_PEBBLE"

check_build "$plain" plain 300
[ ! -x "$plain/acmed" ] || benchmarks "$plain"
check_build "$sanitized" sanitizers 600 --enable-sanitizers
check_style
one "distcheck" release_tarball
one "manual pages (mandoc)" manual_pages
check_fuzzers
summary
