#!/bin/sh
# SPDX-License-Identifier: ISC
# A certificate is in use when servers serve it: one that needs its time after its reload
# gets it; one that never takes it makes the state not-deployed, with what it serves, or
# the version before comes back; and versions are put back, held and let go by hand.
#
#	sh tests/system/verify.sh BUILD-DIR
#
# Debian packages: openssl, curl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

mkdir "$scratch/hooks"

hook() { # NAME: the rest is its text
	cat >"$scratch/hooks/$1.new"
	chmod 755 "$scratch/hooks/$1.new"
	mv "$scratch/hooks/$1.new" "$scratch/hooks/$1"
}

start_server() { # NAME PORT DIALECT [OPTION...]
	server=$1
	shift
	spawn "$server" python3 "$source_dir/tests/lib/starttls_server.py" "$1" "$2" \
		"$(live site)" "$(live site privkey.pem)" "${3:-"--reload-after"}" "${4:-0}"
	echo "$spawned" >"$scratch/hooks/$server.pid"
	wait_for 20 answers_at "$1" || fail "the server $server starts"
}

answers_at() { # PORT
	python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$1"
}

fingerprint() { # FILE
	openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' |
		tr '[:upper:]' '[:lower:]'
}

served() { # PORT [OPTION...]: what a client gets
	port=$1
	shift
	openssl s_client -connect "127.0.0.1:$port" "$@" </dev/null 2>/dev/null |
		openssl x509 >"$scratch/served.pem" && fingerprint "$scratch/served.pem"
}

version() { # what is in force
	readlink "$state/live/site" | sed 's/.*\///'
}

told() { # EVENT: how often the notify hook was told
	grep -c "^$1:" "$scratch/hooks/told" 2>/dev/null
}

set_clock 0 ca acmed
start_ca --no-validate
write_config
write_cert site site.example
start_acmed
is_issued() {
	[ -s "$(live site)" ]
}
check "a certificate is issued" wait_for 30 is_issued

