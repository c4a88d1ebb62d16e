#!/bin/sh
# SPDX-License-Identifier: ISC
# acmed is killed, stopped and told to reload in the middle of its work: the order that it
# had begun goes on, with its key; what the CA refused is not tried sooner for it; and what
# is in force is a whole pair at all times.
#
#	sh tests/system/restart.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

issued() { # CERTIFICATE
	[ -s "$(live "$1")" ]
}

key_digest() { # FILE
	openssl pkey -in "$1" -outform DER -pubout -out "$scratch/public.der" 2>&1 &&
		openssl sha256 <"$scratch/public.der"
}

no_order_in() { # CERTIFICATE: its state knows of none
	[ -s "$state/state/$1.json" ] && ! grep -q '"order"' "$state/state/$1.json"
}

has_order() { # CERTIFICATE
	grep -qs '"order"' "$state/state/$1.json"
}

clear_log() {
	ca_post /reset >"$scratch/reset.out"
}

# An order that stands still where a rule has it, until acmed has ended.
interrupted_at() { # SIGNAL STEP ENDPOINT N RULE: the Nth request there is not answered
	signal=$1 step=$2 endpoint=$3 nth=$4 rule=$5
	stuck=$(echo "$step-$signal" | tr '[:upper:]' '[:lower:]')
	clear_log
	faults "$rule"
	write_cert "$stuck" "$stuck.example"
	start_acmed
	check "$signal at $step: the order has come so far" wait_for 15 ca_asked "$endpoint" "$nth"
	check "$signal at $step: it is on disk" has_order "$stuck"
	key=$(key_digest "$state/staging/$stuck.pem")
	stop_acmed "$signal"
	[ "$signal" = KILL ] || equal "$signal at $step: it is a clean stop" "$status" 0
	faults
	start_acmed
	check "$signal at $step: the certificate is issued" wait_for 20 issued "$stuck"
	check "$signal at $step: it is a whole one" verifies "$stuck"
	equal "$signal at $step: with one order" "$(ca_count newOrder)" 1
	equal "$signal at $step: for the key that there was" \
		"$(key_digest "$(live "$stuck" privkey.pem)")" "$key"
	check "$signal at $step: the order is not remembered" wait_for 10 no_order_in "$stuck"
	check "$signal at $step: and nothing is left of it" test ! -e "$state/staging/$stuck.pem"
	stop_acmed || fail "$signal at $step: acmed stops cleanly" "exit status $status"
}

start_ca
write_config

echo "== interrupted in the middle of an order"
for signal in KILL TERM; do
	interrupted_at "$signal" authz authz 1 '{"at": "authz", "do": "hang"}'
	interrupted_at "$signal" respond challenge 1 \
		'{"at": "challenge", "do": "hang", "after": true}'
	interrupted_at "$signal" validate authz 2 '{"at": "authz", "do": "hang", "nth": 2}'
	interrupted_at "$signal" finalize finalize 1 '{"at": "finalize", "do": "hang"}'
	interrupted_at "$signal" processing order 2 \
		'{"at": "finalize", "do": "order-status", "value": "processing"},
		{"at": "order", "do": "order-status", "value": "processing"}'
	interrupted_at "$signal" download certificate 1 '{"at": "certificate", "do": "hang"}'
done
interrupted_at KILL finalized finalize 1 '{"at": "finalize", "do": "hang", "after": true}'

echo "== killed before the order could be put on disk"
clear_log
faults '{"at": "newOrder", "do": "hang", "after": true}'
write_cert early early.example
start_acmed
check "the CA has the order" wait_for 15 ca_asked newOrder 1
stop_acmed KILL
check "acmed does not know of it" test ! -e "$state/state/early.json"
faults
start_acmed
check "the certificate is issued" wait_for 20 issued early
check "a whole one" verifies early
equal "it cost one order more" "$(ca_count newOrder)" 2

echo "== a renewal by command, killed"
clear_log
faults '{"at": "finalize", "do": "hang"}'
old=$(serial early)
ctl renew --force early >"$scratch/renew.out" 2>&1 &
asker=$!
check "it has come to finalize" wait_for 15 ca_asked finalize 1
stop_acmed KILL
wait $asker
equal "acmectl says that the daemon is gone" $? 3
contains "and what may have happened" "$(cat "$scratch/renew.out")" "stopped or restarted"
equal "the old one is in force" "$(serial early)" "$old"
check "and whole" verifies early
faults
start_acmed
renewed() { # CERTIFICATE
	[ "$(serial "$1")" != "$old" ]
}
check "it goes on without another command" wait_for 20 renewed early
check "a whole one" verifies early
equal "with the same order" "$(ca_count newOrder)" 1

echo "== killed at any moment of a renewal"
check "a warm one first" ctl renew --force early
clear_log
kills=0
bad=0
for delay in 00 01 02 03 04 05 06 07 08 09 10 11 12 14 16 18; do
	ctl renew --force early >"$scratch/renew.out" 2>&1 &
	asker=$!
	sleep 0.$delay
	stop_acmed KILL
	wait $asker
	kills=$((kills + 1))
	verifies early >"$scratch/verifies.out" 2>&1 || bad=$((bad + 1))
	start_acmed
