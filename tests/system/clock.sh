#!/bin/sh
# SPDX-License-Identifier: ISC
# The clock of the host is set forward by a year, back by one, and by a little, while acmed
# runs and before it starts: nothing is ordered while it is wrong, challenges are answered,
# why tells of it, and when it is right again all goes on. The CA's clock is the true one.
#
#	sh tests/system/clock.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

names="c0 c1 c2"
year=31536000
token=0123456789012345678901

all_issued() {
	for name in $names; do
		[ -s "$(live "$name")" ] || return 1
	done
}

in_doubt() { # CERTIFICATE
	[ -n "$(reason "$1" clock)" ]
}

trusted() { # CERTIFICATE
	! in_doubt "$1"
}

answers() {
	curl -sS --fail-with-body --max-time 10 -o "$scratch/answer" \
		"http://127.0.0.1:$http_port/.well-known/acme-challenge/$token" &&
		grep -q "^$token\." "$scratch/answer"
}

in_force() { # digest of all that is
	(cd "$state/live" && cat ./*/*.pem | sha256sum)
}

wrong() { # WHAT WORDS: all that has to hold while it is
	check "$1: why tells of it" wait_for 30 in_doubt c0
	contains "$1: in words" "$(reason c0 clock)" "$2"
	contains "$1: in the sentence or below it" "$(ctl why c1)" \
		"nothing is ordered while the clock is in doubt: the clock says $3"
	check "$1: challenges are answered" answers
	refuse "$1: who wants a renewal is told" 1 ctl renew --force c2
	contains "$1: of the clock" "$(grep '^failed c2: ' "$scratch/check.out")" "clock"
	check "$1: who asks for what is due gets no order, either" ctl renew c1
	equal "$1: nothing was ordered" "$(ca_count newOrder)" "$orders"
	equal "$1: what is in force is as it was" "$(in_force)" "$whole"
	lacks "$1: it is no failure of the certificates" "$(ctl status)" failed
}

right() { # WHAT
	set_clock 0 acmed
	check "$1: the clock is right, and trusted" wait_for 30 trusted c0
	for name in $names; do
		is_state "$name" valid || fail "$1: $name is valid again" "$(ctl status)"
	done
	check "$1: status --check is content" ctl status --check
	equal "$1: nothing was ordered for that" "$(ca_count newOrder)" "$orders"
	check "$1: a renewal works" ctl renew --force c0
	equal "$1: with one order" "$(ca_count newOrder)" "$((orders + 1))"
	check "$1: it is whole" verifies c0
	orders=$((orders + 1))
	whole=$(in_force)
}

this_year=$(date -u +%Y)
set_clock 0 acmed
start_ca --no-validate
write_config
for name in $names; do
	write_cert "$name" "$name.example"
done
start_acmed
check "three are issued" wait_for 30 all_issued
have_windows() {
	for name in $names; do
		[ -n "$(reason "$name" window)" ] || return 1
	done
}
check "and have windows" wait_for 20 have_windows
orders=$(ca_count newOrder)
whole=$(in_force)

echo "== a year ahead, while it runs"
set_clock $year acmed
wrong "ahead" "127.0.0.1:" $((this_year + 1))
equal "ahead: they look expired" "$(state_of c1)" expired
set_clock $((year + 86400)) acmed
sleep 1
wrong "ahead, and set again" "127.0.0.1:" $((this_year + 1))
right "ahead"

echo "== a year behind, while it runs"
set_clock -$year acmed
wrong "behind" "before " $((this_year - 1))
right "behind"

echo "== eleven minutes ahead, which only a CA can know"
set_clock 660 acmed
wrong "a little ahead" "127.0.0.1:" ""
asked=$(ca_count directory)
check "a little ahead: the CA is asked for the time" wait_for 20 ca_asked directory "$asked"
right "a little ahead"

echo "== nine minutes behind is no doubt"
set_clock -540 acmed
check "a renewal works" ctl renew --force c0
orders=$((orders + 1))
whole=$(in_force)
set_clock 0 acmed

echo "== wrong at the start"
for ahead_by in $year -$year; do
	stop_acmed || fail "acmed stops cleanly" "exit status $status"
	set_clock "$ahead_by" acmed
	start_acmed
	if [ "$ahead_by" -gt 0 ]; then
		wrong "started ahead" "127.0.0.1:" $((this_year + 1))
		right "started ahead"
	else
		wrong "started behind" "before " $((this_year - 1))
		right "started behind"
	fi
done

echo "== wrong at the very first start"
for ahead_by in $year -$year; do
	stop_acmed || fail "acmed stops cleanly" "exit status $status"
	set_clock "$ahead_by" acmed
	first=first$ahead_by
	write_cert "$first" "${first#first-}.example"
	start_acmed
	check "ahead by $ahead_by s: why tells of it" wait_for 30 in_doubt "$first"
	sleep 1
	equal "nothing is ordered" "$(ca_count newOrder)" "$orders"
	equal "it is missing" "$(state_of "$first")" missing
	set_clock 0 acmed
	is_issued() {
		[ -s "$(live "$first")" ]
	}
	check "when the clock is right, it is issued" wait_for 30 is_issued
	check "it is whole" verifies "$first"
	orders=$((orders + 1))
	equal "with one order" "$(ca_count newOrder)" "$orders"
done

echo "== the CA's clock is wrong, and then right"
faults '{"at": "any", "do": "alter", "headers": {"Date": "Thu, 01 Jan 2032 00:00:00 GMT"}}'
check "what was begun by then goes on" ctl renew --force c0
check "but others wait" wait_for 20 in_doubt c1
orders=$(ca_count newOrder)
refuse "also where somebody wants it" 1 ctl renew --force c1
contains "with that reason" "$(cat "$scratch/check.out")" "2032-01-01T"
faults
check "it is asked again, and believed" wait_for 60 trusted c1
equal "nothing was ordered meanwhile" "$(ca_count newOrder)" "$orders"
check "and all goes on" ctl renew --force c1
