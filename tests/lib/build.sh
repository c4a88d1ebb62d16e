# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154
# For tests/check.sh and tests/demo.sh: a build directory below build/, made once and
# brought up to date from then on. Needs $source_dir.

jobs=$(nproc 2>/dev/null || echo 2)

# This checkout may be another user's than the one who builds it.
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$source_dir
export GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0

configured() { # DIRECTORY ARGUMENTS...: with the same arguments as last time
	[ -e "$1/Makefile" ] && [ "$(cat "$1/configured-with" 2>/dev/null)" = "$*" ]
}

configure_in() { # DIRECTORY ARGUMENTS...
	if [ ! -x "$source_dir/configure" ]; then
		(cd "$source_dir" && autoreconf -fi) || return 1
	fi
	! configured "$@" || return 0
	rm -rf "$1" && mkdir -p "$1" || return 1
	(
		cd "$1" || exit 1
		arguments=$*
		shift
		"$source_dir/configure" "$@" && echo "$arguments" >configured-with
	)
}

build_in() { # DIRECTORY CONFIGURE-ARGUMENTS... [-- TARGET...]
	where=$1
	targets=
	arguments=
	shift
	for word in "$@"; do
		if [ "$word" = -- ]; then
			targets=" "
		elif [ -n "$targets" ]; then
			targets="$targets $word"
		else
			arguments="$arguments $word"
		fi
	done
	# shellcheck disable=SC2086 # lists of words
	configure_in "$where" $arguments && make -C "$where" -j "$jobs" $targets
}
