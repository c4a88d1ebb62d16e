#!/bin/sh
# SPDX-License-Identifier: ISC
# The CA is down for a day in the middle of the renewal window of ten certificates: it is
# asked by one of them after each pause, status and why tell of it, and all ten are renewed
# when it is back. Both programs have a clock of their own, so the day passes in seconds.
#
#	sh tests/system/outage.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

names="c0 c1 c2 c3 c4 c5 c6 c7 c8 c9"
day=86400
hour=3600

all_issued() {
	for name in $names; do
		[ -s "$(live "$name")" ] || return 1
	done
}

serials() {
	for name in $names; do
		serial "$name"
	done
}

all_renewed() { # SERIALS: none of these is in force any more
	for one in $(serials); do
		case $1 in
		*$one*) return 1 ;;
		esac
	done
}

asked() { # N: requests more than at the last call of pass
	[ $(($(ca_count) - before)) -ge "$1" ]
}

# The CA has its time first: the other one would doubt its own.
pass() { # SECONDS
	before=$(ca_count)
	ahead=$((ahead + $1))
	set_clock "$ahead" ca acmed
}

in_force() { # digest of all that is
	(cd "$state/live" && cat ./*/*.pem | sha256sum)
}

is_held() { # CERTIFICATE: until the CA answers
	[ -n "$(reason "$1" breaker)" ]
}

all_held() {
	for name in $names; do
		is_held "$name" || return 1
	done
}

ahead=0
set_clock 0 ca acmed
start_ca --no-validate --ari-window $((60 * day)),$((60 * day + hour))
account_extra='timeout: 2s'
write_config
for name in $names; do
	write_cert "$name" "$name.example"
done
start_acmed
check "ten are issued" wait_for 30 all_issued
have_windows() {
	for name in $names; do
		[ -n "$(reason "$name" window)" ] || return 1
	done
}
check "and have windows" wait_for 20 have_windows
first=$(serials)
whole=$(in_force)

echo "== within the window the CA begins to answer 503"
faults '{"at": "any", "do": "status", "status": 503}'
pass $((60 * day + 2 * hour))
check "acmed notices, and asks it" wait_for 20 asked 1
check "why says of all ten that they wait for it" wait_for 20 all_held
contains "with the reason" "$(reason c3 breaker)" "$directory failed 1 time in a row: one order tries it"
contains "as the sentence says" "$(ctl why c3)" "c3: to be renewed"
sleep 1
equal "it was asked once for the ten" "$(($(ca_count) - before))" 1

echo "== a day of it"
total=1
most=0
pauses=0
while [ "$pauses" -lt 16 ]; do
	pass 5400 # more than any pause
	if ! wait_for 20 asked 1; then
		fail "it is tried again after a pause"
		break
	fi
	wait_for 20 is_held c9 || fail "they are held again"
	n=$(($(ca_count) - before))
	total=$((total + n))
	[ "$n" -le "$most" ] || most=$n
	pauses=$((pauses + 1))
done
check "$total requests in a day, $most at a time at most" [ "$most" -le 3 ]
contains "how often it failed is told" "$(reason c9 breaker)" "times in a row"
check "all ten are held" all_held
equal "what is in force is as it was" "$(in_force)" "$whole"
check "acmed answers" ctl ping
refuse "who asks for a renewal gets the CA's answer" 1 timeout 30 "$acmectl" -s "$socket" renew c0
contains "in words" "$(cat "$scratch/check.out")" "the CA answered 503"
is_failed_one() {
	is_state c0 failed
}
check "status has it, too" is_failed_one
contains "with the reason" "$(ctl status c0)" "503"
check "status --check is about that one alone" [ "$(ctl status --check | grep -c failed)" -eq 1 ]

echo "== restarts meanwhile"
faults '{"at": "any", "do": "close"}'
before=$(ca_count)
restarts=0
while [ "$restarts" -lt 5 ]; do
	stop_acmed || fail "acmed stops cleanly" "exit status $status"
	start_acmed
	restarts=$((restarts + 1))
done
check "all ten are held after them, too" wait_for 30 all_held
n=$(($(ca_count) - before))
check "$restarts restarts cost $n requests" [ "$n" -le $((3 * (restarts + 1))) ]

echo "== it is back"
faults
orders=$(ca_count newOrder)
pass 4500
is_back() {
	acmed_log | grep -qF "$directory answers again"
}
check "which is noticed" wait_for 20 is_back
pass 31 # what failed for it is tried again in half a minute
check "all ten are renewed" wait_for 60 all_renewed "$first"
equal "with an order each" "$(($(ca_count newOrder) - orders))" 10
for name in $names; do
	verifies "$name" >"$scratch/verifies.out" 2>&1 || fail "$name is whole"
	is_state "$name" valid || fail "$name is valid" "$(ctl status "$name")"
	! is_held "$name" || fail "$name does not wait" "$(ctl why "$name")"
done
check "status --check is content" ctl status --check

echo "== it is stopped: connections are made, and nothing answers"
second=$(serials)
kill -s STOP "$ca_pid"
no_answers() {
	acmed_log | grep -c "^directory .*: no answer from"
}
before=$(no_answers)
set_clock $((ahead + 60 * day + 2 * hour)) acmed
check "when they are due again, all ten wait for it" wait_for 60 all_held
at_first=$(($(no_answers) - before))
check "of ten, $at_first asked it" [ "$at_first" -eq 1 ]
before=$(no_answers)
pauses=0
while [ "$pauses" -lt 2 ]; do
	so_far=$(no_answers)
	set_clock $((ahead + 5400)) acmed
	another() {
		[ "$(no_answers)" -gt "$so_far" ]
	}
	wait_for 20 another || fail "it is tried again after a pause"
	wait_for 20 is_held c9 || fail "they are held again"
	pauses=$((pauses + 1))
done
n=$(($(no_answers) - before))
check "after $pauses pauses it was asked $n times" [ "$n" -le $((3 * pauses)) ]
kill -s CONT "$ca_pid"
orders=$(ca_count newOrder)
pass 5400
pass 31
check "when it goes on, all ten are renewed" wait_for 60 all_renewed "$second"
equal "with an order each" "$(($(ca_count newOrder) - orders))" 10
check "status --check is content" ctl status --check
