#!/bin/sh
# SPDX-License-Identifier: ISC
# Names and addresses are proved by tls-alpn-01: on a port of acmed's own, and behind nginx
# and haproxy that tell connections apart by ALPN. Others are closed without a word, a
# flood of them does not keep a CA away, and what it took is given back. Which ports acmed
# listens on, and when.
#
# Debian packages: haproxy, nginx-light, libnginx-mod-stream, openssl, python3.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

client() { # STEP [WORD...]: of tlsalpn01.py
	python3 "$source_dir/tests/system/tlsalpn01.py" "$tls_port" "$@"
}

issued() { # CERTIFICATE...
	for issued in "$@"; do
		verifies "$issued" || return 1
	done
}

restart_acmed() { # with no certificate, and no account
	[ -z "$acmed_pid" ] || stop_acmed || fail "acmed stops" "exit status $status"
	rm -rf "$state" "$scratch/certs.d" "$scratch/acmed.log"
	write_config
}

listens_on() { # PORT
	both="\"127.0.0.1:$1\""
	! has_ipv6 || both="$both, \"[::1]:$1\""
	config_extra="tls-alpn-01: {listen: [$both]}"
}

is_open() { # PORT
	python3 -c "import socket; socket.create_connection(('127.0.0.1', $1), 5)"
}

own_port=$(free_port) web_port=$(free_port)
addresses=127.0.0.1
! has_ipv6 || addresses="127.0.0.1 ::1"

# ---- a port of its own ----

echo "== names and addresses"
start_pebble PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0
listens_on "$tls_port"
restart_acmed
cert_extra="challenge: tls-alpn-01"
write_cert names a.example www.a.example
# shellcheck disable=SC2086 # a list of words
write_cert addresses $addresses
write_cert same a.example www.a.example
cert_extra="challenge: {h.example: http-01, t.example: tls-alpn-01}"
write_cert mixed h.example t.example
start_acmed
check "names, addresses, names beside such that go by http-01, and the same names twice" \
	wait_for 60 issued names addresses mixed same
contains "the CA was answered about a name" "$(acmed_log)" \
	"about www.a.example"
contains "and about an address" "$(acmed_log)" "tls-alpn-01: answered 127.0.0.1 about 127.0.0.1"
contains "what is for tls-alpn-01 by pattern goes by it" "$(acmed_log)" "about t.example"
contains "and what is for http-01 by that" "$(acmed_log)" "http-01: answered"
lacks "and nothing else" "$(acmed_log)" "about h.example"
lacks "nothing has failed" "$(acmed_log)" "failed"
check "now that nothing is live, whoever comes is closed at once" client is_deaf

echo "== auto"
restart_acmed
sed -i "s/^  listen: .*/  listen: []/" "$config"
cert_extra="challenge: auto"
write_cert auto auto.example
start_acmed
check "auto is tls-alpn-01 where nothing else is listened for" wait_for 30 issued auto
contains "the log says so" "$(acmed_log)" "about auto.example"
stop_acmed

# ---- behind proxies ----

spawn web openssl s_server -quiet -www -accept "127.0.0.1:$web_port" \
	-cert "$scratch/pebble/cert.pem" -key "$scratch/pebble/key.pem" -alpn h2,http/1.1
web=$spawned

write_haproxy() {
	cat >"$scratch/haproxy.cfg" <<-END
	defaults
		mode tcp
		timeout connect 5s
		timeout client 30s
		timeout server 30s
	frontend tls
		$(for address in $addresses; do echo "bind $address:$tls_port"; done)
		tcp-request inspect-delay 5s
		tcp-request content accept if { req.ssl_hello_type 1 }
		use_backend acmed if { req.ssl_alpn acme-tls/1 }
		default_backend web
	backend acmed
		server acmed 127.0.0.1:$own_port
	backend web
		server web 127.0.0.1:$web_port
	END
}