done
equal "after $kills times, what was in force was whole each time" "$bad" 0
check "the last order comes to its end" wait_for 20 no_order_in early
check "it is possible to renew" ctl renew --force early
check "a whole one" verifies early
check "nothing is left of it all" test ! -e "$state/staging/early.pem"
check "no kill cost more than one order" [ "$(ca_count newOrder)" -le $((2 * kills + 1)) ]
stop_acmed || fail "acmed stops cleanly" "exit status $status"

echo "== the CA refuses, and acmed is killed again and again"
clear_log
faults '{"at": "newOrder", "name": "refused.example", "do": "status", "status": 403,
	"type": "rejectedIdentifier", "detail": "not this one"}'
write_cert refused refused.example
start_acmed
failure() { # MEMBER
	json "failure.$1" <"$state/state/refused.json"
}
check "the refusal is on disk" wait_for 15 failure retry_at
retry_at=$(failure retry_at)
restarts=0
while [ $restarts -lt 20 ]; do
	stop_acmed KILL
	start_acmed
	restarts=$((restarts + 1))
done
contains "after 20 times, why says the same" "$(ctl why refused)" "$retry_at"
equal "the CA was asked once in all" "$(ca_count newOrder)" 1
equal "it failed once in all" "$(failure count)" 1
reloaded() { # N: times so far
	[ "$(grep -c 'configuration reloaded' "$scratch/acmed.log")" -ge "$1" ]
}
hang_up() { # N: times, one after the other
	reloads=$(grep -c 'configuration reloaded' "$scratch/acmed.log")
	until_then=$((reloads + $1))
	while [ "$reloads" -lt "$until_then" ]; do
		kill -s HUP "$acmed_pid" || return
		reloads=$((reloads + 1))
		wait_for 10 reloaded "$reloads" || return
	done
}
check "20 times SIGHUP" hang_up 20
equal "the CA was still asked once" "$(ca_count newOrder)" 1
stop_acmed || fail "acmed stops cleanly" "exit status $status"
# Its time has come.
sed -i "s/\"retry_at\":\"$retry_at\"/\"retry_at\":\"2020-01-01T00:00:00Z\"/" \
	"$state/state/refused.json"
start_acmed
check "when its time has come, it is asked again" wait_for 15 ca_asked newOrder 2
failed_twice() {
	[ "$(failure count)" = 2 ]
}
check "that is a second failure" wait_for 15 failed_twice
rm "$scratch/certs.d/refused.yaml"
check "it is taken out" ctl reload

echo "== SIGHUP in the middle of an order"
clear_log
faults '{"at": "finalize", "do": "order-status", "value": "processing"}' \
	'{"at": "order", "do": "order-status", "value": "processing"}'
write_cert steady steady.example
check "an order is begun" ctl reload
check "the CA does not come to its end" wait_for 15 ca_asked order 1
check "20 times SIGHUP" hang_up 20
contains "the order goes on" "$(ctl status steady)" "issuing"
faults
check "it is issued" wait_for 20 issued steady
check "a whole one" verifies steady
equal "with one order" "$(ca_count newOrder)" 1
equal "that was finalized once" "$(ca_count finalize)" 1

echo "== a second acmed"
sed "s|$socket|$scratch/second.sock|" "$config" >"$scratch/second.yaml"
refuse "on the same state directory it is refused" 1 \
	timeout 10 "$acmed" -c "$scratch/second.yaml"
contains "with the reason" "$(cat "$scratch/check.out")" "$state/lock: another acmed"
contains "and the other's number" "$(cat "$scratch/check.out")" "(pid $acmed_pid)"
refuse "with the same configuration, too" 1 timeout 10 "$acmed" -c "$config"
equal "the first goes on" "$(ctl --json ping | json pid)" "$acmed_pid"
check "and can renew" ctl renew --force steady

echo "== whatever the CA does, what is in force stays"
in_force() {
	readlink "$state/live/steady" && cat "$state/live/steady"/* | sha256sum
}
before=$(in_force)
for rule in '"at": "newOrder", "do": "status", "status": 403, "type": "unauthorized"' \
	'"at": "newOrder", "do": "html"' \
	'"at": "newOrder", "do": "body", "body": "[]", "status": 201' \
	'"at": "authz", "do": "status", "status": 403, "type": "unauthorized"' \
	'"at": "authz", "do": "deep"' \
	'"at": "challenge", "do": "status", "status": 400, "type": "malformed"' \
	'"at": "finalize", "do": "status", "status": 403, "type": "badCSR"' \
	'"at": "finalize", "do": "order-status", "value": "invalid"' \
	'"at": "finalize", "do": "order-status", "value": "unheard-of"' \
	'"at": "certificate", "do": "status", "status": 404, "type": "malformed"' \
	'"at": "certificate", "do": "html"' '"at": "certificate", "do": "empty-chain"' \
	'"at": "certificate", "do": "wrong-key-cert"' \
	'"at": "certificate", "do": "wrong-names-cert"' \
	'"at": "certificate", "do": "expired-cert"' \
	'"at": "certificate", "do": "future-cert"' \
	'"at": "certificate", "do": "reversed-chain"' \
	'"at": "certificate", "do": "long-chain"'; do
	faults "{$rule}"
	refuse "a failed renewal: $rule" 1 ctl renew --force steady
	contains "with a sentence" "$(cat "$scratch/check.out")" "failed steady: "
	equal "live/steady is as it was" "$(in_force)" "$before"
done
faults
check "and it can be renewed in the end" ctl renew --force steady
check "a whole one" verifies steady
