#!/bin/sh
# SPDX-License-Identifier: ISC
# acmed is killed before each system call with which it changes its state directory or an
# output, or sends something to the CA: while it obtains its first certificate, and while it
# renews one. Whenever that is, live/CERT is a whole pair, the old or the new one (there may
# be none while there was none before); and acmed that is started again finishes without
# help, with the new one in force and in use, and leaves nothing behind.
#
# One order, one certificate, one account: that is all the CA sees of it. But where newOrder
# was the last that the CA was asked, and acmed was killed before the URL of the order was on
# disk, nobody knows of that order any more, and one more is placed.
#
#	sh tests/system/issuance_kill.sh BUILD-DIR
#
# ACMED_KILL_POINTS is how many of the calls are tried of each of the two, two at least
# ("all": all of them), evenly spread. Debian packages: openssl, curl, python3.
# Not for a build with sanitizers.

# Both at a time, each with a CA of its own.
if [ $# -eq 1 ]; then
	sh "$0" "$1" first &
	first=$!
	sh "$0" "$1" renewal &
	renewal=$!
	trap 'kill $first $renewal 2>/dev/null; wait; exit 1' INT TERM HUP
	wait $first
	status=$?
	wait $renewal && exit $status
	exit 1
fi

# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"
kind=$2
run=$scratch/run
out=$run/out
state=$run/state
record=$scratch/record
log=$scratch/acmed.log
most=${ACMED_KILL_POINTS:-50}
good=0
bad=0
was_old=0
was_new=0
extra=0

# ---- what is looked at ----

version() { # of what is in force; nothing where nothing is
	target=$(readlink "$state/live/site") && echo "${target##*/}"
}

in_state() { # TEXT
	grep -qsF "$1" "$state/state/site.json"
}

is_finished() { # another one than $old is in force and in use, and no order under way
	now=$(version)
	number=${now#"${now%%[!0]*}"} # 12 of 0012
	[ "$now" != "$old" ] && in_state "\"deploy\":{\"version\":$number," &&
		in_state '"stage":"deployed"' && ! in_state '"order":'
}

soon() { # SECONDS COMMAND...: as wait_for, for what takes a few hundredths
	ends=$(($(date +%s) + $1))
	shift
	until "$@" 2>/dev/null; do
		[ "$(date +%s)" -le "$ends" ] || return 1
		sleep 0.02
	done
}

# How many accounts, orders, certificates there are at the CA, and requests for authorizations.
ask_ca() {
	echo "$(ca_get /state | tr -dc '0-9,' | tr , ' ') $(ca_count authz)"
}

is_whole() { # all of live/site, and it is what the CA has issued
	verifies site >"$scratch/verifies.out" 2>&1 &&
		cat "$(live site cert.pem)" "$(live site chain.pem)" | cmp -s - "$(live site)"
}

is_as_before() {
	[ "$(version)" = "$old" ] && diff -r "$state/live/site/" "$scratch/before" >"$scratch/diff.out"
}

# An output is the old or the new one, too.
outputs_are_whole() {
	for file in fullchain.pem privkey.pem; do
		[ ! -e "$out/$file" ] || cmp -s "$out/$file" "$(live site $file)" ||
			cmp -s "$out/$file" "$scratch/before/$file" || return 1
	done
}

# Generations are removed with the next publication: there may be more of them where acmed
# was killed between the switch and that.
leftovers() {
	find "$run" -mindepth 1 ! -path "$state/archive/site/*" \( -name '.*' -o -path "$state/staging/*" -o -name '*.damaged' \
		-o -path "$out/*" ! -name fullchain.pem ! -name privkey.pem \
		-o -path "$state/deploy-queue/*" ! -name mail \)
	[ $switched = 1 ] ||
		find "$state/archive/site" -mindepth 1 -maxdepth 1 | sort -r | tail -n +3
}

# ---- one point ----

complain() { # WHAT
	fail "$kind, killed before call $point ($(tail -n 1 "$record")): $1" \
		"$(cat "$scratch/told" 2>/dev/null)"
	bad=$((bad + 1))
}

judge_kill() {
	if [ "$(version)" = "$old" ] && [ -z "$old" ]; then
		was_old=$((was_old + 1))
	elif [ -n "$old" ] && is_as_before; then
		was_old=$((was_old + 1))
	elif [ "$(version)" != "$old" ] && is_whole; then
		was_new=$((was_new + 1))
		switched=1
	else
		complain "live/site is no whole pair"
		return 1
	fi
	outputs_are_whole && return
	complain "an output is neither the old nor the new one"
	return 1
}

# One more than there should be, as the price of one that only the CA knows of.
allowed_orders() { # What the CA had before
	# shellcheck disable=SC2046
	set -- "$@" $(ask_ca)
	if [ "$6" -gt "$2" ] && [ "$8" -eq "$4" ] && ! in_state '"order":'; then
		echo 2
	else
		echo 1
	fi
}

judge_end() { # ALLOWED-ORDERS, and what the CA had before and has now
	accounts=$(($6 - $2)) orders=$(($7 - $3)) certificates=$(($8 - $4))
	extra=$((extra + orders - 1))
	leftovers >"$scratch/told"
	if ! is_whole; then
		complain "in the end live/site is no whole pair"
	elif ! cmp -s "$out/fullchain.pem" "$(live site)" ||
		! cmp -s "$out/privkey.pem" "$(live site privkey.pem)"; then
		complain "in the end an output is not what is in force"
	elif [ "$(cat "$state/deploy-queue/mail")" != site ]; then
		complain "in the end the queue does not have it"
	elif [ -s "$scratch/told" ]; then
		complain "something is left of it"
	elif [ "$orders" -lt 1 ] || [ "$orders" -gt "$1" ] || [ "$certificates" -ne 1 ] ||
		[ "$accounts" -ne "$new_accounts" ]; then
		complain "$orders orders, $certificates certificates, $accounts accounts"
	else
		good=$((good + 1))
		[ "$orders" -eq 1 ] || tail -n 1 "$record" >>"$scratch/extra"
		return 0
	fi
	return 1
}

# It may be that there are fewer calls than last time: then it is killed when it has finished.
run_and_kill() {
	: >"$record"
	spawn acmed "$build_dir/tests/system/kill_at" "$record" "$point" "$run/" \
		"$acmed" -c "$config"
	soon 30 killed_or_finished || complain "it does not come so far"
	end_child "$spawned" KILL
}

killed_or_finished() {
	gone "$spawned" || { [ "$(wc -l <"$record")" -lt "$point" ] && is_finished; }
}

is_up() {
	ctl ping >"$scratch/ping.out" 2>&1
}

run_to_the_end() {
	spawn acmed "$acmed" -c "$config"
	soon 30 is_up && soon 30 is_finished
	finished=$?
	end_child "$spawned" TERM
	finished=$finished-$?
	[ $finished = 0-0 ]
}

try() { # POINT
	point=$1
	switched=0
	begin_again
	# shellcheck disable=SC2046
	set -- $(ask_ca)
	run_and_kill
	judge_kill || return 1
	allowed=$(allowed_orders "$@")
	if ! run_to_the_end; then
		complain "started again, it does not finish ($finished)"
		return 1
	fi
	# shellcheck disable=SC2046
	judge_end "$allowed" "$@" $(ask_ca)
}

# ---- before each ----

begin_first() {
	rm -rf "$run" "$scratch/before"
	mkdir -p "$out" "$scratch/before"
	old=
	new_accounts=1
}

# What is in force by now is old, and to be renewed: the CA wishes it.
begin_renewal() {
	[ -n "$has_old" ] || make_old
	rm -rf "$state/deploy-queue/mail" "$scratch/before"
	cp -R -L "$state/live/site" "$scratch/before"
	old=$(version)
	new_accounts=0
	sed -i 's/"\(start\|drawn\|issued_at\)":"[^"]*"/"\1":"2020-01-01T00:00:00Z"/g' \
		"$state/state/site.json"
}

make_old() {
	begin_first
	run_to_the_end && has_old=1 && return
	fail "there is something to be renewed" "$finished"
	exit 1
}

begin_again() {
	: >"$log"
	rm -f "$scratch/told"
	"begin_$kind"
}

# ---- all of them ----

count_calls() {
	point=1000000
	begin_again
	run_and_kill
	calls=$(wc -l <"$record")
	cp "$record" "$scratch/calls"
	is_finished || fail "$kind: it finishes, when it is not killed"
}

sweep() {
	[ "$most" != all ] && [ "$most" -lt "$calls" ] || most=$calls
	tried=0
	while [ $tried -lt "$most" ]; do
		# Also the first and the last of them.
		if ! try $((1 + tried * (calls - 1) / (most - 1))); then
			has_old=
		fi
		tried=$((tried + 1))
	done
}

has_old=
switched=0
start_ca --no-validate
write_config
cert_extra="keep-versions: 2
outputs:
  - {path: $out/fullchain.pem, format: fullchain}
  - {path: $out/privkey.pem, format: key}
deploy: [{queue: mail}]"
write_cert site site.example www.site.example
if [ "$kind" = renewal ]; then # with one to prune
	make_old
	begin_again
	check "one is renewed undisturbed" run_to_the_end
fi
count_calls
check "there are calls to be killed at: $calls" test "$calls" -gt 70
sweep
if [ "$kind" = renewal ]; then
	switched=0
	begin_again
	check "one more is renewed undisturbed" run_to_the_end
	equal "nothing is left of all that" "$(leftovers)" ""
fi
equal "$kind: $good of $tried points are good ($calls calls; $was_old old, $was_new new pairs)" \
	"$bad" 0
echo "note  $kind: $extra orders too many$(sed 's/^/, at /' "$scratch/extra" 2>/dev/null | tr -d '\n')"