write_nginx() {
	mkdir -p "$scratch/nginx"
	cat >"$scratch/nginx.conf" <<-END
	load_module /usr/lib/nginx/modules/ngx_stream_module.so;
	error_log stderr;
	pid $scratch/nginx/pid;
	events {}
	stream {
		map \$ssl_preread_alpn_protocols \$tls_server {
			acme-tls/1 127.0.0.1:$own_port;
			default    127.0.0.1:$web_port;
		}
		server {
			$(for address in $addresses; do
				case $address in *:*) address="[$address]" ;; esac
				echo "listen $address:$tls_port;"
			done)
			ssl_preread on;
			proxy_pass \$tls_server;
		}
	}
	END
}

behind() { # PROXY COMMAND...
	proxy=$1
	shift
	echo "== behind $proxy"
	program=$(PATH=$PATH:/usr/sbin:/sbin command -v "$proxy") || {
		fail "$proxy is here" "Debian packages: haproxy, nginx-light, libnginx-mod-stream"
		return
	}
	spawn "$proxy" "$program" "$@"
	proxy_pid=$spawned
	wait_for 20 is_open "$tls_port" || fail "$proxy starts" "$(cat "$scratch/$proxy.log")"
	restart_acmed
	write_cert names b.example
	# shellcheck disable=SC2086 # a list of words
	write_cert addresses $addresses
	start_acmed
	check "$proxy: names and addresses are proved" wait_for 30 issued names addresses
	for address in $addresses; do
		check "$proxy: who comes to $address for the web server gets there" \
			client is_routed "$address" b.example http/1.1 "CN = localhost"
	done
	check "$proxy: also who asks for no protocol" \
		client is_routed 127.0.0.1 b.example "" "CN = localhost"
	stop_acmed
	end_child "$proxy_pid"
}

listens_on "$own_port"
cert_extra="challenge: tls-alpn-01"
write_haproxy
behind haproxy -db -f "$scratch/haproxy.cfg"
write_nginx
behind nginx -p "$scratch/nginx" -c "$scratch/nginx.conf" -g "daemon off;"
end_child "$web"
end_child "$pebble_pid"

# ---- an order that stands still at the CA ----

echo "== who else comes"
start_ca
faults '{"at": "challenge", "do": "hang"}'
listens_on "$tls_port"
account_extra="timeout: 10m"
restart_acmed
write_cert live a.example
start_acmed
wait_for 20 ca_asked challenge 1 || fail "an order gets as far as its challenge"
token=$(ca_get /tokens | python3 -c 'import json, sys; print(json.load(sys.stdin)["a.example"])')
thumbprint=$(python3 "$source_dir/tests/system/http01.py" \
	"$state/accounts/main/account.key" thumbprint)
key_authorization=$token.$thumbprint
for address in $addresses; do
	check "a CA gets the certificate over $address" \
		client is_answered "$address" a.example "$key_authorization"
done
check "whoever asks for something else is closed without a word" client others_are_closed a.example

resident() { # of acmed, in KiB
	awk '/^VmRSS/ { print $2 }' "/proc/$acmed_pid/status"
}

has_shrunk() { # TO-KIB
	[ "$(resident)" -le "$1" ]
}

if [ -r "/proc/$acmed_pid/fd" ]; then
	before=$(resident)
	check "a flood of slow ones does not keep a CA away" client flood "$acmed_pid" a.example
	sed 's/^/      /' "$scratch/check.out"
	check "nor do 6000 that come and go" client churn "$acmed_pid" a.example 6000
	sed 's/^/      /' "$scratch/check.out"
	# With sanitizers, what is freed is kept for a while.
	if ! grep -q libasan "/proc/$acmed_pid/maps"; then
		check "what they took is given back" wait_for 10 has_shrunk $((before + 3072))
		echo "      resident: $before KiB before, $(resident) KiB afterwards"
	fi
else
	fail "who has which descriptors is for root to see: run it with sudo"
