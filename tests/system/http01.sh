#!/bin/sh
# SPDX-License-Identifier: ISC
# The responder on the http-01 port: whose thumbprint is answered to which token, what is
# refused, who is too slow, and that reloads and orders do not interrupt it.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

token=LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0

client() { # STEP [WORD...]: of http01.py
	python3 "$source_dir/tests/system/http01.py" "$http_port" "$@"
}

thumbprint() { # ACCOUNT: by way of openssl
	python3 "$source_dir/tests/system/http01.py" "$state/accounts/$1/account.key" thumbprint
}

status_of() { # TOKEN
	curl -s --max-time 5 -o /dev/null -w '%{http_code}' \
		"http://127.0.0.1:$http_port/.well-known/acme-challenge/$1"
}

has_key() { # ACCOUNT
	[ -e "$state/accounts/$1/account.key" ] && [ "$(status_of $token)" = 200 ]
}

start_ca
config_extra="  other:
    directory: $directory
    agree-tos: true
    trust: $trust"
write_config
cert_extra="account: other"
write_cert site a.example
cert_extra=

# ---- whose thumbprint ----

faults '{"at": "challenge", "do": "hang"}'
start_acmed
wait_for 10 has_key main || fail "a key is made at start"
main=$(thumbprint main)
check "any token is answered with the first account's thumbprint" \
	client is_answered 127.0.0.1 $token "$token.$main"
if has_ipv6; then
	check "over IPv6, too" client is_answered ::1 $token "$token.$main"
fi
check "bad paths, methods and headers are refused, and nothing is said back" \
	client bad_requests
check "a connection may be used for more than one request" client keeps_alive "$token.$main"

# ---- an order of the second account stands still at the CA ----

wait_for 10 ca_asked challenge 1 || fail "an order gets as far as its challenge"
live_token=$(ca_get /tokens | python3 -c 'import json, sys; print(json.load(sys.stdin)["a.example"])')
other=$(thumbprint other)
check "two accounts have two keys" [ "$main" != "$other" ]
check "a live token is answered with its own account's thumbprint" \
	client is_answered 127.0.0.1 "$live_token" "$live_token.$other"
check "other tokens meanwhile with the first account's" \
	client is_answered 127.0.0.1 $token "$token.$main"

sed -i "s/^http-01:/http-01:\n  answer: live/" "$config"
check "answer: live takes effect by a reload" ctl reload
equal "tokens that are not live are not found then" "$(status_of $token)" 404
check "a live token is still answered" \
	client is_answered 127.0.0.1 "$live_token" "$live_token.$other"
sed -i "/answer: live/d" "$config"
check "answer: any takes effect by a reload" ctl reload
check "then any token is answered again" wait_for 5 \
	client is_answered 127.0.0.1 $token "$token.$main"

# ---- the CA comes for it ----

faults
stop_acmed
start_acmed
wait_for 20 verifies site || fail "the order is resumed" "$(ctl show site)"
check "the CA has seen what it wanted" verifies site
contains "the log says who was answered" "$(acmed_log)" "http-01: answered 127.0.0.1"
equal "the token is no longer live" \
	"$(ca_get /tokens)$(curl -s "http://127.0.0.1:$http_port/.well-known/acme-challenge/$live_token")" \
	"{}$live_token.$main"

# ---- slow ones, and many ----

if [ -r "/proc/$acmed_pid/fd" ]; then
	check "slow clients are dropped after 10 s, and others do not notice" \
		client slow_clients "$acmed_pid" "$token.$main"
	sed 's/^/      /' "$scratch/check.out"
else
	fail "slow clients need root to look at: run it with sudo"
fi
check "many from one address push out each other" client one_address "$token.$main"

# ---- reloads ----

: >"$scratch/asking"
spawn asking python3 "$source_dir/tests/system/http01.py" "$http_port" never_fails \
	"$scratch/asking" "$token.$main"
asking=$spawned
wait_for 5 grep -q begun "$scratch/asking.log"
reloaded() { # TIMES
	[ "$(grep -c "configuration reloaded" "$scratch/acmed.log")" -ge "$1" ]
}
reloads() {
	before=$(grep -c "configuration reloaded" "$scratch/acmed.log")
	for n in $(seq 50); do
		kill -s HUP "$acmed_pid" && wait_for 5 reloaded $((before + n)) || return
	done
}
check "acmed reloads 50 times on SIGHUP" reloads
rm "$scratch/asking"
wait "$asking"
equal "all requests meanwhile are answered as ever" "$?" 0
sed -n 's/.*requests/      &/p' "$scratch/asking.log"
check "acmed stops" stop_acmed

# ---- the port ----

fails_to_start() { # exit status 1, and soon
	timeout 10 "$acmed" -c "$config" >"$scratch/start.log" 2>&1
	started=$?
	cat "$scratch/start.log"
	return $started
}

spawn taken python3 -c "
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', $http_port))
s.listen()
print('taken', flush=True)
time.sleep(600)"
taken=$spawned
wait_for 5 grep -q taken "$scratch/taken.log"
refuse "acmed does not start where another has the port" 1 fails_to_start
contains "it says which, and how to find out more" "$(cat "$scratch/start.log")" \
	"http-01.listen: 127.0.0.1:$http_port is in use by another program; \"ss -ltnp\""
end_child "$taken"

listens_on() { # ADDRESS
	sed -i "s/^  listen: .*/  listen: [\"$1:$http_port\"]/" "$config"
}
reaches() { # HOST
	client is_answered "$1" $token "$token.$main"
}

listens_on 127.0.0.1
start_acmed
check "only IPv4 is configured: it is answered" wait_for 5 reaches 127.0.0.1
if has_ipv6; then
	refuse "and IPv6 is not" 1 reaches ::1
	stop_acmed
	listens_on "[::1]"
	start_acmed
	check "only IPv6 is configured: it is answered" wait_for 5 reaches ::1
	refuse "and IPv4 is not" 1 reaches 127.0.0.1
	stop_acmed
	listens_on "[::]"
	start_acmed
	check "[::] is IPv6 only: it is answered" wait_for 5 reaches ::1
	refuse "and IPv4 is not, so that 0.0.0.0 can stand beside it" 1 reaches 127.0.0.1
fi
stop_acmed
sed -i "s/^  listen: .*/  listen: [\"127.0.0.1:$http_port\", \"192.0.2.1:$http_port\"]/" "$config"
start_acmed
contains "an address that this host has not is a warning where there is another" \
	"$(acmed_log)" "http-01.listen: 192.0.2.1:$http_port: this host does not have that address"
check "which is answered" wait_for 5 reaches 127.0.0.1
stop_acmed
listens_on 192.0.2.1
refuse "where there is no other, acmed does not start" 1 fails_to_start
