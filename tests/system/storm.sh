#!/bin/sh
# SPDX-License-Identifier: ISC
# The CA's rate limits: one of ten certificates is told to come back later, and the others
# are issued; all are, and a restart makes nobody come sooner; an account is paused, and
# the page that a person has to visit is shown. Both programs have a clock of their own.
#
#	sh tests/system/storm.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

ten="c0 c1 c2 c3 c4 c5 c6 c7 c8 c9"
day=86400

all_issued() { # CERTIFICATE...
	for name in "$@"; do
		[ -s "$(live "$name")" ] || return 1
	done
}

# The CA has its time first: the other one would doubt its own.
pass() { # SECONDS
	ahead=$((ahead + $1))
	set_clock "$ahead" ca acmed
}

limited() { # NAME MEMBERS: of a rule
	echo "{\"at\": \"newOrder\", \"name\": \"$1.example\", \"do\": \"status\",
		\"status\": 429, \"type\": \"rateLimited\", $2}"
}

retry_in() { # CERTIFICATE: seconds from the failure to the next attempt
	ctl --json show "$1" | python3 -c '
import datetime, json, sys
failure = json.load(sys.stdin)["certificate"]["failure"]
def instant(key):
    return datetime.datetime.strptime(failure[key], "%Y-%m-%dT%H:%M:%SZ")
print(int((instant("retry_at") - instant("at")).total_seconds()))'
}

between() { # DESCRIPTION N LEAST MOST
	check "$1: $2 s" [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]
}

ahead=0
set_clock 0 ca acmed
start_ca --no-validate
write_config

echo "== one of ten is told to come back later"
faults "$(limited c3 '"detail": "too many of these", "retry-after": 7200')"
for name in $ten; do
	write_cert "$name" "$name.example"
done
start_acmed
# shellcheck disable=SC2086
check "nine are issued" wait_for 30 all_issued ${ten%c3*} ${ten#*c3}
check "one has failed" wait_for 10 is_state c3 failed
equal "the CA got ten orders" "$(ca_count newOrder)" 10
contains "status has the reason" "$(ctl status c3)" "create: too many of these (rateLimited)"
between "it waits as long as the CA wants, and little more" "$(retry_in c3)" 7200 8700
pass 7100
sleep 1
equal "after nearly two hours it was not asked again" "$(ca_count newOrder)" 10
faults
pass 1600
check "after that it is issued" wait_for 20 all_issued c3
equal "with one order" "$(ca_count newOrder)" 11
check "it is well" is_state c3 valid

echo "== the CA names an instant"
at=$(date -u -R -d "@$(($(date +%s) + ahead + 10800))" | sed 's/+0000/GMT/')
faults "$(limited dated "\"retry-after\": \"$at\"")"
write_cert dated dated.example
check "one more is loaded" ctl reload
check "it fails" wait_for 20 is_state dated failed
between "it waits until then, and little more" "$(retry_in dated)" 10790 13000
pass 10700
sleep 1
equal "before, it was not asked again" "$(ca_count newOrder)" 12
faults
pass 2400
check "after that it is issued" wait_for 20 all_issued dated

echo "== what is no time at all"
n=0
for wish in '-5' '"soon"' '0' '99999999999' '"Thu, 01 Jan 2099 00:00:00 GMT"'; do
	n=$((n + 1))
	faults "$(limited "odd$n" "\"retry-after\": $wish")"
	write_cert "odd$n" "odd$n.example"
	ctl reload >"$scratch/reload.out"
	check "with a Retry-After of $wish it fails" wait_for 20 is_state "odd$n" failed
	between "and waits between a minute and a day" "$(retry_in "odd$n")" 48 $((day * 6 / 5))
done
faults
pass $((day * 6 / 5))
check "all of them are issued then" wait_for 20 all_issued odd1 odd2 odd3 odd4 odd5

echo "== a limit for all of the account"
faults '{"at": "newOrder", "do": "status", "status": 429, "type": "rateLimited",
	"detail": "too many new orders (300) from this account", "retry-after": 5400}'
five="l0 l1 l2 l3 l4"
for name in $five; do
	write_cert "$name" "$name.example"
done
orders=$(ca_count newOrder)
check "five more are loaded" ctl reload
for name in $five; do
	check "$name fails" wait_for 20 is_state "$name" failed
done
equal "each has asked once" "$(($(ca_count newOrder) - orders))" 5
orders=$(ca_count newOrder)
restarts=0
while [ "$restarts" -lt 5 ]; do
	stop_acmed || fail "acmed stops cleanly" "exit status $status"
	start_acmed
	kill -s HUP "$acmed_pid"
	restarts=$((restarts + 1))
done
pass 5300
sleep 1
equal "after $restarts restarts none was ordered before its time" "$(ca_count newOrder)" "$orders"
contains "status tells of it" "$(ctl status l4)" "too many new orders (300) from this account"
contains "why says until when" "$(ctl why l4)" "the last attempt failed, the next one is not before"
faults
pass 1300
# shellcheck disable=SC2086
check "then all are issued" wait_for 30 all_issued $five
equal "with an order each" "$(($(ca_count newOrder) - orders))" 5

echo "== a busy server in front of the CA"
faults '{"at": "newOrder", "do": "status", "status": 503, "type": "rateLimited",
	"detail": "Service busy; retry later.", "retry-after": 300}'
six="s0 s1 s2 s3 s4 s5"
for name in $six; do
	write_cert "$name" "$name.example"
done
orders=$(ca_count newOrder)
check "six more are loaded" ctl reload
held_or_failed() {
	for name in $six; do
		[ -n "$(reason "$name" backoff)$(reason "$name" breaker)" ] || return 1
	done
}
check "all wait" wait_for 20 held_or_failed
asked=$(($(ca_count newOrder) - orders))
check "$asked asked once, and none again" [ "$asked" -le 6 ]
pass 250
sleep 1
equal "nor before its time" "$(($(ca_count newOrder) - orders))" "$asked"
faults
pass 300
# shellcheck disable=SC2086
check "when it is back, all are issued" wait_for 60 all_issued $six

echo "== the account is paused"
# As long as those of Let's Encrypt, which are of no use without their end.
jwt=$(head -c 600 /dev/zero | tr '\0' x)
page="https://portal.example/sfe/v1/unpause?jwt=$jwt.end"
faults "$(limited told "\"detail\": \"Your account is temporarily prevented from requesting certificates for told.example and possibly others. Please visit: $page\"")" \
	"$(limited named "\"detail\": \"paused\", \"set\": {\"instance\": \"$page\"}")"
write_cert told told.example
write_cert named named.example
write_cert free free.example
check "three more are loaded" ctl reload
check "the account is good for others" wait_for 20 all_issued free
for name in told named; do
	check "$name is not" wait_for 20 is_state "$name" failed
	contains "$name: status shows the page, all of it" "$(ctl status "$name")" "$page"
	contains "$name: why does" "$(ctl why "$name")" "$page"
	check "$name: it is not asked at once" [ "$(retry_in "$name")" -ge 2880 ]
done
contains "show has it by itself" "$(ctl --json show named | json certificate.failure.page)" "$page"
between "where a page is named, it is asked once a day" "$(retry_in named)" $((day * 4 / 5)) \
	$((day * 6 / 5))
stop_acmed || fail "acmed stops cleanly" "exit status $status"
start_acmed
contains "after a restart status shows the page, too" "$(ctl status named)" "$page"
faults
check "who has visited it can go on at once" ctl renew named
check "it is well again" is_state named valid