fi
check "a CA is answered as before" client is_answered 127.0.0.1 a.example "$key_authorization"
check "acmed stops in the middle of it" stop_acmed

# ---- ports ----

echo "== ports"
account_extra= config_extra= cert_extra=
restart_acmed
write_cert other other.example
start_acmed
refuse "nothing listens where nobody wants tls-alpn-01" 1 is_open "$tls_port"
listens_on "$tls_port"
write_config
check "a port that is added by a reload" ctl reload
check "is open from then on" is_open "$tls_port"
listens_on "$own_port"
write_config
check "one that is changed by a reload" ctl reload
contains "is one for the next start" "$(acmed_log)" "tls-alpn-01.listen and log.target has changed"
check "the old one stays open" is_open "$tls_port"
stop_acmed

fails_to_start() { # exit status 1, and soon
	timeout 10 "$acmed" -c "$config" >"$scratch/start.log" 2>&1
	started=$?
	cat "$scratch/start.log"
	return $started
}

occupy() { # PORT
	spawn taken python3 -c "
import socket, time
s = socket.create_server(('127.0.0.1', $1))
print('taken', flush=True)
time.sleep(600)"
	taken=$spawned
	wait_for 5 grep -q taken "$scratch/taken.log"
}

occupy "$own_port"
refuse "acmed does not start where another has a port that it is to listen on" 1 fails_to_start
contains "it says which" "$(cat "$scratch/start.log")" \
	"tls-alpn-01.listen: 127.0.0.1:$own_port is in use by another program"
end_child "$taken"

# What a service manager does; without a name the port is only taken.
cat >"$scratch/pass.py" <<'END'
import os, socket, sys
address, port, name = sys.argv[1:4]
s = socket.create_server((address, int(port)))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
if name:
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
os.execvp(sys.argv[4], sys.argv[4:])
END
faults '{"at": "challenge", "do": "hang"}'
account_extra="timeout: 10m" cert_extra="challenge: tls-alpn-01"
restart_acmed
write_cert live c.example
spawn acmed python3 "$scratch/pass.py" 127.0.0.1 "$tls_port" tls-alpn \
	"$acmed" -c "$config"
acmed_pid=$spawned
asked=$(ca_count challenge)
wait_for 20 ca_asked challenge $((asked + 1)) || fail "an order gets as far as its challenge"
check "a socket that is passed is used" wait_for 5 client ask c.example
refuse "and the configured one is not" 1 is_open "$own_port"
stop_acmed

# ---- port 443, in a network of its own ----

apart=-n
[ "$(id -u)" -eq 0 ] || apart=-rn
account_extra= config_extra=

start_apart() { # [COMMAND...]: that ends as acmed
	# shellcheck disable=SC2086 # words
	spawn acmed unshare $apart sh -c 'ip link set lo up; exec "$@"' apart "$@" \
		"$acmed" -c "$config"
	acmed_pid=$spawned
	wait_for 20 ctl ping || fail "acmed starts"
}

listens_apart() { # how many sockets are on port 443
	cat "/proc/$acmed_pid/net/tcp" "/proc/$acmed_pid/net/tcp6" 2>/dev/null |
		grep -c ':01BB 0*:0000 0A'
}

families=1
[ ! -e /proc/net/if_inet6 ] || families=2
# shellcheck disable=SC2086 # words
if unshare $apart true 2>/dev/null; then
	restart_acmed
	write_cert usual d.example
	start_apart
	equal "a certificate that wants tls-alpn-01 opens port 443" "$(listens_apart)" $families
	stop_acmed
	start_apart python3 "$scratch/pass.py" 0.0.0.0 443 ""
	equal "where a web server has it, acmed starts all the same" "$(listens_apart)" 1
	contains "and says so" "$(acmed_log)" \
		"tls-alpn-01.listen: 0.0.0.0:443 is in use by another program"
	stop_acmed
else
	echo "note: no namespaces here: port 443 is not looked at"
fi
