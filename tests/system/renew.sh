#!/bin/sh
# SPDX-License-Identifier: ISC
# Certificates are renewed: when the CA says so (RFC 9773), by dates where it does not, and
# by command; nothing is renewed before its time, however broken what the CA says, and
# nothing again and again.
#
#	sh tests/system/renew.sh BUILD-DIR
#
# Debian packages: pebble (or see tests/lib/pebble.sh), openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

issued() { # CERTIFICATE
	[ -s "$(live "$1")" ]
}

renewed() { # CERTIFICATE: another one than $old is in force
	[ -n "$(serial "$1")" ] && [ "$(serial "$1")" != "$old" ]
}

state_of() { # CERTIFICATE MEMBER
	json "$2" <"$state/state/$1.json" 2>/dev/null
}

earlier() { # INSTANT INSTANT: the first before the second
	[ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort | head -n 1)" = "$1" ]
}

polled_after() { # CERTIFICATE INSTANT: asked again, and the answer is on disk
	earlier "$2" "$(state_of "$1" ari.polled_at)"
}

key_digest() { # FILE
	openssl pkey -in "$1" -outform DER -pubout -out "$scratch/public.der" 2>&1 &&
		openssl sha256 <"$scratch/public.der"
}

why_says() { # CERTIFICATE TEXT
	ctl why "$1" | grep -qF "$2"
}

within() { # INSTANT START END
	! earlier "$1" "$2" && ! earlier "$3" "$1"
}

days_until_renewal() { # CERTIFICATE: from its notBefore, rounded down
	ctl --json status "$1" | python3 -c '
import datetime, json, sys
def instant(key):
    return datetime.datetime.strptime(certificate[key], "%Y-%m-%dT%H:%M:%SZ")
certificate = json.load(sys.stdin)["certificates"][0]
print((instant("next_renewal") - instant("not_before")).days)'
}

config_extra='limits:
  ari-poll: {min: 1s, max: 2s}'
start_pebble PEBBLE_WFE_NONCEREJECT=0
write_config
write_cert one one.example
start_acmed
check "one is issued" wait_for 20 issued one

echo "== the window is in the future"
ctl renew one >"$scratch/renew.out" 2>&1
equal "renew ends well" $? 0
contains "it keeps the certificate" "$(cat "$scratch/renew.out")" "kept one: "
contains "and says why" "$(cat "$scratch/renew.out")" "the CA suggests"
check "the CA is told of a window of tomorrow" \
	pebble_ari "$(live one cert.pem)" 86400 172800
start_of() {
	state_of one ari.start
}
other_window() { # START: it is not that one any more
	[ "$(start_of)" != "$1" ]
}
usual=$(start_of)
check "acmed hears of it without a command" wait_for 10 other_window "$usual"
drawn=$(state_of one ari.drawn)
check "the instant is drawn from it" within "$drawn" "$(start_of)" "$(state_of one ari.end)"
contains "why says when" "$(ctl why one)" "drawn from it: $drawn"
contains "status has the same" "$(ctl --json status one)" "\"next_renewal\":\"$drawn\""
check "the CA is asked again" wait_for 10 polled_after one "$(state_of one ari.polled_at)"
equal "the instant stays while the window stays" "$(state_of one ari.drawn)" "$drawn"
check "it stops cleanly" stop_acmed
start_acmed
check "it asks again after a restart" wait_for 10 polled_after one \
	"$(state_of one ari.polled_at)"
equal "the instant has stayed over the restart" "$(state_of one ari.drawn)" "$drawn"
window=$(start_of)
check "the window is moved" pebble_ari "$(live one cert.pem)" 864000 950400
check "acmed hears of that" wait_for 10 other_window "$window"
check "the instant is drawn anew" within "$(state_of one ari.drawn)" "$(start_of)" \
	"$(state_of one ari.end)"
check "from another window" earlier "$drawn" "$(state_of one ari.drawn)"

echo "== what the CA says is broken"
broken_ari() { # CERTIFICATE TEXT: what Pebble is to say literally
	python3 -c '
import json, sys
print(json.dumps({"Certificate": open(sys.argv[1]).read(), "ARIResponse": sys.argv[2]}))' \
		"$(live "$1" cert.pem)" "$2" |
		curl -sf --cacert "$trust" --data-binary @- "$manage/set-renewal-info/"
}
old=$(serial one)
window=$(start_of)
orders=$(grep -c 'POST /order-plz' "$scratch/pebble.log")
for text in 'this is no JSON' '{"suggestedWindow": {"start": "yesterday", "end": ""}}' \
	'{"suggestedWindow": {"start": "2020-01-02T00:00:00Z", "end": "2020-01-01T00:00:00Z"}}'; do
	asked=$(state_of one ari.polled_at)
	check "the CA is told to say: $text" broken_ari one "$text"
	check "why says that it makes no sense" wait_for 10 why_says one "asking the CA failed"
	check "it is asked again all the same" wait_for 10 polled_after one "$asked"
done
equal "the last good window is kept" "$(start_of)" "$window"
equal "nothing was renewed for it" "$(serial one)" "$old"
equal "or even ordered" "$(grep -c 'POST /order-plz' "$scratch/pebble.log")" "$orders"
equal "the log says each only once" \
	"$(acmed_log | grep -c 'one: renewalInfo: .*JSON')" 1

