#!/bin/sh
# SPDX-License-Identifier: ISC
# The store is killed at, and then told of an error by, every system call that it makes
# while it publishes: the first pair of a new state directory, and one that replaces
# another. Whatever happens, live/CERT is the whole old or the whole new pair, success is
# reported of a new one only, nothing is open to others for a moment, and the next attempt
# succeeds and leaves nothing behind.
#
#	sh tests/system/store_kill.sh BUILD-DIR
#
# Debian packages: strace, openssl. Not for a build with sanitizers.

tool=${1:?the build directory is missing}/tests/system/publish_tool

# What changes something, and what the store finds out with. The signal comes before the
# call, so that between two of these nothing remains to be tried.
changing='openat mkdir mkdirat write pwrite64 ftruncate fsync fdatasync rename renameat
renameat2 unlink unlinkat rmdir symlink symlinkat link linkat chmod fchmod fchmodat fchmodat2 close'
looking='open openat2 read pread64 readlinkat getdents64 newfstatat fstat faccessat
faccessat2 fcntl'

# What each call may well fail with.
errors_of() { # CALL
	case $1 in
	openat | openat2) echo ENOSPC EDQUOT EIO EMFILE EROFS ;;
	mkdir* | symlink* | rename*) echo ENOSPC EDQUOT EIO EROFS ;;
	write | pwrite64) echo ENOSPC EDQUOT EIO EINTR ;;
	ftruncate) echo ENOSPC EDQUOT EIO ;;
	read) echo EIO EINTR ;;
	fsync | fdatasync) echo EIO ENOSPC EDQUOT ;;
	unlink* | rmdir | chmod | fchmod*) echo EIO EROFS ;;
	link | linkat) echo EPERM EXDEV EMLINK EIO ;;
	*) echo EIO ;;
	esac
}

need() { # PROGRAM
	command -v "$1" >/dev/null && return
	echo "store_kill.sh: $1 is missing (Debian package: $1)" >&2
	exit 1
}

die() {
	echo "store_kill.sh: $*" >&2
	exit 1
}

# ---- what is published ----

make_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj '/CN=store test CA' -keyout ca.key -out ca.pem 2>/dev/null
}

make_pair() { # NAME: NAME.key, and NAME.pem with the CA behind it
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" &&
		openssl req -new -key "$1.key" -subj "/CN=$1.example" -out "$1.csr" &&
		openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial \
			-days 30 -out "$1.leaf" 2>/dev/null &&
		cat "$1.leaf" ca.pem >"$1.pem"
}

# A second opinion on what the tool considers a pair.
same_key() { # DIRECTORY
	[ "$(openssl pkey -in "$1/privkey.pem" -pubout)" = \
		"$(openssl x509 -in "$1/fullchain.pem" -noout -pubkey)" ]
}

# "old" has two generations, so that a third one prunes; "none" is not there at all; "new"
# is how it ends undisturbed.
make_states() {
	make_ca && make_pair a && make_pair b && make_pair c || die 'openssl failed'
	"$tool" old example a.key a.pem >/dev/null &&
		"$tool" old example b.key b.pem >/dev/null || die 'cannot publish at all'
	cp -R -p old new
	"$tool" new example c.key c.pem >/dev/null || die 'cannot publish at all'
	same_key old/live/example && same_key new/live/example ||
		die 'what was published is no pair'
	[ "$(ls new/archive/example)" = "$(printf '0002\n0003')" ] || die 'not pruned'
}

# ---- one fault ----

is_copy() { # STATE REFERENCE
	for file in privkey cert chain fullchain; do
		cmp -s "$1/live/example/$file.pem" "$2/live/example/$file.pem" || return 1
	done
}

is_before() {
	if [ "$from" = none ]; then
		! [ -e "$run/live/example" ] && ! [ -L "$run/live/example" ]
	else
		is_copy "$run" old
	fi
}

report() { # WHAT: on stdout, with what the tool said
	echo "BAD $point: $1"
	sed 's/^/    /' "$run.out" "$run.err"
}

# What the next attempt has to get rid of.
leftovers() {
	find "$run" -name '.?*' -o -path "$run/staging/*" -o -name '*.damaged'
	find "$run/archive/example" -mindepth 1 -maxdepth 1 | sort -r | tail -n +3
}

