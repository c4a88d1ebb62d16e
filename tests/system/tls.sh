#!/bin/sh
# SPDX-License-Identifier: ISC
# Which server acmed talks to: whose certificate it takes for a CA's, what it says where it
# does not, and that one connection, over HTTP/2 where the CA has it, is enough.
# shellcheck source=tests/lib/system.sh
. "$(dirname "$0")/../lib/system.sh"

# ---- servers that are not what they should be ----

# shellcheck disable=SC2086 # a list of words
make_leaf() { # NAME SUBJECT-ALT-NAME VALIDITY: below our CA
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
		-keyout "$fakes/$1.key" -out "$fakes/$1.csr" &&
		printf 'subjectAltName=%s\n' "$2" >"$fakes/$1.ext" &&
		openssl x509 -req -in "$fakes/$1.csr" -CA "$fakes/ca.pem" \
			-CAkey "$fakes/ca.key" -CAcreateserial $3 \
			-extfile "$fakes/$1.ext" -out "$fakes/$1.pem"
}

make_fakes() {
	make_tls "$fakes"
	{
		make_leaf good "IP:127.0.0.1" "-days 30"
		# OpenSSL takes one of these, a later one the other.
		make_leaf expired "IP:127.0.0.1" "-days -1" || make_leaf expired "IP:127.0.0.1" \
			"-not_before 20200101000000Z -not_after 20200102000000Z"
		make_leaf elsewhere "DNS:ca.example,IP:192.0.2.1" "-days 30"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
			-subj "/CN=itself" -addext "subjectAltName=IP:127.0.0.1" \
			-keyout "$fakes/itself.key" -out "$fakes/itself.pem"
	} >"$fakes/openssl.log" 2>&1
}

fakes=$scratch/fakes
make_fakes || fail "certificates are made" "$(cat "$fakes/openssl.log")"

# Says "NAME PORT" for each; what comes through is no ACME directory. "old" speaks TLS 1.1.
cat >"$scratch/fakes.py" <<'END'
import http.server, ssl, sys, threading

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print("ASKED", self.server.name, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")
    def log_message(self, *unused):
        pass

for name in ("good", "expired", "elsewhere", "itself", "old"):
    file = sys.argv[1] + "/" + (name if name != "old" else "good")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if name == "old":
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(file + ".pem", file + ".key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.handle_error = lambda *unused: None
    server.name = name
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    print(name, server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
END
spawn fakes python3 -W ignore "$scratch/fakes.py" "$fakes"
wait_for 10 grep -q ready "$scratch/fakes.log" || fail "the servers start" "$(cat "$scratch/fakes.log")"
port_of() { # NAME
	sed -n "s/^$1 //p" "$scratch/fakes.log"
}

account() { # NAME DIRECTORY TRUST-FILE: with a certificate that wants to be issued
	config_extra="$config_extra
  $1:
    directory: $2
    agree-tos: true"
	[ -z "$3" ] || config_extra="$config_extra
    trust: $3"
	cert_extra="account: $1" write_cert "of-$1" "$1.example"
}

start_ca --no-validate
config_extra=
mkdir -p "$scratch/certs.d"
account strange "$directory" ""
account wrong "$directory" "$fakes/ca.pem"
for fake in good expired elsewhere itself old; do
	account $fake "https://127.0.0.1:$(port_of $fake)/dir" "$fakes/ca.pem"
done
write_config
cert_extra="account: main" write_cert site a.example

said_of() { # CERTIFICATE: its last words
	sed -n "s/^of-$1: .*directory //p" "$scratch/acmed.log" | tail -n 1
}
said() { # CERTIFICATE
	[ -n "$(said_of "$1")" ]
}
refused_with() { # CERTIFICATE SENTENCE DESCRIPTION
	wait_for 10 said "$1"
	contains "$3" "$(said_of "$1")" "$2"
}

start_acmed
common="the certificate of 127.0.0.1"
ca_port=${directory%/directory}
ca_port=${ca_port##*:}
refused_with strange "$common:$ca_port cannot be verified: unable to get local issuer certificate (where the CA has a root of its own, name its file under trust:)" \
	"a root that the system does not have is refused, and trust: named"
check "with it, a certificate is issued" wait_for 20 verifies site
refused_with wrong "(its root is neither the system's nor in the file under trust:)" \
	"another root under trust: is not the one"
refused_with good "this is no ACME directory" "what is in order comes through"
refused_with expired "$common:$(port_of expired) cannot be verified: certificate has expired (or the clock of this host is wrong)" \
	"an expired certificate is refused"
refused_with elsewhere "$common:$(port_of elsewhere) cannot be verified: no alternative certificate subject name matches target" \
	"a certificate for another host is refused"
refused_with itself "cannot be verified: self-signed certificate" \
	"a self-signed certificate is refused"
refused_with old "(TLS 1.2 or newer is wanted)" "TLS 1.1 is refused"
equal "only the one in order has seen a request" \
	"$(grep ASKED "$scratch/fakes.log" | sort -u)" "ASKED good"

connections_to_ca() {
	ca_get /log | python3 -c 'import json, sys
print(len({entry["connection"] for entry in json.load(sys.stdin)}))'
}
equal "one connection is enough for an issuance over HTTP/1.1" "$(connections_to_ca)" 1
contains "the log tells of each request" "$(acmed_log)" \
	"http: POST https://127.0.0.1:$ca_port/finalize/0: 200 over HTTP/1.1 in "
stop_acmed

# ---- no TLS ----

plain() { # URL
	sed "s|^    directory: $directory\$|    directory: $1|" "$config" >"$scratch/plain.yaml"
	"$acmed" -n -c "$scratch/plain.yaml"
}
refuse "plain http to a host elsewhere is an error of the configuration" 1 \
	plain http://ca.example/dir
contains "with its place and a way out" "$(cat "$scratch/check.out")" \
	"plain http:// is for loopback addresses only; use https://"
refuse "to an address that is not loopback, too" 1 plain http://192.0.2.1/dir
refuse "to a name that only begins like one, too" 1 plain http://127.0.0.1.example/dir
for host in 127.0.0.1:4000 localhost "[::1]:4000"; do
	check "plain http to $host is allowed" plain "http://$host/dir"
done

# ---- HTTP/2 ----

start_pebble
rm -f "$scratch"/certs.d/*
config_extra=
write_config
cert_extra='' write_cert second b.example www.b.example
: >"$scratch/acmed.log"
to_pebble() { # by local port, whatever has become of them
	ss -Htan "dport = :$pebble_port" | awk '{ print $4 }' | sort
}
to_pebble >"$scratch/before"
start_acmed
check "Pebble issues a certificate" wait_for 20 verifies second
equal "every request was over HTTP/2" \
	"$(acmed_log | grep "^http: " | grep -vc "over HTTP/2")" 0
check "and there were some" grep -q "^http: POST .*: 201 over HTTP/2 in" "$scratch/acmed.log"
to_pebble >"$scratch/after"
equal "one connection is enough for an issuance over HTTP/2" \
	"$(comm -13 "$scratch/before" "$scratch/after" | wc -l)" 1
