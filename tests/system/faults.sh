#!/bin/sh
# SPDX-License-Identifier: ISC
# A CA that answers what no CA should, or not at all: the renewal fails with a sentence that
# names the step, the pair in force stays, the daemon answers meanwhile, status and why tell
# of it, and when the CA has recovered the next renewal works.
#
#	sh tests/system/faults.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

# ---- what is looked at after each ----

digest() { # CERTIFICATE: of what is in force
	(cd "$state/live/$1" && pwd -P && sha256sum ./*)
}

retry_in() { # CERTIFICATE: seconds between the failure and the next attempt
	ctl --json show "$1" | python3 -c '
import datetime, json, sys
failure = json.load(sys.stdin)["certificate"]["failure"]
def instant(key):
    return datetime.datetime.strptime(failure[key], "%Y-%m-%dT%H:%M:%SZ")
print(int((instant("retry_at") - instant("at")).total_seconds()))'
}

complain() { # TEXT
	wrong="$wrong$1
"
}

# $wrong becomes all that is not as it should be after `renew --force` of a certificate
# that printed $output and ended with $ended; $before is the digest of before.
look_at() { # CERTIFICATE EXPECTED
	wrong=
	[ "$ended" -eq 1 ] || complain "acmectl ended with $ended"
	case $output in
	*"failed $1: $2"*) ;;
	*) complain "no \"failed $1: $2\" in: $output" ;;
	esac
	case $output in
	*'acmectl: 1 renewal failed; "acmectl why NAME"'*) ;;
	*) complain "nothing about acmectl why in: $output" ;;
	esac
	timeout 1 "$acmectl" -s "$socket" -q ping || complain "no answer to a ping in 1 s"
	said=$(ctl status "$1")
	case $said in
	*failed*"$2"*) ;;
	*) complain "no \"$2\" in status: $said" ;;
	esac
	said=$(ctl why "$1")
	case $said in
	*"to be renewed 2"*"failed "*"time"*", last 2"*": $2"*) ;;
	*) complain "no \"$2\" and no instant in why: $said" ;;
	esac
	[ "$(digest "$1")" = "$before" ] || complain "the pair in force is another one"
}

# The certificate that the faults are about, until another is named.
victim=site

renew() {
	before=$(digest $victim)
	output=$(ctl renew --force $victim 2>&1)
	ended=$?
}

recovers() {
	faults
	before=$(digest $victim)
	output=$(ctl renew --force $victim 2>&1) || complain "cleared, it gives $?: $output"
	[ "$(digest $victim)" != "$before" ] || complain "cleared, nothing is renewed"
}

fault() { # EXPECTED RULE...: it fails for that, and works without
	expected=$1
	shift
	faults "$@"
	renew
	look_at $victim "$expected"
	[ -n "${stays_broken-}" ] || recovers
	if [ -z "$wrong" ]; then
		ok "$expected <- $*"
	else
		fail "$expected <- $*" "$wrong"
	fi
}

harmless() { # RULE...: it works all the same
	faults "$@"
	renew
	equal "it works all the same with $*" "$ended" 0
	[ "$ended" -eq 0 ] || echo "$output"
	faults
}

# ---- several at once, for faults that take their time ----

# NAME|EXPECTED|RULES: {} of rules is left away, the certificate's name comes into them;
# a rule that begins with ! is about requests that are about no name.
together() { # DESCRIPTION, the table on standard input
	table=$(cat)
	rules="" names="" pids=""
	while IFS='|' read -r name expected given; do
		names="$names $name"
		for rule in $given; do
			case $rule in
			!*) rule="{${rule#!}}" ;;
			*) rule="{\"name\":\"$name.example\",$rule}" ;;
			esac
			rules="$rules${rules:+,}$rule"
		done
		digest "$name" >"$scratch/$name.before"
	done <<-END
	$table
	END
	ca_post /reset >/dev/null
	faults "$rules"
	for name in $names; do
		{
			ctl renew --force "$name" >"$scratch/$name.out" 2>&1
			echo $? >"$scratch/$name.ended"
		} &
		pids="$pids $!"
	done
	answered=0 unanswered=0
	for pid in $pids; do
		while kill -0 "$pid" 2>/dev/null; do
			timeout 1 "$acmectl" -s "$socket" -q ping || unanswered=$((unanswered + 1))
			answered=$((answered + 1))
			sleep 0.1
		done
		wait "$pid"
	done
	equal "meanwhile the daemon answered each of $answered pings within 1 s" $unanswered 0
	while IFS='|' read -r name expected given; do
		output=$(cat "$scratch/$name.out") ended=$(cat "$scratch/$name.ended")
		before=$(cat "$scratch/$name.before")
		look_at "$name" "$expected"
		if [ -z "$wrong" ]; then
			ok "$expected <- $given"
		else
			fail "$expected <- $given" "$wrong"
		fi
	done <<-END
	$table
	END
}

tries() { # ENDPOINT FAULT: how often it was met
	ca_get "/log?at=$1" | python3 -c '
import json, sys
print(sum(entry.get("fault") == sys.argv[1] for entry in json.load(sys.stdin)))' "$2"
}

# ---- who must not be spoken to ----

canary=$(free_port)
start_canary() {
	spawn canary python3 -c '
import socket, sys
listeners = [socket.create_server((host, int(sys.argv[1]))) for host in sys.argv[2:]]
import select
print("ready", flush=True)
while True:
    for listener in select.select(listeners, [], [])[0]:
        connection, peer = listener.accept()
        print("visited", flush=True)
        connection.close()' "$canary" 127.0.0.1 127.0.0.2
	wait_for 10 grep -q ready "$scratch/canary.log"
}

# ---- the scene ----

certs="site fresh nobody due"
early="hang-order hang-finalize hang-cert closed half-authz half-cert e500 e503 drip nonces"
late="hang-authz hang-challenge hang-look"
start_ca --no-validate
base=${directory%/directory}
cp "$trust" "$scratch/trust.pem"
account_extra="timeout: 2s"
config_extra="  # Its directory is loaded on its own, for it trusts another file.
  fresh:
    directory: $directory
    agree-tos: true
    trust: $scratch/trust.pem
    timeout: 2s
  nobody:
    directory: $directory
    agree-tos: true
    trust: $trust
    timeout: 2s
limits: {concurrent-orders: 100, concurrent-orders-per-account: 100}"
write_config
for name in $certs $early $late; do
	write_cert "$name" "$name.example"
done
start_canary
start_acmed
all_issued() {
	for name in $certs $early $late; do
		[ -s "$(live "$name")" ] || return 1
	done
}
check "there are certificates" wait_for 30 all_issued
cert_extra='account: fresh' && write_cert fresh fresh.example
cert_extra='account: nobody' && write_cert nobody nobody.example
cert_extra=
check "two go over to accounts that the CA does not know" ctl reload

echo "== faults that take their time, at the same time"
together <<END
hang-order|create: no answer from 127.0.0.1:|"at":"newOrder","do":"hang"
hang-finalize|finalize: no answer from 127.0.0.1:|"at":"finalize","do":"hang"
hang-cert|download: no answer from 127.0.0.1:|"at":"certificate","do":"hang"
closed|respond: |"at":"challenge","do":"close"
half-authz|authz: the answer from 127.0.0.1:${base##*:} broke off|"at":"authz","do":"truncate"
half-cert|download: the answer from 127.0.0.1:${base##*:} broke off|"at":"certificate","do":"truncate"
e500|finalize: the CA answered 500 and no reason|"at":"finalize","do":"status","status":500
e503|authz: going home (serverInternal)|"at":"authz","do":"status","status":503,"type":"serverInternal","detail":"going\u0020home","retry-after":1
drip|create: no answer from 127.0.0.1:|"at":"newOrder","do":"drip"
nonces|create: this nonce is not liked (badNonce)|"at":"newOrder","do":"bad-nonce"
fresh|account: account fresh: directory $directory: no answer from|!"at":"directory","do":"hang"
END
for pair in newOrder:hang finalize:hang certificate:hang authz:truncate \
	certificate:truncate finalize:status authz:status newOrder:drip directory:hang; do
	equal "three tries of one attempt met ${pair#*:} at ${pair%:*}" \
		"$(tries "${pair%:*}" "${pair#*:}")" 3
done
equal "three tries of eleven signatures met badNonce" "$(tries newOrder bad-nonce)" 33
# libcurl itself sends again what a connection closed on that had served before: then the
# nonce was used already.
check "where connections are closed there is an end, too" \
	[ "$(tries challenge close)" -le 33 ]
faults
check "others are renewed" ctl renew --force site due e500 e503 nonces
together <<END
hang-authz|authz: no answer from 127.0.0.1:|"at":"authz","do":"hang"
hang-challenge|respond: no answer from 127.0.0.1:|"at":"challenge","do":"hang"
hang-look|refresh: no answer from 127.0.0.1:|"at":"finalize","do":"processing","polls":1 "at":"order","do":"hang"
fresh|account: account fresh: directory $directory: 127.0.0.1:${base##*:} closed the connection without an answer|!"at":"directory","do":"close"
nobody|account: account nobody: newAccount: no answer from|!"at":"newNonce","nth":1,"do":"hang" !"at":"newAccount","do":"hang"
END
check "the first try hung at newNonce" grep -qE \
	'nobody: account: .*: newNonce: no answer from .*, again in 1000 ms' "$scratch/acmed.log"
faults
# shellcheck disable=SC2086
check "all that can be renewed are, now that the CA has recovered" \
	ctl renew --force $early $late

echo "== the directory"
victim=fresh stays_broken=1
told="account: account fresh: directory $directory"
directory_fault() { # EXPECTED MEMBERS
	fault "$told: $1" "{\"at\":\"directory\",$2}"
}
directory_fault "not JSON" '"do":"html"'
directory_fault "not JSON" '"do":"body","body":"{\"newNonce\":\"https:"'
directory_fault "the answer is larger than 256 KiB" '"do":"huge","bytes":100000000'
directory_fault "not JSON at offset 23: too many levels" '"do":"deep"'
directory_fault "this is no ACME directory" '"do":"body","body":"[]"'
directory_fault "newNonce: no \"newNonce\"" '"set":{"newNonce":7}'
directory_fault "newAccount: no \"newAccount\"" '"set":{"newAccount":null}'
directory_fault "newOrder: no \"newOrder\"" '"set":{"newOrder":["x"]}'
for url in "http://127.0.0.1:$canary/" file:///etc/passwd ftp://x.example/; do
	directory_fault "newOrder: URL \"$url\": does not begin with https://" \
		"\"set\":{\"newOrder\":\"$url\"}"
done
directory_fault "the CA answered 404 and no reason" '"do":"status","status":404'
directory_fault "127.0.0.1:$canary: redirects to what is not a plain https URL" \
	"\"do\":\"redirect\",\"to\":\"http://127.0.0.1:$canary/\""
stays_broken=
faults
check "it works now that the directory is whole" ctl renew --force fresh

echo "== an account that the CA does not know yet"
victim=nobody stays_broken=1
fault "account: account nobody: newAccount: newNonce: no Replay-Nonce in the answer" \
	'{"at":"newNonce","do":"no-nonce"}'
fault "account: account nobody: newAccount: no Location in the answer" \
	'{"at":"newAccount","headers":{"Location":null}}'
fault "account: account nobody: newAccount: Location: URL \"file:///etc/passwd\": does" \
	'{"at":"newAccount","headers":{"Location":"file:///etc/passwd"}}'
fault "account: account nobody: newAccount: we do not know you (unauthorized)" \
	'{"at":"newAccount","do":"status","status":403,"type":"unauthorized","detail":"we do not know you"}'
stays_broken=
faults
check "it works now that the CA takes it" ctl renew --force nobody

echo "== what is no JSON, or too much"
victim=site
fault_at_order() { # EXPECTED MEMBERS: of a rule about the order that is looked at again
	fault "$1" '{"at":"finalize","do":"processing","polls":1}' "{\"at\":\"order\",$2}"
}
for pair in newOrder:create authz:authz challenge:respond finalize:finalize; do
	at=${pair%:*} step=${pair#*:}
	[ "$at" != challenge ] || step='respond: site.example'
	not_json="$step: the CA's answer is not JSON"
	fault "$not_json" "{\"at\":\"$at\",\"do\":\"html\"}"
	fault "$not_json" "{\"at\":\"$at\",\"do\":\"body\",\"body\":\"{\\\"status\\\":\"}"
	fault "$not_json" "{\"at\":\"$at\",\"do\":\"deep\"}"
done
fault_at_order "refresh: the CA's answer is not JSON" '"do":"html"'
huge='"do":"huge","bytes":100000000'
fault "create: the answer is larger than 256 KiB" "{\"at\":\"newOrder\",$huge}"
fault_at_order "refresh: the answer is larger than 256 KiB" "$huge"
fault "download: the answer is larger than 256 KiB" "{\"at\":\"certificate\",$huge}"
fault "create: the answer from" '{"at":"newOrder","do":"huge-headers","bytes":100000000}'

echo "== wrong types and missing members"
fault 'record: no "status"' '{"at":"newOrder","set":{"status":200}}'
fault 'record: no "status"' '{"at":"newOrder","set":{"status":null}}'
fault 'record: the order has the unknown status "odd?[31m"' \
	'{"at":"newOrder","set":{"status":"odd\u001b[31m"}}'
fault 'record: no "authorizations"' '{"at":"newOrder","set":{"authorizations":"x"}}'
fault 'record: no "authorizations"' '{"at":"newOrder","set":{"authorizations":{}}}'
fault 'record: authorizations: not all are URLs' \
	'{"at":"newOrder","set":{"authorizations":[7]}}'
fault 'record: the order has 0 authorizations for 1 names' \
	'{"at":"newOrder","set":{"authorizations":[]}}'
fault 'record: the order has 3 authorizations for 1 names' \
	'{"at":"newOrder","set":{"authorizations":["a","b","c"]}}'
fault 'finalize: no "finalize"' '{"at":"newOrder","set":{"finalize":7}}'
fault 'create: no Location in the answer' '{"at":"newOrder","headers":{"Location":null}}'
fault 'authz: no "status"' '{"at":"authz","set":{"status":true}}'
fault 'authz: the CA wants a proof of a name that was not ordered' \
	'{"at":"authz","set":{"identifier":"site.example"}}'
fault 'authz: the CA wants a proof of a name that was not ordered' \
	'{"at":"authz","set":{"identifier":{"type":"dns","value":"bank.example"}}}'
fault 'authz: the CA wants a proof of a name that was not ordered' \
	'{"at":"authz","set":{"wildcard":true}}'
none='authz: site.example: the CA does not offer http-01 for this name, it offers:'
fault "$none nothing" '{"at":"authz","set":{"challenges":{"http-01":"x"}}}'
fault "$none nothing" '{"at":"authz","set":{"challenges":[]}}'
fault "$none ?, ?" '{"at":"authz","set":{"challenges":[7,{"type":1}]}}'
challenge() { # MEMBERS: those of a challenge that are other than usual
	echo '{"at":"authz","set":{"challenges":[{"type":"http-01","status":"pending",'
	echo "\"url\":\"$base/challenge/0-0\",\"token\":\"0123456789012345678901\"$1}]}}"
}
fault 'respond: no "url"' "$(challenge ',"url":7' | sed 's/"url":"[^"]*",//')"
fault 'respond: site.example: no "status"' '{"at":"challenge","set":{"status":7}}'
fault 'finalize: no "status"' '{"at":"finalize","set":{"status":[]}}'
fault_at_order 'refresh: no "status"' '"set":{"status":7}'
fault 'download: no "certificate"' '{"at":"finalize","set":{"certificate":7}}'
fault_at_order 'download: no "certificate"' '"set":{"certificate":null}'
fault 'finalize: the order has the unknown status "revoked"' \
	'{"at":"finalize","set":{"status":"revoked"}}'
harmless '{"at":"finalize","do":"no-nonce"}' '{"at":"order","do":"no-nonce"}' \
	'{"at":"newOrder","do":"no-nonce"}'
harmless '{"at":"newOrder","set":{"expires":7,"error":"none","identifiers":7,"extra":{}}}'

echo "== tokens that are no tokens"
files=$(cd "$scratch" && find . | sort)
for token in ../../x ../../../../../../../../tmp/x "\$(id)" "\$(touch\${IFS}$scratch/x)AAAAAAAA" \
	"" 'a.b.c.d.e.f.g.h.i.j.k.l.m.n' 'short' '<script>alert(1)</script>' \
	"$(printf '%0500d' 0)"; do
	fault "deploy: the CA's token is not 22 to 128 characters of base64url" \
		"$(challenge "" | sed "s|0123456789012345678901|$token|")"
done
fault "deploy: the CA's token is not" "$(challenge "" | sed 's|"0123456789012345678901"|7|')"
fault "deploy: the CA's token is not" "$(challenge "" | sed 's|"012345678901|&\\u0000|')"
equal "no file came of it" "$(cd "$scratch" && find . | grep -v /site/ | sort)" \
	"$(echo "$files" | grep -v /site/)"

echo "== URLs of others, and redirects"
elsewhere="https://127.0.0.2:$canary/x"
other="the CA refers to a host that is not its own: $elsewhere"
no_https='does not begin with https://'
plain="http://127.0.0.1:$canary/x"
fault "create: Location: $other" \
	"{\"at\":\"newOrder\",\"headers\":{\"Location\":\"$elsewhere\"}}"
fault "authz: $other" "{\"at\":\"newOrder\",\"set\":{\"authorizations\":[\"$elsewhere\"]}}"
fault "authz: URL \"$plain\": $no_https" \
	"{\"at\":\"newOrder\",\"set\":{\"authorizations\":[\"$plain\"]}}"
fault "finalize: $other" "{\"at\":\"newOrder\",\"set\":{\"finalize\":\"$elsewhere\"}}"
fault "finalize: URL \"$plain\": $no_https" \
	"{\"at\":\"newOrder\",\"set\":{\"finalize\":\"$plain\"}}"
fault "respond: $other" "$(challenge "" | sed "s|\"${base}[^\"]*\"|\"$elsewhere\"|")"
fault "download: $other" "{\"at\":\"finalize\",\"set\":{\"certificate\":\"$elsewhere\"}}"
fault "download: URL \"file:///etc/passwd\": $no_https" \
	'{"at":"finalize","set":{"certificate":"file:///etc/passwd"}}'
fault 'download: URL "https://me@127.0.0.1/": has a user name or a password' \
	'{"at":"finalize","set":{"certificate":"https://me@127.0.0.1/"}}'
for code in 301 302 307 308; do
	fault "create: the CA redirects ($code), which is not followed here" \
		"{\"at\":\"newOrder\",\"do\":\"redirect\",\"status\":$code,\"to\":\"$elsewhere\"}"
	fault "finalize: the CA redirects ($code), which is not followed here" \
		"{\"at\":\"finalize\",\"do\":\"redirect\",\"status\":$code}"
done
equal "what a redirect named was not asked for" "$(ca_get /log | grep -c /elsewhere)" 0
lacks "nobody else was spoken to" "$(cat "$scratch/canary.log")" visited
curl -s "http://127.0.0.2:$canary/" >/dev/null
contains "(who would have noticed)" "$(cat "$scratch/canary.log")" visited

echo "== certificates that are not what was ordered"
certificate_fault() { # VARIANT EXPECTED
	fault "the CA's certificate: $2" "{\"at\":\"certificate\",\"do\":\"$1\"}"
}
certificate_fault wrong-key-cert "the certificate is for another key"
certificate_fault wrong-names-cert \
	"the certificate lacks site.example, and has other.example, which nobody asked for"
certificate_fault expired-cert "the certificate expired at 2"
certificate_fault future-cert "the certificate is not valid before 2"
certificate_fault reversed-chain "the chain is in the wrong order: certificate 2 is for the key"
certificate_fault html "there is something else than certificates in PEM"
fault "download: the answer is larger than 256 KiB" '{"at":"certificate","do":"long-chain"}'
fault "download: the CA sent an empty certificate" '{"at":"certificate","do":"empty-chain"}'
harmless '{"at":"certificate","do":"leaf-only-chain"}'

echo "== what the CA says itself"
fault "record: the CA gave the order up without a reason" \
	'{"at":"newOrder","set":{"status":"invalid"}}'
problem='{"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids it"}'
fault_at_order "refresh: the CA gave the order up: CAA forbids it (caa)" \
	"\"set\":{\"status\":\"invalid\",\"error\":$problem}"
fault "authz: site.example: CAA forbids it (caa)" "$(challenge ",\"error\":$problem" |
	sed 's/"set":{/&"status":"invalid",/')"
name() { # NAME TYPE DETAIL
	echo "{\"type\":\"urn:ietf:params:acme:error:$2\",\"detail\":\"$3\","
	echo "\"identifier\":{\"type\":\"dns\",\"value\":\"$1\"}}"
}
fault "create: Two are refused (rejectedIdentifier): a.example: no such name (dns); b.example: a bank (rejectedIdentifier)" \
	'{"at":"newOrder","do":"status","status":403,"type":"rejectedIdentifier",
	"detail":"Two are refused","subproblems":['"$(name a.example dns 'no such name'),
	$(name b.example rejectedIdentifier 'a bank')]}"

echo "== one that is due is tried again"
shown() { # MEMBER: of the certificate that is due, as the daemon has it
	ctl --json show due | json "certificate.$1"
}
has_failed() {
	[ "$(shown state)" = failed ]
}
faults '{"at":"newOrder","name":"due.example","do":"html"}'
check "its window is in the past" ca_post /ari '{"name":"due.example","start":-60,"end":-30}'
ctl renew due >"$scratch/due.out" 2>&1
equal "its renewal fails" $? 1
check "which is shown" has_failed
retry_at=$(shown failure.retry_at)
contains "status says when it is tried again" "$(ctl status due)" " $retry_at  failed: create: "
contains "why, too" "$(ctl why due)" "the next one is not before $retry_at"
pause=$(retry_in due)
check "in about a minute: in $pause s" [ "$pause" -ge 48 ] && [ "$pause" -le 72 ]
check "the log says so" grep -qE "due: failed, tried again in ($pause s|1 min [0-9]+ s|1 min): " \
	"$scratch/acmed.log"
saved_as_shown() {
	[ "$(json failure.retry_at <"$state/state/due.json")" = "$retry_at" ]
}
check "the instant is on disk, too" wait_for 10 saved_as_shown
check "a renewal that was forced, and was not due, waits until it is" \
	grep -qE 'site: failed, tried again in (59|60|61) d' "$scratch/acmed.log"

echo "== when it may be asked again"
busy() { # LEAST MOST RETRY-AFTER: seconds until the next attempt
	stays_broken=1
	fault "create: too many (rateLimited)" "{\"at\":\"newOrder\",\"do\":\"status\",
		\"status\":429,\"type\":\"rateLimited\",\"detail\":\"too many\",\"retry-after\":\"$3\"}"
	pause=$(retry_in site)
	if [ "$pause" -ge "$1" ] && [ "$pause" -le "$2" ]; then
		ok "it is tried again in $pause s"
	else
		fail "it is tried again in $pause s" "wanted: $1 to $2"
	fi
}
http_date() { # SECONDS from now
	date -u -d "@$(($(date +%s) + $1))" '+%a, %d %b %Y %H:%M:%S GMT'
}
day=86400
busy 7200 8640 7200
busy 7190 8640 "$(http_date 7200)"
for value in 315360000 99999999999999999999 "$(http_date 315360000)"; do
	busy $day $((day * 6 / 5)) "$value"
done
for value in 0 -1 soon 1e9 "$(http_date -7200)" "12 monkeys"; do
	busy 2880 $((day * 6 / 5)) "$value"
done
ca_post /reset >/dev/null
fault "create: the CA answered 503 and no reason" \
	'{"at":"newOrder","do":"status","status":503,"retry-after":3600}'
equal "which was asked once" "$(tries newOrder status)" 1
stays_broken=
faults
check "and when all is well again, it is renewed" ctl renew --force site
lacks "and nothing of it stays" "$(ctl why site)" failed