echo "== servers that take it"
tls=$(free_port)
smtp=$(free_port)
start_server tls "$tls" tls --reload-after 5
start_server smtp "$smtp" smtp
hook hup <<'END'
#!/bin/sh
cd "$(dirname "$0")" && kill -HUP "$(cat tls.pid)" "$(cat smtp.pid)"
END
hook stubborn <<'END'
#!/bin/sh
exit 0
END
hook notify <<'END'
#!/bin/sh
echo "$ACMED_EVENT:$ACMED_CERT:$ACMED_TEXT" >>"$(dirname "$0")/told"
END
uses() { # HOOK [LINE]: what the certificate's file says from now on
	cert_extra="deploy: [{run: [$scratch/hooks/$1]}]
verify:
  - connect: 127.0.0.1:$tls
  - {connect: \"127.0.0.1:$smtp\", starttls: smtp}
notify: [{run: [$scratch/hooks/notify]}]
${2-}"
	write_cert site site.example
	check "the configuration is changed" ctl reload
}
uses hup
check "what was never put into use is" wait_for 20 is_state site verified
check "by the hook" wait_for 20 grep -q '^reloaded' "$scratch/tls.log"
before=$(fingerprint "$(live site)")
ctl renew --force site >"$scratch/renew.out" 2>&1 &
asker=$!
is_verifying() {
	is_state site deploying && ctl status site | grep -q verify
}
check "a server that serves the old one for a while is asked again" wait_for 20 is_verifying
equal "it still serves that" "$(served "$tls")" "$before"
check "then it is verified" wait_for 30 is_state site verified
now=$(fingerprint "$(live site)")
lacks "there is a new one" "$now" "$before"
equal "which is served" "$(served "$tls")" "$now"
equal "by mail, too" "$(served "$smtp" -starttls smtp)" "$now"
wait $asker
equal "who renewed it is told of success" $? 0
contains "after what was looked at" "$(cat "$scratch/renew.out")" "site: verify 127.0.0.1:$smtp"
contains "why says that it is in use" "$(ctl why site)" "and seen to be served"
check "one order was all it took" [ "$(ca_count newOrder)" -eq 2 ]

end_child "$(cat "$scratch/hooks/tls.pid")"
start_server tls "$tls" tls # one that is quicker

echo "== a server that never takes it"
uses stubborn
check "the one in force is verified" wait_for 20 is_state site verified
before=$now
ctl renew --force site >"$scratch/renew.out" 2>&1 &
asker=$!
check "acmed looks" wait_for 20 is_verifying
gives_up() {
	let_pass 15 acmed
	is_state site not-deployed
}
check "after a minute it is not deployed" wait_for 30 gives_up
wait $asker
equal "who renewed it is told of failure" $? 1
error="verify 127.0.0.1:$tls: 127.0.0.1:$tls serves another certificate, $(echo "$before" | cut -c1-16)..."
contains "with the endpoint and what it serves" "$(cat "$scratch/renew.out")" "$error"
contains "status says the same" "$(ctl status site)" "$error"
contains "why does" "$(ctl why site)" "$error"
refuse "status --check complains" 1 ctl status --check site
is_told_of_failure() {
	[ "$(told deploy-failed)" -eq 1 ]
}
check "whoever wants to know is told" wait_for 20 is_told_of_failure
contains "with the same words" "$(cat "$scratch/hooks/told")" "deploy-failed:site:$error"
let_pass 100 acmed
check "it is tried again after a pause" wait_for 20 is_verifying
check "and fails again" wait_for 30 gives_up
equal "which is nothing new to anybody" "$(told deploy-failed)" 1
hook stubborn <"$scratch/hooks/hup"
let_pass 200 acmed
check "when the server takes it, it is verified" wait_for 60 is_state site verified
is_told_of_recovery() {
	[ "$(told recovered)" -eq 1 ]
}
check "that is told once, too" wait_for 20 is_told_of_recovery
equal "no other certificate was ordered for it" "$(ca_count newOrder)" 3

echo "== a server that never takes it, and the version before comes back"
hook picky <<'END'
#!/bin/sh
[ "$ACMED_EVENT" = rolled-back ] || exit 0
exec "$(dirname "$0")/hup"
END
uses picky "rollback-on-failure: true"
check "the one in force is verified" wait_for 20 is_state site verified
good=$(version)
before=$(fingerprint "$(live site)")
rm "$scratch/hooks/told"
ctl renew --force site >"$scratch/renew.out" 2>&1 &
asker=$!
check "acmed looks" wait_for 20 is_verifying
is_back() {
	[ "$(version)" = "$good" ]
}
comes_back() {
	let_pass 15 acmed
	is_back
}
check "after a minute the version before is in force" wait_for 30 comes_back
wait $asker
equal "who renewed it is told of failure" $? 1
contains "and of what" "$(cat "$scratch/renew.out")" "renewed, but not in use: verify 127.0.0.1:$tls"
is_served_and_held() {
	is_state site held && [ "$(reason site deployed)" != "" ]
}
check "it is deployed, and held" wait_for 30 is_served_and_held
equal "it is served" "$(served "$tls")" "$before"
equal "by mail, too" "$(served "$smtp" -starttls smtp)" "$before"
contains "status shows the hold" "$(ctl status site)" held
contains "why says that it is on hold" "$(reason site hold)" "put back, because the new version"
contains "and for what" "$(reason site hold)" "serves another certificate"
check "whoever wants to know is told" wait_for 20 is_told_of_failure
cut -c1-300 "$scratch/hooks/told" | sed "s/^/      /"
orders=$(ca_count newOrder)
refuse "it is not renewed" 1 ctl renew --force site
contains "for it is on hold" "$(cat "$scratch/check.out")" "is on hold"
equal "and nothing was ordered" "$(ca_count newOrder)" "$orders"
stop_acmed || fail "acmed stops cleanly" "exit status $status"
start_acmed
contains "nor after a restart" "$(reason site hold)" "put back, because the new version"
check "it is in force" is_back
check "resumed, it may be renewed" ctl resume site
uses hup
check "and is" ctl renew --force site
check "seen to be served" wait_for 30 is_state site verified

echo "== by hand"
before=$(version)
refuse "there is no such version" 1 ctl rollback site 999
equal "and nothing has changed" "$(version)" "$before"
check "the one before is put back" ctl rollback site
contains "it says which" "$(cat "$scratch/check.out")" "is in force again"
lacks "it is in force" "$(version)" "$before"
equal "and served" "$(served "$tls")" "$(fingerprint "$(live site)")"
equal "it is held" "$(state_of site)" held
contains "which was said" "$(cat "$scratch/check.out")" "acmectl resume site"
check "a version by its number" ctl rollback site "$before"
equal "is in force" "$(version)" "$before"
equal "and served" "$(served "$smtp" -starttls smtp)" "$(fingerprint "$(live site)")"
check "resumed" ctl resume site
check "it is as before" wait_for 20 is_state site verified
check "held until an instant" ctl hold site --until 2099-01-01
contains "status shows it" "$(ctl status site)" held
contains "why says until when" "$(reason site hold)" "on hold until 2099-01-01T00:00:00Z"
check "resumed" ctl resume site
equal "nothing holds it" "$(reason site hold)" ""
check "it is verified" wait_for 20 is_state site verified