echo "== the CA wants it renewed now"
old_key=$(key_digest "$(live one privkey.pem)")
check "the window is moved into the past" pebble_ari "$(live one cert.pem)" -60 -30
check "acmed renews without a command" wait_for 20 renewed one
check "what is in force is whole" verifies one
lacks "its key is another one" "$(key_digest "$(live one privkey.pem)")" "$old_key"
equal "it is the second version" "$(readlink "$state/live/one")" ../archive/one/0002
contains "the first is still there" \
	"$(openssl x509 -in "$state/archive/one/0001/cert.pem" -noout -serial)" "$old"
equal "with its key" "$(key_digest "$state/archive/one/0001/privkey.pem")" "$old_key"
contains "the log tells of it" "$(acmed_log)" "one: renewed, valid until"
has_drawn() {
	[ -n "$(state_of one ari.drawn)" ]
}
check "the new one has a window of its own" wait_for 10 has_drawn
contains "and is not renewed at once" "$(ctl renew one)" "kept one: "

echo "== by command"
refuse "renew --force wants names" 2 ctl renew --force
old=$(serial one)
ctl renew --force one >"$scratch/renew.out" 2>&1
equal "renew --force ends well" $? 0
contains "it says what it did" "$(cat "$scratch/renew.out")" "renewed one"
check "there is a new one" renewed one
check "a whole one" verifies one
check "it stops cleanly" stop_acmed

echo "== another CA, and what it says of replaced certificates"
start_ca --no-validate
write_config
start_acmed
orders() { # what each order since the last call said of a replaced certificate
	ca_get '/log?at=newOrder' | python3 -c '
import json, sys
print(*("%d:%s" % (entry["status"], "replaces" if "replaces" in entry else "plain")
    for entry in json.load(sys.stdin)))'
	ca_post /reset >/dev/null
}
contains "why says that the old CA is not asked" "$(ctl why one)" \
	"the CA that issued it is none of the configuration"
check "it is renewed there by command" ctl renew --force one
check "a whole one" verifies one
equal "the other CA's certificate is not named" "$(orders)" "201:plain"
check "renewed again" ctl renew --force one
equal "its own is" "$(orders)" "201:replaces"
for refusal in '"status": 409, "type": "alreadyReplaced"' \
	'"status": 404, "type": "malformed", "detail": "no such certificate"' \
	'"status": 403, "type": "unauthorized", "detail": "not yours"' \
	'"status": 500, "type": "serverInternal", "detail": "could not find an order for replaces"'
do
	faults "{\"at\": \"newOrder\", \"do\": \"status\", \"count\": 1, $refusal}"
	check "renewed where the CA first refuses: $refusal" ctl renew --force one
	contains "without naming what is replaced" "$(orders)" "replaces 201:plain"
done
faults '{"at": "finalize", "do": "status", "status": 403, "type": "unauthorized", "count": 1}'
refuse "a renewal fails after the order was placed" 1 ctl renew --force one
equal "it named what it replaces" "$(orders)" "201:replaces"
faults
check "the next one succeeds" ctl renew --force one
equal "for the CA, the first stood in its way" "$(orders)" "409:replaces 201:plain"
faults '{"at": "newOrder", "do": "status", "status": 403, "type": "rejectedIdentifier"}'
refuse "what is refused for another reason fails" 1 ctl renew --force one
equal "without a second try" "$(orders)" "403:replaces"

check "it stops cleanly" stop_acmed

echo "== by dates"
rm "$scratch/certs.d"/*
start_ca --no-validate --validity 12
write_config
cert_extra='renew: {ari: false, before: 99%}'
write_cert short short.example
start_acmed
check "one of 12 s is issued" wait_for 20 issued short
contains "what was just issued is kept" "$(ctl renew short)" "kept short"
contains "even if nearly all of its life is to be left" "$(ctl why short)" \
	"renewed 8 s before it expires"
old=$(serial short)
start_ca --no-validate
faults '{"at": "renewalInfo", "do": "body", "body": "nonsense"}'
write_config
cert_extra=
write_cert plain plain.example
cert_extra='renew: {ari: false, before: 365d}'
write_cert long long.example
check "two more, and another CA that issues for 90 days" ctl reload
check "the short one is renewed without a command" wait_for 20 renewed short
lives_long() {
	[ "$(days_until_renewal short)" = 30 ]
}
check "and now, with two thirds of 90 days left" wait_for 20 lives_long
check "a whole one" verifies short
for name in plain long; do
	check "$name is issued" wait_for 20 issued $name
done
check "where the CA's information is broken, why says so" wait_for 10 why_says plain \
	"asking the CA failed"
contains "and that it goes by dates" "$(ctl why plain)" "without renewal information"
contains "with a third of its life left" " 60 61 " " $(days_until_renewal plain) "
contains "where it is switched off, why says so" "$(ctl why long)" "renew.ari: false"
equal "at the earliest with two thirds left" "$(days_until_renewal long)" 30
equal "the CA that issues for 90 days was asked once for each" "$(orders)" \
	"201:plain 201:plain 201:plain"
check "it stops cleanly" stop_acmed

echo "== a CA that always wants it renewed"
rm "$scratch/certs.d"/*
start_ca --no-validate --ari-window 1,2
write_config
cert_extra=
write_cert again again.example
start_acmed
check "acmed stops to listen" wait_for 20 why_says again "in quick succession"
equal "after two renewals" "$(orders)" "201:plain 201:replaces 201:replaces"
contains "and says until when" "$(ctl why again)" "not again before"
equal "three versions are there" "$(readlink "$state/live/again")" ../archive/again/0003