open_to_others() {
	find "$run" ! -type l -perm /077
}

# What may be said of the state right after the fault.
judge_state() { # EXIT-STATUS
	if is_copy "$run" new; then
		kind=new
	elif is_before; then
		kind=old
	else
		report 'live is no whole pair'
		return 1
	fi
	if [ -d "$run" ] && [ -n "$(open_to_others)" ]; then
		report "open to others: $(open_to_others | tr '\n' ' ')"
	elif [ "$1" = 0 ] && [ $kind = old ]; then
		report 'says that it has published, and has not'
	elif [ "$1" = 1 ] && ! [ -s "$run.err" ]; then
		report 'fails and does not say why'
	elif [ "$1" -gt 1 ] && ! [ "$1 $what" = '137 kill' ]; then
		report "ends with $1"
	elif [ "$1" != 137 ] && [ $what = kill ]; then
		report 'was not killed'
	else
		return 0
	fi
	return 1
}

judge_next_attempt() {
	if ! "$tool" "$run" example c.key c.pem >"$run.out" 2>"$run.err"; then
		report 'the next attempt fails'
	elif ! is_copy "$run" new; then
		report 'the next attempt does not publish'
	elif [ -n "$(leftovers)" ]; then
		report "leaves $(leftovers | tr '\n' ' ')"
	else
		echo "good $kind"
	fi
}

inject() { # CALL WHEN FAULT
	point="$1:$3:when=$2 (from $from)"
	rm -rf "$run"
	[ "$from" = none ] || cp -R -p "$from" "$run"
	strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:$3:when=$2" \
		"$tool" "$run" example c.key c.pem >"$run.out" 2>"$run.err"
	judge_state $? && judge_next_attempt
}

# ---- all of them ----

# "CALL NTH" of each call from the first one that names the state directory on.
list_points() { # CALLS
	calls=$(echo "$@" | tr ' ' ',' | sed 's/[^,]*/?&/g')
	[ "$from" = none ] || cp -R -p "$from" traced
	strace -f -qq -o trace -e trace="$calls" "$tool" traced example c.key c.pem \
		>/dev/null || die 'strace failed'
	rm -rf traced
	awk '{
		sub(/^[0-9]+ +/, "")
		if (!match($0, /^[a-z0-9_]+\(/))
			next
		call = substr($0, 1, RLENGTH - 1)
		nth[call]++
		if (index($0, "\"traced"))
			begun = 1
		if (begun)
			print call, nth[call]
	}' trace
}

kill_sweep() {
	while read -r call nth; do
		inject "$call" "$nth" signal=SIGKILL
	done
}

# Once, and for good. Not of write: the tool could not say that it failed.
errno_sweep() {
	while read -r call nth; do
		for errno in $(errors_of "$call"); do
			inject "$call" "$nth" "error=$errno"
		done
		case $call in
		openat | mkdir* | fsync | rename* | unlink* | symlink* | fchmod* | fcntl)
			inject "$call" "$nth+" error=EIO
			;;
		esac
	done
}

# Every second point for each of two processes.
sweep() { # kill|errno FROM CALLS
	what=$1 from=$2
	shift 2
	list_points "$@" >points
	for half in 0 1; do
		(
			run=run.$half
			awk -v half=$half 'NR % 2 == half' points | "${what}_sweep"
		) >"verdicts.$half" &
	done
	wait
	cat verdicts.0 verdicts.1 >verdicts
	summary
}

summary() {
	good=$(grep -c '^good' verdicts)
	bad=$(grep -c '^BAD' verdicts)
	echo "$what, from $from: $good of $((good + bad)) points leave a whole pair" \
		"($(grep -c '^good old' verdicts) old, $(grep -c '^good new' verdicts) new)"
	grep -v '^good' verdicts && return 1
	[ "$good" -gt 50 ]
}

need strace
need openssl
[ -x "$tool" ] || die "$tool is missing: make check builds it"
tool=$(cd "$(dirname "$tool")" && pwd)/publish_tool
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch" || exit 1
umask 000 # what is private is so because the store says so

make_states
status=0
sweep kill old $changing || status=1
sweep kill none $changing || status=1
sweep errno old $changing $looking || status=1
exit $status
